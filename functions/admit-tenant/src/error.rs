//! What keeps a message from being answered, and whether the message or the world is at fault.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use lambda_kit::Named;
use lambda_kit::sdk::{Trouble, code, is_transient};
use lifecycle::{Fault, Faults, error_names};

use crate::decide::{Blame, Reason};

/// What keeps a message from being answered. Only `InvalidRequest` leaves the function: all
/// others are the fate of one message.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The function was not called with messages of a queue.
    #[error(transparent)]
    InvalidRequest(#[from] Fault),
    /// The tiers are wrong: an operator's fault, so signups wait until it is mended.
    #[error("the tiers in parameter {parameter} are not valid: {faults}")]
    TiersInvalid {
        /// The SSM parameter.
        parameter: String,
        /// Every fault.
        faults: Faults,
    },
    /// AWS refused a call for lack of permission.
    #[error("{service} {call} is not allowed: {message}")]
    AccessDenied {
        /// The service.
        service: &'static str,
        /// The call.
        call: &'static str,
        /// AWS's words.
        message: String,
    },
    /// AWS refused a call for a reason that nobody foresaw.
    #[error("{service} {call} was refused: {code}: {message}")]
    AwsRefused {
        /// The service.
        service: &'static str,
        /// The call.
        call: &'static str,
        /// AWS's code.
        code: String,
        /// AWS's words.
        message: String,
    },
    /// A throttle, an outage, or a race that somebody else won.
    #[error("{service} {call} has to be repeated: {reason}")]
    TryAgain {
        /// The service.
        service: &'static str,
        /// The call.
        call: &'static str,
        /// What was in the way.
        reason: String,
    },
    /// The message is no event from the bus.
    #[error("the message is not a signup event: {0}")]
    NotAnEvent(String),
    /// The tenant's execution succeeded, and what it said of its outcome can't be read.
    #[error("the outcome of {execution_arn} cannot be told again: {fault}")]
    OutcomeUnreadable {
        /// The execution.
        execution_arn: String,
        /// What is wrong with it.
        fault: Fault,
    },
    /// Step Functions refuses this document or name, and would refuse it again.
    #[error("Step Functions does not take the execution {name}: {message}")]
    ExecutionRefused {
        /// The execution's name.
        name: String,
        /// AWS's words.
        message: String,
    },
    /// EventBridge refuses this answer, and would refuse it again.
    #[error("EventBridge does not take the answer {answer}: {code}: {message}")]
    AnswerRefused {
        /// The answer's detail type.
        answer: &'static str,
        /// AWS's code.
        code: String,
        /// AWS's words.
        message: String,
    },
    /// The message broke the function.
    #[error("the message made the function panic: {0}")]
    Panicked(String),
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Passing(refusal) => Self::TryAgain {
                service: refusal.service,
                call: refusal.call,
                reason: refusal.code.into(),
            },
            Trouble::Refused(refusal) if refusal.is_denial() => Self::AccessDenied {
                service: refusal.service,
                call: refusal.call,
                message: refusal.message.into(),
            },
            Trouble::Refused(refusal) => Self::AwsRefused {
                service: refusal.service,
                call: refusal.call,
                code: refusal.code.into(),
                message: refusal.message.into(),
            },
        }
    }
}

impl Named for Error {
    fn name(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => error_names::INVALID_REQUEST,
            Self::TiersInvalid { .. } => "TiersInvalid",
            Self::AccessDenied { .. } => error_names::ACCESS_DENIED,
            Self::AwsRefused { .. } => error_names::AWS_REFUSED,
            Self::TryAgain { .. } => "TryAgain",
            Self::NotAnEvent(_) => "NotAnEvent",
            Self::OutcomeUnreadable { .. } => "OutcomeUnreadable",
            Self::ExecutionRefused { .. } => "ExecutionRefused",
            Self::AnswerRefused { .. } => "AnswerRefused",
            Self::Panicked(_) => "Panicked",
        }
    }
}

impl Error {
    /// The names of all variants.
    pub const NAMES: [&'static str; 10] = [
        error_names::INVALID_REQUEST,
        "TiersInvalid",
        error_names::ACCESS_DENIED,
        error_names::AWS_REFUSED,
        "TryAgain",
        "NotAnEvent",
        "OutcomeUnreadable",
        "ExecutionRefused",
        "AnswerRefused",
        "Panicked",
    ];

    /// Whose the error is: of what is the message's own, waiting changes nothing, and only holds
    /// up the signups behind it.
    pub fn blame(&self) -> Blame {
        match self {
            Self::NotAnEvent(_)
            | Self::OutcomeUnreadable { .. }
            | Self::ExecutionRefused { .. }
            | Self::AnswerRefused { .. }
            | Self::InvalidRequest(_)
            | Self::Panicked(_) => Blame::Message,
            Self::TiersInvalid { .. } => Blame::World(Reason::TiersInvalid),
            Self::AccessDenied { .. } => Blame::World(Reason::AccessDenied),
            Self::AwsRefused { call, code, .. } => match (*call, code.as_str()) {
                (
                    "StartExecution",
                    "StateMachineDoesNotExist" | "StateMachineDeleting" | "InvalidArn",
                ) => Blame::World(Reason::AwsRefused),
                // The record of this message's tenant is none.
                ("GetObject" | "PutObject", "NotARecord" | "NotText" | "NotJson") => {
                    Blame::PerhapsMessage(Reason::AwsRefused)
                }
                // These say what the message says; all other calls only read or name what is
                // Landlord's.
                ("StartExecution" | "PutEvents", _) => Blame::PerhapsMessage(Reason::AwsRefused),
                _ => Blame::World(Reason::AwsRefused),
            },
            Self::TryAgain { .. } => Blame::World(Reason::TryAgain),
        }
    }
}

/// A call of this function.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    pub(crate) service: &'static str,
    pub(crate) name: &'static str,
}

impl Call {
    /// The error behind a failure that has no meaning of its own.
    pub(crate) fn error<E>(self, error: &SdkError<E, HttpResponse>) -> Error
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let Self { service, name: call } = self;
        let code = code(error).unwrap_or("no answer");
        if is_transient(error) {
            return self.try_again(code);
        }
        let message = words(error);
        match code {
            "AccessDenied" | "AccessDeniedException" => {
                Error::AccessDenied { service, call, message }
            }
            _ => Error::AwsRefused { service, call, code: code.to_owned(), message },
        }
    }

    pub(crate) fn try_again(self, reason: impl Into<String>) -> Error {
        Error::TryAgain { service: self.service, call: self.name, reason: reason.into() }
    }
}

/// AWS's own words, or the chain of what kept them away.
pub(crate) fn words<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match error.as_service_error().and_then(ProvideErrorMetadata::message) {
        Some(message) => message.to_owned(),
        None => lambda_kit::chain(error),
    }
}
