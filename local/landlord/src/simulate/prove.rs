//! `landlord simulate prove`: many seeds of the proof, and the tables of what was hit.
//!
//! Exit status: 0 when everything held (and, where asked for, every fault kind came at every call
//! site), 1 when something did not.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};
use simulation::proof::{
    CallFault, InvocationFault, Played, Proof, Site, Summary, kinds_of, prove,
};

/// The flags of `landlord simulate prove`.
#[derive(Debug, Args)]
pub struct Prove {
    /// Schedules: seeds, one after the other
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..))]
    schedules: u64,
    /// The first seed
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Worlds at a time
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    threads: u8,
    /// End at the first violation
    #[arg(long)]
    until_violated: bool,
    /// Aim at what chance did not bring, in worlds that reached the call site; a fault kind that never
    /// came at a call site is a failure, too
    #[arg(long)]
    all_hit: bool,
    /// Print the last lines only, and what was violated
    #[arg(long, conflicts_with = "json")]
    quiet: bool,
    /// Print one JSON document and nothing else on standard output
    #[arg(long)]
    json: bool,
}

impl Prove {
    /// Runs the seeds and prints the summary.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let proof = Proof {
            from: self.seed,
            schedules: self.schedules,
            threads: self.threads.into(),
            until_violated: self.until_violated,
            aims: self.all_hit,
        };
        let progress = |done: u64, played: &Played, violations: &[String]| {
            for violation in violations {
                eprintln!("{played}: {violation}");
            }
            if done.is_multiple_of(250) {
                eprintln!("{done} schedules of {}{}", self.schedules, more(self.all_hit));
            }
        };
        let summary = match prove(proof, &progress) {
            Ok(summary) => summary,
            Err(error) => return crate::failed(&error),
        };
        if self.json {
            crate::say(&document(&self, &summary).to_string());
        } else {
            crate::say(&page(&self, &summary));
        }
        let holds = summary.violations.is_empty();
        let is_covered = !self.all_hit || summary.missed().is_empty();
        if holds && is_covered { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn more(aims: bool) -> &'static str {
    if aims { ", and those that are aimed" } else { "" }
}

/// The summary for programs.
fn document(asked: &Prove, summary: &Summary) -> Value {
    let place = |site: &Site| json!({ "caller": site.caller, "action": site.action });
    let sites = summary.sites.iter().map(|(site, count)| {
        let hits: BTreeMap<&str, u64> = kinds_of(site)
            .into_iter()
            .map(|kind| (kind, summary.hits.get(&(site.clone(), kind)).copied().unwrap_or(0)))
            .collect();
        json!({ "site": place(site), "times": count, "faults": hits })
    });
    let missed = summary.missed();
    json!({
        "firstSeed": asked.seed,
        "schedules": summary.schedules,
        "aimed": summary.aimed,
        "faults": summary.faults,
        "violations": summary
            .violations
            .iter()
            .map(|(played, violations)| (played.to_string(), violations))
            .collect::<BTreeMap<String, &Vec<String>>>(),
        "sites": sites.collect::<Vec<_>>(),
        "missed": missed
            .iter()
            .map(|(site, kind)| json!({ "site": place(site), "fault": kind }))
            .collect::<Vec<_>>(),
        "kinds": summary
            .kinds
            .iter()
            .map(|(kind, count)| (format!("{kind:?}"), *count))
            .collect::<BTreeMap<String, u64>>(),
        "fromOutside": summary.outside,
        "ends": summary.ends,
        "seconds": summary.took.as_secs_f64(),
    })
}

fn page(asked: &Prove, summary: &Summary) -> String {
    let mut text = String::new();
    if !asked.quiet {
        tables(&mut text, summary);
    }
    for (played, violations) in &summary.violations {
        for violation in violations {
            let _ = writeln!(text, "{played}: {violation}");
        }
    }
    let pairs: usize = summary.sites.keys().map(|site| kinds_of(site).len()).sum();
    let _ = write!(
        text,
        "{} schedules from seed {}{}, {} faults, {} schedules violate something; \
         {} of {pairs} pairs of call site and fault kind hit; {:.0} s\n\
         again: landlord simulate prove --seed {} --schedules {}{}; \
         one of them: landlord simulate replay SEED",
        summary.schedules,
        asked.seed,
        if asked.all_hit {
            format!(", {} of them once more, aimed", summary.aimed)
        } else {
            String::new()
        },
        summary.faults,
        summary.violations.len(),
        pairs - summary.missed().len(),
        summary.took.as_secs_f64(),
        asked.seed,
        asked.schedules,
        if asked.all_hit { " --all-hit" } else { "" },
    );
    text
}

fn tables(text: &mut String, summary: &Summary) {
    let _ = writeln!(text, "{}", calls(summary));
    let _ = writeln!(text, "\n{}", invocations(summary));
    let mut outside = table(&["from outside", "schedules"]);
    for (name, count) in &summary.outside {
        outside.add_row([(*name).to_owned(), count.to_string()]);
    }
    align(&mut outside);
    let mut ends = table(&["the last that was heard of a tenant", "tenants"]);
    for (name, count) in &summary.ends {
        ends.add_row([name.clone(), count.to_string()]);
    }
    align(&mut ends);
    let mut kinds = table(&["what the world is about", "schedules"]);
    for (kind, count) in &summary.kinds {
        kinds.add_row([format!("{kind:?}"), count.to_string()]);
    }
    align(&mut kinds);
    let _ = writeln!(text, "\n{kinds}\n\n{outside}\n\n{ends}\n");
    for (Site { caller, action }, kind) in &summary.missed() {
        let what = if action.is_empty() { "itself" } else { action };
        let _ = writeln!(text, "never came: {kind} at {caller} {what}");
    }
}

/// One row for each caller and action, one column for each kind.
fn calls(summary: &Summary) -> Table {
    let mut header = vec!["caller", "call", "times"];
    header.extend(CallFault::ALL.map(CallFault::name));
    rows(summary, &header, |site| !site.action.is_empty(), &CallFault::ALL.map(CallFault::name))
}

fn invocations(summary: &Summary) -> Table {
    let mut header = vec!["function", "", "times"];
    header.extend(InvocationFault::ALL.map(InvocationFault::name));
    let names = InvocationFault::ALL.map(InvocationFault::name);
    rows(summary, &header, |site| site.action.is_empty(), &names)
}

fn rows(
    summary: &Summary,
    header: &[&str],
    wanted: impl Fn(&Site) -> bool,
    kinds: &[&'static str],
) -> Table {
    let mut table = table(header);
    let hits: &BTreeMap<(Site, &'static str), u64> = &summary.hits;
    for (site, count) in summary.sites.iter().filter(|(site, _)| wanted(site)) {
        let fitting = kinds_of(site);
        let mut row = vec![site.caller.clone(), site.action.clone(), count.to_string()];
        for kind in kinds {
            row.push(match hits.get(&(site.clone(), *kind)) {
                Some(count) => count.to_string(),
                None if fitting.contains(kind) => "0".to_owned(),
                None => "-".to_owned(),
            });
        }
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.iter().copied());
    table
}

fn align(table: &mut Table) {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}
