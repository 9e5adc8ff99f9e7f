//! The function through its public API: the real SDK on a scripted wire.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails the test")]

use admit_tenant::{App, Config, Error, handle};
use lambda_kit::{Clock, Diagnostic, Named};
use scripted_wire::Seen;
use scripted_wire::operations::{Aws, Reply, error};
use serde_json::{Value, json};

const EVENT_ID: &str = "7bf73129-1428-4cd3-a780-95db273d1602";
const MACHINE: &str = "arn:aws:states:eu-central-1:111122223333:stateMachine:onboard-tenant";
const FIRST: &str = "arn:aws:states:eu-central-1:111122223333:execution:onboard-tenant:acme";
const QUEUE: &str = "https://sqs.eu-central-1.amazonaws.com/111122223333/signups.fifo";
const DEAD: &str = "https://sqs.eu-central-1.amazonaws.com/111122223333/dead.fifo";

fn signup() -> Value {
    serde_json::from_str(include_str!("../events/signup.json")).unwrap()
}

fn record(id: &str, body: &str, receives: u32) -> Value {
    json!({
        "messageId": id, "receiptHandle": format!("receipt-{id}"), "body": body,
        "attributes": {"ApproximateReceiveCount": receives.to_string(), "MessageGroupId": "g",
                       "SequenceNumber": "1"},
        "eventSource": "aws:sqs", "awsRegion": "eu-central-1",
    })
}

fn one(body: &Value) -> Value {
    json!({"Records": [record("m-1", &body.to_string(), 1)]})
}

async fn call(aws: &Aws, request: Value) -> Result<Value, Diagnostic> {
    call_with(aws, request, "").await
}

async fn call_with(aws: &Aws, request: Value, replays: &str) -> Result<Value, Diagnostic> {
    let config = Config::load(&|name| {
        let value = match name {
            "EMAIL_LOCAL_PART" => "aws",
            "EMAIL_DOMAIN" => "example.com",
            "TIERS_PARAMETER" => "/landlord/tiers",
            "TENANT_OUS" => "General=ou-root-general0",
            "ONBOARDING_OU_ID" => "ou-root-onboarding",
            "STATE_MACHINE_ARN" => MACHINE,
            "EVENT_BUS_NAME" => "landlord",
            "QUEUE_URL" => QUEUE,
            "DEAD_LETTER_QUEUE_URL" => DEAD,
            "ADMISSION_WINDOW" => "3",
            "ADMIT_REPLAYS" => replays,
            _ => return None,
        };
        Some(value.to_owned())
    });
    let clock = Clock::fixed("2026-11-21T12:00:00Z".parse().unwrap());
    let app = App::new(&aws.wire(&clock), config.unwrap(), clock);
    lambda_kit::call(&app, &handle, request).await
}

fn answered() -> Value {
    json!({"batchItemFailures": []})
}

fn waits() -> Value {
    json!({"batchItemFailures": [{"itemIdentifier": "m-1"}]})
}

/// An AWS with tiers, room, and nobody in it.
fn empty() -> Aws {
    let tiers = include_str!("../events/tiers.json");
    Aws::new()
        .always("GetParameter", move |_| Reply::Json(json!({"Parameter": {"Value": tiers}})))
        .always("DescribeExecution", |_| error(400, "ExecutionDoesNotExist"))
        .always("ListExecutions", |_| Reply::Json(json!({"executions": []})))
        .always("ListAccountsForParent", |_| Reply::Json(json!({"Accounts": []})))
        .always("StartExecution", |_| {
            Reply::Json(json!({"executionArn": FIRST, "startDate": 1_795_255_200}))
        })
        .always("PutEvents", |_| {
            Reply::Json(json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}))
        })
        .always("ChangeMessageVisibility", |_| Reply::Json(json!({})))
        .always("SendMessage", |_| Reply::Json(json!({"MessageId": "x"})))
}

