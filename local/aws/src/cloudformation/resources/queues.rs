//! `AWS::SQS::*`.

use serde_json::{Map, Value, json};

use super::{Context, Notation, answered, document, made, scalar, tag_map, texts};
use crate::AwsError;
use crate::cloudformation::template::Made;

pub(super) const KINDS: [Notation; 2] = [
    (
        "AWS::SQS::Queue",
        "QueueName! FifoQueue! ContentBasedDeduplication DeduplicationScope FifoThroughputLimit \
         DelaySeconds KmsMasterKeyId MaximumMessageSize MessageRetentionPeriod \
         ReceiveMessageWaitTimeSeconds RedrivePolicy* RedriveAllowPolicy* SqsManagedSseEnabled \
         VisibilityTimeout Tags[Key Value]",
        "Arn QueueName QueueUrl",
    ),
    ("AWS::SQS::QueuePolicy", "Queues+ PolicyDocument*+", ""),
];

const ATTRIBUTES: [&str; 11] = [
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "FifoThroughputLimit",
    "DelaySeconds",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
    "FifoQueue",
];

fn attributes(properties: &Value) -> Map<String, Value> {
    let mut attributes: Map<String, Value> = ATTRIBUTES
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), json!(scalar(properties, name)?))))
        .collect();
    for name in ["RedrivePolicy", "RedriveAllowPolicy"] {
        if let Some(text) = document(properties, name) {
            attributes.insert(name.to_owned(), json!(text));
        }
    }
    // A queue that is not FIFO has no such attribute.
    if attributes.get("FifoQueue") == Some(&json!("false")) {
        attributes.remove("FifoQueue");
    }
    attributes
}

pub(super) async fn create(context: &Context<'_>, properties: &Value) -> Result<Made, AwsError> {
    let attributes = attributes(properties);
    let fifo = attributes.contains_key("FifoQueue");
    let mut name = context.name(properties, "QueueName", if fifo { 75 } else { 80 });
    if fifo && !name.ends_with(".fifo") {
        name.push_str(".fifo");
    }
    let input = json!({ "QueueName": name, "Attributes": attributes, "tags": tag_map(properties) });
    let url = answered(&context.call("sqs", "CreateQueue", input).await?, "/QueueUrl")?;
    let arn = context.arn("sqs", &name);
    let attributes =
        [("Arn", json!(arn)), ("QueueName", json!(name)), ("QueueUrl", json!(url.clone()))];
    Ok(made(url, attributes))
}

pub(super) async fn update(
    context: &Context<'_>,
    queue: &Made,
    properties: &Value,
) -> Result<Made, AwsError> {
    let mut attributes = attributes(properties);
    attributes.remove("FifoQueue");
    let input = json!({ "QueueUrl": queue.physical_id, "Attributes": attributes });
    context.call("sqs", "SetQueueAttributes", input).await?;
    Ok(queue.clone())
}

pub(super) async fn delete(context: &Context<'_>, queue: &Made) -> Result<(), AwsError> {
    let input = json!({ "QueueUrl": queue.physical_id });
    context.call("sqs", "DeleteQueue", input).await.map(|_| ())
}

async fn set_policy(context: &Context<'_>, url: &str, policy: &str) -> Result<(), AwsError> {
    let input = json!({ "QueueUrl": url, "Attributes": { "Policy": policy } });
    context.call("sqs", "SetQueueAttributes", input).await.map(|_| ())
}

pub(super) async fn put_policy(
    context: &Context<'_>,
    properties: &Value,
) -> Result<Made, AwsError> {
    let policy = document(properties, "PolicyDocument").unwrap_or_default();
    for url in texts(properties, "Queues") {
        set_policy(context, &url, &policy).await?;
    }
    Ok(made(context.generated_name(80), []))
}

pub(super) async fn update_policy(
    context: &Context<'_>,
    policy: &Made,
    old: &Value,
    new: &Value,
) -> Result<Made, AwsError> {
    let kept = texts(new, "Queues");
    for url in texts(old, "Queues").iter().filter(|url| !kept.contains(url)) {
        set_policy(context, url, "").await?;
    }
    put_policy(context, new).await?;
    Ok(policy.clone())
}

pub(super) async fn delete_policy(
    context: &Context<'_>,
    properties: &Value,
) -> Result<(), AwsError> {
    for url in texts(properties, "Queues") {
        set_policy(context, &url, "").await?;
    }
    Ok(())
}
