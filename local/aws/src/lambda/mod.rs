//! Lambda: functions, their invocations, event source mappings.
//!
//! Code is run by the world's [`crate::FunctionHost`]; which code is the name in the function's
//! `S3Key`: `create-account.zip` and `create-account/bootstrap.zip` both run `create-account`.

mod asynchronous;
mod functions;
mod invoke;
mod mappings;
mod model;
mod poller;
mod settings;

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;

use crate::wire::blob;
use crate::{Access, Aws, AwsError, Call, Caller, InvocationOutcome, State};
use model::{Function, Mapping};

/// The service's state: functions by ARN, mappings by id.
#[derive(Debug, Default)]
pub(crate) struct Lambda {
    functions: BTreeMap<String, Function>,
    mappings: BTreeMap<String, Mapping>,
    /// What Lambda allows by itself, by account and Region.
    concurrency: BTreeMap<(String, String), u32>,
}

/// The ARN of the function that a call names: by name, partial ARN or ARN, a qualifier left out.
fn arn_of(call: &Call) -> String {
    let name = call.opt_text("FunctionName").unwrap_or_default();
    let parts: Vec<&str> = name.split(':').collect();
    match parts.as_slice() {
        ["arn", ..] if parts.len() >= 7 => parts[..7].join(":"),
        [account, "function", name, ..] => {
            format!("arn:aws:lambda:{}:{account}:function:{name}", call.region)
        }
        [name, ..] => format!("arn:aws:lambda:{}:{}:function:{name}", call.region, call.account),
        [] => String::new(),
    }
}

/// The permissions that a call needs.
pub(crate) fn access(state: &State, call: &Call) -> Vec<Access> {
    let action = match call.operation.as_str() {
        "Invoke" => "InvokeFunction",
        other => other,
    };
    let resource = match (call.opt_text("FunctionName"), call.opt_text("UUID")) {
        (_, Some(id)) => {
            format!("arn:aws:lambda:{}:{}:event-source-mapping:{id}", call.region, call.account)
        }
        (Some(_), None) if !call.operation.ends_with("Mapping") => arn_of(call),
        _ => "*".to_owned(),
    };
    let mut accesses = vec![Access::to(format!("lambda:{action}"), resource.clone())];
    if matches!(action, "CreateFunction" | "UpdateFunctionConfiguration")
        && let Some(role) = call.opt_text("Role")
        && state.lambda.functions.get(&resource).is_none_or(|function| function.role != role)
    {
        let pass = Access::to("iam:PassRole", role);
        accesses.push(pass.with("iam:PassedToService", "lambda.amazonaws.com"));
    }
    accesses
}

/// Performs a call.
pub(crate) async fn handle(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    match call.operation.as_str() {
        "Invoke" => invoke::handle(aws, call).await,
        "GetAccountSettings" => Ok(settings::get(aws, call)),
        "CreateEventSourceMapping"
        | "GetEventSourceMapping"
        | "ListEventSourceMappings"
        | "UpdateEventSourceMapping"
        | "DeleteEventSourceMapping" => mappings::handle(aws, call),
        _ => functions::handle(aws, call),
    }
}

/// Invokes a function and waits for its end, as somebody whose permissions are checked.
///
/// # Errors
/// `ResourceNotFoundException` (`Function not found: <ARN>`), `AccessDeniedException`,
/// `TooManyRequestsException` when its concurrency is used up.
pub(crate) async fn invoke(
    aws: &Aws,
    function: &str,
    payload: Bytes,
    caller: &Caller,
) -> Result<InvocationOutcome, AwsError> {
    let parts: Vec<&str> = function.split(':').collect();
    let part = |index: usize| parts.get(index).copied().unwrap_or_default().to_owned();
    let call = Call {
        service: "lambda",
        operation: "Invoke".to_owned(),
        input: serde_json::json!({ "FunctionName": function, "$body": blob(&payload) }),
        caller: caller.clone(),
        account: if caller.account.is_empty() { part(4) } else { caller.account.clone() },
        region: part(3),
    };
    Ok(invoke::outcome(&aws.perform(&call).await?))
}

impl Lambda {
    /// A function's resource policy.
    pub(crate) fn policy(&self, arn: &str) -> Option<String> {
        let function = self.functions.get(arn).filter(|function| !function.policy.is_empty())?;
        let policy = serde_json::json!({ "Version": "2012-10-17", "Statement": function.policy });
        Some(policy.to_string())
    }
}
