//! Where and as whom a resource is made.

use serde_json::Value;

use super::providers;
use crate::{Aws, AwsError, Call, Caller, Principal};

/// Where and as whom a resource is made.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) aws: &'a Aws,
    /// Whether the service's rates hold, and its provider's retries.
    pub(crate) by_provider: bool,
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    pub(crate) stack_name: &'a str,
    /// The logical id.
    pub(crate) id: &'a str,
    /// Whose permissions are needed.
    pub(crate) caller: &'a Caller,
    /// Which code a function runs, where the template's metadata says so.
    pub(crate) code: Option<String>,
}

impl Context<'_> {
    /// Performs a call of a service in the stack's account and Region.
    pub(crate) async fn call(
        &self,
        service: &'static str,
        operation: &str,
        input: Value,
    ) -> Result<Value, AwsError> {
        let global = matches!(service, "iam" | "organizations");
        let call = Call {
            service,
            operation: operation.to_owned(),
            input,
            caller: self.caller.clone(),
            account: self.account.to_owned(),
            region: if global { "us-east-1" } else { self.region }.to_owned(),
        };
        if !self.by_provider {
            return self.aws.perform(&call).await;
        }
        // Nobody counts the calls of a service: these are CloudFormation's, for an administrator.
        let mut call = call;
        if matches!(call.caller.principal, Principal::Service(_)) {
            call.caller = Caller {
                account: self.account.to_owned(),
                arn: format!("arn:aws:iam::{}:root", self.account),
                principal: Principal::Administrator,
            };
        }
        providers::perform(self.aws, &call).await
    }

    /// A name as CloudFormation generates it: stack, logical id and 12 random characters.
    pub(crate) fn generated_name(&self, longest: usize) -> String {
        const SUFFIX: usize = 12;
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        let suffix: String = self.aws.random(|random| {
            (0..SUFFIX).map(|_| char::from(ALPHABET[random.usize(..ALPHABET.len())])).collect()
        });
        let room = longest.saturating_sub(SUFFIX + 2);
        let id: String = self.id.chars().take(room / 2).collect();
        let stack: String = self.stack_name.chars().take(room - id.len()).collect();
        format!("{stack}-{id}-{suffix}")
    }

    /// The given name, or a generated one.
    pub(crate) fn name(&self, properties: &Value, member: &str, longest: usize) -> String {
        super::scalar(properties, member).unwrap_or_else(|| self.generated_name(longest))
    }

    /// An ARN in the stack's account and Region.
    pub(crate) fn arn(&self, service: &str, rest: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{rest}", self.region, self.account)
    }
}
