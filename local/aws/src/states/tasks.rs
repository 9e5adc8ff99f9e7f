//! The service integrations of Task states: each is a call as the machine's role.

use bytes::Bytes;
use local_states::{Pattern, TaskFailure, TaskRequest};
use serde_json::{Value, json};

use super::host::Place;
use super::model::Status;
use super::{sdk, tokens};
use crate::wire::body;
use crate::{Aws, AwsError, Call};

/// The services whose optimised integrations run here.
pub(super) const OPTIMISED: [&str; 5] = ["lambda", "states", "events", "sns", "sqs"];

/// Runs a task to its result.
pub(super) async fn run(
    aws: &Aws,
    place: &Place,
    request: TaskRequest,
) -> Result<Value, TaskFailure> {
    let place = act_as(aws, place, request.role_arn.as_deref()).await?;
    let waiting = match (&request.task_token, request.resource.pattern) {
        (Some(token), Pattern::WaitForTaskToken) => {
            Some(tokens::wait_for(aws, token, request.heartbeat.clone()))
        }
        _ => None,
    };
    let arguments = request.arguments.clone();
    let answer = match (request.resource.service.as_str(), request.resource.action.as_str()) {
        ("lambda", "invoke") if request.resource.is_function() => {
            let payload = arguments.to_string();
            let named = json!({ "FunctionName": request.resource.arn, "Payload": payload });
            invoke(aws, &place, &named).await?["Payload"].take()
        }
        ("lambda", "invoke") => invoke(aws, &place, &arguments).await?,
        ("states", "startExecution") => start(aws, &place, &request).await?,
        ("events", "putEvents") => put_events(aws, &place, arguments, &request).await?,
        ("sns", "publish") => {
            let input = stringified(arguments, "Message");
            perform(aws, &place, ("sns", "SNS"), "Publish", input).await?
        }
        ("sqs", "sendMessage") => {
            let input = stringified(arguments, "MessageBody");
            perform(aws, &place, ("sqs", "SQS"), "SendMessage", input).await?
        }
        (service, action) => match service.strip_prefix("aws-sdk:").and_then(sdk::service) {
            Some(known) => sdk::call(aws, &place, known, action, arguments).await?,
            None => {
                return Err(TaskFailure::new(
                    local_states::RUNTIME,
                    format!("the local AWS does not run {service}:{action}"),
                ));
            }
        },
    };
    match waiting {
        Some(waiting) => {
            request.submitted.report(answer);
            waiting.outcome().await
        }
        None => Ok(answer),
    }
}

/// The place of a task with `Credentials`: its role, assumed by the machine's.
async fn act_as(aws: &Aws, place: &Place, role: Option<&str>) -> Result<Place, TaskFailure> {
    let Some(role) = role else { return Ok(place.clone()) };
    let own = &place.role;
    let denied = |_: AwsError| {
        let cause =
            format!("The role {own} is not authorized to assume the task state's role, {role}.");
        TaskFailure::new(local_states::TASK_FAILED, cause)
    };
    let input = json!({ "RoleArn": role, "RoleSessionName": place.session });
    let call = place.call("sts", "AssumeRole", input).map_err(denied)?;
    aws.perform(&call).await.map_err(denied)?;
    let (account, _) = crate::iam::role_of_arn(role).map_err(denied)?;
    Ok(Place { account: account.to_owned(), role: role.to_owned(), ..place.clone() })
}

/// A member as JSON text: Step Functions takes objects where an API takes text.
fn stringified(mut arguments: Value, member: &str) -> Value {
    if let Some(value) = arguments.get_mut(member)
        && !value.is_string()
    {
        *value = json!(value.to_string());
    }
    arguments
}

/// The failure of a call, as Step Functions names it.
pub(super) fn failure(aws: &Aws, prefix: &str, error: &AwsError) -> TaskFailure {
    let name = error_name(prefix, error);
    let cause = format!(
        "{} (Service: {prefix}, Status Code: {}, Request ID: {})",
        error.message,
        error.status,
        aws.uuid()
    );
    TaskFailure::new(name, cause)
}

