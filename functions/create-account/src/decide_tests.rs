//! The decisions, as tables.

use super::*;
use lifecycle::OrganizationalUnits;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn tenant() -> TenantId {
    "acme".parse().unwrap()
}

fn config() -> Config {
    let units: OrganizationalUnits =
        "Canary=ou-root-canary11,General=ou-root-general1".parse().unwrap();
    Config {
        role: "Role".parse().unwrap(),
        onboarding: "ou-root-onboard1".parse().unwrap(),
        retiring: "ou-root-retiring".parse().unwrap(),
        suspended: "ou-root-suspende".parse().unwrap(),
        tenant_units: units,
        email_grace: SignedDuration::from_mins(15),
    }
}

fn facts(state: &str, parent: &str) -> Facts {
    Facts {
        id: "123456789012".parse().unwrap(),
        partition: "aws".into(),
        email: Some("aws+acme@example.com".into()),
        state: state.into(),
        tenant: Some("acme".into()),
        parent: parent.parse().unwrap(),
    }
}

#[test]
fn an_account_is_received_by_its_state_and_place() {
    for (state, parent, expected) in [
        ("ACTIVE", "r-root", Ok(Reception::Probe)),
        ("ACTIVE", "ou-root-onboard1", Ok(Reception::Probe)),
        ("ACTIVE", "ou-root-general1", Ok(Reception::Live)),
        ("ACTIVE", "ou-root-canary11", Ok(Reception::Live)),
        ("ACTIVE", "ou-root-retiring", Err("AccountRetiring")),
        ("ACTIVE", "ou-root-suspende", Err("AccountRetiring")),
        ("ACTIVE", "ou-root-internal", Err("UnexpectedOrganizationalUnit")),
        ("PENDING_ACTIVATION", "r-root", Ok(Reception::Await)),
        ("CLOSED", "ou-root-suspende", Err("AccountClosed")),
        ("SUSPENDED", "ou-root-general1", Err("AccountClosed")),
        ("PENDING_CLOSURE", "r-root", Err("AccountClosed")),
        ("A_STATE_OF_TOMORROW", "r-root", Ok(Reception::Probe)),
    ] {
        let received = receive(&facts(state, parent), &tenant(), &config());
        let received = received.map_err(|error| lambda_kit::Named::name(&error));
        assert_eq!(received, expected, "{state} in {parent}");
    }
}

#[test]
fn only_a_closed_account_with_another_email_is_of_the_past() {
    let same: Email = "AWS+acme@example.com".parse().unwrap();
    let other: Email = "aws+acme-2@example.com".parse().unwrap();
    for (state, email, past) in [
        ("CLOSED", &other, true),
        ("PENDING_CLOSURE", &other, true),
        ("CLOSED", &same, false),
        ("SUSPENDED", &other, false),
        ("ACTIVE", &other, false),
    ] {
        assert_eq!(facts(state, "r-root").is_past(email), past, "{state} {email}");
    }
}

#[test]
fn several_accounts_of_one_tenant_are_named() {
    let found = vec![facts("ACTIVE", "r-root"), facts("ACTIVE", "ou-root-general1")];
    let error = only_one(&tenant(), found).unwrap_err();
    assert!(matches!(error, Error::AmbiguousTenant { accounts, .. } if accounts.len() == 2));
    assert_eq!(only_one(&tenant(), vec![]).unwrap(), None);
}

