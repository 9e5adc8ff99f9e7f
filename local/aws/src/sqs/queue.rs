//! One queue: its attributes, its messages, and which of them may be received now.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{Aws, AwsError, Call};

/// A message as it lies in a queue.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) body: String,
    pub(super) attributes: Value,
    pub(super) sender: String,
    pub(super) sent: Timestamp,
    pub(super) visible: Timestamp,
    pub(super) first_received: Option<Timestamp>,
    pub(super) receives: u64,
    /// The newest receipt handle; older ones are stale.
    pub(super) receipt: Option<String>,
    pub(super) group: Option<String>,
    pub(super) deduplication: Option<String>,
    pub(super) sequence: u64,
    pub(super) dead_letter_source: Option<String>,
    /// Whether a function is at work on it: it stays hidden until that has ended, for the work
    /// takes its own time whatever the pace of waits is.
    pub(super) worked_on: bool,
}

impl Message {
    /// Whether a consumer holds it now.
    pub(super) fn in_flight(&self, now: Timestamp) -> bool {
        self.worked_on || (self.receipt.is_some() && self.visible > now)
    }
}

/// A queue.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) fifo: bool,
    attributes: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
    created: Timestamp,
    pub(super) messages: VecDeque<Message>,
    /// No message was sent before; nothing is known of a queue that was empty.
    pub(super) sent_since: Option<Timestamp>,
    /// No message was received more often.
    pub(super) received_at_most: u64,
    /// Deduplication ids seen: when, which message, which sequence number.
    pub(super) seen: BTreeMap<String, (Timestamp, String, u64)>,
    pub(super) sequence: u64,
}

/// How long SQS remembers a deduplication id.
const DEDUPLICATION: Duration = Duration::from_secs(300);

/// Attributes with whole numbers: name, least, most, default (SetQueueAttributes, AWS).
const NUMBERS: [(&str, u64, u64, u64); 5] = [
    ("VisibilityTimeout", 0, 43_200, 30),
    ("MessageRetentionPeriod", 60, 1_209_600, 345_600),
    ("DelaySeconds", 0, 900, 0),
    ("MaximumMessageSize", 1024, 1_048_576, 1_048_576),
    ("ReceiveMessageWaitTimeSeconds", 0, 20, 0),
];

/// Attributes that are kept as they come.
const TEXTS: [&str; 10] = [
    "FifoQueue",
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "FifoThroughputLimit",
    "RedrivePolicy",
    "RedriveAllowPolicy",
    "Policy",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "SqsManagedSseEnabled",
];

impl Queue {
    /// An empty queue; a name that ends in `.fifo` makes it FIFO.
    pub(super) fn new(name: &str, created: Timestamp) -> Result<Self, AwsError> {
        let bare = name.strip_suffix(".fifo").unwrap_or(name);
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if bare.is_empty() || name.len() > 80 || !bare.chars().all(legal) {
            return Err(AwsError::new(
                "InvalidParameterValue",
                format!(
                    "QueueName: \"{name}\": can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
                ),
            ));
        }
        Ok(Self {
            fifo: name.ends_with(".fifo"),
            attributes: BTreeMap::new(),
            tags: BTreeMap::new(),
            created,
            messages: VecDeque::new(),
            sent_since: None,
            received_at_most: 0,
            seen: BTreeMap::new(),
            sequence: 18_000_000_000_000_000_000 / 1_000,
        })
    }

    /// Changes attributes after checking each.
    pub(super) fn set_attributes(
        &mut self,
        changes: BTreeMap<String, String>,
    ) -> Result<Value, AwsError> {
        for (name, value) in &changes {
            if let Some((_, least, most, _)) = NUMBERS.iter().find(|(known, ..)| known == name) {
                let fits = value.parse::<u64>().is_ok_and(|n| (*least..=*most).contains(&n));
                if !fits {
                    return Err(AwsError::new(
                        "InvalidAttributeValue",
                        format!(
                            "Invalid value for the parameter {name}: \"{value}\" is not {least} to {most}."
                        ),
                    ));
                }
            } else if !TEXTS.contains(&name.as_str()) {
                return Err(AwsError::new(
                    "InvalidAttributeName",
                    format!("Unknown Attribute {name}."),
                ));
            }
            if name == "FifoQueue" && (value == "true") != self.fifo {
                return Err(AwsError::new(
                    "InvalidParameterValue",
                    "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix.",
                ));
            }
            if name == "RedrivePolicy" {
                check_redrive_policy(value)?;
            }
        }
        self.attributes.extend(changes);
        Ok(json!({}))
    }

    /// Whether a queue with these attributes would be this one.
    pub(super) fn agrees_with(&self, given: &BTreeMap<String, String>) -> bool {
        given.iter().all(|(name, value)| self.attributes.get(name) == Some(value))
    }

    /// A number among the attributes, or AWS's default.
    pub(super) fn number(&self, name: &str) -> u64 {
        let default = NUMBERS.iter().find(|(known, ..)| *known == name).map_or(0, |row| row.3);
        self.attributes.get(name).and_then(|value| value.parse().ok()).unwrap_or(default)
    }

