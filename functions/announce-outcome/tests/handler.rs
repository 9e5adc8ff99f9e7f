//! The function through its public API: the real SDK on a scripted wire.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails the test")]

use announce_outcome::{App, Config, Error, handle};
use lambda_kit::{Clock, Diagnostic, Named};
use scripted_wire::Seen;
use scripted_wire::operations::{Aws, Reply, error};
use serde_json::{Value, json};

const NOW: &str = "2026-11-21T12:00:00Z";
const ARN: &str = "arn:aws:states:eu-central-1:111122223333:execution:onboard-tenant:acme_2";
const TOPIC: &str = "arn:aws:sns:eu-central-1:111122223333:failures";

fn request(status: &str) -> Value {
    let mut request: Value = serde_json::from_str(include_str!("../events/failed.json")).unwrap();
    request["detail"]["status"] = json!(status);
    request
}

async fn call(aws: &Aws, request: Value) -> Result<Value, Diagnostic> {
    let config = Config::load(&|name| {
        let value = match name {
            "EVENT_BUS_NAME" => "landlord",
            "TOPIC_ARN" => TOPIC,
            "RUNS_BUCKET" => "runs",
            _ => return None,
        };
        Some(value.to_owned())
    });
    let clock = Clock::fixed(NOW.parse().unwrap());
    let app = App::new(&aws.wire(&clock), config.unwrap(), clock);
    lambda_kit::call(&app, &handle, request).await
}

fn execution(status: &str, more: Value) -> Value {
    let document = include_str!("../events/document.json");
    let mut execution = json!({
        "executionArn": ARN, "stateMachineArn": "arn:aws:states:x:1:stateMachine:m",
        "status": status, "startDate": 1_795_255_200, "stopDate": 1_795_255_800.5,
        "input": document, "redriveCount": 0,
    });
    execution.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    execution
}

fn event(id: i64, previous: i64, kind: &str, details: Value) -> Value {
    let mut event = json!({"timestamp": 1_795_255_300, "type": kind, "id": id,
                           "previousEventId": previous});
    event.as_object_mut().unwrap().extend(details.as_object().unwrap().clone());
    event
}

/// The end of a history in which a function failed in EnrollBaseline, newest event first.
fn history() -> Value {
    let parameters = json!({"FunctionName": "f", "Payload": {"accountId": "222222222222"}});
    json!({"events": [
        event(9, 8, "ExecutionFailed", json!({})),
        event(8, 7, "TaskFailed", json!({})),
        event(7, 6, "TaskScheduled", json!({"taskScheduledEventDetails": {
            "resourceType": "lambda", "resource": "invoke", "region": "eu-central-1",
            "parameters": parameters.to_string()}})),
        event(6, 5, "TaskStateEntered",
              json!({"stateEnteredEventDetails": {"name": "EnrollBaseline"}})),
    ]})
}

/// An AWS in which nothing was announced yet.
fn silent() -> Aws {
    Aws::new()
        .always("GetObject", |_| error(404, "NoSuchKey"))
        .always("PutEvents", |_| Reply::Json(json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]})))
        .always("Publish", |_| {
            Reply::Text("<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>".to_owned())
        })
        .always("PutObject", |_| Reply::Text(String::new()))
        .always("GetExecutionHistory", |_| Reply::Json(history()))
}

fn failed() -> Aws {
    let cause = json!({"errorType": "BaselineFailed", "errorMessage": "stack set b: no"});
    let more = json!({"error": "BaselineFailed", "cause": cause.to_string()});
    silent().json("DescribeExecution", execution("FAILED", more))
}

fn succeeded() -> Aws {
    let output = json!({"accountId": "222222222222", "organizationalUnitId": "ou-root-general0",
                        "organizationalUnit": "General", "baseline": [], "quotas": []});
    let more = json!({"output": output.to_string()});
    silent().json("DescribeExecution", execution("SUCCEEDED", more))
}

