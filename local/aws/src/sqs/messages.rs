//! Sending, receiving, deleting and hiding messages.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use md5::{Digest as _, Md5};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use super::queue::{Message, Queue};
use super::{arn_of, no_queue};
use crate::{Aws, AwsError, Call};

/// Performs a call about messages; batches do each entry and report each.
pub(super) fn handle(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let arn = arn_of(call, call.text("QueueUrl")?)?;
    match call.operation.strip_suffix("Batch") {
        None => one(aws, call, &arn, &call.operation, &call.input),
        Some(operation) => {
            let entries = call.list("Entries");
            if entries.is_empty() || entries.len() > 10 {
                return Err(AwsError::new(
                    "TooManyEntriesInBatchRequest",
                    format!("Entries: {}; a batch has 1 to 10", entries.len()),
                ));
            }
            let (mut successful, mut failed) = (Vec::new(), Vec::new());
            for entry in entries {
                let id = entry.get("Id").cloned().unwrap_or(Value::Null);
                match one(aws, call, &arn, operation, entry) {
                    Ok(mut answer) => {
                        answer["Id"] = id;
                        successful.push(answer);
                    }
                    Err(error) => failed.push(json!({
                        "Id": id, "Code": error.code, "Message": error.message, "SenderFault": true,
                    })),
                }
            }
            Ok(json!({ "Successful": successful, "Failed": failed }))
        }
    }
}

fn one(
    aws: &Aws,
    call: &Call,
    arn: &str,
    operation: &str,
    entry: &Value,
) -> Result<Value, AwsError> {
    let entry = &Call { input: entry.clone(), ..call.clone() };
    match operation {
        "SendMessage" => send(aws, entry, arn),
        "DeleteMessage" => {
            let receipt = entry.text("ReceiptHandle")?;
            let mut state = aws.lock();
            let queue = state.sqs.queues.get_mut(arn).ok_or_else(no_queue)?;
            queue.messages.retain(|message| message.receipt.as_deref() != Some(receipt));
            // A group whose head is gone may have a next message.
            state.sqs.arrived.notify_waiters();
            Ok(json!({}))
        }
        _ => change_visibility(aws, entry, arn),
    }
}

