//! One world: the stack, and one fleet after the other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use lifecycle::tags;
use local_aws::{Aws, AwsError, Durations, Settings};
use serde_json::{Value, json};

use super::changes::Change;
use super::faults::{Armed, At, SWITCH, Watch};
use super::fleet::{Before, Planned, moment, one_in, plan};
use super::{Summary, guards};
use crate::deployment::{self, Deployment, deploy};
use crate::library::Library;
use crate::retirement::fleet::{enrol, settle};
use crate::rollout::fleet::download;
use crate::world::{repository, settings};

static WORLDS: AtomicU64 = AtomicU64::new(0);

const MACHINE: &str = "landlord-sweep-retirements";

/// A service that an account may administer for the organization.
const SERVICE: &str = "member.org.stacksets.cloudformation.amazonaws.com";

/// How long a fleet's sweeps are followed, and how often they are looked at.
const MOST: Duration = Duration::from_secs(9 * 86_400);
const LOOK: Duration = Duration::from_secs(60);

/// Why a proof came to no end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The world could not be made, or did not answer.
    #[error("the world of seed {seed} failed")]
    World {
        /// The world's seed.
        seed: u64,
        /// Why.
        source: Box<deployment::Error>,
    },
    /// The world panicked, or had no thread.
    #[error("the world of seed {seed} broke off")]
    Thread {
        /// The world's seed.
        seed: u64,
        /// Why.
        source: std::io::Error,
    },
}

/// Lets `fleets` fleets go through a world, one after the other.
pub(super) async fn world(seed: u64, fleets: usize) -> Result<Summary, Error> {
    let mut dice = Rng::with_seed(seed);
    let run = Run::found(&mut dice, seed).await;
    let run = run.map_err(|source| Error::World { seed, source: Box::new(source) })?;
    for _ in 0..fleets {
        run.fleet(&mut dice)
            .await
            .map_err(|source| Error::World { seed, source: Box::new(source) })?;
    }
    run.aws().set_faults(Arc::new(local_aws::NoFaults));
    run.library.set_faults(None);
    run.aws().shut_down();
    Ok(run.watch.end())
}

struct Run {
    deployment: Deployment,
    library: Library,
    watch: Arc<Watch>,
    units: BTreeMap<String, String>,
}

impl Run {
    async fn found(dice: &mut Rng, seed: u64) -> Result<Self, deployment::Error> {
        let usual = settings(seed);
        let seconds = |dice: &mut Rng, most: u64| Duration::from_secs(dice.u64(0..=most));
        let start = Timestamp::from_second(dice.i64(1_767_600_000..1_900_000_000)).ok();
        let aws = Aws::new(Settings {
            start,
            closing_flaps: dice.bool(),
            closed_reads_suspended: one_in(dice, 3),
            lean: true,
            durations: Durations {
                account_closing: seconds(dice, 300),
                stack_instance: seconds(dice, 120),
                tag_lag: seconds(dice, 120),
                ..usual.durations
            },
            ..usual
        });
        let number = WORLDS.fetch_add(1, Ordering::Relaxed);
        let library = Library::new(&aws, format!("proof-of-retirement-{number}"));
        aws.set_functions(Arc::new(library.clone()));
        let deployment = deploy(&aws, &repository(), BTreeMap::new()).await?;
        let trusted = json!({ "ServicePrincipal": SERVICE });
        deployment.ask("organizations", "EnableAWSServiceAccess", trusted).await?;
        let units = deployment.units().await?;
        let text = r#"{"stopped":true,"reason":"wrong tenants","by":"on call"}"#;
        let put = json!({ "Name": SWITCH, "Type": "String", "Value": text });
        deployment.ask("ssm", "PutParameter", put).await?;
        let watch = Watch::new(&aws, seed);
        aws.set_faults(watch.clone());
        library.set_faults(Some(watch.clone()));
        Ok(Self { deployment, library, watch, units })
    }

    fn aws(&self) -> &Aws {
        self.deployment.aws()
    }

