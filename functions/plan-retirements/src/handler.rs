//! A plan, or the report of what came of it; both in steps, with their lists in S3.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lambda_kit::sdk::{Trouble, Wire};
use lambda_kit::{Clock, Lookup, client, config};
use lifecycle::retirement::sweep::{CLOSING, STUCK_BEFORE, Sweep};
use lifecycle::{AccountId, ExecutionTimes, Resume, waiting};
use organization_accounts::Accounts;
use run_files::Files;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use stop_switch::StopSwitch;

use crate::budget::{Budget, Forecast};
use crate::config::Config;
use crate::decide::Verdict;
use crate::error::{Error, Halt, halt};
use crate::report::Reported;
use crate::work::{Phase, PlanOutcome, Planned, Progress, State, progress_key};

/// How long a call works before it answers and is called again.
const WORKS_FOR: SignedDuration = SignedDuration::from_secs(200);

/// What the function is made of.
#[derive(Debug, Clone)]
pub struct App {
    pub(crate) accounts: Accounts,
    pub(crate) organizations: aws_sdk_organizations::Client,
    pub(crate) tagging: aws_sdk_resourcegroupstagging::Client,
    pub(crate) states: aws_sdk_sfn::Client,
    pub(crate) events: aws_sdk_eventbridge::Client,
    pub(crate) files: Files,
    pub(crate) switch: StopSwitch,
    pub(crate) config: Config,
    pub(crate) clock: Clock,
}

impl App {
    /// The function on this wire.
    pub fn new(wire: &Wire, config: Config, clock: Clock) -> Self {
        Self {
            accounts: Accounts::new(wire),
            organizations: client!(aws_sdk_organizations, wire.global()),
            tagging: client!(aws_sdk_resourcegroupstagging, wire.global()),
            states: client!(aws_sdk_sfn, wire),
            events: client!(aws_sdk_eventbridge, wire),
            files: Files::new(wire, config.runs_bucket.clone()),
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

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Action {
    /// A verdict for each account.
    Plan,
    /// What came of the plan.
    Report,
}

/// What the machine asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// What to do.
    pub action: Action,
    /// The sweep.
    pub sweep: Sweep,
    /// Whether the plan is for reading only.
    pub dry_run: bool,
    /// How many accounts to close at most; the configuration's number, when there is none.
    #[serde(default)]
    pub close_at_most: Option<u64>,
    /// How long waiting may take, from the execution's start.
    pub deadline_seconds: u32,
    /// The execution's times.
    pub execution: ExecutionTimes,
    /// The `resume` of the last answer, if there was one.
    #[serde(default)]
    pub resume: Resume,
}

/// What is ensured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Response {
    /// There is a plan, or a reason why there is none.
    Planned(Box<Planned>),
    /// There is a report.
    Reported(Box<Reported>),
}

/// Accounts that were stuck in earlier sweeps.
pub(crate) type StuckBefore = BTreeMap<AccountId, IgnoredAny>;

/// How far a call came: everything (`true`), or until its time was over; or it was stopped. In all
/// cases what it did is counted.
pub(crate) type Worked = Result<bool, Halt>;

/// One call of the function.
pub(crate) struct Call<'a> {
    pub(crate) app: &'a App,
    pub(crate) request: &'a Request,
    pub(crate) now: Timestamp,
}

/// Works for a while.
///
/// # Errors
/// All of [`Error`]; whatever passes by itself is `PENDING`.
pub async fn handle(app: &App, request: Request) -> Result<lifecycle::Progress<Response>, Error> {
    let now = app.clock.now();
    let mut state: State = request.resume.read()?;
    let call = Call { app, request: &request, now };
    // Boxed: the SDK's futures lie deep within each other, and a compiler has to lay them out.
    let ended = match request.action {
        Action::Plan => Box::pin(call.plan(&mut state))
            .await
            .map(|planned| planned.map(|planned| Response::Planned(Box::new(planned)))),
        Action::Report => Box::pin(call.report())
            .await
            .map(|reported| Some(Response::Reported(Box::new(reported)))),
    };
    let (because, is_work) = match ended {
        Ok(Some(response)) => return Ok(lifecycle::Progress::Done(response)),
        Ok(None) => ("the lists are long: they are read on".to_owned(), true),
        Err(Halt::Wait(because)) => (because, false),
        Err(Halt::Fail(error)) => return Err(error),
    };
    let name = &request.sweep.name;
    tracing::info!(sweep = name, step = state.step, "waiting: {because}");
    let elapsed = request.execution.elapsed(now);
    let seconds =
        if is_work { 1 } else { waiting::retry_after(5, waiting::CEILING, elapsed, name) };
    lifecycle::Progress::pending(seconds, because, Resume::of(&state)?)
        .within(request.execution.deadline(request.deadline_seconds), now)
        .map_err(|source| Error::DeadlinePassed { subject: format!("sweep {name}"), source })
}

impl Call<'_> {
    pub(crate) fn halt(&self, trouble: Trouble) -> Halt {
        halt(&format!("sweep {}", self.request.sweep.name), trouble)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.app.clock.now().duration_since(self.now) >= WORKS_FOR
    }

    pub(crate) async fn stuck_before(&self) -> Result<StuckBefore, Halt> {
        let read = self.app.files.read_json(STUCK_BEFORE).await;
        Ok(read.map_err(|trouble| self.halt(trouble))?.unwrap_or_default())
    }

    /// Plans. Nothing when it has to go on in another call.
    async fn plan(&self, state: &mut State) -> Result<Option<Planned>, Halt> {
        let sweep = &self.request.sweep;
        let mut progress = if state.step == 0 {
            if !self.take_lock().await? {
                tracing::warn!(sweep = sweep.name, "another sweep is running");
                return Ok(Some(self.already_running()));
            }
            Progress::default()
        } else {
            let key = progress_key(sweep, state.step);
            let read = self.app.files.read_json(&key).await;
            read.map_err(|trouble| self.halt(trouble))?.unwrap_or_default()
        };
        let worked = loop {
            let worked = match progress.phase {
                Phase::ListRetiring | Phase::ListSuspended => {
                    Box::pin(self.list(&mut progress)).await?
                }
                Phase::Tags => Box::pin(self.read_tags(&mut progress)).await?,
                Phase::Loose => Box::pin(self.read_loose(&mut progress)).await?,
                Phase::Rank => {
                    let planned = Box::pin(self.rank(&progress)).await?;
                    tracing::info!(
                        sweep = sweep.name,
                        pages = progress.pages,
                        fleet = planned.fleet,
                        closing = planned.closing,
                        "the plan is made: {:?}",
                        planned.outcome
                    );
                    return Ok(Some(planned));
                }
            };
            if !matches!(worked, Ok(true)) {
                break worked;
            }
        };
        // What was done so far counts; the next call goes on from here.
        if matches!(worked, Ok(_) | Err(Halt::Wait(_))) {
            let key = progress_key(sweep, state.step + 1);
            let written = self.app.files.write_json(&key, &progress).await;
            written.map_err(|trouble| self.halt(trouble))?;
            state.step += 1;
        }
        worked.map(|_| None)
    }

    fn already_running(&self) -> Planned {
        Planned {
            outcome: PlanOutcome::AlreadyRunning,
            dry_run: self.request.dry_run,
            counts: Verdict::ALL.map(|verdict| (verdict, 0)).into(),
            fleet: 0,
            closing: 0,
            closing_key: self.request.sweep.key(CLOSING),
            budget: Budget::default(),
            forecast: Forecast::default(),
            planned_at: self.now,
            verdict_files: 0,
            stopped: None,
        }
    }
}
