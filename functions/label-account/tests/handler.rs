//! `label-account` through its public API: real SDK clients, and an AWS that is a script.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use label_account::{App, Config, ERROR_NAMES, handle};
use lambda_kit::{Clock, Diagnostic};
use scripted_wire::{Exchange, Script, assume_role_answer, call};
use serde_json::{Value, json};

const LABEL: &str = include_str!("../events/label.json");
const VALUE: &str = r#"{"tenantId":"acme","tier":"standard"}"#;

fn request() -> Value {
    serde_json::from_str(LABEL).unwrap()
}

async fn answer_at(
    minute: i64,
    request: Value,
    script: Vec<Exchange>,
) -> (Result<Value, Diagnostic>, Vec<scripted_wire::Seen>) {
    let start: jiff::Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
    let now = start + jiff::SignedDuration::from_mins(minute);
    let script = Script::new(with_role(script));
    let config = Config::load(&|_| Some("Role".into())).unwrap();
    let app = App::new(&script.wire("eu-central-1"), config, Clock::fixed(now));
    let answer = lambda_kit::call(&app, &handle, request).await;
    (answer, script.played())
}

async fn answer(request: Value, script: Vec<Exchange>) -> Result<Value, Diagnostic> {
    answer_at(1, request, script).await.0
}

fn assumes() -> Exchange {
    call("AssumeRole", json!({"RoleArn": "arn:aws:iam::123456789012:role/landlord/Role"}))
        .answers_text(&assume_role_answer("ASIATENANT"))
}

fn equips() -> Exchange {
    let done = json!({"status": "DONE", "accountId": "123456789012", "made": false,
                      "unknownRoles": []});
    call("Invoke", json!({"Payload": {"accountId": "123456789012"}})).answers(&done)
}

/// Before the account is entered its role is looked at; where it refuses, once more.
fn with_role(script: Vec<Exchange>) -> Vec<Exchange> {
    match script.is_empty() {
        true => script,
        false => [vec![equips()], script].concat(),
    }
}

fn denied() -> Vec<Exchange> {
    let denied = call("AssumeRole", json!({})).refuses_in_xml(403, "AccessDenied");
    vec![denied.clone(), equips(), denied]
}

fn says(value: &str) -> Exchange {
    call("GetParameter", json!({"Name": "/landlord/tenant"}))
        .answers(&json!({"Parameter": {"Name": "/landlord/tenant", "Value": value}}))
}

fn says_nothing() -> Exchange {
    call("GetParameter", json!({"Name": "/landlord/tenant"})).refuses("ParameterNotFound")
}

fn writes() -> Exchange {
    let request = json!({"Name": "/landlord/tenant", "Value": VALUE, "Type": "String",
                         "Overwrite": true});
    call("PutParameter", request).answers(&json!({"Version": 1}))
}

