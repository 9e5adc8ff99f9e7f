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
        runs_bucket: "runs".into(),
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
        state: AccountState::of(Some(state), None),
        tags: [(tags::TENANT.to_owned(), "acme".to_owned())].into(),
        parent: parent.parse().unwrap(),
    }
}

fn document(more: serde_json::Value) -> TenantDocument {
    let first_call = include_str!("../events/first-call.json");
    let mut call: serde_json::Value = serde_json::from_str(first_call).unwrap();
    for (key, value) in more.as_object().unwrap() {
        call["tenant"][key] = value.clone();
    }
    serde_json::from_value(call["tenant"].take()).unwrap()
}

fn received(facts: &Facts, document: &TenantDocument) -> Result<Reception, &'static str> {
    receive(facts, document, &config()).map_err(|error| lambda_kit::Named::name(&error))
}

#[test]
fn an_account_is_received_by_its_state_and_place() {
    use AccountState::{PendingActivation, Unknown};
    for (state, parent, expected) in [
        ("ACTIVE", "r-root", Ok(Reception::Probe)),
        ("ACTIVE", "ou-root-onboard1", Ok(Reception::Probe)),
        ("ACTIVE", "ou-root-general1", Ok(Reception::Live)),
        ("ACTIVE", "ou-root-canary11", Ok(Reception::Live)),
        ("ACTIVE", "ou-root-retiring", Err("AccountRetiring")),
        ("ACTIVE", "ou-root-suspende", Err("AccountRetiring")),
        ("ACTIVE", "ou-root-internal", Err("UnexpectedOrganizationalUnit")),
        ("PENDING_ACTIVATION", "r-root", Ok(Reception::Await(PendingActivation))),
        ("PENDING_ACTIVATION", "ou-root-general1", Ok(Reception::Await(PendingActivation))),
        ("CLOSED", "ou-root-suspende", Err("AccountClosed")),
        ("SUSPENDED", "ou-root-general1", Err("AccountClosed")),
        ("PENDING_CLOSURE", "r-root", Err("AccountClosed")),
        ("A_STATE_OF_TOMORROW", "r-root", Ok(Reception::Await(Unknown))),
        ("A_STATE_OF_TOMORROW", "ou-root-general1", Ok(Reception::Await(Unknown))),
    ] {
        let found = received(&facts(state, parent), &document(serde_json::json!({})));
        assert_eq!(found, expected, "{state} in {parent}");
    }
}

#[test]
fn a_tenant_that_left_after_its_signup_ends_as_left_wherever_its_account_is() {
    let document = document(serde_json::json!({"signedUpAt": "2026-11-21T10:00:00Z"}));
    for (state, parent, lifecycle, at, expected) in [
        ("ACTIVE", "ou-root-retiring", "RETIRING", "2026-11-21T10:00:01Z", "TenantLeft"),
        ("CLOSED", "ou-root-suspende", "RETIRING", "2026-11-21T10:00:01Z", "TenantLeft"),
        ("ACTIVE", "ou-root-onboard1", "RETIRING", "2026-11-21T10:00:01Z", "TenantLeft"),
        ("ACTIVE", "ou-root-general1", "RETIRING", "2026-11-21T10:00:01Z", "TenantLeft"),
        // Of the same time, coming wins; what left before is in the way of this signup.
        ("ACTIVE", "ou-root-retiring", "RETIRING", "2026-11-21T10:00:00Z", "AccountRetiring"),
        ("ACTIVE", "ou-root-general1", "RETIRING", "2026-11-20T10:00:00Z", "AccountRetiring"),
        ("ACTIVE", "ou-root-retiring", "REINSTATED", "2026-11-21T10:00:01Z", "AccountRetiring"),
        ("CLOSED", "ou-root-suspende", "RETIRING", "2026-11-20T10:00:00Z", "AccountClosed"),
    ] {
        let mut facts = facts(state, parent);
        facts.tags.insert(tags::LIFECYCLE.to_owned(), lifecycle.to_owned());
        facts.tags.insert(tags::LIFECYCLE_AT.to_owned(), at.to_owned());
        assert_eq!(received(&facts, &document), Err(expected), "{state} {parent} {lifecycle} {at}");
    }
    let mut back = facts("ACTIVE", "ou-root-general1");
    back.tags.insert(tags::LIFECYCLE.to_owned(), "REINSTATED".to_owned());
    back.tags.insert(tags::LIFECYCLE_AT.to_owned(), "2026-11-21T11:00:00Z".to_owned());
    assert_eq!(received(&back, &document), Ok(Reception::Live));
}

