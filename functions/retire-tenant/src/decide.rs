//! The next step of a retirement or a return: a function of what was read, the event and the
//! clock.
//!
//! Each step is decided on a fresh read, so that what another does at the same time is seen: a
//! return takes `retire-after` away in one step, and only in a later one, after reading again,
//! believes that nobody is withdrawing or closing.

#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};
use lifecycle::retirement::{AccountState, Lifecycle, Place, tag_time};
use lifecycle::{AccountId, OuId, TagValue, TenantId, tags};
use organization_accounts::Facts;
use serde::{Deserialize, Serialize};

use crate::answer::OutcomeKind;
use crate::config::Config;
use crate::error::Error;

/// A closing that is marked, and whose account is still active after this time, did not happen.
const CLOSING_IS_DECIDED: SignedDuration = SignedDuration::from_hours(1);

/// What a return leaves of the tags of retirement: nothing but the newest event's, and the mark of
/// an emptied account.
const OF_RETIREMENT: [&str; 5] = [
    tags::RETIRING_AT,
    tags::RETIRE_REASON,
    tags::RETIRE_BY,
    tags::HOME,
    tags::CLOSING_REQUESTED_AT,
];

/// For so long after an account was taken out of service a read of its parent may still show where
/// it stood before. AWS does not say how long reads of Organizations lag.
const MOVES_SHOW: SignedDuration = SignedDuration::from_secs(120);

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Action {
    /// The tenant has left.
    Retire,
    /// The tenant comes back.
    Reinstate,
}