fn done() -> Value {
    json!({"status": "DONE", "accountId": "123456789012", "regions": ["eu-central-1", "us-east-1"]})
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
async fn writes_the_label_in_each_region_with_the_accounts_own_credentials() {
    let calls = vec![assumes(), says_nothing(), writes(), says_nothing(), writes()];
    let (answer, seen) = answer_at(0, request(), calls).await;
    assert_eq!(answer.unwrap(), done());
    let seen = &seen[1..];
    assert_eq!(seen[0].access_key, "AKIAFUNCTION");
    let policy: Value = serde_json::from_str(seen[0].request["Policy"].as_str().unwrap()).unwrap();
    assert_eq!(policy["Statement"][0]["Action"], json!(["ssm:GetParameter", "ssm:PutParameter"]));
    assert!(seen[1..].iter().all(|call| call.access_key == "ASIATENANT"), "{seen:?}");
    let regions: Vec<_> = seen[1..].iter().map(|call| call.region.as_str()).collect();
    assert_eq!(regions, ["eu-central-1", "eu-central-1", "us-east-1", "us-east-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_label_that_is_there_is_not_written_again() {
    let other_spelling = r#"{ "tier": "standard", "tenantId": "acme" }"#;
    let calls = vec![assumes(), says(VALUE), says(other_spelling)];
    assert_eq!(answer(request(), calls).await.unwrap(), done());
}

#[tokio::test(start_paused = true)]
async fn another_label_is_replaced() {
    let old = r#"{"tenantId":"acme","tier":"trial"}"#;
    let calls = vec![assumes(), says(VALUE), says(old), writes()];
    assert_eq!(answer(request(), calls).await.unwrap(), done());
}

#[tokio::test(start_paused = true)]
async fn a_new_account_that_refuses_is_waited_for() {
    let refusals: [Vec<Exchange>; 4] = [
        denied(),
        vec![assumes(), call("GetParameter", json!({})).refuses("AccessDeniedException")],
        vec![assumes(), call("GetParameter", json!({})).refuses("UnrecognizedClientException")],
        vec![
            assumes(),
            says_nothing(),
            call("PutParameter", json!({})).refuses("SubscriptionRequiredException"),
        ],
    ];
    for calls in refusals {
        let answer = answer(request(), calls).await;
        assert_eq!(pending(&answer)["resume"], json!({"refusedSince": "2026-11-21T10:01:00Z"}));
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_that_refuses_for_an_hour_is_not_new() {
    let mut request = request();
    request["resume"] = json!({"refusedSince": "2026-11-21T10:01:00Z"});
    let (early, _) = answer_at(60, request.clone(), denied()).await;
    pending(&early);
    let (late, _) = answer_at(62, request.clone(), denied()).await;
    let message = refused(late, "AccessDenied");
    assert!(message.contains("sts:AssumeRole") && message.contains("123456789012"), "{message}");

    request["execution"]["redrivenAt"] = "2026-11-21T11:30:00Z".into();
    let (redriven, _) = answer_at(91, request, denied()).await;
    pending(&redriven);
}

#[tokio::test(start_paused = true)]
async fn throttles_and_faults_of_aws_are_waited_for() {
    for trouble in [
        call("GetParameter", json!({})).refuses("ThrottlingException"),
        call("GetParameter", json!({})).breaks(),
        call("GetParameter", json!({})).is_unreachable(),
    ] {
        let calls = vec![assumes(), trouble.clone(), trouble.clone(), trouble];
        let answer = answer(request(), calls).await;
        assert_eq!(pending(&answer)["resume"], json!({}));
    }
    let busy = call("PutParameter", json!({})).refuses("TooManyUpdates");
    let calls = vec![assumes(), says_nothing(), busy];
    pending(&answer(request(), calls).await);
}

#[tokio::test(start_paused = true)]
async fn an_unforeseen_refusal_names_call_account_and_region() {
    let calls = vec![
        assumes(),
        says(VALUE),
        says_nothing(),
        call("PutParameter", json!({})).refuses("ParameterLimitExceeded"),
    ];
    let message = refused(answer(request(), calls).await, "AwsRefused");
    for word in ["123456789012", "us-east-1", "ssm:PutParameter", "ParameterLimitExceeded"] {
        assert!(message.contains(word), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_past_the_deadline_is_an_error() {
    let trouble = call("AssumeRole", json!({})).refuses_in_xml(400, "Throttling");
    let calls = vec![trouble.clone(), trouble.clone(), trouble];
    let (answer, _) = answer_at(24 * 60, request(), calls).await;
    assert!(refused(answer, "DeadlinePassed").contains("Throttling"));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_not_understood_calls_nobody() {
    for (field, value) in [
        ("accountId", json!("12")),
        ("tenantId", json!("Acme")),
        ("regions", json!([])),
        ("regions", json!("eu-central-1")),
        ("regions", json!(["Frankfurt"])),
        ("resume", json!({"surprise": true})),
    ] {
        let mut request = request();
        request[field] = value;
        let message = refused(answer(request, vec![]).await, "InvalidRequest");
        assert!(message.contains(field) || message.contains("resume"), "{field}: {message}");
    }
}
