//! One step towards a plan: read on, or put it together. Nothing is touched but files.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lambda_kit::sdk::Wire;
use lambda_kit::{Clock, Lookup, client};
use lifecycle::rollout::{RolloutHash, unproven};
use lifecycle::{ExecutionTimes, Fault, Faults, Progress, RegionName, Resume, StackSetName};
use rollout::cut::cut;
use rollout::manifest::{MANIFEST, PREVIOUS_TEMPLATE, WaveSize};
use rollout::{Files, Header, Input, Instance, Manifest, StackSet, Template, alarms};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::Config;
use crate::decide::{self, Change};
use crate::error::{Error, Halt};
use crate::gather::{Gathering, units};

/// Reading goes on at once; a throttle has its time to pass.
const SHORTEST_WAIT_SECONDS: u32 = 1;
const WAIT_AFTER_REFUSAL_SECONDS: u32 = 10;

/// The function, ready to be called.
#[derive(Debug, Clone)]
pub struct App {
    pub(crate) config: Config,
    pub(crate) organizations: aws_sdk_organizations::Client,
    cloudformation: aws_sdk_cloudformation::Client,
    cloudwatch: aws_sdk_cloudwatch::Client,
    objects: aws_sdk_s3::Client,
    region: String,
    clock: Clock,
}