fn detail(aws: &Aws) -> Value {
    let put = &aws.calls_of("PutEvents")[0];
    serde_json::from_str(put.field("Entries/0/Detail").as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn a_tenant_that_is_ready_is_announced_and_noted() {
    let aws = succeeded();
    let answer = call(&aws, request("SUCCEEDED")).await.unwrap();
    assert_eq!(answer, json!({"status": "DONE", "announced": true, "event": "TenantReady"}));
    let put = &aws.calls_of("PutEvents")[0];
    assert_eq!(put.field("Entries/0/EventBusName"), "landlord");
    assert_eq!(put.field("Entries/0/Source"), "landlord");
    assert_eq!(put.field("Entries/0/DetailType"), "TenantReady");
    assert_eq!(
        detail(&aws),
        json!({
            "tenantId": "acme", "accountId": "222222222222",
            "organizationalUnitId": "ou-root-general0", "organizationalUnit": "General",
            "tier": "standard", "baseline": [], "quotas": [],
            "eventId": "7bf73129-1428-4cd3-a780-95db273d1602", "executionArn": ARN,
            "startedAt": "2026-11-21T10:00:00Z", "readyAt": "2026-11-21T10:10:00.5Z",
        })
    );
    let note = &aws.calls_of("PutObject")[0];
    assert_eq!(note.field("key"), "announced/acme_2/0-SUCCEEDED");
    assert_eq!(note.field("ifNoneMatch"), "*");
    assert_eq!(
        aws.operations(),
        ["DescribeExecution", "GetObject", "PutEvents", "PutObject"],
        "operators do not hear of tenants that are ready"
    );
}

#[tokio::test]
async fn ends_that_are_no_failures_are_told_as_what_they_are_and_not_to_operators() {
    let difference = json!({"field": "tier", "signup": "gold", "tenant": "standard"});
    for (output, event) in [
        (json!({"outcome": "LEFT", "accountId": null}), "TenantLeft"),
        (
            json!({"outcome": "CONTRADICTED", "accountId": "222222222222",
                   "differences": [difference]}),
            "TenantSignupContradicted",
        ),
    ] {
        let mut document: Value =
            serde_json::from_str(include_str!("../events/document.json")).unwrap();
        document["metadata"] = json!({"orderId": "o-7"});
        let more = json!({"output": output.to_string(), "input": document.to_string()});
        let aws = silent().json("DescribeExecution", execution("SUCCEEDED", more));
        let answer = call(&aws, request("SUCCEEDED")).await.unwrap();
        assert_eq!(answer, json!({"status": "DONE", "announced": true, "event": event}));
        assert_eq!(aws.calls_of("PutEvents")[0].field("Entries/0/DetailType"), event);
        let detail = detail(&aws);
        assert_eq!(detail["eventId"], document["eventId"], "{detail}");
        assert_eq!(detail["metadata"], document["metadata"], "{detail}");
        assert_eq!(detail["accountId"], output["accountId"], "{detail}");
        // Of a tenant that left without an account that a step knew, the record is asked.
        let reads = if event == "TenantLeft" { 2 } else { 1 };
        assert_eq!(aws.calls_of("GetObject").len(), reads, "{event}");
        assert_eq!(aws.calls_of("Publish").len(), 0, "{event}");
    }
}

#[tokio::test]
async fn the_account_that_no_step_answered_with_is_named_by_the_tenants_record() {
    let record = json!({"version": 1, "tenantId": "acme", "accountId": "333333333333"});
    let recorded = || {
        let text = record.to_string();
        Aws::new()
            .always("GetObject", move |call| {
                let key = call.field("key").as_str().unwrap_or_default().to_owned();
                if key.starts_with("tenants/acme") { Reply::Text(text.clone()) } else { error(404, "NoSuchKey") }
            })
            .always("PutEvents", |_| Reply::Json(json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]})))
            .always("Publish", |_| Reply::Text("<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>".to_owned()))
            .always("PutObject", |_| Reply::Text(String::new()))
            .always("GetExecutionHistory", |_| Reply::Json(json!({"events": []})))
    };
    let output = json!({"outcome": "LEFT", "accountId": null}).to_string();
    let aws =
        recorded().json("DescribeExecution", execution("SUCCEEDED", json!({"output": output})));
    call(&aws, request("SUCCEEDED")).await.unwrap();
    assert_eq!(detail(&aws)["accountId"], "333333333333");
    // AccountClosed and its like: create-account met the account, and ended there.
    let more = json!({"error": "AccountClosed", "cause": "account 333333333333 is CLOSED"});
    let aws = recorded().json("DescribeExecution", execution("FAILED", more));
    call(&aws, request("FAILED")).await.unwrap();
    assert_eq!(detail(&aws)["accountId"], "333333333333");
}

