//! `landlord demo`: signups go in, tenants come out, and one can watch.

mod events;
mod follow;
mod outcome;
mod script;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::place::{self, Options, Place};
use crate::processes::FUNCTIONS;
use events::EventsError;
use follow::Follower;
use outcome::Outcome;

/// Onboard tenants on this machine, or show another part of their life
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Demo {
    #[command(subcommand)]
    part: Option<Part>,
    #[command(flatten)]
    onboarding: Onboarding,
}

/// What there is to see beside onboarding.
#[derive(Debug, Subcommand)]
enum Part {
    Gate(crate::gate::GateDemo),
    Rollout(crate::rollout::RolloutDemo),
    Rehearse(crate::rollout::RehearsalDemo),
    Retire(crate::retire::RetireDemo),
    Return(crate::comeback::ReturnDemo),
    Change(crate::change::ChangeDemo),
    Adopt(crate::adopt::AdoptDemo),
    Fleet(crate::fleet::FleetDemo),
}

impl Demo {
    /// Runs the demo. Exit status: 0 all came out as it should, 1 something did not, 2 usage.
    pub(crate) async fn run(self) -> ExitCode {
        match self.part {
            None => self.onboarding.run().await,
            Some(Part::Gate(gate)) => gate.run().await,
            Some(Part::Rollout(options)) => crate::rollout::run(options).await,
            Some(Part::Rehearse(options)) => options.run().await,
            Some(Part::Retire(retire)) => retire.run().await,
            Some(Part::Return(comeback)) => comeback.run().await,
            Some(Part::Change(change)) => change.run().await,
            Some(Part::Adopt(adopt)) => adopt.run().await,
            Some(Part::Fleet(fleet)) => fleet.run(),
        }
    }
}

/// Onboard tenants on this machine
#[derive(Debug, Args)]
struct Onboarding {
    /// Sign up the tenants of this file instead of the demo's own: the detail of a
    /// TenantSignedUp, or the whole EventBridge event; one, or a JSON list of them
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,
    /// Print the outcome as one JSON document on standard output
    #[arg(long)]
    json: bool,
    /// How long all of it may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    /// Every so many milliseconds, draw a function and kill its process, if one runs
    #[arg(long, value_name = "MILLISECONDS", value_parser = clap::value_parser!(u64).range(50..=60_000))]
    kill_every: Option<u64>,
    #[command(flatten)]
    options: Options,
}

/// Why a demo did not come to its end.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Place(#[from] place::Error),
    #[error("the local AWS refused a call of the demo")]
    Console(#[from] simulation::deployment::Error),
}

impl Onboarding {
    async fn run(self) -> ExitCode {
        let details = match self.event.as_deref().map(events::read).transpose() {
            Ok(details) => details,
            Err(error) => return usage(&error),
        };
        match self.perform(details).await {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => crate::failed(&error),
        }
    }

    async fn perform(&self, details: Option<Vec<Value>>) -> Result<bool, Error> {
        let place = place::start(&self.options, 0).await?;
        let killer = self.kill_every.map(|every| kill(&place, Duration::from_millis(every)));
        let outcome = self.onboard(&place, details.as_deref()).await;
        if let Some(killer) = killer {
            killer.abort();
        }
        let result = match outcome {
            Ok(outcome) => self.report(&outcome, details.is_none()),
            Err(error) => Err(error),
        };
        place.host.shutdown().await;
        place.deployment.aws().shut_down();
        result
    }

    async fn onboard(&self, place: &Place, details: Option<&[Value]>) -> Result<Outcome, Error> {
        let aws = place.deployment.aws();
        let listener = place.deployment.listen().await?;
        let mut follower = Follower::new(&place.deployment, listener);
        match details {
            Some(details) => {
                for detail in details {
                    follower.sign_up(detail).await?;
                }
            }
            None => {
                aws.take_email_outside(script::TAKEN_EMAIL);
                for detail in script::signups() {
                    follower.sign_up(&detail).await?;
                }
            }
        }
        follower.follow(Duration::from_secs(self.timeout)).await?;
        Ok(Outcome::of(&place.deployment, follower).await?)
    }

    fn report(&self, outcome: &Outcome, scripted: bool) -> Result<bool, Error> {
        if self.json {
            crate::say(&outcome.json().to_string());
        } else {
            crate::say(&outcome.page());
        }
        for (event, tenant) in &outcome.unanswered {
            eprintln!("no answer: the signup of {tenant:?}, event {event}");
        }
        if !scripted {
            return Ok(outcome.all_ready());
        }
        let differences = script::differences(outcome);
        for difference in &differences {
            eprintln!("not as it should be: {difference}");
        }
        if differences.is_empty() {
            eprintln!("all came out as it should");
        }
        Ok(differences.is_empty())
    }
}

fn usage(error: &EventsError) -> ExitCode {
    eprintln!("landlord: --event: {}", lambda_kit::chain(error));
    ExitCode::from(crate::USAGE)
}

fn kill(place: &Place, every: Duration) -> tokio::task::JoinHandle<()> {
    let host = place.host.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(every).await;
            // One of all functions, not of all that run: where only one runs, it would be killed each
            // time, before a slow machine lets it come to its end.
            let Some(function) = fastrand::choice(FUNCTIONS) else { continue };
            if let Some(killed) = host.kill_one_of(&format!("landlord-{function}")).await {
                eprintln!("          killed a process of {}", killed.function);
            }
        }
    })
}
