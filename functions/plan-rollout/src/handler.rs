//! One step towards a plan: read on, or put it together. Nothing is touched but files.

use std::collections::BTreeSet;

use jiff::Timestamp;
use lambda_kit::sdk::Wire;
use lambda_kit::{Clock, Lookup, client};
use lifecycle::{
    AccountId, ExecutionTimes, Fault, Faults, Progress, RegionName, Resume, StackSetName,
};
use rollout::cut::Cut;
use rollout::known::KNOWN;
use rollout::manifest::{MANIFEST, OVERRIDES, Overriding, PREVIOUS_TEMPLATE, WaveSize};
use rollout::{Files, Header, Input, Instance, Known, Manifest, StackSet, StackSets, alarms};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::Config;
use crate::decide;
use crate::error::{Error, Halt};
use crate::gather::Gathering;
use crate::house::{OUTSIDE, Outside, outside};
use crate::maker::{Made, Maker};

/// Reading goes on at once; a throttle has its time to pass.
const SHORTEST_WAIT_SECONDS: u32 = 1;
const WAIT_AFTER_REFUSAL_SECONDS: u32 = 10;
/// How many accounts of a kind an answer names: the rest is in a file.
const NAMED: usize = 20;

/// The function, ready to be called.
#[derive(Debug, Clone)]
pub struct App {
    pub(crate) config: Config,
    pub(crate) organizations: aws_sdk_organizations::Client,
    parameters: aws_sdk_ssm::Client,
    pub(crate) tagging: aws_sdk_resourcegroupstagging::Client,
    cloudformation: aws_sdk_cloudformation::Client,
    pub(crate) cloudwatch: aws_sdk_cloudwatch::Client,
    pub(crate) objects: aws_sdk_s3::Client,
    /// Whether the execution of another rollout has ended.
    pub(crate) states: aws_sdk_sfn::Client,
    pub(crate) region: String,
    clock: Clock,
}

impl App {
    /// The function on a wire of one's choice.
    pub fn new(wire: &Wire, config: Config, clock: Clock) -> Self {
        Self {
            config,
            organizations: client!(aws_sdk_organizations, wire.global()),
            parameters: client!(aws_sdk_ssm, wire),
            tagging: client!(aws_sdk_resourcegroupstagging, wire.global()),
            cloudformation: StackSet::client(wire),
            cloudwatch: alarms::alarms_client(wire),
            objects: Files::client(wire),
            states: client!(aws_sdk_sfn, wire),
            region: wire.region().to_owned(),
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

/// What to plan.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The execution's input, as somebody wrote it.
    pub input: Value,
    /// The execution's name.
    pub name: String,
    /// The execution's ARN, by which those of other rollouts are found.
    #[serde(default)]
    pub execution_arn: Option<String>,
    /// The execution's own times.
    pub execution: ExecutionTimes,
    /// The `resume` of the previous answer.
    #[serde(default)]
    pub resume: Resume,
}

/// The plan, as far as the machine needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    /// What every later function wants to be told.
    pub rollout: Header,
    /// Whether that was all.
    pub dry_run: bool,
    /// The waves, in order.
    pub waves: Vec<WaveSize>,
    /// What the roll-out would touch.
    pub summary: Summary,
}

/// What the roll-out would touch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The stack set.
    pub stack_set: StackSetName,
    /// Accounts in waves.
    pub accounts: usize,
    /// Their instances.
    pub instances: usize,
    /// Their Regions.
    pub regions: Vec<RegionName>,
    /// Accounts with instances that are in no wave.
    pub left_out: usize,
    /// Instances that no update reaches.
    pub inoperable: usize,
    /// Alarms that are red already, and ignored.
    pub red_before: Vec<String>,
    /// Where the whole plan is.
    pub plan_key: String,
    /// Accounts with instances that the plan excepts.
    #[serde(default)]
    pub excepted: usize,
    /// Accounts with instances that no rollout touches: they are not a tenant's own.
    #[serde(default)]
    pub outside: usize,
    /// The first of them, with the reason.
    #[serde(default)]
    pub outside_accounts: Vec<Outside>,
    /// Instances in waves that failed before: counted apart if they fail the same way again.
    #[serde(default)]
    pub known_offenders: usize,
    /// The first of their accounts.
    #[serde(default)]
    pub known_offender_accounts: Vec<AccountId>,
    /// What could not be understood in the list of known offenders: it excuses nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known_offenders_faults: Vec<String>,
    /// Instances in waves that override a parameter that changes: the change does not reach them.
    #[serde(default)]
    pub overriding: usize,
    /// The first of their accounts.
    #[serde(default)]
    pub overriding_accounts: Vec<AccountId>,
}

