//! `landlord demo retire`: seven tenants, six of whom leave; and the sweep closes exactly two of
//! their accounts. First a dry run, then for real, with the real function binaries.

mod outcome;
mod story;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use lifecycle::tags;
use serde_json::{Value, json};
use simulation::deployment::{self, Announcement, Deployment, Listener};

use crate::place::{self, Place};
use outcome::{Outcome, Swept};
use story::Story;

/// How long a demo has it that tenants are gone. Longer than the cooling-off time.
const WEEKS: SignedDuration = SignedDuration::from_hours(40 * 24);

/// Let tenants leave, come back and be closed: a dry run, then for real
#[derive(Debug, Args)]
pub(crate) struct RetireDemo {
    /// Print the outcome as one JSON document on standard output
    #[arg(long)]
    json: bool,
    /// How long all of it may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    #[command(flatten)]
    options: place::Options,
}

/// Why the demo did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Place(#[from] place::Error),
    #[error("the local AWS refused a call of the demo")]
    Console(#[from] deployment::Error),
    #[error(transparent)]
    Operator(#[from] operator::Failure),
    #[error("tiers.json cannot be read")]
    Tiers(#[source] std::io::Error),
    #[error("the time of the demo was over while {0}; --timeout gives it more")]
    TimeOver(&'static str),
}

impl RetireDemo {
    /// Runs the demo. Exit status: 0 all came out as it should, 1 something did not.
    pub(crate) async fn run(self) -> ExitCode {
        match self.perform().await {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => crate::failed(&error),
        }
    }

    async fn perform(&self) -> Result<bool, Error> {
        let place = place::start(&self.options, 0).await?;
        let result = self.show(&place).await;
        place.host.shutdown().await;
        place.deployment.aws().shut_down();
        result
    }

    async fn show(&self, place: &Place) -> Result<bool, Error> {
        let tiers = std::fs::read_to_string(place.root.join("tiers.json")).map_err(Error::Tiers)?;
        let mut watcher = Watcher::new(&place.deployment, self.timeout).await?;
        let story = Story::begin(place, &tiers).await?;
        watcher.tell("fleet", &story.summary());
        story.farewells(&mut watcher).await?;
        watcher.weeks_pass();
        story.second_thoughts(&mut watcher).await?;

        let dry = watcher.sweep("dry-run", json!({ "dryRun": true })).await?;
        let wet = watcher.sweep("for-real", json!({ "dryRun": false })).await?;
        watcher.until("the closings are announced", "TenantRetired", story::CLOSES.len()).await?;
        let outcome = Outcome::of(&story, &watcher, [dry, wet]).await?;
        crate::say(&if self.json { outcome.json().to_string() } else { outcome.page() });
        let differences = outcome.differences(&story);
        for difference in &differences {
            eprintln!("not as it should be: {difference}");
        }
        if differences.is_empty() {
            watcher.tell("", "all came out as it should");
        }
        Ok(differences.is_empty())
    }
}

/// Puts events on the bus, starts sweeps, and hears what is announced.
pub(crate) struct Watcher {
    deployment: Deployment,
    listener: Listener,
    started: Instant,
    limit: Duration,
    /// Everything that was announced.
    heard: Vec<Announced>,
}

/// What was announced: name and detail.
pub(crate) type Announced = (String, Value);

impl Watcher {
    /// Hears what is announced from now on, and gives up after so many seconds.
    pub(crate) async fn new(deployment: &Deployment, seconds: u64) -> Result<Self, Error> {
        Ok(Self {
            deployment: deployment.clone(),
            listener: deployment.listen().await?,
            started: Instant::now(),
            limit: Duration::from_secs(seconds),
            heard: Vec::new(),
        })
    }

    pub(crate) fn tell(&self, who: &str, what: &str) {
        eprintln!("{:7.1} s  {who:<9} {what}", self.started.elapsed().as_secs_f64());
    }

    pub(crate) fn heard(&self) -> &[Announced] {
        &self.heard
    }

    pub(crate) fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// An event of the signup system; answers its id.
    pub(crate) async fn put(&self, name: &str, detail: Value) -> Result<String, Error> {
        self.tell("signup", &format!("{name} {}", detail["tenantId"].as_str().unwrap_or("?")));
        Ok(self.deployment.put(name, &detail).await?)
    }

    /// Hears what was announced meanwhile.
    pub(crate) async fn listen(&mut self) -> Result<(), Error> {
        for Announcement { name, detail, .. } in self.listener.next().await? {
            if let Some(text) = spoken(&name, &detail) {
                self.tell("landlord", &text);
            }
            self.heard.push((name, detail));
        }
        Ok(())
    }

    /// An error once the time is over.
    pub(crate) fn is_over(&self, doing: &'static str) -> Result<(), Error> {
        if self.started.elapsed() > self.limit { Err(Error::TimeOver(doing)) } else { Ok(()) }
    }

    /// Listens until so many announcements of a name were heard.
    pub(crate) async fn until(
        &mut self,
        doing: &'static str,
        name: &str,
        count: usize,
    ) -> Result<(), Error> {
        while self.heard.iter().filter(|(heard, _)| heard == name).count() < count {
            self.is_over(doing)?;
            self.listen().await?;
        }
        Ok(())
    }

    /// Listens until one of these was heard since so many announcements; answers the first that was.
    pub(crate) async fn first_of(
        &mut self,
        doing: &'static str,
        since: usize,
        wanted: impl Fn(&str, &Value) -> bool,
    ) -> Result<Announced, Error> {
        let mut known = since;
        loop {
            if let Some(found) = self.heard[known..].iter().find(|(name, it)| wanted(name, it)) {
                return Ok(found.clone());
            }
            known = self.heard.len();
            self.is_over(doing)?;
            self.listen().await?;
        }
    }

    /// Functions have this machine's clock: what is behind the tenants is put further back.
    pub(crate) fn weeks_pass(&self) {
        let aws = self.deployment.aws();
        for account in aws.accounts() {
            for key in [tags::LIFECYCLE_AT, tags::RETIRE_AFTER, tags::RETIRING_AT] {
                let at = account.tags.get(key).and_then(|at| at.parse::<Timestamp>().ok());
                let before = at.and_then(|at| at.checked_sub(WEEKS).ok());
                if let Some(before) = before {
                    aws.tag_account_by_hand(&account.id, key, Some(&before.to_string()));
                }
            }
        }
        self.tell("", "forty days pass: the times in their tags are set back by as much");
    }

    /// Starts a sweep; answers its execution.
    pub(crate) async fn start_sweep(&self, name: &str, input: Value) -> Result<Value, Error> {
        let request = json!({
            "stateMachineArn": self.deployment.output("SweepRetirementsStateMachineArn")?,
            "name": name, "input": input.to_string(),
        });
        self.tell("operator", &format!("starts the sweep {name} with {input}"));
        let made = self.deployment.ask("states", "StartExecution", request).await?;
        Ok(json!({ "executionArn": made["executionArn"] }))
    }

    /// Follows a sweep to its end; answers how it ended.
    pub(crate) async fn end_of_sweep(
        &mut self,
        name: &str,
        execution: &Value,
    ) -> Result<String, Error> {
        loop {
            self.is_over("a sweep runs")?;
            self.listen().await?;
            let ask = self.deployment.ask("states", "DescribeExecution", execution.clone());
            let status = ask.await?["status"].as_str().unwrap_or_default().to_owned();
            if status != "RUNNING" {
                self.tell("sweep", &format!("{name} {status}"));
                return Ok(status);
            }
        }
    }

    /// Starts a sweep, and follows it to its end.
    async fn sweep(&mut self, name: &str, input: Value) -> Result<Swept, Error> {
        let execution = self.start_sweep(name, input).await?;
        let status = self.end_of_sweep(name, &execution).await?;
        Swept::read(&self.deployment, name, status).await
    }
}

/// What a person is told of an announcement.
fn spoken(name: &str, detail: &Value) -> Option<String> {
    let text = |member: &str| detail[member].as_str().unwrap_or_default();
    let who = text("tenantId");
    match name {
        "TenantRetiring" => Some(format!("{name} {who}: not before {}", text("retireAfter"))),
        "TenantUnchanged" => Some(format!("{name} {who}: {}", text("because"))),
        "TenantReady" => Some(format!("{name} {who}: account {}", text("accountId"))),
        "TenantOnboardingFailed" => Some(format!("{name} {who}: {}", text("error"))),
        "TenantRestored" | "TenantRetired" => Some(format!("{name} {who}")),
        "RetirementSweepFinished" => Some(format!("{name}: {}", detail["counts"])),
        _ => None,
    }
}
