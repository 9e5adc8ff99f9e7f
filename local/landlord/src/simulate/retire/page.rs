//! What a person reads: the days, the forecast, the calls.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, presets};
use simulation::retirement::{Day, Report};

/// Days, limits, forecast, calls.
pub(super) fn page(report: &Report) -> String {
    let mut text = format!("{}\n\n", days(&report.days));
    let day =
        |day: Option<usize>| day.map_or("not in sight".to_owned(), |day| format!("day {day}"));
    let _ = writeln!(
        text,
        "{} accounts, {} of them due\n\
         backlog empty: {}; forecast of the first sweep: {}; by arithmetic: {}\n\
         at most {} closings in thirty days, at most {} in progress; {} closed by mistake",
        report.accounts,
        report.due,
        day(report.empty_on),
        day(report.forecast_empty_on),
        day(report.expected_empty_on),
        report.most_in_thirty_days,
        report.most_in_progress,
        report.closed_by_mistake.len(),
    );
    if report.breaker_is_open {
        let _ = writeln!(
            text,
            "the circuit breaker is open: more than {} % of the fleet is due, and nothing is closed; \
             --breaker-percent raises it, as BreakerPercent does",
            report.breaker_percent,
        );
    }
    let plan = &report.first_plan;
    let _ = writeln!(
        text,
        "first plan: {} pages of accounts, {} pages of tags, {} other reads; at least {} pages: \
         {:+.1} %\n            {} calls for its files, lock and word",
        plan.account_pages,
        plan.tag_pages,
        plan.other_reads,
        plan.least_pages,
        (plan.excess() - 1.0) * 100.0,
        plan.files,
    );
    let _ = writeln!(
        text,
        "{} executions, {} failed; longest history {} events, largest state {} bytes\n",
        report.executions,
        report.failed_executions,
        report.longest_history,
        report.largest_state_bytes,
    );
    let mut calls = table(&["API call", "all days"]);
    let mut rows: Vec<(&String, &u64)> = report.calls.iter().collect();
    rows.sort_by_key(|(action, count)| (std::cmp::Reverse(**count), *action));
    for (action, count) in rows {
        calls.add_row([action.clone(), count.to_string()]);
    }
    align(&mut calls);
    let _ = write!(text, "{calls}");
    text
}

/// A row for each run of days that are alike.
fn days(days: &[Day]) -> Table {
    let mut table = table(&[
        "days",
        "closings a day",
        "by arithmetic",
        "in 30 days",
        "AWS allows",
        "due after",
    ]);
    for run in
        days.chunk_by(|one, next| (one.closings, one.expected) == (next.closings, next.expected))
    {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
        let numbers = if first.day == last.day {
            first.day.to_string()
        } else {
            format!("{}-{}", first.day, last.day)
        };
        table.add_row([
            numbers,
            last.closings.to_string(),
            last.expected.to_string(),
            run.iter().map(|day| day.in_thirty_days).max().unwrap_or(0).to_string(),
            last.limit.to_string(),
            last.backlog.to_string(),
        ]);
    }
    align(&mut table);
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
