//! What Lambda says of an account: its limits and what it uses of them.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_GetAccountSettings.html>

use serde_json::{Value, json};

use crate::{Aws, Call};

/// What a function's code may have, in bytes: unzipped, zipped, and all of an account's.
const UNZIPPED: u64 = 262_144_000;
const ZIPPED: u64 = 52_428_800;
const ALL: u64 = 80_530_636_800;

impl Aws {
    /// Lets an account have so many executions at a time in a Region, whatever Service Quotas says
    /// of it: new accounts may have fewer.
    pub fn limit_concurrency(&self, (account, region): (&str, &str), executions: u32) {
        let place = (account.to_owned(), region.to_owned());
        self.lock().lambda.concurrency.insert(place, executions);
    }
}

/// `GetAccountSettings`.
pub(super) fn get(aws: &Aws, call: &Call) -> Value {
    let state = aws.lock();
    let place = (call.account.clone(), call.region.clone());
    let limited = state.lambda.concurrency.get(&place).copied();
    let executions = limited.unwrap_or_else(|| state.servicequotas.concurrency(call));
    let prefix = format!("arn:aws:lambda:{}:{}:function:", call.region, call.account);
    let own = state.lambda.functions.iter().filter(|(arn, _)| arn.starts_with(&prefix));
    let (count, reserved) = own.fold((0_u64, 0_u32), |(count, reserved), (_, function)| {
        (count + 1, reserved + function.reserved.unwrap_or_default())
    });
    json!({
        "AccountLimit": {
            "TotalCodeSize": ALL,
            "CodeSizeUnzipped": UNZIPPED,
            "CodeSizeZipped": ZIPPED,
            "ConcurrentExecutions": executions,
            "UnreservedConcurrentExecutions": executions.saturating_sub(reserved),
        },
        "AccountUsage": { "TotalCodeSize": 0, "FunctionCount": count },
    })
}
