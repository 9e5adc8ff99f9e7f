//! What a person reads: plots and tables of operations.

use comfy_table::{CellAlignment, Table, presets};
use local_aws::cloudformation::scheduler::Preferences;
use simulation::operation::{
    Failures, Fleet, Minutes, Plot, Rate, RegionReport, Report, sparkline,
};

/// Plot, then a table of the Regions.
pub(super) fn page(fleet: &Fleet, preferences: &Preferences, report: &Report) -> String {
    let mut table = table(&[
        "Region",
        "deployed",
        "succeeded",
        "failed",
        "vetoed",
        "cancelled",
        "from min",
        "to min",
    ]);
    let total = (report.regions.len() > 1).then(|| report.total());
    for region in report.regions.iter().chain(&total) {
        let time = |time: Option<Minutes>| time.map_or("-".to_owned(), |time| time.to_string());
        let mut row = vec![region.region.clone()];
        row.extend(counts(region));
        row.extend([time(region.started), time(region.ended)]);
        table.add_row(row);
    }
    align(&mut table, 1);
    format!(
        "{}\n{}\n\n{}\n{table}\n{}{}",
        described(fleet),
        explained(preferences),
        Plot::default().draw(report),
        remarks(fleet),
        format_args!("{} after {} min\n", report.status, report.duration_minutes),
    )
}

/// One row for each of the compared, then their concurrency on one scale.
pub(super) fn comparison(
    fleet: &Fleet,
    candidates: &[(String, Preferences)],
    reports: &[(String, Report)],
) -> String {
    let mut table = table(&[
        "preferences",
        "status",
        "minutes",
        "deployed",
        "succeeded",
        "failed",
        "vetoed",
        "cancelled",
        "peak",
    ]);
    let span = reports.iter().map(|(_, report)| report.duration_minutes).max().unwrap_or_default();
    let top = reports.iter().map(|(_, report)| report.peak_in_flight).max().unwrap_or(0);
    let widest = reports.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let mut legend = String::new();
    let mut lines = String::new();
    for ((name, preferences), (_, report)) in candidates.iter().zip(reports) {
        let mut row =
            vec![name.clone(), report.status.to_owned(), report.duration_minutes.to_string()];
        row.extend(counts(&report.total()));
        row.push(report.peak_in_flight.to_string());
        table.add_row(row);
        legend.push_str(&format!("{name:widest$}  {}\n", explained(preferences)));
        let line = sparkline(report, span, top, 64);
        lines.push_str(&format!("{name:widest$} │{}\n", line.trim_end()));
    }
    align(&mut table, 2);
    format!(
        "{}\n\n{legend}\n{table}\n{}\nin flight over {span} min, at most {top}\n{lines}",
        described(fleet),
        remarks(fleet),
    )
}

fn described(fleet: &Fleet) -> String {
    let fate = match fleet.failures {
        Failures::ByChance { failures, vetoes } => {
            format!("{} % fail, {} % vetoed", percent(failures), percent(vetoes))
        }
        Failures::FirstOfEveryBatch(first) => format!("the first {first} of every batch fail"),
    };
    format!(
        "{} accounts in {} ({} instances of {} min; {fate}; seed {})",
        fleet.accounts,
        fleet.regions.join(", "),
        fleet.instances(),
        fleet.minutes,
        fleet.seed
    )
}

fn percent(rate: Rate) -> String {
    let text = format!("{:.3}", rate.get() * 100.0);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn explained(preferences: &Preferences) -> String {
    format!(
        "max concurrent {}, failure tolerance {}, {}, {}",
        preferences.max_concurrent,
        preferences.failure_tolerance,
        preferences.mode.as_str(),
        preferences.region_concurrency.as_str()
    )
}

/// What AWS would refuse although it can be simulated.
fn remarks(fleet: &Fleet) -> String {
    if fleet.instances() <= Fleet::INSTANCES_PER_STACK_SET {
        return String::new();
    }
    format!(
        "note: {} instances are more than AWS lets one stack set have ({})\n",
        fleet.instances(),
        Fleet::INSTANCES_PER_STACK_SET
    )
}

fn counts(region: &RegionReport) -> [String; 5] {
    [region.deployed, region.succeeded, region.failed, region.vetoed, region.cancelled]
        .map(|count| count.to_string())
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.iter().copied());
    table
}

/// Numbers to the right, from column `first` on.
fn align(table: &mut Table, first: usize) {
    for column in table.column_iter_mut().skip(first) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}
