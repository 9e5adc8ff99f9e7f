//! `AWS::SNS::*`.

use serde_json::{Map, Value, json};

use super::{Context, Notation, answered, document, items, made, required, scalar, text, texts};
use crate::AwsError;
use crate::cloudformation::template::Made;

pub(super) const KINDS: [Notation; 3] = [
    (
        "AWS::SNS::Topic",
        "TopicName! DisplayName FifoTopic! KmsMasterKeyId Subscription[Protocol+ Endpoint+] \
         Tags[Key Value]",
        "TopicArn TopicName",
    ),
    ("AWS::SNS::TopicPolicy", "Topics+ PolicyDocument*+", "Id"),
    (
        "AWS::SNS::Subscription",
        "TopicArn!+ Protocol!+ Endpoint! FilterPolicy*! FilterPolicyScope! RawMessageDelivery! \
         RedrivePolicy*!",
        "Arn",
    ),
];

fn attributes(properties: &Value) -> Map<String, Value> {
    ["DisplayName", "KmsMasterKeyId", "FifoTopic"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), json!(scalar(properties, name)?))))
        .collect()
}

pub(super) async fn create(context: &Context<'_>, properties: &Value) -> Result<Made, AwsError> {
    let name = context.name(properties, "TopicName", 250);
    let input = json!({
        "Name": name,
        "Attributes": attributes(properties),
        "Tags": properties.get("Tags").cloned().unwrap_or(json!([])),
    });
    let arn = answered(&context.call("sns", "CreateTopic", input).await?, "/TopicArn")?;
    let topic = made(arn.clone(), [("TopicArn", json!(arn)), ("TopicName", json!(name))]);
    for subscription in items(properties, "Subscription") {
        let mut input = subscription.clone();
        input["TopicArn"] = json!(arn);
        if let Err(error) = context.call("sns", "Subscribe", input).await {
            let _ = delete(context, &topic).await;
            return Err(error);
        }
    }
    Ok(topic)
}

pub(super) async fn update(
    context: &Context<'_>,
    topic: &Made,
    properties: &Value,
) -> Result<Made, AwsError> {
    for (name, value) in attributes(properties) {
        let input = json!({
            "TopicArn": topic.physical_id, "AttributeName": name, "AttributeValue": value,
        });
        context.call("sns", "SetTopicAttributes", input).await?;
    }
    for subscription in items(properties, "Subscription") {
        let mut input = subscription.clone();
        input["TopicArn"] = json!(topic.physical_id);
        context.call("sns", "Subscribe", input).await?;
    }
    Ok(topic.clone())
}

pub(super) async fn delete(context: &Context<'_>, topic: &Made) -> Result<(), AwsError> {
    let input = json!({ "TopicArn": topic.physical_id });
    context.call("sns", "DeleteTopic", input).await.map(|_| ())
}

pub(super) async fn put_policy(
    context: &Context<'_>,
    properties: &Value,
) -> Result<Made, AwsError> {
    let policy = document(properties, "PolicyDocument").unwrap_or_default();
    for arn in texts(properties, "Topics") {
        let input = json!({ "TopicArn": arn, "AttributeName": "Policy", "AttributeValue": policy });
        context.call("sns", "SetTopicAttributes", input).await?;
    }
    let id = context.generated_name(80);
    Ok(made(id.clone(), [("Id", json!(id))]))
}

pub(super) async fn subscribe(context: &Context<'_>, properties: &Value) -> Result<Made, AwsError> {
    let mut attributes: Map<String, Value> = ["FilterPolicyScope", "RawMessageDelivery"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), json!(scalar(properties, name)?))))
        .collect();
    for name in ["FilterPolicy", "RedrivePolicy"] {
        if let Some(text) = document(properties, name) {
            attributes.insert(name.to_owned(), json!(text));
        }
    }
    let mut input = json!({
        "TopicArn": required(properties, "TopicArn")?,
        "Protocol": required(properties, "Protocol")?,
        "Endpoint": text(properties, "Endpoint"),
        "ReturnSubscriptionArn": true,
    });
    if !attributes.is_empty() {
        input["Attributes"] = Value::Object(attributes);
    }
    let arn = answered(&context.call("sns", "Subscribe", input).await?, "/SubscriptionArn")?;
    Ok(made(arn.clone(), [("Arn", json!(arn))]))
}

pub(super) async fn unsubscribe(
    context: &Context<'_>,
    subscription: &Made,
) -> Result<(), AwsError> {
    let input = json!({ "SubscriptionArn": subscription.physical_id });
    context.call("sns", "Unsubscribe", input).await.map(|_| ())
}
