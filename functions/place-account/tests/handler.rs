//! `place-account` through its public API: a real SDK client, and an AWS that is a script.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use lambda_kit::{Clock, Diagnostic};
use place_account::{App, ERROR_NAMES, handle};
use scripted_wire::{Exchange, Script, call};
use serde_json::{Value, json};

const TO_ONBOARDING: &str = include_str!("../events/to-onboarding.json");
const ACCOUNT: &str = "123456789012";

fn request() -> Value {
    serde_json::from_str(TO_ONBOARDING).unwrap()
}

async fn answer_at(
    minute: i64,
    request: Value,
    script: Vec<Exchange>,
) -> (Result<Value, Diagnostic>, Vec<scripted_wire::Seen>) {
    let start: jiff::Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
    let now = start + jiff::SignedDuration::from_mins(minute);
    let script = Script::new(script);
    let app = App::new(&script.wire("eu-central-1"), Clock::fixed(now));
    let answer = lambda_kit::call(&app, &handle, request).await;
    (answer, script.played())
}

async fn answer(request: Value, script: Vec<Exchange>) -> Result<Value, Diagnostic> {
    answer_at(1, request, script).await.0
}

fn stands_in(parent: &str) -> Exchange {
    call("ListParents", json!({"ChildId": ACCOUNT}))
        .answers(&json!({"Parents": [{"Id": parent, "Type": "ANY"}]}))
}

fn moves(from: &str) -> Exchange {
    call(
        "MoveAccount",
        json!({"AccountId": ACCOUNT, "SourceParentId": from,
               "DestinationParentId": "ou-root-onboard1"}),
    )
}

fn done(moved: bool) -> Value {
    json!({"status": "DONE", "accountId": ACCOUNT, "organizationalUnitId": "ou-root-onboard1",
           "moved": moved})
}

#[track_caller]
fn pending(answer: &Result<Value, Diagnostic>) -> &Value {
    let answer = answer.as_ref().unwrap();
    assert_eq!(answer["status"], "PENDING", "{answer}");
    answer
}

#[track_caller]
fn refused(answer: Result<Value, Diagnostic>, name: &str) -> String {
    let error = answer.unwrap_err();
    assert_eq!(error.error_type, name, "{}", error.error_message);
    assert!(ERROR_NAMES.contains(&name));
    error.error_message
}

