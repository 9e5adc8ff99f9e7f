//! Who failed, or vetoed, while the others took the change: remembered for the next rollout.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use rollout::{Class, Known, KnownFile};
use serde::{Deserialize, Serialize};
use stack_set_reasons::Counting;

use crate::decide::Astray;
use crate::reading::Place;

/// How many are named.
const NAMED: usize = 20;

/// An account that has vetoed for longer than the plan's bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LongVeto {
    /// The account.
    pub account: lifecycle::AccountId,
    /// The Region.
    pub region: lifecycle::RegionName,
    /// Since when each rollout of the stack set found it so.
    pub since: Timestamp,
    /// What its gate said last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The stack set's list after a rollout that passed: what took the change leaves it, what failed
/// or vetoed is in it, since the first time that it did so. What the rollout did not touch stays.
pub(crate) fn remember(
    file: KnownFile,
    planned: &BTreeSet<Place>,
    astray: &[Astray],
    execution: &str,
    now: Timestamp,
) -> KnownFile {
    let offends = |class: Class| match class.policy().counting {
        Counting::Failure | Counting::Veto => true,
        Counting::Deployed | Counting::FailureIfItStays | Counting::Excused => false,
    };
    let place = |one: &Known| (one.account.clone(), one.region.clone());
    let mut all: BTreeMap<Place, Known> =
        file.offenders.into_iter().map(|one| (place(&one), one)).collect();
    let open: BTreeSet<Place> =
        astray.iter().map(|one| (one.account.clone(), one.region.clone())).collect();
    all.retain(|place, _| !planned.contains(place) || open.contains(place));
    for one in astray {
        let Some(class) = one.class.filter(|class| offends(*class)) else { continue };
        let place = (one.account.clone(), one.region.clone());
        let veto = |class: Class| class.policy().counting == Counting::Veto;
        let same_kind = all.get(&place).filter(|known| veto(known.class) == veto(class));
        let since = same_kind.and_then(|known| known.since).or(Some(now));
        let known = Known {
            account: one.account.clone(),
            region: one.region.clone(),
            class,
            reason: one.reason.clone().unwrap_or_default(),
            since,
            execution: Some(execution.to_owned()),
        };
        all.insert(place, known);
    }
    KnownFile { version: 1, offenders: all.into_values().collect() }
}

/// Those that have vetoed for longer than so many days, the longest first.
pub(crate) fn long_vetoes(file: &KnownFile, days: u32, now: Timestamp) -> Vec<LongVeto> {
    let bound = SignedDuration::from_hours(24 * i64::from(days));
    let vetoed = file.offenders.iter().filter(|one| one.class == Class::Vetoed);
    let mut long: Vec<LongVeto> = vetoed
        .filter_map(|one| {
            let since = one.since.filter(|since| now.duration_since(*since) >= bound)?;
            let reason = Some(one.reason.clone()).filter(|reason| !reason.is_empty());
            let (account, region) = (one.account.clone(), one.region.clone());
            Some(LongVeto { account, region, since, reason })
        })
        .collect();
    long.sort_by_key(|one| one.since);
    long.truncate(NAMED);
    long
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::Has;

    fn place(number: usize) -> Place {
        (format!("{number:012}").parse().unwrap(), "eu-central-1".parse().unwrap())
    }

    fn astray(number: usize, class: Class) -> Astray {
        let (account, region) = place(number);
        let reason = Some("why".to_owned());
        Astray { account, region, class: Some(class), reason, known: false, template: Has::Old }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn what_failed_is_remembered_since_the_first_time_and_what_took_the_change_is_forgotten() {
        let planned: BTreeSet<Place> = (0..10).map(place).collect();
        let first =
            [astray(1, Class::Failed), astray(2, Class::Vetoed), astray(3, Class::Transient)];
        let (june, july) = (at("2026-06-01T00:00:00Z"), at("2026-07-01T00:00:00Z"));
        let file = remember(KnownFile::default(), &planned, &first, "one", june);
        let known: Vec<_> = file.offenders.iter().map(|one| one.class).collect();
        assert_eq!(known, [Class::Failed, Class::Vetoed], "a throttle is no offence");

        let file = remember(file, &planned, &[astray(2, Class::Vetoed)], "two", july);
        assert_eq!(file.offenders.len(), 1, "account 1 took the change");
        assert_eq!(file.offenders[0].since, Some(june));
        assert_eq!(file.offenders[0].execution.as_deref(), Some("two"));
        assert_eq!(long_vetoes(&file, 30, july).len(), 1);
        assert_eq!(long_vetoes(&file, 31, july).len(), 0);

        // Another kind of offence begins anew; what no wave had stays.
        let none = BTreeSet::new();
        let file = remember(file, &none, &[astray(2, Class::Failed)], "three", july);
        assert_eq!(file.offenders[0].since, Some(july));
        assert_eq!(remember(file.clone(), &none, &[], "four", july), file);
    }
}
