//! What follows from what AWS says: pure functions of what was observed and the clock.

use jiff::{SignedDuration, Timestamp};
use lifecycle::retirement::{AccountState, AccountTags, left_at};
use lifecycle::{
    AccountId, AccountName, Difference, Email, ParentId, TenantDocument, TenantId, tags, waiting,
};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::error::Error;

/// How many creations Organizations allows at a time:
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>.
pub(crate) const MOST_CREATIONS: usize = 5;

/// A creation that began within this time shows that the others are being served.
const LIVELY: SignedDuration = SignedDuration::from_mins(30);

/// How long an account that was just created may be without its tags before it is not taken for
/// this tenant's.
const TAGS_MAY_LAG: SignedDuration = SignedDuration::from_mins(5);

/// How long an account may refuse its role before it is not its newness any more. Reports of new
/// accounts speak of minutes; the organization itself may take an hour to be ready.
const NEWNESS: SignedDuration = SignedDuration::from_hours(1);

/// What the account is to the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Standing {
    /// This execution created it.
    New,
    /// Somebody began to make it, and it is not ready.
    HalfMade,
    /// It stands in a tenants' OU: it is in use, and is never pulled back. Whether it is ready, the
    /// steps that follow see.
    Live,
    /// It is there, and the signup says otherwise of it.
    Contradicted,
}

/// What is read afresh of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) id: AccountId,
    pub(crate) partition: String,
    pub(crate) email: Option<String>,
    pub(crate) state: AccountState,
    pub(crate) tags: AccountTags,
    pub(crate) parent: ParentId,
}

impl Facts {
    /// The value of its tag `landlord:tenant`.
    pub(crate) fn tenant(&self) -> Option<&str> {
        self.tags.get(tags::TENANT).map(String::as_str)
    }

    pub(crate) fn belongs_to(&self, tenant: &TenantId) -> bool {
        self.tenant() == Some(tenant.as_str())
    }

    /// Whether it is closed for good. With the retired `Status` a closed account reads SUSPENDED; one
    /// that AWS suspended has no mark of a closing.
    pub(crate) fn is_closed(&self) -> bool {
        let is_marked = self.tags.contains_key(tags::CLOSING_REQUESTED_AT);
        self.state.is_gone() || (self.state == AccountState::Suspended && is_marked)
    }

    /// An account of the tenant's past: closed for good, and not in the way of another with
    /// another email. One that AWS suspended is not of the past.
    pub(crate) fn is_past(&self, email: &Email) -> bool {
        self.is_closed() && self.email.as_deref().is_some_and(|its| !email.is_same_as(its))
    }
}

/// Those of the tenant's accounts that count: the ones that are not closed. When all are closed,
/// those that are in the way of an account with this email.
pub(crate) fn present(mut found: Vec<Facts>, email: &Email) -> Vec<Facts> {
    if found.iter().any(|facts| !facts.is_closed()) {
        found.retain(|facts| !facts.is_closed());
    } else {
        found.retain(|facts| !facts.is_past(email));
    }
    found
}

/// The one account of the tenant among those that carry its tag.
///
/// # Errors
/// `AmbiguousTenant`.
pub(crate) fn only_one(tenant: &TenantId, mut found: Vec<Facts>) -> Result<Option<Facts>, Error> {
    if found.len() > 1 {
        let accounts = found.into_iter().map(|facts| facts.id).collect();
        return Err(Error::AmbiguousTenant { tenant: tenant.clone(), accounts });
    }
    Ok(found.pop())
}

/// What to do with the tenant's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reception {
    /// It is done: what is missing is mended where it stands.
    Live,
    /// It is done: nothing of it is touched, for the signup says something else of it.
    Contradicted(Vec<Difference>),
    /// It is done when its role can be assumed.
    Probe,
    /// AWS does not say that it works; its word.
    Await(AccountState),
}

/// Where an account stands, to onboarding.
enum Place {
    Root,
    Onboarding,
    Home,
    Retirement,
    Unknown,
}

