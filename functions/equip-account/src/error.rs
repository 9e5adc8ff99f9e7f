//! Everything final that `equip-account` can answer, and the names by which its callers and the
//! runbook know it.

use lambda_kit::Named;
use lambda_kit::sdk::{Refusal, Trouble};
use lifecycle::{AccountId, Fault, error_names};

/// Why the account has no operator role, and will not without somebody's help.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is not one that this function understands.
    #[error("the request can not be read")]
    InvalidRequest(#[source] Fault),
    /// The account does not let the function in, or not do its work.
    #[error("account {account} does not let Landlord make its role")]
    AccessDenied {
        /// The account.
        account: AccountId,
        /// What AWS said.
        #[source]
        refusal: Refusal,
    },
    /// A role of that name is there, and not where Landlord's is.
    #[error(
        "account {account} has a role {arn} of somebody else's, whose name is that of Landlord's: \
         delete it"
    )]
    NameTaken {
        /// The account.
        account: AccountId,
        /// The role.
        arn: String,
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
}

impl Named for Error {
    fn name(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => error_names::INVALID_REQUEST,
            Self::AccessDenied { .. } => error_names::ACCESS_DENIED,
            Self::NameTaken { .. } => "OperatorRoleNameTaken",
            Self::AwsRefused { .. } => error_names::AWS_REFUSED,
        }
    }
}

/// The names of all errors of this function.
pub const ERROR_NAMES: [&str; 4] = [
    error_names::INVALID_REQUEST,
    error_names::ACCESS_DENIED,
    error_names::AWS_REFUSED,
    "OperatorRoleNameTaken",
];

/// What ends a step.
#[derive(Debug)]
pub(crate) enum Halt {
    /// It comes through later.
    Wait(String),
    /// It does not.
    Fail(Error),
}

/// What a call that has no answer ends.
pub(crate) fn halt(account: &AccountId, trouble: Trouble) -> Halt {
    let account = account.clone();
    match trouble {
        Trouble::Passing(refusal) => Halt::Wait(refusal.to_string()),
        Trouble::Refused(refusal) if refusal.is_denial() => {
            Halt::Fail(Error::AccessDenied { account, refusal })
        }
        Trouble::Refused(refusal) => Halt::Fail(Error::AwsRefused { account, refusal }),
    }
}
