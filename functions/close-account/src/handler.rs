//! A closing's next step, or an event's mark.

use lambda_kit::sdk::Wire;
use lambda_kit::{Clock, Lookup, client, config};
use lifecycle::retirement::sweep::{Outcome, OutcomeKind, Sweep};
use lifecycle::{AccountId, ExecutionTimes, Progress, Resume, TenantId, waiting};
use organization_accounts::Accounts;
use run_files::Files;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use stop_switch::StopSwitch;

use crate::closing::{Attempt, State};
use crate::config::Config;
use crate::error::{Error, Halt, halt};
use crate::mark::{self, ClosingEvent, Mark};

/// AWS takes one closing in twenty seconds; reads that are closer learn little.
const SHORTEST_WAIT_SECONDS: u32 = 20;
/// A closing takes minutes, and holds one of three places while it is followed.
const LONGEST_WAIT_SECONDS: u32 = 120;

/// What the function is made of.
#[derive(Debug, Clone)]
pub struct App {
    pub(crate) accounts: Accounts,
    /// Without the SDK's retries: a closing is asked for once at most.
    pub(crate) closing: aws_sdk_organizations::Client,
    pub(crate) files: Files,
    pub(crate) events: aws_sdk_eventbridge::Client,
    pub(crate) switch: StopSwitch,
    pub(crate) config: Config,
    pub(crate) clock: Clock,
}

impl App {
    /// The function on this wire.
    pub fn new(wire: &Wire, config: Config, clock: Clock) -> Self {
        Self {
            accounts: Accounts::new(wire),
            closing: client!(aws_sdk_organizations, wire.global().without_retries()),
            files: Files::new(wire, config.runs_bucket.clone()),
            events: client!(aws_sdk_eventbridge, wire),
            switch: StopSwitch::new(wire, config.stop_parameter.clone()),
            config,
            clock,
        }
    }

    /// The function as Lambda starts it.
    ///
    /// # Errors
    /// Names the first environment variable that is missing or refused.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, config::Error> {
        Ok(Self::new(&Wire::load(lookup)?, Config::load(lookup)?, Clock::system()))
    }
}

/// What is asked, by the machine or by an event.
#[derive(Debug, Clone)]
pub enum Request {
    /// The machine wants an account closed.
    Close(Box<Close>),
    /// An account was closed.
    Event(Box<ClosingEvent>),
}

impl<'de> Deserialize<'de> for Request {
    /// An event is told by its `detail`.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if value.get("detail").is_some() {
            serde_json::from_value(value).map(Box::new).map(Self::Event).map_err(D::Error::custom)
        } else {
            serde_json::from_value(value).map(Box::new).map(Self::Close).map_err(D::Error::custom)
        }
    }
}

/// An account to close.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Close {
    /// The account.
    pub account_id: AccountId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// The sweep that gave it a slot.
    pub sweep: Sweep,
    /// How long waiting may take, from the execution's start.
    pub deadline_seconds: u32,
    /// The times of the execution that closes this account.
    pub execution: ExecutionTimes,
    /// The `resume` of the last answer, if there was one.
    #[serde(default)]
    pub resume: Resume,
}

impl Close {
    pub(crate) fn subject(&self) -> String {
        format!("account {} of tenant {}", self.account_id, self.tenant_id)
    }
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Settled {
    /// For an account that was to be closed.
    Outcome(Outcome),
    /// For an event.
    Mark(Mark),
}

/// Takes one step.
///
/// # Errors
/// All of [`Error`]; whatever passes by itself is `PENDING`.
pub async fn handle(app: &App, request: Request) -> Result<Progress<Settled>, Error> {
    match request {
        Request::Close(close) => Box::pin(close_account(app, &close)).await,
        Request::Event(event) => {
            Ok(Progress::Done(Settled::Mark(Box::pin(mark::mark(app, &event)).await?)))
        }
    }
}

async fn close_account(app: &App, request: &Close) -> Result<Progress<Settled>, Error> {
    let now = app.clock.now();
    let state: State = request.resume.read()?;
    let mut attempt = Attempt { app, request, now, state };
    let deadline = request.execution.deadline(request.deadline_seconds);
    // Boxed: the SDK's futures lie deep within each other, and a compiler has to lay them out.
    let because = match Box::pin(attempt.step()).await {
        Ok(outcome) => match Box::pin(write(app, request, &outcome)).await {
            Ok(()) => return Ok(Progress::Done(Settled::Outcome(outcome))),
            Err(Halt::Wait(because)) => because,
            Err(Halt::Fail(error)) => return Err(error),
        },
        Err(Halt::Wait(because)) if deadline.has_passed(now) && !attempt.is_under_way() => {
            let outcome = attempt.outcome(OutcomeKind::Deferred, "OutOfTime", &because);
            match Box::pin(write(app, request, &outcome)).await {
                Ok(()) => return Ok(Progress::Done(Settled::Outcome(outcome))),
                Err(Halt::Wait(because)) => because,
                Err(Halt::Fail(error)) => return Err(error),
            }
        }
        Err(Halt::Wait(because)) => because,
        Err(Halt::Fail(error)) => return Err(error),
    };
    tracing::info!(
        tenant.id = %request.tenant_id,
        account.id = %request.account_id,
        "waiting: {because}"
    );
    let elapsed = request.execution.elapsed(now);
    let account = request.account_id.as_str();
    let seconds = if attempt.state.closed_reads > 0 {
        SHORTEST_WAIT_SECONDS
    } else {
        waiting::retry_after(SHORTEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, elapsed, account)
    };
    Progress::pending(seconds, because, Resume::of(&attempt.state)?)
        .within(deadline, now)
        .map_err(|source| Error::DeadlinePassed { subject: request.subject(), source })
}

/// Writes the outcome where the sweep's report finds it.
async fn write(app: &App, request: &Close, outcome: &Outcome) -> Result<(), Halt> {
    tracing::info!(
        tenant.id = %request.tenant_id,
        account.id = %request.account_id,
        code = outcome.code.as_deref().unwrap_or_default(),
        "{:?}: {}",
        outcome.outcome,
        outcome.reason.as_deref().unwrap_or("the account is closed")
    );
    let key = request.sweep.outcome_key(&request.account_id);
    let written = app.files.write_json(&key, outcome).await;
    written.map_err(|trouble| halt(&request.subject(), trouble))
}
