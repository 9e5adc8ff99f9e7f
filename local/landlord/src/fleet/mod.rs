//! `landlord demo fleet`: three hundred accounts, forty faults that people have made in them, the audit
//! that finds these and nothing else, and the same audit after the commands that it named.

use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::{Args, Parser};
use operator::Command;
use serde_json::{Value, json};
use simulation::adoption::operator as wire_of;
use simulation::audit::{Audited, Report};
use simulation::paste::paste;

/// A fleet with forty faults: the audit finds them, says what mends each, and after that finds none
#[derive(Debug, Args)]
pub(crate) struct FleetDemo {
    /// Print the outcome as one JSON document on standard output
    #[arg(long)]
    json: bool,
    /// Accounts
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(100..=10_000))]
    accounts: u32,
    /// Same seed, same world
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Parser)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

/// What the demo came to.
struct Outcome {
    seeded: BTreeSet<(String, String)>,
    page: String,
    first: Report,
    failed: Vec<String>,
    last: Report,
}

impl FleetDemo {
    /// Runs the demo, in virtual time. Exit status: 0 all came out as it should, 1 something did not.
    pub(crate) fn run(self) -> ExitCode {
        let (accounts, seed) = (self.accounts as usize, self.seed);
        let work = move || async move { Box::pin(show(accounts, seed)).await };
        let outcome = match simulation::virtual_time::run(seed, work) {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => return crate::failed(&error),
            Err(error) => return crate::failed(&error),
        };
        let faults = outcome.faults();
        crate::say(&if self.json { outcome.document().to_string() } else { outcome.text() });
        for fault in &faults {
            eprintln!("not as it should be: {fault}");
        }
        if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

async fn show(accounts: usize, seed: u64) -> Result<Outcome, simulation::deployment::Error> {
    eprintln!("{accounts} accounts of tenants settle");
    let mut audited = Audited::settle(accounts, seed).await?;
    eprintln!("people make forty faults");
    let seeded = audited.spoil().await?;
    eprintln!("an audit");
    let first = audited.audit("before").await?;
    let page = operate(&audited, "landlord fleet").await.unwrap_or_else(|failed| failed);
    eprintln!("the commands that it named");
    let mut failed = Vec::new();
    for finding in &first.findings {
        for command in finding["mend"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let done = match command.starts_with("landlord ") {
                true => operate(&audited, command).await.map(drop),
                false => paste(&audited.world.deployment, command).await.map(drop),
            };
            failed.extend(done.err());
            // The index of tags lags behind what the last one did.
            audited.pass(2).await;
        }
    }
    audited.pass(5 * 60).await;
    eprintln!("an audit once more");
    let last = audited.audit("after").await?;
    Ok(Outcome { seeded, page, first, failed, last })
}

/// Runs an operator's command, as it was named.
async fn operate(audited: &Audited, command: &str) -> Result<String, String> {
    let line = Line::try_parse_from(command.split(' ')).map_err(|error| error.to_string())?;
    let (wire, clock) = wire_of(audited.world.aws());
    let answer = match line.command {
        Command::Fleet(fleet) => fleet.on(&wire, &clock).await.map(|answer| answer.text),
        Command::Tenant(tenant) => tenant.on(&wire, &clock).await.map(|answer| answer.text),
        Command::Converge(converge) => converge.on(&wire, &clock).await,
        _ => return Err(format!("nobody tried it: {command}")),
    };
    answer.map_err(|failure| failure.to_string())
}

impl Outcome {
    fn faults(&self) -> Vec<String> {
        let found = self.first.found();
        let text = |(class, account): &(String, String)| format!("{class} of {account}");
        let missed = self.seeded.difference(&found).map(|it| format!("not found: {}", text(it)));
        let invented = found.difference(&self.seeded).map(|it| format!("found: {}", text(it)));
        let left = self.last.found();
        let left = left.iter().map(|it| format!("still there: {}", text(it)));
        let failed = self.failed.iter().map(|it| format!("a command that did not work: {it}"));
        missed.chain(invented).chain(failed).chain(left).collect()
    }

    fn document(&self) -> Value {
        json!({
            "seeded": self.seeded.len(), "found": self.first.findings, "failed": self.failed,
            "left": self.last.findings, "first": self.first.detail, "last": self.last.detail,
        })
    }

    fn text(&self) -> String {
        let mut lines = vec![self.page.trim_end().to_owned(), String::new()];
        lines.push("what the audit found, and what mends it:".to_owned());
        for finding in &self.first.findings {
            let text = |member: &str| finding[member].as_str().unwrap_or("-").to_owned();
            let (class, account) = (text("class"), text("accountId"));
            lines.push(format!("{class:<21}{account} {}", text("tenantId")));
            let mend = finding["mend"].as_array().into_iter().flatten().filter_map(Value::as_str);
            lines.extend(mend.map(|command| format!("    {command}")));
        }
        let found = self.first.found();
        let (seeded, left) = (self.seeded.len(), self.last.findings.len());
        let both = self.seeded.intersection(&found).count();
        lines.push(format!(
            "\n{both} of {seeded} faults were found, and {} things besides; after the commands {left} \
             are left, and the audit says that {} are gone",
            found.difference(&self.seeded).count(),
            self.last.detail["goneCount"]
        ));
        lines.join("\n")
    }
}
