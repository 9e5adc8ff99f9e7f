//! Everything final that `audit-fleet` can answer, and the names by which the machines and the runbook
//! know it.

use lambda_kit::Named;
use lambda_kit::sdk::{Refusal, Trouble};
use lifecycle::{DeadlinePassed, Fault, error_names};

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is not one that this function understands.
    #[error("the request can not be read")]
    InvalidRequest(#[from] Fault),
    /// There is no time left.
    #[error("{subject}")]
    DeadlinePassed {
        /// What it was about.
        subject: String,
        /// What was waited for.
        #[source]
        source: DeadlinePassed,
    },
    /// Landlord's own role lacks a permission.
    #[error("{subject}: the function's role may not do this")]
    AccessDenied {
        /// What it was about.
        subject: String,
        /// What AWS said.
        #[source]
        refusal: Refusal,
    },
    /// AWS refused for a reason that nobody foresaw.
    #[error("{subject}")]
    AwsRefused {
        /// What it was about.
        subject: String,
        /// What AWS said.
        #[source]
        refusal: Refusal,
    },
}

impl Named for Error {
    fn name(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => error_names::INVALID_REQUEST,
            Self::DeadlinePassed { .. } => error_names::DEADLINE_PASSED,
            Self::AccessDenied { .. } => error_names::ACCESS_DENIED,
            Self::AwsRefused { .. } => error_names::AWS_REFUSED,
        }
    }
}

/// The names of all errors of this function.
pub const ERROR_NAMES: [&str; 4] = [
    error_names::INVALID_REQUEST,
    error_names::DEADLINE_PASSED,
    error_names::ACCESS_DENIED,
    error_names::AWS_REFUSED,
];

/// Why a step ends early.
#[derive(Debug)]
pub(crate) enum Halt {
    /// It may go on later, for this reason.
    Wait(String),
    /// It will not.
    Fail(Error),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Fail(error)
    }
}

/// What a call without an answer means for a step that is about `subject`.
pub(crate) fn halt(subject: &dyn std::fmt::Display, trouble: Trouble) -> Halt {
    match trouble {
        Trouble::Passing(refusal) => Halt::Wait(refusal.to_string()),
        Trouble::Refused(refusal) => {
            let subject = subject.to_string();
            Halt::Fail(if refusal.is_denial() {
                Error::AccessDenied { subject, refusal }
            } else {
                Error::AwsRefused { subject, refusal }
            })
        }
    }
}
