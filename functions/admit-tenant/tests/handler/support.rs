//! A scripted AWS for the function, messages for it, and what came of them.

use admit_tenant::{App, Config, handle};
use lambda_kit::{Clock, Diagnostic, Metrics};
use scripted_wire::Seen;
use scripted_wire::operations::{Aws, Reply, error};
use serde_json::{Value, json};

pub(crate) const EVENT_ID: &str = "7bf73129-1428-4cd3-a780-95db273d1602";
pub(crate) const MACHINE: &str =
    "arn:aws:states:eu-central-1:111122223333:stateMachine:onboard-tenant";
pub(crate) const FIRST: &str =
    "arn:aws:states:eu-central-1:111122223333:execution:onboard-tenant:acme";
pub(crate) const ADMINISTRATION: &str = "arn:aws:iam::111122223333:role/Administration";
const QUEUES: &str = "https://sqs.eu-central-1.amazonaws.com/111122223333";

/// The URL of a queue.
pub(crate) fn queue(name: &str) -> String {
    format!("{QUEUES}/{name}")
}

pub(crate) fn signup() -> Value {
    serde_json::from_str(include_str!("../../events/signup.json")).unwrap()
}

/// A message that waits for room.
pub(crate) fn record(id: &str, body: &str, receives: u32) -> Value {
    record_in("waiting.fifo", "waiting", id, body, receives)
}

/// A message in a group of a queue. It was first received two minutes before the clock.
pub(crate) fn record_in(queue: &str, group: &str, id: &str, body: &str, receives: u32) -> Value {
    json!({
        "messageId": id, "receiptHandle": format!("receipt-{id}"), "body": body,
        "attributes": {"ApproximateReceiveCount": receives.to_string(), "MessageGroupId": group,
                       "SequenceNumber": "1",
                       "ApproximateFirstReceiveTimestamp": "1795262280000"},
        "eventSource": "aws:sqs", "awsRegion": "eu-central-1",
        "eventSourceARN": format!("arn:aws:sqs:eu-central-1:111122223333:{queue}"),
    })
}

/// A message that waits for room.
pub(crate) fn one(body: &Value) -> Value {
    json!({"Records": [record("m-1", &body.to_string(), 1)]})
}

/// A message as the bus delivers it.
pub(crate) fn front(body: &Value) -> Value {
    json!({"Records": [record_in("signups.fifo", "signups", "m-1", &body.to_string(), 1)]})
}

pub(crate) async fn call(aws: &Aws, request: Value) -> Result<Value, Diagnostic> {
    call_with(aws, request, "").await
}

pub(crate) async fn call_with(
    aws: &Aws,
    request: Value,
    replays: &str,
) -> Result<Value, Diagnostic> {
    call_to(aws, request, replays, Metrics::discard()).await
}

pub(crate) async fn call_with_domain(
    aws: &Aws,
    request: Value,
    domain: &str,
) -> Result<Value, Diagnostic> {
    call_as(aws, request, [("EMAIL_DOMAIN", domain)], Metrics::discard()).await
}

pub(crate) async fn call_to(
    aws: &Aws,
    request: Value,
    replays: &str,
    metrics: Metrics,
) -> Result<Value, Diagnostic> {
    call_as(aws, request, [("ADMIT_REPLAYS", replays)], metrics).await
}

/// Calls one instance of the function so many times.
pub(crate) async fn call_often(aws: &Aws, request: Value, times: usize) -> Vec<Value> {
    let app = app(aws, [("ADMIT_REPLAYS", "")], Metrics::discard());
    let mut answers = Vec::new();
    for _ in 0..times {
        answers.push(lambda_kit::call(&app, &handle, request.clone()).await.unwrap());
    }
    answers
}

/// The key of a call to S3.
pub(crate) fn key(call: &Seen) -> String {
    call.field("key").as_str().unwrap_or_default().to_owned()
}

/// An AWS in which the tenants' records are this text.
pub(crate) fn with_record(text: impl Into<String>) -> Aws {
    let text = text.into();
    empty().always("GetObject", move |call| match key(call).starts_with("tenants/") {
        true => Reply::Text(text.clone()),
        false => error(404, "NoSuchKey"),
    })
}

/// Calls the function with one variable that is not as usual.
async fn call_as(
    aws: &Aws,
    request: Value,
    unusual: [(&str, &str); 1],
    metrics: Metrics,
) -> Result<Value, Diagnostic> {
    lambda_kit::call(&app(aws, unusual, metrics), &handle, request).await
}