impl Place {
    fn of(parent: &ParentId, config: &Config) -> Self {
        match parent {
            ParentId::Root(_) => Self::Root,
            ParentId::Ou(ou) if *ou == config.onboarding => Self::Onboarding,
            ParentId::Ou(ou) if *ou == config.retiring || *ou == config.suspended => {
                Self::Retirement
            }
            ParentId::Ou(ou) if config.tenant_units.name_of(ou).is_some() => Self::Home,
            ParentId::Ou(_) => Self::Unknown,
        }
    }
}

/// Receives the tenant's account, by its marks, its state and where it stands.
///
/// A tenant that left after its signup comes first: whatever else holds of its account is then
/// the business of its retirement.
///
/// # Errors
/// `TenantLeft`, `AccountClosed`, `AccountRetiring`, `UnexpectedOrganizationalUnit`.
pub(crate) fn receive(
    facts: &Facts,
    document: &TenantDocument,
    config: &Config,
) -> Result<Reception, Error> {
    let (tenant, account) = (document.tenant_id.clone(), facts.id.clone());
    let left_at = left_at(&facts.tags);
    if let Some(left_at) = left_at
        && left_at > document.signed_up_at
    {
        return Err(Error::TenantLeft { tenant, account: Some(account), left_at });
    }
    let unit = facts.parent.clone();
    let place = Place::of(&facts.parent, config);
    match facts.state {
        AccountState::Closed | AccountState::PendingClosure | AccountState::Suspended => {
            return Err(Error::AccountClosed { tenant, account, state: facts.state.to_string() });
        }
        AccountState::Active | AccountState::PendingActivation | AccountState::Unknown => {}
    }
    match place {
        Place::Unknown => {
            return Err(Error::UnexpectedOrganizationalUnit { tenant, account, unit });
        }
        Place::Retirement => return Err(Error::AccountRetiring { tenant, account, unit }),
        // Its retirement has begun, and will move it: it left before this signup.
        Place::Root | Place::Onboarding | Place::Home if left_at.is_some() => {
            return Err(Error::AccountRetiring { tenant, account, unit });
        }
        Place::Root | Place::Onboarding | Place::Home => {}
    }
    let differences = differences(facts, document, matches!(place, Place::Home));
    if !differences.is_empty() {
        return Ok(Reception::Contradicted(differences));
    }
    match (facts.state, place) {
        (AccountState::Active, Place::Home) => Ok(Reception::Live),
        (AccountState::Active, _) => Ok(Reception::Probe),
        (other, _) => Ok(Reception::Await(other)),
    }
}

/// In what the signup and the account differ that no step of an onboarding may change: the address
/// and the original id always, and of a live tenant everything that the signup says. A tag that is missing is no
/// difference: it is put there.
fn differences(facts: &Facts, document: &TenantDocument, is_live: bool) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut note = |field: String, signup: &str, tenant: &str| {
        let (signup, tenant) = (signup.to_owned(), tenant.to_owned());
        differences.push(Difference { field, signup, tenant });
    };
    if let Some(email) = facts.email.as_deref().filter(|_| document.email_is_given)
        && !document.email.is_same_as(email)
    {
        note("rootEmail".to_owned(), document.email.as_str(), email);
    }
    // Two ids of a signup system may lead to one tenant id, which is the first one's for good.
    let id = document.tenant_id.as_str();
    let said = document.original_tenant_id.as_deref().unwrap_or(id);
    let first = facts.tags.get(tags::ORIGINAL_ID).map_or(id, String::as_str);
    if said != first {
        note("tenantId".to_owned(), said, first);
    }
    if !is_live {
        return differences;
    }
    for (key, wanted) in document.tags.iter() {
        let field = match key {
            // The first is how the account was found, the second was compared above, and the last
            // follows from the tier.
            tags::TENANT | tags::ORIGINAL_ID | tags::BASELINE => continue,
            tags::TIER => "tier".to_owned(),
            tags::NAME => "tenantName".to_owned(),
            other => format!("tags.{other}"),
        };
        if let Some(present) = facts.tags.get(key).filter(|present| *present != wanted) {
            let said = if key == tags::NAME { document.tenant_name.as_str() } else { wanted };
            note(field, said, present);
        }
    }
    differences
}

