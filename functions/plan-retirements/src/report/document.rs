//! The report as a document.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::{Listed, RetirementSweepFinished};
use crate::decide::Verdict;
use crate::work::PlanOutcome;

/// The document, in Markdown.
pub(super) fn write(report: &RetirementSweepFinished, verdict_files: usize) -> String {
    let mut text = String::new();
    head(&mut text, report);
    numbers(&mut text, report);
    list(&mut text, "Closed", &report.closed, report.closed_count);
    let by_hand = "Closed by hand before, and finished";
    list(&mut text, by_hand, &report.closed_by_hand, report.closed_by_hand_count);
    list(&mut text, "Would be closed", &report.would_close, report.would_close_count);
    list(&mut text, "Deferred", &report.deferred, report.deferred_count);
    list(&mut text, "Refused", &report.refused, report.refused_count);
    list(&mut text, "Stacks that could not be withdrawn", &report.stuck, report.stuck_count);
    list(&mut text, "Without an outcome", &report.unfinished, report.unfinished_count);
    if !report.unread_stack_sets.is_empty() {
        let count = report.unread_stack_set_count;
        let _ = writeln!(text, "## Stack sets that could not be read: {count}\n");
        for one in &report.unread_stack_sets {
            let _ = writeln!(text, "- `{}`: {}", one.stack_set, one.reason.replace('\n', " "));
        }
        text.push('\n');
    }
    let _ = writeln!(
        text,
        "Every account's verdict is in the {verdict_files} files under `sweeps/{}/verdicts/`, every \
         outcome under `sweeps/{}/outcomes/`.",
        report.sweep, report.sweep
    );
    text
}

fn head(text: &mut String, report: &RetirementSweepFinished) {
    let kind = if report.dry_run { "Dry run of a retirement sweep" } else { "Retirement sweep" };
    let _ = writeln!(text, "# {kind} {}\n", report.sweep);
    let _ = writeln!(text, "- Execution: `{}`", report.execution_arn);
    let _ = writeln!(text, "- Began {}, reported {}", report.started_at, report.finished_at);
    let _ = writeln!(text, "- Tenants' accounts, without closed ones: {}", report.fleet);
    if report.outcome == PlanOutcome::BreakerOpen {
        text.push_str(
            "- **So many accounts were due at once that it must be a mistake: nothing was closed.**\n",
        );
    }
    if let Some(stop) = &report.stopped {
        let (closed, stopped) = (report.closed_count, report.stopped_count);
        let _ = match (report.outcome, stopped) {
            (PlanOutcome::Stopped, _) => writeln!(text, "- **Nothing was closed: {stop}**"),
            (_, 0) => writeln!(text, "- **{stop}. No account of this sweep was held up by it.**"),
            _ => writeln!(
                text,
                "- **Stopped while it was at work: {stop}. Closed before that: {closed}; not gone on \
                 with: {stopped}, each with its reason below.**"
            ),
        };
    }
    text.push('\n');
}

fn numbers(text: &mut String, report: &RetirementSweepFinished) {
    text.push_str("| verdict | accounts |\n|---|---|\n");
    for verdict in Verdict::ALL {
        let count = report.counts.get(&verdict).copied().unwrap_or_default();
        let _ = writeln!(text, "| {} | {count} |", verdict.as_str());
    }
    let budget = &report.budget;
    let _ = writeln!(
        text,
        "\nAWS allows {} closings in 30 days; {} were used, {} are kept in reserve, and a sweep \
         closes {} at most: {} were allowed.\n",
        budget.quota, budget.closed_in_window, budget.reserve, budget.close_at_most, budget.allowed
    );
    let forecast = &report.forecast;
    let date = |at: Option<Timestamp>| {
        at.map_or("not in sight".to_owned(), |at| at.strftime("%Y-%m-%d").to_string())
    };
    if report.outcome != PlanOutcome::Planned {
        let _ = writeln!(
            text,
            "No forecast while nothing may close: {} accounts are due, and {} cool off.\n",
            forecast.due, forecast.waiting
        );
        return;
    }
    let _ = writeln!(
        text,
        "Forecast: the {} accounts that are due will be closed by {}, the {} that cool off by {}.\n",
        forecast.due,
        date(forecast.due_empty_at),
        forecast.waiting,
        date(forecast.empty_at)
    );
}

fn list(text: &mut String, title: &str, listed: &[Listed], count: usize) {
    if count == 0 {
        return;
    }
    let _ = writeln!(text, "## {title}: {count}\n");
    text.push_str("| account | tenant | why | expected |\n|---|---|---|---|\n");
    for one in listed {
        let tenant = one.tenant_id.as_ref().map_or("none", |tenant| tenant.as_str());
        let code = one.code.as_deref().unwrap_or_default();
        // A reason may be a person's words, and a bar would end the cell.
        let reason = one.reason.as_deref().unwrap_or_default().replace(['|', '\n'], " ");
        let expected = one.expected_at.map(|at| at.to_string()).unwrap_or_default();
        let why = [code, &reason].into_iter().filter(|part| !part.is_empty());
        let why: Vec<&str> = why.collect();
        let _ =
            writeln!(text, "| {} | {tenant} | {} | {expected} |", one.account_id, why.join(": "));
    }
    if count > listed.len() {
        let _ = writeln!(text, "\n… and {} more.", count - listed.len());
    }
    text.push('\n');
}