#[test]
fn every_failure_reason_is_classed() {
    use Refused::{Billing, Email, Limit, Other, Tags};
    let last = |refused, reason: &str| Failure::Final(refused, reason.into());
    for (reason, expected) in [
        ("INTERNAL_FAILURE", Failure::Passing("INTERNAL_FAILURE".into())),
        ("EMAIL_ALREADY_EXISTS", Failure::EmailTaken("EMAIL_ALREADY_EXISTS".into())),
        (
            "CONCURRENT_ACCOUNT_MODIFICATION",
            Failure::EmailTaken("CONCURRENT_ACCOUNT_MODIFICATION".into()),
        ),
        ("INVALID_EMAIL", last(Email, "INVALID_EMAIL")),
        ("INVALID_ADDRESS", last(Email, "INVALID_ADDRESS")),
        ("ACCOUNT_LIMIT_EXCEEDED", last(Limit, "ACCOUNT_LIMIT_EXCEEDED")),
        ("PENDING_BUSINESS_VALIDATION", last(Billing, "PENDING_BUSINESS_VALIDATION")),
        ("MISSING_PAYMENT_INSTRUMENT", last(Billing, "MISSING_PAYMENT_INSTRUMENT")),
        (
            "UPDATE_EXISTING_RESOURCE_POLICY_WITH_TAGS_NOT_SUPPORTED",
            last(Tags, "UPDATE_EXISTING_RESOURCE_POLICY_WITH_TAGS_NOT_SUPPORTED"),
        ),
        ("GOVCLOUD_ACCOUNT_ALREADY_EXISTS", last(Other, "GOVCLOUD_ACCOUNT_ALREADY_EXISTS")),
        ("A_REASON_OF_TOMORROW", last(Other, "A_REASON_OF_TOMORROW")),
    ] {
        assert_eq!(failure(reason), expected, "{reason}");
    }
}

#[test]
fn every_refusal_of_an_order_is_classed() {
    use OrderRefusal::{Final, NoSlot};
    for (reason, expected) in [
        ("ACCOUNT_CREATION_RATE_LIMIT_EXCEEDED", NoSlot),
        ("ACCOUNT_NUMBER_LIMIT_EXCEEDED", Final(Refused::Limit)),
        ("TAG_POLICY_VIOLATION", Final(Refused::Tags)),
        ("MAX_TAG_LIMIT_EXCEEDED", Final(Refused::Tags)),
        ("MASTER_ACCOUNT_PAYMENT_INSTRUMENT_REQUIRED", Final(Refused::Billing)),
        ("A_REASON_OF_TOMORROW", Final(Refused::Other)),
    ] {
        assert_eq!(constraint(reason), expected, "{reason}");
    }
    assert_eq!(invalid_input("INVALID_EMAIL_ADDRESS_TARGET"), Refused::Email);
    assert_eq!(invalid_input("DUPLICATE_TAG_KEY"), Refused::Tags);
    assert_eq!(invalid_input("INVALID_PATTERN"), Refused::Other);
}

#[test]
fn an_account_is_ours_by_its_tag_alone() {
    let created = Some(at("2026-11-21T10:00:00Z"));
    let soon = at("2026-11-21T10:01:00Z");
    let late = at("2026-11-21T10:06:00Z");
    let tagged =
        |tag: Option<&str>| Facts { tenant: tag.map(str::to_owned), ..facts("ACTIVE", "r-root") };
    for (facts, now, expected) in [
        (Some(tagged(Some("acme"))), late, Paternity::Ours),
        (Some(tagged(Some("globex"))), soon, Paternity::Foreign),
        (Some(tagged(None)), soon, Paternity::Unclear),
        (Some(tagged(None)), late, Paternity::Foreign),
        (None, soon, Paternity::Unclear),
        (None, late, Paternity::Foreign),
    ] {
        assert_eq!(paternity(facts.as_ref(), &tenant(), created, now), expected, "{facts:?} {now}");
    }
}

fn creation(id: &str, name: &str, progress: CreationProgress) -> Creation {
    Creation {
        id: id.into(),
        name: name.into(),
        requested: Some(at("2026-11-21T10:00:00Z")),
        completed: None,
        progress,
    }
}

#[test]
fn only_a_running_creation_of_our_name_is_taken_up() {
    let creations = [
        creation("car-1", "tenant-acme-2", CreationProgress::Running),
        creation("car-2", "tenant-acme", CreationProgress::Failed(failure("INTERNAL_FAILURE"))),
        creation("car-3", "tenant-acme", CreationProgress::Running),
        creation("car-4", "tenant-acme", CreationProgress::Running),
    ];
    let name = "tenant-acme".parse().unwrap();
    assert_eq!(ours(&creations, &name, &[]).unwrap().id, "car-3");
    assert_eq!(ours(&creations, &name, &["car-3".into()]).unwrap().id, "car-4");
    assert_eq!(ours(&creations[..2], &name, &[]), None);
}