/// A creation, as AWS lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Creation {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) requested: Option<Timestamp>,
    pub(crate) completed: Option<Timestamp>,
    pub(crate) progress: CreationProgress,
}

impl Creation {
    /// Whether it failed before the execution was redriven: somebody has removed the cause since.
    pub(crate) fn is_of_a_former_attempt(&self, redriven: Option<Timestamp>) -> bool {
        matches!(self.progress, CreationProgress::Failed(_))
            && redriven.is_some_and(|redriven| {
                self.completed.or(self.requested).is_none_or(|ended| ended < redriven)
            })
    }
}

/// How far a creation is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CreationProgress {
    Running,
    Succeeded(AccountId),
    Failed(Failure),
}

/// Why a creation failed, by what follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// A fault of AWS that passes: order again.
    Passing(String),
    /// The email is taken, perhaps by another creation of ours.
    EmailTaken(String),
    /// Ordering again would fail again.
    Final(Refused, String),
}

/// The final reasons, by who can do something about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Email,
    Limit,
    Billing,
    Tags,
    Other,
}

/// What makes AWS refuse every account of the organization alike: the tenant can do nothing for it,
/// and the next one would be refused as well. The dimension `Reason` of the metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Held {
    AccountLimit,
    Billing,
}

impl Held {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::AccountLimit => "AccountLimit",
            Self::Billing => "Billing",
        }
    }

    pub(crate) fn error(self, tenant: TenantId, reason: String) -> Error {
        match self {
            Self::AccountLimit => Error::AccountLimitReached { tenant, reason },
            Self::Billing => Error::BillingNotReady { tenant, reason },
        }
    }
}

impl Refused {
    /// Whether it is the organization's fault, and not this tenant's.
    pub(crate) fn held(self) -> Option<Held> {
        match self {
            Self::Limit => Some(Held::AccountLimit),
            Self::Billing => Some(Held::Billing),
            Self::Email | Self::Tags | Self::Other => None,
        }
    }

    pub(crate) fn error(self, tenant: TenantId, reason: String) -> Error {
        match self {
            Self::Email => Error::EmailRefused { tenant, reason },
            Self::Limit => Error::AccountLimitReached { tenant, reason },
            Self::Billing => Error::BillingNotReady { tenant, reason },
            Self::Tags => Error::TagsRefused { tenant, reason },
            Self::Other => Error::CreationRefused { tenant, reason },
        }
    }
}

/// Classes the failure reason of a creation:
/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_CreateAccountStatus.html>.
/// A reason that is not known is final: ordering again could go on for ever.
pub(crate) fn failure(reason: &str) -> Failure {
    let refused = match reason {
        "INTERNAL_FAILURE" => return Failure::Passing(reason.into()),
        "EMAIL_ALREADY_EXISTS" | "CONCURRENT_ACCOUNT_MODIFICATION" => {
            return Failure::EmailTaken(reason.into());
        }
        "INVALID_EMAIL" | "INVALID_ADDRESS" => Refused::Email,
        "ACCOUNT_LIMIT_EXCEEDED" => Refused::Limit,
        "MISSING_BUSINESS_VALIDATION"
        | "FAILED_BUSINESS_VALIDATION"
        | "PENDING_BUSINESS_VALIDATION"
        | "INVALID_IDENTITY_FOR_BUSINESS_VALIDATION"
        | "UNKNOWN_BUSINESS_VALIDATION"
        | "MISSING_PAYMENT_INSTRUMENT"
        | "INVALID_PAYMENT_INSTRUMENT" => Refused::Billing,
        "UPDATE_EXISTING_RESOURCE_POLICY_WITH_TAGS_NOT_SUPPORTED" => Refused::Tags,
        _ => Refused::Other,
    };
    Failure::Final(refused, reason.into())
}

/// What AWS's refusal to even begin a creation means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OrderRefusal {
    /// Too many creations run: a slot comes free.
    NoSlot,
    /// Final.
    Final(Refused),
}

