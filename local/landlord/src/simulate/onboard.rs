//! `landlord simulate onboard`: the flags, and what is printed.
//!
//! Exit status: 0 when every tenant became ready, 1 when one did not. Of a comparison it is about
//! the onboarding as Landlord does it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use simulation::onboarding::{
    Arrival, Comparison, Crowd, Onboarding, Prices, Report, Spread, simulate,
};

/// The flags of `landlord simulate onboard`.
#[derive(Debug, Args)]
pub struct Onboard {
    /// Tenants that sign up
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    tenants: u32,
    /// burst: all at once; or so many in a time: 0.05/s, 3/min, 180/h, 4000/day
    #[arg(long, value_name = "burst|RATE", default_value = "burst")]
    arrival: Arrival,
    /// Seconds that AWS takes to create an account
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    creation_seconds: u32,
    /// Seconds that a stack instance takes
    #[arg(long, value_name = "S", default_value_t = 180, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    instance_seconds: u32,
    /// Seconds until AWS decides about a quota; tenants wait for those that they require
    #[arg(long, value_name = "S", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    quota_seconds: u32,
    /// Accounts that stand in the root before, nobody's tenants
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=40_000))]
    accounts_in_root: u32,
    /// Tenants that wait in Onboarding before, for a quota that AWS decides about in a month; then
    /// no other tenant requires one
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=9_000))]
    waiting: u32,
    /// Same seed, same world
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Do it once more with a stack set operation for each account, as comparable systems do it,
    /// and compare
    #[arg(long)]
    enrol_one_by_one: bool,
    /// Print one JSON document and nothing else on standard output
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    prices: PriceArgs,
}

/// Why there is nothing to print.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// List prices in US dollars; check them before you rely on a sum.
#[derive(Debug, Args)]
struct PriceArgs {
    /// US dollars for a million state transitions
    #[arg(long, value_name = "USD", default_value_t = Prices::default().million_transitions)]
    price_million_transitions: f64,
    /// US dollars for a million invocations of functions
    #[arg(long, value_name = "USD", default_value_t = Prices::default().million_invocations)]
    price_million_invocations: f64,
    /// US dollars for a gigabyte-second of functions
    #[arg(long, value_name = "USD", default_value_t = Prices::default().gigabyte_second)]
    price_gigabyte_second: f64,
    /// US dollars for a million requests to queues
    #[arg(long, value_name = "USD", default_value_t = Prices::default().million_queue_requests)]
    price_million_queue_requests: f64,
    /// US dollars for a million events
    #[arg(long, value_name = "USD", default_value_t = Prices::default().million_events)]
    price_million_events: f64,
}

impl Onboard {
    /// Simulates, and prints tables or JSON.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let began = Instant::now();
        let outcome = if self.enrol_one_by_one { self.compare() } else { self.alone() };
        super::tell_effort(began);
        match outcome {
            Ok((text, all_ready)) => {
                crate::say(&text);
                if all_ready { ExitCode::SUCCESS } else { ExitCode::FAILURE }
            }
            Err(error) => crate::failed(&*error),
        }
    }

    /// What to print, and whether all became ready.
    fn alone(&self) -> Result<(String, bool), Failure> {
        let report = outcome(self.onboarding(), "")?;
        let text = if self.json { serde_json::to_string(&report)? } else { page(&report) };
        Ok((text, report.ready == report.tenants))
    }

    /// The same, twice: each on a processor of its own where there are two.
    fn compare(&self) -> Result<(String, bool), Failure> {
        let together = self.onboarding();
        let one_by_one = Onboarding { one_by_one: true, ..together.clone() };
        let beside = std::thread::spawn(move || outcome(one_by_one, ", one by one"));
        let together = outcome(together, "")?;
        let one_by_one = beside.join().map_err(|_| "the simulation panicked")??;
        let comparison = Comparison::of(together, one_by_one);
        let text = if self.json { serde_json::to_string(&comparison)? } else { pages(&comparison) };
        Ok((text, comparison.together.ready == comparison.together.tenants))
    }

    fn onboarding(&self) -> Onboarding {
        let prices = &self.prices;
        Onboarding {
            tenants: self.tenants as usize,
            arrival: self.arrival,
            creation: Duration::from_secs(self.creation_seconds.into()),
            instance: Duration::from_secs(self.instance_seconds.into()),
            quota: Duration::from_secs(self.quota_seconds.into()),
            seed: self.seed,
            one_by_one: false,
            crowd: Crowd {
                accounts_in_root: self.accounts_in_root as usize,
                waiting: self.waiting as usize,
            },
            prices: Prices {
                million_transitions: prices.price_million_transitions,
                million_invocations: prices.price_million_invocations,
                gigabyte_second: prices.price_gigabyte_second,
                million_queue_requests: prices.price_million_queue_requests,
                million_events: prices.price_million_events,
            },
        }
    }
}