/// The execution that `event` started, as it stands.
fn execution(status: &str, event: &str) -> Value {
    let document = json!({
        "version": 1, "eventId": event, "signedUpAt": "2026-11-21T10:00:00Z",
        "tenantId": "acme", "tenantName": "Acme", "tier": "standard",
        "email": "aws+acme@example.com", "accountName": "tenant-acme", "tags": {},
        "homeOrganizationalUnit": {"id": "ou-root-general0", "name": "General"},
        "regions": [], "baseline": {"hash": "h", "stackSets": []}, "quotas": [],
        "deadlineSeconds": 86400,
    });
    let output = json!({"accountId": "222222222222", "organizationalUnitId": "ou-root-general0",
                        "baseline": [], "quotas": []});
    let mut execution = json!({
        "executionArn": FIRST, "stateMachineArn": MACHINE, "status": status,
        "startDate": 1_795_255_200, "input": document.to_string(),
    });
    if status != "RUNNING" {
        execution["stopDate"] = json!(1_795_255_800);
    }
    if status == "SUCCEEDED" {
        execution["output"] = json!(output.to_string());
    }
    execution
}

/// The detail types and details of the events sent, in order.
fn events(aws: &Aws) -> Vec<(String, Value)> {
    let event = |call: Seen| {
        assert_eq!(call.field("Entries/0/EventBusName"), "landlord");
        assert_eq!(call.field("Entries/0/Source"), "landlord");
        let text = |field: &str| call.field(field).as_str().unwrap().to_owned();
        (text("Entries/0/DetailType"), serde_json::from_str(&text("Entries/0/Detail")).unwrap())
    };
    aws.calls_of("PutEvents").into_iter().map(event).collect()
}

#[tokio::test]
async fn a_valid_signup_starts_an_execution_with_everything_that_onboarding_needs() {
    let aws = empty();
    assert_eq!(call(&aws, one(&signup())).await.unwrap(), answered());
    let start = &aws.calls_of("StartExecution")[0];
    assert_eq!(start.field("stateMachineArn"), MACHINE);
    assert_eq!(start.field("name"), "acme");
    let document: Value = serde_json::from_str(start.field("input").as_str().unwrap()).unwrap();
    assert_eq!(document["eventId"], EVENT_ID);
    assert_eq!(document["accountName"], "tenant-acme");
    assert_eq!(document["email"], "aws+acme@example.com");
    assert_eq!(document["homeOrganizationalUnit"]["id"], "ou-root-general0");
    assert_eq!(document["baseline"]["stackSets"][0]["name"], "landlord-tenant-baseline");
    assert_eq!(document["quotas"][0]["required"], 1000);
    assert_eq!(document["tags"]["cost-center"], "42");
    assert_eq!(document["deadlineSeconds"], 86_400);
    assert_eq!(
        events(&aws),
        [(
            "TenantAdmitted".to_owned(),
            json!({"tenantId": "acme", "eventId": EVENT_ID, "executionArn": FIRST,
                   "duplicate": false})
        )]
    );
}

#[tokio::test]
async fn all_faults_of_a_signup_are_reported_at_once_and_nothing_is_started() {
    let aws = empty();
    let mut bad = signup();
    bad["detail"] = json!({"tenantId": "Acme!", "tenantName": "", "tier": "gold",
                           "email": "nobody", "tags": {"aws:x": "1"}, "plan": "gold"});
    assert_eq!(call(&aws, one(&bad)).await.unwrap(), answered());
    let (name, detail) = events(&aws).remove(0);
    assert_eq!(name, "TenantRejected");
    assert_eq!(detail["tenantId"], "Acme!", "as it was given");
    assert_eq!(detail["eventId"], EVENT_ID);
    let reasons = detail["reasons"].as_array().unwrap();
    for field in ["tenantId: \"Acme!\"", "tenantName", "tier", "email", "tags.aws:x", "plan"] {
        let named = |reason: &Value| reason.as_str().unwrap().starts_with(field);
        assert!(reasons.iter().any(named), "{field}: {reasons:?}");
    }
    assert_eq!(aws.operations(), ["GetParameter", "PutEvents"]);
}