/// Classes the reason of a `ConstraintViolationException` of `CreateAccount`.
pub(crate) fn constraint(reason: &str) -> OrderRefusal {
    match reason {
        "ACCOUNT_CREATION_RATE_LIMIT_EXCEEDED" => OrderRefusal::NoSlot,
        "ACCOUNT_NUMBER_LIMIT_EXCEEDED" => OrderRefusal::Final(Refused::Limit),
        "TAG_POLICY_VIOLATION" | "MAX_TAG_LIMIT_EXCEEDED" => OrderRefusal::Final(Refused::Tags),
        "INVALID_PAYMENT_INSTRUMENT"
        | "MASTER_ACCOUNT_PAYMENT_INSTRUMENT_REQUIRED"
        | "MEMBER_ACCOUNT_PAYMENT_INSTRUMENT_REQUIRED"
        | "MASTER_ACCOUNT_MISSING_BUSINESS_LICENSE"
        | "MASTER_ACCOUNT_MISSING_CONTACT_INFO"
        | "UNMET_BILLING_PREREQUISITE" => OrderRefusal::Final(Refused::Billing),
        _ => OrderRefusal::Final(Refused::Other),
    }
}

/// Classes the reason of an `InvalidInputException` of `CreateAccount`.
pub(crate) fn invalid_input(reason: &str) -> Refused {
    match reason {
        "INVALID_EMAIL_ADDRESS_TARGET" => Refused::Email,
        "DUPLICATE_TAG_KEY" | "INVALID_SYSTEM_TAGS_PARAMETER" => Refused::Tags,
        _ => Refused::Other,
    }
}

/// The running creation of this account name that may be ours.
pub(crate) fn ours<'a>(
    creations: &'a [Creation],
    name: &AccountName,
    disowned: &[String],
) -> Option<&'a Creation> {
    creations.iter().find(|creation| {
        creation.name == name.as_str()
            && creation.progress == CreationProgress::Running
            && !disowned.contains(&creation.id)
    })
}

/// Whether an account that our request made is this tenant's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paternity {
    Ours,
    /// Its tags do not show yet.
    Unclear,
    /// Somebody else created an account of this name.
    Foreign,
}

/// Judges an account by its tag; `since` is when it was created.
pub(crate) fn paternity(
    facts: Option<&Facts>,
    tenant: &TenantId,
    since: Option<Timestamp>,
    now: Timestamp,
) -> Paternity {
    match facts.and_then(Facts::tenant) {
        Some(its) if its == tenant.as_str() => Paternity::Ours,
        Some(_) => Paternity::Foreign,
        None if since.is_some_and(|since| now.duration_since(since) > TAGS_MAY_LAG) => {
            Paternity::Foreign
        }
        None => Paternity::Unclear,
    }
}

/// Whether an account refuses its role for longer than a new one does.
pub(crate) fn has_refused_too_long(since: Timestamp, now: Timestamp) -> bool {
    now.duration_since(since) > NEWNESS
}

/// The account that an ARN of Organizations names:
/// `arn:aws:organizations::<management>:account/<organization>/<account>`.
pub(crate) fn account_of_arn(arn: &str) -> Option<AccountId> {
    let (kind, rest) = arn.split(':').nth(5)?.split_once('/')?;
    let account = rest.rsplit('/').next()?;
    if kind == "account" { account.parse().ok() } else { None }
}

/// The partition that an ARN names.
pub(crate) fn partition_of_arn(arn: &str) -> Option<&str> {
    arn.split(':').nth(1).filter(|partition| !partition.is_empty())
}

/// Something that is waited for, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// AWS, after a throttle or a fault.
    Aws,
    /// AWS's rate of creations, or a place among those that run. `age` is that of the oldest
    /// that runs, when others are served.
    Slot { age: Option<SignedDuration> },
    /// The end of a creation, which began then.
    Creation { since: Timestamp },
    /// What a call whose answer was lost, or failed for AWS's own reasons, has left.
    Order,
    /// The one who has the email, since then.
    Email { since: Timestamp },
    /// The rest of a scan: nothing but work.
    Scan,
    /// Somebody to raise the limit of accounts or to mend the billing, since then.
    Organization { since: Timestamp },
    /// The account's first breath, since it is known.
    Account { since: Timestamp },
}

