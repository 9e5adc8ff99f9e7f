//! Whether an account may be withdrawn from and closed: the guards, as one pure function of what
//! was observed and the clock. The plan, the withdrawal of stacks and the closing itself all ask
//! it, each on what it has just read.

mod state;
pub mod sweep;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use state::AccountState;

use crate::{AccountId, OuId, ParentId, TenantId, tags};

/// The tags of an account, by key.
pub type AccountTags = BTreeMap<String, String>;

/// What an account's newest applied event asked for: the value of [`tags::LIFECYCLE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Lifecycle {
    /// The tenant has left.
    Retiring,
    /// The tenant came back.
    Reinstated,
}

impl Lifecycle {
    /// The tag's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retiring => "RETIRING",
            Self::Reinstated => "REINSTATED",
        }
    }

    /// Reads the tag's value.
    pub fn of(text: &str) -> Option<Self> {
        [Self::Retiring, Self::Reinstated].into_iter().find(|it| it.as_str() == text)
    }
}

/// Where an account stands, as far as retirement cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Place {
    /// Out of service, and may come back.
    Retiring,
    /// About to be closed, or closed.
    Suspended,
    /// Anywhere else.
    Elsewhere,
}

/// The two units of retirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetirementUnits {
    /// Where accounts cool off.
    pub retiring: OuId,
    /// Where accounts are closed.
    pub suspended: OuId,
}

impl RetirementUnits {
    /// The place that this parent is.
    pub fn place(&self, parent: &ParentId) -> Place {
        match parent {
            ParentId::Ou(unit) if *unit == self.retiring => Place::Retiring,
            ParentId::Ou(unit) if *unit == self.suspended => Place::Suspended,
            _ => Place::Elsewhere,
        }
    }
}

/// What was read of an account.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'a> {
    /// The account.
    pub account: &'a AccountId,
    /// Where it stands.
    pub place: Place,
    /// AWS's word for its state.
    pub state: AccountState,
    /// Its tags.
    pub tags: &'a AccountTags,
    /// Whether it administers a service for the organization.
    pub delegated: bool,
    /// Since when a closing that was asked for is the caller's own; nothing for a caller that closes
    /// no account.
    pub closing_since: Option<Timestamp>,
}

/// Which accounts are out of reach, whatever their tags say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The organization's management account.
    pub management: AccountId,
    /// Accounts that are never closed.
    pub protected: BTreeSet<AccountId>,
    /// How long an account stands in Retiring at least, whatever its tags say.
    pub settle: SignedDuration,
}

/// What the guards say of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It is closed.
    Closed,
    /// AWS is closing it.
    Closing,
    /// It must not be touched.
    Refuse(Code, String),
    /// Somebody holds it, for this reason.
    Hold(String),
    /// It cools off until then.
    Wait(Timestamp),
    /// It may be withdrawn from and closed, since then.
    Due(Timestamp),
}

/// Why an account is left alone; stable names, for reports and for filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Code {
    /// It lacks `landlord:tenant`: it is nobody's business here.
    NotATenant,
    /// It is the organization's management account.
    ManagementAccount,
    /// It is on the list of protected accounts, or has the tag.
    Protected,
    /// It administers a service for the whole organization.
    DelegatedAdministrator,
    /// It stands in neither of the units of retirement.
    Elsewhere,
    /// It stands in Retiring, and only what stands in Suspended is closed.
    NotSuspended,
    /// It has not all of the tags of retirement.
    TagsMissing,
    /// A tag of retirement can not be read.
    TagsMalformed,
    /// Its newest event brought it back.
    Reinstated,
    /// Its state is none in which an account is closed.
    AccountState,
    /// It was moved to Retiring a short while ago.
    MovedRecently,
    /// It is held by a tag.
    OnHold,
    /// Its cooling-off time runs.
    CoolingOff,
    /// Another has asked AWS to close it, and it is not known yet whether AWS does.
    ClosingUndecided,
    /// It was closed once, and is active: AWS Support reopened it, and people have to decide.
    Reopened,
}

