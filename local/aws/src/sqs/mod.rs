//! SQS: standard and FIFO queues with visibility, delays, deduplication, message groups, dead
//! letters and retention.
//!
//! All times go at the world's pace: a visibility of 30 s is half a second at pace 60. What a
//! function is at work on stays hidden until it has ended, however much faster waits go.

mod messages;
mod queue;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::{Access, Aws, AwsError, Call, State};
pub(crate) use messages::set_worked_on;
use queue::Queue;

/// The service's state: queues by ARN.
#[derive(Debug, Default)]
pub(crate) struct Sqs {
    queues: BTreeMap<String, Queue>,
    /// Wakes those who wait for a message.
    arrived: Arc<Notify>,
}

impl Sqs {
    /// A queue's resource policy.
    pub(crate) fn policy(&self, arn: &str) -> Option<String> {
        self.queues.get(arn)?.policy().map(str::to_owned)
    }
}

/// What SQS publishes of a queue as a metric, in seconds or messages; nothing for a metric that is not
/// known here.
///
/// A message that was received three times or more does not count for the age of the oldest one: so
/// AWS says of standard queues, and nothing of others. An alarm must come either way.
pub(crate) fn figure(
    aws: &Aws,
    sqs: &Sqs,
    ((account, region), name): (&(String, String), &str),
    metric: &str,
    now: jiff::Timestamp,
) -> Option<f64> {
    let queue = sqs.queues.get(&format!("arn:aws:sqs:{region}:{account}:{name}"))?;
    let count = |wanted: &dyn Fn(&queue::Message) -> bool| {
        let count = queue.messages.iter().filter(|message| wanted(message)).count();
        u32::try_from(count).map_or(f64::MAX, f64::from)
    };
    match metric {
        "ApproximateNumberOfMessagesVisible" => {
            Some(count(&|message| !message.in_flight(now) && message.visible <= now))
        }
        "ApproximateNumberOfMessagesNotVisible" => Some(count(&|message| message.in_flight(now))),
        "ApproximateAgeOfOldestMessage" => {
            let waiting = queue.messages.iter().filter(|message| message.receives < 3);
            let ages = waiting.map(|message| now.duration_since(message.sent).as_secs_f64());
            Some(ages.fold(0.0, f64::max) * aws.settings().pace)
        }
        _ => None,
    }
}

/// The permissions that a call needs.
pub(crate) fn access(_state: &State, call: &Call) -> Vec<Access> {
    let operation = call.operation.trim_end_matches("Batch");
    let resource = match (call.opt_text("QueueUrl"), call.opt_text("QueueName")) {
        (Some(url), _) => arn_of(call, url).unwrap_or_else(|_| "*".to_owned()),
        (None, Some(name)) => queue_arn(call, name),
        (None, None) => "*".to_owned(),
    };
    vec![Access::to(format!("sqs:{operation}"), resource)]
}

/// Performs a call.
pub(crate) async fn handle(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    match call.operation.as_str() {
        "CreateQueue" => create(aws, call),
        "DeleteQueue" => {
            let arn = arn_of(call, call.text("QueueUrl")?)?;
            aws.lock().sqs.queues.remove(&arn).map(|_| json!({})).ok_or_else(no_queue)
        }
        "GetQueueUrl" => {
            let arn = queue_arn(call, call.text("QueueName")?);
            let known = aws.lock().sqs.queues.contains_key(&arn);
            known.then(|| json!({ "QueueUrl": url_of(aws, &arn) })).ok_or_else(no_queue)
        }
        "ListQueues" => list(aws, call),
        "GetQueueAttributes" => attributes(aws, call),
        "SetQueueAttributes" => {
            let changes = read_attributes(call)?;
            let arn = arn_of(call, call.text("QueueUrl")?)?;
            let mut state = aws.lock();
            check_dead_letters(&state.sqs, &arn, &changes)?;
            let queue = state.sqs.queues.get_mut(&arn).ok_or_else(no_queue)?;
            queue.set_attributes(changes)
        }
        "ListDeadLetterSourceQueues" => dead_letter_sources(aws, call),
        "PurgeQueue" => with_queue(aws, call, |queue| {
            queue.purge();
            Ok(json!({}))
        }),
        "TagQueue" | "UntagQueue" => with_queue(aws, call, |queue| {
            queue.tag(call);
            Ok(json!({}))
        }),
        "ListQueueTags" => with_queue(aws, call, |queue| Ok(json!({ "Tags": queue.tags() }))),
        "SendMessage"
        | "SendMessageBatch"
        | "DeleteMessage"
        | "DeleteMessageBatch"
        | "ChangeMessageVisibility"
        | "ChangeMessageVisibilityBatch" => messages::handle(aws, call),
        "ReceiveMessage" => receive(aws, call).await,
        other => Err(AwsError::unknown_operation("sqs", other)),
    }
}

