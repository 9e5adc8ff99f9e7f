//! Messages of the two queues, in their order: each is answered, moved, set aside, or waits.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use lambda_kit::sdk::Wire;
use lambda_kit::{Clock, Lookup, Metric, Metrics, Named, chain, client};
use lifecycle::{Fault, TenantId, TierName};
use rate_brake::Brake;
use run_files::Files;
use serde::{Deserialize, Serialize};
use tenant_records::TenantRecords;

use crate::admission::admit;
use crate::checks::Memo;
use crate::config::Config;
use crate::decide::{
    Blame, Class, Fate, Finding, Lane, MOST_RECEIVES, MOST_RECEIVES_BEHIND, Reason, fate,
    wait_seconds,
};
use crate::error::Error;
use crate::queue::{lane, move_to, send_again, set_aside, set_wait};

/// The namespace of the metric of messages that wait.
pub const NAMESPACE: &str = "Landlord/Signups";
/// How long the message that was looked at has been at the head, in seconds, by `Class` (`ROOM`,
/// `TENANT`, `AWS`, `FAULT`) and by `Reason`.
pub const HEAD_WAITING: &str = "SignupHeadWaiting";

/// The window in which new accounts are counted.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The length of the ids that most signup systems give.
const LENGTH_OF_A_UUID: usize = 36;

/// The function, ready to be called.
#[derive(Debug, Clone)]
pub struct App {
    pub(crate) config: Config,
    pub(crate) organizations: aws_sdk_organizations::Client,
    pub(crate) tagging: aws_sdk_resourcegroupstagging::Client,
    pub(crate) parameters: aws_sdk_ssm::Client,
    pub(crate) states: aws_sdk_sfn::Client,
    pub(crate) events: aws_sdk_eventbridge::Client,
    pub(crate) queues: aws_sdk_sqs::Client,
    pub(crate) topics: aws_sdk_sns::Client,
    pub(crate) stack_sets: aws_sdk_cloudformation::Client,
    pub(crate) files: Files,
    pub(crate) records: TenantRecords,
    pub(crate) signups: Brake,
    pub(crate) memo: Memo,
    wire: Wire,
    pub(crate) clock: Clock,
    metrics: Metrics,
}

impl App {
    /// The function on a wire of one's choice, without metrics.
    pub fn new(wire: &Wire, config: Config, clock: Clock) -> Self {
        Self {
            records: TenantRecords::new(wire, &config.runs_bucket),
            signups: Brake::new(wire, &config.runs_bucket, "signups", DAY),
            files: Files::new(wire, &config.runs_bucket),
            config,
            topics: client!(aws_sdk_sns, wire),
            stack_sets: client!(aws_sdk_cloudformation, wire),
            memo: Memo::default(),
            wire: wire.clone(),
            organizations: client!(aws_sdk_organizations, wire.global()),
            tagging: client!(aws_sdk_resourcegroupstagging, wire.global()),
            parameters: client!(aws_sdk_ssm, wire),
            states: client!(aws_sdk_sfn, wire),
            events: client!(aws_sdk_eventbridge, wire),
            queues: client!(aws_sdk_sqs, wire),
            clock,
            metrics: Metrics::discard(),
        }
    }

    /// Service Quotas of a Region.
    pub(crate) fn quotas_in(&self, region: &str) -> aws_sdk_servicequotas::Client {
        client!(aws_sdk_servicequotas, self.wire.in_region(region))
    }

    /// The same, with its metrics written to `metrics`.
    #[must_use]
    pub fn with_metrics(self, metrics: Metrics) -> Self {
        Self { metrics, ..self }
    }

    /// The function in Lambda.
    ///
    /// # Errors
    /// Names the variable that is missing or wrong.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, lambda_kit::config::Error> {
        let app = Self::new(&Wire::load(lookup)?, Config::load(lookup)?, Clock::system());
        let longest = app.config.naming.longest_tenant_id();
        if longest < LENGTH_OF_A_UUID {
            tracing::warn!(longest, "tenant ids may have {longest} characters: UUIDs do not fit");
        }
        Ok(app.with_metrics(Metrics::to_stdout()))
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
    /// The queue.
    #[serde(rename = "eventSourceARN", default)]
    pub event_source_arn: String,
    /// What SQS knows of it.
    pub attributes: Attributes,
}

/// What SQS knows of a message.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attributes {
    /// How often it was received, in digits.
    pub approximate_receive_count: String,
    /// When it was first received, in milliseconds: since then it has been the head of its group.
    #[serde(default)]
    pub approximate_first_receive_timestamp: Option<String>,
    /// The group in which it keeps its place.
    #[serde(default)]
    pub message_group_id: Option<String>,
}

impl Record {
    fn receives(&self) -> u32 {
        self.attributes.approximate_receive_count.parse().unwrap_or(1)
    }