#[tokio::test]
async fn a_signup_whose_tenant_is_in_hand_is_a_duplicate_and_needs_no_room() {
    for event in [EVENT_ID, "another-event"] {
        let aws = empty().json("DescribeExecution", execution("RUNNING", event));
        assert_eq!(call(&aws, one(&signup())).await.unwrap(), answered());
        let (name, detail) = events(&aws).remove(0);
        assert_eq!(name, "TenantAdmitted");
        assert_eq!(detail["duplicate"], true);
        assert_eq!(detail["executionArn"], FIRST);
        assert!(!aws.operations().contains(&"StartExecution".to_owned()));
        assert!(!aws.operations().contains(&"ListExecutions".to_owned()));
    }
}

#[tokio::test]
async fn a_signup_of_a_tenant_that_is_ready_is_answered_with_its_outcome() {
    let aws = empty().json("DescribeExecution", execution("SUCCEEDED", "the-first-event"));
    assert_eq!(call(&aws, one(&signup())).await.unwrap(), answered());
    let (name, detail) = events(&aws).remove(0);
    assert_eq!(name, "TenantReady");
    assert_eq!(detail["accountId"], "222222222222");
    assert_eq!(detail["eventId"], "the-first-event");
    assert_eq!(detail["readyAt"], "2026-11-21T10:10:00Z");
    assert!(!aws.operations().contains(&"StartExecution".to_owned()));
}

#[tokio::test]
async fn a_tenant_that_came_back_without_its_stacks_is_onboarded_again() {
    let aws = empty()
        .json("DescribeExecution", execution("SUCCEEDED", "the-first-event"))
        .json("ListAccountsForParent", json!({"Accounts": [{"Name": "tenant-acme"}]}));
    assert_eq!(call(&aws, one(&signup())).await.unwrap(), answered());
    assert_eq!(aws.calls_of("StartExecution")[0].field("name"), "acme_2");
    assert_eq!(events(&aws)[0].1["duplicate"], false);
}

#[tokio::test]
async fn after_a_failure_a_new_event_starts_the_next_and_an_old_one_starts_nothing() {
    for status in ["FAILED", "TIMED_OUT", "ABORTED"] {
        let aws = empty().json("DescribeExecution", execution(status, "another-event"));
        call(&aws, one(&signup())).await.unwrap();
        assert_eq!(aws.calls_of("StartExecution")[0].field("name"), "acme_2", "{status}");
        assert_eq!(events(&aws)[0].1["executionArn"], format!("{FIRST}_2"));

        let aws = empty()
            .json("DescribeExecution", execution(status, EVENT_ID))
            .json("DescribeExecution", execution(status, "another-event"));
        call(&aws, one(&signup())).await.unwrap();
        assert_eq!(events(&aws)[0].1["duplicate"], true);
        assert_eq!(events(&aws)[0].1["executionArn"], FIRST, "the one that it started");
        assert_eq!(aws.calls_of("StartExecution").len(), 0);
    }
}

#[tokio::test]
async fn a_forgotten_first_name_does_not_hide_the_second() {
    let aws = empty()
        .refuse("DescribeExecution", 400, "ExecutionDoesNotExist")
        .json("DescribeExecution", execution("RUNNING", "another-event"));
    call(&aws, one(&signup())).await.unwrap();
    assert_eq!(events(&aws)[0].1["executionArn"], format!("{FIRST}_2"));
    assert_eq!(aws.calls_of("StartExecution").len(), 0);
}

#[tokio::test]
async fn a_start_whose_answer_was_lost_is_found_by_its_event() {
    let missing = || error(400, "ExecutionDoesNotExist");
    let aws = empty()
        .on("DescribeExecution", missing())
        .on("DescribeExecution", missing())
        .refuse("StartExecution", 400, "ExecutionAlreadyExists")
        .json("DescribeExecution", execution("FAILED", EVENT_ID));
    assert_eq!(call(&aws, one(&signup())).await.unwrap(), answered());
    assert_eq!(events(&aws)[0].0, "TenantAdmitted");
    assert_eq!(events(&aws)[0].1["duplicate"], true);

    let aws = empty()
        .on("DescribeExecution", missing())
        .on("DescribeExecution", missing())
        .refuse("StartExecution", 400, "ExecutionAlreadyExists")
        .json("DescribeExecution", execution("RUNNING", "another-event"));
    assert_eq!(call(&aws, one(&signup())).await.unwrap(), waits(), "the next look will tell");
    assert_eq!(events(&aws), []);
}