    /// A fleet, its sweep, and what people do meanwhile.
    async fn fleet(&self, dice: &mut Rng) -> Result<(), deployment::Error> {
        let now = self.aws().now();
        let planned = plan(dice, &self.units, now);
        let accounts = self.stand(&planned).await?;
        let units: Vec<String> = self.units.values().cloned().collect();
        let mut changes = Vec::new();
        let mut later = Vec::new();
        for _ in 0..dice.usize(0..=4) {
            let account = dice.choice(&accounts).cloned().unwrap_or_default();
            let change = Change::any(dice, &units, now);
            match dice.u8(..6) {
                0 => changes.push((At::Call(dice.u32(0..120)), account, change)),
                1..5 => changes.push((At::ClosingCall(dice.u32(0..24)), account, change)),
                _ => later.push((Duration::from_secs(dice.u64(0..600)), account, change)),
            }
        }
        let is_reopened = |planned: &Planned| planned.before == Before::Reopened;
        let reopened = planned.iter().zip(&accounts).filter(|(it, _)| is_reopened(it));
        let reopened = reopened.map(|(_, account)| account.clone()).collect();
        let stop_at = one_in(dice, 4).then(|| match dice.u8(..4) {
            0 => At::Call(0),
            1 => At::Call(dice.u32(0..120)),
            _ => At::ClosingCall(dice.u32(0..24)),
        });
        self.watch.arm(Armed { accounts: accounts.clone(), changes, stop_at, reopened });
        self.sweep(dice, &planned, later).await?;
        self.watch.disarm();
        self.count(&accounts).await;
        self.look_for_reopened(&planned, &accounts).await;
        self.clear(&accounts).await;
        Ok(())
    }

    /// Lets the accounts stand as planned.
    async fn stand(&self, planned: &[Planned]) -> Result<Vec<String>, deployment::Error> {
        let settled: Vec<_> = planned.iter().map(|it| it.settled.clone()).collect();
        let accounts = settle(&self.deployment, &settled)?;
        let chosen = |wanted: fn(&Planned) -> bool| -> Vec<String> {
            let pairs = planned.iter().zip(&accounts).filter(|(planned, _)| wanted(planned));
            pairs.map(|(_, account)| account.clone()).collect()
        };
        let with_stack = chosen(|planned| planned.has_stack);
        if !with_stack.is_empty() {
            enrol(&self.deployment, &with_stack).await?;
        }
        for account in chosen(|planned| planned.before == Before::Suspended) {
            self.aws().suspend_account(&account);
        }
        for account in chosen(|planned| planned.before == Before::Closed) {
            self.aws().close_account_by_hand(&account);
        }
        for account in chosen(|planned| planned.before == Before::Reopened) {
            self.aws().close_account_by_hand(&account);
            self.aws().reopen_account(&account);
        }
        for account in chosen(|planned| planned.before == Before::Delegated) {
            let input = json!({ "AccountId": account, "ServicePrincipal": SERVICE });
            self.again("organizations", "RegisterDelegatedAdministrator", input).await?;
        }
        Ok(accounts)
    }

    /// A call by hand, repeated while AWS throttles it.
    async fn again(
        &self,
        service: &'static str,
        operation: &str,
        input: Value,
    ) -> Result<Value, deployment::Error> {
        loop {
            match self.deployment.ask(service, operation, input.clone()).await {
                Err(deployment::Error::Call { source, .. }) if is_throttle(&source) => {
                    self.aws().sleep(Duration::from_secs(1)).await;
                }
                answer => return answer,
            }
        }
    }

    /// Runs one sweep, now and then a second one beside it, until they end.
    async fn sweep(
        &self,
        dice: &mut Rng,
        planned: &[Planned],
        mut later: Vec<(Duration, String, Change)>,
    ) -> Result<(), deployment::Error> {
        let begun = self.aws().now();
        let mut running = vec![self.start(&json!({ "dryRun": false })).await?];
        let mut second = one_in(dice, 10).then(|| Duration::from_secs(dice.u64(0..300)));
        let mut event = one_in(dice, 3).then(|| Duration::from_secs(dice.u64(0..300)));
        later.sort_by_key(|(at, ..)| *at);
        loop {
            let passed =
                Duration::try_from(self.aws().now().duration_since(begun)).unwrap_or_default();
            while later.first().is_some_and(|(at, ..)| *at <= passed) {
                let (_, account, change) = later.remove(0);
                self.watch.change(&account, &change);
            }
            if second.take_if(|at| *at <= passed).is_some() {
                let input = json!({ "dryRun": false, "closeAtMost": dice.u8(0..4) });
                running.push(self.start(&input).await?);
            }
            if event.take_if(|at| *at <= passed).is_some() {
                self.put(dice, planned).await?;
            }
            let mut left = Vec::new();
            for arn in running {
                let input = json!({ "executionArn": arn });
                let shown = self.deployment.ask("states", "DescribeExecution", input).await?;
                match shown["status"].as_str().unwrap_or_default() {
                    "RUNNING" => left.push(arn),
                    "SUCCEEDED" => self.watch.count(|it| it.sweeps += 1),
                    _ => {
                        let word = |key: &str| shown[key].as_str().unwrap_or_default();
                        self.watch.failed(word("error"), word("cause"));
                    }
                }
            }
            running = left;
            if running.is_empty() || passed > MOST {
                return Ok(());
            }
            let next = later.first().map_or(LOOK, |(at, ..)| at.saturating_sub(passed).min(LOOK));
            self.aws().sleep(next.max(Duration::from_secs(1))).await;
        }
    }