/// Takes one step.
///
/// # Errors
/// See [`Error`]; throttles, lost answers and whatever else passes by itself are `PENDING`.
pub async fn handle(app: &App, request: Request) -> Result<Progress<Planned>, Error> {
    let now = app.clock.now();
    let input = Input::read(&request.input).map_err(Error::PlanRefused)?;
    let faults = decide::unknown_units(&input.plan, &app.config.tenant_units);
    if !faults.is_empty() {
        return Err(Error::PlanRefused(faults));
    }
    let mut gathering: Gathering = request.resume.read().map_err(rollout::Error::from)?;
    // Boxed: the futures of nested SDK calls are larger than the compiler likes in one piece.
    let (seconds, because) = match Box::pin(step(app, &request, &input, &mut gathering, now)).await
    {
        Ok(Some(planned)) => return Ok(Progress::Done(planned)),
        Ok(None) => (SHORTEST_WAIT_SECONDS, gathering.progress()),
        // What was read counts.
        Err(Halt::Later(because)) => (WAIT_AFTER_REFUSAL_SECONDS, because),
        Err(Halt::Failed(error)) => return Err(error),
    };
    tracing::info!(stack_set = %input.stack_set, "the plan is awaited: {because}");
    let resume = Resume::of(&gathering).map_err(rollout::Error::from)?;
    let deadline = request.execution.deadline(input.plan.deadline_seconds);
    let pending = Progress::pending(seconds, because, resume).within(deadline, now);
    Ok(pending.map_err(rollout::Error::from)?)
}

async fn step(
    app: &App,
    request: &Request,
    input: &Input,
    gathering: &mut Gathering,
    now: Timestamp,
) -> Result<Option<Planned>, Halt> {
    let files = Files::of(&app.objects, &app.config.runs_bucket, &request.name);
    let set = StackSet::of(&app.cloudformation, &input.stack_set);
    if *gathering == Gathering::default() {
        may_roll_out(app, input).await?;
    }
    if !gathering.is_read() {
        gathering.go_on(app, &files, &set).await?;
        return Ok(None);
    }
    let mut all = gathering.all(app, &files).await?;
    let Some(outside) = outside(app, &files, &mut all).await? else { return Ok(None) };
    let left_out: BTreeSet<&AccountId> = outside.iter().map(|it| &it.account_id).collect();
    all.instances.retain(|one| !left_out.contains(&one.account));
    let maker = Maker { app, request, input, files, set };
    let Some(made) = maker.make(&all, &outside, gathering, now).await? else {
        return Ok(None);
    };
    let Made { manifest, previous_template, cut, known, known_faults, overriding } = made;
    for (size, accounts) in manifest.waves.iter().zip(&cut.waves) {
        let Some(plan) = manifest.wave(size.number) else { continue };
        let first = manifest.first_wave() == Some(size.number);
        let (operations, _) = decide::wave(size.number, plan, accounts.clone(), first);
        maker.files.write(&format!("waves/{:02}.json", size.number), &operations).await?;
    }
    maker.files.write(KNOWN, &known).await?;
    maker.files.write(OUTSIDE, &outside).await?;
    maker.files.write(OVERRIDES, &overriding).await?;
    maker.files.write_text(PREVIOUS_TEMPLATE, &previous_template).await?;
    if !input.dry_run {
        maker.is_the_newest().await?;
    }
    // Last: a plan that is there is whole.
    maker.files.write(MANIFEST, &manifest).await?;
    let told = (&cut, &*known, &*overriding);
    let summary = summary(&manifest, &all.instances, told, &outside, maker.files.key(MANIFEST));
    let planned = Planned {
        rollout: manifest.header.clone(),
        dry_run: input.dry_run,
        waves: manifest.waves.clone(),
        summary: Summary { known_offenders_faults: known_faults, ..summary },
    };
    tracing::info!(
        stack_set = %input.stack_set,
        accounts = planned.summary.accounts,
        waves = planned.waves.len(),
        "the roll-out is planned"
    );
    Ok(Some(planned))
}

/// Refuses a stack set that nobody named for this.
async fn may_roll_out(app: &App, input: &Input) -> Result<(), Halt> {
    let set = &input.stack_set;
    if app.config.stack_sets.name(&app.parameters, set).await? {
        return Ok(());
    }
    let mut faults = Faults::new();
    faults.push(Fault::new("stackSet", set.as_str(), StackSets::RULE));
    Err(Error::PlanRefused(faults).into())
}

/// What the rollout would touch, of the plan and of what was read beside it.
fn summary(
    manifest: &Manifest,
    instances: &[Instance],
    (cut, known, overriding): (&Cut, &[Known], &[Overriding]),
    outside: &[Outside],
    plan_key: String,
) -> Summary {
    let regions: BTreeSet<&RegionName> = instances.iter().map(|one| &one.region).collect();
    Summary {
        stack_set: manifest.header.stack_set.clone(),
        accounts: manifest.waves.iter().map(|wave| wave.accounts).sum(),
        instances: manifest.waves.iter().map(|wave| wave.instances).sum(),
        regions: regions.into_iter().cloned().collect(),
        left_out: cut.left_out,
        inoperable: cut.inoperable,
        red_before: manifest.red_before.clone(),
        plan_key,
        excepted: cut.excepted.len(),
        outside: outside.len(),
        outside_accounts: outside.iter().take(NAMED).cloned().collect(),
        known_offenders: known.len(),
        known_offender_accounts: first_accounts(known.iter().map(|one| &one.account)),
        known_offenders_faults: Vec::new(),
        overriding: overriding.len(),
        overriding_accounts: first_accounts(overriding.iter().map(|one| &one.account)),
    }
}

/// The first few, each once.
fn first_accounts<'a>(all: impl Iterator<Item = &'a AccountId>) -> Vec<AccountId> {
    let distinct: BTreeSet<&AccountId> = all.collect();
    distinct.into_iter().take(NAMED).cloned().collect()
}