fn running(names: &[&str]) -> Value {
    let executions = names.iter().map(|name| {
        json!({"executionArn": format!("{MACHINE}:{name}"), "stateMachineArn": MACHINE,
               "name": name, "status": "RUNNING", "startDate": 1})
    });
    json!({"executions": executions.collect::<Vec<_>>()})
}

#[tokio::test]
async fn without_room_the_message_waits_and_its_waits_grow() {
    for (receives, wait) in [(1, 10), (4, 40), (500, 300)] {
        let aws = empty()
            .json("ListExecutions", json!({"executions": [], "nextToken": "2"}))
            .json("ListExecutions", running(&["a", "b", "c_2", "d"]))
            .json("ListRoots", json!({"Roots": [{"Id": "r-root"}]}))
            .json("ListAccountsForParent", json!({"Accounts": [], "NextToken": "2"}))
            .json("ListAccountsForParent", json!({"Accounts": [{"Name": "tenant-a"}]}))
            .json("ListAccountsForParent", json!({"Accounts": [{"Name": "Log archive"}]}));
        let request = json!({"Records": [record("m-1", &signup().to_string(), receives)]});
        assert_eq!(call(&aws, request).await.unwrap(), waits());
        let change = &aws.calls_of("ChangeMessageVisibility")[0];
        assert_eq!(change.field("QueueUrl"), QUEUE);
        assert_eq!(change.field("ReceiptHandle"), "receipt-m-1");
        assert_eq!(change.field("VisibilityTimeout"), wait);
        assert_eq!(events(&aws), []);
        assert_eq!(aws.calls_of("StartExecution").len(), 0);
        let parents: Vec<Value> = aws
            .calls_of("ListAccountsForParent")
            .iter()
            .map(|call| call.field("ParentId").clone())
            .collect();
        assert_eq!(parents, ["r-root", "r-root", "ou-root-onboarding"]);
    }
}

#[tokio::test]
async fn tenants_that_have_an_account_take_no_room() {
    let aws = empty()
        .json("ListExecutions", running(&["a", "b", "c_2"]))
        .json("ListRoots", json!({"Roots": [{"Id": "r-root"}]}))
        .json("ListAccountsForParent", json!({"Accounts": [{"Name": "tenant-a"}]}))
        .json("ListAccountsForParent", json!({"Accounts": [{"Name": "tenant-c"}]}));
    assert_eq!(call(&aws, one(&signup())).await.unwrap(), answered());
    assert_eq!(aws.calls_of("StartExecution").len(), 1);
}

#[tokio::test]
async fn a_message_that_waited_nine_hundred_times_is_sent_again_with_a_fresh_count() {
    let full = || {
        empty()
            .json("ListExecutions", running(&["a", "b", "c"]))
            .json("ListRoots", json!({"Roots": [{"Id": "r-root"}]}))
            .always("ListAccountsForParent", |_| Reply::Json(json!({"Accounts": []})))
    };
    let request = json!({"Records": [record("m-1", &signup().to_string(), 901)]});
    let aws = full();
    assert_eq!(
        call(&aws, request.clone()).await.unwrap(),
        answered(),
        "Lambda deletes the old one"
    );
    let send = &aws.calls_of("SendMessage")[0];
    assert_eq!(send.field("QueueUrl"), QUEUE);
    assert_eq!(send.field("MessageBody"), &json!(signup().to_string()));
    assert_eq!(send.field("MessageGroupId"), "g");
    assert_eq!(send.field("MessageDeduplicationId"), "m-1-again");

    let aws = full().always("SendMessage", |_| error(403, "AccessDenied"));
    assert_eq!(call(&aws, request).await.unwrap(), waits(), "it is not lost");
}

