//! How an invocation ended, in the words in which Lambda reports it.
//!
//! Lambda answers an invocation whose function failed with status 200, the header
//! `X-Amz-Function-Error: Unhandled` and a JSON document; Step Functions takes the document's
//! `errorType` for the name of the error and the whole document for its cause.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

/// The largest request of a synchronous invocation, in bytes (6 MB).
pub const MAX_REQUEST_BYTES: usize = 6_291_456;
/// The largest answer: Lambda's own message names 100 bytes more than for a request.
pub const MAX_RESPONSE_BYTES: usize = 6_291_556;

/// The end of one invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The function answered.
    Answered(Bytes),
    /// The function reported an error, or its answer was too large.
    FunctionError {
        /// The name that it reported.
        error_type: String,
        /// The text that it reported.
        message: String,
        /// The document as the function sent it.
        payload: Bytes,
    },
    /// The function did not answer within its time-out; its process was killed.
    TimedOut {
        /// The time-out.
        after: Duration,
        /// `Sandbox.Timedout`.
        payload: Bytes,
    },
    /// The process ended before it answered.
    Crashed {
        /// `exit status 1`, `signal: 9`, or nothing for an exit with status 0.
        exit: String,
        /// `Runtime.ExitError`.
        payload: Bytes,
    },
    /// The process could not start, ended, or reported an error before it asked for work.
    InitFailed {
        /// The name that it reported, or `Runtime.ExitError`, `Runtime.InvalidEntrypoint`,
        /// `Sandbox.Timedout`.
        error_type: String,
        /// Why.
        message: String,
        /// Both, as JSON.
        payload: Bytes,
    },
    /// Lambda did not accept the invocation: the caller gets an error of the Invoke API.
    Refused {
        /// The HTTP status of Lambda's answer.
        status: u16,
        /// The exception's name, for example `RequestTooLargeException`.
        code: &'static str,
        /// Why.
        message: String,
    },
}

impl Outcome {
    /// The name under which Step Functions sees the failure; nothing when the function answered.
    pub fn error_name(&self) -> Option<&str> {
        match self {
            Self::Answered(_) => None,
            Self::FunctionError { error_type, .. } | Self::InitFailed { error_type, .. } => {
                Some(error_type)
            }
            Self::TimedOut { .. } => Some(TIMED_OUT),
            Self::Crashed { .. } => Some(EXIT_ERROR),
            Self::Refused { code, .. } => Some(code),
        }
    }

    /// The body of the Invoke API's answer. For a refusal, the body of its error.
    pub fn payload(&self) -> Bytes {
        match self {
            Self::Answered(payload)
            | Self::FunctionError { payload, .. }
            | Self::TimedOut { payload, .. }
            | Self::Crashed { payload, .. }
            | Self::InitFailed { payload, .. } => payload.clone(),
            Self::Refused { message, .. } => json_bytes(&json!({ "Message": message })),
        }
    }

    /// The value of the header `X-Amz-Function-Error`, when the function failed.
    pub fn function_error(&self) -> Option<&'static str> {
        match self {
            Self::Answered(_) | Self::Refused { .. } => None,
            _ => Some("Unhandled"),
        }
    }

    pub(crate) fn function_error_from(error_type: String, message: String) -> Self {
        let payload = error_payload(&error_type, &message);
        Self::FunctionError { error_type, message, payload }
    }

    pub(crate) fn response_too_large() -> Self {
        Self::function_error_from(
            "Function.ResponseSizeTooLarge".to_owned(),
            format!(
                "Response payload size exceeded maximum allowed payload size \
                 ({MAX_RESPONSE_BYTES} bytes)."
            ),
        )
    }

    pub(crate) fn request_too_large() -> Self {
        Self::Refused {
            status: 413,
            code: "RequestTooLargeException",
            message: format!(
                "Request must be smaller than {MAX_REQUEST_BYTES} bytes for the InvokeFunction \
                 operation"
            ),
        }
    }

    pub(crate) fn timed_out(request_id: &str, after: Duration) -> Self {
        let message = format!(
            "RequestId: {request_id} Error: Task timed out after {:.2} seconds",
            after.as_secs_f64()
        );
        Self::TimedOut { after, payload: error_payload(TIMED_OUT, &message) }
    }

    pub(crate) fn crashed(request_id: &str, exit: String) -> Self {
        let payload = error_payload(EXIT_ERROR, &exit_message(request_id, &exit));
        Self::Crashed { exit, payload }
    }

    pub(crate) fn init_exited(request_id: &str, exit: &str) -> Self {
        Self::init_failed(EXIT_ERROR.to_owned(), exit_message(request_id, exit))
    }

    pub(crate) fn init_timed_out(request_id: &str, after: Duration) -> Self {
        let seconds = after.as_secs_f64();
        Self::init_failed(
            TIMED_OUT.to_owned(),
            format!(
                "RequestId: {request_id} Error: the function did not ask for work within \
                 {seconds:.2} seconds of its start"
            ),
        )
    }

    pub(crate) fn not_started(request_id: &str, binary: &str, error: &std::io::Error) -> Self {
        Self::init_failed(
            "Runtime.InvalidEntrypoint".to_owned(),
            format!("RequestId: {request_id} Error: fork/exec {binary}: {error}"),
        )
    }

    pub(crate) fn init_failed(error_type: String, message: String) -> Self {
        let payload = error_payload(&error_type, &message);
        Self::InitFailed { error_type, message, payload }
    }

    pub(crate) fn shut_down() -> Self {
        Self::Refused {
            status: 503,
            code: "ServiceException",
            message: "the function host has been shut down".to_owned(),
        }
    }
}

const TIMED_OUT: &str = "Sandbox.Timedout";
const EXIT_ERROR: &str = "Runtime.ExitError";

fn exit_message(request_id: &str, exit: &str) -> String {
    if exit.is_empty() {
        format!("RequestId: {request_id} Error: Runtime exited without providing a reason")
    } else {
        format!("RequestId: {request_id} Error: Runtime exited with error: {exit}")
    }
}

fn error_payload(error_type: &str, message: &str) -> Bytes {
    json_bytes(&json!({ "errorType": error_type, "errorMessage": message }))
}

fn json_bytes(value: &serde_json::Value) -> Bytes {
    Bytes::from(value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_out_reads_as_lambda_reports_it() {
        let outcome = Outcome::timed_out("7d0e", Duration::from_secs(3));
        assert_eq!(
            outcome.payload(),
            r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: 7d0e Error: Task timed out after 3.00 seconds"}"#
        );
        assert_eq!(outcome.error_name(), Some("Sandbox.Timedout"));
        assert_eq!(outcome.function_error(), Some("Unhandled"));
    }

    #[test]
    fn a_crash_reads_as_lambda_reports_it() {
        let outcome = Outcome::crashed("7d0e", "exit status 1".to_owned());
        assert_eq!(
            outcome.payload(),
            r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: 7d0e Error: Runtime exited with error: exit status 1"}"#
        );
        let quiet = Outcome::crashed("7d0e", String::new());
        assert!(quiet.payload().ends_with(br#"Runtime exited without providing a reason"}"#));
    }

    #[test]
    fn a_refusal_is_not_a_function_error() {
        let outcome = Outcome::request_too_large();
        assert_eq!(outcome.function_error(), None);
        assert_eq!(outcome.error_name(), Some("RequestTooLargeException"));
    }
}