    /// Whether the body's hash serves as deduplication id.
    pub(super) fn deduplicates_by_content(&self) -> bool {
        self.attributes.get("ContentBasedDeduplication").is_some_and(|value| value == "true")
    }

    /// The queue's resource policy, if it has one.
    pub(super) fn policy(&self) -> Option<&str> {
        self.attributes.get("Policy").map(String::as_str).filter(|policy| !policy.is_empty())
    }

    /// The dead-letter queue's ARN and after how many receives.
    pub(super) fn dead_letters(&self) -> Option<(String, u64)> {
        let policy: Value = serde_json::from_str(self.attributes.get("RedrivePolicy")?).ok()?;
        let target = policy.get("deadLetterTargetArn")?.as_str()?.to_owned();
        Some((target, count(policy.get("maxReceiveCount")?)?))
    }

    /// Sets or removes tags.
    pub(super) fn tag(&mut self, call: &Call) {
        let given = call.input.get("Tags").or(call.input.get("tags")).and_then(Value::as_object);
        for (key, value) in given.into_iter().flatten() {
            self.tags.insert(key.clone(), value.as_str().unwrap_or_default().to_owned());
        }
        for key in call.texts("TagKeys") {
            self.tags.remove(&key);
        }
    }

    /// The queue's tags.
    pub(super) fn tags(&self) -> &BTreeMap<String, String> {
        &self.tags
    }

    /// Deletes every message.
    pub(super) fn purge(&mut self) {
        self.messages.clear();
    }

    /// Drops what has outlived its retention, and forgets old deduplication ids.
    pub(super) fn settle(&mut self, aws: &Aws, now: Timestamp) {
        let keep = aws.paced(Duration::from_secs(self.number("MessageRetentionPeriod")));
        let oldest = now.checked_sub(keep).unwrap_or(Timestamp::MIN);
        if self.sent_since.is_none_or(|since| since <= oldest) {
            self.messages.retain(|message| message.sent > oldest);
            self.sent_since = self.messages.iter().map(|message| message.sent).min();
        }
        let remembered = now.checked_sub(aws.paced(DEDUPLICATION)).unwrap_or(Timestamp::MIN);
        self.seen.retain(|_, (when, ..)| *when > remembered);
    }

    /// All attributes as GetQueueAttributes answers them.
    pub(super) fn attributes(&self, arn: &str, now: Timestamp) -> BTreeMap<String, String> {
        let mut all = self.attributes.clone();
        for (name, _, _, default) in NUMBERS {
            all.entry(name.to_owned()).or_insert_with(|| default.to_string());
        }
        let in_flight = self.messages.iter().filter(|message| message.in_flight(now)).count();
        let delayed = self
            .messages
            .iter()
            .filter(|message| message.receipt.is_none() && message.visible > now)
            .count();
        let visible = self.messages.len() - in_flight - delayed;
        all.insert("ApproximateNumberOfMessages".to_owned(), visible.to_string());
        all.insert("ApproximateNumberOfMessagesNotVisible".to_owned(), in_flight.to_string());
        all.insert("ApproximateNumberOfMessagesDelayed".to_owned(), delayed.to_string());
        all.insert("CreatedTimestamp".to_owned(), self.created.as_second().to_string());
        all.insert("QueueArn".to_owned(), arn.to_owned());
        all
    }

    /// The places of messages that may be received now, at most `most`: FIFO groups in order,
    /// and none of a group of which a message is in flight.
    pub(super) fn receivable(&self, now: Timestamp, most: usize) -> Vec<usize> {
        let mut places = Vec::new();
        let mut blocked: BTreeSet<&str> = BTreeSet::new();
        for message in &self.messages {
            if let (Some(group), true) = (&message.group, message.in_flight(now)) {
                blocked.insert(group);
            }
        }
        for (place, message) in self.messages.iter().enumerate() {
            if places.len() == most {
                break;
            }
            if let Some(group) = &message.group {
                if blocked.contains(group.as_str()) {
                    continue;
                }
                if message.visible > now {
                    blocked.insert(group);
                    continue;
                }
            }
            if message.visible <= now {
                places.push(place);
            }
        }
        places
    }

    /// When the next message becomes visible, if one is invisible now.
    pub(super) fn next_visible(&self, now: Timestamp) -> Option<Timestamp> {
        self.messages.iter().map(|message| message.visible).filter(|when| *when > now).min()
    }
}

fn count(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn check_redrive_policy(text: &str) -> Result<(), AwsError> {
    let refuse = |why: String| {
        Err(AwsError::new(
            "InvalidParameterValue",
            format!("Value {text} for parameter RedrivePolicy is invalid. Reason: {why}."),
        ))
    };
    let policy: Value = match serde_json::from_str(text) {
        Ok(policy) => policy,
        Err(error) => return refuse(format!("not JSON: {error}")),
    };
    if policy.get("deadLetterTargetArn").and_then(Value::as_str).is_none() {
        return refuse("deadLetterTargetArn is missing".to_owned());
    }
    match policy.get("maxReceiveCount").and_then(count) {
        Some(1..=1000) => Ok(()),
        _ => refuse("maxReceiveCount must be 1 to 1000".to_owned()),
    }
}
