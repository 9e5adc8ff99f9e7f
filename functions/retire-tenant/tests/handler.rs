//! `retire-tenant` through its public API: a real SDK client, and an AWS that is a script.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use lambda_kit::{Clock, Diagnostic};
use retire_tenant::{App, Config, ERROR_NAMES, handle};
use scripted_wire::{Exchange, Script, call};
use serde_json::{Value, json};

const REQUEST: &str = include_str!("../events/retire.json");
const ACCOUNT: &str = "222222222222";
const GENERAL: &str = "ou-root-general0";
const RETIRING: &str = "ou-root-retiring";
const ONBOARDING: &str = "ou-root-onboard0";

fn request(action: &str) -> Value {
    let mut request: Value = serde_json::from_str(REQUEST).unwrap();
    request["action"] = action.into();
    if action == "REINSTATE" {
        request["occurredAt"] = "2026-11-21T09:59:30Z".into();
    }
    request
}

fn config() -> Config {
    Config::load(&|name| {
        let value = match name {
            "RETIRING_OU_ID" => RETIRING,
            "SUSPENDED_OU_ID" => "ou-root-suspended",
            "ONBOARDING_OU_ID" => ONBOARDING,
            "TENANT_OUS" => "General=ou-root-general0",
            "LEAST_RETIRE_AFTER_DAYS" => "1",
            _ => return None,
        };
        Some(value.to_owned())
    })
    .unwrap()
}

async fn answer_at(
    minute: i64,
    request: Value,
    script: Vec<Exchange>,
) -> Result<Value, Diagnostic> {
    let start: jiff::Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
    let now = start + jiff::SignedDuration::from_mins(minute);
    let script = Script::new(script);
    let app = App::new(&script.wire("eu-central-1"), config(), Clock::fixed(now));
    let answer = lambda_kit::call(&app, &handle, request).await;
    assert!(script.played().iter().all(|call| call.region == "us-east-1"));
    answer
}

async fn answer(request: Value, script: Vec<Vec<Exchange>>) -> Result<Value, Diagnostic> {
    answer_at(0, request, script.into_iter().flatten().collect()).await
}

fn read_in(state: &str, parent: &str, tags: &[(&str, &str)]) -> Vec<Exchange> {
    let mut all = vec![json!({"Key": "landlord:tenant", "Value": "acme"})];
    all.extend(tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})));
    vec![
        call("DescribeAccount", json!({"AccountId": ACCOUNT}))
            .answers(&json!({"Account": {"State": state, "Email": "aws+acme@example.com"}})),
        call("ListTagsForResource", json!({"ResourceId": ACCOUNT})).answers(&json!({"Tags": all})),
        call("ListParents", json!({"ChildId": ACCOUNT}))
            .answers(&json!({"Parents": [{"Id": parent, "Type": "X"}]})),
    ]
}

fn read(parent: &str, tags: &[(&str, &str)]) -> Vec<Exchange> {
    read_in("ACTIVE", parent, tags)
}

fn tags(tags: &[(&str, &str)]) -> Vec<Exchange> {
    let tags: Vec<Value> =
        tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    vec![call("TagResource", json!({"ResourceId": ACCOUNT, "Tags": tags}))]
}

fn untags(keys: &[&str]) -> Vec<Exchange> {
    vec![call("UntagResource", json!({"ResourceId": ACCOUNT, "TagKeys": keys}))]
}

fn moves(from: &str, to: &str) -> Exchange {
    call(
        "MoveAccount",
        json!({"AccountId": ACCOUNT, "SourceParentId": from, "DestinationParentId": to}),
    )
}

const WRITTEN: [(&str, &str); 6] = [
    ("landlord:lifecycle", "RETIRING"),
    ("landlord:lifecycle-at", "2026-11-21T09:59:00Z"),
    ("landlord:retire-reason", "contract ended"),
    ("landlord:retire-by", "saas.signup 111122223333 e-1"),
    ("landlord:home", GENERAL),
    ("landlord:retire-after", "2026-12-05T10:00:00Z"),
];

fn retired() -> Vec<(&'static str, &'static str)> {
    let mut tags = WRITTEN.to_vec();
    tags.push(("landlord:retiring-at", "2026-11-21T10:00:00Z"));
    tags
}

#[track_caller]
fn refused(answer: Result<Value, Diagnostic>, name: &str) -> String {
    let error = answer.unwrap_err();
    assert_eq!(error.error_type, name, "{}", error.error_message);
    assert!(ERROR_NAMES.contains(&name));
    error.error_message
}

