//! One step towards a roll-out of which nothing is on its way, and whose template is not what new
//! tenants get.

use jiff::Timestamp;
use lambda_kit::sdk::Wire;
use lambda_kit::{Clock, Lookup};
use lifecycle::{Deadline, ExecutionTimes, Progress, Resume, waiting};
use rollout::manifest::MANIFEST;
use rollout::{Files, Header, Manifest, Reason, StackSet, Stop};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::decide::Choice;
use crate::error::Error;
use crate::steps::{Step, Steps};

/// A day: an operation that is stopped ends with what had begun.
const DEADLINE_SECONDS: u32 = 86_400;
const SHORTEST_WAIT: u32 = 5;
const LONGEST_WAIT: u32 = 300;

/// The function, ready to be called.
#[derive(Debug, Clone)]
pub struct App {
    config: Config,
    cloudformation: aws_sdk_cloudformation::Client,
    objects: aws_sdk_s3::Client,
    clock: Clock,
}

impl App {
    /// The function on a wire of one's choice.
    pub fn new(wire: &Wire, config: Config, clock: Clock) -> Self {
        let (cloudformation, objects) = (StackSet::client(wire), Files::client(wire));
        Self { config, cloudformation, objects, clock }
    }

    /// The function in Lambda.
    ///
    /// # Errors
    /// Names the variable that is missing or wrong.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, lambda_kit::config::Error> {
        Ok(Self::new(&Wire::load(lookup)?, Config::load(lookup)?, Clock::system()))
    }
}

/// Which roll-out to stop.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The roll-out.
    pub rollout: Header,
    /// Why it stops.
    pub reason: Reason,
    /// The roll-out's execution's own times.
    pub execution: ExecutionTimes,
    /// The `resume` of the previous answer.
    #[serde(default)]
    pub resume: Resume,
}

/// What is done, and what is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stopped {
    /// What the plan or an operator chose.
    pub choice: Choice,
    /// The waves to be taken back, in this order.
    pub waves: Vec<u32>,
}

/// What one call tells the next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct State {
    /// When the first call was.
    pub(crate) since: Option<Timestamp>,
    /// Whether nothing of the roll-out is on its way.
    pub(crate) quiet: bool,
    /// Files of instances that are written, while they are listed.
    pub(crate) listed: usize,
    /// The next page.
    pub(crate) token: Option<String>,
    /// Whether all are listed.
    pub(crate) all_listed: bool,
    /// How often putting the definition back was tried.
    pub(crate) tries: u32,
}

/// Takes one step.
///
/// # Errors
/// See [`Error`]; throttles, lost answers and whatever else passes by itself are `PENDING`.
pub async fn handle(app: &App, request: Request) -> Result<Progress<Stopped>, Error> {
    let now = app.clock.now();
    let mut state: State = request.resume.read()?;
    let since = *state.since.get_or_insert(now);
    let before = state.clone();
    // Boxed: the futures of nested SDK calls are larger than the compiler likes in one piece.
    let because = match Box::pin(step(app, &request, &mut state, now)).await {
        Ok(Step::Done(stopped)) => {
            tracing::info!(
                stack_set = %request.rollout.stack_set,
                choice = ?stopped.choice,
                "the roll-out is stopped: {}",
                request.reason.text
            );
            return Ok(Progress::Done(stopped));
        }
        Ok(Step::Again(because)) => {
            let resume = Resume::of(&state)?;
            return Ok(Progress::pending(1, because, resume));
        }
        Ok(Step::Wait(because)) => because,
        Err(Stop::Later(because)) => {
            state = before;
            because
        }
        Err(Stop::Failed(error)) => return Err(error),
    };
    tracing::info!(stack_set = %request.rollout.stack_set, "the stop is awaited: {because}");
    let elapsed = now.duration_since(since);
    let seed = request.rollout.execution.as_str();
    let seconds = waiting::retry_after(SHORTEST_WAIT, LONGEST_WAIT, elapsed, seed);
    let deadline = Deadline::after(since, DEADLINE_SECONDS);
    Ok(Progress::pending(seconds, because, Resume::of(&state)?).within(deadline, now)?)
}

async fn step(
    app: &App,
    request: &Request,
    state: &mut State,
    now: Timestamp,
) -> Result<Step, Stop> {
    let header = &request.rollout;
    let files = Files::of(&app.objects, &app.config.runs_bucket, &header.execution);
    let manifest: Manifest = files.read(MANIFEST).await?;
    let set = StackSet::of(&app.cloudformation, &header.stack_set);
    let steps = Steps { header, reason: &request.reason, manifest, files, set };
    steps.go_on(state, now).await
}
