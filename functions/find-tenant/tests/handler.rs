//! `find-tenant` through its public API: a real SDK client, and an AWS that is a script.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use find_tenant::{App, Config, ERROR_NAMES, handle};
use lambda_kit::{Clock, Diagnostic};
use scripted_wire::{Exchange, Script, call};
use serde_json::{Value, json};

const REQUEST: &str = include_str!("../events/acme.json");
const ACCOUNT: &str = "222222222222";

async fn answer_at(second: i64, script: Vec<Exchange>) -> Result<Value, Diagnostic> {
    let start: jiff::Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
    let now = start + jiff::SignedDuration::from_secs(second);
    let script = Script::new(script);
    let config = Config::load(&|_| None).unwrap();
    let app = App::new(&script.wire("eu-central-1"), config, Clock::fixed(now));
    let request: Value = serde_json::from_str(REQUEST).unwrap();
    let answer = lambda_kit::call(&app, &handle, request).await;
    assert!(script.played().iter().all(|call| call.region == "us-east-1"));
    answer
}

fn indexed(accounts: &[&str]) -> Exchange {
    let list: Vec<Value> = accounts
        .iter()
        .map(|id| json!({"ResourceARN": format!("arn:aws:organizations::1:account/o-x/{id}")}))
        .collect();
    let filter = json!([{"Key": "landlord:tenant", "Values": ["acme"]}]);
    call("GetResources", json!({"TagFilters": filter}))
        .answers(&json!({"ResourceTagMappingList": list, "PaginationToken": ""}))
}

fn read(id: &str, state: &Value, tenant: &str) -> Vec<Exchange> {
    vec![
        call("DescribeAccount", json!({"AccountId": id})).answers(&json!({"Account": state})),
        call("ListTagsForResource", json!({"ResourceId": id}))
            .answers(&json!({"Tags": [{"Key": "landlord:tenant", "Value": tenant}]})),
        call("ListParents", json!({"ChildId": id}))
            .answers(&json!({"Parents": [{"Id": "ou-root-general0", "Type": "X"}]})),
    ]
}

fn script(parts: Vec<Vec<Exchange>>) -> Vec<Exchange> {
    parts.into_iter().flatten().collect()
}

#[track_caller]
fn refused(answer: Result<Value, Diagnostic>, name: &str) -> String {
    let error = answer.unwrap_err();
    assert_eq!(error.error_type, name, "{}", error.error_message);
    assert!(ERROR_NAMES.contains(&name));
    error.error_message
}

#[tokio::test(start_paused = true)]
async fn the_account_is_found_by_its_tag_and_read_afresh() {
    let active = json!({"State": "ACTIVE"});
    let calls = script(vec![vec![indexed(&[ACCOUNT])], read(ACCOUNT, &active, "acme")]);
    let expected = json!({"status": "DONE", "tenantId": "acme", "accountId": ACCOUNT,
        "organizationalUnitId": "ou-root-general0", "state": "ACTIVE"});
    assert_eq!(answer_at(0, calls).await.unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn an_index_that_is_wrong_is_not_believed() {
    let calls = script(vec![
        vec![indexed(&[ACCOUNT, "333333333333"])],
        read(ACCOUNT, &json!({"State": "ACTIVE"}), "globex"),
        read("333333333333", &json!({"Status": "ACTIVE"}), "acme"),
    ]);
    assert_eq!(answer_at(0, calls).await.unwrap()["accountId"], "333333333333");
}

#[tokio::test(start_paused = true)]
async fn a_closed_account_is_found_and_gives_way_to_an_open_one() {
    let closed = json!({"State": "CLOSED"});
    let alone = script(vec![vec![indexed(&[ACCOUNT])], read(ACCOUNT, &closed, "acme")]);
    assert_eq!(answer_at(0, alone).await.unwrap()["state"], "CLOSED");
    let both = script(vec![
        vec![indexed(&["333333333333", ACCOUNT])],
        read("333333333333", &closed, "acme"),
        read(ACCOUNT, &json!({"State": "ACTIVE"}), "acme"),
    ]);
    assert_eq!(answer_at(0, both).await.unwrap()["accountId"], ACCOUNT);
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_not_seen_yet_is_waited_for_and_then_unknown() {
    let waiting = answer_at(599, vec![indexed(&[])]).await.unwrap();
    assert_eq!(waiting["status"], "PENDING");
    assert!(refused(answer_at(600, vec![indexed(&[])]).await, "UnknownTenant").contains("acme"));
}

#[tokio::test(start_paused = true)]
async fn an_account_that_left_the_organization_is_none() {
    let gone = call("DescribeAccount", json!({})).refuses("AccountNotFoundException");
    refused(answer_at(600, vec![indexed(&[ACCOUNT]), gone]).await, "UnknownTenant");
}

#[tokio::test(start_paused = true)]
async fn several_open_accounts_are_named() {
    let active = json!({"State": "ACTIVE"});
    let calls = script(vec![
        vec![indexed(&[ACCOUNT, "333333333333"])],
        read(ACCOUNT, &active, "acme"),
        read("333333333333", &active, "acme"),
    ]);
    let message = refused(answer_at(0, calls).await, "AmbiguousTenant");
    assert!(message.contains(ACCOUNT) && message.contains("333333333333"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn throttles_are_waited_for_until_the_deadline() {
    let throttled = || {
        let throttle = call("GetResources", json!({})).refuses("ThrottledException");
        vec![throttle.clone(), throttle.clone(), throttle]
    };
    let waiting = answer_at(0, throttled()).await.unwrap();
    assert!(waiting["because"].as_str().unwrap().contains("tag:GetResources"), "{waiting}");
    refused(answer_at(86_400, throttled()).await, "DeadlinePassed");
}

#[tokio::test(start_paused = true)]
async fn denials_and_unforeseen_refusals_name_the_call() {
    for (code, name) in
        [("AccessDeniedException", "AccessDenied"), ("InvalidParameterException", "AwsRefused")]
    {
        let calls = vec![call("GetResources", json!({})).refuses(code)];
        let message = refused(answer_at(0, calls).await, name);
        assert!(message.contains("tenant acme") && message.contains("GetResources"), "{message}");
    }
}