#[tokio::test(start_paused = true)]
async fn an_account_is_tagged_then_moved_and_the_time_is_noted() {
    let calls = vec![
        read(GENERAL, &[]),
        tags(&WRITTEN),
        read(GENERAL, &WRITTEN),
        vec![moves(GENERAL, RETIRING)],
        read(RETIRING, &WRITTEN),
        tags(&[("landlord:retiring-at", "2026-11-21T10:00:00Z")]),
        read(RETIRING, &retired()),
    ];
    let expected = json!({
        "status": "DONE", "outcome": "RETIRING", "changed": true, "tenantId": "acme",
        "accountId": ACCOUNT, "organizationalUnitId": RETIRING,
        "occurredAt": "2026-11-21T09:59:00Z", "retireAfter": "2026-12-05T10:00:00Z",
        "retiringAt": "2026-11-21T10:00:00Z", "reason": "contract ended",
        "requestedBy": "saas.signup 111122223333 e-1", "homeOrganizationalUnitId": GENERAL,
    });
    assert_eq!(answer(request("RETIRE"), calls).await.unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_was_applied_changes_nothing() {
    let done = answer(request("RETIRE"), vec![read(RETIRING, &retired())]).await.unwrap();
    assert_eq!((&done["outcome"], &done["changed"]), (&json!("RETIRING"), &json!(false)));
}

#[tokio::test(start_paused = true)]
async fn a_tenant_comes_back() {
    let back =
        [("landlord:lifecycle", "REINSTATED"), ("landlord:lifecycle-at", "2026-11-21T09:59:30Z")];
    let home = ("landlord:home", GENERAL);
    let after = ("landlord:retire-after", "2026-12-05T10:00:00Z");
    let calls = vec![
        read(RETIRING, &retired()),
        tags(&back),
        read(RETIRING, &[back[0], back[1], home, after]),
        untags(&["landlord:retire-after"]),
        read(RETIRING, &[back[0], back[1], home]),
        vec![moves(RETIRING, GENERAL)],
        read(GENERAL, &[back[0], back[1], home]),
        untags(&["landlord:home"]),
        read(GENERAL, &back),
    ];
    let expected = json!({
        "status": "DONE", "outcome": "RESTORED", "changed": true, "tenantId": "acme",
        "accountId": ACCOUNT, "organizationalUnitId": GENERAL,
        "occurredAt": "2026-11-21T09:59:30Z", "emptied": false,
    });
    assert_eq!(answer(request("REINSTATE"), calls).await.unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn an_emptied_account_comes_with_the_signup_that_onboards_it_again() {
    let tags = [
        ("landlord:lifecycle", "REINSTATED"),
        ("landlord:lifecycle-at", "2026-11-21T09:59:30Z"),
        ("landlord:withdrawn-at", "2026-11-20T10:00:00Z"),
        ("landlord:tier", "gold"),
        ("landlord:name", "Acme Inc."),
        ("team", "blue"),
    ];
    let done = answer(request("REINSTATE"), vec![read(ONBOARDING, &tags)]).await.unwrap();
    assert_eq!(done["emptied"], true);
    let signup = json!({"tenantId": "acme", "tenantName": "Acme Inc.", "tier": "gold",
        "rootEmail": "aws+acme@example.com", "tags": {"team": "blue"}});
    assert_eq!(done["signup"], signup);
}

#[tokio::test(start_paused = true)]
async fn a_newer_event_makes_this_one_a_no_op() {
    let newer =
        [("landlord:lifecycle", "REINSTATED"), ("landlord:lifecycle-at", "2026-11-21T09:59:01Z")];
    let done = answer(request("RETIRE"), vec![read(GENERAL, &newer)]).await.unwrap();
    assert_eq!((&done["outcome"], &done["changed"]), (&json!("STALE"), &json!(false)));
}

#[tokio::test(start_paused = true)]
async fn closed_accounts_are_answered() {
    let closed = || vec![read_in("CLOSED", "ou-root-suspended", &[])];
    let done = answer(request("RETIRE"), closed()).await.unwrap();
    assert_eq!(done["outcome"], "ALREADY_CLOSED");
    assert_eq!(done["state"], "CLOSED");
}

#[tokio::test(start_paused = true)]
async fn the_wish_to_come_back_to_a_closed_account_is_written_on_it_where_aws_lets_it() {
    let wish =
        [("landlord:lifecycle", "REINSTATED"), ("landlord:lifecycle-at", "2026-11-21T09:59:30Z")];
    let calls = vec![
        read_in("CLOSED", "ou-root-suspended", &[]),
        tags(&wish),
        read_in("CLOSED", "ou-root-suspended", &wish),
    ];
    let done = answer(request("REINSTATE"), calls).await.unwrap();
    assert_eq!((&done["outcome"], &done["state"]), (&json!("ACCOUNT_CLOSED"), &json!("CLOSED")));
    let denied = vec![
        read_in("CLOSED", "ou-root-suspended", &[]),
        vec![call("TagResource", json!({})).refuses("ConstraintViolationException")],
    ];
    let done = answer(request("REINSTATE"), denied).await.unwrap();
    assert_eq!((&done["outcome"], &done["changed"]), (&json!("ACCOUNT_CLOSED"), &json!(false)));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_equipped_is_never_back_without_a_signup() {
    let applied =
        [("landlord:lifecycle", "REINSTATED"), ("landlord:lifecycle-at", "2026-11-21T09:59:30Z")];
    let marked = [applied[0], applied[1], ("landlord:withdrawn-at", "2026-11-20T10:00:00Z")];
    for (parent, tags, signs_up) in [
        (GENERAL, &applied[..], false),
        (GENERAL, &marked[..], true),
        (ONBOARDING, &applied[..], true),
        ("r-root", &applied[..], true),
    ] {
        let done = answer(request("REINSTATE"), vec![read(parent, tags)]).await.unwrap();
        assert_eq!(done["outcome"], "RESTORED");
        assert_eq!(done["signup"].is_object(), signs_up, "{parent} {tags:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_elsewhere_is_refused_and_not_touched() {
    let first = answer(request("RETIRE"), vec![read("ou-root-internal", &[])]).await.unwrap();
    assert_eq!(first["status"], "PENDING");
    assert!(first["because"].as_str().unwrap().contains("ou-root-internal"), "{first}");
    let mut later = request("RETIRE");
    later["resume"] = first["resume"].clone();
    let again = answer_at(2, later, read("ou-root-internal", &[])).await;
    let message = refused(again, "UnexpectedOrganizationalUnit");
    assert!(message.contains("ou-root-internal"), "{message}");
}

/// The place shows the move, and the tags do not show the mark that came before it.
#[tokio::test(start_paused = true)]
async fn tags_that_are_read_as_they_were_before_the_mark_are_read_again() {
    let first = answer(request("RETIRE"), vec![read(RETIRING, &[])]).await.unwrap();
    assert_eq!(first["status"], "PENDING");
    let mut later = request("RETIRE");
    later["resume"] = first["resume"].clone();
    let shown = [
        ("landlord:lifecycle", "RETIRING"),
        ("landlord:lifecycle-at", "2026-11-21T09:59:00Z"),
        ("landlord:retire-after", "2026-12-21T09:59:00Z"),
        ("landlord:retiring-at", "2026-11-21T10:00:00Z"),
    ];
    let done = answer_at(1, later, read(RETIRING, &shown)).await.unwrap();
    assert_eq!(done["status"], "DONE", "{done}");
}

#[tokio::test(start_paused = true)]
async fn another_tenants_account_and_no_account_are_refused() {
    let mut other = request("RETIRE");
    other["tenantId"] = "globex".into();
    refused(answer(other, vec![read(GENERAL, &[])]).await, "TenantMismatch");
    let gone = call("DescribeAccount", json!({})).refuses("AccountNotFoundException");
    refused(answer(request("RETIRE"), vec![vec![gone]]).await, "AccountNotFound");
}

#[tokio::test(start_paused = true)]
async fn what_others_change_meanwhile_is_waited_for_and_remembered() {
    let busy = moves(GENERAL, RETIRING).refuses("ConcurrentModificationException");
    let calls = vec![read(GENERAL, &[]), tags(&WRITTEN), read(GENERAL, &WRITTEN), vec![busy]];
    let waiting = answer(request("RETIRE"), calls).await.unwrap();
    assert_eq!(waiting["status"], "PENDING");
    let mut again = request("RETIRE");
    again["resume"] = waiting["resume"].clone();
    let done = answer(again, vec![read(RETIRING, &retired())]).await.unwrap();
    assert_eq!(done["changed"], true);

    let moved = moves(GENERAL, RETIRING).refuses("SourceParentNotFoundException");
    let calls = vec![read(GENERAL, &WRITTEN), vec![moved]];
    assert_eq!(answer(request("RETIRE"), calls).await.unwrap()["status"], "PENDING");
}

#[tokio::test(start_paused = true)]
async fn throttles_are_waited_for_until_the_deadline() {
    let throttled = || {
        let throttle = call("DescribeAccount", json!({})).refuses("TooManyRequestsException");
        vec![throttle.clone(), throttle.clone(), throttle]
    };
    let waiting = answer_at(0, request("RETIRE"), throttled()).await.unwrap();
    assert_eq!(waiting["status"], "PENDING");
    refused(answer_at(24 * 60, request("RETIRE"), throttled()).await, "DeadlinePassed");
}

#[tokio::test(start_paused = true)]
async fn denials_and_unforeseen_refusals_name_the_call() {
    for (code, name) in
        [("AccessDeniedException", "AccessDenied"), ("InvalidInputException", "AwsRefused")]
    {
        let denied = call("TagResource", json!({})).refuses(code);
        let calls = vec![read(GENERAL, &[]), vec![denied]];
        let message = refused(answer(request("RETIRE"), calls).await, name);
        assert!(message.contains("organizations:TagResource"), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_not_understood_calls_nobody() {
    for (field, value) in [
        ("occurredAt", json!("2026-11-21T10:05:01Z")),
        ("occurredAt", json!("yesterday")),
        ("retireAfterDays", json!(0)),
        ("retireAfterDays", json!(3651)),
        ("action", json!("CLOSE")),
        ("resume", json!({"surprise": 1})),
    ] {
        let mut request = request("RETIRE");
        request[field] = value;
        refused(answer(request, vec![]).await, "InvalidRequest");
    }
}
