//! `close-account` through its public API: a real SDK client, and an AWS that is a script.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use close_account::{App, Config, ERROR_NAMES, handle};
use lambda_kit::{Clock, Diagnostic};
use scripted_wire::{Exchange, Script, call};
use serde_json::{Value, json};

const REQUEST: &str = include_str!("../events/close.json");
const BY_HAND: &str = include_str!("../events/closed-by-hand.json");
const ACCOUNT: &str = "222222222222";
const SUSPENDED: &str = "ou-root-suspended";
const OUTCOME: &str = "sweeps/sweep-1/outcomes/222222222222.json";
const MARK: (&str, &str) = ("landlord:closing-requested-at", "2026-11-21T10:00:00Z");

fn request(resume: Value) -> Value {
    let mut request: Value = serde_json::from_str(REQUEST).unwrap();
    request["resume"] = resume;
    request
}

fn config() -> Config {
    Config::load(&|name| {
        let value = match name {
            "RETIRING_OU_ID" => "ou-root-retiring",
            "SUSPENDED_OU_ID" => SUSPENDED,
            "MANAGEMENT_ACCOUNT_ID" => "111122223333",
            "PROTECTED_ACCOUNT_IDS" => "999999999999",
            "RUNS_BUCKET" => "runs",
            "EVENT_BUS_NAME" => "landlord",
            _ => return None,
        };
        Some(value.to_owned())
    })
    .unwrap()
}

/// The answer while no switch is thrown.
async fn answer_at(
    minute: i64,
    request: Value,
    script: Vec<Exchange>,
) -> Result<Value, Diagnostic> {
    answer_of(minute, request, Script::new(script).with_no_parameter()).await
}

async fn answer_of(minute: i64, request: Value, script: Script) -> Result<Value, Diagnostic> {
    let start: jiff::Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
    let now = start + jiff::SignedDuration::from_mins(minute);
    let app = App::new(&script.wire("eu-central-1"), config(), Clock::fixed(now));
    let answer = lambda_kit::call(&app, &handle, request).await;
    script.played();
    answer
}

async fn answer(resume: Value, script: Vec<Vec<Exchange>>) -> Result<Value, Diagnostic> {
    answer_at(0, request(resume), script.into_iter().flatten().collect()).await
}

fn due(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let mut tags = vec![
        ("landlord:tenant", "acme"),
        ("landlord:lifecycle", "RETIRING"),
        ("landlord:lifecycle-at", "2026-10-20T10:00:00Z"),
        ("landlord:retire-after", "2026-11-20T10:00:00Z"),
        ("landlord:retiring-at", "2026-10-20T10:00:00Z"),
    ];
    tags.extend(more);
    tags
}

fn read_of(account: &Value, parent: &str, tags: &[(&str, &str)]) -> Vec<Exchange> {
    let tags: Vec<Value> =
        tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    vec![
        call("DescribeAccount", json!({"AccountId": ACCOUNT}))
            .answers(&json!({"Account": account})),
        call("ListTagsForResource", json!({"ResourceId": ACCOUNT})).answers(&json!({"Tags": tags})),
        call("ListParents", json!({"ChildId": ACCOUNT}))
            .answers(&json!({"Parents": [{"Id": parent, "Type": "X"}]})),
        call("ListDelegatedAdministrators", json!({}))
            .answers(&json!({"DelegatedAdministrators": []})),
    ]
}

fn read(state: &str, more: &[(&'static str, &'static str)]) -> Vec<Exchange> {
    read_of(&json!({"State": state}), SUSPENDED, &due(more))
}

fn no_quota_note() -> Vec<Exchange> {
    let note = json!({"key": "sweeps/sweep-1/quota-exceeded.json"});
    vec![call("GetObject", note).refuses_as_s3(404, "NoSuchKey")]
}

fn marks() -> Vec<Exchange> {
    let tags = json!([{"Key": MARK.0, "Value": MARK.1}]);
    vec![call("TagResource", json!({"ResourceId": ACCOUNT, "Tags": tags}))]
}

fn unmarks() -> Vec<Exchange> {
    vec![call("UntagResource", json!({"ResourceId": ACCOUNT, "TagKeys": [MARK.0]}))]
}

fn closes() -> Exchange {
    call("CloseAccount", json!({"AccountId": ACCOUNT}))
}

