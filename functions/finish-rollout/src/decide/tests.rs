//! The decisions, as tables.

use rollout::Standing;

use super::*;

fn id(number: usize) -> AccountId {
    format!("{number:012}").parse().unwrap()
}

fn region() -> RegionName {
    "eu-central-1".parse().unwrap()
}

fn row(number: usize, class: Class) -> Row {
    Row::new(id(number), region(), class, "why")
}

fn result(rows: &[Row]) -> StageResult {
    StageResult {
        operations: 1,
        standing: Standing::default().with(rows),
        reason: None,
        seconds_per_round: None,
    }
}

fn batch(accounts: std::ops::Range<usize>) -> Batch {
    Batch { regions: vec![region()], accounts: accounts.map(id).collect() }
}

fn accounts(astray: &[Astray]) -> Vec<(AccountId, Has)> {
    astray.iter().map(|one| (one.account.clone(), one.template)).collect()
}

fn ninety() -> Counts {
    Counts { succeeded: 90, ..Counts::default() }
}

#[test]
fn what_became_of_it_is_one_word() {
    use {Choice as C, Course as K, Outcome as O, Rollback as R};
    let none = [];
    let suspended = [astray(&row(1, Class::Suspended), Has::Old)];
    let failed = [astray(&row(1, Class::Failed), Has::Old)];
    let mut known = row(1, Class::Failed);
    known.known = true;
    let known = [astray(&known, Has::Old)];
    for (course, choice, rollback, astray, expected) in [
        (K::Passed, None, None, &none[..], O::Succeeded),
        (K::Passed, None, None, &suspended[..], O::Succeeded),
        (K::Passed, None, None, &known[..], O::Succeeded),
        (K::Passed, None, None, &failed[..], O::Incomplete),
        (K::Stopped, Some(C::RollBack), Some(R::Done), &none[..], O::RolledBack),
        (K::Stopped, Some(C::RollBack), Some(R::Failed), &failed[..], O::RollbackFailed),
        (K::Stopped, Some(C::RollBack), None, &none[..], O::RollbackFailed),
        (K::Stopped, Some(C::Leave), None, &none[..], O::Left),
        (K::Stopped, Some(C::NothingChanged), None, &none[..], O::NothingChanged),
    ] {
        let (told, _) = outcome((course, choice, rollback), &ninety(), 10, astray);
        assert_eq!(told, expected);
    }
}

#[test]
fn what_excuses_reached_is_never_a_success() {
    let passed = |counts: Counts| {
        let rows: Vec<Astray> =
            (0..counts.suspended).map(|n| astray(&row(n, Class::Suspended), Has::Old)).collect();
        let (told, reason) = outcome((Course::Passed, None, None), &counts, 10, &rows);
        (told, reason.map(|reason| reason.code))
    };
    let everybody = Counts { suspended: 50, ..Counts::default() };
    assert_eq!(passed(everybody), (Outcome::Unproven, Some(ReasonCode::NoAccountChanged)));
    let nothing = Counts::default();
    assert_eq!(passed(nothing).0, Outcome::Unproven);
    let overriding = Counts { overriding: 9, ..nothing };
    assert_eq!(passed(overriding).0, Outcome::Unproven, "each keeps its own value");
    let a_tenth = Counts { suspended: 10, ..ninety() };
    assert_eq!(passed(a_tenth), (Outcome::Succeeded, None));
    let more = Counts { suspended: 11, ..ninety() };
    assert_eq!(passed(more), (Outcome::Incomplete, Some(ReasonCode::TooManyExcused)));
    let few = Counts { succeeded: 4, suspended: 3, ..nothing };
    assert_eq!(passed(few), (Outcome::Succeeded, None), "a small fleet has its floor");
    let known = Counts { known_offenders: 8, suspended: 3, ..ninety() };
    assert_eq!(passed(known), (Outcome::Incomplete, Some(ReasonCode::TooManyExcused)));
}

#[test]
fn what_the_late_comers_settled_is_newer() {
    let waves = [result(&[row(1, Class::Succeeded), row(2, Class::Vetoed), row(3, Class::Failed)])];
    let late = result(&[row(2, Class::Succeeded)]);
    let counts = counts(&waves, Some(&late));
    assert_eq!((counts.succeeded, counts.vetoed, counts.failed), (2, 0, 1));
    assert_eq!(accounts(&without_the_change(&waves, Some(&late))), [(id(3), Has::Old)]);
    assert_eq!(without_the_change(&waves, None).len(), 2);
}

#[test]
fn a_rollback_that_fails_says_who_has_what() {
    let stood_new = [batch(1..7)];
    let back = [
        (
            vec![batch(1..4)],
            Some(result(&[row(1, Class::Succeeded), row(2, Class::Vetoed), row(3, Class::Failed)])),
        ),
        (vec![batch(4..6)], None),
    ];
    assert_eq!(
        accounts(&with_the_change(&stood_new, &back)),
        [
            (id(2), Has::New),
            (id(3), Has::Unknown),
            (id(4), Has::New),
            (id(5), Has::New),
            (id(6), Has::New),
        ]
    );
    let all = [(
        vec![batch(1..7)],
        Some(result(&(1..7).map(|n| row(n, Class::Succeeded)).collect::<Vec<_>>())),
    )];
    assert_eq!(with_the_change(&stood_new, &all), []);
}

#[test]
fn failures_are_named_first_and_twenty_at_most() {
    let mut rows: Vec<_> = (0..30).map(|n| astray(&row(n, Class::Vetoed), Has::Old)).collect();
    rows.push(astray(&row(99, Class::Failed), Has::Old));
    let named = named(&rows);
    assert_eq!(named.len(), 20);
    assert_eq!(named[0].account, id(99));
}
