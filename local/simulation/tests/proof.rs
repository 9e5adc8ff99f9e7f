//! The proof itself: that a seed is a world, and that what it finds can be played again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use simulation::proof::{Aim, Part, Schedule, run_part};

/// A seed in which tenants sign up and faults come; any will do.
const SEED: u64 = 7;

#[test]
fn the_same_seed_twice_gives_the_same_trace_byte_for_byte() {
    let trace = || run_part(SEED, &Part::default(), true).unwrap();
    let (one, other) = (trace(), trace());
    assert!(one.trace.lines().count() > 300, "{} lines", one.trace.lines().count());
    assert!(!one.record.happened.is_empty(), "faults came");
    let differs = one.trace.lines().zip(other.trace.lines()).find(|(one, other)| one != other);
    assert_eq!(differs, None);
    assert_eq!(one.trace.len(), other.trace.len());
    assert_eq!(one.record.happened, other.record.happened);
    assert_eq!(one.ends, other.ends);
}

#[test]
fn a_fault_that_is_left_out_leaves_the_others_where_they_were() {
    let whole = run_part(SEED, &Part::default(), false).unwrap();
    let keys: Vec<_> = whole.record.happened.iter().map(|it| it.key.clone()).collect();
    let first = keys.first().expect("faults came").clone();
    let part = Part { only_faults: Some([first.clone()].into()), ..Part::default() };
    let less = run_part(SEED, &part, false).unwrap();
    let left: Vec<_> = less.record.happened.iter().map(|it| it.key.clone()).collect();
    assert_eq!(left, [first]);
    assert_eq!(less.record.happened[0].at, whole.record.happened[0].at);
}

#[test]
fn seeds_differ_in_what_happens() {
    let steps: Vec<_> = (1..=20).map(|seed| Schedule::of(seed).steps).collect();
    assert!(steps.windows(2).any(|pair| pair[0] != pair[1]));
    let people = steps.iter().flatten().filter(|step| step.what.tampers_with().is_some());
    assert!(people.count() > 0, "people lay hands on some of them");
}

#[test]
fn what_is_aimed_at_comes_once_besides_what_comes_anyway() {
    let whole = run_part(SEED, &Part::default(), false).unwrap();
    for text in [
        "answer lost at deploy-wave cloudformation:UpdateStackSet",
        "too late at plan-rollout itself",
        "stale at plan-rollout cloudformation:DescribeStackSet",
    ] {
        let aim: Aim = text.parse().unwrap();
        let hit = (aim.site.clone(), aim.kind);
        assert!(!whole.record.hits.contains_key(&hit), "{text} comes without being aimed at");
        let part = Part { aim: Some(aim), ..Part::default() };
        let aimed = run_part(SEED, &part, false).unwrap();
        assert_eq!(aimed.record.hits.get(&hit), Some(&1), "{text}");
        let first = |outcome: &simulation::proof::Outcome| outcome.record.happened.first().cloned();
        assert_eq!(first(&aimed), first(&whole), "{text}");
        assert_eq!(aimed.violations, [""; 0], "{text}");
    }
}

/// 8787 and 9899: AWS cannot delete a stack of a tenant that leaves, and people are told; in 9899
/// the tenant signs up again and hears why it cannot. 7368: one operation is ordered five times by its id.
#[test]
fn what_waits_for_people_and_what_is_ordered_again_violates_nothing() {
    for seed in [7368, 8787, 9899] {
        let outcome = run_part(seed, &Part::default(), false).unwrap();
        assert_eq!(outcome.violations, [""; 0], "seed {seed}");
        if seed == 9899 {
            let soylent = &outcome.ends["soylent"];
            assert!(soylent.contains("TenantOnboardingFailed (AccountRetiring)"), "{soylent}");
        }
    }
}
