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
        seconds: 60,
        looked: None,
    }
}

#[test]
fn a_rehearsal_works_when_everybody_who_took_the_mark_gave_it_back_and_the_set_is_as_before() {
    let finished = |outcome: Outcome, code: ReasonCode| RolloutFinished {
        stack_set: "base".parse().unwrap(),
        execution: "r_1".to_owned(),
        outcome,
        reason: Some(Reason { code, text: "why it stopped".to_owned() }),
        counts: Counts::default(),
        accounts: Accounts { planned: 3, not_current: 0 },
        joined: Counts::default(),
        not_current: Vec::new(),
        not_current_key: String::new(),
        started_at: Timestamp::UNIX_EPOCH,
        finished_at: Timestamp::UNIX_EPOCH,
        seconds: 0,
        operations: 2,
        long_vetoes: Vec::new(),
        overriding: Vec::new(),
    };
    let instance =
        rollout::Instance { account: id(1), region: region(), inoperable: false, unit: None };
    let found = |went_forth, not_back: usize, set_is_as_before| Verified {
        set_is_as_before,
        went_forth,
        not_back: vec![instance.clone(); not_back],
    };
    let forth = [result(&[row(1, Class::Succeeded), row(2, Class::Vetoed)])];
    let back = [result(&[row(1, Class::Succeeded)]), result(&[])];
    let gone = finished(Outcome::RolledBack, ReasonCode::Rehearsed);
    let told = rehearsed(&gone, &forth, &back, Some(&found(1, 0, true)));
    assert!(told.works, "{told:?}");
    assert_eq!((told.forth_seconds, told.back_seconds), (60, 120));
    assert_eq!((told.went_forth, told.came_back), (1, 1));
    assert_eq!(told.in_the_way, [row(2, Class::Vetoed)], "a veto is told, and no failure");
    let failed = finished(Outcome::RollbackFailed, ReasonCode::Rehearsed);
    let stopped = finished(Outcome::RolledBack, ReasonCode::TooManyFailures);
    for (finished, verified, reason) in [
        (&gone, None, "the way back did not come to its end"),
        (&gone, Some(found(1, 0, false)), "the set is not what it was"),
        (&gone, Some(found(3, 1, true)), "1 instances are not back"),
        (&gone, Some(found(0, 0, true)), "nobody took the mark"),
        (&failed, Some(found(1, 0, true)), "the way back failed in part"),
        (&stopped, Some(found(1, 0, true)), "why it stopped"),
    ] {
        let told = rehearsed(finished, &forth, &back, verified.as_ref());
        assert_eq!((told.works, told.reason.as_deref()), (false, Some(reason)));
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
