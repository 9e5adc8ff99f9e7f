//! The scripted AWS of these tests: the calls of one step, and what they answer.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use create_account::{App, Config, ERROR_NAMES, handle};
use lambda_kit::{Clock, Diagnostic};
use scripted_wire::{Exchange, Script, assume_role_answer, call};
use serde_json::{Value, json};

pub(crate) const FIRST_CALL: &str = include_str!("../../events/first-call.json");
pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const ARN: &str =
    "arn:aws:organizations::111122223333:account/o-abcdefghij/123456789012";

pub(crate) fn environment(name: &str) -> Option<String> {
    let value = match name {
        "ACCOUNT_ROLE_NAME" => "AWSCloudFormationStackSetExecutionRole",
        "ONBOARDING_OU_ID" => "ou-root-onboard1",
        "RETIRING_OU_ID" => "ou-root-retiring",
        "SUSPENDED_OU_ID" => "ou-root-suspende",
        "RUNS_BUCKET" => "runs",
        "TENANT_OUS" => "Canary=ou-root-canary11,General=ou-root-general1",
        _ => return None,
    };
    Some(value.to_owned())
}

pub(crate) fn request(resume: &Value) -> Value {
    let mut request: Value = serde_json::from_str(FIRST_CALL).unwrap();
    request["resume"] = resume.clone();
    request
}

/// The answer at `minute` after the execution's start, and the script that was played; the tenant's
/// record is empty, and no part of it.
pub(crate) async fn answer_at(
    minute: i64,
    request: Value,
    script: Vec<Exchange>,
) -> (Result<Value, Diagnostic>, Vec<scripted_wire::Seen>) {
    answer_of(minute, request, Script::new(script).beside_an_empty("tenants/")).await
}

/// The answer to a script that has the tenant's record in it.
pub(crate) async fn answer_of(
    minute: i64,
    request: Value,
    script: Script,
) -> (Result<Value, Diagnostic>, Vec<scripted_wire::Seen>) {
    let start: jiff::Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
    let now = start + jiff::SignedDuration::from_mins(minute);
    let config = Config::load(&environment).unwrap();
    let app = App::new(&script.wire("eu-central-1"), config, Clock::fixed(now));
    let answer = lambda_kit::call(&app, &handle, request).await;
    (answer, script.played())
}

pub(crate) async fn answer(resume: Value, script: Vec<Exchange>) -> Result<Value, Diagnostic> {
    answer_at(1, request(&resume), script).await.0
}

pub(crate) fn no_account_with_the_tag() -> Exchange {
    call(
        "GetResources",
        json!({"ResourceTypeFilters": ["organizations:account"],
               "TagFilters": [{"Key": "landlord:tenant", "Values": ["acme"]}]}),
    )
    .answers(&json!({"ResourceTagMappingList": [], "PaginationToken": ""}))
}

pub(crate) fn accounts_with_the_tag(arns: &[&str]) -> Exchange {
    let found: Vec<Value> = arns.iter().map(|arn| json!({"ResourceARN": arn})).collect();
    call("GetResources", json!({})).answers(&json!({"ResourceTagMappingList": found}))
}

pub(crate) fn running(statuses: &Value) -> Exchange {
    call("ListCreateAccountStatus", json!({"States": ["IN_PROGRESS"]}))
        .answers(&json!({"CreateAccountStatuses": statuses}))
}

pub(crate) fn status(id: &str, name: &str, state: &str) -> Value {
    json!({"Id": id, "AccountName": name, "State": state, "RequestedTimestamp": 1_795_255_200})
}

pub(crate) fn facts_of(
    account: &str,
    state: &str,
    tag: Option<&str>,
    parent: &str,
) -> Vec<Exchange> {
    let tags = tag.map_or(json!([]), |tag| json!([{"Key": "landlord:tenant", "Value": tag}]));
    vec![
        call("DescribeAccount", json!({"AccountId": account})).answers(&json!({"Account": {
            "Id": account, "Arn": ARN, "Email": "aws+acme@example.com", "State": state}})),
        call("ListTagsForResource", json!({"ResourceId": account})).answers(&json!({"Tags": tags})),
        call("ListParents", json!({"ChildId": account})).answers(&json!({"Parents": [
            {"Id": parent, "Type": if parent.starts_with('r') { "ROOT" } else { "ORGANIZATIONAL_UNIT" }}]})),
    ]
}

pub(crate) fn facts(parent: &str) -> Vec<Exchange> {
    facts_of(ACCOUNT, "ACTIVE", Some("acme"), parent)
}

pub(crate) fn role_is_assumed() -> Exchange {
    call(
        "AssumeRole",
        json!({"RoleArn": "arn:aws:iam::123456789012:role/AWSCloudFormationStackSetExecutionRole"}),
    )
    .answers_text(&assume_role_answer("ASIATENANT"))
}

pub(crate) fn describes(id: &str, status: &Value) -> Exchange {
    call("DescribeCreateAccountStatus", json!({"CreateAccountRequestId": id}))
        .answers(&json!({"CreateAccountStatus": status}))
}

pub(crate) fn failed(reason: &str) -> Value {
    let mut status = status("car-12345678", "tenant-acme", "FAILED");
    status["FailureReason"] = reason.into();
    status["CompletedTimestamp"] = 1_795_255_230.into();
    status
}

pub(crate) fn script(parts: impl IntoIterator<Item = Vec<Exchange>>) -> Vec<Exchange> {
    parts.into_iter().flatten().collect()
}

#[track_caller]
pub(crate) fn pending(answer: &Result<Value, Diagnostic>) -> &Value {
    let answer = answer.as_ref().unwrap();
    assert_eq!(answer["status"], "PENDING", "{answer}");
    assert!((1..=86_400).contains(&answer["retryAfterSeconds"].as_i64().unwrap()), "{answer}");
    answer
}

#[track_caller]
pub(crate) fn refused(answer: Result<Value, Diagnostic>, name: &str) -> String {
    let error = answer.unwrap_err();
    assert_eq!(error.error_type, name, "{}", error.error_message);
    assert!(ERROR_NAMES.contains(&name));
    assert!(!error.error_message.contains('@'), "an email in {}", error.error_message);
    error.error_message
}

/// The reads that come before an order, none of which finds anything.
pub(crate) fn nothing_there() -> Vec<Exchange> {
    vec![no_account_with_the_tag(), running(&json!([]))]
}
