//! An audit in steps: pages while there is time, then a checkpoint.

use fleet_audit::{Finding, Ground};
use fleet_reads::FleetReads;
use jiff::{SignedDuration, Timestamp};
use lambda_kit::sdk::{Trouble, Wire};
use lambda_kit::{Clock, Lookup, client, config};
use lifecycle::{ExecutionTimes, Resume, waiting};
use organization_accounts::Accounts;
use run_files::Files;
use serde::{Deserialize, Serialize};
use tenant_records::TenantRecords;

use crate::config::Config;
use crate::error::{Error, Halt, halt};
use crate::report::Audited;
use crate::work::{LINES, Phase, Progress, State, findings_key, progress_key};

/// How long a call works before it answers and is called again.
const WORKS_FOR: SignedDuration = SignedDuration::from_secs(200);

/// What the function is made of.
#[derive(Debug, Clone)]
pub struct App {
    pub(crate) reads: FleetReads,
    pub(crate) accounts: Accounts,
    pub(crate) records: TenantRecords,
    pub(crate) files: Files,
    pub(crate) events: aws_sdk_eventbridge::Client,
    pub(crate) config: Config,
    pub(crate) clock: Clock,
}

impl App {
    /// The function on this wire.
    pub fn new(wire: &Wire, config: Config, clock: Clock) -> Self {
        Self {
            reads: FleetReads::new(wire),
            accounts: Accounts::new(wire),
            records: TenantRecords::new(wire, config.runs_bucket.clone()),
            files: Files::new(wire, config.runs_bucket.clone()),
            events: client!(aws_sdk_eventbridge, wire),
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

/// The execution that audits.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Audit {
    /// Its name, under which its files are.
    pub name: String,
    /// Its ARN.
    pub arn: String,
}

/// What the machine asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The audit.
    pub audit: Audit,
    /// How long waiting may take, from the execution's start.
    pub deadline_seconds: u32,
    /// The execution's times.
    pub execution: ExecutionTimes,
    /// The `resume` of the last answer, if there was one.
    #[serde(default)]
    pub resume: Resume,
}

/// How far a call came: everything (`true`), or until its time was over; or it was stopped. In all
/// cases what it did is counted.
pub(crate) type Worked = Result<bool, Halt>;

/// The same; outside of it stands what makes the whole call count for nothing: a file that could not
/// be written.
pub(crate) type Step = Result<Worked, Halt>;

/// One call of the function.
pub(crate) struct Call<'a> {
    pub(crate) app: &'a App,
    pub(crate) request: &'a Request,
    pub(crate) now: Timestamp,
}

/// Findings that are not written yet.
#[derive(Default)]
pub(crate) struct Lines(Vec<Finding>);

/// Works for a while.
///
/// # Errors
/// All of [`Error`]; whatever passes by itself is `PENDING`.
pub async fn handle(app: &App, request: Request) -> Result<lifecycle::Progress<Audited>, Error> {
    let now = app.clock.now();
    let mut state: State = request.resume.read()?;
    let call = Call { app, request: &request, now };
    let name = &request.audit.name;
    // Boxed: the SDK's futures lie deep within each other, and a compiler has to lay them out.
    let (because, is_work) = match Box::pin(call.audit(&mut state)).await {
        Ok(Some(audited)) => return Ok(lifecycle::Progress::Done(audited)),
        Ok(None) => ("the lists are long: they are read on".to_owned(), true),
        Err(Halt::Wait(because)) => (because, false),
        Err(Halt::Fail(error)) => return Err(error),
    };
    tracing::info!(audit = name, step = state.step, "waiting: {because}");
    let elapsed = request.execution.elapsed(now);
    let seconds =
        if is_work { 1 } else { waiting::retry_after(5, waiting::CEILING, elapsed, name) };
    lifecycle::Progress::pending(seconds, because, Resume::of(&state)?)
        .within(request.execution.deadline(request.deadline_seconds), now)
        .map_err(|source| Error::DeadlinePassed { subject: format!("audit {name}"), source })
}

