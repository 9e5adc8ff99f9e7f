//! `plan-change` through its public API: a real SDK client, and an AWS that is a script.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use lambda_kit::{Clock, Diagnostic};
use plan_change::{App, Config, ERROR_NAMES, handle};
use scripted_wire::{Exchange, Script, call};
use serde_json::{Value, json};

const REQUEST: &str = include_str!("../events/acme.json");
const ACCOUNT: &str = "222222222222";
const KEY: &str = "tenants/acme.json";
const TIERS: &str = r#"{"tiers": {
  "standard": {"organizationalUnits": [{"name": "General", "weight": 1}],
    "baseline": [{"stackSet": "base", "regions": ["eu-central-1"]}]},
  "premium": {"organizationalUnits": [{"name": "General", "weight": 1}],
    "baseline": [{"stackSet": "base", "regions": ["eu-central-1", "eu-west-1"]}]}}}"#;

fn lookup(name: &str) -> Option<String> {
    let value = match name {
        "EMAIL_LOCAL_PART" => "aws",
        "EMAIL_DOMAIN" => "example.com",
        "TENANT_OUS" => "General=ou-root-general0",
        "ONBOARDING_OU_ID" => "ou-root-onboardi",
        "RETIRING_OU_ID" => "ou-root-retiring",
        "SUSPENDED_OU_ID" => "ou-root-suspende",
        "STATE_MACHINE_ARN" => "arn:aws:states:eu-central-1:1:stateMachine:onboard-tenant",
        "TIERS_PARAMETER" => "/landlord/tiers",
        "RUNS_BUCKET" => "runs",
        _ => return None,
    };
    Some(value.to_owned())
}

async fn asked(request: Value, second: i64, script: Vec<Exchange>) -> Result<Value, Diagnostic> {
    let start: jiff::Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
    let script = Script::new(script);
    let clock = Clock::fixed(start + jiff::SignedDuration::from_secs(second));
    let app = App::new(&script.wire("eu-central-1"), Config::load(&lookup).unwrap(), clock);
    let answer = lambda_kit::call(&app, &handle, request).await;
    script.played();
    answer
}

fn request() -> Value {
    serde_json::from_str(REQUEST).unwrap()
}

fn tiers() -> Exchange {
    let parameter = json!({"Parameter": {"Name": "/landlord/tiers", "Value": TIERS}});
    call("GetParameter", json!({"Name": "/landlord/tiers"})).answers(&parameter)
}

fn no_onboarding() -> Vec<Exchange> {
    let gone = || call("DescribeExecution", json!({})).refuses("ExecutionDoesNotExist");
    vec![gone(), gone()]
}

fn indexed(accounts: &[&str]) -> Exchange {
    let arn =
        |id: &&str| json!({"ResourceARN": format!("arn:aws:organizations::1:account/o/{id}")});
    let list: Vec<Value> = accounts.iter().map(arn).collect();
    call("GetResources", json!({})).answers(&json!({"ResourceTagMappingList": list}))
}

/// The account, as three reads show it.
fn account(parent: &str, tier: &str) -> Vec<Exchange> {
    let tags: Vec<Value> =
        [("landlord:tenant", "acme"), ("landlord:tier", tier), ("landlord:name", "Acme")]
            .iter()
            .map(|(key, value)| json!({"Key": key, "Value": value}))
            .collect();
    vec![
        call("DescribeAccount", json!({"AccountId": ACCOUNT})).answers(
            &json!({"Account": {"Id": ACCOUNT, "Email": "a@b.example", "State": "ACTIVE"}}),
        ),
        call("ListTagsForResource", json!({})).answers(&json!({ "Tags": tags })),
        call("ListParents", json!({})).answers(&json!({"Parents": [{"Id": parent}]})),
    ]
}

fn no_record() -> Exchange {
    call("GetObject", json!({"key": KEY})).refuses_as_s3(404, "NoSuchKey")
}