impl App {
    /// The function on a wire of one's choice.
    pub fn new(wire: &Wire, config: Config, clock: Clock) -> Self {
        Self {
            config,
            organizations: client!(aws_sdk_organizations, wire.global()),
            cloudformation: StackSet::client(wire),
            cloudwatch: alarms::alarms_client(wire),
            objects: Files::client(wire),
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
    let before = gathering.clone();
    // Boxed: the futures of nested SDK calls are larger than the compiler likes in one piece.
    let (seconds, because) = match Box::pin(step(app, &request, &input, &mut gathering, now)).await
    {
        Ok(Some(planned)) => return Ok(Progress::Done(planned)),
        Ok(None) => (SHORTEST_WAIT_SECONDS, gathering.progress()),
        Err(Halt::Later(because)) => {
            gathering = before;
            (WAIT_AFTER_REFUSAL_SECONDS, because)
        }
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
    let units = units(app, &input.plan);
    if !gathering.go_on(app, &files, &set, &units).await? {
        return Ok(None);
    }
    let (instances, members) = gathering.all(&files, &units).await?;
    let maker = Maker { app, request, input, files, set };
    let cut = cut(&input.plan, &instances, &members)?;
    if cut.waves.iter().all(BTreeMap::is_empty) {
        let rule = "must have an instance that a wave takes";
        return Err(Faults::from(Fault::new("stackSet", input.stack_set.as_str(), rule)).into());
    }
    let (manifest, previous) = maker.manifest(&instances, &cut.waves, now).await?;
    for (size, accounts) in manifest.waves.iter().zip(cut.waves) {
        let Some(plan) = manifest.wave(size.number) else { continue };
        let first = manifest.first_wave() == Some(size.number);
        let (operations, _) = decide::wave(size.number, plan, accounts, first);
        maker.files.write(&format!("waves/{:02}.json", size.number), &operations).await?;
    }
    maker.files.write_text(PREVIOUS_TEMPLATE, &previous).await?;
    // Last: a plan that is there is whole.
    maker.files.write(MANIFEST, &manifest).await?;
    let planned = planned(input, &manifest, (cut.left_out, cut.inoperable), &instances, &maker);
    tracing::info!(
        stack_set = %input.stack_set,
        accounts = planned.summary.accounts,
        waves = planned.waves.len(),
        "the roll-out is planned"
    );
    Ok(Some(planned))
}

fn planned(
    input: &Input,
    manifest: &Manifest,
    (left_out, inoperable): (usize, usize),
    instances: &[Instance],
    maker: &Maker<'_>,
) -> Planned {
    let regions: std::collections::BTreeSet<_> = instances.iter().map(|one| &one.region).collect();
    Planned {
        rollout: manifest.header.clone(),
        dry_run: input.dry_run,
        waves: manifest.waves.clone(),
        summary: Summary {
            stack_set: input.stack_set.clone(),
            accounts: manifest.waves.iter().map(|wave| wave.accounts).sum(),
            instances: manifest.waves.iter().map(|wave| wave.instances).sum(),
            regions: regions.into_iter().cloned().collect(),
            left_out,
            inoperable,
            red_before: manifest.red_before.clone(),
            plan_key: maker.files.key(MANIFEST),
        },
    }
}

/// What a plan is made of.
struct Maker<'a> {
    app: &'a App,
    request: &'a Request,
    input: &'a Input,
    files: Files,
    set: StackSet,
}

impl Maker<'_> {
    /// The plan, and the template that the set goes back to.
    async fn manifest(
        &self,
        instances: &[Instance],
        waves: &[BTreeMap<lifecycle::AccountId, std::collections::BTreeSet<RegionName>>],
        now: Timestamp,
    ) -> Result<(Manifest, String), Halt> {
        let input = self.input;
        let before = self.before().await?;
        let set = self.set.describe().await?;
        let (was, previous_template) = match before {
            Some((manifest, template)) => (manifest.previous_values, template),
            None => (set.parameters.clone(), set.template.clone()),
        };
        let url = match &input.template {
            Template::Url(url) => Some(url.as_str()),
            Template::Previous => None,
        };
        let declared = self.set.parameters_of(url).await?.map_err(|words| {
            let shown = url.unwrap_or("the set's own");
            Faults::from(Fault::new("templateUrl", shown, format!("is refused: {words}")))
        })?;
        let address = Template::Url(self.files.url(PREVIOUS_TEMPLATE, &self.app.region));
        let Change { next, previous } = decide::change(input, &declared, &set, &was, address)?;
        let keeps = decide::keeps(&set, instances)?;
        let red = alarms::red(&self.app.cloudwatch, &input.plan.health, &[]).await?;
        let red_before = decide::red_before(&input.plan, &red)?;
        let sizes = (1..).zip(waves).zip(&input.plan.waves);
        let first = waves.iter().position(|accounts| !accounts.is_empty());
        let sizes = sizes.enumerate().map(|(index, ((number, accounts), plan))| {
            decide::wave(number, plan, accounts.clone(), first == Some(index)).1
        });
        let manifest = Manifest {
            header: Header {
                execution: self.request.name.clone(),
                stack_set: input.stack_set.clone(),
                waves: u32::try_from(waves.len()).unwrap_or(u32::MAX),
                deadline_seconds: input.plan.deadline_seconds,
            },
            planned_at: now,
            found: set.fingerprint(),
            next,
            previous,
            previous_values: was,
            keeps,
            plan: input.plan.clone(),
            waves: sizes.collect(),
            red_before,
        };
        Ok((manifest, previous_template))
    }

    /// The roll-out in whose place this one goes on, and the template that it had found; nothing
    /// when the set is proven.
    async fn before(&self) -> Result<Option<(Manifest, String)>, Halt> {
        let log = self.set.log().await?;
        let newest = unproven(log.iter().map(|one| one.id.as_str()));
        let mine = RolloutHash::of(&self.request.name);
        let Some(other) = newest.filter(|one| one.rollout != mine) else { return Ok(None) };
        let named = self.input.take_over.as_deref();
        let Some(name) = named.filter(|name| RolloutHash::of(name) == other.rollout) else {
            let stack_set = self.input.stack_set.clone();
            return Err(Error::AnotherRollout { stack_set, operation: other }.into());
        };
        let files = Files::of(&self.app.objects, &self.app.config.runs_bucket, name);
        let manifest = files.read(MANIFEST).await?;
        Ok(Some((manifest, files.read_text(PREVIOUS_TEMPLATE).await?)))
    }
}
