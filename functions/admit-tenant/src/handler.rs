//! Messages of the signups queue, in their order: each is answered, set aside, or waits.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use lambda_kit::sdk::Wire;
use lambda_kit::{Clock, Lookup, Named, chain, client};
use lifecycle::Fault;
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use crate::admission::admit;
use crate::config::Config;
use crate::decide::{MOST_RECEIVES, wait_seconds};
use crate::error::Error;
use crate::queue::{send_again, set_aside, set_wait};

/// The function, ready to be called.
#[derive(Debug, Clone)]
pub struct App {
    pub(crate) config: Config,
    pub(crate) organizations: aws_sdk_organizations::Client,
    pub(crate) parameters: aws_sdk_ssm::Client,
    pub(crate) states: aws_sdk_sfn::Client,
    pub(crate) events: aws_sdk_eventbridge::Client,
    pub(crate) queues: aws_sdk_sqs::Client,
    /// The organization's root, which never changes.
    pub(crate) root: Arc<OnceCell<String>>,
}

impl App {
    /// The function on a wire of one's choice. Nothing that it decides depends on the time.
    pub fn new(wire: &Wire, config: Config, _clock: Clock) -> Self {
        Self {
            config,
            organizations: client!(aws_sdk_organizations, wire.global()),
            parameters: client!(aws_sdk_ssm, wire),
            states: client!(aws_sdk_sfn, wire),
            events: client!(aws_sdk_eventbridge, wire),
            queues: client!(aws_sdk_sqs, wire),
            root: Arc::default(),
        }
    }

    /// The function in Lambda.
    ///
    /// # Errors
    /// Names the variable that is missing or wrong.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, lambda_kit::config::Error> {
        Ok(Self::new(&Wire::load(lookup)?, Config::load(lookup)?, Clock::system()))
    }
}

/// Messages of an SQS queue, as Lambda's event source mapping hands them over:
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>.
#[derive(Debug, Clone, Deserialize)]
pub struct Request {
    /// The messages, oldest first within their group.
    #[serde(rename = "Records")]
    pub records: Vec<Record>,
}

/// One message.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Its id.
    pub message_id: String,
    /// What this receive of it is called.
    pub receipt_handle: String,
    /// What was sent: an EventBridge event.
    pub body: String,
    /// What SQS knows of it.
    pub attributes: Attributes,
}

/// What SQS knows of a message.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attributes {
    /// How often it was received, in digits.
    pub approximate_receive_count: String,
    /// The group in which it keeps its place.
    #[serde(default)]
    pub message_group_id: Option<String>,
}

impl Record {
    fn receives(&self) -> u32 {
        self.attributes.approximate_receive_count.parse().unwrap_or(1)
    }
}

/// Which messages stay in the queue:
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// The messages that wait; all others are done.
    pub batch_item_failures: Vec<BatchItemFailure>,
}

/// A message that stays in the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchItemFailure {
    /// The message's id.
    pub item_identifier: String,
}

/// What becomes of a message.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is answered.
    Answered,
    /// There is no room for another tenant, for this reason.
    NoRoom(String),
}

/// Answers the messages in their order, up to the first that has to wait: those behind it keep
/// their places.
///
/// # Errors
/// `InvalidRequest` when there are no messages; whatever else goes wrong is the fate of a message.
pub async fn handle(app: &App, request: Request) -> Result<Response, Error> {
    if request.records.is_empty() {
        return Err(Error::InvalidRequest(Fault::missing("Records")));
    }
    let mut response = Response::default();
    for record in request.records {
        let holds_up_the_rest = !response.batch_item_failures.is_empty();
        if holds_up_the_rest || Box::pin(process(app, &record)).await == Fate::Waits {
            let item_identifier = record.message_id;
            response.batch_item_failures.push(BatchItemFailure { item_identifier });
        }
    }
    Ok(response)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It may leave the queue.
    Done,
    /// It stays.
    Waits,
}

async fn process(app: &App, record: &Record) -> Fate {
    // A message that breaks the function would come back until the queue gives it up, and hold
    // up all signups meanwhile.
    let outcome = match AssertUnwindSafe(admit(app, record)).catch_unwind().await {
        Ok(outcome) => outcome,
        Err(panic) => Err(Error::Panicked(words_of(panic.as_ref()))),
    };
    match outcome {
        Ok(Outcome::Answered) => Fate::Done,
        Ok(Outcome::NoRoom(because)) => {
            tracing::info!(message.id = record.message_id, "the signup waits: {because}");
            wait(app, record).await
        }
        Err(error) if error.is_the_messages_own() => {
            tracing::error!(
                message.id = record.message_id,
                error.name = error.name(),
                "the message is set aside: {}",
                chain(&error)
            );
            match set_aside(app, record, &error).await {
                Ok(()) => Fate::Done,
                Err(trouble) => {
                    report(record, &trouble);
                    wait(app, record).await
                }
            }
        }
        Err(error) => {
            report(record, &error);
            wait(app, record).await
        }
    }
}

fn report(record: &Record, error: &Error) {
    tracing::error!(
        message.id = record.message_id,
        error.name = error.name(),
        "the signup waits: {}",
        chain(error)
    );
}

/// Keeps the message for later. One that waited so often that the queue would soon take it for a
/// dead letter is sent again instead.
async fn wait(app: &App, record: &Record) -> Fate {
    if record.receives() > MOST_RECEIVES {
        match send_again(app, record).await {
            Ok(()) => return Fate::Done,
            Err(trouble) => report(record, &trouble),
        }
    }
    if let Err(trouble) = set_wait(app, record, wait_seconds(record.receives())).await {
        // It stays for the queue's own visibility timeout.
        report(record, &trouble);
    }
    Fate::Waits
}

fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().map(|words| (*words).to_owned());
    words.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no words".into())
}
