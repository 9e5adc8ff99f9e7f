//! The function's final errors, and what a refused call means.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use jiff::Timestamp;
use lambda_kit::Named;
use lambda_kit::sdk::{Refusal, Trouble, code, is_transient};
use lifecycle::{
    AccountId, DeadlinePassed, Fault, QuotaCode, RegionName, ServiceCode, WantedQuota, error_names,
};

/// Why the quotas will not be there without somebody's help.
///
/// There is no `AccessDenied` here: a new account refuses its own role for minutes, and nothing
/// tells that from a permission that is missing, so it is a wait that ends as `DeadlinePassed`.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The request does not make sense.
    #[error(transparent)]
    InvalidRequest(#[from] Fault),
    /// The time is over.
    #[error(transparent)]
    DeadlinePassed(#[from] DeadlinePassed),
    /// AWS refused a call for a reason that nobody foresaw.
    #[error("{service} {call} in account {account_id} was refused: {code}: {message}")]
    AwsRefused {
        /// The service.
        service: &'static str,
        /// The call.
        call: &'static str,
        /// The tenant's account.
        account_id: AccountId,
        /// AWS's code.
        code: String,
        /// AWS's words.
        message: String,
    },
    /// The tenant left after it had signed up: not a failure, and its onboarding ends as left.
    #[error("the tenant of account {account_id} left at {left_at}, after its signup")]
    TenantLeft {
        /// The account.
        account_id: AccountId,
        /// When it left.
        left_at: Timestamp,
    },
    /// AWS refused a quota without which the tenant cannot start.
    #[error("{quota} in account {account_id} is {value}, and the request was answered {answer}")]
    QuotaDenied {
        /// The quota.
        quota: Box<QuotaName>,
        /// The tenant's account.
        account_id: AccountId,
        /// The value that applies.
        value: f64,
        /// AWS's status of the request.
        answer: String,
    },
    /// The tier asks for a quota that AWS does not know in that Region.
    #[error("{quota} is not known to AWS in account {account_id}: {message}")]
    QuotaUnknown {
        /// The quota.
        quota: Box<QuotaName>,
        /// The tenant's account.
        account_id: AccountId,
        /// AWS's words.
        message: String,
    },
    /// The tier requires more of a quota than AWS ever gives.
    #[error("{quota} in account {account_id} is {value}, and AWS does not raise it")]
    QuotaNotAdjustable {
        /// The quota.
        quota: Box<QuotaName>,
        /// The tenant's account.
        account_id: AccountId,
        /// The value that applies.
        value: f64,
    },
}

/// A quota as messages name it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("quota {quota_code} of {service_code} in {region}")]
pub struct QuotaName {
    /// The service.
    pub service_code: ServiceCode,
    /// The quota.
    pub quota_code: QuotaCode,
    /// The Region.
    pub region: RegionName,
}

impl QuotaName {
    /// The name of a wanted quota; boxed, because errors carry it and answers are small.
    pub(crate) fn of(quota: &WantedQuota) -> Box<Self> {
        Box::new(Self {
            service_code: quota.service_code.clone(),
            quota_code: quota.quota_code.clone(),
            region: quota.region.clone(),
        })
    }
}

impl Named for Error {
    fn name(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => error_names::INVALID_REQUEST,
            Self::DeadlinePassed(_) => error_names::DEADLINE_PASSED,
            Self::AwsRefused { .. } => error_names::AWS_REFUSED,
            Self::TenantLeft { .. } => error_names::TENANT_LEFT,
            Self::QuotaDenied { .. } => "QuotaDenied",
            Self::QuotaUnknown { .. } => "QuotaUnknown",
            Self::QuotaNotAdjustable { .. } => "QuotaNotAdjustable",
        }
    }
}

impl Error {
    /// The names of all variants, as the machines know them.
    pub const NAMES: [&'static str; 7] = [
        error_names::INVALID_REQUEST,
        error_names::DEADLINE_PASSED,
        error_names::AWS_REFUSED,
        error_names::TENANT_LEFT,
        "QuotaDenied",
        "QuotaUnknown",
        "QuotaNotAdjustable",
    ];
}

/// The codes by which a service turns away an account that is minutes old.
const TOO_NEW: [&str; 9] = [
    "AccessDenied",
    "AccessDeniedException",
    "DependencyAccessDeniedException",
    "InvalidClientTokenId",
    "OptInRequired",
    "RegionDisabledException",
    "SubscriptionRequiredException",
    "UnrecognizedClientException",
    "InvalidResourceStateException",
];

/// Why a step ends early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It may go on later, for this reason.
    Later(String),
    /// It will not.
    Failed(Error),
}

impl Stop {
    /// Why, in words.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Later(because) => because.clone(),
            Self::Failed(error) => error.reason(),
        }
    }
}

impl Error {
    /// AWS's reason, for a report: what is left when the names are taken away.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::QuotaUnknown { message, .. } => message.clone(),
            Self::AwsRefused { service, call, code, message, .. } => {
                format!("{service} {call} answers {code}: {message}")
            }
            other => other.to_string(),
        }
    }
}

/// What a failure that has no meaning of its own stops.
pub(crate) fn stop<E>(
    service: &'static str,
    call: &'static str,
    account_id: &AccountId,
    error: &SdkError<E, HttpResponse>,
) -> Stop
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let code = code(error).unwrap_or("no answer").to_owned();
    if is_transient(error) || TOO_NEW.contains(&code.as_str()) {
        return Stop::Later(format!("{service} {call} answers {code}"));
    }
    let account_id = account_id.clone();
    Stop::Failed(Error::AwsRefused { service, call, account_id, code, message: words(error) })
}

/// What an account that lets nobody in stops.
pub(crate) fn shut(account_id: &AccountId, trouble: Trouble) -> Stop {
    let refusal = match trouble {
        Trouble::Passing(refusal) => {
            let Refusal { service, call, code, .. } = refusal;
            return Stop::Later(format!("{service} {call} answers {code}"));
        }
        Trouble::Refused(refusal) => refusal,
    };
    let Refusal { service, call, code, message } = refusal;
    if TOO_NEW.contains(&&*code) {
        return Stop::Later(format!("{service} {call} answers {code}"));
    }
    let (account_id, code, message) = (account_id.clone(), code.into(), message.into());
    Stop::Failed(Error::AwsRefused { service, call, account_id, code, message })
}

/// AWS's own words, or the chain of what kept them away.
pub(crate) fn words<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match error.as_service_error().and_then(ProvideErrorMetadata::message) {
        Some(message) => message.to_owned(),
        None => lambda_kit::chain(error),
    }
}
