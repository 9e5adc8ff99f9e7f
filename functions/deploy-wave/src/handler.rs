//! One step through a wave: look at the operation that is on its way, settle it, start the next.

use jiff::Timestamp;
use lambda_kit::sdk::Wire;
use lambda_kit::{Clock, Lookup, client};
use lifecycle::rollout::Stage;
use lifecycle::{ExecutionTimes, Fault, Progress, Resume};
use operator_role::OperatorRole;
use rollout::known::KNOWN;
use rollout::manifest::{JOINED, MANIFEST, StageResult, folder};
use rollout::{
    Counts, Files, Header, Known, Manifest, Offenders, Reason, Row, StackSet, Stop, alarms,
};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::error::Error;
use crate::run::{Next, Run};
use crate::state::State;

/// A throttle has its time to pass.
const WAIT_AFTER_REFUSAL_SECONDS: u32 = 10;

/// The function, ready to be called.
#[derive(Debug, Clone)]
pub struct App {
    pub(crate) config: Config,
    /// For clients of the tenants' accounts, made as their role is assumed.
    pub(crate) wire: Wire,
    pub(crate) operator: OperatorRole,
    pub(crate) cloudwatch: aws_sdk_cloudwatch::Client,
    /// The second witness of suspended accounts.
    pub(crate) organizations: aws_sdk_organizations::Client,
    pub(crate) parameters: aws_sdk_ssm::Client,
    cloudformation: aws_sdk_cloudformation::Client,
    objects: aws_sdk_s3::Client,
    clock: Clock,
}

impl App {
    /// The function on a wire of one's choice.
    pub fn new(wire: &Wire, config: Config, clock: Clock) -> Self {
        Self {
            operator: OperatorRole::new(wire, config.operator.clone()),
            config,
            wire: wire.clone(),
            cloudwatch: alarms::alarms_client(wire),
            organizations: client!(aws_sdk_organizations, wire.global()),
            parameters: client!(aws_sdk_ssm, wire),
            cloudformation: StackSet::client(wire),
            objects: Files::client(wire),
            clock,
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

/// What kind of stage to deploy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StageName {
    /// A wave.
    Wave,
    /// What was left over by all waves.
    Late,
    /// The way back of a wave.
    Back,
}

/// What to deploy.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The roll-out.
    pub rollout: Header,
    /// The stage.
    pub stage: StageName,
    /// The wave's number, from 1; 0 for the late comers, and on the way back for those that were
    /// enrolled meanwhile.
    pub wave: u32,
    /// The roll-out's execution's own times.
    pub execution: ExecutionTimes,
    /// The `resume` of the previous answer.
    #[serde(default)]
    pub resume: Resume,
}

/// Whether the roll-out may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verdict {
    /// It may.
    Go,
    /// It must stop.
    Stop,
}

/// How the stage ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployed {
    /// Whether the roll-out may go on.
    pub verdict: Verdict,
    /// Why not.
    pub reason: Option<Reason>,
    /// Instances by class.
    pub counts: Counts,
    /// The first of those that are not current.
    pub not_current: Vec<Row>,
    /// Where all of them are.
    pub result_key: String,
    /// Operations that were started.
    pub operations: usize,
    /// When the stage began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// When the roll-out will be through, as far as can be told from how long this took.
    pub expected_end: Option<Timestamp>,
}

/// Takes one step.
///
/// # Errors
/// See [`Error`]; throttles, lost answers and whatever else passes by itself are `PENDING`.
pub async fn handle(app: &App, request: Request) -> Result<Progress<Deployed>, Error> {
    let now = app.clock.now();
    let mut state: State = request.resume.read()?;
    let begun = *state.started_at.get_or_insert(now);
    let before = state.clone();
    // Boxed: the futures of nested SDK calls are larger than the compiler likes in one piece.
    let (next, deadline) = match Box::pin(step(app, &request, &mut state, now)).await {
        Ok(step) => step,
        Err(Stop::Later(because)) => {
            // What was decided and started stays; the rest is looked at again.
            let next = Next::Wait { seconds: WAIT_AFTER_REFUSAL_SECONDS, because };
            if state.reason.is_none() {
                state = before;
            }
            (next, None)
        }
        Err(Stop::Failed(error)) => return Err(error),
    };
    match next {
        Next::Done(mut deployed) => {
            deployed.started_at = begun;
            deployed.finished_at = now;
            tracing::info!(
                stack_set = %request.rollout.stack_set,
                stage = ?request.stage,
                wave = request.wave,
                succeeded = deployed.counts.succeeded,
                verdict = ?deployed.verdict,
                "the stage is deployed"
            );
            Ok(Progress::Done(*deployed))
        }
        Next::Wait { seconds, because } => {
            tracing::info!(
                stack_set = %request.rollout.stack_set,
                stage = ?request.stage,
                wave = request.wave,
                "the stage is awaited: {because}"
            );
            let pending = Progress::pending(seconds, because, Resume::of(&state)?);
            let deadline = deadline.unwrap_or_else(|| request.rollout.deadline(&request.execution));
            match request.stage {
                // An operation on its way is always seen to its end; the stage ends by itself.
                StageName::Late => Ok(pending),
                // The way back has a time of its own, or what was late could never go back.
                StageName::Back => {
                    let own = lifecycle::Deadline::after(begun, request.rollout.deadline_seconds);
                    Ok(pending.within(own, now)?)
                }
                StageName::Wave => Ok(pending.within(deadline, now)?),
            }
        }
    }
}

async fn step(
    app: &App,
    request: &Request,
    state: &mut State,
    now: Timestamp,
) -> Result<(Next, Option<lifecycle::Deadline>), Stop> {
    let header = &request.rollout;
    let files = Files::of(&app.objects, &app.config.runs_bucket, &header.execution);
    let manifest: Manifest = files.read(MANIFEST).await?;
    let stage = match request.stage {
        StageName::Wave => manifest.stage(request.wave),
        StageName::Late => Stage::Late,
        StageName::Back => Stage::Back { number: request.wave },
    };
    let of_a_wave = !matches!(stage, Stage::Late | Stage::Back { number: JOINED });
    if of_a_wave && manifest.wave(request.wave).is_none() {
        let rule = format!("must be a wave of the plan, 1 to {}", manifest.waves.len());
        return Err(Fault::of("wave", request.wave, rule).into());
    }
    let set = StackSet::of(&app.cloudformation, &header.stack_set);
    let deadline = header.deadline(&request.execution);
    let known: Option<Vec<Known>> = files.find(KNOWN).await?;
    let offenders = Offenders::of(known.iter().flatten());
    let run = Run { app, header, manifest, files, set, stage, deadline, offenders };
    run.recall(state).await?;
    let mut next = run.go_on(state, now).await?;
    if let Next::Done(deployed) = &mut next {
        deployed.expected_end = run.expected_end(state, request.wave, now);
        let result = StageResult {
            operations: state.operations,
            standing: run.standing(state).await?,
            reason: deployed.reason.clone(),
            seconds_per_round: state.seconds_per_round,
            seconds: state.elapsed(now).as_secs(),
            looked: state.checked.next_wave.then(|| state.checked.clone()),
        };
        let name = format!("{}/result.json", folder(stage));
        run.files.write(&name, &result).await?;
        deployed.result_key = run.files.key(&name);
    }
    Ok((next, Some(deadline)))
}