#[tokio::test]
async fn what_is_no_event_is_set_aside_with_the_reason() {
    let mut offboarded = signup();
    offboarded["detail-type"] = json!("TenantOffboarded");
    let mut bare = signup();
    bare.as_object_mut().unwrap().remove("detail");
    for (body, part) in [
        ("not JSON".to_owned(), "not JSON"),
        (offboarded.to_string(), "TenantOffboarded"),
        (bare.to_string(), "no detail"),
    ] {
        let aws = empty();
        let request = json!({"Records": [record("m-1", &body, 1)]});
        assert_eq!(call(&aws, request).await.unwrap(), answered());
        assert_eq!(aws.operations(), ["SendMessage"]);
        let send = &aws.calls()[0];
        assert_eq!(send.field("QueueUrl"), DEAD);
        assert_eq!(send.field("MessageBody"), &json!(body));
        assert_eq!(send.field("MessageDeduplicationId"), "m-1");
        assert_eq!(send.field("MessageAttributes/error/StringValue"), "NotAnEvent");
        let because = send.field("MessageAttributes/because/StringValue").as_str().unwrap();
        assert!(because.contains(part), "{because}");
    }
}

#[tokio::test]
async fn a_message_that_cannot_be_set_aside_waits() {
    let aws = empty().always("SendMessage", |_| error(403, "AccessDenied"));
    let request = json!({"Records": [record("m-1", "not JSON", 1)]});
    assert_eq!(call(&aws, request).await.unwrap(), waits());
}

#[tokio::test]
async fn a_message_that_breaks_the_function_is_set_aside_and_the_next_goes_on() {
    let aws = empty().on("StartExecution", Reply::Panic("the wire broke"));
    let mut second = signup();
    second["detail"]["tenantId"] = json!("globex");
    let request = json!({"Records": [
        record("m-1", &signup().to_string(), 1), record("m-2", &second.to_string(), 1)]});
    assert_eq!(call(&aws, request).await.unwrap(), answered());
    let send = &aws.calls_of("SendMessage")[0];
    assert_eq!(send.field("MessageAttributes/error/StringValue"), "Panicked");
    let because = send.field("MessageAttributes/because/StringValue").as_str().unwrap();
    assert!(because.contains("the wire broke"), "{because}");
    assert_eq!(events(&aws)[0].1["tenantId"], "globex");
}

#[tokio::test]
async fn an_execution_that_step_functions_never_takes_is_set_aside() {
    let aws = empty().refuse("StartExecution", 400, "InvalidExecutionInput");
    assert_eq!(call(&aws, one(&signup())).await.unwrap(), answered());
    let send = &aws.calls_of("SendMessage")[0];
    assert_eq!(send.field("MessageAttributes/error/StringValue"), "ExecutionRefused");
}

#[tokio::test]
async fn an_outcome_that_cannot_be_read_is_set_aside_and_holds_up_nobody() {
    let mut odd = execution("SUCCEEDED", EVENT_ID);
    odd["output"] = json!("{}");
    let aws = empty().json("DescribeExecution", odd);
    assert_eq!(call(&aws, one(&signup())).await.unwrap(), answered());
    let send = &aws.calls_of("SendMessage")[0];
    assert_eq!(send.field("MessageAttributes/error/StringValue"), "OutcomeUnreadable");
}

#[tokio::test]
async fn a_replayed_event_is_rejected_unless_replays_are_admitted() {
    let mut replayed = signup();
    replayed["replay-name"] = json!("last-week");
    let aws = empty();
    assert_eq!(call(&aws, one(&replayed)).await.unwrap(), answered());
    let (name, detail) = events(&aws).remove(0);
    assert_eq!(name, "TenantRejected");
    assert_eq!(detail["tenantId"], "acme");
    assert!(detail["reasons"][0].as_str().unwrap().contains("last-week"), "{detail}");
    assert_eq!(aws.operations(), ["PutEvents"]);

    let aws = empty();
    call_with(&aws, one(&replayed), "true").await.unwrap();
    assert_eq!(events(&aws)[0].0, "TenantAdmitted");
}