#[test]
fn a_redrive_leaves_the_failure_behind_that_it_was_made_for() {
    let failed = creation("car-1", "tenant-acme", CreationProgress::Failed(failure("X")));
    let before = Some(at("2026-11-21T09:00:00Z"));
    let after = Some(at("2026-11-21T11:00:00Z"));
    assert!(failed.is_of_a_former_attempt(after));
    assert!(!failed.is_of_a_former_attempt(before));
    assert!(!failed.is_of_a_former_attempt(None));
    let running = creation("car-1", "tenant-acme", CreationProgress::Running);
    assert!(!running.is_of_a_former_attempt(after));
}

#[test]
fn waits_for_a_slot_hardly_grow_while_others_are_served() {
    let now = at("2026-11-21T12:00:00Z");
    let old = SignedDuration::from_mins(40);
    let quick = Awaited::Slot { age: Some(SignedDuration::from_secs(60)) };
    let quick = wait(quick, old, now, &tenant());
    assert!((10..=12).contains(&quick), "{quick}");
    let slow = Awaited::Slot { age: Some(SignedDuration::from_secs(560)) };
    let slow = wait(slow, old, now, &tenant());
    assert!((35..=44).contains(&slow), "{slow}");
    let hours = SignedDuration::from_hours(2);
    let stuck = wait(Awaited::Slot { age: None }, hours, now, &tenant());
    assert!(stuck >= 900, "{stuck}");
    let fresh = creation("car-1", "x", CreationProgress::Running);
    let soon = at("2026-11-21T10:20:00Z");
    assert!(oldest(std::slice::from_ref(&fresh), soon).is_some());
    assert_eq!(oldest(&[fresh], now), None);
}

#[test]
fn who_gets_no_slot_all_day_stays_far_below_the_longest_history() {
    let now = at("2026-11-21T12:00:00Z");
    for age in [0, 20, 180, 1_200] {
        let slot = Awaited::Slot { age: Some(SignedDuration::from_secs(age)) };
        let (mut elapsed, mut polls) = (SignedDuration::ZERO, 0);
        while elapsed < SignedDuration::from_hours(24) {
            let seconds = wait(slot, elapsed, now, &tenant());
            elapsed += SignedDuration::from_secs(i64::from(seconds));
            polls += 1;
        }
        // A poll is about nine events; AWS ends an execution at 25,000.
        assert!(polls * 9 < 12_500, "{polls} polls beside a creation of {age} s");
    }
}

#[test]
fn the_account_is_looked_for_again_after_five_minutes() {
    let now = at("2026-11-21T12:00:00Z");
    assert!(!may_only_wait(None, now));
    assert!(may_only_wait(Some(at("2026-11-21T11:56:00Z")), now));
    assert!(!may_only_wait(Some(at("2026-11-21T11:55:00Z")), now));
}

#[test]
fn the_wait_for_a_creation_grows_with_its_own_age() {
    let now = at("2026-11-21T12:00:00Z");
    let old = SignedDuration::from_hours(10);
    let young = wait(Awaited::Creation { since: at("2026-11-21T11:59:30Z") }, old, now, &tenant());
    assert!((10..=13).contains(&young), "{young}");
}

#[test]
fn arns_of_accounts_are_read() {
    let arn = "arn:aws:organizations::111122223333:account/o-abcdefghij/123456789012";
    assert_eq!(account_of_arn(arn).unwrap().as_str(), "123456789012");
    assert_eq!(partition_of_arn(arn), Some("aws"));
    for other in ["", "arn:aws:s3:::bucket", "arn:aws:organizations::1:ou/o-a/ou-root-12345678"] {
        assert_eq!(account_of_arn(other), None, "{other}");
    }
}
