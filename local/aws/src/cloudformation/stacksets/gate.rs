//! The account gate: a function of a literal name in the account and Region is asked first.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-account-gating.html>
//!
//! AWS documents what the function may answer, and that a missing function, or a role that may
//! not invoke it, lets the operation go on. It documents neither the event nor the answer's
//! form: here the event is `{}`, the answer an object with `Status`, and everything else (an
//! error, a time-out, an answer without one of the two words) is `FAILED`.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::instance::Work;
use super::model::Gate;
use crate::{Aws, AwsError, Caller, InvocationOutcome};

const FUNCTION: &str = "AWSCloudFormationStackSetAccountGate";

/// What stands in errors that mean: the role may not, or the account's services do not yet.
const NOT_ALLOWED: [&str; 3] =
    ["AccessDeniedException", "SubscriptionRequiredException", "OptInRequired"];

/// Asks the gate as the execution role.
pub(super) async fn ask(aws: &Aws, work: &Work, caller: &Caller) -> Gate {
    let gate = |status, reason: Option<String>| Gate { status, reason: reason.map(Arc::from) };
    let asks =
        !work.service_managed || aws.lock().cloudformation.stack_sets.options.gates_service_managed;
    if !asks {
        let reason = "Account gates are not asked for service-managed stack sets";
        return gate("SKIPPED", Some(reason.to_owned()));
    }
    let (account, region) = &work.place;
    let arn = format!("arn:aws:lambda:{region}:{account}:function:{FUNCTION}");
    match crate::lambda::invoke(aws, &arn, Bytes::from_static(b"{}"), caller).await {
        Ok(InvocationOutcome::Answered(payload)) => judge(&payload),
        Ok(InvocationOutcome::Failed { error, .. }) => {
            gate("FAILED", Some(format!("{FUNCTION} failed: {error}")))
        }
        Err(error) if error.code == "ResourceNotFoundException" => {
            gate("SKIPPED", Some(format!("Function not found: {arn}")))
        }
        Err(error) if NOT_ALLOWED.contains(&error.code.as_str()) => {
            gate("SKIPPED", Some(error.message))
        }
        Err(AwsError { code, message, .. }) => {
            gate("FAILED", Some(format!("{FUNCTION} could not be invoked: {code}: {message}")))
        }
    }
}

fn judge(payload: &[u8]) -> Gate {
    let answer: Option<Value> = serde_json::from_slice(payload).ok();
    let status = answer.as_ref().and_then(|answer| answer.get("Status")).and_then(Value::as_str);
    match status {
        Some("SUCCEEDED") => Gate { status: "SUCCEEDED", reason: None },
        Some("FAILED") => {
            Gate { status: "FAILED", reason: Some(format!("{FUNCTION} returned FAILED").into()) }
        }
        _ => {
            let text: String = String::from_utf8_lossy(payload).chars().take(200).collect();
            let reason = format!("{FUNCTION} returned neither SUCCEEDED nor FAILED: {text}");
            Gate { status: "FAILED", reason: Some(reason.into()) }
        }
    }
}