fn app(aws: &Aws, [(unusual, given)]: [(&str, &str); 1], metrics: Metrics) -> App {
    let (queue_url, waiting, dead) =
        (queue("signups.fifo"), queue("waiting.fifo"), queue("dead.fifo"));
    let config = Config::load(&|name| {
        let value = match name {
            _ if name == unusual => given,
            "EMAIL_LOCAL_PART" => "aws",
            "EMAIL_DOMAIN" => "example.com",
            "TIERS_PARAMETER" => "/landlord/tiers",
            "ROOT_EMAIL_DOMAINS" => "acme.example",
            "TENANT_OUS" => "General=ou-root-general0",
            "ADMINISTRATION_ROLE_ARN" => ADMINISTRATION,
            "ACCOUNT_ROLE_NAME" => "Execution",
            "RUNS_BUCKET" => "runs",
            "TOPIC_ARN" => "arn:aws:sns:eu-central-1:111122223333:failures",
            "STATE_MACHINE_ARN" => MACHINE,
            "EVENT_BUS_NAME" => "landlord",
            "QUEUE_URL" => &queue_url,
            "WAITING_QUEUE_URL" => &waiting,
            "DEAD_LETTER_QUEUE_URL" => &dead,
            "ADMISSION_WINDOW" => "3",
            _ => return None,
        };
        Some(value.to_owned())
    });
    let clock = Clock::fixed("2026-11-21T12:00:00Z".parse().unwrap());
    App::new(&aws.wire(&clock), config.unwrap(), clock).with_metrics(metrics)
}

pub(crate) fn answered() -> Value {
    json!({"batchItemFailures": []})
}

pub(crate) fn waits() -> Value {
    json!({"batchItemFailures": [{"itemIdentifier": "m-1"}]})
}

/// An AWS with tiers, room, and nobody in it.
pub(crate) fn empty() -> Aws {
    let tiers = include_str!("../../events/tiers.json");
    Aws::new()
        .always("GetParameter", move |_| Reply::Json(json!({"Parameter": {"Value": tiers}})))
        .always("DescribeExecution", |_| error(400, "ExecutionDoesNotExist"))
        .always("ListExecutions", |_| Reply::Json(json!({"executions": []})))
        .always("DescribeOrganizationalUnit", |_| {
            Reply::Json(json!({"OrganizationalUnit": {"Id": "ou-root-general0"}}))
        })
        .always("DescribeStackSet", |_| stack_set("SELF_MANAGED", ""))
        .always("GetAWSDefaultServiceQuota", |_| quota(true, false))
        .always("Publish", |_| published())
        .always("PutObject", |_| Reply::Text(String::new()))
        .always("GetObject", |_| error(404, "NoSuchKey"))
        .always("GetResources", |_| Reply::Json(with_account(&[])))
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
pub(crate) fn execution(status: &str, event: &str) -> Value {
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
pub(crate) fn events(aws: &Aws) -> Vec<(String, Value)> {
    let event = |call: Seen| {
        assert_eq!(call.field("Entries/0/EventBusName"), "landlord");
        assert_eq!(call.field("Entries/0/Source"), "landlord");
        let text = |field: &str| call.field(field).as_str().unwrap().to_owned();
        (text("Entries/0/DetailType"), serde_json::from_str(&text("Entries/0/Detail")).unwrap())
    };
    aws.calls_of("PutEvents").into_iter().map(event).collect()
}

/// The executions of these names, as running.
pub(crate) fn running(names: &[&str]) -> Value {
    let executions = names.iter().map(|name| {
        json!({"executionArn": format!("{MACHINE}:{name}"), "stateMachineArn": MACHINE,
               "name": name, "status": "RUNNING", "startDate": 1})
    });
    json!({"executions": executions.collect::<Vec<_>>()})
}

/// The index of tags, when it knows an account of each of these tenants.
pub(crate) fn with_account(tenants: &[&str]) -> Value {
    let found = tenants.iter().map(|tenant| {
        json!({"ResourceARN": format!("arn:aws:organizations::111122223333:account/o-x/{tenant}"),
               "Tags": [{"Key": "landlord:tenant", "Value": tenant}]})
    });
    json!({"ResourceTagMappingList": found.collect::<Vec<_>>(), "PaginationToken": ""})
}

/// The answer to a message that moves or is answered.
pub(crate) fn sent(aws: &Aws) -> Seen {
    let mut sends = aws.calls_of("SendMessage");
    assert_eq!(sends.len(), 1, "one message is sent");
    sends.remove(0)
}

/// What CloudFormation says of a stack set.
pub(crate) fn stack_set(model: &str, more: &str) -> Reply {
    Reply::Text(format!(
        "<DescribeStackSetResponse><DescribeStackSetResult><StackSet><Status>ACTIVE</Status>\
         <PermissionModel>{model}</PermissionModel>{more}</StackSet></DescribeStackSetResult>\
         </DescribeStackSetResponse>"
    ))
}

/// What Service Quotas says of a quota with a default of 1,000.
pub(crate) fn quota(adjustable: bool, global: bool) -> Reply {
    Reply::Json(
        json!({"Quota": {"Value": 1000.0, "Adjustable": adjustable, "GlobalQuota": global}}),
    )
}

/// What SNS says of a message that it took.
fn published() -> Reply {
    let id = "<PublishResult><MessageId>n-1</MessageId></PublishResult>";
    Reply::Text(format!("<PublishResponse>{id}</PublishResponse>"))
}