#[tokio::test(start_paused = true)]
async fn moves_the_account_from_the_root() {
    let calls = vec![stands_in("r-root"), moves("r-root")];
    let (answer, seen) = answer_at(0, request(), calls).await;
    assert_eq!(answer.unwrap(), done(true));
    assert!(seen.iter().all(|call| call.region == "us-east-1"), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn an_account_in_its_place_is_not_touched() {
    assert_eq!(answer(request(), vec![stands_in("ou-root-onboard1")]).await.unwrap(), done(false));
}

/// What is answered when the account is seen elsewhere for a minute.
async fn answer_at_last(request: &Value, script: &[Exchange]) -> Result<Value, Diagnostic> {
    let first = answer_at(0, request.clone(), script.to_vec()).await.0;
    let mut again = request.clone();
    again["resume"] = pending(&first)["resume"].clone();
    answer_at(1, again, script.to_vec()).await.0
}

#[tokio::test(start_paused = true)]
async fn an_account_elsewhere_is_refused_and_not_moved() {
    let elsewhere = [stands_in("ou-root-general1")];
    let message =
        refused(answer_at_last(&request(), &elsewhere).await, "UnexpectedOrganizationalUnit");
    for word in [ACCOUNT, "ou-root-general1", "ou-root-onboard1", "ROOT only"] {
        assert!(message.contains(word), "{message}");
    }
    let mut from_nowhere = request();
    from_nowhere["allowedFrom"] = json!([]);
    let message =
        refused(answer_at_last(&from_nowhere, &elsewhere).await, "UnexpectedOrganizationalUnit");
    assert!(message.contains("may come from nowhere"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_read_from_before_a_move_refuses_nothing() {
    let mut request = request();
    request["allowedFrom"] = json!([]);
    let late = answer(request.clone(), vec![stands_in("ou-root-general1")]).await;
    request["resume"] = pending(&late)["resume"].clone();
    assert_eq!(answer(request, vec![stands_in("ou-root-onboard1")]).await.unwrap(), done(false));
}

#[tokio::test(start_paused = true)]
async fn a_move_that_was_made_already_counts_once_it_is_read() {
    let duplicate = moves("r-root").refuses("DuplicateAccountException");
    let calls = vec![stands_in("r-root"), duplicate.clone(), stands_in("ou-root-onboard1")];
    assert_eq!(answer(request(), calls).await.unwrap(), done(false));

    let calls = vec![stands_in("r-root"), duplicate, stands_in("r-root")];
    pending(&answer(request(), calls).await);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_of_the_move_is_sent_again_and_ends_the_same() {
    let calls = vec![
        stands_in("r-root"),
        moves("r-root").loses_its_answer(),
        moves("r-root").refuses("DuplicateAccountException"),
        stands_in("ou-root-onboard1"),
    ];
    assert_eq!(answer(request(), calls).await.unwrap(), done(false));
}

#[tokio::test(start_paused = true)]
async fn changes_by_others_are_waited_for() {
    for code in ["ConcurrentModificationException", "SourceParentNotFoundException"] {
        let calls = vec![stands_in("r-root"), moves("r-root").refuses(code)];
        pending(&answer(request(), calls).await);
    }
}

#[tokio::test(start_paused = true)]
async fn throttles_and_faults_of_aws_are_waited_for() {
    for trouble in [
        call("ListParents", json!({})).refuses("TooManyRequestsException"),
        call("ListParents", json!({})).breaks(),
    ] {
        pending(&answer(request(), vec![trouble.clone(), trouble.clone(), trouble]).await);
    }
    let nowhere = call("ListParents", json!({})).answers(&json!({"Parents": []}));
    pending(&answer(request(), vec![nowhere]).await);
}

#[tokio::test(start_paused = true)]
async fn only_tags_that_differ_are_written() {
    let mut request = request();
    request["tags"] = json!({"a": "1", "landlord:tier": "gold", "z": "9"});
    let first = call("ListTagsForResource", json!({"ResourceId": ACCOUNT}))
        .answers(&json!({"Tags": [{"Key": "a", "Value": "1"}], "NextToken": "2"}));
    let second = call("ListTagsForResource", json!({"NextToken": "2"}))
        .answers(&json!({"Tags": [{"Key": "landlord:tier", "Value": "standard"}]}));
    let writes = call(
        "TagResource",
        json!({"ResourceId": ACCOUNT, "Tags": [{"Key": "landlord:tier", "Value": "gold"},
                                               {"Key": "z", "Value": "9"}]}),
    );
    let calls = vec![stands_in("ou-root-onboard1"), first.clone(), second.clone(), writes.clone()];
    assert_eq!(answer(request.clone(), calls).await.unwrap(), done(false));

    // A throttle after the move: the next call still knows that it moved the account.
    let throttled = writes.clone().refuses("TooManyRequestsException");
    let calls = vec![
        stands_in("r-root"),
        moves("r-root"),
        first.clone(),
        second.clone(),
        throttled.clone(),
        throttled.clone(),
        throttled,
    ];
    let waiting = answer(request.clone(), calls).await;
    request["resume"] = pending(&waiting)["resume"].clone();
    let calls = vec![stands_in("ou-root-onboard1"), first, second, writes];
    assert_eq!(answer(request, calls).await.unwrap(), done(true));
}

/// The tags of an account whose newest event is of this kind and time.
fn lifecycle(kind: &str, at: &str) -> Exchange {
    call("ListTagsForResource", json!({})).answers(&json!({"Tags": [
        {"Key": "landlord:lifecycle", "Value": kind},
        {"Key": "landlord:lifecycle-at", "Value": at}]}))
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_left_after_its_signup_is_told_apart_from_an_account_in_a_wrong_place() {
    let mut request = request();
    request["signedUpAt"] = json!("2026-11-21T09:00:00Z");
    for (kind, at, name) in [
        ("RETIRING", "2026-11-21T09:30:00Z", "TenantLeft"),
        ("RETIRING", "2026-11-21T09:00:00Z", "UnexpectedOrganizationalUnit"),
        ("RETIRING", "2026-11-20T09:00:00Z", "UnexpectedOrganizationalUnit"),
        ("REINSTATED", "2026-11-21T09:30:00Z", "UnexpectedOrganizationalUnit"),
        ("RETIRING", "yesterday", "UnexpectedOrganizationalUnit"),
    ] {
        let calls = [stands_in("ou-root-retiring"), lifecycle(kind, at)];
        let refusal = match name {
            "TenantLeft" => answer(request.clone(), calls.to_vec()).await,
            _ => answer_at_last(&request, &calls).await,
        };
        refused(refusal, name);
    }
    // Its mark is written before it is moved.
    let calls = vec![stands_in("ou-root-onboard1"), lifecycle("RETIRING", "2026-11-21T09:30:00Z")];
    refused(answer(request.clone(), calls).await, "TenantLeft");
    let back = lifecycle("REINSTATED", "2026-11-21T09:30:00Z");
    let calls = vec![stands_in("ou-root-onboard1"), back, is("ACTIVE")];
    assert_eq!(answer(request, calls).await.unwrap(), done(false));
}

fn is(state: &str) -> Exchange {
    call("DescribeAccount", json!({"AccountId": ACCOUNT}))
        .answers(&json!({"Account": {"Id": ACCOUNT, "State": state}}))
}

/// It can be moved and tagged all the same: without this look a tenant would be ready in an account
/// that somebody closed a minute ago.
#[tokio::test(start_paused = true)]
async fn no_tenant_is_placed_in_an_account_that_is_closed() {
    let mut request = request();
    request["signedUpAt"] = json!("2026-11-21T09:00:00Z");
    let calls = |last: Exchange| {
        let tags = call("ListTagsForResource", json!({})).answers(&json!({"Tags": []}));
        vec![stands_in("r-root"), moves("r-root"), tags, last]
    };
    for state in ["CLOSED", "PENDING_CLOSURE", "SUSPENDED"] {
        let message = refused(answer(request.clone(), calls(is(state))).await, "AccountClosed");
        assert!(message.contains(ACCOUNT) && message.contains(state), "{message}");
    }
    for state in ["PENDING_ACTIVATION", "HIBERNATING"] {
        pending(&answer(request.clone(), calls(is(state))).await);
    }
    let gone = call("DescribeAccount", json!({})).refuses("AccountNotFoundException");
    refused(answer(request.clone(), calls(gone)).await, "AccountNotFound");
    assert_eq!(answer(request, calls(is("ACTIVE"))).await.unwrap(), done(true));
}

#[tokio::test(start_paused = true)]
async fn tags_that_are_there_are_not_written_again() {
    let mut request = request();
    request["tags"] = json!({"a": "1"});
    let tags = call("ListTagsForResource", json!({}))
        .answers(&json!({"Tags": [{"Key": "a", "Value": "1"}]}));
    let calls = vec![stands_in("ou-root-onboard1"), tags];
    assert_eq!(answer(request, calls).await.unwrap(), done(false));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_named() {
    let gone = call("ListParents", json!({})).refuses("ChildNotFoundException");
    assert!(refused(answer(request(), vec![gone]).await, "AccountNotFound").contains(ACCOUNT));
    for (code, name) in [
        ("AccountNotFoundException", "AccountNotFound"),
        ("DestinationParentNotFoundException", "DestinationNotFound"),
    ] {
        let calls = vec![stands_in("r-root"), moves("r-root").refuses(code)];
        assert!(refused(answer(request(), calls).await, name).contains(ACCOUNT));
    }
}

#[tokio::test(start_paused = true)]
async fn denials_and_unforeseen_refusals_name_the_call() {
    for (code, name) in
        [("AccessDeniedException", "AccessDenied"), ("InvalidInputException", "AwsRefused")]
    {
        let calls = vec![stands_in("r-root"), moves("r-root").refuses(code)];
        let message = refused(answer(request(), calls).await, name);
        assert!(message.contains("organizations:MoveAccount"), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_past_the_deadline_is_an_error() {
    let calls =
        vec![stands_in("r-root"), moves("r-root").refuses("ConcurrentModificationException")];
    let (answer, _) = answer_at(24 * 60, request(), calls).await;
    assert!(refused(answer, "DeadlinePassed").contains("ConcurrentModificationException"));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_not_understood_calls_nobody() {
    for (field, value) in [
        ("accountId", json!("12")),
        ("destinationId", json!("Onboarding")),
        ("allowedFrom", json!(["r-root"])),
        ("allowedFrom", json!("ROOT")),
        ("tags", json!({"aws:x": "1"})),
        ("resume", json!({"surprise": true})),
    ] {
        let mut request = request();
        request[field] = value;
        let message = refused(answer(request, vec![]).await, "InvalidRequest");
        assert!(message.contains(field) || message.contains("resume"), "{field}: {message}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_mark_that_is_history_is_removed_last_and_only_when_it_is_there() {
    let without = |mut request: Value| {
        request["withoutTags"] = json!(["landlord:withdrawn-at"]);
        request
    };
    let tagged = |tags: Value| {
        call("ListTagsForResource", json!({"ResourceId": ACCOUNT})).answers(&json!({"Tags": tags}))
    };
    let mark = json!([{"Key": "landlord:withdrawn-at", "Value": "2026-11-20T10:00:00Z"}]);
    let removes =
        call("UntagResource", json!({"ResourceId": ACCOUNT, "TagKeys": ["landlord:withdrawn-at"]}));
    let calls = vec![stands_in("r-root"), moves("r-root"), tagged(mark), removes];
    assert_eq!(answer(without(request()), calls).await.unwrap(), done(true));
    let calls = vec![stands_in("ou-root-onboard1"), tagged(json!([]))];
    assert_eq!(answer(without(request()), calls).await.unwrap(), done(false));
}
