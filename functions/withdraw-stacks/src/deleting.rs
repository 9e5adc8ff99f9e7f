//! The deletions. Right before one is started its accounts are looked at once more: hours may have
//! passed since the guards were asked, and a tenant may have come back. It then goes through
//! onboarding again, which waits for a deletion that it can see.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use lambda_kit::sdk::{Pace, Trouble};
use lifecycle::AccountId;
use lifecycle::retirement::sweep::OutcomeKind;
use lifecycle::retirement::{AccountTags, Code, Lifecycle};
use lifecycle::tags;
use stop_switch::Stop;

use crate::decide::operation_id;
use crate::error::{Halt, halt};
use crate::handler::{Withdrawal, said};
use crate::stack_sets::Received;
use crate::work::{Checked, Group, Phase};

/// AWS lists tags of more accounts a second than this.
const LOOKS_PER_SECOND: u32 = 5;
/// A look counts for so long: onboarding waits longer than that for a deletion to show.
const LOOK_COUNTS: SignedDuration = SignedDuration::from_secs(60);

/// How far the deletions were started.
pub(crate) enum Deleted {
    All,
    Some,
    Stopped(Stop),
}

/// Why an account keeps what it still has.
fn objection(tags: &AccountTags) -> Option<(Code, String)> {
    if let Some(reason) = tags.get(tags::HOLD) {
        return Some((Code::OnHold, format!("it is held: {reason}")));
    }
    let lifecycle = tags.get(tags::LIFECYCLE).and_then(|text| Lifecycle::of(text));
    let is_leaving =
        lifecycle == Some(Lifecycle::Retiring) && tags.contains_key(tags::RETIRE_AFTER);
    (!is_leaving).then(|| (Code::Reinstated, "its tenant was reinstated".to_owned()))
}

impl Withdrawal<'_> {
    pub(crate) async fn delete_all(&mut self) -> Result<Deleted, Halt> {
        if let Some(again_at) = self.state.again_at.filter(|at| self.app.clock.now() < *at) {
            let because = format!("deletions that failed are tried again at {again_at}");
            return Err(Halt::Wait(because));
        }
        let works = self.works().await?;
        let operations: Vec<_> = works
            .iter()
            .flat_map(|work| work.groups.iter().map(move |group| (work, group)))
            .collect();
        for (work, group) in operations.iter().skip(self.state.next) {
            if self.is_over() {
                return Ok(Deleted::Some);
            }
            // Read afresh: what is deleted here is lost.
            if let Some(stop) = Box::pin(self.stopped()).await? {
                return Ok(Deleted::Stopped(stop));
            }
            let group = Box::pin(self.still_leaving(group)).await?;
            if group.accounts.is_empty() {
                self.state.next += 1;
                continue;
            }
            let sweep = &self.request.sweep.name;
            let id = operation_id(sweep, self.state.attempt, &work.stack_set, &group);
            let received = match Box::pin(self.app.delete(work, &group, &id)).await {
                Ok(received) => received,
                // One stack set that Landlord may not touch stops nothing else: the next look finds
                // whose instances are left in it.
                Err(Trouble::Refused(refusal)) => {
                    tracing::error!("stack set {} is left: {refusal}", work.stack_set);
                    self.state.denied.insert(work.stack_set.clone(), said(&refusal));
                    self.state.next += 1;
                    continue;
                }
                Err(trouble) => return Err(self.halt(trouble)),
            };
            match received {
                Received::Started => tracing::info!(
                    operation.id = id,
                    accounts = group.accounts.len(),
                    "stack set {}: instances are being deleted",
                    work.stack_set
                ),
                Received::Busy => {
                    let because = format!("stack set {} is busy", work.stack_set);
                    return Err(Halt::Wait(because));
                }
                // The next look, after the other operations, finds what is left.
                Received::Outdated => tracing::warn!(
                    operation.id = id,
                    "stack set {}: AWS finds other instances than were listed",
                    work.stack_set
                ),
            }
            self.state.next += 1;
        }
        self.state.enter(Phase::Follow);
        Ok(Deleted::All)
    }

    /// The group without the accounts that do not leave any more. Of those that are closed already
    /// nothing is asked: nobody comes back to them.
    async fn still_leaving(&mut self, group: &Group) -> Result<Group, Halt> {
        let began = self.app.clock.now();
        let gone: BTreeSet<AccountId> = if group.retain {
            let checked = self.checked().await?.into_iter().filter(|account| account.gone);
            checked.map(|account| account.candidate.account_id).collect()
        } else {
            BTreeSet::new()
        };
        let mut pace = Pace::per_second(LOOKS_PER_SECOND);
        let mut back = BTreeMap::new();
        for account in group.accounts.iter().filter(|account| !gone.contains(*account)) {
            if self.state.back.contains(account) {
                continue;
            }
            pace.turn().await;
            let read = self.app.accounts.tags(account).await;
            let read = read.map_err(|trouble| halt(&format!("account {account}"), trouble))?;
            if let Some(objection) = objection(&read.unwrap_or_default()) {
                back.insert(account.clone(), objection);
            }
        }
        if !back.is_empty() {
            self.leave(back).await?;
        }
        if self.app.clock.now().duration_since(began) > LOOK_COUNTS {
            let because = "looking at the accounts once more took too long: it is done again";
            return Err(Halt::Wait(because.to_owned()));
        }
        let mut group = group.clone();
        group.accounts.retain(|account| !self.state.back.contains(account));
        Ok(group)
    }

    /// These accounts are none of the sweep's any more; their outcomes say why.
    async fn leave(&mut self, back: BTreeMap<AccountId, (Code, String)>) -> Result<(), Halt> {
        let checked = self.checked().await?;
        for Checked { candidate, .. } in &checked {
            if let Some((code, reason)) = back.get(&candidate.account_id) {
                let (code, reason) = (code.to_string(), reason.clone());
                self.set_aside(candidate, OutcomeKind::Refused, code, reason).await?;
                self.state.refused += 1;
            }
        }
        self.state.back.extend(back.into_keys());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_still_leaves_and_is_not_held_is_emptied() {
        let leaving: AccountTags =
            [(tags::LIFECYCLE, "RETIRING"), (tags::RETIRE_AFTER, "2026-11-20T10:00:00Z")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into();
        assert_eq!(objection(&leaving), None);
        for (key, value, code) in [
            (tags::HOLD, Some("audit"), Code::OnHold),
            (tags::LIFECYCLE, Some("REINSTATED"), Code::Reinstated),
            (tags::LIFECYCLE, None, Code::Reinstated),
            (tags::RETIRE_AFTER, None, Code::Reinstated),
        ] {
            let mut changed = leaving.clone();
            match value {
                Some(value) => changed.insert(key.to_owned(), value.to_owned()),
                None => changed.remove(key),
            };
            assert_eq!(objection(&changed).unwrap().0, code, "{key} {value:?}");
        }
    }
}