    async fn start(&self, input: &Value) -> Result<Value, deployment::Error> {
        let arn = self.deployment.output("SweepRetirementsStateMachineArn")?;
        let request = json!({ "stateMachineArn": arn, "input": input.to_string() });
        let made = self.deployment.ask("states", "StartExecution", request).await?;
        Ok(made["executionArn"].clone())
    }

    /// A tenant comes back, or leaves once more.
    async fn put(&self, dice: &mut Rng, planned: &[Planned]) -> Result<(), deployment::Error> {
        let Some(planned) = dice.choice(planned) else { return Ok(()) };
        let tenant = planned.settled.tags.iter().find(|(key, _)| key == tags::TENANT);
        let Some((_, tenant)) = tenant else { return Ok(()) };
        let occurred = moment(dice, self.aws().now()).to_string();
        let detail = json!({ "tenantId": tenant, "occurredAt": occurred });
        let name = if dice.u8(..4) > 0 { "TenantReinstated" } else { "TenantOffboarded" };
        let detail = match name {
            "TenantOffboarded" => json!({
                "tenantId": tenant, "occurredAt": occurred, "reason": "once more",
            }),
            _ => detail,
        };
        self.watch.count(|it| *it.changes.entry(name).or_default() += 1);
        self.deployment.put(name, &detail).await.map(drop)
    }

    /// A reopened account is refused as such, unless something else speaks against it first.
    async fn look_for_reopened(&self, planned: &[Planned], accounts: &[String]) {
        let sweeps = self.aws().executions(MACHINE);
        let newest = sweeps
            .iter()
            .filter(|it| !it.is_child && it.status == "SUCCEEDED")
            .max_by_key(|it| it.started);
        let Some(name) = newest.and_then(|it| it.arn.rsplit(':').next()) else { return };
        let report = download(&self.deployment, &format!("sweeps/{name}/report.json")).await;
        let Some(report) = report.and_then(|text| serde_json::from_str::<Value>(&text).ok()) else {
            return;
        };
        let refused: BTreeMap<&str, &str> = report["refused"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|one| Some((one["accountId"].as_str()?, one["code"].as_str()?)))
            .collect();
        let units = ["Retiring", "Suspended"].map(|name| self.units.get(name));
        let swept = |planned: &Planned| units.contains(&Some(&planned.settled.parent));
        let untouched = self.watch.untouched_and_reopened();
        let before = ["NotATenant", "Protected", "DelegatedAdministrator"];
        for (planned, account) in planned.iter().zip(accounts) {
            if !swept(planned) || !untouched.contains(account) {
                continue;
            }
            match refused.get(account.as_str()) {
                Some(&"Reopened") => self.watch.count(|it| it.reopened += 1),
                Some(code) if before.contains(code) => {}
                other => {
                    let because = format!("it was reopened, and the report says {other:?} of it");
                    self.watch.violated(account, &because);
                }
            }
        }
    }

    /// Counts what became of the fleet, by what the sweep's report says.
    async fn count(&self, accounts: &[String]) {
        let executions = self.aws().executions(MACHINE);
        let newest = executions.iter().filter(|it| !it.is_child).max_by_key(|it| it.started);
        let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
        if let Some(name) = newest.and_then(|it| it.arn.rsplit(':').next()) {
            for account in accounts {
                let key = format!("sweeps/{name}/outcomes/{account}.json");
                let Some(text) = download(&self.deployment, &key).await else { continue };
                let outcome: Value = serde_json::from_str(&text).unwrap_or_default();
                if outcome["outcome"] != "CLOSED" {
                    let code = outcome["code"].as_str().unwrap_or("?").to_owned();
                    *reasons.entry(code).or_default() += 1;
                }
            }
        }
        let now = self.aws().now();
        for account in accounts.iter().filter_map(|id| self.aws().account(id)) {
            let objection = guards::objection(&account, now);
            if account.state == "ACTIVE" && objection.is_none() {
                *reasons.entry("nothing against it".to_owned()).or_default() += 1;
            }
        }
        self.watch.count(|summary| {
            summary.fleets += 1;
            summary.accounts += accounts.len();
            for (code, count) in reasons {
                *summary.left_alone.entry(code).or_default() += count;
            }
        });
    }

    /// Takes the fleet out of the organization, so that the next one is alone.
    async fn clear(&self, accounts: &[String]) {
        for account in accounts {
            while self.aws().account(account).is_some_and(|it| it.state == "PENDING_CLOSURE") {
                self.aws().sleep(Duration::from_secs(60)).await;
            }
            self.aws().remove_account_by_hand(account);
        }
        // Events of closings, and what they started, are over by then.
        self.aws().sleep(Duration::from_secs(600)).await;
    }
}

fn is_throttle(error: &AwsError) -> bool {
    error.code.contains("TooManyRequests") || error.code.contains("Throttling")
}
