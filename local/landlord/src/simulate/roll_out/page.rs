//! What a person reads: the waves, what they cost, what became of the fleet.

use std::collections::BTreeMap;

use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use simulation::rollout::{Report, Times, Turns, Wave};

/// Classes of instances, in the order of the table; others follow by name.
const CLASSES: [&str; 7] =
    ["succeeded", "vetoed", "transient", "suspended", "failed", "unclassified", "cancelled"];

/// Outcome, waves, costs, fleet.
pub(super) fn page(report: &Report) -> String {
    let mut page = format!("{} ({})", report.outcome, report.status);
    if let Some(reason) = &report.reason {
        page.push_str(&format!(": {reason}"));
    }
    page.push_str(&format!("\n\n{}\n", waves(&report.waves)));
    match (report.minutes_to_last_wave, report.above_bound) {
        (Some(minutes), Some(above)) => page.push_str(&format!(
            "last wave over after {minutes:.1} min; at least {:.1} min by the plan: {:+.1} %\n",
            report.lower_bound_minutes,
            above * 100.0
        )),
        _ => page.push_str("not all waves were deployed\n"),
    }
    page.push_str(&format!("ended after {:.1} min\n\n", report.minutes));
    page.push_str(&costs(report));
    let fleet = &report.fleet;
    page.push_str(&format!(
        "\n{} accounts: {} new, {} old, {} mixed; the change failed in {}, {} vetoed it at least \
         once\n",
        report.accounts, fleet.new, fleet.old, fleet.mixed, fleet.failed, fleet.vetoed
    ));
    let signups = &report.signups;
    if signups.sent > 0 {
        page.push_str(&format!(
            "{} signups: {} ready, {} with the proven template, {} enrolled too soon; {:.1} an \
             hour\n",
            signups.sent,
            signups.ready,
            signups.with_proven_template,
            signups.enrolled_too_soon,
            signups.ready_per_hour
        ));
        page.push_str(&times(&signups.to_ready, &signups.without_a_rollout));
    }
    page
}

/// A day of rollouts.
pub(super) fn turns(report: &Turns) -> String {
    format!(
        "{} stack sets rolled out in turns for {} h: {} rollouts, {} of them succeeded\n\
         {} signups: {} ready\n{}",
        report.stack_sets,
        report.hours,
        report.rollouts,
        report.succeeded,
        report.sent,
        report.ready,
        times(&report.to_ready, &report.without_a_rollout)
    )
}

/// Times to ready, beside those without a rollout.
pub(super) fn times(beside: &Times, without: &Times) -> String {
    let minutes = |times: &Times| {
        let [p50, p95, max] = [times.p50, times.p95, times.max].map(|seconds| seconds / 60.0);
        format!("p50 {p50:.1} min, p95 {p95:.1} min, max {max:.1} min")
    };
    let ratio = beside.p95_ratio(without).map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
    format!(
        "to ready: {}\nwithout a rollout: {}\np95 is {ratio} times that without\n",
        minutes(beside),
        minutes(without)
    )
}

/// A row for each plan: where it stopped, and in how many accounts the change failed until then.
pub(super) fn plans(reports: &[(&str, Report)]) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header([
        "plan",
        "outcome",
        "stopped in",
        "tolerated",
        "overshoot",
        "failed",
        "vetoed",
        "new at the end",
        "minutes",
    ]);
    for (plan, report) in reports {
        let stopped = report.stopped_in();
        let number = |of: fn(&Wave) -> u64| stopped.map_or("-".to_owned(), |w| of(w).to_string());
        let tolerated = report.most_failures.zip(stopped).map(|(most, wave)| most - wave.overshoot);
        table.add_row([
            (*plan).to_owned(),
            report.outcome.clone(),
            stopped.map_or("-".to_owned(), |wave| wave.name.clone()),
            tolerated.map_or("-".to_owned(), |tolerated| tolerated.to_string()),
            number(|wave| wave.overshoot),
            report.fleet.failed.to_string(),
            report.fleet.vetoed.to_string(),
            report.fleet.new.to_string(),
            format!("{:.0}", report.minutes),
        ]);
    }
    for column in table.column_iter_mut().skip(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!(
        "{table}\nfailed: accounts in which the change was tried and failed; at most tolerated + overshoot"
    )
}

fn waves(waves: &[Wave]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    let used: Vec<&str> = CLASSES
        .into_iter()
        .filter(|class| waves.iter().any(|wave| wave.counts.get(*class).is_some_and(|n| *n > 0)))
        .collect();
    let mut header = vec!["wave", "stage", "verdict"];
    header.extend(&used);
    header.extend(["over at min", "at least min"]);
    table.set_header(header);
    for wave in waves {
        let mut row = vec![wave.name.clone(), wave.stage.clone(), wave.verdict.clone()];
        let number = |class: &&str| wave.counts.get(*class).copied().unwrap_or(0).to_string();
        row.extend(used.iter().map(number));
        row.push(format!("{:.1}", wave.told_at_minute));
        row.push(match wave.lower_bound_minutes {
            least if least > 0.0 => format!("{least:.1}"),
            _ => "-".to_owned(),
        });
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn costs(report: &Report) -> String {
    let list = |calls: &BTreeMap<String, u64>| {
        let mut rows: Vec<(&String, &u64)> = calls.iter().collect();
        rows.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let rows: Vec<String> =
            rows.iter().map(|(action, count)| format!("{count:>7}  {action}\n")).collect();
        rows.concat()
    };
    let mut text = format!(
        "{} operations, {} state transitions, largest history {} events, largest state {} bytes\n\
         calls of the functions:\n{}",
        report.operations,
        report.state_transitions,
        report.largest_history,
        report.largest_state,
        list(&report.calls)
    );
    if !report.throttled.is_empty() {
        text.push_str(&format!("of them throttled:\n{}", list(&report.throttled)));
    }
    if report.approvals > 0 {
        text.push_str(&format!("{} waves were approved\n", report.approvals));
    }
    text
}