/// All that is read before the account is: no record, no onboarding, one account in the index.
fn found() -> Vec<Exchange> {
    let mut script = vec![tiers(), no_record()];
    script.extend(no_onboarding());
    script.push(indexed(&[ACCOUNT]));
    script
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_faulty_is_rejected_before_any_call() {
    let mut request = request();
    request["event"]["detail"] = json!({"tenantId": 7, "tier": "premium", "metadata": {"a": 1}});
    let answer = asked(request, 0, vec![]).await.unwrap();
    assert_eq!((&answer["status"], &answer["outcome"]), (&json!("DONE"), &json!("REJECTED")));
    assert_eq!(answer["tenantId"], Value::Null);
    assert_eq!(answer["metadata"], json!({"a": 1}));
    let expected =
        json!(["tenantId: a number must be text", "occurredAt: nothing where it is required"]);
    assert_eq!(answer["reasons"], expected);
}

#[tokio::test(start_paused = true)]
async fn a_tier_that_there_is_not_is_rejected_before_anything_is_written() {
    let mut request = request();
    request["event"]["detail"]["tier"] = json!("gold");
    let answer = asked(request, 0, vec![tiers()]).await.unwrap();
    let reasons = json!(["tier: \"gold\" must be one of the tiers: premium, standard"]);
    assert_eq!(answer["reasons"], reasons);
}

#[tokio::test(start_paused = true)]
async fn an_onboarding_that_is_at_work_is_waited_for() {
    let running = call("DescribeExecution", json!({})).answers(&json!({
        "executionArn": "arn:x", "stateMachineArn": "arn:m", "status": "RUNNING", "startDate": 1,
    }));
    let answer = asked(request(), 0, vec![tiers(), no_record(), running]).await.unwrap();
    assert_eq!(answer["status"], "PENDING");
    assert!(answer["because"].as_str().unwrap().contains("onboarding"), "{answer}");
    let mut script = found();
    script.extend(account("ou-root-onboardi", "standard"));
    assert_eq!(asked(request(), 0, script).await.unwrap()["status"], "PENDING");
}

#[tokio::test(start_paused = true)]
async fn no_account_is_waited_for_ten_minutes_and_is_then_the_answer() {
    for (second, expected) in [(599, "PENDING"), (600, "DONE")] {
        let mut script = vec![tiers(), no_record()];
        script.extend(no_onboarding());
        script.push(indexed(&[]));
        let answer = asked(request(), second, script).await.unwrap();
        assert_eq!(answer["status"], expected);
        if expected == "DONE" {
            assert_eq!(answer["because"], "NO_ACCOUNT");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_live_account_is_remembered_and_planned_for() {
    let mut script = found();
    script.extend(account("ou-root-general0", "standard"));
    script.push(no_record());
    script.push(call("PutObject", json!({"key": KEY, "ifNoneMatch": "*"})));
    let list = "<ListStackInstancesResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\
        <ListStackInstancesResult><Summaries><member><Region>eu-central-1</Region></member></Summaries>\
        </ListStackInstancesResult></ListStackInstancesResponse>";
    let one = "<DescribeStackInstanceResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\
        <DescribeStackInstanceResult><StackInstance><ParameterOverrides/></StackInstance>\
        </DescribeStackInstanceResult></DescribeStackInstanceResponse>";
    script.push(call("ListStackInstances", json!({})).answers_text(list));
    script.push(call("DescribeStackInstance", json!({})).answers_text(one));
    let answer = asked(request(), 0, script).await.unwrap();
    assert_eq!(answer["outcome"], "CONVERGE", "{answer}");
    assert_eq!(answer["document"]["tier"], "premium");
    assert_eq!(answer["destinationId"], "ou-root-general0");
    assert_eq!(answer["allowedFrom"], json!([]), "it stays where it stands");
    assert_eq!(answer["marks"]["landlord:tier"], "premium");
    assert!(answer["marks"]["landlord:baseline"].is_null(), "that follows what it has");
    let kinds: Vec<&str> =
        answer["steps"].as_array().unwrap().iter().map(|it| it["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["TAG", "TAG", "LABEL", "ENROL"]);
}

#[tokio::test(start_paused = true)]
async fn what_stands_elsewhere_is_an_error_and_a_throttle_is_none() {
    let mut script = found();
    script.extend(account("ou-root-elsewher", "standard"));
    let error = asked(request(), 0, script).await.unwrap_err();
    assert_eq!(error.error_type, "UnexpectedOrganizationalUnit");
    assert!(ERROR_NAMES.contains(&error.error_type.as_str()));
    let slow = || call("GetParameter", json!({})).refuses("ThrottlingException");
    let answer = asked(request(), 0, vec![slow(), slow(), slow()]).await.unwrap();
    assert_eq!(answer["status"], "PENDING");
    let denied = call("GetParameter", json!({})).refuses("AccessDeniedException");
    assert_eq!(asked(request(), 0, vec![denied]).await.unwrap_err().error_type, "AccessDenied");
}
