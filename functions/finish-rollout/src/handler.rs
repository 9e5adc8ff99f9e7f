//! Tells what became of a roll-out, from its files.

use jiff::{SignedDuration, Timestamp};
use lambda_kit::sdk::Wire;
use lambda_kit::{Clock, Lookup};
use lifecycle::{ExecutionTimes, Progress, Resume};
use rollout::known::known_key;
use rollout::manifest::{
    JOINED, JOINED_FILE, Joined, MANIFEST, NOT_CURRENT, OVERRIDES, Operations, Overriding,
    STANDS_NEW, StageResult, VERIFIED, Verified,
};
use rollout::{
    Batch, Counts, Files, Header, KnownFile, Manifest, Reason, Row, StackSet, Stop, Template,
};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::decide::{
    self, Accounts, Astray, Choice, Course, Outcome, Rollback, RolloutFinished, RolloutRehearsed,
    message, subject,
};
use crate::error::Error;
use crate::offenders::{self, Origin};
use crate::reading::{Outdated, Reading, Scope};

/// How many instances of a kind an event names.
const NAMED: usize = 20;
const WAIT_AFTER_REFUSAL_SECONDS: u32 = 10;

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
    /// The `resume` of the previous answer.
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
    /// The detail of the event of a rehearsal.
    pub rehearsal: Option<RolloutRehearsed>,
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
    let mut reading: Reading = request.resume.read()?;
    let before = reading.clone();
    // Boxed: the futures of nested SDK calls are larger than the compiler likes in one piece.
    // However late it is, what became of it is told: there is no deadline here.
    match Box::pin(tell(app, &request, &mut reading, now)).await {
        Ok(Step::Done(finished)) => {
            tracing::info!(
                stack_set = %request.rollout.stack_set,
                outcome = ?finished.outcome,
                "the roll-out is finished"
            );
            Ok(Progress::Done(*finished))
        }
        Ok(Step::Wait(seconds, because)) => {
            Ok(Progress::pending(seconds, because, Resume::of(&reading)?))
        }
        Err(Stop::Later(because)) => {
            Ok(Progress::pending(WAIT_AFTER_REFUSAL_SECONDS, because, Resume::of(&before)?))
        }
        Err(Stop::Failed(error)) => Err(error),
    }
}

enum Step {
    Wait(u32, &'static str),
    Done(Box<Finished>),
}

/// The results of the way forth.
struct Forth {
    waves: Vec<StageResult>,
    late: Option<StageResult>,
}

impl Forth {
    async fn read(files: &Files, manifest: &Manifest) -> Result<Self, Stop> {
        let mut waves: Vec<StageResult> = Vec::new();
        for wave in &manifest.waves {
            let name = format!("waves/{:02}/result.json", wave.number);
            waves.extend(files.find(&name).await?);
        }
        Ok(Self { waves, late: files.find("late/result.json").await? })
    }