#[tokio::test]
async fn wrong_tiers_are_an_operators_fault_and_reject_nobody() {
    for wrong in [
        "not JSON".to_owned(),
        include_str!("../events/tiers.json").replace("\"General\"", "\"Elsewhere\""),
        include_str!("../events/tiers.json").replace("eu-central-1", "af-south-1"),
    ] {
        let aws = empty()
            .always("GetParameter", move |_| Reply::Json(json!({"Parameter": {"Value": wrong}})));
        assert_eq!(call(&aws, one(&signup())).await.unwrap(), waits());
        assert_eq!(aws.operations(), ["GetParameter", "ChangeMessageVisibility"]);
    }
}

#[tokio::test(start_paused = true)]
async fn throttles_outages_and_refusals_of_every_call_are_a_wait() {
    let calls = [
        "GetParameter",
        "DescribeExecution",
        "ListExecutions",
        "ListRoots",
        "ListAccountsForParent",
        "StartExecution",
        "PutEvents",
    ];
    for refused in calls {
        for (status, code) in [
            (400, "ThrottlingException"),
            (500, "InternalServerError"),
            (400, "AccessDeniedException"),
            (400, "SomethingNew"),
        ] {
            let aws = empty()
                .always("ListExecutions", |_| Reply::Json(running(&["a", "b", "c"])))
                .always("ListRoots", |_| Reply::Json(json!({"Roots": [{"Id": "r-root"}]})))
                .always("ListAccountsForParent", |_| {
                    Reply::Json(json!({"Accounts": [{"Name": "tenant-a"}]}))
                })
                .always(refused, move |_| error(status, code));
            assert_eq!(call(&aws, one(&signup())).await.unwrap(), waits(), "{refused} {code}");
            let wait = aws.calls_of("ChangeMessageVisibility");
            assert_eq!(wait[0].field("VisibilityTimeout"), 10, "{refused} {code}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_the_bus_does_not_take_is_a_wait() {
    let failed = json!({"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]});
    let aws = empty().json("PutEvents", failed);
    assert_eq!(call(&aws, one(&signup())).await.unwrap(), waits());
}

#[tokio::test]
async fn a_wait_that_cannot_be_set_is_still_a_wait() {
    let aws = empty()
        .always("GetParameter", |_| error(400, "ParameterNotFound"))
        .always("ChangeMessageVisibility", |_| error(403, "AccessDenied"));
    assert_eq!(call(&aws, one(&signup())).await.unwrap(), waits());
}

#[tokio::test]
async fn messages_behind_one_that_waits_keep_their_places() {
    let aws = empty().always("StartExecution", |call| {
        if call.field("name") == "globex" {
            error(400, "ExecutionLimitExceeded")
        } else {
            Reply::Json(json!({"executionArn": FIRST, "startDate": 1}))
        }
    });
    let of = |tenant: &str| {
        let mut signup = signup();
        signup["detail"]["tenantId"] = json!(tenant);
        signup.to_string()
    };
    let request = json!({"Records": [
        record("m-1", &of("acme"), 1), record("m-2", &of("globex"), 1),
        record("m-3", &of("initech"), 1)]});
    let answer = call(&aws, request).await.unwrap();
    assert_eq!(
        answer,
        json!({"batchItemFailures": [{"itemIdentifier": "m-2"}, {"itemIdentifier": "m-3"}]})
    );
    assert_eq!(aws.calls_of("StartExecution").len(), 2, "initech is not overtaking globex");
}

#[tokio::test]
async fn a_call_without_messages_is_refused_before_any_call() {
    let aws = Aws::new();
    for wrong in [json!({}), json!({"Records": []}), json!({"Records": [{"body": "x"}]})] {
        let error = call(&aws, wrong).await.unwrap_err();
        assert_eq!(error.error_type, "InvalidRequest");
        assert!(error.error_message.contains("Records"), "{}", error.error_message);
    }
    assert_eq!(aws.operations(), Vec::<String>::new());
}

#[test]
fn every_error_has_its_published_name() {
    for error in [Error::NotAnEvent(String::new()), Error::Panicked(String::new())] {
        assert!(Error::NAMES.contains(&error.name()));
        assert!(error.is_the_messages_own());
    }
}

#[test]
fn a_call_may_move_between_threads() {
    fn takes(_: impl Send) {}
    takes(call(&Aws::new(), one(&signup())));
}
