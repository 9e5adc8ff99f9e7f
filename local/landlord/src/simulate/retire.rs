//! `landlord simulate retire`: the flags, and what is printed.
//!
//! Exit status: 0 when the limits held, nobody was closed by mistake and the forecast was true; 1
//! when not, or when there was no simulation.

mod page;

use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use simulation::retirement::{Day, Fleet, Limits, Question, simulate};

/// The flags of `landlord simulate retire`.
#[derive(Debug, Args)]
pub struct Retire {
    /// Accounts of tenants
    #[arg(long, value_name = "N", default_value_t = 6_000, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    accounts: u32,
    /// Those of them that stand in Retiring and are due
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(0..=50_000))]
    due: u32,
    /// Days that are simulated at most; it ends when the backlog is empty
    #[arg(long, value_name = "N", default_value_t = 120, value_parser = clap::value_parser!(u16).range(1..=3_650))]
    days: u16,
    /// Same seed, same world
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// How many accounts a sweep closes at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    close_at_most: u16,
    /// How many of AWS's closings in thirty days are left to people
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(0..=1_000))]
    reserve: u16,
    /// How much of the fleet may be due at once before nothing is closed, in percent; 10 as shipped
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u8).range(1..=100))]
    breaker_percent: u8,
    /// Sweeps plan and report, and close nothing
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON document and nothing else on standard output
    #[arg(long)]
    json: bool,
}

impl Retire {
    /// Simulates, and prints tables or JSON.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let question = self.question();
        let began = Instant::now();
        let work = move || async move {
            let mut progress = |day: &Day| {
                if day.day.is_multiple_of(10) {
                    eprintln!("day {}: {} accounts are due", day.day, day.backlog);
                }
            };
            simulate(question, &mut progress).await
        };
        let report = match simulation::virtual_time::run(question.seed, work) {
            Ok(Ok(report)) => report,
            Ok(Err(error)) => return crate::failed(&error),
            Err(error) => return crate::failed(&error),
        };
        eprintln!("simulated in {:.1} s", began.elapsed().as_secs_f64());
        let shown = if self.json {
            match serde_json::to_string(&report) {
                Ok(text) => text,
                Err(error) => return crate::failed(&error),
            }
        } else {
            page::page(&report)
        };
        crate::say(&shown);
        let faults = report.faults();
        for fault in &faults {
            eprintln!("not as it should be: {fault}");
        }
        if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn question(&self) -> Question {
        Question {
            fleet: Fleet { accounts: self.accounts as usize, due: self.due as usize },
            days: self.days.into(),
            seed: self.seed,
            limits: Limits { at_most: self.close_at_most.into(), reserve: self.reserve.into() },
            breaker_percent: self.breaker_percent.into(),
            dry_run: self.dry_run,
        }
    }
}