fn up_to_the_call() -> Vec<Exchange> {
    [read("ACTIVE", &[]), no_quota_note(), marks(), read("ACTIVE", &[MARK])].concat()
}

fn writes(outcome: &Value) -> Vec<Exchange> {
    vec![call("PutObject", json!({"key": OUTCOME, "body": outcome.to_string()}))]
}

fn not_closed(outcome: &str, code: &str, reason: &str) -> Value {
    json!({"outcome": outcome, "accountId": ACCOUNT, "tenantId": "acme", "code": code,
           "reason": reason})
}

#[track_caller]
fn pending(answer: Result<Value, Diagnostic>) -> Value {
    let answer = answer.unwrap();
    assert_eq!(answer["status"], "PENDING", "{answer}");
    answer
}

#[track_caller]
fn ended(answer: Result<Value, Diagnostic>, outcome: &str, code: &str) {
    let answer = answer.unwrap();
    assert_eq!(answer["status"], "DONE", "{answer}");
    assert_eq!((answer["outcome"].as_str(), answer["code"].as_str()), (Some(outcome), Some(code)));
}

#[track_caller]
fn refused(answer: Result<Value, Diagnostic>, name: &str) -> String {
    let error = answer.unwrap_err();
    assert_eq!(error.error_type, name, "{}", error.error_message);
    assert!(ERROR_NAMES.contains(&name));
    error.error_message
}

#[tokio::test(start_paused = true)]
async fn an_account_is_marked_looked_at_again_and_closed() {
    let calls = vec![up_to_the_call(), vec![closes()]];
    let waiting = pending(answer(json!({}), calls).await);
    assert_eq!(waiting["resume"], json!({"taken": true}));

    let mut resume = waiting["resume"].clone();
    let closing = answer(resume.clone(), vec![read("PENDING_CLOSURE", &[MARK])]).await;
    assert_eq!(pending(closing)["resume"], resume);
    for reads in 1..3 {
        let waiting = pending(answer(resume, vec![read("CLOSED", &[MARK])]).await);
        assert_eq!(waiting["resume"]["closedReads"], reads);
        resume = waiting["resume"].clone();
    }
    let outcome = json!({"outcome": "CLOSED", "accountId": ACCOUNT, "tenantId": "acme",
        "closedAt": "2026-11-21T10:00:00Z"});
    let calls = vec![read("CLOSED", &[MARK]), writes(&outcome)];
    let mut done = outcome.clone();
    done["status"] = "DONE".into();
    assert_eq!(answer(resume, calls).await.unwrap(), done);
}

#[tokio::test(start_paused = true)]
async fn a_state_that_flaps_is_read_until_it_holds() {
    let resume = json!({"taken": true, "closedReads": 2});
    let waiting = pending(answer(resume, vec![read("ACTIVE", &[MARK])]).await);
    assert_eq!(waiting["resume"], json!({"taken": true}));
}

#[tokio::test(start_paused = true)]
async fn the_retired_status_tells_it_too() {
    let read = read_of(&json!({"Status": "SUSPENDED"}), SUSPENDED, &due(&[MARK]));
    let waiting = pending(answer(json!({"taken": true}), vec![read]).await);
    assert_eq!(waiting["resume"]["closedReads"], 1);
}

#[tokio::test(start_paused = true)]
async fn an_account_that_was_closed_already_is_marked_and_done() {
    let calls =
        vec![read("CLOSED", &[]), marks(), vec![call("PutObject", json!({"key": OUTCOME}))]];
    let done = answer(json!({"closedReads": 2}), calls).await.unwrap();
    assert_eq!(done["outcome"], "CLOSED");
}

