//! The function's final errors, and what a refused call means.

use jiff::Timestamp;
use lambda_kit::Named;
use lambda_kit::sdk::{Refusal, Trouble, code, is_transient};
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
    /// The stack set's own settings would take the instance away again, or are not supported.
    #[error(
        "stack set {stack_set} is no part of a baseline, and account {account_id} needs it: {reason}"
    )]
    StackSetUnsuitable {
        /// The stack set.
        stack_set: StackSetName,
        /// The tenant's account.
        account_id: AccountId,
        /// Why.
        reason: String,
    },
    /// The tenant left after it had signed up: not a failure, and its onboarding ends as left.
    #[error("the tenant of account {account_id} left at {left_at}, after its signup")]
    TenantLeft {
        /// The account.
        account_id: AccountId,
        /// When it left.
        left_at: Timestamp,
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
            Self::StackSetUnsuitable { .. } => "StackSetUnsuitable",
            Self::TenantLeft { .. } => error_names::TENANT_LEFT,
        }
    }
}

impl Error {
    /// The names of all variants, as the machines know them.
    pub const NAMES: [&'static str; 8] = [
        error_names::INVALID_REQUEST,
        error_names::DEADLINE_PASSED,
        error_names::ACCESS_DENIED,
        error_names::AWS_REFUSED,
        "BaselineFailed",
        "StackSetMissing",
        "StackSetUnsuitable",
        error_names::TENANT_LEFT,
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

impl Stop {
    /// What a call of another crate has met.
    pub(crate) fn of(trouble: Trouble, account_id: &AccountId) -> Self {
        match trouble {
            Trouble::Passing(refusal) => {
                let Refusal { service, call, code, .. } = refusal;
                Self::Later(format!("{service} {call} answers {code}"))
            }
            Trouble::Refused(refusal) => {
                let is_denial = refusal.is_denial();
                let Refusal { service, call, code, message } = refusal;
                let (account_id, message) = (account_id.clone(), message.into());
                Self::Failed(if is_denial {
                    Error::AccessDenied { service, call, account_id, message }
                } else {
                    let code = code.into();
                    Error::AwsRefused { service, call, account_id, code, message }
                })
            }
        }
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
