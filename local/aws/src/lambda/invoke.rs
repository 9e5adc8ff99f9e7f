//! Invocations: who may, how many at a time, with which environment, and what comes back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::functions::not_found;
use super::{arn_of, asynchronous};
use crate::iam::{Context, Document, Verdict, credentials_for_role};
use crate::wire::{blob, body};
use crate::{Aws, AwsError, Call, Invocation, InvocationOutcome, Principal};

const SYNCHRONOUS_BYTES: usize = 6 * 1024 * 1024;
const ASYNCHRONOUS_BYTES: usize = 1024 * 1024;
/// How long a warm function's keys last, and how long they must still last to be used.
const KEYS_LAST: Duration = Duration::from_secs(6 * 3600);
const KEYS_SPARE: Duration = Duration::from_secs(1_200);

/// `Invoke`.
pub(super) async fn handle(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let arn = arn_of(call);
    check_policy(aws, call, &arn)?;
    let payload = body(&call.input);
    let payload = if payload.is_empty() { Bytes::from_static(b"null") } else { payload };
    let kind = call.opt_text("InvocationType").unwrap_or("RequestResponse");
    let longest = if kind == "Event" { ASYNCHRONOUS_BYTES } else { SYNCHRONOUS_BYTES };
    if payload.len() > longest {
        return Err(AwsError::new(
            "RequestTooLargeException",
            format!("{} byte payload is too large for the {kind} invocation type (limit {longest} bytes)", payload.len()),
        )
        .status(413));
    }
    if let Err(error) = serde_json::from_slice::<Value>(&payload) {
        return Err(AwsError::new(
            "InvalidRequestContentException",
            format!("Could not parse request body into json: {error}"),
        ));
    }
    match kind {
        "DryRun" => Ok(json!({ "$status": 204, "$headers": {}, "$body": "" })),
        "Event" => {
            asynchronous::queue(aws, arn, payload);
            Ok(json!({ "$status": 202, "$headers": {}, "$body": "" }))
        }
        "RequestResponse" => {
            let outcome = run(aws, &arn, payload, aws.uuid()).await?;
            Ok(answer(&outcome))
        }
        other => Err(AwsError::new(
            "InvalidParameterValueException",
            format!("InvocationType: \"{other}\" is not RequestResponse, Event or DryRun"),
        )),
    }
}

fn answer(outcome: &InvocationOutcome) -> Value {
    let mut answer = json!({
        "$status": 200,
        "$headers": { "X-Amz-Executed-Version": "$LATEST" },
        "StatusCode": 200,
        "ExecutedVersion": "$LATEST",
    });
    match outcome {
        InvocationOutcome::Answered(payload) => answer["$body"] = blob(payload),
        InvocationOutcome::Failed { error, payload } => {
            answer["$body"] = blob(payload);
            answer["$headers"]["X-Amz-Function-Error"] = json!("Unhandled");
            answer["FunctionError"] = json!("Unhandled");
            // For the services in here: the error's name as Step Functions sees it.
            answer["$error"] = json!(error);
        }
    }
    answer
}

/// What an answer of `Invoke` says.
pub(super) fn outcome(answer: &Value) -> InvocationOutcome {
    let payload = body(answer);
    match answer.get("$error").and_then(Value::as_str) {
        Some(error) => InvocationOutcome::Failed { error: error.to_owned(), payload },
        None => InvocationOutcome::Answered(payload),
    }
}

/// Services, and callers of other accounts, need the function's own policy to allow them.
///
/// A service that says for which resource it calls (`$source`) is held to the policy's source.
fn check_policy(aws: &Aws, call: &Call, arn: &str) -> Result<(), AwsError> {
    let state = aws.lock();
    let Some(function) = state.lambda.functions.get(arn) else { return Err(not_found(arn)) };
    let service = match &call.caller.principal {
        Principal::Service(name) => Some(name.as_str()),
        _ if call.caller.account == function.account => return Ok(()),
        _ => None,
    };
    let mut context = crate::iam::caller_context(aws, &state, &call.caller);
    if let Some(source) = call.opt_text("$source") {
        context.add("aws:SourceArn", source);
    }
    context.add("aws:SourceAccount", &call.account);
    let arns = crate::iam::arns_of(&state, &call.caller);
    let asker = crate::iam::Asker { account: &call.caller.account, arns: &arns, service };
    let allowed =
        function.policy.iter().any(|statement| allows(statement, &asker, call, arn, &context));
    if allowed {
        return Ok(());
    }
    Err(AwsError::access_denied(
        &call.caller.arn,
        "lambda:InvokeFunction",
        arn,
        "because no resource-based policy allows the lambda:InvokeFunction action",
    )
    .status(403))
}

