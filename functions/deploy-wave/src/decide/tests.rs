//! The decisions, as tables.

use super::*;
use crate::state::Open;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn row(account: usize, class: Class, reason: &str) -> Row {
    let account = format!("{account:012}").parse().unwrap();
    Row::new(account, "eu-central-1".parse().unwrap(), class, reason)
}

fn rows(count: usize, class: Class) -> Vec<Row> {
    // Each with an error of its own: letters, for digits are no part of the normalized error.
    let reason = |n: usize| "x".repeat(n + 1);
    (0..count).map(|n| row(n, class, &reason(n))).collect()
}

const TOLERANCES: Tolerances = Tolerances { failures: 2, vetoes: 3, same_error: 3 };

fn code(standing: &Standing, now: &[Row]) -> Option<ReasonCode> {
    judge(&TOLERANCES, &standing.clone().with(now)).map(|reason| reason.code)
}

#[test]
fn failures_and_vetoes_have_their_own_tolerances() {
    let standing = |class, count| Standing::default().with(&rows(count, class));
    for (class, count, stops) in [
        (Class::Failed, 2, None),
        (Class::Failed, 3, Some(ReasonCode::TooManyFailures)),
        (Class::Unclassified, 3, Some(ReasonCode::TooManyFailures)),
        (Class::Vetoed, 3, None),
        (Class::Vetoed, 4, Some(ReasonCode::TooManyVetoes)),
        (Class::Transient, 50, None),
        (Class::Suspended, 50, None),
        (Class::Cancelled, 50, None),
    ] {
        assert_eq!(code(&standing(class, count), &[]), stops, "{class:?} {count}");
    }
}

/// Before a wave goes on to further accounts.
#[test]
fn a_change_that_fails_with_words_of_something_that_passes_is_in_doubt() {
    for (succeeded, class, count, in_doubt) in [
        (0, Class::Transient, 2, false),
        (0, Class::Transient, 3, true),
        (2, Class::Transient, 3, true),
        (3, Class::Transient, 3, false),
        (0, Class::NotYet, 25, true),
        (0, Class::Cancelled, 25, false),
        (0, Class::Vetoed, 25, false),
        (0, Class::Suspended, 25, false),
        (0, Class::Failed, 25, false),
    ] {
        let standing = Standing { succeeded, ..Standing::default() }.with(&rows(count, class));
        assert_eq!(is_in_doubt(&TOLERANCES, &standing), in_doubt, "{succeeded} {class:?} {count}");
    }
}

#[test]
fn what_is_on_its_way_counts_with_what_has_settled() {
    let settled = Standing::default().with(&rows(2, Class::Failed));
    let more = row(9, Class::Failed, "other");
    assert_eq!(code(&settled, &[more]), Some(ReasonCode::TooManyFailures));
}

#[test]
fn the_same_error_in_several_accounts_is_the_changes_fault() {
    let same = |n| row(n, Class::Failed, &format!("Bucket tenant-{n} is taken"));
    let two = Standing::default().with(&[same(1), same(2)]);
    assert_eq!(code(&two, &[]), None);
    assert_eq!(code(&two, &[same(3)]), Some(ReasonCode::SameError));
}

#[test]
fn what_never_came_to_work_counts_in_the_end() {
    let standing = Standing::default().with(&rows(3, Class::Transient));
    assert_eq!(judge(&TOLERANCES, &standing), None);
    let end = judge_end(&TOLERANCES, &standing).unwrap();
    assert_eq!(end.code, ReasonCode::TooManyFailures);
    assert_eq!(judge_end(&TOLERANCES, &Standing::default().with(&rows(9, Class::Vetoed))), None);
}

#[test]
fn aws_tolerates_what_is_left_and_the_vetoes_that_are_to_be_expected() {
    let tolerances = Tolerances { failures: 3, vetoes: 300, same_error: 3 };
    let none = Counts::default();
    assert_eq!(tolerances.for_aws(&none, 300, 0), 3 + 30);
    assert_eq!(tolerances.for_aws(&none, 4, 2), 3 + 5 + 2);
    let some = Counts { failed: 2, vetoed: 298, ..none };
    assert_eq!(tolerances.for_aws(&some, 300, 0), 1 + 2);
    assert_eq!(tolerances.for_aws(&Counts { failed: 9, vetoed: 400, ..none }, 300, 0), 0);
}

#[test]
fn a_gate_that_says_no_answers_and_one_that_is_not_there_does_not() {
    let mut hole = row(1, Class::Succeeded, "");
    hole.gate_hole = true;
    assert_eq!(gates_fail(&[hole]).unwrap().code, ReasonCode::GateDoesNotAnswer);
    let broken = row(1, Class::Vetoed, "AWSCloudFormationStackSetAccountGate failed: Panicked");
    assert!(gates_fail(&[broken]).is_some());
    let no = row(1, Class::Vetoed, "AWSCloudFormationStackSetAccountGate returned FAILED");
    assert_eq!(gates_fail(&[no, row(2, Class::Succeeded, "")]), None);
}

#[test]
fn results_are_taken_when_all_are_there_or_after_two_minutes() {
    let secs = SignedDuration::from_secs;
    assert!(are_settled(10, 0, 10, secs(0)));
    assert!(!are_settled(9, 0, 10, secs(0)));
    assert!(!are_settled(10, 1, 10, secs(119)));
    assert!(are_settled(9, 1, 10, secs(120)));
}

fn running(rounds: usize, seconds_per_round: Option<f64>) -> State {
    let start = at("2026-11-21T10:00:00Z");
    let open = Open {
        id: "roll".into(),
        asked_at: start,
        runs_since: Some(start),
        instances: 1,
        rounds,
        ended_at: None,
    };
    State { started_at: Some(start), open: Some(open), seconds_per_round, ..State::default() }
}

/// Looks until the end of an operation of `seconds`, and how late the last one is.
fn looks(state: &State, seconds: i64) -> (usize, i64) {
    let start = state.started_at.unwrap();
    let (mut elapsed, mut count) = (0, 0);
    while elapsed < seconds {
        let now = start + SignedDuration::from_secs(elapsed);
        elapsed += i64::from(next_look(state, now));
        count += 1;
    }
    (count, elapsed - seconds)
}

#[test]
fn a_wave_of_eight_hours_is_looked_at_less_than_two_hundred_times() {
    let (count, late) = looks(&running(10, None), 8 * 3_600);
    assert!(count < 200, "{count}");
    assert!(late <= 300, "{late}");
}

#[test]
fn the_end_is_foreseen_once_a_round_was_measured() {
    let (count, late) = looks(&running(10, Some(180.0)), 1_800);
    assert!(count <= 14, "{count}");
    assert!(late <= 5, "{late}");
    let (count, late) = looks(&running(10, Some(180.0)), 1_900);
    assert!(count <= 26 && late <= 30, "{count} {late}");
}

#[test]
fn tries_are_further_and_further_apart() {
    let hours: Vec<i64> = (0..7).map(|tries| between_tries(900, tries) / 900).collect();
    assert_eq!(hours, [1, 2, 4, 8, 16, 24, 24]);
    assert_eq!(between_tries(86_400, 3), 86_400);
    assert_eq!([backoff(60, 0), backoff(60, 1), backoff(60, 9)], [60, 120, 3_600]);
}
