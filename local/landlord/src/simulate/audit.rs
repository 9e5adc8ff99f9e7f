//! `landlord simulate audit`: the flags, and what is printed.
//!
//! Exit status: 0 when nothing was found in a fleet in order and the calls keep within a tenth of the
//! pages that have to be read; 1 when not, or when there was no simulation.

use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use serde_json::{Value, json};
use simulation::audit::Audited;

/// The flags of `landlord simulate audit`.
#[derive(Debug, Args)]
pub struct Audit {
    /// Accounts of tenants, a fifth of them in two Regions
    #[arg(long, value_name = "N", default_value_t = 6_000, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    accounts: u32,
    /// Same seed, same world
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Print one JSON document and nothing else on standard output
    #[arg(long)]
    json: bool,
}

impl Audit {
    /// Simulates, and prints a table or JSON.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let (accounts, seed, began) = (self.accounts as usize, self.seed, Instant::now());
        let work = move || async move {
            let mut audited = Audited::settle(accounts, seed).await?;
            let least = audited.least_pages();
            let report = audited.audit("night").await?;
            Ok::<_, simulation::deployment::Error>((least, report))
        };
        let (least, report) = match simulation::virtual_time::run(seed, work) {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return crate::failed(&error),
            Err(error) => return crate::failed(&error),
        };
        super::tell_effort(began);
        let count = |action: &str| report.calls.get(action).copied().unwrap_or_default();
        let pages: u64 = least.keys().map(|action| count(action)).sum();
        let minimum: u64 = least.values().sum();
        let document = json!({
            "accounts": accounts, "findings": report.detail["findings"], "calls": report.calls,
            "leastPages": least, "pages": pages, "minimum": minimum,
            "seconds": report.took.as_secs(), "invocations": report.invocations.0,
            "functionSeconds": report.invocations.1,
        });
        crate::say(&if self.json { document.to_string() } else { page(&document) });
        let is_near = pages * 10 <= minimum * 11;
        let is_clean = report.detail["findings"] == 0;
        if is_near && is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn page(document: &Value) -> String {
    let mut lines = vec![format!("{:<42}{:>8}{:>10}", "call", "made", "at least")];
    for (action, count) in document["calls"].as_object().into_iter().flatten() {
        let least = document["leastPages"].get(action).map_or("-".to_owned(), Value::to_string);
        lines.push(format!("{action:<42}{count:>8}{least:>10}"));
    }
    lines.push(format!(
        "\n{} accounts: {} pages of {} that have to be read; {} findings; {} s at AWS's rates, in {} \
         calls of the function that ran for {:.0} s",
        document["accounts"],
        document["pages"],
        document["minimum"],
        document["findings"],
        document["seconds"],
        document["invocations"],
        document["functionSeconds"].as_f64().unwrap_or_default(),
    ));
    lines.join("\n")
}