fn allows(
    statement: &Value,
    asker: &crate::iam::Asker<'_>,
    call: &Call,
    arn: &str,
    context: &Context,
) -> bool {
    let mut statement = statement.clone();
    // Who does not say for which resource it calls is not held to one.
    if call.opt_text("$source").is_none()
        && let Some(condition) = statement.get_mut("Condition").and_then(Value::as_object_mut)
    {
        condition.remove("ArnLike");
        if condition.is_empty() {
            statement.as_object_mut().map(|members| members.remove("Condition"));
        }
    }
    let policy = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
    let Ok(document) = Document::resource(&policy) else { return false };
    document.verdict_for(asker, "lambda:InvokeFunction", arn, context) == Verdict::Allows
}

/// Runs one invocation to its end.
pub(super) async fn run(
    aws: &Aws,
    arn: &str,
    payload: Bytes,
    request_id: String,
) -> Result<InvocationOutcome, AwsError> {
    let Some(host) = aws.functions() else {
        return Err(AwsError::new(
            "ServiceException",
            format!("nobody runs functions in this world: {arn} cannot be invoked"),
        )
        .status(500));
    };
    let invocation = begin(aws, arn, payload, request_id)?;
    let running = Running { aws, arn };
    let place = (invocation.account.clone(), invocation.region.clone());
    let name = invocation.function_name.clone();
    let outcome = host.invoke(invocation).await;
    drop(running);
    let failed = matches!(outcome, InvocationOutcome::Failed { .. });
    for (metric, value) in [("Invocations", 1.0), ("Errors", if failed { 1.0 } else { 0.0 })] {
        let (place, dimensions) =
            ((place.0.as_str(), place.1.as_str()), [("FunctionName", &*name)]);
        aws.put_metric(place, ("AWS/Lambda", metric), &dimensions, value);
    }
    Ok(outcome)
}

/// Counts an invocation down when it ends, also when nobody waits for it any more.
struct Running<'a> {
    aws: &'a Aws,
    arn: &'a str,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(function) = self.aws.lock().lambda.functions.get_mut(self.arn) {
            function.running = function.running.saturating_sub(1);
        }
    }
}

fn begin(aws: &Aws, arn: &str, payload: Bytes, request_id: String) -> Result<Invocation, AwsError> {
    let now = aws.now();
    let (role, name, valid) = {
        let state = aws.lock();
        let function = state.lambda.functions.get(arn).ok_or_else(|| not_found(arn))?;
        if function.reserved.is_some_and(|most| function.running >= most) {
            return Err(AwsError::new("TooManyRequestsException", "Rate Exceeded.")
                .status(429)
                .member("Reason", "ReservedFunctionConcurrentInvocationLimitExceeded"));
        }
        let spare = now.checked_add(KEYS_SPARE).unwrap_or(now);
        let valid = function.credentials.as_ref().filter(|keys| keys.expires > spare).cloned();
        (function.role.clone(), function.name.clone(), valid)
    };
    let keys = match valid {
        Some(keys) => keys,
        None => Arc::new(credentials_for_role(aws, &role, &name, None, KEYS_LAST)?),
    };
    let endpoint = aws.settings().endpoint_url.clone();
    let mut state = aws.lock();
    let function = state.lambda.functions.get_mut(arn).ok_or_else(|| not_found(arn))?;
    function.credentials = Some(keys.clone());
    function.running += 1;
    let mut environment: BTreeMap<String, String> = function.variables.clone();
    let own = [
        ("AWS_REGION", function.region.clone()),
        ("AWS_DEFAULT_REGION", function.region.clone()),
        ("AWS_ACCESS_KEY_ID", keys.access_key.clone()),
        ("AWS_SECRET_ACCESS_KEY", keys.secret.clone()),
        ("AWS_SESSION_TOKEN", keys.token.clone()),
    ];
    environment.extend(own.map(|(name, value)| (name.to_owned(), value)));
    if let Some(url) = endpoint {
        environment.insert("AWS_ENDPOINT_URL".to_owned(), url);
    }
    Ok(Invocation {
        function_arn: function.arn.clone(),
        function_name: function.name.clone(),
        account: function.account.clone(),
        region: function.region.clone(),
        code: function.code.clone(),
        environment,
        timeout: Duration::from_secs(function.timeout),
        memory_mb: function.memory,
        request_id,
        payload,
    })
}
