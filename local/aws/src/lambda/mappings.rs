//! Event source mappings: queues that feed functions.

use serde_json::{Value, json};

use super::functions::not_found;
use super::model::Mapping;
use super::{arn_of, poller};
use crate::{Access, Aws, AwsError, Call};

/// Performs a call about mappings.
pub(super) fn handle(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    match call.operation.as_str() {
        "CreateEventSourceMapping" => create(aws, call),
        "GetEventSourceMapping" => with(aws, call, |mapping| Ok(mapping.shown())),
        "UpdateEventSourceMapping" => update(aws, call),
        "DeleteEventSourceMapping" => {
            let id = call.text("UUID")?;
            let removed = aws.lock().lambda.mappings.remove(id);
            let mut shown = removed.ok_or_else(no_mapping)?.shown();
            shown["State"] = json!("Deleting");
            Ok(shown)
        }
        _ => list(aws, call),
    }
}

fn no_mapping() -> AwsError {
    let message = "The resource you requested does not exist.";
    AwsError::new("ResourceNotFoundException", message).status(404)
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidParameterValueException", message)
}

fn with<T>(
    aws: &Aws,
    call: &Call,
    act: impl FnOnce(&mut Mapping) -> Result<T, AwsError>,
) -> Result<T, AwsError> {
    let id = call.text("UUID")?;
    let mut state = aws.lock();
    act(state.lambda.mappings.get_mut(id).ok_or_else(no_mapping)?)
}

/// Sets what a call gives and leaves the rest.
fn configure(mapping: &mut Mapping, call: &Call) -> Result<(), AwsError> {
    match call.opt_int("BatchSize")? {
        Some(size @ 1..=10) => mapping.batch_size = u32::try_from(size).unwrap_or(1),
        Some(size) => {
            return Err(invalid(format!(
                "BatchSize: {size}; the local AWS batches 1 to 10 messages, as without a \
                 batching window"
            )));
        }
        None => {}
    }
    if call.opt_int("MaximumBatchingWindowInSeconds")?.unwrap_or_default() != 0 {
        return Err(invalid("MaximumBatchingWindowInSeconds: batching windows are not supported"));
    }
    if call.input.get("FilterCriteria").is_some_and(|criteria| !criteria.is_null()) {
        return Err(invalid("FilterCriteria: event filters are not supported"));
    }
    if call.input.get("FunctionResponseTypes").is_some() {
        let types = call.texts("FunctionResponseTypes");
        if let Some(other) = types.iter().find(|kind| *kind != "ReportBatchItemFailures") {
            return Err(invalid(format!("FunctionResponseTypes: \"{other}\" is not known")));
        }
        mapping.reports_failures = !types.is_empty();
    }
    match call.input.pointer("/ScalingConfig/MaximumConcurrency").and_then(Value::as_i64) {
        Some(most @ 2..=1000) => mapping.concurrency = u32::try_from(most).ok(),
        Some(most) => {
            return Err(invalid(format!("MaximumConcurrency: {most} is not 2 to 1000")));
        }
        None => {}
    }
    if let Some(enabled) = call.opt_bool("Enabled")? {
        mapping.enabled = enabled;
    }
    Ok(())
}

fn create(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let queue = call.text("EventSourceArn")?;
    if !queue.starts_with("arn:aws:sqs:") {
        return Err(invalid(format!(
            "EventSourceArn: \"{queue}\": the local AWS feeds functions from SQS queues only"
        )));
    }
    let arn = arn_of(call);
    let mut mapping = Mapping {
        id: aws.uuid(),
        account: call.account.clone(),
        region: call.region.clone(),
        function: arn.clone(),
        queue: queue.to_owned(),
        batch_size: 10,
        reports_failures: false,
        concurrency: None,
        enabled: true,
        modified: aws.now(),
        last_result: "No records processed".to_owned(),
        generation: 0,
    };
    configure(&mut mapping, call)?;
    may_receive(aws, &mapping)?;
    let mut state = aws.lock();
    if state.lambda.mappings.values().any(|one| one.queue == queue && one.function == arn) {
        return Err(AwsError::new(
            "ResourceConflictException",
            format!("An event source mapping with SQS arn (\" {queue} \") and function (\" {arn} \") already exists."),
        )
        .status(409));
    }
    let shown = mapping.shown();
    let enabled = mapping.enabled;
    let id = mapping.id.clone();
    state.lambda.mappings.insert(id.clone(), mapping);
    drop(state);
    if enabled {
        poller::start(aws, &id);
    }
    Ok(shown)
}

/// Lambda asks when the mapping is made whether the function's role may read the queue.
fn may_receive(aws: &Aws, mapping: &Mapping) -> Result<(), AwsError> {
    let state = aws.lock();
    let function = state
        .lambda
        .functions
        .get(&mapping.function)
        .ok_or_else(|| not_found(&mapping.function))?;
    let call = Call {
        service: "sqs",
        operation: "ReceiveMessage".to_owned(),
        input: json!({ "QueueUrl": mapping.queue }),
        caller: crate::iam::session_of(&function.role, &function.name)?,
        account: mapping.account.clone(),
        region: mapping.region.clone(),
    };
    for action in ["ReceiveMessage", "DeleteMessage", "GetQueueAttributes"] {
        let access = Access::to(format!("sqs:{action}"), mapping.queue.clone());
        crate::iam::would_allow(aws, &state, &call, &access).map_err(|error| {
            invalid(format!(
                "The provided execution role does not have permissions to call {action} on SQS \
                 ({})",
                error.message
            ))
        })?;
    }
    Ok(())
}

fn update(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let now = aws.now();
    let function = call.opt_text("FunctionName").map(|_| arn_of(call));
    let shown = with(aws, call, |mapping| {
        configure(mapping, call)?;
        if let Some(function) = function {
            mapping.function = function;
        }
        mapping.modified = now;
        mapping.generation += 1;
        Ok(mapping.shown())
    })?;
    if shown["State"] == "Enabled" {
        poller::start(aws, call.text("UUID")?);
    }
    Ok(shown)
}

fn list(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let function = call.opt_text("FunctionName").map(|_| arn_of(call));
    let queue = call.opt_text("EventSourceArn");
    let state = aws.lock();
    let mine = state.lambda.mappings.values().filter(|mapping| {
        mapping.account == call.account
            && mapping.region == call.region
            && function.as_ref().is_none_or(|function| *function == mapping.function)
            && queue.is_none_or(|queue| queue == mapping.queue)
    });
    Ok(json!({ "EventSourceMappings": mine.map(Mapping::shown).collect::<Vec<_>>() }))
}
