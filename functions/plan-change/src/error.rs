//! Everything final that `plan-change` can answer, and the names by which the machines and the runbook
//! know it.

use lambda_kit::Named;
use lambda_kit::sdk::{Refusal, Trouble};
use lifecycle::{AccountId, DeadlinePassed, Fault, OuId, TenantId, error_names};

/// Why a change is not carried out.
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
    /// Several accounts that are not closed carry the tag.
    #[error("tenant {tenant} has several accounts that are not closed: {}", ids(.accounts))]
    AmbiguousTenant {
        /// The tenant.
        tenant: TenantId,
        /// Its accounts.
        accounts: Vec<AccountId>,
    },
    /// The account stands where no tenant stands.
    #[error("account {account} of tenant {tenant} stands in {found}, which is no unit of tenants")]
    UnexpectedOrganizationalUnit {
        /// The tenant.
        tenant: TenantId,
        /// Its account.
        account: AccountId,
        /// Where it stands.
        found: OuId,
    },
    /// The tenant has a tier that is not configured any more, or none.
    #[error("tenant {tenant} has the tier {tier:?}, which is not among the tiers")]
    TierMissing {
        /// The tenant.
        tenant: TenantId,
        /// Its tier, as its account's tag has it.
        tier: String,
    },
    /// After many rounds the account still differs from what it should have.
    #[error(
        "tenant {tenant}: after {rounds} rounds its account still differs: {}", .differs.join("; ")
    )]
    NotConverging {
        /// The tenant.
        tenant: TenantId,
        /// How often it was equipped.
        rounds: u32,
        /// In what it differs.
        differs: Vec<String>,
    },
}

fn ids(accounts: &[AccountId]) -> String {
    accounts.iter().map(AccountId::as_str).collect::<Vec<_>>().join(", ")
}

impl Named for Error {
    fn name(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => error_names::INVALID_REQUEST,
            Self::DeadlinePassed { .. } => error_names::DEADLINE_PASSED,
            Self::AccessDenied { .. } => error_names::ACCESS_DENIED,
            Self::AwsRefused { .. } => error_names::AWS_REFUSED,
            Self::AmbiguousTenant { .. } => "AmbiguousTenant",
            Self::UnexpectedOrganizationalUnit { .. } => "UnexpectedOrganizationalUnit",
            Self::TierMissing { .. } => "TierMissing",
            Self::NotConverging { .. } => "NotConverging",
        }
    }
}

/// The names of all errors of this function.
pub const ERROR_NAMES: [&str; 8] = [
    error_names::INVALID_REQUEST,
    error_names::DEADLINE_PASSED,
    error_names::ACCESS_DENIED,
    error_names::AWS_REFUSED,
    "AmbiguousTenant",
    "UnexpectedOrganizationalUnit",
    "TierMissing",
    "NotConverging",
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
