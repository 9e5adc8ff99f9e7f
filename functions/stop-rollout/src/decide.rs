//! What to do about a roll-out that stops, and who goes which way.

use std::collections::{BTreeMap, BTreeSet};

use lifecycle::rollout::{OperationName, RolloutHash};
use lifecycle::{AccountId, RegionName};
use rollout::cut::batches;
use rollout::manifest::Operations;
use rollout::plan::OnStop;
use rollout::stack_set::Listed;
use rollout::{Batch, Manifest, ReasonCode};
use serde::{Deserialize, Serialize};

/// The least accounts of an operation of the way back that is full.
const LEAST_SIZE: usize = 100;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Choice {
    /// Everyone who got the new template gets the old one.
    RollBack,
    /// They keep it; the set has the old one again.
    Leave,
    /// The set is as it was: there is nothing to do.
    NothingChanged,
}

/// What the plan, an operator and the reason make of it.
pub fn choose(on_stop: OnStop, leave: bool, code: ReasonCode) -> Choice {
    match on_stop {
        // Whoever changed the set meanwhile did so on purpose: nothing is put over it.
        _ if leave || code == ReasonCode::DefinitionChanged => Choice::Leave,
        OnStop::Leave => Choice::Leave,
        OnStop::RollBack => Choice::RollBack,
    }
}

/// The operations of this roll-out that have not ended, by what the log says.
pub fn open_of<'a>(
    log: impl IntoIterator<Item = (&'a str, bool)>,
    rollout: &RolloutHash,
) -> Vec<String> {
    let open = log.into_iter().filter(|(_, ended)| !ended);
    let mine =
        open.filter(|(id, _)| OperationName::read(id).is_some_and(|name| name.rollout == *rollout));
    mine.map(|(id, _)| id.to_owned()).collect()
}

/// Whether an instance has the new template: it is current, for the set's definition is the new
/// one, and putting it there made all others outdated.
pub fn has_the_new_one(listed: &Listed) -> bool {
    listed.current && !listed.instance.inoperable
}

/// How well an instance suits as the one account that is asked when only the definition is put
/// back; less is better. Those that never got the new one are left as they are.
pub fn suits_for_leaving(listed: &Listed, rollout: &RolloutHash) -> u8 {
    let touched = listed
        .last_operation
        .as_deref()
        .and_then(OperationName::read)
        .is_some_and(|name| name.rollout == *rollout);
    match (listed.current, touched) {
        (false, false) => 0,
        (false, true) => 1,
        (true, _) => 2,
    }
}

/// Instances by account.
pub type ByAccount = BTreeMap<AccountId, BTreeSet<RegionName>>;

/// The way back: the waves in reverse order, each with its file. Accounts that are in no wave
/// were enrolled meanwhile, and go with the last one. The first operation restores.
pub fn way_back(
    manifest: &Manifest,
    waves: &[(u32, Vec<Batch>)],
    new: ByAccount,
) -> Vec<(u32, Operations)> {
    let wave_of: BTreeMap<&AccountId, u32> = waves
        .iter()
        .flat_map(|(number, batches)| {
            batches.iter().flat_map(|batch| &batch.accounts).map(move |account| (account, *number))
        })
        .collect();
    let last = new.keys().filter_map(|account| wave_of.get(account)).max().copied().unwrap_or(1);
    let mut by_wave: BTreeMap<u32, ByAccount> = BTreeMap::new();
    for (account, regions) in new {
        let number = wave_of.get(&account).copied().unwrap_or(last);
        by_wave.entry(number).or_default().insert(account, regions);
    }
    let mut first = true;
    by_wave
        .into_iter()
        .rev()
        .map(|(number, accounts)| {
            // As many at a time as in the largest wave: one round of them, for new tenants wait
            // for the operation that is on its way.
            let largest = manifest.waves.iter().map(|wave| wave.accounts).max().unwrap_or(1);
            let at_once = manifest.wave(number).map_or(1, |wave| wave.concurrent(largest));
            let size = at_once.max(LEAST_SIZE);
            let restores = std::mem::take(&mut first);
            (number, Operations { operations: batches(accounts, size), restores })
        })
        .collect()
}

#[cfg(test)]
mod tests;
