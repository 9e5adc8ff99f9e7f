//! `landlord demo retire`: seven tenants, six of whom leave; and the sweep closes exactly two of
//! their accounts. First a dry run, then for real, with the real function binaries.

mod outcome;
mod story;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};
use simulation::deployment::{self, Deployment, Listener};

use crate::place::{self, Place};
use outcome::{Outcome, Swept};
use story::Story;

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
        story.weeks_pass(&watcher);
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
    /// Everything that was announced: name and detail.
    heard: Vec<(String, Value)>,
}

impl Watcher {
    async fn new(deployment: &Deployment, seconds: u64) -> Result<Self, Error> {
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

    pub(crate) fn heard(&self) -> &[(String, Value)] {
        &self.heard
    }

    pub(crate) fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// An event of the signup system.
    pub(crate) async fn put(&self, name: &str, detail: Value) -> Result<(), Error> {
        self.tell("signup", &format!("{name} {}", detail["tenantId"].as_str().unwrap_or("?")));
        self.deployment.put(name, &detail).await?;
        Ok(())
    }

    async fn listen(&mut self) -> Result<(), Error> {
        for heard in self.listener.next().await? {
            if let Some(text) = spoken(&heard.name, &heard.detail) {
                self.tell("landlord", &text);
            }
            self.heard.push((heard.name, heard.detail));
        }
        Ok(())
    }

    fn is_over(&self, doing: &'static str) -> Result<(), Error> {
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

    /// Starts a sweep, and follows it to its end.
    async fn sweep(&mut self, name: &str, input: Value) -> Result<Swept, Error> {
        let request = json!({
            "stateMachineArn": self.deployment.output("SweepRetirementsStateMachineArn")?,
            "name": name, "input": input.to_string(),
        });
        self.tell("operator", &format!("starts the sweep {name} with {input}"));
        let made = self.deployment.ask("states", "StartExecution", request).await?;
        let execution = json!({ "executionArn": made["executionArn"] });
        loop {
            self.is_over("a sweep runs")?;
            self.listen().await?;
            let ask = self.deployment.ask("states", "DescribeExecution", execution.clone());
            let status = ask.await?["status"].as_str().unwrap_or_default().to_owned();
            if status != "RUNNING" {
                self.tell("sweep", &format!("{name} {status}"));
                return Swept::read(&self.deployment, name, status).await;
            }
        }
    }
}

/// What a person is told of an announcement.
fn spoken(name: &str, detail: &Value) -> Option<String> {
    let text = |member: &str| detail[member].as_str().unwrap_or_default();
    let who = text("tenantId");
    match name {
        "TenantRetiring" => Some(format!("{name} {who}: not before {}", text("retireAfter"))),
        "TenantUnchanged" => Some(format!("{name} {who}: {}", text("because"))),
        "TenantRestored" | "TenantRetired" => Some(format!("{name} {who}")),
        "RetirementSweepFinished" => Some(format!("{name}: {}", detail["counts"])),
        _ => None,
    }
}
