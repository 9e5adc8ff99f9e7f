//! Everything final that `retire-tenant` can answer, and the names by which the machines and the runbook
//! know it.

use lambda_kit::Named;
use lambda_kit::sdk::{Refusal, Trouble};
use lifecycle::{AccountId, DeadlinePassed, Fault, ParentId, TenantId, error_names};

/// Why the tenant's account is neither retired nor brought back.
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
    /// The account has stood for two minutes where this must not take it from.
    #[error("account {account} stands in {found}, {why}")]
    UnexpectedOrganizationalUnit {
        /// The account.
        account: AccountId,
        /// Where it stands.
        found: ParentId,
        /// What is wrong with that.
        why: &'static str,
    },
    /// The account is not the tenant's.
    #[error("account {account} belongs to {}, not to tenant {tenant}", .found.as_deref().unwrap_or("nobody"))]
    TenantMismatch {
        /// The account.
        account: AccountId,
        /// The tenant of the event.
        tenant: TenantId,
        /// The tenant that its tag names.
        found: Option<String>,
    },
    /// There is no such account in the organization.
    #[error("account {account} is not in the organization")]
    AccountNotFound {
        /// The account.
        account: AccountId,
    },
}

impl Named for Error {
    fn name(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => error_names::INVALID_REQUEST,
            Self::DeadlinePassed { .. } => error_names::DEADLINE_PASSED,
            Self::AccessDenied { .. } => error_names::ACCESS_DENIED,
            Self::AwsRefused { .. } => error_names::AWS_REFUSED,
            Self::UnexpectedOrganizationalUnit { .. } => "UnexpectedOrganizationalUnit",
            Self::TenantMismatch { .. } => "TenantMismatch",
            Self::AccountNotFound { .. } => "AccountNotFound",
        }
    }
}

/// The names of all errors of this function.
pub const ERROR_NAMES: [&str; 7] = [
    error_names::INVALID_REQUEST,
    error_names::DEADLINE_PASSED,
    error_names::ACCESS_DENIED,
    error_names::AWS_REFUSED,
    "UnexpectedOrganizationalUnit",
    "TenantMismatch",
    "AccountNotFound",
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
