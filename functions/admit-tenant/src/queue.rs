//! What is done with a message that is not answered.

use aws_sdk_sqs::types::MessageAttributeValue;
use lambda_kit::{Named, chain};

use crate::error::{Call, Error};
use crate::handler::{App, Record};

const SEND: Call = Call { service: "sqs", name: "SendMessage" };
const GROUP: &str = "signups";
/// An attribute's value, in characters: enough for a person, far below what a message may hold.
const MOST_OF_A_REASON: usize = 1_000;

/// Makes the message visible again after `seconds`.
pub(crate) async fn set_wait(app: &App, record: &Record, seconds: u32) -> Result<(), Error> {
    let call = Call { service: "sqs", name: "ChangeMessageVisibility" };
    app.queues
        .change_message_visibility()
        .queue_url(&app.config.queue_url)
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
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MOST_OF_A_REASON)
        .collect();
    app.queues
        .send_message()
        .queue_url(&app.config.dead_letter_queue_url)
        .message_body(&record.body)
        .message_group_id(group(record))
        // Set aside twice within five minutes, it is there once.
        .message_deduplication_id(&record.message_id)
        .message_attributes("error", text(error.name())?)
        .message_attributes("because", text(&because)?)
        .send()
        .await
        .map_err(|error| SEND.error(&error))?;
    Ok(())
}

/// Puts the message at the queue's end as a new one.
pub(crate) async fn send_again(app: &App, record: &Record) -> Result<(), Error> {
    app.queues
        .send_message()
        .queue_url(&app.config.queue_url)
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

fn text(value: &str) -> Result<MessageAttributeValue, Error> {
    MessageAttributeValue::builder()
        .data_type("String")
        .string_value(value)
        .build()
        .map_err(|error| SEND.try_again(chain(&error)))
}
