//! Everything final that `create-account` can answer, and the names by which the machines and the
//! runbook know it. No message holds an email: messages are logged.

use jiff::Timestamp;
use lambda_kit::Named;
use lambda_kit::sdk::Refusal;
use lifecycle::{AccountId, DeadlinePassed, Fault, ParentId, TenantId, error_names};

/// Why the tenant's account is not there, and will not be without somebody's help.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request, or what it says was kept from the last call, is not what this function reads.
    #[error("the request can not be read")]
    InvalidRequest(#[source] Fault),
    /// There is no time left.
    #[error("tenant {tenant}")]
    DeadlinePassed {
        /// The tenant.
        tenant: TenantId,
        /// What was waited for.
        #[source]
        source: DeadlinePassed,
    },
    /// Landlord's own role lacks a permission, or the account has refused its role for an hour.
    #[error("tenant {tenant}")]
    AccessDenied {
        /// The tenant.
        tenant: TenantId,
        /// What AWS said.
        #[source]
        refusal: Refusal,
    },
    /// AWS refused for a reason that nobody foresaw.
    #[error("tenant {tenant}")]
    AwsRefused {
        /// The tenant.
        tenant: TenantId,
        /// What AWS said.
        #[source]
        refusal: Refusal,
    },
    /// The email belongs to an account that is not this tenant's.
    #[error("the email for tenant {tenant} belongs to {}, which is not this tenant's", holder(.account.as_ref()))]
    EmailInUseElsewhere {
        /// The tenant.
        tenant: TenantId,
        /// The account that has it, when it is in this organization.
        account: Option<AccountId>,
    },
    /// AWS does not accept the email or the address of the organization.
    #[error("AWS does not accept the email for tenant {tenant}: {reason}")]
    EmailRefused {
        /// The tenant.
        tenant: TenantId,
        /// AWS's reason.
        reason: String,
    },
    /// The organization has as many accounts as it may have.
    #[error("the organization has no room for the account of tenant {tenant}: {reason}")]
    AccountLimitReached {
        /// The tenant.
        tenant: TenantId,
        /// AWS's reason.
        reason: String,
    },
    /// The management account's payment or business validation is not in order.
    #[error("billing is not ready for the account of tenant {tenant}: {reason}")]
    BillingNotReady {
        /// The tenant.
        tenant: TenantId,
        /// AWS's reason.
        reason: String,
    },
    /// The tags break a policy of the organization.
    #[error("AWS does not accept the tags for the account of tenant {tenant}: {reason}")]
    TagsRefused {
        /// The tenant.
        tenant: TenantId,
        /// AWS's reason.
        reason: String,
    },
    /// The creation failed for another final reason.
    #[error("AWS does not create the account of tenant {tenant}: {reason}")]
    CreationRefused {
        /// The tenant.
        tenant: TenantId,
        /// AWS's reason.
        reason: String,
    },
    /// The tenant has an account that is on its way out.
    #[error("account {account} of tenant {tenant} is retiring in {unit}")]
    AccountRetiring {
        /// The tenant.
        tenant: TenantId,
        /// Its account.
        account: AccountId,
        /// Where it stands.
        unit: ParentId,
    },
    /// The tenant left after it had signed up: not a failure, and its onboarding ends as left.
    #[error("tenant {tenant} left at {left_at}, after its signup{}", of_account(.account.as_ref()))]
    TenantLeft {
        /// The tenant.
        tenant: TenantId,
        /// Its account, if there is one.
        account: Option<AccountId>,
        /// When it left.
        left_at: Timestamp,
    },
    /// The tenant has an account that is closed, closing or suspended by AWS.
    #[error("account {account} of tenant {tenant} is {state}; a new signup needs another email")]
    AccountClosed {
        /// The tenant.
        tenant: TenantId,
        /// Its account.
        account: AccountId,
        /// Its state.
        state: String,
    },
    /// Several accounts say that they are this tenant's.
    #[error("several accounts carry the tag of tenant {tenant}: {}", list(.accounts))]
    AmbiguousTenant {
        /// The tenant.
        tenant: TenantId,
        /// The accounts.
        accounts: Vec<AccountId>,
    },
    /// The tenant's account stands where no tenant's account should.
    #[error("account {account} of tenant {tenant} stands in {unit}, which Landlord does not know")]
    UnexpectedOrganizationalUnit {
        /// The tenant.
        tenant: TenantId,
        /// Its account.
        account: AccountId,
        /// Where it stands.
        unit: ParentId,
    },
}

impl Error {
    /// Whether AWS refuses to make the account for good.
    pub(crate) fn means_no_account(&self) -> bool {
        match self {
            Self::EmailInUseElsewhere { .. }
            | Self::EmailRefused { .. }
            | Self::AccountLimitReached { .. }
            | Self::BillingNotReady { .. }
            | Self::TagsRefused { .. }
            | Self::CreationRefused { .. } => true,
            Self::InvalidRequest(_)
            | Self::DeadlinePassed { .. }
            | Self::AccessDenied { .. }
            | Self::AwsRefused { .. }
            | Self::AccountRetiring { .. }
            | Self::TenantLeft { .. }
            | Self::AccountClosed { .. }
            | Self::AmbiguousTenant { .. }
            | Self::UnexpectedOrganizationalUnit { .. } => false,
        }
    }
}

impl Named for Error {
    fn name(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => error_names::INVALID_REQUEST,
            Self::DeadlinePassed { .. } => error_names::DEADLINE_PASSED,
            Self::AccessDenied { .. } => error_names::ACCESS_DENIED,
            Self::AwsRefused { .. } => error_names::AWS_REFUSED,
            Self::EmailInUseElsewhere { .. } => "EmailInUseElsewhere",
            Self::EmailRefused { .. } => "EmailRefused",
            Self::AccountLimitReached { .. } => "AccountLimitReached",
            Self::BillingNotReady { .. } => "BillingNotReady",
            Self::TagsRefused { .. } => "TagsRefused",
            Self::CreationRefused { .. } => "CreationRefused",
            Self::AccountRetiring { .. } => "AccountRetiring",
            Self::TenantLeft { .. } => error_names::TENANT_LEFT,
            Self::AccountClosed { .. } => "AccountClosed",
            Self::AmbiguousTenant { .. } => "AmbiguousTenant",
            Self::UnexpectedOrganizationalUnit { .. } => "UnexpectedOrganizationalUnit",
        }
    }
}

/// The names of all errors of this function.
pub const ERROR_NAMES: [&str; 15] = [
    error_names::INVALID_REQUEST,
    error_names::DEADLINE_PASSED,
    error_names::ACCESS_DENIED,
    error_names::AWS_REFUSED,
    "EmailInUseElsewhere",
    "EmailRefused",
    "AccountLimitReached",
    "BillingNotReady",
    "TagsRefused",
    "CreationRefused",
    "AccountRetiring",
    error_names::TENANT_LEFT,
    "AccountClosed",
    "AmbiguousTenant",
    "UnexpectedOrganizationalUnit",
];

fn holder(account: Option<&AccountId>) -> String {
    account.map_or_else(
        || "an account outside of the organization".to_owned(),
        |account| format!("account {account}"),
    )
}

fn of_account(account: Option<&AccountId>) -> String {
    account.map_or_else(String::new, |account| format!(", from account {account}"))
}

fn list(accounts: &[AccountId]) -> String {
    accounts.iter().map(AccountId::as_str).collect::<Vec<_>>().join(", ")
}
