//! Everything final that `label-account` can answer, and the names by which the machines and the
//! runbook know it.

use lambda_kit::Named;
use lambda_kit::sdk::Refusal;
use lifecycle::{AccountId, DeadlinePassed, Fault, error_names};

/// Why the account does not know its tenant, and will not without somebody's help.
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
    /// The account has refused for longer than a new account does.
    #[error("account {account} does not let Landlord in, {place}")]
    AccessDenied {
        /// The account.
        account: AccountId,
        /// Where: `in eu-central-1`.
        place: String,
        /// What AWS said.
        #[source]
        refusal: Refusal,
    },
    /// AWS refused for a reason that nobody foresaw.
    #[error("account {account}, {place}")]
    AwsRefused {
        /// The account.
        account: AccountId,
        /// Where: `in eu-central-1`.
        place: String,
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
pub const ERROR_NAMES: [&str; 4] = error_names::SHARED;