#[test]
fn a_signup_contradicts_a_live_tenant_in_what_it_says_and_a_half_made_one_in_its_address() {
    let differing = |parent: &str, email_is_given: bool| {
        let mut facts = facts("ACTIVE", parent);
        facts.email = Some("root@acme.example".to_owned());
        for (key, value) in [
            (tags::TIER, "gold"),
            (tags::NAME, "Globex"),
            (tags::BASELINE, "of another tier"),
            ("cost-center", "7"),
        ] {
            facts.tags.insert(key.to_owned(), value.to_owned());
        }
        let document = document(serde_json::json!({"emailIsGiven": email_is_given}));
        match received(&facts, &document).unwrap() {
            Reception::Contradicted(found) => {
                found.into_iter().map(|it| (it.field, it.signup, it.tenant)).collect()
            }
            _ => Vec::new(),
        }
    };
    let row = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
    let email = row("rootEmail", "aws+acme@example.com", "root@acme.example");
    let said = [
        row("tags.cost-center", "42", "7"),
        row("tenantName", "Acme & Co", "Globex"),
        row("tier", "standard", "gold"),
    ];
    assert_eq!(differing("ou-root-general1", false), said);
    let all: Vec<_> = std::iter::once(email.clone()).chain(said).collect();
    assert_eq!(differing("ou-root-general1", true), all);
    assert_eq!(differing("ou-root-onboard1", true), [email]);
    assert_eq!(differing("ou-root-onboard1", false), []);
    // Two ids that lead to one tenant are never merged, live or half made.
    for parent in ["ou-root-general1", "ou-root-onboard1"] {
        let other = document(serde_json::json!({"originalTenantId": "ACME"}));
        let Reception::Contradicted(found) = received(&facts("ACTIVE", parent), &other).unwrap()
        else {
            panic!("it is another tenant's")
        };
        assert_eq!((found[0].field.as_str(), found[0].tenant.as_str()), ("tenantId", "acme"));
    }
    // A tag that is missing is put there, and no contradiction.
    let found = received(&facts("ACTIVE", "ou-root-general1"), &document(serde_json::json!({})));
    assert_eq!(found, Ok(Reception::Live));
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

/// A later signup need not repeat the address that the second account was given: the derived one
/// belongs to the first, which is closed.
#[test]
fn a_closed_account_is_not_in_the_way_of_the_one_that_the_tenant_has_now() {
    let derived: Email = "aws+acme@example.com".parse().unwrap();
    let with = |state: &str, email: &str| Facts {
        email: Some(email.to_owned()),
        ..facts(state, "ou-root-general1")
    };
    let mut legacy = with("SUSPENDED", "aws+acme@example.com");
    legacy.tags.insert(tags::CLOSING_REQUESTED_AT.into(), "2026-11-01T10:00:00Z".into());
    for first in [
        with("CLOSED", "aws+acme@example.com"),
        with("PENDING_CLOSURE", "aws+acme@example.com"),
        legacy,
    ] {
        let second = with("ACTIVE", "it@acme.example");
        assert_eq!(present(vec![first.clone(), second.clone()], &derived), [second]);
        assert_eq!(present(vec![first.clone()], &derived), std::slice::from_ref(&first));
        let other: Email = "it@acme.example".parse().unwrap();
        assert_eq!(present(vec![first], &other), []);
    }
    let both = vec![with("ACTIVE", "aws+acme@example.com"), with("ACTIVE", "it@acme.example")];
    assert_eq!(present(both.clone(), &derived), both, "of two that are not closed none is chosen");
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
    let tagged = |tag: Option<&str>| Facts {
        tags: tag.map(|tag| (tags::TENANT.to_owned(), tag.to_owned())).into_iter().collect(),
        ..facts("ACTIVE", "r-root")
    };
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
    assert!((7..=9).contains(&young), "{young}");
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

#[test]
fn at_a_standstill_it_asks_four_times_an_hour_for_days_and_a_history_holds_most_of_a_year() {
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let tenant: TenantId = "acme".parse().unwrap();
    let (mut now, mut polls) = (start, 0);
    while now.duration_since(start) < LONGEST_STANDSTILL {
        let elapsed = now.duration_since(start);
        let seconds = wait(Awaited::Organization { since: start }, elapsed, now, &tenant);
        if elapsed < SignedDuration::from_hours(4 * 24) {
            assert!(seconds <= 1_125, "{seconds} after {elapsed}");
        }
        now = now.checked_add(SignedDuration::from_secs(i64::from(seconds))).unwrap();
        polls += 1;
    }
    // A poll is nine events.
    assert!(polls * 9 < 20_000, "{polls}");
}