    fn operations(&self) -> usize {
        self.waves.iter().chain(&self.late).map(|one| one.operations).sum()
    }
}

async fn tell(
    app: &App,
    request: &Request,
    reading: &mut Reading,
    now: Timestamp,
) -> Result<Step, Stop> {
    let header = &request.rollout;
    let files = Files::of(&app.objects, &app.config.runs_bucket, &header.execution);
    let manifest: Manifest = files.read(MANIFEST).await?;
    let forth = Forth::read(&files, &manifest).await?;
    let mut counts = decide::counts(&forth.waves, forth.late.as_ref());
    let mut operations = forth.operations();
    let mut known = KnownFile::default();
    let overriding: Vec<Overriding> = files.find(OVERRIDES).await?.unwrap_or_default();
    let mut way: Vec<StageResult> = Vec::new();
    let astray = match request.outcome {
        Course::Passed => {
            let set = StackSet::of(&app.cloudformation, &header.stack_set);
            let scope = Scope::read(&files, &manifest).await?;
            let found = open_at_the_end(&forth, &scope, (&files, &set), reading, now).await?;
            let (astray, outdated) = match found {
                Ok(found) => found,
                Err(wait) => return Ok(wait),
            };
            counts.outdated = outdated;
            counts.succeeded = counts.succeeded.saturating_sub(outdated);
            count_apart(&mut counts, &manifest, &overriding, &astray);
            let origin = Origin { execution: &header.execution, now };
            known = remember(&files, header, (&scope, &counts), &astray, origin).await?;
            astray
        }
        Course::Stopped => {
            let stood_new: Vec<Batch> = files.find(STANDS_NEW).await?.unwrap_or_default();
            let back = way_back(&files, &manifest).await?;
            let results = back.iter().filter_map(|(_, result)| result.as_ref());
            way = results.cloned().collect();
            operations += way.iter().map(|result| result.operations).sum::<usize>();
            let origin = Origin { execution: &header.execution, now };
            suspect(&files, &manifest, &forth, &counts, origin).await?;
            decide::with_the_change(&stood_new, &back)
        }
    };
    files.write(NOT_CURRENT, &astray).await?;
    let ended = (request.outcome, request.choice, request.rollback);
    let plan = &manifest.plan;
    let (outcome, reason) = decide::outcome(ended, &counts, plan.excused_percent, &astray);
    let joined: Joined = files.find(JOINED_FILE).await?.unwrap_or_default();
    let mut detail = RolloutFinished {
        stack_set: header.stack_set.clone(),
        execution: header.execution.clone(),
        outcome,
        reason: request.stop.clone().or(reason),
        counts,
        accounts: accounts(&manifest, &astray),
        joined: joined.standing.counts(),
        not_current: decide::named(&astray),
        not_current_key: files.key(NOT_CURRENT),
        started_at: request.execution.started_at,
        finished_at: now,
        seconds: now
            .duration_since(request.execution.started_at)
            .max(SignedDuration::ZERO)
            .as_secs(),
        operations,
        long_vetoes: offenders::long_vetoes(&known, plan.veto_days, now),
        overriding: overriding.into_iter().take(NAMED).collect(),
    };
    let rehearsal = match header.rehearsal {
        false => None,
        true => {
            let verified: Option<Verified> = files.find(VERIFIED).await?;
            let told = decide::rehearsed(&detail, &forth.waves, &way, verified.as_ref());
            if told.works {
                detail.outcome = Outcome::Rehearsed;
            }
            Some(told)
        }
    };
    let outcome = detail.outcome;
    let (subject, message) = (subject(&detail), message(&detail));
    Ok(Step::Done(Box::new(Finished { outcome, detail, rehearsal, subject, message })))
}

/// All that is not where it should be after a rollout that passed, and how many of its waves'
/// instances others made outdated. The inner error: the instances are still being read.
async fn open_at_the_end(
    forth: &Forth,
    scope: &Scope,
    (files, set): (&Files, &StackSet),
    reading: &mut Reading,
    now: Timestamp,
) -> Result<Result<(Vec<Astray>, usize), Step>, Stop> {
    let mut astray = decide::without_the_change(&forth.waves, forth.late.as_ref());
    let Some(outdated) = reading.go_on(files, set, now).await? else {
        return Ok(Err(Step::Wait(1, "the instances are read")));
    };
    let should = |one: &Outdated| scope.should_be_current(one);
    let more = decide::outdated_by_others(outdated, should, &astray);
    if !more.is_empty() && reading.again(now) {
        return Ok(Err(Step::Wait(WAIT_AFTER_REFUSAL_SECONDS, "instances read OUTDATED")));
    }
    let place = |one: &Astray| (one.account.clone(), one.region.clone());
    let planned = more.iter().filter(|one| scope.planned.contains(&place(one))).count();
    astray.extend(more);
    Ok(Ok((astray, planned)))
}

/// Where only parameters changed, an instance that overrides them did not take the change: it is
/// counted apart.
fn count_apart(
    counts: &mut Counts,
    manifest: &Manifest,
    overriding: &[Overriding],
    astray: &[Astray],
) {
    if manifest.next.template != Template::Previous {
        return;
    }
    let open = |one: &Overriding| {
        astray.iter().any(|other| (&other.account, &other.region) == (&one.account, &one.region))
    };
    counts.overriding = overriding.iter().filter(|one| !open(one)).count().min(counts.succeeded);
    counts.succeeded -= counts.overriding;
}

/// Writes down who failed or vetoed while most took the change, for the next rollout.
async fn remember(
    files: &Files,
    header: &Header,
    (scope, counts): (&Scope, &Counts),
    astray: &[Astray],
    origin: Origin<'_>,
) -> Result<KnownFile, Stop> {
    let key = known_key(&header.stack_set);
    let before = files.find_shared_text(&key).await?;
    let file = before.as_deref().map(KnownFile::read).unwrap_or_default();
    if counts.succeeded <= counts.real_failures() + counts.known_offenders {
        // Where most failed, it is the change that is to blame.
        return Ok(file);
    }
    let file = offenders::remember(file, &scope.planned, astray, origin);
    write_down(files, &key, before, file).await
}

/// The same after a rollout that was stopped: the change may be to blame, so it is said with it.
async fn suspect(
    files: &Files,
    manifest: &Manifest,
    forth: &Forth,
    counts: &Counts,
    origin: Origin<'_>,
) -> Result<(), Stop> {
    let rows = forth.waves.iter().flat_map(|wave| &wave.standing.open);
    let failed: Vec<&Row> = rows.filter(|row| row.is_failure()).collect();
    let most_took_it = counts.succeeded > counts.real_failures() + counts.known_offenders;
    if let Some(change) = manifest.change.as_deref().filter(|_| most_took_it && !failed.is_empty())
    {
        let key = known_key(&manifest.header.stack_set);
        let before = files.find_shared_text(&key).await?;
        let file = before.as_deref().map(KnownFile::read).unwrap_or_default();
        let file = offenders::suspect(file, &failed, change, origin);
        write_down(files, &key, before, file).await?;
    }
    Ok(())
}

/// Writes the list, unless it is as it was, or people left it so that nothing of it can be read.
async fn write_down(
    files: &Files,
    key: &str,
    before: Option<String>,
    file: KnownFile,
) -> Result<KnownFile, Stop> {
    for fault in file.faults() {
        tracing::warn!(key, "the list of known offenders is not understood: {fault}");
    }
    let text = file.text();
    let is_new = before.is_none() && !file.offenders.is_empty();
    let differs = before.is_some_and(|before| before != text);
    if !file.is_damaged() && (is_new || differs) {
        files.write_shared_text(key, text).await?;
    }
    Ok(file)
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
    for number in manifest.waves.iter().map(|wave| wave.number).chain([JOINED]) {
        let file: Option<Operations> = files.find(&format!("back/{number:02}.json")).await?;
        if let Some(file) = file {
            let result = files.find(&format!("back/{number:02}/result.json")).await?;
            back.push((file.operations, result));
        }
    }
    Ok(back)
}
