//! Everything final that `place-account` can answer, and the names by which the machines and the
//! runbook know it.

use jiff::Timestamp;
use lambda_kit::Named;
use lambda_kit::sdk::Refusal;
use lifecycle::retirement::AccountState;
use lifecycle::{AccountId, DeadlinePassed, Fault, OuId, ParentId, error_names};

fn from(allowed: &[String]) -> String {
    if allowed.is_empty() { "nowhere".to_owned() } else { format!("{} only", allowed.join(", ")) }
}

/// Why the account does not stand where it should, and will not without somebody's help.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is not one that this function understands.
    #[error("the request can not be read")]
    InvalidRequest(#[source] Fault),
    /// There is no time left.
    #[error("account {account}")]
    DeadlinePassed {
        /// The account.
        account: AccountId,
        /// What was waited for.
        #[source]
        source: DeadlinePassed,
    },
    /// Landlord's own role lacks a permission.
    #[error("account {account}: the function's role may not do this")]
    AccessDenied {
        /// The account.
        account: AccountId,
        /// What AWS said.
        #[source]
        refusal: Refusal,
    },
    /// AWS refused for a reason that nobody foresaw.
    #[error("account {account}")]
    AwsRefused {
        /// The account.
        account: AccountId,
        /// What AWS said.
        #[source]
        refusal: Refusal,
    },
    /// The account stands where this caller must not take it from.
    #[error("account {account} stands in {found}; to {destination} it may come from {}", from(.allowed))]
    UnexpectedOrganizationalUnit {
        /// The account.
        account: AccountId,
        /// Where it stands.
        found: ParentId,
        /// Where it was to go.
        destination: OuId,
        /// Where it may come from.
        allowed: Vec<String>,
    },
    /// The tenant left after it had signed up: not a failure, and its onboarding ends as left.
    #[error("the tenant of account {account} left at {left_at}, after its signup")]
    TenantLeft {
        /// The account.
        account: AccountId,
        /// When it left.
        left_at: Timestamp,
    },
    /// The tenant's account is closed, closing or suspended by AWS.
    #[error("account {account} is {state}, and serves nobody")]
    AccountClosed {
        /// The account.
        account: AccountId,
        /// Its state.
        state: AccountState,
    },
    /// There is no such account in the organization.
    #[error("account {account} is not in the organization")]
    AccountNotFound {
        /// The account.
        account: AccountId,
    },
    /// There is no such organizational unit.
    #[error("account {account} can not go to {destination}: there is no such unit")]
    DestinationNotFound {
        /// The account.
        account: AccountId,
        /// Where it was to go.
        destination: OuId,
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
            Self::TenantLeft { .. } => error_names::TENANT_LEFT,
            Self::AccountClosed { .. } => "AccountClosed",
            Self::AccountNotFound { .. } => "AccountNotFound",
            Self::DestinationNotFound { .. } => "DestinationNotFound",
        }
    }
}

/// The names of all errors of this function.
pub const ERROR_NAMES: [&str; 9] = [
    error_names::INVALID_REQUEST,
    error_names::DEADLINE_PASSED,
    error_names::ACCESS_DENIED,
    error_names::AWS_REFUSED,
    "UnexpectedOrganizationalUnit",
    error_names::TENANT_LEFT,
    "AccountClosed",
    "AccountNotFound",
    "DestinationNotFound",
];