    /// How long it has been the head, in seconds.
    fn waited(&self, now: Timestamp) -> f64 {
        let first = self.attributes.approximate_first_receive_timestamp.as_deref();
        let first = first.and_then(|text| Timestamp::from_millisecond(text.parse().ok()?).ok());
        first.map_or(0.0, |first| now.duration_since(first).as_secs_f64().max(0.0))
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

/// What a look at a signup came to.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is answered.
    Answered,
    /// It waits for room, for this reason.
    NoRoom(String),
    /// As many accounts were begun as may be within a day, in these words.
    DayFull(String),
    /// Its tier has a fault, in these words.
    TierHeld(TierName, String),
    /// Its tenant's onboarding runs for an earlier signup, in these words.
    InHand(TenantId, String),
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
        if holds_up_the_rest || Box::pin(process(app, &record)).await == Place::Stays {
            let item_identifier = record.message_id;
            response.batch_item_failures.push(BatchItemFailure { item_identifier });
        }
    }
    Ok(response)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It may leave the queue.
    Leaves,
    /// It stays, and becomes visible later.
    Stays,
}

async fn process(app: &App, record: &Record) -> Place {
    let lane = lane(&app.config, record);
    // A message that breaks the function would come back until the queue gives it up, and hold
    // up all signups meanwhile.
    let outcome = match AssertUnwindSafe(admit(app, record, lane)).catch_unwind().await {
        Ok(outcome) => outcome,
        Err(panic) => Err(Error::Panicked(words_of(panic.as_ref()))),
    };
    let (finding, because, error) = match outcome {
        Ok(Outcome::Answered) => return Place::Leaves,
        Ok(Outcome::NoRoom(because)) => (Finding::NeedsRoom, because, None),
        Ok(Outcome::DayFull(because)) => (Finding::DayFull, because, None),
        Ok(Outcome::TierHeld(tier, because)) => (Finding::TierHeld(tier), because, None),
        Ok(Outcome::InHand(tenant, because)) => (Finding::InHand(tenant), because, None),
        Err(error) => (Finding::Failed(error.blame()), chain(&error), Some(error)),
    };
    if let Some(error) = &error {
        report(record, error);
    }
    match (fate(lane, &record.message_id, record.receives(), finding), error) {
        (Fate::Done, _) => Place::Leaves,
        (Fate::SetAside, error) => {
            let error = error.unwrap_or(Error::NotAnEvent(because));
            let set_aside = set_aside(app, record, &error).await;
            leaves_or_waits(app, record, Reason::NotSetAside, set_aside).await
        }
        (Fate::MoveTo(group), _) => {
            tracing::info!(message.id = record.message_id, "moved to {}: {because}", group.id());
            let moved = move_to(app, record, &group).await;
            leaves_or_waits(app, record, Reason::TryAgain, moved).await
        }
        (Fate::Wait(reason), _) => wait(app, record, reason, &because).await,
    }
}

/// Whatever could not be put elsewhere stays.
async fn leaves_or_waits(
    app: &App,
    record: &Record,
    reason: Reason,
    put: Result<(), Error>,
) -> Place {
    match put {
        Ok(()) => Place::Leaves,
        Err(trouble) => {
            report(record, &trouble);
            let reason = match trouble.blame() {
                Blame::World(its) if its.class() == Class::Fault => its,
                Blame::World(_) | Blame::Message | Blame::PerhapsMessage(_) => reason,
            };
            wait(app, record, reason, &chain(&trouble)).await
        }
    }
}

fn report(record: &Record, error: &Error) {
    tracing::error!(
        message.id = record.message_id,
        error.name = error.name(),
        "the signup is not answered: {}",
        chain(error)
    );
}

/// Keeps the message for later, and says so by a metric. One that waited so often that the queue
/// would soon take it for a dead letter is sent again instead.
async fn wait(app: &App, record: &Record, reason: Reason, because: &str) -> Place {
    let lane = lane(&app.config, record);
    let now = app.clock.now();
    app.metrics.put(
        now,
        &Metric {
            namespace: NAMESPACE,
            name: HEAD_WAITING,
            unit: "Seconds",
            value: record.waited(now),
            dimensions: &[("Class", reason.class().as_str()), ("Reason", reason.as_str())],
            message: &format!("the signup waits: {because}"),
            fields: &[("message.id", &record.message_id), ("lane", lane.as_str())],
        },
    );
    tracing::info!(message.id = record.message_id, "the signup waits: {because}");
    let most = if lane == Lane::Behind { MOST_RECEIVES_BEHIND } else { MOST_RECEIVES };
    if record.receives() > most {
        match send_again(app, record).await {
            Ok(()) => return Place::Leaves,
            Err(trouble) => report(record, &trouble),
        }
    }
    let seconds = wait_seconds(lane, reason, record.receives());
    if let Err(trouble) = set_wait(app, record, seconds).await {
        // It stays for the queue's own visibility timeout.
        report(record, &trouble);
    }
    Place::Stays
}

fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().map(|words| (*words).to_owned());
    words.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no words".into())
}
