//! The queues: where a message is, and what is done with one that is not answered.

use aws_sdk_sqs::types::MessageAttributeValue;
use lambda_kit::{Named, chain};

use crate::config::Config;
use crate::decide::{Group, Lane};
use crate::error::{Call, Error};
use crate::handler::{App, Record};

const SEND: Call = Call { service: "sqs", name: "SendMessage" };
const GROUP: &str = "signups";
/// An attribute's value, in characters: enough for a person, far below what a message may hold.
const MOST_OF_A_REASON: usize = 1_000;
/// What a message may hold, in bytes, and what its attributes take of that at most.
const MOST_OF_A_MESSAGE: usize = 1_048_576;
const ROOM_FOR_REASONS: usize = 4 * MOST_OF_A_REASON + 200;

/// Where the message is: by the queue that its ARN names, and there by its group.
pub(crate) fn lane(config: &Config, record: &Record) -> Lane {
    let name = |url: &str| url.rsplit('/').next().unwrap_or_default().to_owned();
    let queue = record.event_source_arn.rsplit(':').next().unwrap_or_default();
    if !queue.is_empty() && queue == name(&config.waiting_queue_url) {
        Lane::of_group(group(record))
    } else {
        Lane::Front
    }
}

fn url(config: &Config, lane: Lane) -> &str {
    match lane {
        Lane::Front => &config.queue_url,
        Lane::Waiting | Lane::Held | Lane::Apart | Lane::Behind => &config.waiting_queue_url,
    }
}

/// Makes the message visible again after `seconds`.
pub(crate) async fn set_wait(app: &App, record: &Record, seconds: u32) -> Result<(), Error> {
    let call = Call { service: "sqs", name: "ChangeMessageVisibility" };
    app.queues
        .change_message_visibility()
        .queue_url(url(&app.config, lane(&app.config, record)))
        .receipt_handle(&record.receipt_handle)
        .visibility_timeout(i32::try_from(seconds).unwrap_or(i32::MAX))
        .send()
        .await
        .map_err(|error| call.error(&error))?;
    Ok(())
}

/// Puts the message among the dead letters, with the reason beside it.
pub(crate) async fn set_aside(app: &App, record: &Record, error: &Error) -> Result<(), Error> {
    let because: String = chain(error)
        .chars()
        .map(|c| if is_of_an_attribute(c) { c } else { ' ' })
        .take(MOST_OF_A_REASON)
        .collect();
    let mut send = app
        .queues
        .send_message()
        .queue_url(&app.config.dead_letter_queue_url)
        .message_body(&record.body)
        .message_group_id(GROUP)
        // Set aside twice within five minutes, it is there once.
        .message_deduplication_id(&record.message_id);
    // Attributes count as the body does; of a message that fills its queue's limit, the log alone
    // has the reason.
    if record.body.len() + ROOM_FOR_REASONS <= MOST_OF_A_MESSAGE {
        send = send
            .message_attributes("error", text(error.name())?)
            .message_attributes("because", text(&because)?);
    }
    send.send().await.map_err(|error| SEND.error(&error))?;
    Ok(())
}

/// Puts the message at the end of a group of the waiting queue.
///
/// It is deduplicated by the message it was, not by its event: what an operator sends again within
/// five minutes must not be taken for what has just been there. The same event twice is answered
/// once, and then repeated, by its execution.
pub(crate) async fn move_to(app: &App, record: &Record, group: &Group) -> Result<(), Error> {
    app.queues
        .send_message()
        .queue_url(&app.config.waiting_queue_url)
        .message_body(&record.body)
        .message_group_id(group.id())
        .message_deduplication_id(&record.message_id)
        .send()
        .await
        .map_err(|error| SEND.error(&error))?;
    Ok(())
}

/// Puts the message at the end of its queue as a new one.
pub(crate) async fn send_again(app: &App, record: &Record) -> Result<(), Error> {
    app.queues
        .send_message()
        .queue_url(url(&app.config, lane(&app.config, record)))
        .message_body(&record.body)
        .message_group_id(group(record))
        .message_deduplication_id(format!("{}-again", record.message_id))
        .send()
        .await
        .map_err(|error| SEND.error(&error))?;
    Ok(())
}

fn group(record: &Record) -> &str {
    record.attributes.message_group_id.as_deref().unwrap_or(GROUP)
}

/// SQS takes the characters of XML, less the two that are none:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>.
fn is_of_an_attribute(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}')
}

fn text(value: &str) -> Result<MessageAttributeValue, Error> {
    MessageAttributeValue::builder()
        .data_type("String")
        .string_value(value)
        .build()
        .map_err(|error| SEND.try_again(chain(&error)))
}