#[tokio::test]
async fn a_failure_is_announced_with_account_step_error_and_a_readable_cause() {
    let aws = failed();
    let answer = call(&aws, request("FAILED")).await.unwrap();
    assert_eq!(answer["event"], "TenantOnboardingFailed");
    assert_eq!(
        detail(&aws),
        json!({
            "tenantId": "acme", "accountId": "222222222222",
            "eventId": "7bf73129-1428-4cd3-a780-95db273d1602", "executionArn": ARN,
            "status": "FAILED", "step": "EnrollBaseline", "error": "BaselineFailed",
            "cause": "stack set b: no",
        })
    );
    let message = &aws.calls_of("Publish")[0];
    assert_eq!(message.field("TopicArn"), TOPIC);
    assert_eq!(message.field("Subject"), "Landlord: onboarding of acme failed");
    let text = message.field("Message").as_str().unwrap();
    for part in ["222222222222", "EnrollBaseline", "BaselineFailed", "stack set b: no", ARN] {
        assert!(text.contains(part), "{text}");
    }
    let read = &aws.calls_of("GetExecutionHistory")[0];
    assert_eq!(read.field("reverseOrder"), true);
}

#[tokio::test(start_paused = true)]
async fn a_change_that_failed_is_told_as_such_and_one_that_succeeded_was_told_by_its_machine() {
    let input = json!({"id": "e-7", "detail-type": "TenantChanged", "source": "saas.signup",
        "detail": {"tenantId": "org_01H", "tier": "premium", "metadata": {"order": 7}}});
    let change = json!({"input": input.to_string()});
    let mut failure = change.clone();
    failure["error"] = json!("BaselineFailed");
    failure["cause"] = json!("no room");
    let aws = silent().json("DescribeExecution", execution("FAILED", failure));
    let answer = call(&aws, request("FAILED")).await.unwrap();
    assert_eq!(answer["event"], "TenantChangeFailed");
    let put = &aws.calls_of("PutEvents")[0];
    assert_eq!(put.field("Entries/0/DetailType"), "TenantChangeFailed");
    let detail = detail(&aws);
    for (member, expected) in [
        ("tenantId", json!("org-01h")),
        ("originalTenantId", json!("org_01H")),
        ("eventId", json!("e-7")),
        ("metadata", json!({"order": 7})),
        ("error", json!("BaselineFailed")),
    ] {
        assert_eq!(detail[member], expected, "{member}");
    }
    assert_eq!(aws.calls_of("Publish").len(), 1);
    let aws = silent().json("DescribeExecution", execution("SUCCEEDED", change));
    let answer = call(&aws, request("SUCCEEDED")).await.unwrap();
    assert_eq!(answer, json!({"status": "DONE", "announced": false, "event": null}));
}

