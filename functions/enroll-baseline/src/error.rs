//! The function's final errors, and what a refused call means.

use lambda_kit::Named;
use lambda_kit::sdk::{code, is_transient};
use lifecycle::{AccountId, DeadlinePassed, Fault, RegionName, StackSetName, error_names};

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// Why the baseline will not be there without somebody's help.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request does not make sense.
    #[error(transparent)]
    InvalidRequest(#[from] Fault),
    /// The time for onboarding is over.
    #[error(transparent)]
    DeadlinePassed(#[from] DeadlinePassed),
    /// AWS refused a call for lack of permission.
    #[error("{service} {call} is not allowed for account {account_id}: {message}")]
    AccessDenied {
        /// The service.
        service: &'static str,
        /// The call.
        call: &'static str,
        /// The tenant's account, which the call was about.
        account_id: AccountId,
        /// AWS's words.
        message: String,
    },
    /// AWS refused a call for a reason that nobody foresaw.
    #[error("{service} {call} for account {account_id} was refused: {code}: {message}")]
    AwsRefused {
        /// The service.
        service: &'static str,
        /// The call.
        call: &'static str,
        /// The tenant's account, which the call was about.
        account_id: AccountId,
        /// AWS's code.
        code: String,
        /// AWS's words.
        message: String,
    },
    /// A stack instance failed in as many operations as are allowed, or cannot be mended.
    #[error("stack set {stack_set} in account {account_id}, Region {region}: {reason}")]
    BaselineFailed {
        /// The stack set.
        stack_set: StackSetName,
        /// The tenant's account.
        account_id: AccountId,
        /// The Region.
        region: RegionName,
        /// AWS's reason.
        reason: String,
    },
    /// The tier names a stack set that does not exist in the function's account and Region.
    #[error("stack set {stack_set} does not exist here, and account {account_id} needs it")]
    StackSetMissing {
        /// The stack set.
        stack_set: StackSetName,
        /// The tenant's account.
        account_id: AccountId,
    },
}

impl Named for Error {
    fn name(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => error_names::INVALID_REQUEST,
            Self::DeadlinePassed(_) => error_names::DEADLINE_PASSED,
            Self::AccessDenied { .. } => error_names::ACCESS_DENIED,
            Self::AwsRefused { .. } => error_names::AWS_REFUSED,
            Self::BaselineFailed { .. } => "BaselineFailed",
            Self::StackSetMissing { .. } => "StackSetMissing",
        }
    }
}

impl Error {
    /// The names of all variants, as the machines know them.
    pub const NAMES: [&'static str; 6] = [
        error_names::INVALID_REQUEST,
        error_names::DEADLINE_PASSED,
        error_names::ACCESS_DENIED,
        error_names::AWS_REFUSED,
        "BaselineFailed",
        "StackSetMissing",
    ];
}

/// Why a step ends early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It may go on later, for this reason.
    Later(String),
    /// It will not.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// A call of this function.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) service: &'static str,
    pub(crate) name: &'static str,
    pub(crate) account_id: &'a AccountId,
}

impl Call<'_> {
    /// What a failure that has no meaning of its own stops.
    pub(crate) fn stop<E>(self, error: &SdkError<E, HttpResponse>) -> Stop
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let Self { service, name: call, account_id } = self;
        let code = code(error).unwrap_or("no answer").to_owned();
        if is_transient(error) || code == "ConcurrentModificationException" {
            return Stop::Later(format!("{service} {call} answers {code}"));
        }
        let message = match error.as_service_error().and_then(ProvideErrorMetadata::message) {
            Some(message) => message.to_owned(),
            None => lambda_kit::chain(error),
        };
        let account_id = account_id.clone();
        Stop::Failed(match code.as_str() {
            "AccessDenied" | "AccessDeniedException" => {
                Error::AccessDenied { service, call, account_id, message }
            }
            _ => Error::AwsRefused { service, call, account_id, code, message },
        })
    }
}
