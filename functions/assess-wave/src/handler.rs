//! One look at the health of a wave that is deployed.

use jiff::{SignedDuration, Timestamp};
use lambda_kit::sdk::Wire;
use lambda_kit::{Clock, Lookup};
use lifecycle::{ExecutionTimes, Fault, Progress, Resume};
use rollout::alarms::{self, Red};
use rollout::manifest::MANIFEST;
use rollout::{Files, Header, Manifest, Stop};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::decide::{Next, Verdict, judge};
use crate::error::Error;

/// A throttle has its time to pass.
const WAIT_AFTER_REFUSAL_SECONDS: u32 = 10;
/// How many alarms an answer names.
const NAMED: usize = 20;

/// The function, ready to be called.
#[derive(Debug, Clone)]
pub struct App {
    config: Config,
    cloudwatch: aws_sdk_cloudwatch::Client,
    objects: aws_sdk_s3::Client,
    clock: Clock,
}

impl App {
    /// The function on a wire of one's choice.
    pub fn new(wire: &Wire, config: Config, clock: Clock) -> Self {
        let (cloudwatch, objects) = (alarms::alarms_client(wire), Files::client(wire));
        Self { config, cloudwatch, objects, clock }
    }

    /// The function in Lambda.
    ///
    /// # Errors
    /// Names the variable that is missing or wrong.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, lambda_kit::config::Error> {
        Ok(Self::new(&Wire::load(lookup)?, Config::load(lookup)?, Clock::system()))
    }
}

/// Which wave to assess.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The roll-out.
    pub rollout: Header,
    /// The wave's number, from 1.
    pub wave: u32,
    /// When it was deployed.
    pub deployed_at: Timestamp,
    /// The roll-out's execution's own times.
    pub execution: ExecutionTimes,
    /// The `resume` of the previous answer; nothing is kept.
    #[serde(default)]
    pub resume: Resume,
}

/// What came of the wave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Assessed {
    /// Whether the roll-out may go on.
    pub verdict: Verdict,
    /// The first of the alarms that are red.
    pub alarms: Vec<Red>,
    /// How long health was watched.
    pub dwelled_seconds: i64,
    /// The same in a sentence.
    pub text: String,
}

/// Takes one look.
///
/// # Errors
/// See [`Error`]; throttles, lost answers and whatever else passes by itself are `PENDING`.
pub async fn handle(app: &App, request: Request) -> Result<Progress<Assessed>, Error> {
    let now = app.clock.now();
    // Boxed: the futures of nested SDK calls are larger than the compiler likes in one piece.
    let (next, red) = match Box::pin(look(app, &request, now)).await {
        Ok(look) => look,
        Err(Stop::Later(because)) => {
            (Next::Wait { seconds: WAIT_AFTER_REFUSAL_SECONDS, because }, Vec::new())
        }
        Err(Stop::Failed(error)) => return Err(error),
    };
    match next {
        Next::Wait { seconds, because } => {
            let pending = Progress::pending(seconds, because, Resume::default());
            let deadline = request.rollout.deadline(&request.execution);
            Ok(pending.within(deadline, now)?)
        }
        Next::Answer(verdict) => {
            tracing::info!(
                stack_set = %request.rollout.stack_set,
                wave = request.wave,
                verdict = ?verdict,
                "the wave is assessed"
            );
            Ok(Progress::Done(assessed(verdict, red, request.deployed_at, now)))
        }
    }
}

fn assessed(verdict: Verdict, mut red: Vec<Red>, from: Timestamp, now: Timestamp) -> Assessed {
    let text = match (verdict, red.first()) {
        (Verdict::Unhealthy, Some(_)) => alarms::in_words(&red),
        (Verdict::StopRequested, _) => "an operator asked for it".to_owned(),
        _ => "nothing went wrong".to_owned(),
    };
    red.truncate(NAMED);
    let dwelled_seconds = now.duration_since(from).max(SignedDuration::ZERO).as_secs();
    Assessed { verdict, alarms: red, dwelled_seconds, text }
}

async fn look(app: &App, request: &Request, now: Timestamp) -> Result<(Next, Vec<Red>), Stop> {
    let header = &request.rollout;
    let files = Files::of(&app.objects, &app.config.runs_bucket, &header.execution);
    let manifest: Manifest = files.read(MANIFEST).await?;
    let Some(wave) = manifest.wave(request.wave) else {
        let rule = format!("must be a wave of the plan, 1 to {}", manifest.waves.len());
        return Err(Fault::of("wave", request.wave, rule).into());
    };
    let controls = files.controls().await?;
    let red = alarms::red(&app.cloudwatch, &manifest.plan.health, &manifest.red_before).await?;
    // A wave with nobody in it has nothing to be watched.
    let nobody = manifest.size(request.wave).is_some_and(|size| size.accounts == 0);
    let dwell = if nobody { 0 } else { wave.dwell_seconds };
    let next = judge(&controls, &red, (request.deployed_at, dwell), now);
    Ok((next, red))
}