impl Code {
    /// Whether a person has to do something, and will not hear of it in another way.
    pub fn needs_a_person(self) -> bool {
        match self {
            Self::NotATenant
            | Self::ManagementAccount
            | Self::Protected
            | Self::DelegatedAdministrator
            | Self::Elsewhere
            | Self::TagsMissing
            | Self::TagsMalformed
            | Self::AccountState
            | Self::Reopened => true,
            // They pass by themselves, are a person's own doing, or are another execution's, whose
            // failure is told.
            Self::NotSuspended
            | Self::Reinstated
            | Self::MovedRecently
            | Self::OnHold
            | Self::CoolingOff
            | Self::ClosingUndecided => false,
        }
    }

    /// What a person does about it.
    pub fn next_step(self) -> &'static str {
        match self {
            Self::NotATenant | Self::ManagementAccount | Self::Elsewhere => {
                "move it to the OU in which it belongs"
            }
            Self::Protected => "move it out of Retiring, or take the protection away",
            Self::DelegatedAdministrator => "deregister it, or move it out of Retiring",
            Self::TagsMissing | Self::TagsMalformed => "send TenantOffboarded for its tenant again",
            Self::AccountState => "ask AWS Support what the state means",
            Self::Reopened => {
                "send TenantReinstated for its tenant to bring it back, or TenantOffboarded to close \
                 it once more"
            }
            Self::NotSuspended
            | Self::Reinstated
            | Self::MovedRecently
            | Self::OnHold
            | Self::CoolingOff
            | Self::ClosingUndecided => "nothing: the next sweep looks again",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What may be done with an account, from what was read of it.
///
/// Refusals come first, then holds, then cooling off: the reason that is given is the one that a
/// person has to do something about.
pub fn examine(observed: &Observed<'_>, rules: &Rules, now: Timestamp) -> Finding {
    let tags = observed.tags;
    match observed.state {
        AccountState::Closed => return Finding::Closed,
        AccountState::PendingClosure => return Finding::Closing,
        // With the retired `Status`, an account that was closed reads SUSPENDED.
        AccountState::Suspended if tags.contains_key(tags::CLOSING_REQUESTED_AT) => {
            return Finding::Closed;
        }
        _ => {}
    }
    if let Err((code, reason)) = untouchable(observed, rules) {
        return Finding::Refuse(code, reason);
    }
    if matches!(observed.state, AccountState::Active)
        && let Err((code, reason)) = never_closed_before(observed, now)
    {
        return Finding::Refuse(code, reason);
    }
    let times = match read_tags(tags) {
        Ok(times) => times,
        Err((code, reason)) => return Finding::Refuse(code, reason),
    };
    if !matches!(observed.state, AccountState::Active) {
        let reason =
            format!("its state is {}, and only ACTIVE accounts are closed", observed.state);
        return Finding::Refuse(Code::AccountState, reason);
    }
    if let Some(reason) = tags.get(tags::HOLD) {
        return Finding::Hold(reason.clone());
    }
    if now < times.retire_after {
        return Finding::Wait(times.retire_after);
    }
    let settled = times.retiring_at.checked_add(rules.settle).unwrap_or(Timestamp::MAX);
    if now < settled {
        let reason = format!(
            "it was moved to Retiring at {} and is left alone until {settled}",
            times.retiring_at
        );
        return Finding::Refuse(Code::MovedRecently, reason);
    }
    Finding::Due(times.retire_after)
}

/// Accounts that are out of reach, whatever the tags of retirement say.
fn untouchable(observed: &Observed<'_>, rules: &Rules) -> Result<(), (Code, String)> {
    let tags = observed.tags;
    let refuse = |code, reason: &str| Err((code, reason.to_owned()));
    if *observed.account == rules.management {
        return refuse(Code::ManagementAccount, "it is the management account");
    }
    match tags.get(tags::TENANT).map(|tenant| tenant.parse::<TenantId>()) {
        None => return refuse(Code::NotATenant, "it has no tag landlord:tenant"),
        Some(Err(fault)) => return Err((Code::NotATenant, fault.at(tags::TENANT).to_string())),
        Some(Ok(_)) => {}
    }
    if rules.protected.contains(observed.account) {
        return refuse(Code::Protected, "it is on the list of protected accounts");
    }
    if tags.contains_key(tags::PROTECTED) {
        return refuse(Code::Protected, "it has the tag landlord:protected");
    }
    if observed.delegated {
        return refuse(
            Code::DelegatedAdministrator,
            "it administers a service for the organization: deregister it first",
        );
    }
    if observed.place == Place::Elsewhere {
        return refuse(Code::Elsewhere, "it stands neither in Retiring nor in Suspended");
    }
    Ok(())
}

/// A closing that is marked and still not seen after so long did not happen, or was undone.
const CLOSING_IS_DECIDED: SignedDuration = SignedDuration::from_hours(1);

/// An active account with the mark of a closing that is not the caller's own is not closed by a
/// sweep: unless the closing has just been asked for, somebody wanted it open again.
fn never_closed_before(observed: &Observed<'_>, now: Timestamp) -> Result<(), (Code, String)> {
    let Some(mark) = observed.tags.get(tags::CLOSING_REQUESTED_AT) else { return Ok(()) };
    if let Ok(marked) = mark.parse::<Timestamp>() {
        let own =
            observed.closing_since.is_some_and(|since| marked.as_second() >= since.as_second());
        if own {
            return Ok(());
        }
        if now.duration_since(marked) < CLOSING_IS_DECIDED {
            let reason =
                format!("AWS was asked to close it at {marked}, and has not said whether it does");
            return Err((Code::ClosingUndecided, reason));
        }
    }
    let wish = match observed.tags.get(tags::LIFECYCLE).and_then(|text| Lifecycle::of(text)) {
        Some(Lifecycle::Reinstated) => "; its tenant wants to come back",
        Some(Lifecycle::Retiring) | None => "",
    };
    let reason = format!(
        "AWS was asked to close it at {mark}, and it is active: AWS Support reopened it, or it was \
         never closed{wish}"
    );
    Err((Code::Reopened, reason))
}

struct Times {
    retire_after: Timestamp,
    retiring_at: Timestamp,
}

fn read_tags(tags: &AccountTags) -> Result<Times, (Code, String)> {
    let lifecycle = tags.get(tags::LIFECYCLE).ok_or_else(|| missing(tags::LIFECYCLE))?;
    match Lifecycle::of(lifecycle) {
        Some(Lifecycle::Retiring) => {}
        Some(Lifecycle::Reinstated) => {
            return Err((Code::Reinstated, "its tenant was reinstated".to_owned()));
        }
        None => return Err(malformed(tags::LIFECYCLE, lifecycle, "RETIRING or REINSTATED")),
    }
    time(tags, tags::LIFECYCLE_AT)?;
    Ok(Times {
        retire_after: time(tags, tags::RETIRE_AFTER)?,
        retiring_at: time(tags, tags::RETIRING_AT)?,
    })
}

fn time(tags: &AccountTags, key: &str) -> Result<Timestamp, (Code, String)> {
    let text = tags.get(key).ok_or_else(|| missing(key))?;
    text.parse().map_err(|_| malformed(key, text, "a time such as 2026-11-21T10:00:00Z"))
}

fn missing(key: &str) -> (Code, String) {
    (Code::TagsMissing, format!("it has no tag {key}"))
}

fn malformed(key: &str, value: &str, rule: &str) -> (Code, String) {
    (Code::TagsMalformed, format!("its tag {key} is {value:?} and must be {rule}"))
}

/// When the tenant left, by the newest event that was applied to its account; nothing when that
/// event brought it back, or there was none that can be read. It is cut to whole seconds, for it is
/// compared with a signup's time, which EventBridge gives in whole seconds.
pub fn left_at(tags: &AccountTags) -> Option<Timestamp> {
    match Lifecycle::of(tags.get(tags::LIFECYCLE)?)? {
        Lifecycle::Retiring => {
            let at: Timestamp = tags.get(tags::LIFECYCLE_AT)?.parse().ok()?;
            Timestamp::from_second(at.as_second()).ok()
        }
        Lifecycle::Reinstated => None,
    }
}

/// A time as the tags carry it, but for an event's own: UTC, whole seconds.
pub fn tag_time(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}
