//! Tells what became of a roll-out, from its files.

use jiff::{SignedDuration, Timestamp};
use lambda_kit::sdk::Wire;
use lambda_kit::{Clock, Lookup};
use lifecycle::{ExecutionTimes, Progress, Resume};
use rollout::manifest::{MANIFEST, NOT_CURRENT, Operations, STANDS_NEW, StageResult};
use rollout::{Batch, Files, Header, Manifest, Reason, Stop};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::decide::{
    self, Accounts, Astray, Choice, Course, Outcome, Rollback, RolloutFinished, message, subject,
};
use crate::error::Error;

const WAIT_AFTER_REFUSAL_SECONDS: u32 = 10;

/// The function, ready to be called.
#[derive(Debug, Clone)]
pub struct App {
    config: Config,
    objects: aws_sdk_s3::Client,
    clock: Clock,
}

impl App {
    /// The function on a wire of one's choice.
    pub fn new(wire: &Wire, config: Config, clock: Clock) -> Self {
        Self { config, objects: Files::client(wire), clock }
    }

    /// The function in Lambda.
    ///
    /// # Errors
    /// Names the variable that is missing or wrong.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, lambda_kit::config::Error> {
        Ok(Self::new(&Wire::load(lookup)?, Config::load(lookup)?, Clock::system()))
    }
}

/// How the machine came to its end.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The roll-out.
    pub rollout: Header,
    /// Whether all waves passed.
    pub outcome: Course,
    /// Why it was stopped, if it was.
    #[serde(default)]
    pub stop: Option<Reason>,
    /// What `stop-rollout` chose, if it was.
    #[serde(default)]
    pub choice: Option<Choice>,
    /// How the way back ended, if there was one.
    #[serde(default)]
    pub rollback: Option<Rollback>,
    /// The roll-out's execution's own times.
    pub execution: ExecutionTimes,
    /// The `resume` of the previous answer; nothing is kept.
    #[serde(default)]
    pub resume: Resume,
}

/// What became of the roll-out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finished {
    /// In one word.
    pub outcome: Outcome,
    /// The detail of the event.
    pub detail: RolloutFinished,
    /// The subject of the message to operators.
    pub subject: String,
    /// The message to operators.
    pub message: String,
}

/// Tells it.
///
/// # Errors
/// See [`Error`]; throttles, lost answers and whatever else passes by itself are `PENDING`.
pub async fn handle(app: &App, request: Request) -> Result<Progress<Finished>, Error> {
    let now = app.clock.now();
    // Boxed: the futures of nested SDK calls are larger than the compiler likes in one piece.
    match Box::pin(tell(app, &request, now)).await {
        Ok(finished) => {
            tracing::info!(
                stack_set = %request.rollout.stack_set,
                outcome = ?finished.outcome,
                "the roll-out is finished"
            );
            Ok(Progress::Done(finished))
        }
        // However late it is, what became of it is told: there is no deadline here.
        Err(Stop::Later(because)) => {
            Ok(Progress::pending(WAIT_AFTER_REFUSAL_SECONDS, because, Resume::default()))
        }
        Err(Stop::Failed(error)) => Err(error),
    }
}

async fn tell(app: &App, request: &Request, now: Timestamp) -> Result<Finished, Stop> {
    let header = &request.rollout;
    let files = Files::of(&app.objects, &app.config.runs_bucket, &header.execution);
    let manifest: Manifest = files.read(MANIFEST).await?;
    let mut waves: Vec<StageResult> = Vec::new();
    for wave in &manifest.waves {
        let name = format!("waves/{:02}/result.json", wave.number);
        waves.extend(files.find(&name).await?);
    }
    let late: Option<StageResult> = files.find("late/result.json").await?;
    let mut operations: usize = waves.iter().chain(&late).map(|one| one.operations).sum();
    let astray = match request.outcome {
        Course::Passed => decide::without_the_change(&waves, late.as_ref()),
        Course::Stopped => {
            let stood_new: Vec<Batch> = files.find(STANDS_NEW).await?.unwrap_or_default();
            let back = way_back(&files, &manifest).await?;
            let results = back.iter().filter_map(|(_, result)| result.as_ref());
            operations += results.map(|result| result.operations).sum::<usize>();
            decide::with_the_change(&stood_new, &back)
        }
    };
    files.write(NOT_CURRENT, &astray).await?;
    let outcome = decide::outcome(request.outcome, request.choice, request.rollback, &astray);
    let detail = RolloutFinished {
        stack_set: header.stack_set.clone(),
        execution: header.execution.clone(),
        outcome,
        reason: request.stop.clone(),
        counts: decide::counts(&waves, late.as_ref()),
        accounts: accounts(&manifest, &astray),
        not_current: decide::named(&astray),
        not_current_key: files.key(NOT_CURRENT),
        started_at: request.execution.started_at,
        finished_at: now,
        seconds: now
            .duration_since(request.execution.started_at)
            .max(SignedDuration::ZERO)
            .as_secs(),
        operations,
    };
    let (subject, message) = (subject(&detail), message(&detail));
    Ok(Finished { outcome, detail, subject, message })
}

fn accounts(manifest: &Manifest, astray: &[Astray]) -> Accounts {
    let distinct: std::collections::BTreeSet<_> = astray.iter().map(|one| &one.account).collect();
    Accounts {
        planned: manifest.waves.iter().map(|wave| wave.accounts).sum(),
        not_current: distinct.len(),
    }
}

/// The files of the way back: who was to go, and what came of it.
async fn way_back(
    files: &Files,
    manifest: &Manifest,
) -> Result<Vec<(Vec<Batch>, Option<StageResult>)>, Stop> {
    let mut back = Vec::new();
    for wave in &manifest.waves {
        let number = wave.number;
        let file: Option<Operations> = files.find(&format!("back/{number:02}.json")).await?;
        if let Some(file) = file {
            let result = files.find(&format!("back/{number:02}/result.json")).await?;
            back.push((file.operations, result));
        }
    }
    Ok(back)
}