/// The event, as it is to be applied.
#[derive(Debug, Clone)]
pub(crate) struct Ask<'a> {
    pub(crate) action: Action,
    pub(crate) tenant: &'a TenantId,
    pub(crate) account: &'a AccountId,
    pub(crate) occurred_at: Timestamp,
    pub(crate) days: u32,
    pub(crate) reason: &'a str,
    pub(crate) by: &'a str,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// Write these tags.
    Write(Vec<(&'static str, String)>),
    /// Remove these.
    Remove(Vec<&'static str>),
    /// Move the account there.
    Move(OuId),
    /// Do this with an account that is closed, as far as AWS lets it be done, and go on; when AWS
    /// refuses, it is done as it is.
    Try(Box<Next>, OutcomeKind),
    /// Wait for this.
    Wait(String),
    /// It is as asked, or there is nothing to do.
    Done(OutcomeKind),
}

/// The newest event that was applied; nothing when there was none, or nobody can read it.
fn applied(facts: &Facts) -> Option<(Timestamp, Lifecycle)> {
    let at = facts.tags.get(tags::LIFECYCLE_AT)?.parse().ok()?;
    Some((at, Lifecycle::of(facts.tags.get(tags::LIFECYCLE)?)?))
}

/// What to do next.
///
/// # Errors
/// `TenantMismatch`, `UnexpectedOrganizationalUnit`.
pub(crate) fn next(
    facts: &Facts,
    ask: &Ask<'_>,
    config: &Config,
    now: Timestamp,
) -> Result<Next, Error> {
    let tenant = facts.tags.get(tags::TENANT);
    if tenant.map(String::as_str) != Some(ask.tenant.as_str()) {
        return Err(Error::TenantMismatch {
            account: ask.account.clone(),
            tenant: ask.tenant.clone(),
            found: tenant.cloned(),
        });
    }
    let occurred = ask.occurred_at;
    let applied = applied(facts);
    if applied.is_some_and(|(at, _)| at > occurred) {
        return Ok(Next::Done(OutcomeKind::Stale));
    }
    let is_gone = facts.state.is_gone()
        || (facts.state == AccountState::Suspended
            && facts.tags.contains_key(tags::CLOSING_REQUESTED_AT));
    match ask.action {
        Action::Retire if is_gone => Ok(retire_closed(facts, ask, applied, config)),
        Action::Reinstate if is_gone => Ok(remember(ask, applied)),
        Action::Retire => retire(facts, ask, applied, config, now),
        Action::Reinstate => reinstate(facts, ask, applied, config, now),
    }
}

fn unexpected(facts: &Facts, ask: &Ask<'_>, why: &'static str) -> Error {
    Error::UnexpectedOrganizationalUnit {
        account: ask.account.clone(),
        found: facts.parent.clone(),
        why,
    }
}

/// The unit from which the account was or is taken out of service.
fn home(facts: &Facts, config: &Config) -> Option<OuId> {
    let home: OuId = facts.tags.get(tags::HOME)?.parse().ok()?;
    config.is_in_service(&home).then_some(home)
}

fn present(facts: &Facts, keys: &[&'static str]) -> Vec<&'static str> {
    keys.iter().copied().filter(|key| facts.tags.contains_key(*key)).collect()
}

/// A tenant wants to come back, and its account is closed: the wish is written on it, so that
/// whoever meets it after AWS Support has reopened it knows.
fn remember(ask: &Ask<'_>, applied: Option<(Timestamp, Lifecycle)>) -> Next {
    let occurred = ask.occurred_at;
    if applied == Some((occurred, Lifecycle::Reinstated)) {
        return Next::Done(OutcomeKind::AccountClosed);
    }
    let wish = vec![
        (tags::LIFECYCLE, Lifecycle::Reinstated.as_str().to_owned()),
        (tags::LIFECYCLE_AT, occurred.to_string()),
    ];
    Next::Try(Box::new(Next::Write(wish)), OutcomeKind::AccountClosed)
}

/// A tenant leaves whose account was closed by hand while it was live: it stands where the sweeps
/// find it, and they finish it.
fn retire_closed(
    facts: &Facts,
    ask: &Ask<'_>,
    applied: Option<(Timestamp, Lifecycle)>,
    config: &Config,
) -> Next {
    let occurred = ask.occurred_at;
    let Some(unit) = config.in_service(&facts.parent) else {
        return Next::Done(OutcomeKind::AlreadyClosed);
    };
    let next = match applied {
        Some((at, Lifecycle::Reinstated)) if at == occurred => {
            return Next::Done(OutcomeKind::Stale);
        }
        Some((at, Lifecycle::Retiring)) if at == occurred => {
            Next::Move(config.units.retiring.clone())
        }
        _ => Next::Write(vec![
            (tags::LIFECYCLE, Lifecycle::Retiring.as_str().to_owned()),
            (tags::LIFECYCLE_AT, occurred.to_string()),
            (tags::RETIRE_REASON, tag_text(ask.reason)),
            (tags::RETIRE_BY, tag_text(ask.by)),
            (tags::HOME, unit.to_string()),
        ]),
    };
    Next::Try(Box::new(next), OutcomeKind::AlreadyClosed)
}

fn retire(
    facts: &Facts,
    ask: &Ask<'_>,
    applied: Option<(Timestamp, Lifecycle)>,
    config: &Config,
    now: Timestamp,
) -> Result<Next, Error> {
    let occurred = ask.occurred_at;
    let in_service = config.in_service(&facts.parent);
    let place = config.units.place(&facts.parent);
    match applied {
        // Of two events of the same time, coming back wins.
        Some((at, Lifecycle::Reinstated)) if at == occurred => {
            return Ok(Next::Done(OutcomeKind::Stale));
        }
        Some((at, Lifecycle::Retiring)) if at == occurred => {
            return match (in_service, facts.tags.contains_key(tags::RETIRING_AT)) {
                (Some(_), false) => Ok(Next::Move(config.units.retiring.clone())),
                (Some(_), true) if was_moved_just_now(facts, now) => Ok(awaits_the_move(ask)),
                // It was retired by this event, and a person moved it back since.
                (Some(_), true) => Ok(Next::Done(OutcomeKind::Stale)),
                (None, _) if place == Place::Elsewhere => {
                    Err(unexpected(facts, ask, "where no tenant's account stands"))
                }
                (None, false) => Ok(Next::Write(vec![(tags::RETIRING_AT, tag_time(now))])),
                (None, true) => Ok(Next::Done(OutcomeKind::Retiring)),
            };
        }
        _ => {}
    }
    let retire_after = days_after(now, ask.days);
    let mut tags = vec![
        (tags::LIFECYCLE, Lifecycle::Retiring.as_str().to_owned()),
        (tags::LIFECYCLE_AT, occurred.to_string()),
        (tags::RETIRE_REASON, tag_text(ask.reason)),
        (tags::RETIRE_BY, tag_text(ask.by)),
    ];
    if let Some(unit) = in_service {
        // What an earlier retirement left would be taken for this one's. Not so the mark of a
        // withdrawal: it stays until the account is equipped again.
        let left = present(facts, &[tags::RETIRING_AT, tags::CLOSING_REQUESTED_AT]);
        if !left.is_empty() {
            return Ok(Next::Remove(left));
        }
        tags.push((tags::HOME, unit.to_string()));
        tags.push((tags::RETIRE_AFTER, tag_time(retire_after)));
        return Ok(Next::Write(tags));
    }
    if place == Place::Elsewhere {
        return Err(unexpected(facts, ask, "where no tenant's account stands"));
    }
    if home(facts, config).is_none() {
        return Err(unexpected(
            facts,
            ask,
            "and its tag landlord:home does not say where it belongs",
        ));
    }
    // AWS Support reopened it, and the tenant leaves once more: that closing is history, and the
    // sweeps need not refuse it any longer.
    let reopened = present(facts, &[tags::CLOSING_REQUESTED_AT]);
    if !reopened.is_empty() && undecided(facts, now).is_none() {
        return Ok(Next::Remove(reopened));
    }
    // It is retiring already: asked again, it cools off for longer, never for less.
    let before = facts.tags.get(tags::RETIRE_AFTER).and_then(|text| text.parse().ok());
    let later = before.map_or(retire_after, |before: Timestamp| before.max(retire_after));
    tags.push((tags::RETIRE_AFTER, tag_time(later)));
    Ok(Next::Write(tags))
}

/// Whether the account was taken out of service a moment ago, so that a read which shows it in
/// service may be from before.
fn was_moved_just_now(facts: &Facts, now: Timestamp) -> bool {
    let retiring_at = facts.tags.get(tags::RETIRING_AT).and_then(|text| text.parse().ok());
    retiring_at.is_some_and(|at: Timestamp| now.duration_since(at) < MOVES_SHOW)
}

fn awaits_the_move(ask: &Ask<'_>) -> Next {
    let account = ask.account;
    Next::Wait(format!("account {account} was moved a moment ago, and AWS may show where it stood"))
}

/// When AWS was asked to close the account, if it is not decided yet whether it does.
fn undecided(facts: &Facts, now: Timestamp) -> Option<Timestamp> {
    let marked: Timestamp = facts.tags.get(tags::CLOSING_REQUESTED_AT)?.parse().ok()?;
    (now.duration_since(marked) < CLOSING_IS_DECIDED).then_some(marked)
}

fn days_after(now: Timestamp, days: u32) -> Timestamp {
    now.checked_add(SignedDuration::from_hours(i64::from(days) * 24)).unwrap_or(Timestamp::MAX)
}

fn tag_text(text: &str) -> String {
    TagValue::of_text(text).as_str().to_owned()
}

fn reinstate(
    facts: &Facts,
    ask: &Ask<'_>,
    applied: Option<(Timestamp, Lifecycle)>,
    config: &Config,
    now: Timestamp,
) -> Result<Next, Error> {
    let occurred = ask.occurred_at;
    let in_service = config.in_service(&facts.parent).is_some();
    let place = config.units.place(&facts.parent);
    if !in_service && place == Place::Elsewhere {
        return Err(unexpected(facts, ask, "where no tenant's account stands"));
    }
    let emptied = facts.tags.contains_key(tags::WITHDRAWN_AT);
    let destination = if emptied { Some(config.onboarding.clone()) } else { home(facts, config) };
    if !in_service && destination.is_none() {
        return Err(unexpected(
            facts,
            ask,
            "and its tag landlord:home does not say where it belongs",
        ));
    }
    // From here on the guards refuse it; also remembered of an account that is live, for the
    // retirement that it undoes may come later.
    if applied != Some((occurred, Lifecycle::Reinstated)) {
        return Ok(Next::Write(vec![
            (tags::LIFECYCLE, Lifecycle::Reinstated.as_str().to_owned()),
            (tags::LIFECYCLE_AT, occurred.to_string()),
        ]));
    }
    let forbidden = present(facts, &[tags::RETIRE_AFTER]);
    if !forbidden.is_empty() {
        return Ok(Next::Remove(forbidden));
    }
    if let Some(marked) = undecided(facts, now).filter(|_| !in_service) {
        return Ok(Next::Wait(format!(
            "AWS was asked to close account {} at {marked}, and has not said whether it does",
            ask.account
        )));
    }
    match destination {
        Some(destination) if !in_service => Ok(Next::Move(destination)),
        _ if was_moved_just_now(facts, now) => Ok(awaits_the_move(ask)),
        _ => {
            let left = present(facts, &OF_RETIREMENT);
            Ok(if left.is_empty() { Next::Done(OutcomeKind::Restored) } else { Next::Remove(left) })
        }
    }
}
