//! Who failed, or vetoed, while the others took the change: remembered for the next rollout.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use rollout::{Class, Known, KnownFile, Row};
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

/// Where the list of a rollout's failures comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub(crate) execution: &'a str,
    pub(crate) now: Timestamp,
}

/// The stack set's list after a rollout that passed: what took the change leaves it, what failed
/// or vetoed is in it, since the first time that it did so. What the rollout did not touch stays.
pub(crate) fn remember(
    mut file: KnownFile,
    planned: &BTreeSet<Place>,
    astray: &[Astray],
    origin: Origin<'_>,
) -> KnownFile {
    let offends = |class: Class| match class.policy().counting {
        Counting::Failure | Counting::Veto => true,
        Counting::Deployed | Counting::FailureIfItStays | Counting::Excused => false,
    };
    let open: BTreeSet<Place> =
        astray.iter().map(|one| (one.account.clone(), one.region.clone())).collect();
    file.offenders.retain(|one| !planned.contains(&place(one)) || open.contains(&place(one)));
    for one in astray {
        let Some(class) = one.class.filter(|class| offends(*class)) else { continue };
        let reason = one.reason.clone().unwrap_or_default();
        let known = entry((&one.account, &one.region), (class, reason), None, origin);
        put(&mut file.offenders, known);
    }
    file
}

/// The list after a rollout that was stopped while most took its change: what failed is in it,
/// with the change, which may be to blame. What failed the same way by another change before, is
/// to blame itself.
pub(crate) fn suspect(
    mut file: KnownFile,
    failed: &[&Row],
    change: &str,
    origin: Origin<'_>,
) -> KnownFile {
    for row in failed {
        let reason = row.reason.clone().unwrap_or_default();
        let way = (row.class, reason);
        let mut known = entry((&row.account, &row.region), way, Some(change), origin);
        let before = file.offenders.iter().find(|one| {
            place(one) == place(&known) && is_failure(one.class) && one.is_same_way(&known)
        });
        if before.is_some_and(|one| one.excuses_from(Some(change))) {
            known.change = None;
        }
        put(&mut file.offenders, known);
    }
    file
}

fn place(one: &Known) -> Place {
    (one.account.clone(), one.region.clone())
}

fn is_failure(class: Class) -> bool {
    class.policy().is_failure()
}

fn entry(
    (account, region): (&lifecycle::AccountId, &lifecycle::RegionName),
    (class, reason): (Class, String),
    change: Option<&str>,
    origin: Origin<'_>,
) -> Known {
    Known {
        account: account.clone(),
        region: region.clone(),
        class,
        reason,
        since: Some(origin.now),
        execution: Some(origin.execution.to_owned()),
        change: change.map(str::to_owned),
        more: serde_json::Map::new(),
    }
}

/// Puts an entry in the place of the one that a rollout wrote about the same kind of offence there,
/// or that says the same. What people wrote beside stays.
fn put(offenders: &mut Vec<Known>, mut new: Known) {
    let of_a_kind =
        |one: &Known| place(one) == place(&new) && is_failure(one.class) == is_failure(new.class);
    let replaced =
        |one: &Known| of_a_kind(one) && (one.execution.is_some() || one.is_same_way(&new));
    let old: Vec<Known> = offenders.iter().filter(|one| replaced(one)).cloned().collect();
    offenders.retain(|one| !replaced(one));
    new.since = old.iter().filter_map(|one| one.since).min().or(new.since);
    for one in old {
        new.more.extend(one.more);
    }
    offenders.push(new);
    offenders.sort_by_key(place);
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

    fn remember(
        file: KnownFile,
        planned: &BTreeSet<Place>,
        astray: &[Astray],
        execution: &str,
        now: Timestamp,
    ) -> KnownFile {
        super::remember(file, planned, astray, Origin { execution, now })
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

        // Another kind of offence begins anew, and leaves the other; what no wave had stays.
        let none = BTreeSet::new();
        let file = remember(file, &none, &[astray(2, Class::Failed)], "three", july);
        let since: Vec<_> = file.offenders.iter().map(|one| (one.class, one.since)).collect();
        assert_eq!(since, [(Class::Vetoed, Some(june)), (Class::Failed, Some(july))]);
        assert_eq!(remember(file.clone(), &none, &[], "four", july), file);
    }

    #[test]
    fn what_failed_in_a_rollout_that_was_stopped_is_to_blame_at_the_second_change() {
        let row = |number: usize, reason: &str| {
            let (account, region) = place(number);
            Row::new(account, region, Class::Failed, reason)
        };
        let now = at("2026-06-01T00:00:00Z");
        let origin = |execution: &'static str| Origin { execution, now };
        let (first, other) = (row(1, "UPDATE_FAILED: taken 7"), row(2, "UPDATE_FAILED: other"));
        let file = suspect(KnownFile::default(), &[&first, &other], "a", origin("one"));
        let changes = |file: &KnownFile| -> Vec<Option<String>> {
            file.offenders.iter().map(|one| one.change.clone()).collect()
        };
        let a = Some("a".to_owned());
        assert_eq!(changes(&file), [a.clone(), a.clone()]);
        let again = suspect(file.clone(), &[&first], "a", origin("two"));
        assert_eq!(changes(&again), [a.clone(), a.clone()], "the same change once more");
        let again = suspect(again, &[&row(1, "UPDATE_FAILED: taken 8")], "b", origin("three"));
        assert_eq!(changes(&again), [None, a.clone()], "whatever the change is");
        let again = suspect(again, &[&first], "a", origin("four"));
        assert_eq!(changes(&again), [None, a.clone()], "and so it stays");
        let differs = suspect(file, &[&row(1, "UPDATE_FAILED: gone")], "b", origin("three"));
        assert_eq!(changes(&differs), [Some("b".to_owned()), a], "another way to fail");
    }

    #[test]
    fn what_people_wrote_stays_beside_what_rollouts_write() {
        let by_hand = KnownFile::read(
            r#"{"version": 1, "offenders": [
                {"account": "000000000001", "region": "eu-central-1", "class": "failed",
                 "reason": "*", "ticket": "OPS-7"},
                {"account": "000000000002", "region": "eu-central-1", "class": "failed",
                 "reason": "why", "ticket": "OPS-8"}]}"#,
        );
        let planned: BTreeSet<Place> = (0..10).map(place).collect();
        let now = at("2026-06-01T00:00:00Z");
        let open = [astray(1, Class::Failed), astray(2, Class::Failed)];
        let file = remember(by_hand, &planned, &open, "one", now);
        let text = file.text();
        let file = KnownFile::read(&text);
        let reasons: Vec<_> = file.offenders.iter().map(|one| one.reason.as_str()).collect();
        assert_eq!(reasons, ["*", "why", "why"]);
        assert!(text.contains("OPS-7") && text.contains("OPS-8"), "{text}");
        let file = remember(file, &planned, &[], "two", now);
        assert_eq!(file.offenders, [], "both took the change");
    }
}
