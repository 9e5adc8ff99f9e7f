//! `landlord simulate roll-out`: the flags, and what is printed.
//!
//! The exit status says whether there was a simulation, not how the roll-out came out: one that
//! stops and rolls back is an answer, too.

mod page;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::Value;
use simulation::operation::{Minutes, Rate};
use simulation::rollout::fleet::Wanted;
use simulation::rollout::{Change, Report, Scenario, simulate};

/// The plans that are known by name.
const PLANS: [&str; 5] = ["careful", "routine", "urgent", "new-template", "gate"];

/// The most instances that a stack set has.
const MOST_ACCOUNTS: u64 = 50_000;

/// The flags of `landlord simulate roll-out`.
#[derive(Debug, Args)]
pub struct RollOut {
    /// Accounts of the fleet, in the home units of their tenants
    #[arg(long, value_name = "N", default_value_t = 6_000, value_parser = clap::value_parser!(u64).range(1..=MOST_ACCOUNTS))]
    accounts: u64,
    /// A file with a plan, or the name of one: careful, routine, urgent, new-template, gate
    #[arg(long, value_name = "FILE|NAME", default_value = "routine")]
    plan: String,
    /// Same seed, same fleet and same run
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Whether the new template works
    #[arg(long, value_enum, default_value_t)]
    template: Template,
    /// Minutes that an instance takes
    #[arg(long, value_name = "M", default_value = "3")]
    minutes: Minutes,
    /// Share of accounts in which an alarm is red, so that their gates veto: 0.03 or 3%
    #[arg(long, value_name = "P", default_value = "0")]
    in_alarm: Rate,
    /// Minutes after which those alarms clear
    #[arg(long, value_name = "M")]
    alarms_clear_after: Option<Minutes>,
    /// Share of accounts with the tier premium, in two Regions
    #[arg(long, value_name = "P", default_value = "0")]
    premium: Rate,
    /// Signups an hour while the roll-out runs
    #[arg(long, value_name = "N", default_value_t = 0)]
    signups: u32,
    /// Leave the gates out
    #[arg(long)]
    no_gates: bool,
    /// Print one JSON document and nothing else
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Template {
    /// It works everywhere
    #[default]
    Good,
    /// A resource of it fails in every account
    Bad,
}

impl RollOut {
    /// Simulates, and prints tables, or JSON.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let scenario = match self.scenario() {
            Ok(scenario) => scenario,
            Err(fault) => {
                eprintln!("error: {fault}\n\nFor more information, try '--help'.");
                return ExitCode::from(crate::USAGE);
            }
        };
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return crate::failed(&error),
        };
        match runtime.block_on(simulate(&scenario)) {
            Ok(report) => {
                crate::say(&self.shown(&report));
                ExitCode::SUCCESS
            }
            Err(error) => crate::failed(&error),
        }
    }

    fn scenario(&self) -> Result<Scenario, String> {
        Ok(Scenario {
            fleet: Wanted {
                accounts: usize::try_from(self.accounts).unwrap_or(usize::MAX),
                premium: self.premium.get(),
                in_alarm: self.in_alarm.get(),
                gates: !self.no_gates,
                seed: self.seed,
            },
            plan: self.read_plan()?,
            change: match self.template {
                Template::Good => Change::Good,
                Template::Bad => Change::Bad,
            },
            instance: duration(self.minutes),
            alarms_clear_after: self.alarms_clear_after.map(duration),
            signups_per_hour: self.signups,
            most: Duration::from_secs(40 * 86_400),
        })
    }

    fn read_plan(&self) -> Result<Value, String> {
        if PLANS.contains(&self.plan.as_str()) {
            return Ok(Value::String(self.plan.clone()));
        }
        let path = PathBuf::from(&self.plan);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| format!("--plan {}: {error}", path.display()))?;
        let plan = serde_json::from_str(&text)
            .map_err(|error| format!("--plan {}: is not JSON: {error}", path.display()))?;
        Ok(plan)
    }

    fn shown(&self, report: &Report) -> String {
        if self.json {
            serde_json::to_string(report).unwrap_or_default()
        } else {
            page::page(report)
        }
    }
}

fn duration(minutes: Minutes) -> Duration {
    Duration::from_secs_f64(minutes.get() * 60.0)
}
