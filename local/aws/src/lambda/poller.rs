//! The pollers of event source mappings: they read a queue as the function's role, invoke, and
//! delete what was worked on.
//!
//! The order within a message group is the queue's doing: it gives no further message of a
//! group that has one in flight. What a function fails stays until its visibility runs out.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::invoke::run;
use super::model::Mapping;
use crate::sqs::set_worked_on;
use crate::{Aws, AwsError, Call, InvocationOutcome};

/// How many batches of one mapping run at a time, where it does not say.
const CONCURRENCY: u32 = 10;
const LONG_POLL_SECONDS: u64 = 20;
const AFTER_AN_ERROR: Duration = Duration::from_secs(10);

/// Starts the poller of a mapping's current generation.
pub(super) fn start(aws: &Aws, id: &str) {
    let Some(mapping) = aws.lock().lambda.mappings.get(id).cloned() else { return };
    let world = aws.clone();
    aws.spawn(async move { poll(&world, mapping).await });
}

/// Polls until the mapping is changed, disabled or deleted.
async fn poll(aws: &Aws, mapping: Mapping) {
    let permits = mapping.concurrency.unwrap_or(CONCURRENCY);
    let room = Arc::new(Semaphore::new(permits as usize));
    loop {
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        if !is_current(aws, &mapping) {
            return;
        }
        let received = receive(aws, &mapping).await;
        if !is_current(aws, &mapping) {
            return;
        }
        match received {
            Ok(messages) if messages.is_empty() => {}
            Ok(messages) => {
                let (world, mapping) = (aws.clone(), mapping.clone());
                aws.spawn(async move {
                    work(&world, &mapping, messages).await;
                    drop(permit);
                });
            }
            Err(error) => {
                note(aws, &mapping, format!("PROBLEM: {error}"));
                aws.sleep(AFTER_AN_ERROR).await;
            }
        }
    }
}

fn is_current(aws: &Aws, mapping: &Mapping) -> bool {
    let state = aws.lock();
    let now = state.lambda.mappings.get(&mapping.id);
    now.is_some_and(|now| now.generation == mapping.generation && now.enabled)
}

fn note(aws: &Aws, mapping: &Mapping, result: String) {
    if let Some(mapping) = aws.lock().lambda.mappings.get_mut(&mapping.id) {
        mapping.last_result = result;
    }
}

/// A call of SQS as the function's role.
async fn queue_call(
    aws: &Aws,
    mapping: &Mapping,
    operation: &str,
    mut input: Value,
) -> Result<Value, AwsError> {
    let (role, name) = {
        let state = aws.lock();
        let function = state
            .lambda
            .functions
            .get(&mapping.function)
            .ok_or_else(|| super::functions::not_found(&mapping.function))?;
        (function.role.clone(), function.name.clone())
    };
    input["QueueUrl"] = json!(mapping.queue);
    let call = Call {
        service: "sqs",
        operation: operation.to_owned(),
        input,
        caller: crate::iam::session_of(&role, &name)?,
        account: mapping.account.clone(),
        region: mapping.region.clone(),
    };
    aws.perform(&call).await
}

async fn receive(aws: &Aws, mapping: &Mapping) -> Result<Vec<Value>, AwsError> {
    let input = json!({
        "MaxNumberOfMessages": mapping.batch_size,
        "WaitTimeSeconds": LONG_POLL_SECONDS,
        "MessageSystemAttributeNames": ["All"],
        "AttributeNames": ["All"],
        "MessageAttributeNames": ["All"],
    });
    let mut answer = queue_call(aws, mapping, "ReceiveMessage", input).await?;
    Ok(match answer.get_mut("Messages").map(Value::take) {
        Some(Value::Array(messages)) => messages,
        _ => Vec::new(),
    })
}

/// Invokes the function for one batch and deletes what it worked on.
async fn work(aws: &Aws, mapping: &Mapping, messages: Vec<Value>) {
    let records: Vec<Value> = messages.iter().map(|message| record(mapping, message)).collect();
    let payload = Bytes::from(json!({ "Records": records }).to_string());
    let receipts: Vec<&str> =
        messages.iter().filter_map(|message| message["ReceiptHandle"].as_str()).collect();
    // Where waits go faster than work, the visibility would end while the function works.
    let outruns_work = aws.settings().pace > 1.0;
    if outruns_work {
        set_worked_on(aws, &mapping.queue, &receipts, true);
    }
    let outcome = run(aws, &mapping.function, payload, aws.uuid()).await;
    if outruns_work {
        set_worked_on(aws, &mapping.queue, &receipts, false);
    }
    let failed = match &outcome {
        Ok(InvocationOutcome::Answered(answer)) => {
            note(aws, mapping, "OK".to_owned());
            failed_ids(mapping, answer, &messages)
        }
        Ok(InvocationOutcome::Failed { error, .. }) => {
            note(aws, mapping, format!("PROBLEM: Function call failed: {error}"));
            return;
        }
        Err(error) => {
            note(aws, mapping, format!("PROBLEM: {error}"));
            return;
        }
    };
    let done: Vec<Value> = messages
        .iter()
        .enumerate()
        .filter(|(_, message)| {
            !failed.contains(message["MessageId"].as_str().unwrap_or_default())
        })
        .map(|(index, message)| {
            json!({ "Id": index.to_string(), "ReceiptHandle": message["ReceiptHandle"] })
        })
        .collect();
    if done.is_empty() {
        return;
    }
    let input = json!({ "Entries": done });
    if let Err(error) = queue_call(aws, mapping, "DeleteMessageBatch", input).await {
        note(aws, mapping, format!("PROBLEM: {error}"));
    }
}

/// The messages that stay: those that the function reports, or all when its answer is nonsense.
fn failed_ids(mapping: &Mapping, answer: &Bytes, messages: &[Value]) -> BTreeSet<String> {
    if !mapping.reports_failures {
        return BTreeSet::new();
    }
    let all =
        || messages.iter().filter_map(|message| message["MessageId"].as_str()).map(str::to_owned);
    let known: BTreeSet<String> = all().collect();
    let answer: Value = serde_json::from_slice(answer).unwrap_or(Value::String(String::new()));
    let reported = match answer.get("batchItemFailures") {
        None | Some(Value::Null) if answer.is_object() || answer.is_null() => {
            return BTreeSet::new();
        }
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.get("itemIdentifier").and_then(Value::as_str).map(str::to_owned))
            .collect::<Option<BTreeSet<String>>>(),
        _ => None,
    };
    match reported {
        Some(ids) if ids.is_subset(&known) => ids,
        _ => known,
    }
}

/// A message as the function sees it.
fn record(mapping: &Mapping, message: &Value) -> Value {
    let mut attributes = serde_json::Map::new();
    if let Some(given) = message.get("MessageAttributes").and_then(Value::as_object) {
        for (name, attribute) in given {
            attributes.insert(
                name.clone(),
                json!({
                    "stringValue": attribute.get("StringValue"),
                    "binaryValue": attribute.get("BinaryValue"),
                    "stringListValues": [],
                    "binaryListValues": [],
                    "dataType": attribute.get("DataType"),
                }),
            );
        }
    }
    json!({
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes").cloned().unwrap_or_else(|| json!({})),
        "messageAttributes": attributes,
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": mapping.queue,
        "awsRegion": mapping.region,
    })
}
