//! SNS: topics, and deliveries to queues and functions. What goes to people (email, SMS, HTTPS)
//! is kept in an outbox that tests and the demo can read.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{Access, Aws, AwsError, Call, State};

/// The service's state.
#[derive(Debug, Default)]
pub(crate) struct Sns {
    topics: BTreeMap<String, Topic>,
    outbox: Vec<Message>,
}

#[derive(Debug, Clone, Default)]
struct Topic {
    attributes: BTreeMap<String, String>,
    subscriptions: Vec<Subscription>,
}

#[derive(Debug, Clone)]
struct Subscription {
    arn: String,
    protocol: String,
    endpoint: String,
}

impl Sns {
    /// A topic's resource policy.
    pub(crate) fn policy(&self, arn: &str) -> Option<String> {
        self.topics.get(arn)?.attributes.get("Policy").cloned()
    }
}

/// A message that was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The topic's ARN.
    pub topic_arn: String,
    /// The subject, if it has one.
    pub subject: Option<String>,
    /// The text.
    pub message: String,
}

impl Aws {
    /// Every message published to any topic so far, oldest first.
    pub fn published(&self) -> Vec<Message> {
        self.lock().sns.outbox.clone()
    }
}

/// The permissions that a call needs.
pub(crate) fn access(_state: &State, call: &Call) -> Vec<Access> {
    let resource = call
        .opt_text("TopicArn")
        .or(call.opt_text("TargetArn"))
        .map_or_else(|| "*".to_owned(), str::to_owned);
    vec![Access::to(format!("sns:{}", call.operation), resource)]
}

/// Performs a call.
pub(crate) async fn handle(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    match call.operation.as_str() {
        "CreateTopic" => create(&mut aws.lock().sns, call),
        "DeleteTopic" => {
            aws.lock().sns.topics.remove(call.text("TopicArn")?);
            Ok(json!({}))
        }
        "ListTopics" => {
            let state = aws.lock();
            let mine = format!("arn:aws:sns:{}:{}:", call.region, call.account);
            let rows: Vec<Value> = state
                .sns
                .topics
                .keys()
                .filter(|arn| arn.starts_with(&mine))
                .map(|arn| json!({ "TopicArn": arn }))
                .collect();
            Ok(json!({ "Topics": rows }))
        }
        "GetTopicAttributes" => {
            let state = aws.lock();
            let arn = call.text("TopicArn")?;
            let topic = state.sns.topics.get(arn).ok_or_else(|| no_topic(arn))?;
            let mut attributes = topic.attributes.clone();
            attributes.insert("TopicArn".to_owned(), arn.to_owned());
            Ok(json!({ "Attributes": attributes }))
        }
        "SetTopicAttributes" => {
            let mut state = aws.lock();
            let topic = topic_mut(&mut state.sns, call)?;
            let name = known_attribute(call.text("AttributeName")?)?;
            let value = call.opt_text("AttributeValue").unwrap_or_default().to_owned();
            topic.attributes.insert(name.to_owned(), value);
            Ok(json!({}))
        }
        "Subscribe" => subscribe(aws, call),
        "Unsubscribe" => {
            let arn = call.text("SubscriptionArn")?;
            for topic in aws.lock().sns.topics.values_mut() {
                topic.subscriptions.retain(|subscription| subscription.arn != arn);
            }
            Ok(json!({}))
        }
        "ListSubscriptionsByTopic" => {
            let mut state = aws.lock();
            let arn = call.text("TopicArn")?.to_owned();
            let topic = topic_mut(&mut state.sns, call)?;
            let rows: Vec<Value> = topic
                .subscriptions
                .iter()
                .map(|subscription| {
                    json!({
                        "SubscriptionArn": subscription.arn,
                        "Owner": call.account,
                        "Protocol": subscription.protocol,
                        "Endpoint": subscription.endpoint,
                        "TopicArn": arn,
                    })
                })
                .collect();
            Ok(json!({ "Subscriptions": rows }))
        }
        "Publish" => publish(aws, call).await,
        other => Err(AwsError::unknown_operation("sns", other)),
    }
}

fn no_topic(arn: &str) -> AwsError {
    AwsError::new("NotFound", format!("Topic does not exist: {arn}")).status(404)
}

/// An attribute of a topic that is kept here. How a topic delivers, orders or archives is not
/// modelled: an attribute that would change it is refused by name.
fn known_attribute(name: &str) -> Result<&str, AwsError> {
    match name {
        "DisplayName" | "KmsMasterKeyId" | "Policy" => Ok(name),
        "ArchivePolicy"
        | "ContentBasedDeduplication"
        | "DeliveryPolicy"
        | "FifoThroughputScope"
        | "FifoTopic"
        | "SignatureVersion"
        | "TracingConfig" => {
            let call = format!("a topic with the attribute \"{name}\", which is not read");
            Err(AwsError::unknown_operation("sns", &call))
        }
        _ => Err(AwsError::new(
            "InvalidParameter",
            format!("Invalid parameter: AttributeName: {name}"),
        )),
    }
}

fn topic_mut<'a>(sns: &'a mut Sns, call: &Call) -> Result<&'a mut Topic, AwsError> {
    let arn = call.text("TopicArn")?;
    sns.topics.get_mut(arn).ok_or_else(|| no_topic(arn))
}