/// Simulates, and tells of the progress as that of `which`.
fn outcome(onboarding: Onboarding, which: &'static str) -> Result<Report, Failure> {
    let seed = onboarding.seed;
    let work = move || async move {
        let most = onboarding.tenants;
        let mut progress = |ended: usize, passed: Duration| {
            if ended.is_multiple_of(500) && ended < most {
                let hours = passed.as_secs_f64() / 3600.0;
                eprintln!("{ended} of {most} tenants after {hours:.1} simulated hours{which}");
            }
        };
        simulate(&onboarding, &mut progress).await
    };
    Ok(simulation::virtual_time::run(seed, work)??)
}

/// What a person reads of two.
fn pages(comparison: &Comparison) -> String {
    let Comparison { together, one_by_one, gain } = comparison;
    format!(
        "One operation for all accounts that wait\n\n{}\n\nAn operation for each account\n\n{}\n\n\
         {:.4} and {:.4} tenants a second: {gain:.1} times as many with one operation for all",
        page(together),
        page(one_by_one),
        together.ready_per_second,
        one_by_one.ready_per_second,
    )
}

/// What a person reads.
fn page(report: &Report) -> String {
    let mut text = String::new();
    let share = report.share_of_allowed * 100.0;
    let _ = writeln!(
        text,
        "{} of {} tenants ready in {}; creations take {} s, {} in progress at most\n\
         {:.4} tenants a second: {share:.1} % of the {:.4} that Organizations allows\n\
         {} failed, {} rejected, {} without an end, {} dead letters",
        report.ready,
        report.tenants,
        time(report.duration_seconds),
        report.creation_seconds,
        report.most_creations_in_progress,
        report.ready_per_second,
        report.allowed_per_second,
        report.failed,
        report.rejected,
        report.open,
        report.dead_letters,
    );
    if report.accounts_in_root + report.waiting > 0 {
        let _ = writeln!(
            text,
            "beside {} accounts in the root, and {} tenants that wait in Onboarding",
            report.accounts_in_root, report.waiting,
        );
    }
    for (error, number) in &report.errors {
        let _ = writeln!(text, "  {error}: {number}");
    }
    let mut times = table(&["time to ready", "p50", "p95", "max"]);
    for (name, spread) in [
        ("from the signup", report.signup_to_ready_seconds),
        ("from the admission", report.admission_to_ready_seconds),
    ] {
        let Spread { p50, p95, max } = spread;
        times.add_row([name.to_owned(), time(p50), time(p95), time(max)]);
    }
    align(&mut times);
    let _ = writeln!(text, "\n{times}\n");
    let over = (report.shortest_seconds / report.aws_bound_seconds - 1.0) * 100.0;
    let _ = writeln!(
        text,
        "AWS's own times for one tenant, without waiting for another or for a quota: {:.0} s \
         (creation, readiness of its role, one operation)\nthe fastest tenant: {:.0} s, {over:.1} % \
         more\n",
        report.aws_bound_seconds, report.shortest_seconds,
    );
    let operations = report.stack_set_operations;
    let cost = report.cost_per_tenant;
    let _ = writeln!(
        text,
        "{} stack set operations, {:.1} accounts each\n\
         {:.0} state transitions a tenant; longest history {} events, largest state {} bytes\n\
         {:.5} US dollars a tenant: transitions {:.5}, functions {:.5}, queues {:.5}, events {:.5}\n",
        operations.count,
        operations.accounts_each,
        report.transitions_per_tenant,
        report.longest_history,
        report.largest_state_bytes,
        cost.total,
        cost.transitions,
        cost.functions,
        cost.queues,
        cost.events,
    );
    let mut calls = table(&["API call", "a tenant", "throttled in all"]);
    for (action, number) in &report.calls_per_tenant.by_action {
        let throttled = report.throttles.get(action).copied().unwrap_or_default();
        calls.add_row([action.clone(), format!("{number:.1}"), throttled.to_string()]);
    }
    let throttled: u64 = report.throttles.values().sum();
    let total = format!("{:.1}", report.calls_per_tenant.total);
    calls.add_row(["all".to_owned(), total, throttled.to_string()]);
    align(&mut calls);
    let mut functions =
        table(&["function", "invocations a tenant", "calls an invocation", "longest s"]);
    for (code, number) in &report.invocations_per_tenant {
        let of = |values: &BTreeMap<String, f64>| {
            format!("{:.1}", values.get(code).copied().unwrap_or_default())
        };
        let (calls, longest) =
            (of(&report.calls_per_invocation), of(&report.longest_invocation_seconds));
        functions.add_row([code.clone(), format!("{number:.1}"), calls, longest]);
    }
    align(&mut functions);
    let _ = write!(text, "{calls}\n\n{functions}");
    text
}

fn time(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 600.0 => format!("{seconds:.0} s"),
        seconds if seconds < 36_000.0 => format!("{:.0} min", seconds / 60.0),
        seconds => format!("{:.1} h", seconds / 3600.0),
    }
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