fn error_name(prefix: &str, error: &AwsError) -> String {
    match error.code.as_str() {
        "AccessDeniedException" if prefix == "Lambda" => "Lambda.AWSLambdaException".to_owned(),
        code if code.ends_with("Exception") => format!("{prefix}.{code}"),
        code => format!("{prefix}.{code}Exception"),
    }
}

/// The failure of an optimised integration, which tells of it as the older SDK does.
fn integration_failure(aws: &Aws, prefix: &str, error: &AwsError) -> TaskFailure {
    let service = match prefix {
        "Lambda" => "AWSLambda",
        "StepFunctions" => "AWSStepFunctions",
        "SQS" => "AmazonSQS",
        "SNS" => "AmazonSNS",
        _ => "AmazonCloudWatchEvents",
    };
    let name = error_name(prefix, error);
    let cause = format!(
        "{} (Service: {service}; Status Code: {}; Error Code: {}; Request ID: {}; Proxy: null)",
        error.message,
        error.status,
        error.code,
        aws.uuid()
    );
    TaskFailure::new(name, cause)
}

/// Performs a call as the machine's role.
async fn perform(
    aws: &Aws,
    place: &Place,
    (service, prefix): (&'static str, &str),
    operation: &str,
    input: Value,
) -> Result<Value, TaskFailure> {
    let fail = |error: AwsError| integration_failure(aws, prefix, &error);
    let call = place.call(service, operation, input).map_err(fail)?;
    let answer = aws.happen(&call).await.ok_or_else(|| lost(prefix))?.map_err(fail)?;
    Ok(moments_as_text(answer))
}

/// The failure of a call whose answer got lost on the way to Step Functions.
fn lost(prefix: &str) -> TaskFailure {
    TaskFailure::new(
        format!("{prefix}.SdkClientException"),
        "Unable to execute HTTP request: Connection reset",
    )
}

async fn invoke(aws: &Aws, place: &Place, arguments: &Value) -> Result<Value, TaskFailure> {
    // A text is the payload itself, as it stands; any other JSON is written as text.
    let payload = match arguments.get("Payload") {
        None => "{}".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let mut input = json!({
        "FunctionName": arguments.get("FunctionName"),
        "$body": crate::wire::blob(payload.as_bytes()),
    });
    for member in ["InvocationType", "Qualifier", "ClientContext"] {
        if let Some(value) = arguments.get(member) {
            input[member] = value.clone();
        }
    }
    let fail = |error: AwsError| integration_failure(aws, "Lambda", &error);
    let call: Call = place.call("lambda", "Invoke", input).map_err(fail)?;
    let answer = aws.happen(&call).await.ok_or_else(|| lost("Lambda"))?.map_err(fail)?;
    let payload = body(&answer);
    if let Some(error) = answer.get("$error").and_then(Value::as_str) {
        return Err(TaskFailure::new(error, String::from_utf8_lossy(&payload)));
    }
    let mut result = json!({ "ExecutedVersion": "$LATEST" });
    result["Payload"] = parsed(&payload);
    result["StatusCode"] = answer.get("$status").cloned().unwrap_or(json!(200));
    Ok(result)
}

/// JSON, or the text itself where it is none.
fn parsed(payload: &Bytes) -> Value {
    if payload.is_empty() {
        return json!("");
    }
    serde_json::from_slice(payload).unwrap_or_else(|_| json!(String::from_utf8_lossy(payload)))
}

async fn put_events(
    aws: &Aws,
    place: &Place,
    mut arguments: Value,
    request: &TaskRequest,
) -> Result<Value, TaskFailure> {
    for entry in arguments.get_mut("Entries").and_then(Value::as_array_mut).into_iter().flatten() {
        let mut taken = stringified(entry.take(), "Detail");
        let resources = taken.get("Resources").cloned().unwrap_or_else(|| json!([]));
        let mut resources = resources.as_array().cloned().unwrap_or_default();
        resources.push(json!(request.execution_arn));
        taken["Resources"] = json!(resources);
        *entry = taken;
    }
    let answer = perform(aws, place, ("events", "EventBridge"), "PutEvents", arguments).await?;
    if answer.get("FailedEntryCount").and_then(Value::as_i64).unwrap_or_default() > 0 {
        return Err(TaskFailure::new("EventBridge.FailedEntry", answer.to_string()));
    }
    Ok(answer)
}

async fn start(aws: &Aws, place: &Place, request: &TaskRequest) -> Result<Value, TaskFailure> {
    let arguments = stringified(request.arguments.clone(), "Input");
    let mut input = json!({});
    for (from, to) in [("StateMachineArn", "stateMachineArn"), ("Name", "name"), ("Input", "input")]
    {
        if let Some(value) = arguments.get(from) {
            input[to] = value.clone();
        }
    }
    let answer = perform(aws, place, ("states", "StepFunctions"), "StartExecution", input).await?;
    let started = json!({
        "ExecutionArn": answer["executionArn"],
        "StartDate": answer["startDate"],
    });
    match request.resource.pattern {
        Pattern::Sync | Pattern::Sync2 => {
            let arn = answer["executionArn"].as_str().unwrap_or_default().to_owned();
            request.submitted.report(started);
            let as_json = request.resource.pattern == Pattern::Sync2;
            follow(aws, place, &arn, as_json).await
        }
        _ => Ok(started),
    }
}

/// Waits for the end of an execution that a task started; stops it when nobody waits any more.
async fn follow(aws: &Aws, place: &Place, arn: &str, as_json: bool) -> Result<Value, TaskFailure> {
    let mut follower = Follower { aws, arn, waits: true };
    loop {
        let ended = {
            let state = aws.lock();
            let Some(execution) = state.states.executions.get(arn) else { break };
            if execution.status != Status::Running {
                break;
            }
            execution.ended.clone()
        };
        let notified = ended.notified();
        tokio::pin!(notified);
        // Listening starts before looking again, so that an end in between is not missed.
        notified.as_mut().enable();
        if is_running(aws, arn) {
            notified.await;
        }
    }
    follower.waits = false;
    let input = json!({ "executionArn": arn });
    let answer =
        perform(aws, place, ("states", "StepFunctions"), "DescribeExecution", input).await?;
    let mut shown = sdk::upper_keys(answer);
    if shown["Status"] != "SUCCEEDED" {
        return Err(TaskFailure::new(local_states::TASK_FAILED, shown.to_string()));
    }
    if as_json {
        for member in ["Input", "Output"] {
            let value =
                shown[member].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
            if let Some(value) = value {
                shown[member] = value;
            }
        }
    }
    Ok(shown)
}

fn is_running(aws: &Aws, arn: &str) -> bool {
    let state = aws.lock();
    state.states.executions.get(arn).is_some_and(|one| one.status == Status::Running)
}

/// Stops an execution when the task that follows it is given up.
struct Follower<'a> {
    aws: &'a Aws,
    arn: &'a str,
    waits: bool,
}

impl Drop for Follower<'_> {
    fn drop(&mut self) {
        if !self.waits {
            return;
        }
        let (aws, arn) = (self.aws.clone(), self.arn.to_owned());
        self.aws.spawn(async move {
            let cause = Some("the execution that waited for it ended".to_owned());
            let _ = super::run::stop(&aws, &arn, None, cause);
        });
    }
}

/// Time stamps as Step Functions writes them in results: RFC 3339.
pub(super) fn moments_as_text(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            if let (1, Some(milliseconds)) =
                (members.len(), members.get("$timestamp").and_then(Value::as_i64))
            {
                let moment = jiff::Timestamp::from_millisecond(milliseconds).unwrap_or_default();
                return json!(format!("{moment:.3}"));
            }
            members.into_iter().map(|(name, member)| (name, moments_as_text(member))).collect()
        }
        Value::Array(items) => items.into_iter().map(moments_as_text).collect(),
        other => other,
    }
}
