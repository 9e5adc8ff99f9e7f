//! `landlord simulate prove-retire`: random fleets are swept, and nobody is closed who must not be.
//!
//! Exit status: 0 when the promise held in every fleet, 1 when not, or when there was no proof.

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use simulation::retirement::proof::{Proof, Summary, prove};

/// The flags of `landlord simulate prove-retire`.
#[derive(Debug, Args)]
pub struct ProveRetire {
    /// Random fleets
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    fleets: u32,
    /// Same seed, same fleets, and the same things happen to them
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// How many worlds at a time; as many as there are processors unless given
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Print one JSON document and nothing else on standard output
    #[arg(long)]
    json: bool,
}

impl ProveRetire {
    /// Tries it, and prints what happened.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let began = Instant::now();
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let threads = self.threads.map_or(processors, NonZeroUsize::get);
        let proof = Proof { seed: self.seed, fleets: self.fleets as usize, threads };
        eprintln!("{} fleets, seed {}", proof.fleets, proof.seed);
        let progress = |fleets: usize| {
            if fleets.is_multiple_of(2_000) {
                eprintln!("{fleets} fleets after {:.0} s", began.elapsed().as_secs_f64());
            }
        };
        let summary = match prove(proof, &progress) {
            Ok(summary) => summary,
            Err(error) => return crate::failed(&error),
        };
        eprintln!("seed {}: {:.1} s", proof.seed, began.elapsed().as_secs_f64());
        if self.json {
            match serde_json::to_string(&summary) {
                Ok(text) => crate::say(&text),
                Err(error) => return crate::failed(&error),
            }
        } else {
            crate::say(&page(&summary));
        }
        for failed in &summary.failed_sweeps {
            eprintln!(
                "a sweep of fleet {} failed: {}: {}\n\
                 again: landlord simulate prove-retire --seed {} --fleets {}",
                failed.fleet, failed.error, failed.cause, failed.seed, failed.fleet,
            );
        }
        for violation in &summary.violations {
            eprintln!(
                "closed, and must not have been: account {} of fleet {}: {}\n\
                 again: landlord simulate prove-retire --seed {} --fleets {}",
                violation.account,
                violation.fleet,
                violation.because,
                violation.seed,
                violation.fleet,
            );
        }
        if summary.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn page(summary: &Summary) -> String {
    let list = |title: &str, rows: Vec<(String, usize)>| {
        let rows = rows.iter().map(|(name, count)| format!("\n{count:>9}  {name}"));
        format!("{title}:{}", rows.collect::<String>())
    };
    let named = |(name, count): (&&'static str, &usize)| ((*name).to_owned(), *count);
    [
        format!(
            "{} fleets with {} accounts, {} sweeps ({} failed)\n\
             {} accounts closed by Landlord, {} of them changed between the last look and the call\n\
             {} calls to close that AWS refused\n{} accounts closed that must not have been",
            summary.fleets,
            summary.accounts,
            summary.sweeps,
            summary.failed_sweeps.len(),
            summary.closed,
            summary.overtaken,
            summary.refused_calls,
            summary.violations.len(),
        ),
        list("what people did meanwhile", summary.changes.iter().map(named).collect()),
        list("what went wrong meanwhile", summary.faults.iter().map(named).collect()),
        list(
            "why accounts with a slot were not closed",
            summary.left_alone.iter().map(|(code, count)| (code.clone(), *count)).collect(),
        ),
    ]
    .join("\n\n")
}
