//! One roll-out, from the settled fleet to the last account.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use lifecycle::TiersConfig;
use local_aws::{AwsError, Durations, Settings};
use serde_json::{Value, json};

use super::fleet::{self, Fleet, Tenant, Wanted};
use super::measure;
use super::report::Report;
use super::signups::Arrivals;
use crate::deployment::Error;
use crate::world::{self, World};

/// What changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A template that works.
    Good,
    /// A template with a resource that fails in every account.
    Bad,
    /// The same, and its words are those of something else: a throttle, a suspension, a veto.
    BadInDisguise(&'static str),
}

/// What is simulated.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// The fleet.
    pub fleet: Wanted,
    /// The plan, as the machine's input has it: a name or a document.
    pub plan: Value,
    /// What changes.
    pub change: Change,
    /// How long an instance takes.
    pub instance: Duration,
    /// When the alarms that were red in the beginning clear, from the start on; none never.
    pub alarms_clear_after: Option<Duration>,
    /// Signups an hour while the roll-out runs.
    pub signups_per_hour: u32,
    /// How long it is followed at most.
    pub most: Duration,
}

impl Scenario {
    /// How long new tenants wait at most by the plan. Those that have names say nothing of it.
    pub(crate) fn new_tenants_wait(&self) -> Duration {
        if self.plan["newTenants"] == "ALLOW" {
            return Duration::ZERO;
        }
        Duration::from_secs(self.plan["newTenantsWaitSeconds"].as_u64().unwrap_or(300))
    }
}

/// The roll-out's name, as a delivery pipeline would give it.
pub const EXECUTION: &str = "landlord-tenant-baseline_change-2";

/// How often the world is looked at.
pub(crate) const LOOK: Duration = Duration::from_secs(30);

/// A world with a fleet in it, before or while something rolls out.
#[derive(Debug)]
pub struct Scene {
    /// The world.
    pub world: World,
    /// Its fleet.
    pub fleet: Fleet,
    execution: String,
    approvals: usize,
    messages: usize,
    started: Timestamp,
    calls_before: BTreeMap<(String, String, String), u64>,
}

impl Scene {
    /// Founds a world with Landlord and a fleet. Call it on a runtime whose clock is paused.
    ///
    /// # Errors
    /// What cannot be deployed or settled.
    pub async fn found(wanted: &Wanted, instance: Duration) -> Result<Self, Error> {
        let settings = world::settings(wanted.seed);
        let durations = Durations { stack_instance: instance, ..settings.durations };
        Self::of(Settings { durations, ..settings }, &wanted.tenants(), wanted.gates).await
    }

    /// Founds a world with these tenants in it.
    ///
    /// # Errors
    /// What cannot be deployed or settled.
    pub async fn of(settings: Settings, tenants: &[Tenant], gates: bool) -> Result<Self, Error> {
        // The shipped tiers: their tenants don't wait for a quota's decision, which takes half an
        // hour here and would hide what a rollout adds.
        let text = file("tiers.json")?;
        let tiers = tiers(&text)?;
        let world = World::found(settings, BTreeMap::from([("Tiers".to_owned(), text)])).await?;
        let fleet = Fleet::settle(&world.deployment, &tiers, tenants, gates).await?;
        let started = world.aws().now();
        let calls_before = world.aws().counts();
        Ok(Self {
            world,
            fleet,
            execution: String::new(),
            approvals: 0,
            messages: 0,
            started,
            calls_before,
        })
    }

    /// Brings the changed template, and starts the roll-out.
    ///
    /// # Errors
    /// What the world refuses.
    pub async fn start(&mut self, plan: &Value, change: Change) -> Result<(), Error> {
        let template = changed(&file("stacksets/tenant-baseline.yaml")?, change);
        let words = match change {
            Change::Good => None,
            Change::Bad => Some(measure::BAD_WORDS),
            Change::BadInDisguise(words) => Some(words),
        };
        if let Some(words) = words {
            self.world.aws().set_resource_rules(vec![measure::bad_resource(words)]);
        }
        let deployment = &self.world.deployment;
        let url = fleet::upload(deployment, "templates/change-2.yaml", &template).await?;
        let input = json!({
            "version": 1, "stackSet": self.fleet.stack_set, "templateUrl": url, "plan": plan,
        });
        self.begin(EXECUTION, &input).await
    }

    /// Starts the roll-out under a name, with this input.
    ///
    /// # Errors
    /// What the world refuses.
    pub async fn begin(&mut self, name: &str, input: &Value) -> Result<(), Error> {
        let deployment = &self.world.deployment;
        let start = json!({
            "stateMachineArn": deployment.output("RollOutStateMachineArn")?,
            "name": name, "input": input.to_string(),
        });
        self.calls_before = self.world.aws().counts();
        self.started = self.world.aws().now();
        let answer = deployment.ask("states", "StartExecution", start).await?;
        answer["executionArn"].as_str().unwrap_or_default().clone_into(&mut self.execution);
        Ok(())
    }