fn queue_arn(call: &Call, name: &str) -> String {
    format!("arn:aws:sqs:{}:{}:{name}", call.region, call.account)
}

/// The ARN of a queue named by URL (AWS's or the stand-in's) or by ARN.
fn arn_of(call: &Call, url: &str) -> Result<String, AwsError> {
    if url.starts_with("arn:") {
        return Ok(url.to_owned());
    }
    let mut parts = url.rsplit('/');
    match (parts.next(), parts.next()) {
        (Some(name), Some(account)) if !name.is_empty() => {
            Ok(format!("arn:aws:sqs:{}:{account}:{name}", call.region))
        }
        _ => Err(AwsError::new(
            "InvalidAddress",
            format!("QueueUrl: \"{url}\" is not the URL of a queue"),
        )),
    }
}

fn url_of(aws: &Aws, arn: &str) -> String {
    let parts: Vec<&str> = arn.split(':').collect();
    let (region, account, name) = (
        parts.get(3).copied().unwrap_or_default(),
        parts.get(4).copied().unwrap_or_default(),
        parts.get(5).copied().unwrap_or_default(),
    );
    match &aws.settings().endpoint_url {
        Some(endpoint) => format!("{}/{account}/{name}", endpoint.trim_end_matches('/')),
        None => format!("https://sqs.{region}.amazonaws.com/{account}/{name}"),
    }
}

fn no_queue() -> AwsError {
    AwsError::new("QueueDoesNotExist", "The specified queue does not exist.")
}

fn read_attributes(call: &Call) -> Result<BTreeMap<String, String>, AwsError> {
    let Some(given) = call.input.get("Attributes").and_then(Value::as_object) else {
        return Ok(BTreeMap::new());
    };
    given
        .iter()
        .map(|(key, value)| match value {
            Value::String(text) => Ok((key.clone(), text.clone())),
            other => Err(AwsError::validation(format!("Attributes.{key}: {other} is not text"))),
        })
        .collect()
}

fn create(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("QueueName")?;
    let arn = queue_arn(call, name);
    let url = url_of(aws, &arn);
    let given = read_attributes(call)?;
    let mut state = aws.lock();
    if let Some(queue) = state.sqs.queues.get(&arn) {
        if !queue.agrees_with(&given) {
            return Err(AwsError::new(
                "QueueNameExists",
                format!(
                    "A queue already exists with the same name and a different value for an attribute: {name}"
                ),
            ));
        }
        return Ok(json!({ "QueueUrl": url }));
    }
    check_dead_letters(&state.sqs, &arn, &given)?;
    let mut queue = Queue::new(name, aws.now())?;
    queue.set_attributes(given)?;
    queue.tag(call);
    state.sqs.queues.insert(arn, queue);
    Ok(json!({ "QueueUrl": url }))
}