#[tokio::test]
async fn a_time_out_and_a_stop_name_the_state_that_was_entered_last() {
    let waiting = json!({"events": [
        event(5, 4, "ExecutionAborted", json!({})),
        event(4, 3, "WaitStateEntered", json!({"stateEnteredEventDetails": {"name": "WaitForAccount"}})),
        event(3, 2, "TaskStateExited", json!({"stateExitedEventDetails": {
            "name": "CreateAccount", "assignedVariables": {"account": "{\"accountId\":\"222222222222\"}"}}})),
    ]});
    for (status, error) in [("TIMED_OUT", json!("States.Timeout")), ("ABORTED", Value::Null)] {
        let aws = silent()
            .json("DescribeExecution", execution(status, json!({})))
            .json("GetExecutionHistory", waiting.clone());
        call(&aws, request(status)).await.unwrap();
        let detail = detail(&aws);
        assert_eq!(detail["step"], "WaitForAccount", "{detail}");
        assert_eq!(detail["accountId"], "222222222222");
        assert_eq!(detail["error"], error);
        assert!(detail["cause"].is_string());
    }
}

#[tokio::test]
async fn the_history_is_read_until_step_and_account_are_known_and_no_further_than_ten_pages() {
    let first = json!({"nextToken": "2", "events": [
        event(9, 8, "ExecutionFailed", json!({})), event(8, 7, "TaskFailed", json!({}))]});
    let aws = failed().json("GetExecutionHistory", first);
    call(&aws, request("FAILED")).await.unwrap();
    assert_eq!(aws.calls_of("GetExecutionHistory")[1].field("nextToken"), "2");
    assert_eq!(detail(&aws)["step"], "EnrollBaseline");

    let endless = |_: &Seen| Reply::Json(json!({"nextToken": "more", "events": []}));
    let aws = failed().always("GetExecutionHistory", endless);
    call(&aws, request("FAILED")).await.unwrap();
    assert_eq!(aws.calls_of("GetExecutionHistory").len(), 10);
    assert_eq!(detail(&aws)["step"], Value::Null);
    assert_eq!(detail(&aws)["accountId"], Value::Null);
}

#[tokio::test]
async fn an_execution_started_by_hand_is_known_by_its_name() {
    let aws = silent().json("DescribeExecution", execution("FAILED", json!({"input": "[]"})));
    call(&aws, request("FAILED")).await.unwrap();
    assert_eq!(detail(&aws)["tenantId"], "acme");
    assert_eq!(detail(&aws)["eventId"], Value::Null);
}

#[tokio::test]
async fn what_is_noted_is_not_announced_again() {
    let aws = failed().on("GetObject", Reply::Text("{}".to_owned()));
    let answer = call(&aws, request("FAILED")).await.unwrap();
    assert_eq!(answer["announced"], false);
    assert_eq!(aws.operations(), ["DescribeExecution", "GetObject"]);
}

#[tokio::test]
async fn each_end_after_a_redrive_is_an_end_of_its_own() {
    let aws = silent().json("DescribeExecution", execution("FAILED", json!({"redriveCount": 2})));
    let mut second = request("FAILED");
    second["detail"]["redriveCount"] = json!(2);
    assert_eq!(call(&aws, second).await.unwrap()["announced"], true);
    assert_eq!(aws.calls_of("PutObject")[0].field("key"), "announced/acme_2/2-FAILED");
}

#[tokio::test]
async fn an_end_that_was_redriven_since_is_not_announced() {
    for status in ["RUNNING", "SUCCEEDED", "FAILED"] {
        let aws = silent().json("DescribeExecution", execution(status, json!({"redriveCount": 1})));
        assert_eq!(call(&aws, request("FAILED")).await.unwrap()["announced"], false, "{status}");
        assert_eq!(aws.operations(), ["DescribeExecution"]);
    }
}

#[tokio::test]
async fn an_end_that_step_functions_does_not_show_yet_is_tried_again() {
    let aws = silent().json("DescribeExecution", execution("RUNNING", json!({})));
    let error = call(&aws, request("FAILED")).await.unwrap_err();
    assert_eq!(error.error_type, "TryAgain");
    assert_eq!(aws.operations(), ["DescribeExecution"]);
}

#[tokio::test]
async fn a_note_that_another_call_wrote_meanwhile_is_no_error() {
    let aws = failed().always("PutObject", |_| error(412, "PreconditionFailed"));
    assert_eq!(call(&aws, request("FAILED")).await.unwrap()["announced"], true);
}