/// The seconds to wait. While others are served, the wait for a slot is a sixteenth of the age of
/// the oldest creation, at most a minute. It hardly grows with the time that was waited: if it
/// did, who waited longest would ask most rarely, and slots would stand empty. Only who waits for
/// hours, because somebody else takes the slots, asks every two minutes in the end: a history
/// ends at 25,000 events.
pub(crate) fn wait(
    awaited: Awaited,
    elapsed: SignedDuration,
    now: Timestamp,
    tenant: &TenantId,
) -> u32 {
    let since = |start: Timestamp| now.duration_since(start);
    let (floor, ceiling, elapsed) = match awaited {
        Awaited::Aws => (5, waiting::CEILING, elapsed),
        // Creations last at least as long as the oldest has: a few per cent of that is lost when
        // a slot comes free, and polls are few where creations are slow.
        Awaited::Slot { age: Some(age) } => {
            (10, 120, (age / 2).min(SignedDuration::from_mins(8)).max(elapsed / 30))
        }
        Awaited::Slot { age: None } => (10, waiting::CEILING, elapsed),
        Awaited::Creation { since: start } => (7, waiting::CEILING, since(start)),
        Awaited::Order => (8, waiting::CEILING, elapsed),
        Awaited::Email { since: start } => (20, 120, since(start)),
        // Asked for at least four times an hour for four days, and then a little more rarely: a
        // history ends at 25,000 events, and this may last most of a year.
        Awaited::Organization { since: start } => {
            let ceiling = u32::try_from((since(start) / 400).as_secs()).unwrap_or(u32::MAX);
            let elapsed = since(start).min(SignedDuration::from_hours(24));
            (60, waiting::CEILING.max(ceiling), elapsed.max(since(start) / 50))
        }
        Awaited::Scan => return 1,
        // A role is there within seconds or a minute, and the tenant waits for nothing else.
        Awaited::Account { since: start } => (6, waiting::CEILING, since(start)),
    };
    waiting::retry_after(floor, ceiling, elapsed, tenant.as_str())
}

/// How long it counts that no account carried the tenant's tag, while no slot is free.
const LOOK_COUNTS: SignedDuration = SignedDuration::from_mins(5);

/// Whether a call that finds no free slot may end there: the account was looked for a short while
/// ago, and nothing is ordered without looking again.
pub(crate) fn may_only_wait(looked_at: Option<Timestamp>, now: Timestamp) -> bool {
    looked_at.is_some_and(|looked| now.duration_since(looked) < LOOK_COUNTS)
}

/// How long a tenant waits while AWS makes no accounts at all, before it fails of that. Its execution
/// may last a year.
pub(crate) const LONGEST_STANDSTILL: SignedDuration = SignedDuration::from_hours(300 * 24);

/// Whether AWS makes accounts again: one that it would refuse has failed within a minute.
pub(crate) fn is_making_accounts(running: &[Creation], now: Timestamp) -> bool {
    let lasts = |requested: Timestamp| now.duration_since(requested) > SignedDuration::from_mins(1);
    running.iter().any(|creation| creation.requested.is_some_and(lasts))
}

/// The age of the oldest creation that runs; none when no creation began these days, for then
/// the others are not being served either.
pub(crate) fn oldest(creations: &[Creation], now: Timestamp) -> Option<SignedDuration> {
    let ages = || {
        creations
            .iter()
            .filter_map(|creation| creation.requested)
            .map(|requested| now.duration_since(requested))
    };
    if ages().any(|age| age < LIVELY) { ages().max() } else { None }
}

/// The tag by which accounts are found.
pub(crate) const TAG: &str = tags::TENANT;

#[cfg(test)]
#[path = "decide_tests.rs"]
mod table;