fn create(sns: &mut Sns, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("Name")?;
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let bare = name.strip_suffix(".fifo").unwrap_or(name);
    if bare.is_empty() || name.len() > 256 || !bare.chars().all(legal) {
        return Err(AwsError::new(
            "InvalidParameter",
            format!("Invalid parameter: Topic Name: \"{name}\": 1 to 256 letters, digits, - and _"),
        ));
    }
    let mut attributes = BTreeMap::new();
    if let Some(given) = call.input.get("Attributes").and_then(Value::as_object) {
        for (key, value) in given {
            let value = value.as_str().unwrap_or_default().to_owned();
            attributes.insert(known_attribute(key)?.to_owned(), value);
        }
    }
    let arn = format!("arn:aws:sns:{}:{}:{name}", call.region, call.account);
    sns.topics.entry(arn.clone()).or_default().attributes.extend(attributes);
    Ok(json!({ "TopicArn": arn }))
}

fn subscribe(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let id = aws.uuid();
    let mut state = aws.lock();
    let topic_arn = call.text("TopicArn")?.to_owned();
    let (protocol, endpoint) = (call.text("Protocol")?, call.text("Endpoint")?);
    let known = ["email", "email-json", "sqs", "lambda", "https", "http", "sms"];
    if !known.contains(&protocol) {
        return Err(AwsError::new(
            "InvalidParameter",
            format!(
                "Invalid parameter: Protocol: \"{protocol}\" is not one of {}",
                known.join(", ")
            ),
        ));
    }
    let topic = topic_mut(&mut state.sns, call)?;
    let same = |subscription: &&Subscription| {
        subscription.protocol == protocol && subscription.endpoint == endpoint
    };
    if let Some(subscription) = topic.subscriptions.iter().find(same) {
        return Ok(json!({ "SubscriptionArn": subscription.arn }));
    }
    let arn = format!("{topic_arn}:{id}");
    topic.subscriptions.push(Subscription {
        arn: arn.clone(),
        protocol: protocol.to_owned(),
        endpoint: endpoint.to_owned(),
    });
    Ok(json!({ "SubscriptionArn": arn }))
}

async fn publish(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let arn = call.opt_text("TopicArn").or(call.opt_text("TargetArn")).unwrap_or_default();
    let text = call.text("Message")?;
    let subject = call.opt_text("Subject");
    if text.is_empty() || text.len() > 262_144 {
        return Err(AwsError::new(
            "InvalidParameter",
            "Invalid parameter: Message: 1 to 262,144 bytes",
        ));
    }
    if subject.is_some_and(|subject| subject.chars().count() > 100 || subject.contains('\n')) {
        return Err(AwsError::new(
            "InvalidParameter",
            "Invalid parameter: Subject: at most 100 characters on one line",
        ));
    }
    let id = aws.uuid();
    let subscriptions = {
        let mut state = aws.lock();
        let topic = state.sns.topics.get(arn).ok_or_else(|| no_topic(arn))?;
        let subscriptions = topic.subscriptions.clone();
        state.sns.outbox.push(Message {
            topic_arn: arn.to_owned(),
            subject: subject.map(str::to_owned),
            message: text.to_owned(),
        });
        subscriptions
    };
    let mut notification = Map::new();
    notification.insert("Type".to_owned(), json!("Notification"));
    notification.insert("MessageId".to_owned(), json!(id));
    notification.insert("TopicArn".to_owned(), json!(arn));
    if let Some(subject) = subject {
        notification.insert("Subject".to_owned(), json!(subject));
    }
    notification.insert("Message".to_owned(), json!(text));
    notification.insert("Timestamp".to_owned(), json!(aws.now().to_string()));
    let notification = Value::Object(notification);
    for subscription in subscriptions {
        deliver(aws, call, &subscription, &notification).await;
    }
    Ok(json!({ "MessageId": id }))
}

async fn deliver(aws: &Aws, call: &Call, to: &Subscription, notification: &Value) {
    let place = (call.account.as_str(), call.region.as_str());
    let send = match to.protocol.as_str() {
        "sqs" => ("sqs", "SendMessage", {
            json!({ "QueueUrl": to.endpoint, "MessageBody": notification.to_string() })
        }),
        "lambda" => ("lambda", "Invoke", {
            let record = json!({ "Records": [{
                "EventSource": "aws:sns", "EventVersion": "1.0",
                "EventSubscriptionArn": to.arn, "Sns": notification,
            }] });
            json!({
                "FunctionName": to.endpoint,
                "InvocationType": "Event",
                "$body": crate::wire::blob(record.to_string().as_bytes()),
            })
        }),
        _ => return,
    };
    let (service, operation, input) = send;
    let call = Call::by_service("sns.amazonaws.com", service, operation, place, input);
    if let Err(error) = aws.perform(&call).await {
        tracing::warn!(subscription = to.arn, %error, "SNS could not deliver");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    #[tokio::test]
    async fn an_attribute_that_would_change_what_a_topic_does_is_refused_by_name() {
        let aws = Aws::new(Settings::default());
        let place = ("111122223333", "eu-central-1");
        let create = |attribute: &str| {
            let input = json!({ "Name": "alerts", "Attributes": { attribute: "true" } });
            Call::by_service("test.amazonaws.com", "sns", "CreateTopic", place, input)
        };
        aws.perform(&create("DisplayName")).await.unwrap();
        let fifo = aws.perform(&create("FifoTopic")).await.unwrap_err();
        assert_eq!(fifo.status, 501);
        assert!(fifo.message.contains("FifoTopic"), "{fifo}");
        let wrong = aws.perform(&create("Colour")).await.unwrap_err();
        assert_eq!(wrong.code, "InvalidParameter");
    }
}