    /// The ARN of the roll-out's execution.
    #[must_use]
    pub fn execution(&self) -> &str {
        &self.execution
    }

    /// How long it has run.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Duration::try_from(self.world.aws().now().duration_since(self.started)).unwrap_or_default()
    }

    /// When it was started.
    #[must_use]
    pub fn started(&self) -> Timestamp {
        self.started
    }

    /// The execution as Step Functions describes it.
    ///
    /// # Errors
    /// What the world refuses.
    pub async fn described(&self) -> Result<Value, Error> {
        let input = json!({ "executionArn": self.execution });
        self.world.deployment.ask("states", "DescribeExecution", input).await
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// What the world refuses.
    pub async fn runs(&self) -> Result<bool, Error> {
        Ok(self.described().await?["status"] == "RUNNING")
    }

    /// Approves what was asked for since the last time, as the message tells operators to.
    ///
    /// # Errors
    /// What the world refuses.
    pub async fn approve(&mut self) -> Result<(), Error> {
        let published = self.world.aws().published();
        let since = std::mem::replace(&mut self.messages, published.len());
        let tokens = published.iter().skip(since).filter_map(|message| {
            let (_, rest) = message.message.split_once("send-task-success")?;
            rest.split_once("--task-token ")?.1.split_whitespace().next()
        });
        for token in tokens {
            let input = json!({ "taskToken": token, "output": "{}" });
            self.world.deployment.ask("states", "SendTaskSuccess", input).await?;
            self.approvals += 1;
        }
        Ok(())
    }

    /// How many waves were approved.
    #[must_use]
    pub fn approvals(&self) -> usize {
        self.approvals
    }

    /// Lets time go by until it has ended, `most` at the most; says whether it has.
    ///
    /// # Errors
    /// What the world refuses.
    pub async fn to_its_end(&self, most: Duration) -> Result<bool, Error> {
        while self.elapsed() < most {
            if !self.runs().await? {
                return Ok(true);
            }
            self.world.aws().sleep(LOOK).await;
        }
        Ok(!self.runs().await?)
    }

    /// The version of the baseline in an account and Region, from its own stack.
    pub async fn version(&self, account: &str, region: &str) -> Option<String> {
        measure::version(self, account, region).await
    }

    /// The calls of all since the start, by (caller, action, outcome).
    #[must_use]
    pub fn calls(&self) -> BTreeMap<(String, String, String), u64> {
        let mut calls = self.world.aws().counts();
        for (key, before) in &self.calls_before {
            if let Some(count) = calls.get_mut(key) {
                *count -= before;
            }
        }
        calls.retain(|_, count| *count > 0);
        calls
    }
}

/// Runs a scenario to its end and measures it.
///
/// # Errors
/// A world that cannot be founded, or a plan that cannot be read.
pub async fn simulate(scenario: &Scenario) -> Result<Report, Error> {
    let mut scene = Scene::found(&scenario.fleet, scenario.instance).await?;
    scene.start(&scenario.plan, scenario.change).await?;
    let mut clear = scenario.alarms_clear_after;
    let mut arrivals = Arrivals::of(scenario.signups_per_hour);
    while scene.elapsed() < scenario.most && scene.runs().await? {
        if clear.is_some_and(|after| scene.elapsed() >= after) {
            clear = None;
            for member in scene.fleet.members.iter().filter(|member| member.in_alarm) {
                fleet::set_alarm(scene.world.aws(), member, "OK").await?;
            }
        }
        arrivals.send(&scene.world, scene.elapsed()).await?;
        scene.approve().await?;
        // Announcements are kept by the queue for four days only.
        scene.world.drain().await?;
        scene.world.aws().sleep(LOOK).await;
    }
    measure::report(scenario, &mut scene, &arrivals).await
}

/// Reads the tiers.
///
/// # Errors
/// All of their faults.
pub fn tiers(text: &str) -> Result<TiersConfig, Error> {
    text.parse().map_err(|faults| Error::Call {
        call: "tiers.json".to_owned(),
        source: AwsError::validation(format!("{faults}")),
    })
}

/// The template as the change has it: the baseline says its next version.
#[must_use]
pub fn changed(template: &str, change: Change) -> String {
    let next = template.replace(r#""version":"1""#, r#""version":"2""#);
    match change {
        Change::Good => next,
        Change::Bad | Change::BadInDisguise(_) => next.replace(
            "\nOutputs:\n",
            &format!(
                "\n  {}:\n    Type: AWS::SSM::Parameter\n    Properties:\n      Type: String\n      \
                 Name: /landlord/broken\n      Value: x\n\nOutputs:\n",
                measure::BAD_RESOURCE
            ),
        ),
    }
}

/// A file of the repository that this crate was built in.
pub(crate) fn file(name: &str) -> Result<String, Error> {
    let path = root().join(name);
    std::fs::read_to_string(&path)
        .map_err(|source| Error::File { path: path.display().to_string(), source })
}

pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