impl Call<'_> {
    pub(crate) fn halt(&self, trouble: Trouble) -> Halt {
        halt(&format!("audit {}", self.request.audit.name), trouble)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.app.clock.now().duration_since(self.now) >= WORKS_FOR
    }

    /// Audits. Nothing when it has to go on in another call.
    async fn audit(&self, state: &mut State) -> Result<Option<Audited>, Halt> {
        let audit = &self.request.audit.name;
        let key = progress_key(audit, state.step);
        let mut progress: Progress = match state.step {
            0 => Progress::default(),
            _ => {
                let read = Box::pin(self.app.files.read_json(&key)).await;
                read.map_err(|trouble| self.halt(trouble))?.unwrap_or_default()
            }
        };
        let ground = Box::pin(self.ground(&progress)).await?;
        let worked = loop {
            let worked = match progress.phase {
                Phase::Begin => Box::pin(self.begin(&mut progress, &ground)).await?,
                Phase::Units => Box::pin(self.list_units(&mut progress)).await?,
                Phase::Instances => Box::pin(self.list_instances(&mut progress)).await?,
                Phase::Judge => Box::pin(self.judge(&mut progress, &ground)).await?,
                Phase::Single => Box::pin(self.read_single(&mut progress, &ground)).await?,
                Phase::Report => return Box::pin(self.report(&progress)).await.map(Some),
            };
            if !matches!(worked, Ok(true)) {
                break worked;
            }
        };
        // What was done so far counts; the next call goes on from here.
        if matches!(worked, Ok(_) | Err(Halt::Wait(_))) {
            let key = progress_key(audit, state.step + 1);
            let written = Box::pin(self.app.files.write_json(&key, &progress)).await;
            written.map_err(|trouble| self.halt(trouble))?;
            state.step += 1;
        }
        worked.map(|_| None)
    }

    /// What is true of all accounts.
    async fn ground(&self, progress: &Progress) -> Result<Ground, Halt> {
        let config = &self.app.config;
        let read = Box::pin(self.app.reads.read_tiers(&config.tiers_parameter, &config.units));
        let tiers = read.await.map_err(|trouble| self.halt(trouble))?;
        Ok(Ground {
            onboarding: config.onboarding.clone(),
            units: config.units.clone(),
            retiring: config.retiring.clone(),
            suspended: config.suspended.clone(),
            outside: config.outside.clone(),
            tiers: Some(tiers),
            naming: config.naming.clone(),
            under_way: Some(progress.under_way.clone()),
            missing_sets: progress.missing_sets.clone(),
            unread_sets: progress.unread_sets.clone(),
            events: config.events.clone(),
            now: self.now,
        })
    }

    /// The same, with what was seen since the call began.
    pub(crate) fn seen(&self, progress: &Progress, ground: &Ground) -> Ground {
        Ground {
            under_way: Some(progress.under_way.clone()),
            missing_sets: progress.missing_sets.clone(),
            unread_sets: progress.unread_sets.clone(),
            ..ground.clone()
        }
    }

    /// Counts findings, and writes them once there are enough for a file.
    pub(crate) async fn keep(
        &self,
        progress: &mut Progress,
        lines: &mut Lines,
        found: Vec<Finding>,
    ) -> Result<(), Halt> {
        for finding in found {
            *progress.counts.entry(finding.class).or_default() += 1;
            lines.0.push(finding);
            if lines.0.len() == LINES {
                self.flush(progress, lines).await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn flush(
        &self,
        progress: &mut Progress,
        lines: &mut Lines,
    ) -> Result<(), Halt> {
        if lines.0.is_empty() {
            return Ok(());
        }
        let key = findings_key(&self.request.audit.name, progress.files);
        let written = Box::pin(self.app.files.write_lines(&key, &lines.0)).await;
        written.map_err(|trouble| self.halt(trouble))?;
        lines.0.clear();
        progress.files += 1;
        Ok(())
    }
}