/// Dead letters go to a queue that exists, of the same account and Region and of the same type.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>
fn check_dead_letters(
    sqs: &Sqs,
    source: &str,
    attributes: &BTreeMap<String, String>,
) -> Result<(), AwsError> {
    let policy = attributes.get("RedrivePolicy").map(String::as_str).unwrap_or_default();
    let parsed: Value = serde_json::from_str(policy).unwrap_or_default();
    let Some(target) = parsed.get("deadLetterTargetArn").and_then(Value::as_str) else {
        return Ok(());
    };
    let home = |arn: &str| arn.rsplit_once(':').map(|(home, _)| home.to_owned());
    let reason = if home(target) != home(source) {
        "Dead-letter target owner should be same as the source"
    } else if !sqs.queues.contains_key(target) {
        "Dead letter target does not exist"
    } else if target.ends_with(".fifo") != source.ends_with(".fifo") {
        "Dead-letter queue must be same type of queue as the source"
    } else {
        return Ok(());
    };
    Err(AwsError::new(
        "InvalidParameterValue",
        format!("Value {policy} for parameter RedrivePolicy is invalid. Reason: {reason}."),
    ))
}

fn list(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let mine = queue_arn(call, call.opt_text("QueueNamePrefix").unwrap_or_default());
    let state = aws.lock();
    let urls: Vec<String> = state
        .sqs
        .queues
        .keys()
        .filter(|arn| arn.starts_with(&mine))
        .map(|arn| url_of(aws, arn))
        .collect();
    Ok(json!({ "QueueUrls": urls }))
}

fn attributes(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let arn = arn_of(call, call.text("QueueUrl")?)?;
    let now = aws.now();
    let mut state = aws.lock();
    let queue = state.sqs.queues.get_mut(&arn).ok_or_else(no_queue)?;
    queue.settle(aws, now);
    let all = queue.attributes(&arn, now);
    let wanted = call.texts("AttributeNames");
    let every = wanted.iter().any(|name| name == "All");
    let shown: BTreeMap<&String, &String> =
        all.iter().filter(|(name, _)| every || wanted.contains(name)).collect();
    Ok(json!({ "Attributes": shown }))
}

fn with_queue(
    aws: &Aws,
    call: &Call,
    act: impl FnOnce(&mut Queue) -> Result<Value, AwsError>,
) -> Result<Value, AwsError> {
    let arn = arn_of(call, call.text("QueueUrl")?)?;
    act(aws.lock().sqs.queues.get_mut(&arn).ok_or_else(no_queue)?)
}

fn dead_letter_sources(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let arn = arn_of(call, call.text("QueueUrl")?)?;
    let state = aws.lock();
    let urls: Vec<String> = state
        .sqs
        .queues
        .iter()
        .filter(|(_, queue)| queue.dead_letters().is_some_and(|(target, _)| target == arn))
        .map(|(source, _)| url_of(aws, source))
        .collect();
    Ok(json!({ "queueUrls": urls }))
}

/// Receives, waiting up to `WaitTimeSeconds` for a message.
async fn receive(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let arn = arn_of(call, call.text("QueueUrl")?)?;
    let wait = match call.opt_int("WaitTimeSeconds")? {
        Some(seconds @ 0..=20) => seconds as u64,
        Some(seconds) => {
            return Err(AwsError::new(
                "InvalidParameterValue",
                format!(
                    "Value {seconds} for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20."
                ),
            ));
        }
        None => 0,
    };
    let until = aws.after(Duration::from_secs(wait));
    let arrived = aws.lock().sqs.arrived.clone();
    loop {
        // Listening starts before looking, so that no message slips in between.
        let notified = arrived.notified();
        let (messages, next) = messages::receive_now(aws, call, &arn)?;
        if !messages.is_empty() || aws.now() >= until {
            return Ok(if messages.is_empty() {
                json!({})
            } else {
                json!({ "Messages": messages })
            });
        }
        let wake = next.map_or(until, |next| next.min(until));
        tokio::select! {
            biased;
            () = notified => {}
            () = aws.sleep_until(wake) => {}
        }
    }
}
