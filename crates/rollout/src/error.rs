//! What ends a step of any function of a roll-out.

use std::error::Error as StdError;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use lambda_kit::Named;
use lambda_kit::sdk::{Refusal, is_transient};
use lifecycle::{DeadlinePassed, Fault, StackSetName, error_names};

/// The errors that all functions of a roll-out have in common.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request does not make sense.
    #[error(transparent)]
    InvalidRequest(#[from] Fault),
    /// The plan's time is over.
    #[error(transparent)]
    DeadlinePassed(#[from] DeadlinePassed),
    /// AWS refused a call for lack of permission.
    #[error("{about}")]
    AccessDenied {
        /// What the call was about.
        about: String,
        /// What AWS said.
        #[source]
        refusal: Refusal,
    },
    /// AWS refused a call for a reason that nobody foresaw.
    #[error("{about}")]
    AwsRefused {
        /// What the call was about.
        about: String,
        /// What AWS said.
        #[source]
        refusal: Refusal,
    },
    /// The stack set does not exist in the function's account and Region.
    #[error("stack set {stack_set} does not exist here")]
    StackSetMissing {
        /// The stack set.
        stack_set: StackSetName,
    },
    /// A file of the roll-out is not there, or is not what Landlord wrote.
    #[error("the roll-out's file {key} {fault}")]
    RolloutFilesDamaged {
        /// Its key in the bucket.
        key: String,
        /// What is wrong with it.
        fault: String,
    },
}

impl Named for Error {
    fn name(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => error_names::INVALID_REQUEST,
            Self::DeadlinePassed(_) => error_names::DEADLINE_PASSED,
            Self::AccessDenied { .. } => error_names::ACCESS_DENIED,
            Self::AwsRefused { .. } => error_names::AWS_REFUSED,
            Self::StackSetMissing { .. } => "StackSetMissing",
            Self::RolloutFilesDamaged { .. } => "RolloutFilesDamaged",
        }
    }
}

impl Error {
    /// The names of all of them.
    pub const NAMES: [&'static str; 6] = [
        error_names::INVALID_REQUEST,
        error_names::DEADLINE_PASSED,
        error_names::ACCESS_DENIED,
        error_names::AWS_REFUSED,
        "StackSetMissing",
        "RolloutFilesDamaged",
    ];
}

/// Why a step ends early.
#[derive(Debug)]
pub enum Stop {
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

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Failed(Error::InvalidRequest(fault))
    }
}

impl Stop {
    /// What a failed call stops: whatever passes by itself is a wait.
    pub fn of<E>(
        service: &'static str,
        call: &'static str,
        about: impl Into<String>,
        error: &SdkError<E, HttpResponse>,
    ) -> Self
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let refusal = Refusal::of(service, call, error);
        let about = about.into();
        if is_transient(error) {
            Self::Later(format!("{about}: {refusal}"))
        } else if refusal.is_denial() {
            Self::Failed(Error::AccessDenied { about, refusal })
        } else {
            Self::Failed(Error::AwsRefused { about, refusal })
        }
    }
}