#[tokio::test(start_paused = true)]
async fn what_a_guard_refuses_is_not_closed() {
    for (more, code) in [
        (("landlord:hold", "law suit"), "OnHold"),
        (("landlord:protected", "yes"), "Protected"),
        (("landlord:retire-after", "2026-11-22T10:00:00Z"), "CoolingOff"),
        (("landlord:retiring-at", "2026-11-21T09:00:00Z"), "MovedRecently"),
        (("landlord:lifecycle", "REINSTATED"), "Reinstated"),
        (("landlord:tenant", "globex"), "TenantMismatch"),
    ] {
        let calls = vec![read("ACTIVE", &[more]), vec![call("PutObject", json!({"key": OUTCOME}))]];
        // Another tenant's account is known before anybody asks for administrators.
        let calls: Vec<Exchange> = calls.into_iter().flatten().collect();
        let calls =
            if code == "TenantMismatch" { [&calls[..3], &calls[4..]].concat() } else { calls };
        ended(answer(json!({}), vec![calls]).await, "REFUSED", code);
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_outside_of_suspended_is_not_closed() {
    for (parent, code) in [("ou-root-retiring", "NotSuspended"), ("ou-root-general0", "Elsewhere")]
    {
        let calls = vec![
            read_of(&json!({"State": "ACTIVE"}), parent, &due(&[])),
            vec![call("PutObject", json!({"key": OUTCOME}))],
        ];
        ended(answer(json!({}), calls).await, "REFUSED", code);
    }
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_comes_back_between_the_mark_and_the_call_is_not_closed() {
    let back = [MARK, ("landlord:lifecycle", "REINSTATED")];
    let calls = vec![
        read("ACTIVE", &[]),
        no_quota_note(),
        marks(),
        read("ACTIVE", &back),
        unmarks(),
        writes(&not_closed("REFUSED", "Reinstated", "its tenant was reinstated")),
    ];
    ended(answer(json!({}), calls).await, "REFUSED", "Reinstated");
}

#[tokio::test(start_paused = true)]
async fn a_used_up_quota_defers_and_is_noted_for_the_others() {
    let quota = json!({"Reason": "CLOSE_ACCOUNT_QUOTA_EXCEEDED"});
    let calls = vec![
        up_to_the_call(),
        vec![closes().refuses_because("ConstraintViolationException", &quota)],
        vec![call("PutObject", json!({"key": "sweeps/sweep-1/quota-exceeded.json"}))],
        unmarks(),
        vec![call("PutObject", json!({"key": OUTCOME}))],
    ];
    ended(answer(json!({}), calls).await, "DEFERRED", "QuotaExceeded");

    let noted = call("GetObject", json!({})).answers_text("{}");
    let calls =
        vec![read("ACTIVE", &[]), vec![noted], vec![call("PutObject", json!({"key": OUTCOME}))]];
    ended(answer(json!({}), calls).await, "DEFERRED", "QuotaExceeded");
}

#[tokio::test(start_paused = true)]
async fn three_in_progress_and_throttles_are_waited_for() {
    let limit = json!({"Reason": "CLOSE_ACCOUNT_REQUESTS_LIMIT_EXCEEDED"});
    let (no, perhaps) = (json!({"notTaken": true}), json!({"asked": true}));
    for (refusal, resume) in [
        (closes().refuses_because("ConstraintViolationException", &limit), &no),
        (closes().refuses("TooManyRequestsException"), &no),
        (closes().refuses("ConflictException"), &perhaps),
        (closes().refuses("AccountAlreadyClosedException"), &perhaps),
    ] {
        let waiting = pending(answer(json!({}), vec![up_to_the_call(), vec![refusal]]).await);
        assert_eq!(&waiting["resume"], resume);
        assert!(waiting["retryAfterSeconds"].as_u64().unwrap() >= 20);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_followed_by_a_read_and_the_call_is_sent_once() {
    let calls = vec![up_to_the_call(), vec![closes().loses_its_answer()]];
    let waiting = pending(answer(json!({}), calls).await);
    assert_eq!(waiting["resume"], json!({"asked": true}));
    let closing = answer(waiting["resume"].clone(), vec![read("PENDING_CLOSURE", &[MARK])]).await;
    pending(closing);
}

#[tokio::test(start_paused = true)]
async fn a_mark_that_may_be_of_a_closing_is_not_taken_away() {
    let held = || read("ACTIVE", &[MARK, ("landlord:hold", "law suit")]);
    for resume in [json!({}), json!({"asked": true})] {
        pending(answer(resume, vec![held()]).await);
    }
    let calls = vec![held(), unmarks(), vec![call("PutObject", json!({"key": OUTCOME}))]];
    ended(answer(json!({"notTaken": true}), calls).await, "REFUSED", "OnHold");
}

#[tokio::test(start_paused = true)]
async fn another_constraint_refuses_for_good() {
    let constraint = json!({"Reason": "CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG"});
    let calls = vec![
        up_to_the_call(),
        vec![closes().refuses_because("ConstraintViolationException", &constraint)],
        unmarks(),
        vec![call("PutObject", json!({"key": OUTCOME}))],
    ];
    let code = "CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG";
    ended(answer(json!({}), calls).await, "REFUSED", code);
}

#[tokio::test(start_paused = true)]
async fn a_denial_is_the_guards_own_word_when_they_changed_meanwhile() {
    let calls = vec![
        up_to_the_call(),
        vec![closes().refuses("AccessDeniedException")],
        read("ACTIVE", &[MARK, ("landlord:hold", "now")]),
        unmarks(),
        vec![call("PutObject", json!({"key": OUTCOME}))],
    ];
    ended(answer(json!({}), calls).await, "REFUSED", "OnHold");

    let calls = vec![
        up_to_the_call(),
        vec![closes().refuses("AccessDeniedException")],
        read("ACTIVE", &[MARK]),
        unmarks(),
    ];
    let message = refused(answer(json!({}), calls).await, "AccessDenied");
    assert!(message.contains(ACCOUNT) && message.contains("CloseAccount"), "{message}");

    let calls = vec![up_to_the_call(), vec![closes().refuses("InvalidInputException")], unmarks()];
    refused(answer(json!({}), calls).await, "AwsRefused");
}

#[tokio::test(start_paused = true)]
async fn an_account_that_left_the_organization_is_refused() {
    let calls = vec![
        call("DescribeAccount", json!({})).refuses("AccountNotFoundException"),
        call("PutObject", json!({"key": OUTCOME})),
    ];
    ended(answer(json!({}), vec![calls]).await, "REFUSED", "NotInOrganization");
}

#[tokio::test(start_paused = true)]
async fn without_time_left_it_is_deferred_unless_aws_was_asked() {
    let limit = json!({"Reason": "CLOSE_ACCOUNT_REQUESTS_LIMIT_EXCEEDED"});
    let full = closes().refuses_because("ConstraintViolationException", &limit);
    let read = || {
        let mut read = read("ACTIVE", &[]);
        read.extend(no_quota_note());
        read
    };
    let mark = vec![call("TagResource", json!({}))];
    let calls = [
        read(),
        mark,
        crate::read("ACTIVE", &[("landlord:closing-requested-at", "2026-11-22T10:00:00Z")]),
        vec![full],
        vec![call("PutObject", json!({"key": OUTCOME}))],
    ];
    ended(answer_at(24 * 60, request(json!({})), calls.concat()).await, "DEFERRED", "OutOfTime");

    let calls = crate::read("PENDING_CLOSURE", &[MARK]);
    refused(answer_at(24 * 60, request(json!({"taken": true})), calls).await, "DeadlinePassed");
}

#[tokio::test(start_paused = true)]
async fn a_throttled_read_is_waited_for() {
    let throttle = call("DescribeAccount", json!({})).refuses("TooManyRequestsException");
    let calls = vec![throttle.clone(), throttle.clone(), throttle];
    pending(answer(json!({}), vec![calls]).await);
}

#[tokio::test(start_paused = true)]
async fn a_closing_made_by_hand_is_marked_once() {
    let tags = |tags: Value| {
        call("ListTagsForResource", json!({"ResourceId": ACCOUNT})).answers(&json!({"Tags": tags}))
    };
    let tenant = json!({"Key": "landlord:tenant", "Value": "acme"});
    let event = || serde_json::from_str::<Value>(BY_HAND).unwrap();
    let mark = json!([{"Key": MARK.0, "Value": "2026-11-21T09:48:50Z"}]);
    let marks = call("TagResource", json!({"ResourceId": ACCOUNT, "Tags": mark}));

    let stands_in = |parent: &str| {
        call("ListParents", json!({"ChildId": ACCOUNT}))
            .answers(&json!({"Parents": [{"Id": parent, "Type": "X"}]}))
    };
    for parent in ["ou-root-retiring", SUSPENDED] {
        let calls = vec![tags(json!([tenant])), stands_in(parent), marks.clone()];
        let done = answer_at(0, event(), calls).await.unwrap();
        assert_eq!(done, json!({"status": "DONE", "outcome": "MARKED", "accountId": ACCOUNT}));
    }
    let said = json!({"tenantId": "acme", "accountId": ACCOUNT,
        "organizationalUnitId": "ou-root-general0", "closedAt": "2026-11-21T09:48:50Z"});
    let told = || {
        call(
            "PutEvents",
            json!({"Entries": [{"Source": "landlord", "EventBusName": "landlord",
            "DetailType": "TenantAccountClosed", "Detail": said.to_string()}]}),
        )
    };
    let once = told().answers(&json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}));
    let old = json!([tenant, {"Key": MARK.0, "Value": "2026-10-01T10:00:00Z"}]);
    for before in [json!([tenant]), old] {
        let live = stands_in("ou-root-general0");
        let calls = vec![tags(before), live, once.clone(), marks.clone()];
        let done = answer_at(0, event(), calls).await.unwrap();
        assert_eq!(done["outcome"], "LIVE_ACCOUNT");
    }
    let busy = json!({"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]});
    let calls = vec![tags(json!([tenant])), stands_in("ou-root-general0"), told().answers(&busy)];
    refused(answer_at(0, event(), calls).await, "TryAgain");
    let marked = json!([tenant, {"Key": MARK.0, "Value": MARK.1}]);
    let done = answer_at(0, event(), vec![tags(marked)]).await.unwrap();
    assert_eq!(done["outcome"], "ALREADY_MARKED");
    let done = answer_at(0, event(), vec![tags(json!([]))]).await.unwrap();
    assert_eq!(done["outcome"], "NOT_A_TENANT");
    let mut failed = event();
    failed["detail"]["serviceEventDetails"]["closeAccountStatus"]["state"] = "FAILED".into();
    assert_eq!(answer_at(0, failed, vec![]).await.unwrap()["outcome"], "NOT_CLOSED");

    let throttle = call("ListTagsForResource", json!({})).refuses("TooManyRequestsException");
    let calls = vec![throttle.clone(), throttle.clone(), throttle];
    refused(answer_at(0, event(), calls).await, "TryAgain");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_not_understood_calls_nobody() {
    for (field, value) in
        [("accountId", json!("12")), ("tenantId", json!("Not An Id")), ("sweep", json!(null))]
    {
        let mut request = request(json!({}));
        request[field] = value;
        refused(answer_at(0, request, vec![]).await, "InvalidRequest");
    }
    let strange = answer_at(0, request(json!({"surprise": 1})), vec![]).await;
    refused(strange, "InvalidRequest");
}

fn switch(value: &str) -> Exchange {
    call("GetParameter", json!({"Name": "/landlord/stop"}))
        .answers(&json!({"Parameter": {"Value": value}}))
}

const THROWN: &str =
    r#"{"stopped":true,"reason":"too many","by":"ops","since":"2026-11-21T09:00:00Z"}"#;
const STOPPED: &str =
    "everything irreversible is stopped by ops since 2026-11-21T09:00:00Z: too many";

#[tokio::test(start_paused = true)]
async fn a_thrown_switch_defers_the_closing_before_the_mark_or_right_before_the_call() {
    let outcome = not_closed("DEFERRED", "Stopped", STOPPED);
    // Where the report finds it, however soon the switch is taken away.
    let note = || {
        let said = r#"{"reason":"too many","by":"ops","since":"2026-11-21T09:00:00Z"}"#;
        vec![call("PutObject", json!({"key": "sweeps/sweep-1/stopped.json", "body": said}))]
    };
    let thrown = || vec![switch(THROWN)];
    let before = [read("ACTIVE", &[]), no_quota_note(), thrown(), note(), writes(&outcome)];
    let script = Script::new(before.concat());
    ended(answer_of(0, request(json!({})), script).await, "DEFERRED", "Stopped");
    let late = [
        read("ACTIVE", &[]),
        no_quota_note(),
        vec![switch(r#"{"stopped":false}"#)],
        marks(),
        read("ACTIVE", &[MARK]),
        thrown(),
        unmarks(),
        note(),
        writes(&outcome),
    ];
    let script = Script::new(late.concat());
    ended(answer_of(0, request(json!({})), script).await, "DEFERRED", "Stopped");
}

#[tokio::test(start_paused = true)]
async fn an_account_that_aws_support_reopened_is_not_closed_again() {
    let old = ("landlord:closing-requested-at", "2026-11-01T10:00:00Z");
    let why = "AWS was asked to close it at 2026-11-01T10:00:00Z, and it is active: AWS Support \
               reopened it, or it was never closed";
    let calls = vec![read("ACTIVE", &[old]), writes(&not_closed("REFUSED", "Reopened", why))];
    ended(answer(json!({}), calls).await, "REFUSED", "Reopened");
}