#[tokio::test(start_paused = true)]
async fn throttles_and_outages_are_tried_again_and_never_noted_as_announced() {
    for refused in ["DescribeExecution", "GetObject", "GetExecutionHistory", "PutEvents", "Publish"]
    {
        for (status, code) in [(400, "ThrottlingException"), (503, "ServiceUnavailable")] {
            let described = execution("FAILED", json!({}));
            let aws = silent()
                .always("DescribeExecution", move |_| Reply::Json(described.clone()))
                .always(refused, move |_| error(status, code));
            let error = call(&aws, request("FAILED")).await.unwrap_err();
            assert_eq!(error.error_type, "TryAgain", "{refused} {code}: {error:?}");
            assert!(error.error_message.contains(refused), "{}", error.error_message);
            assert_eq!(aws.calls_of("PutObject").len(), 0, "{refused}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn throttles_of_two_minutes_are_outlasted_by_one_attempt() {
    let until = tokio::time::Instant::now() + std::time::Duration::from_secs(120);
    let aws = failed().always("PutEvents", move |_| {
        if tokio::time::Instant::now() < until {
            return error(400, "ThrottlingException");
        }
        Reply::Json(json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}))
    });
    assert_eq!(call(&aws, request("FAILED")).await.unwrap()["announced"], true);
    assert_eq!(aws.calls_of("PutObject").len(), 1);
}

#[tokio::test]
async fn an_event_that_the_bus_does_not_take_is_an_error() {
    for (code, name) in
        [("ThrottlingException", "TryAgain"), ("NotAuthorizedForSource", "AwsRefused")]
    {
        let aws = failed().json(
            "PutEvents",
            json!({"FailedEntryCount": 1, "Entries": [{"ErrorCode": code, "ErrorMessage": "no"}]}),
        );
        let error = call(&aws, request("FAILED")).await.unwrap_err();
        assert_eq!(error.error_type, name);
        assert!(error.error_message.contains(code), "{}", error.error_message);
    }
}

#[tokio::test]
async fn refusals_are_named_with_call_and_execution() {
    let aws = failed().always("GetObject", |_| error(403, "AccessDenied"));
    let denied = call(&aws, request("FAILED")).await.unwrap_err();
    assert_eq!(denied.error_type, "AccessDenied");
    let aws = Aws::new().refuse("DescribeExecution", 400, "ExecutionDoesNotExist");
    let refused = call(&aws, request("FAILED")).await.unwrap_err();
    assert_eq!(refused.error_type, "AwsRefused");
    for error in [denied, refused] {
        assert!(error.error_message.contains(ARN), "{}", error.error_message);
    }
}

#[tokio::test]
async fn an_execution_that_succeeded_without_an_account_is_refused() {
    let aws = silent().json("DescribeExecution", execution("SUCCEEDED", json!({"output": "{}"})));
    let error = call(&aws, request("SUCCEEDED")).await.unwrap_err();
    assert_eq!(error.error_type, "InvalidRequest");
    assert!(error.error_message.contains("accountId"), "{}", error.error_message);
}

#[tokio::test]
async fn nonsense_is_refused_before_any_call() {
    let aws = Aws::new();
    let mut arn = request("FAILED");
    arn["detail"]["executionArn"] = json!("acme");
    for (wrong, field) in
        [(arn, "executionArn"), (request("RUNNING"), "status"), (json!({}), "detail")]
    {
        let error = call(&aws, wrong).await.unwrap_err();
        assert_eq!(error.error_type, "InvalidRequest");
        assert!(error.error_message.contains(field), "{}", error.error_message);
    }
    assert_eq!(aws.operations(), Vec::<String>::new());
}

#[test]
fn every_error_has_its_published_name() {
    let fault = lifecycle::Fault::missing("detail");
    assert!(Error::NAMES.contains(&Error::InvalidRequest(fault).name()));
}

#[test]
fn a_call_may_move_between_threads() {
    fn takes(_: impl Send) {}
    takes(call(&Aws::new(), request("FAILED")));
}
