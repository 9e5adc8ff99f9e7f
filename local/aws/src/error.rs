//! An AWS error as every wire format can say it.

use serde_json::{Map, Value};

/// Whose fault an error is; decides `Sender`/`Receiver` in query answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The caller's (4xx).
    Client,
    /// AWS's (5xx).
    Server,
}

/// An error answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct AwsError {
    /// AWS's error code, such as `ConcurrentModificationException`.
    pub code: String,
    /// AWS's text.
    pub message: String,
    /// The HTTP status.
    pub status: u16,
    /// More members of the error's body, such as `Reason`.
    pub members: Box<Map<String, Value>>,
}

impl AwsError {
    /// A client error with HTTP status 400.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), status: 400, members: Box::default() }
    }

    /// The same error with another HTTP status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The same error with one more member in its body.
    #[must_use]
    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// `ValidationException`; query services spell it `ValidationError`, which the wire does.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    /// The caller may not: names caller, action and resource as AWS does.
    pub fn access_denied(caller: &str, action: &str, resource: &str, why: &str) -> Self {
        Self::new(
            "AccessDeniedException",
            format!(
                "User: {caller} is not authorized to perform: {action} on resource: {resource} {why}"
            ),
        )
    }

    /// The stand-in does not know the call: an error that names it, never a guess.
    pub fn unknown_operation(service: &str, operation: &str) -> Self {
        Self::new(
            "UnknownOperationException",
            format!("the local AWS does not know the call {service}:{operation}"),
        )
        .status(501)
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        if self.status >= 500 { Fault::Server } else { Fault::Client }
    }
}