fn invalid(name: &str, why: impl std::fmt::Display) -> AwsError {
    AwsError::new("InvalidParameterValue", format!("{name}: {why}"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn send(aws: &Aws, call: &Call, arn: &str) -> Result<Value, AwsError> {
    let (id, now) = (aws.uuid(), aws.now());
    let mut state = aws.lock();
    let queue = state.sqs.queues.get_mut(arn).ok_or_else(no_queue)?;
    queue.settle(aws, now);
    let body = call.text("MessageBody")?;
    let most = queue.number("MaximumMessageSize");
    if body.is_empty() || body.len() as u64 > most {
        return Err(invalid(
            "MessageBody",
            format!("{} bytes; 1 to {most} are allowed", body.len()),
        ));
    }
    let (group, deduplication) = ordering(queue, call, body)?;
    let md5 = hex(&Md5::digest(body));
    if let Some((_, id, sequence)) = deduplication.as_ref().and_then(|id| queue.seen.get(id)) {
        return Ok(json!({
            "MessageId": id, "MD5OfMessageBody": md5, "SequenceNumber": sequence.to_string(),
        }));
    }
    let delay = match call.opt_int("DelaySeconds")? {
        Some(_) if queue.fifo => {
            return Err(invalid(
                "DelaySeconds",
                "The request include parameter that is not valid for this queue type",
            ));
        }
        Some(seconds @ 0..=900) => seconds as u64,
        Some(seconds) => return Err(invalid("DelaySeconds", format!("{seconds} is not 0 to 900"))),
        None => queue.number("DelaySeconds"),
    };
    queue.sequence += 1;
    let sequence = queue.sequence;
    if let Some(deduplication) = &deduplication {
        queue.seen.insert(deduplication.clone(), (now, id.clone(), sequence));
    }
    let fifo = queue.fifo;
    queue.messages.push_back(Message {
        id: id.clone(),
        body: body.to_owned(),
        attributes: call.input.get("MessageAttributes").cloned().unwrap_or_else(|| json!({})),
        sender: call.caller.arn.clone(),
        sent: now,
        visible: now.checked_add(aws.paced(Duration::from_secs(delay))).unwrap_or(now),
        first_received: None,
        receives: 0,
        receipt: None,
        group,
        deduplication,
        sequence,
        dead_letter_source: None,
        worked_on: false,
    });
    state.sqs.arrived.notify_waiters();
    let mut answer = json!({ "MessageId": id, "MD5OfMessageBody": md5 });
    if fifo {
        answer["SequenceNumber"] = json!(sequence.to_string());
    }
    Ok(answer)
}

/// The message group and deduplication id of a FIFO queue's message.
fn ordering(
    queue: &Queue,
    call: &Call,
    body: &str,
) -> Result<(Option<String>, Option<String>), AwsError> {
    let group = call.opt_text("MessageGroupId").map(str::to_owned);
    if !queue.fifo {
        return Ok((None, None));
    }
    if group.is_none() {
        return Err(AwsError::new(
            "MissingParameter",
            "The request must contain the parameter MessageGroupId.",
        ));
    }
    match call.opt_text("MessageDeduplicationId") {
        Some(id) => Ok((group, Some(id.to_owned()))),
        None if queue.deduplicates_by_content() => Ok((group, Some(hex(&Sha256::digest(body))))),
        None => Err(invalid(
            "MessageDeduplicationId",
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
        )),
    }
}

fn change_visibility(aws: &Aws, call: &Call, arn: &str) -> Result<Value, AwsError> {
    let receipt = call.text("ReceiptHandle")?;
    let seconds = match call.opt_int("VisibilityTimeout")? {
        Some(seconds @ 0..=43_200) => seconds as u64,
        other => return Err(invalid("VisibilityTimeout", format!("{other:?} is not 0 to 43,200"))),
    };
    let now = aws.now();
    let mut state = aws.lock();
    let queue = state.sqs.queues.get_mut(arn).ok_or_else(no_queue)?;
    let held = queue
        .messages
        .iter_mut()
        .find(|message| message.receipt.as_deref() == Some(receipt))
        .ok_or_else(|| {
            AwsError::new("ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
                .status(404)
        })?;
    if !held.in_flight(now) {
        return Err(AwsError::new("MessageNotInflight", "The specified message isn't in flight."));
    }
    held.visible = now.checked_add(aws.paced(Duration::from_secs(seconds))).unwrap_or(now);
    state.sqs.arrived.notify_waiters();
    Ok(json!({}))
}

/// Says of received messages whether a function is at work on them.
pub(crate) fn set_worked_on(aws: &Aws, arn: &str, receipts: &[&str], worked_on: bool) {
    let mut state = aws.lock();
    let Some(queue) = state.sqs.queues.get_mut(arn) else { return };
    for message in &mut queue.messages {
        if message.receipt.as_deref().is_some_and(|receipt| receipts.contains(&receipt)) {
            message.worked_on = worked_on;
        }
    }
    state.sqs.arrived.notify_waiters();
}

/// Takes what may be received now; also when the next message becomes visible.
pub(super) fn receive_now(
    aws: &Aws,
    call: &Call,
    arn: &str,
) -> Result<(Vec<Value>, Option<Timestamp>), AwsError> {
    let now = aws.now();
    let most = match call.opt_int("MaxNumberOfMessages")? {
        None => 1,
        Some(n @ 1..=10) => n as usize,
        Some(n) => return Err(invalid("MaxNumberOfMessages", format!("{n} is not 1 to 10"))),
    };
    let given = call.opt_int("VisibilityTimeout")?;
    let receipts: Vec<String> = (0..most).map(|_| aws.uuid()).collect();
    let mut state = aws.lock();
    bury(&mut state.sqs, aws, arn, now)?;
    let queue = state.sqs.queues.get_mut(arn).ok_or_else(no_queue)?;
    let visibility = given.map_or_else(|| queue.number("VisibilityTimeout"), |n| n.max(0) as u64);
    let hidden = now.checked_add(aws.paced(Duration::from_secs(visibility))).unwrap_or(now);
    let places = queue.receivable(now, most);
    let mut messages = Vec::new();
    for (place, receipt) in places.into_iter().zip(receipts) {
        let Some(message) = queue.messages.get_mut(place) else { continue };
        message.receives += 1;
        queue.received_at_most = queue.received_at_most.max(message.receives);
        message.first_received.get_or_insert(now);
        message.visible = hidden;
        message.receipt = Some(receipt);
        messages.push(shown(call, message));
    }
    Ok((messages, queue.next_visible(now)))
}

/// Moves what was received too often to the dead letters, as SQS does at the next receive.
fn bury(sqs: &mut super::Sqs, aws: &Aws, arn: &str, now: Timestamp) -> Result<(), AwsError> {
    let queue = sqs.queues.get_mut(arn).ok_or_else(no_queue)?;
    queue.settle(aws, now);
    let Some((target, most)) = queue.dead_letters() else { return Ok(()) };
    if queue.received_at_most < most {
        return Ok(());
    }
    let dead: Vec<usize> = (0..queue.messages.len())
        .filter(|place| {
            queue.messages.get(*place).is_some_and(|message| {
                message.receives >= most && message.visible <= now && !message.worked_on
            })
        })
        .collect();
    let mut moved: Vec<Message> =
        dead.into_iter().rev().filter_map(|place| queue.messages.remove(place)).collect();
    moved.reverse();
    if let Some(letters) = sqs.queues.get_mut(&target) {
        for mut message in moved {
            message.receipt = None;
            message.dead_letter_source = Some(arn.to_owned());
            letters.sent_since = None;
            letters.received_at_most = letters.received_at_most.max(message.receives);
            letters.messages.push_back(message);
        }
    }
    Ok(())
}

fn shown(call: &Call, message: &Message) -> Value {
    let mut system = Map::new();
    let mut add = |name: &str, value: String| system.insert(name.to_owned(), Value::String(value));
    add("SenderId", message.sender.clone());
    add("SentTimestamp", message.sent.as_millisecond().to_string());
    add("ApproximateReceiveCount", message.receives.to_string());
    if let Some(first) = message.first_received {
        add("ApproximateFirstReceiveTimestamp", first.as_millisecond().to_string());
    }
    if let Some(group) = &message.group {
        add("MessageGroupId", group.clone());
        add("SequenceNumber", message.sequence.to_string());
    }
    if let Some(id) = &message.deduplication {
        add("MessageDeduplicationId", id.clone());
    }
    if let Some(source) = &message.dead_letter_source {
        add("DeadLetterQueueSourceArn", source.clone());
    }
    let mut wanted = call.texts("AttributeNames");
    wanted.extend(call.texts("MessageSystemAttributeNames"));
    let every = wanted.iter().any(|name| name == "All");
    system.retain(|name, _| every || wanted.contains(name));
    let names = call.texts("MessageAttributeNames");
    let all = names.iter().any(|name| name == "All" || name == ".*");
    let mut attributes = message.attributes.clone();
    if let Some(attributes) = attributes.as_object_mut() {
        attributes.retain(|name, _| all || names.contains(name));
    }
    let mut shown = json!({
        "MessageId": message.id,
        "ReceiptHandle": message.receipt,
        "MD5OfBody": hex(&Md5::digest(&message.body)),
        "Body": message.body,
    });
    if !system.is_empty() {
        shown["Attributes"] = Value::Object(system);
    }
    if attributes.as_object().is_some_and(|attributes| !attributes.is_empty()) {
        shown["MessageAttributes"] = attributes;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    const PLACE: (&str, &str) = ("111122223333", "eu-central-1");

    async fn ask(aws: &Aws, operation: &str, input: Value) -> Result<Value, AwsError> {
        aws.perform(&Call::by_service("test.amazonaws.com", "sqs", operation, PLACE, input)).await
    }

    async fn queue(aws: &Aws, name: &str, attributes: Value) -> String {
        let input = json!({ "QueueName": name, "Attributes": attributes });
        let made = ask(aws, "CreateQueue", input).await.unwrap();
        made["QueueUrl"].as_str().unwrap().to_owned()
    }

    async fn bodies(aws: &Aws, url: &str) -> Vec<String> {
        let input = json!({ "QueueUrl": url, "MaxNumberOfMessages": 10 });
        let got = ask(aws, "ReceiveMessage", input).await.unwrap();
        let messages = got["Messages"].as_array().cloned().unwrap_or_default();
        messages.iter().map(|m| m["Body"].as_str().unwrap().to_owned()).collect()
    }

    async fn send_to(aws: &Aws, url: &str, body: &str, group: Option<&str>) -> Value {
        let mut input = json!({ "QueueUrl": url, "MessageBody": body });
        if let Some(group) = group {
            input["MessageGroupId"] = json!(group);
        }
        ask(aws, "SendMessage", input).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_received_message_is_hidden_until_its_visibility_ends() {
        let aws = Aws::new(Settings::default());
        let url = queue(&aws, "q", json!({ "VisibilityTimeout": "30" })).await;
        send_to(&aws, &url, "a", None).await;
        assert_eq!(bodies(&aws, &url).await, ["a"]);
        assert!(bodies(&aws, &url).await.is_empty());
        aws.sleep(Duration::from_secs(31)).await;
        assert_eq!(bodies(&aws, &url).await, ["a"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_fifo_group_waits_for_its_head_and_repeats_are_dropped() {
        let aws = Aws::new(Settings::default());
        let fifo = json!({ "FifoQueue": "true", "ContentBasedDeduplication": "true" });
        let url = queue(&aws, "q.fifo", fifo).await;
        let first = send_to(&aws, &url, "a", Some("g")).await;
        assert_eq!(send_to(&aws, &url, "a", Some("g")).await["MessageId"], first["MessageId"]);
        send_to(&aws, &url, "b", Some("g")).await;
        send_to(&aws, &url, "c", Some("h")).await;
        let one = json!({ "QueueUrl": url });
        let got = ask(&aws, "ReceiveMessage", one).await.unwrap();
        assert_eq!(got["Messages"][0]["Body"], "a");
        assert_eq!(bodies(&aws, &url).await, ["c"], "b waits for a, which is in flight");
        let receipt = got["Messages"][0]["ReceiptHandle"].clone();
        let delete = json!({ "QueueUrl": url, "ReceiptHandle": receipt });
        ask(&aws, "DeleteMessage", delete).await.unwrap();
        assert_eq!(bodies(&aws, &url).await, ["b"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_hidden_head_holds_its_group_back_after_its_visibility_was_changed() {
        let aws = Aws::new(Settings::default());
        let fifo = json!({ "FifoQueue": "true", "ContentBasedDeduplication": "true" });
        let url = queue(&aws, "q.fifo", fifo).await;
        send_to(&aws, &url, "a", Some("g")).await;
        send_to(&aws, &url, "b", Some("g")).await;
        let got = ask(&aws, "ReceiveMessage", json!({ "QueueUrl": url })).await.unwrap();
        let change = json!({
            "QueueUrl": url, "VisibilityTimeout": 300,
            "ReceiptHandle": got["Messages"][0]["ReceiptHandle"],
        });
        ask(&aws, "ChangeMessageVisibility", change).await.unwrap();
        aws.sleep(Duration::from_secs(299)).await;
        assert!(bodies(&aws, &url).await.is_empty());
        aws.sleep(Duration::from_secs(2)).await;
        assert_eq!(bodies(&aws, &url).await, ["a", "b"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_received_too_often_goes_to_the_dead_letters() {
        let aws = Aws::new(Settings::default());
        let letters = queue(&aws, "letters", json!({})).await;
        let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:eu-central-1:111122223333:letters","maxReceiveCount":2}"#;
        let url = queue(&aws, "q", json!({ "RedrivePolicy": policy })).await;
        send_to(&aws, &url, "poison", None).await;
        for _ in 0..2 {
            assert_eq!(bodies(&aws, &url).await, ["poison"]);
            aws.sleep(Duration::from_secs(31)).await;
        }
        assert!(bodies(&aws, &url).await.is_empty());
        assert_eq!(bodies(&aws, &letters).await, ["poison"]);
    }

    #[tokio::test(start_paused = true)]
    async fn dead_letters_go_to_a_queue_that_is_there_and_of_the_same_type() {
        let aws = Aws::new(Settings::default());
        queue(&aws, "letters.fifo", json!({ "FifoQueue": "true" })).await;
        let url = queue(&aws, "q", json!({})).await;
        let home = "arn:aws:sqs:eu-central-1:111122223333";
        for (target, reason) in [
            (format!("{home}:missing"), "Dead letter target does not exist."),
            (
                format!("{home}:letters.fifo"),
                "Dead-letter queue must be same type of queue as the source.",
            ),
            (
                "arn:aws:sqs:eu-central-1:444455556666:letters".to_owned(),
                "Dead-letter target owner should be same as the source.",
            ),
        ] {
            let policy = json!({ "deadLetterTargetArn": target, "maxReceiveCount": 2 }).to_string();
            let change = json!({ "QueueUrl": url, "Attributes": { "RedrivePolicy": policy } });
            let refused = ask(&aws, "SetQueueAttributes", change).await.unwrap_err();
            let says =
                format!("Value {policy} for parameter RedrivePolicy is invalid. Reason: {reason}");
            assert_eq!(refused.message, says);
            let new = json!({ "QueueName": "r", "Attributes": { "RedrivePolicy": policy } });
            assert_eq!(ask(&aws, "CreateQueue", new).await.unwrap_err().message, says);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_poll_is_answered_when_a_message_comes() {
        let aws = Aws::new(Settings::default());
        let url = queue(&aws, "q", json!({})).await;
        let sender = aws.clone();
        let to = url.clone();
        aws.spawn(async move {
            sender.sleep(Duration::from_secs(5)).await;
            send_to(&sender, &to, "late", None).await;
        });
        let poll = json!({ "QueueUrl": url, "WaitTimeSeconds": 20 });
        let started = aws.now();
        let got = ask(&aws, "ReceiveMessage", poll).await.unwrap();
        assert_eq!(got["Messages"][0]["Body"], "late");
        assert!(aws.now().duration_since(started).as_secs() < 7);
    }
}
