//! `landlord simulate roll-out`: the flags, and what is printed.
//!
//! The exit status says whether there was a simulation, not how the roll-out came out: one that
//! stops and rolls back is an answer, too. With `--every-plan` and a bad template it also says
//! whether the change failed in no more accounts than the plans allow.

mod page;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::Value;
use simulation::operation::{Minutes, Rate};
use simulation::rollout::fleet::Wanted;
use simulation::rollout::{Change, Report, Scenario, simulate, turns};

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
    /// All plans that are known by name, one after another; a table with a row for each
    #[arg(long, conflicts_with = "plan")]
    every_plan: bool,
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
    /// Stack sets that every tenant has, and that are rolled out in turns, with signups beside
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "every_plan", value_parser = clap::value_parser!(u8).range(1..=20))]
    stack_sets: u8,
    /// How long they are rolled out in turns, in hours
    #[arg(long, value_name = "H", default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=168))]
    hours: u64,
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
        let began = Instant::now();
        let done = match (self.every_plan, self.stack_sets) {
            (true, _) => self.run_all(),
            (false, 1) => self.run_one(),
            (false, _) => self.run_turns(),
        };
        super::tell_effort(began);
        match done {
            Ok(code) => code,
            Err(Failure::Usage(fault)) => {
                eprintln!("error: {fault}\n\nFor more information, try '--help'.");
                ExitCode::from(crate::USAGE)
            }
            Err(Failure::Simulation(error)) => crate::failed(&*error),
        }
    }

    fn run_one(&self) -> Result<ExitCode, Failure> {
        let report = of(self.scenario(self.read_plan().map_err(Failure::Usage)?))?;
        crate::say(&self.shown(&report, || page::page(&report)));
        Ok(ExitCode::SUCCESS)
    }

    fn run_turns(&self) -> Result<ExitCode, Failure> {
        if self.signups == 0 {
            return Err(Failure::Usage("--stack-sets: needs --signups".to_owned()));
        }
        let scenario = self.scenario(self.read_plan().map_err(Failure::Usage)?);
        let (sets, hours) = (usize::from(self.stack_sets), self.hours);
        let work = move || async move { turns(&scenario, sets, hours).await };
        let report = in_virtual_time(self.seed, work)?;
        crate::say(&self.shown(&report, || page::turns(&report)));
        Ok(ExitCode::SUCCESS)
    }

    fn run_all(&self) -> Result<ExitCode, Failure> {
        let mut reports = Vec::new();
        for plan in PLANS {
            let report = of(self.scenario(Value::from(plan)))?;
            eprintln!("{plan}: {}", report.outcome);
            reports.push((plan, report));
        }
        let documents: BTreeMap<&str, &Report> =
            reports.iter().map(|(plan, report)| (*plan, report)).collect();
        crate::say(&self.shown(&documents, || page::plans(&reports)));
        let within = reports.iter().all(|(_, report)| report.within_failures());
        Ok(if within { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn scenario(&self, plan: Value) -> Scenario {
        Scenario {
            fleet: Wanted {
                accounts: usize::try_from(self.accounts).unwrap_or(usize::MAX),
                premium: self.premium.get(),
                in_alarm: self.in_alarm.get(),
                gates: !self.no_gates,
                seed: self.seed,
            },
            plan,
            change: match self.template {
                Template::Good => Change::Good,
                Template::Bad => Change::Bad,
            },
            instance: duration(self.minutes),
            alarms_clear_after: self.alarms_clear_after.map(duration),
            signups_per_hour: self.signups,
            most: Duration::from_secs(40 * 86_400),
        }
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

    fn shown(&self, document: &impl Serialize, page: impl Fn() -> String) -> String {
        if self.json { serde_json::to_string(document).unwrap_or_default() } else { page() }
    }
}

/// Why there is no answer.
enum Failure {
    /// A flag is at fault.
    Usage(String),
    /// The world could not be run.
    Simulation(Box<dyn std::error::Error>),
}

fn of(scenario: Scenario) -> Result<Report, Failure> {
    let seed = scenario.fleet.seed;
    in_virtual_time(seed, move || async move { simulate(&scenario).await })
}

fn in_virtual_time<T, F>(seed: u64, work: impl FnOnce() -> F + Send + 'static) -> Result<T, Failure>
where
    T: Send + 'static,
    F: Future<Output = Result<T, simulation::deployment::Error>> + 'static,
{
    match simulation::virtual_time::run(seed, work) {
        Ok(Ok(report)) => Ok(report),
        Ok(Err(error)) => Err(Failure::Simulation(Box::new(error))),
        Err(error) => Err(Failure::Simulation(Box::new(error))),
    }
}

fn duration(minutes: Minutes) -> Duration {
    Duration::from_secs_f64(minutes.get() * 60.0)
}
