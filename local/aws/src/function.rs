//! How the stand-in runs Lambda functions: somebody else does it for it.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;

/// One call of one function.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The function's ARN.
    pub function_arn: String,
    /// The function's name.
    pub function_name: String,
    /// The account it stands in.
    pub account: String,
    /// The Region it stands in.
    pub region: String,
    /// Which code runs: the folder under `functions/`, such as `create-account`.
    pub code: String,
    /// Its environment, credentials of its role included (`AWS_ACCESS_KEY_ID`, …).
    pub environment: BTreeMap<String, String>,
    /// Its time-out.
    pub timeout: Duration,
    /// Its memory in MB.
    pub memory_mb: u32,
    /// The invocation's request id.
    pub request_id: String,
    /// The payload.
    pub payload: Bytes,
}

/// How an invocation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvocationOutcome {
    /// The function's answer.
    Answered(Bytes),
    /// The function reported an error, crashed or timed out.
    Failed {
        /// The error's name as Step Functions sees it: the function's `errorType`, or
        /// `Sandbox.Timedout`, `Runtime.ExitError`.
        error: String,
        /// The payload that Invoke answers with `X-Amz-Function-Error: Unhandled`.
        payload: Bytes,
    },
}

/// Runs functions: real processes in real time, the libraries in virtual time.
pub trait FunctionHost: Send + Sync {
    /// Runs one invocation to its end.
    fn invoke(&self, invocation: Invocation) -> BoxFuture<'static, InvocationOutcome>;
}
