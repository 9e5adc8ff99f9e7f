//! The steps as tables, and all orders of events.

use lifecycle::ParentId;

use super::*;

const NOW: &str = "2026-11-21T10:00:00Z";
const GENERAL: &str = "ou-root-general0";
const RETIRING: &str = "ou-root-retiring";
const ONBOARDING: &str = "ou-root-onboard0";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn config() -> Config {
    Config::load(&|name| {
        Some(
            match name {
                "RETIRING_OU_ID" => RETIRING,
                "SUSPENDED_OU_ID" => "ou-root-suspended",
                "ONBOARDING_OU_ID" => ONBOARDING,
                "TENANT_OUS" => "Canary=ou-root-canary00,General=ou-root-general0",
                _ => return None,
            }
            .to_owned(),
        )
    })
    .unwrap()
}

fn facts(parent: &str, tags: &[(&str, &str)]) -> Facts {
    let mut all: lifecycle::retirement::AccountTags =
        [("landlord:tenant".to_owned(), "acme".to_owned())].into();
    all.extend(tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    Facts { state: AccountState::Active, parent: parent.parse().unwrap(), tags: all, email: None }
}

struct Event {
    action: Action,
    at: &'static str,
}

fn step(facts: &Facts, event: &Event, now: Timestamp) -> Result<Next, Error> {
    let (tenant, account) = ("acme".parse().unwrap(), "222222222222".parse().unwrap());
    let ask = Ask {
        action: event.action,
        tenant: &tenant,
        account: &account,
        occurred_at: at(event.at),
        days: 30,
        reason: "left & gone",
        by: "saas.signup 111122223333 e-1",
    };
    next(facts, &ask, &config(), now)
}

/// Applies an event as the handler does: step by step, on fresh reads, and waiting until a move
/// shows.
fn apply(facts: &mut Facts, event: &Event) -> OutcomeKind {
    let mut now = at(NOW);
    for _ in 0..15 {
        match step(facts, event, now).unwrap() {
            Next::Write(tags) => {
                facts.tags.extend(tags.into_iter().map(|(key, value)| (key.to_owned(), value)));
            }
            Next::Remove(keys) => facts.tags.retain(|key, _| !keys.contains(&key.as_str())),
            Next::Move(unit) => facts.parent = ParentId::Ou(unit),
            Next::Wait(because) if because.contains("moved a moment ago") => {
                now = now.checked_add(SignedDuration::from_secs(60)).unwrap();
            }
            Next::Wait(because) => panic!("waits: {because}"),
            Next::Try(step, _) => match *step {
                Next::Write(tags) => {
                    facts.tags.extend(tags.into_iter().map(|(key, value)| (key.into(), value)));
                }
                Next::Move(unit) => facts.parent = ParentId::Ou(unit),
                other => panic!("tries {other:?}"),
            },
            Next::Done(outcome) => return outcome,
        }
    }
    panic!("no end: {facts:?}")
}

const LEFT: Event = Event { action: Action::Retire, at: "2026-11-01T10:00:00Z" };
const BACK: Event = Event { action: Action::Reinstate, at: "2026-11-02T10:00:00Z" };
const LEFT_AGAIN: Event = Event { action: Action::Retire, at: "2026-11-03T10:00:00Z" };

#[test]
fn an_account_is_retired_with_all_that_explains_it() {
    let mut facts = facts(GENERAL, &[]);
    assert_eq!(apply(&mut facts, &LEFT), OutcomeKind::Retiring);
    assert_eq!(facts.parent.as_str(), RETIRING);
    for (key, value) in [
        (tags::LIFECYCLE, "RETIRING"),
        (tags::LIFECYCLE_AT, "2026-11-01T10:00:00Z"),
        (tags::RETIRE_AFTER, "2026-12-21T10:00:00Z"),
        (tags::RETIRING_AT, NOW),
        (tags::RETIRE_REASON, "left gone"),
        (tags::RETIRE_BY, "saas.signup 111122223333 e-1"),
        (tags::HOME, GENERAL),
    ] {
        assert_eq!(facts.tags.get(key).map(String::as_str), Some(value), "{key}");
    }
}

#[test]
fn a_read_from_before_the_move_is_no_answer() {
    // The account has just been moved, and AWS shows once more where it stood.
    for event in [&LEFT, &BACK] {
        let mut facts = facts(GENERAL, &[]);
        apply(&mut facts, &LEFT);
        if event.action == Action::Reinstate {
            for key in [tags::RETIRE_AFTER, tags::LIFECYCLE, tags::LIFECYCLE_AT] {
                facts.tags.remove(key);
            }
            facts.tags.insert(tags::LIFECYCLE.to_owned(), "REINSTATED".to_owned());
            facts.tags.insert(tags::LIFECYCLE_AT.to_owned(), BACK.at.to_owned());
        }
        let late = Facts { parent: GENERAL.parse().unwrap(), ..facts.clone() };
        let (just_now, later) = (at(NOW), at(NOW) + SignedDuration::from_secs(121));
        assert!(matches!(step(&late, event, just_now), Ok(Next::Wait(_))), "{:?}", event.action);
        assert!(!matches!(step(&late, event, later), Ok(Next::Wait(_))), "{:?}", event.action);
    }
}

#[test]
fn the_tags_are_there_before_the_account_moves() {
    let facts = facts(GENERAL, &[]);
    assert!(matches!(step(&facts, &LEFT, at(NOW)), Ok(Next::Write(_))));
}

#[test]
fn a_tenant_comes_back_to_its_home_and_leaves_no_trace_but_the_time() {
    let mut facts = facts(GENERAL, &[("team", "x")]);
    apply(&mut facts, &LEFT);
    assert_eq!(apply(&mut facts, &BACK), OutcomeKind::Restored);
    assert_eq!(facts.parent.as_str(), GENERAL);
    let keys: Vec<_> = facts.tags.keys().map(String::as_str).collect();
    assert_eq!(keys, [tags::LIFECYCLE, tags::LIFECYCLE_AT, tags::TENANT, "team"]);
}

#[test]
fn every_order_of_the_events_ends_with_the_newest() {
    let orders: [[&Event; 3]; 6] = [
        [&LEFT, &BACK, &LEFT_AGAIN],
        [&LEFT, &LEFT_AGAIN, &BACK],
        [&BACK, &LEFT, &LEFT_AGAIN],
        [&BACK, &LEFT_AGAIN, &LEFT],
        [&LEFT_AGAIN, &LEFT, &BACK],
        [&LEFT_AGAIN, &BACK, &LEFT],
    ];
    for order in orders {
        let mut facts = facts(GENERAL, &[]);
        for event in order {
            apply(&mut facts, event);
            apply(&mut facts, event);
        }
        assert_eq!(facts.parent.as_str(), RETIRING);
        assert_eq!(facts.tags[tags::LIFECYCLE_AT], LEFT_AGAIN.at);
    }
}

#[test]
fn a_retirement_that_comes_after_its_own_undoing_does_nothing() {
    let mut facts = facts(GENERAL, &[]);
    assert_eq!(apply(&mut facts, &BACK), OutcomeKind::Restored);
    assert_eq!(apply(&mut facts, &LEFT), OutcomeKind::Stale);
    assert_eq!(facts.parent.as_str(), GENERAL);
}

/// The newest counts, by whatever fraction of a second; of the very same moment it is coming back.
#[test]
fn of_two_events_within_one_second_the_newest_wins_in_each_order() {
    for (left, back, unit) in [
        ("2026-11-01T10:00:00Z", "2026-11-01T10:00:00.9Z", GENERAL),
        ("2026-11-01T10:00:00.9Z", "2026-11-01T10:00:00Z", RETIRING),
        ("2026-11-01T10:00:00.123456788Z", "2026-11-01T10:00:00.123456789Z", GENERAL),
        ("2026-11-01T10:00:00.123456789Z", "2026-11-01T10:00:00.123456788Z", RETIRING),
        ("2026-11-01T10:00:00.5Z", "2026-11-01T11:00:00.500+01:00", GENERAL),
    ] {
        let left = Event { action: Action::Retire, at: left };
        let back = Event { action: Action::Reinstate, at: back };
        for order in [[&left, &back], [&back, &left]] {
            let mut facts = facts(GENERAL, &[]);
            for event in order {
                apply(&mut facts, event);
                apply(&mut facts, event);
            }
            assert_eq!(facts.parent.as_str(), unit, "{} {}", left.at, back.at);
        }
    }
}

#[test]
fn asked_again_it_cools_off_for_longer_and_never_for_less() {
    for (before, after) in [
        ("2026-12-01T10:00:00Z", "2026-12-21T10:00:00Z"),
        ("2027-06-01T10:00:00Z", "2027-06-01T10:00:00Z"),
    ] {
        let mut facts = facts(GENERAL, &[]);
        apply(&mut facts, &LEFT);
        facts.tags.insert(tags::RETIRE_AFTER.into(), before.into());
        assert_eq!(apply(&mut facts, &LEFT_AGAIN), OutcomeKind::Retiring);
        assert_eq!(facts.tags[tags::RETIRE_AFTER], after);
        assert_eq!(facts.tags[tags::HOME], GENERAL);
    }
}

#[test]
fn an_emptied_account_comes_back_to_onboarding() {
    let mut facts = facts(GENERAL, &[]);
    apply(&mut facts, &LEFT);
    facts.tags.insert(tags::WITHDRAWN_AT.into(), NOW.into());
    assert_eq!(apply(&mut facts, &BACK), OutcomeKind::Restored);
    assert_eq!(facts.parent.as_str(), ONBOARDING);
    assert!(facts.tags.contains_key(tags::WITHDRAWN_AT));
    // Moved home by hand, and not equipped: it leaves once more, and that is still known.
    facts.parent = GENERAL.parse().unwrap();
    assert_eq!(apply(&mut facts, &LEFT_AGAIN), OutcomeKind::Retiring);
    assert!(facts.tags.contains_key(tags::WITHDRAWN_AT));
}

#[test]
fn a_closing_that_is_not_decided_is_waited_for() {
    let marked = |time| {
        let tags = [
            (tags::LIFECYCLE, "REINSTATED"),
            (tags::LIFECYCLE_AT, BACK.at),
            (tags::HOME, GENERAL),
            (tags::CLOSING_REQUESTED_AT, time),
        ];
        step(&facts("ou-root-suspended", &tags), &BACK, at(NOW)).unwrap()
    };
    assert!(matches!(marked("2026-11-21T09:30:00Z"), Next::Wait(_)));
    assert_eq!(marked("2026-11-21T09:00:00Z"), Next::Move(GENERAL.parse().unwrap()));
}

#[test]
fn retire_after_is_taken_away_before_anybody_looks_for_a_closing() {
    let tags = [
        (tags::LIFECYCLE, "REINSTATED"),
        (tags::LIFECYCLE_AT, BACK.at),
        (tags::RETIRE_AFTER, NOW),
        (tags::HOME, GENERAL),
    ];
    let next = step(&facts(RETIRING, &tags), &BACK, at(NOW)).unwrap();
    assert_eq!(next, Next::Remove(vec![tags::RETIRE_AFTER]));
}

#[test]
fn closed_accounts_have_an_answer_each_and_remember_the_wish() {
    for state in [AccountState::Closed, AccountState::PendingClosure, AccountState::Suspended] {
        let tags = [(tags::CLOSING_REQUESTED_AT, NOW)];
        let mut closed = Facts { state, ..facts("ou-root-suspended", &tags) };
        assert_eq!(step(&closed, &LEFT, at(NOW)).unwrap(), Next::Done(OutcomeKind::AlreadyClosed));
        assert_eq!(apply(&mut closed, &BACK), OutcomeKind::AccountClosed);
        assert_eq!(closed.tags[tags::LIFECYCLE], "REINSTATED");
        assert_eq!(closed.tags[tags::LIFECYCLE_AT], BACK.at);
        assert_eq!(apply(&mut closed, &BACK), OutcomeKind::AccountClosed);
    }
}

#[test]
fn a_live_account_that_was_closed_by_hand_goes_where_the_sweeps_find_it() {
    let mut closed = Facts { state: AccountState::Closed, ..facts(GENERAL, &[]) };
    assert_eq!(apply(&mut closed, &LEFT), OutcomeKind::AlreadyClosed);
    assert_eq!(closed.parent.as_str(), RETIRING);
    assert_eq!(closed.tags[tags::LIFECYCLE], "RETIRING");
}

#[test]
fn a_reopened_account_comes_back_or_leaves_once_more_and_its_closing_is_history() {
    let long_ago = "2026-11-10T10:00:00Z";
    let reopened = || {
        let mut facts = facts(GENERAL, &[]);
        apply(&mut facts, &LEFT);
        facts.parent = "ou-root-suspended".parse().unwrap();
        facts.tags.insert(tags::WITHDRAWN_AT.into(), long_ago.into());
        facts.tags.insert(tags::CLOSING_REQUESTED_AT.into(), long_ago.into());
        facts
    };
    let mut back = reopened();
    assert_eq!(apply(&mut back, &BACK), OutcomeKind::Restored);
    assert_eq!(back.parent.as_str(), ONBOARDING);
    let mut left = reopened();
    assert_eq!(apply(&mut left, &LEFT_AGAIN), OutcomeKind::Retiring);
    for facts in [back, left] {
        assert!(!facts.tags.contains_key(tags::CLOSING_REQUESTED_AT));
        assert!(facts.tags.contains_key(tags::WITHDRAWN_AT));
    }
}

#[test]
fn an_account_that_was_just_made_retires_from_the_root_and_comes_back_to_onboarding() {
    let mut facts = facts("r-root", &[]);
    assert_eq!(apply(&mut facts, &LEFT), OutcomeKind::Retiring);
    assert_eq!(facts.parent.as_str(), RETIRING);
    assert_eq!(facts.tags[tags::HOME], ONBOARDING);
    assert_eq!(apply(&mut facts, &BACK), OutcomeKind::Restored);
    assert_eq!(facts.parent.as_str(), ONBOARDING);
}

#[test]
fn accounts_that_stand_elsewhere_are_left_there() {
    for (parent, event) in [
        ("ou-root-internal", &LEFT),
        ("ou-root-internal", &BACK),
        // Moved there by hand: nobody knows where it belongs.
        (RETIRING, &LEFT),
        (RETIRING, &BACK),
    ] {
        let found = step(&facts(parent, &[]), event, at(NOW));
        assert!(matches!(found, Err(Error::UnexpectedOrganizationalUnit { .. })), "{parent}");
    }
}

#[test]
fn an_account_that_a_person_moved_back_is_not_moved_again_by_an_old_event() {
    let mut facts = facts(GENERAL, &[]);
    apply(&mut facts, &LEFT);
    facts.parent = "ou-root-canary00".parse().unwrap();
    assert_eq!(apply(&mut facts, &LEFT), OutcomeKind::Stale);
    assert_eq!(facts.parent.as_str(), "ou-root-canary00");
    assert_eq!(apply(&mut facts, &LEFT_AGAIN), OutcomeKind::Retiring);
    assert_eq!(facts.tags[tags::HOME], "ou-root-canary00");
}

#[test]
fn another_tenants_account_is_refused() {
    let mut facts = facts(GENERAL, &[]);
    facts.tags.insert(tags::TENANT.into(), "globex".into());
    assert!(matches!(step(&facts, &LEFT, at(NOW)), Err(Error::TenantMismatch { .. })));
    facts.tags.remove(tags::TENANT);
    assert!(matches!(step(&facts, &BACK, at(NOW)), Err(Error::TenantMismatch { .. })));
}
