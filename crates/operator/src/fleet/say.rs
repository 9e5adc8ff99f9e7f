//! The fleet, in words, as CSV, as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use fleet_audit::Class;
use serde_json::{Value, json};

use super::Fleet;
use super::read::Seen;
use super::rows::Row;
use crate::page;

/// How many findings the overview shows.
const SHOWN: usize = 10;

/// Accounts, and how many of them are ready, or have findings.
#[derive(Debug, Default, Clone, Copy)]
struct Count {
    accounts: usize,
    ready: usize,
    with_findings: usize,
}

fn counts(rows: &[Row], by: impl Fn(&Row) -> Option<String>) -> BTreeMap<String, Count> {
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    for row in rows {
        let Some(key) = by(row) else { continue };
        let count = counts.entry(key).or_default();
        count.accounts += 1;
        count.ready += usize::from(row.ready);
        count.with_findings += usize::from(!row.findings.is_empty());
    }
    counts
}

fn by_state(rows: &[Row]) -> BTreeMap<String, Count> {
    counts(rows, |row| Some(row.state.to_owned()))
}

fn by_unit(rows: &[Row]) -> BTreeMap<String, Count> {
    counts(rows, |row| row.unit.clone())
}

fn by_tier(rows: &[Row]) -> BTreeMap<String, Count> {
    counts(rows, |row| Some(row.tier.clone().unwrap_or_else(|| "-".to_owned())))
}

fn by_finding(rows: &[Row]) -> BTreeMap<Class, usize> {
    let mut counts = BTreeMap::new();
    for finding in rows.iter().flat_map(|row| &row.findings) {
        *counts.entry(finding.class).or_default() += 1;
    }
    counts
}

/// The page for a terminal.
pub(super) fn page(asked: &Fleet, seen: &Seen, rows: &[Row], shown: &[&Row]) -> String {
    let mut text = page::unread(&seen.unread);
    let ready = rows.iter().filter(|row| row.ready).count();
    let at = jiff::Timestamp::from_second(seen.ground.now.as_second()).unwrap_or(seen.ground.now);
    let _ = writeln!(text, "{} accounts, {ready} ready, as of {at}", rows.len());
    if !asked.is_filtered() {
        overview(&mut text, rows);
    }
    list(&mut text, asked, rows, shown);
    text
}

fn overview(text: &mut String, rows: &[Row]) {
    for (head, counts) in
        [("state", by_state(rows)), ("unit", by_unit(rows)), ("tier", by_tier(rows))]
    {
        let cells = counts.iter().map(|(key, count)| {
            let numbers = [count.accounts, count.ready, count.with_findings];
            let numbers = numbers.map(|number| number.to_string());
            [vec![key.clone()], numbers.to_vec()].concat()
        });
        let cells: Vec<Vec<String>> = cells.collect();
        if !cells.is_empty() {
            let head = [head, "accounts", "ready", "with findings"];
            let _ = write!(text, "\n{}", page::table(&head, &cells));
        }
    }
    let found = by_finding(rows);
    if found.is_empty() {
        text.push_str("\nnothing is wrong, as far as was read\n");
    } else {
        let cells: Vec<Vec<String>> =
            found.iter().map(|(class, count)| vec![class.to_string(), count.to_string()]).collect();
        let _ = write!(text, "\n{}", page::table(&["finding", "times"], &cells));
    }
}

fn list(text: &mut String, asked: &Fleet, rows: &[Row], shown: &[&Row]) {
    let all = shown.iter().map(|row| asked.of(row).len()).sum::<usize>();
    let most = if asked.is_filtered() { usize::MAX } else { SHOWN };
    let mut left = most;
    if asked.is_filtered() {
        let _ = writeln!(text, "{} of {} accounts", shown.len(), rows.len());
    }
    for row in shown {
        let findings = asked.of(row);
        for finding in findings.iter().take(left) {
            let _ = write!(text, "\n{}", page::finding(finding));
        }
        left = left.saturating_sub(findings.len());
        if findings.is_empty() && asked.is_filtered() {
            let tenant = row.tenant_id.as_deref().unwrap_or("-");
            let state = row.unit.as_deref().map_or(String::new(), |unit| format!(" in {unit}"));
            let tier = row.tier.as_deref().unwrap_or("-");
            let (word, id) = (row.state, &row.account_id);
            let _ = writeln!(text, "\n{word:<20} {id} {tenant} ({tier}){state}");
            let because = row.because.as_deref().unwrap_or("ready");
            text.push_str(&page::wrapped(because, 2));
        }
    }
    if all > most {
        let _ = write!(
            text,
            "\n{SHOWN} of {all} findings; of one kind, all: landlord fleet --finding CLASS\n"
        );
    }
}

/// One line for each account.
pub(super) fn csv(shown: &[&Row]) -> String {
    let mut text = "accountId,tenantId,state,unit,tier,ready,findings,because\n".to_owned();
    for row in shown {
        let classes: Vec<&str> = row.findings.iter().map(|it| it.class.as_str()).collect();
        let cells = [
            row.account_id.as_str(),
            row.tenant_id.as_deref().unwrap_or_default(),
            row.state,
            row.unit.as_deref().unwrap_or_default(),
            row.tier.as_deref().unwrap_or_default(),
            if row.ready { "true" } else { "false" },
            &classes.join(" "),
            row.because.as_deref().unwrap_or_default(),
        ];
        let cells: Vec<String> = cells.into_iter().map(cell).collect();
        let _ = writeln!(text, "{}", cells.join(","));
    }
    text
}

/// A cell of RFC 4180, which no spreadsheet takes for a formula.
fn cell(text: &str) -> String {
    let text =
        if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.into() };
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

/// The document.
pub(super) fn document(asked: &Fleet, seen: &Seen, rows: &[Row], shown: &[&Row]) -> Value {
    let numbers = |counts: BTreeMap<String, Count>| -> Value {
        let all = counts.into_iter().map(|(key, count)| {
            let numbers = json!({
                "accounts": count.accounts, "ready": count.ready,
                "withFindings": count.with_findings,
            });
            (key, numbers)
        });
        all.collect::<serde_json::Map<String, Value>>().into()
    };
    let found: BTreeMap<&str, usize> =
        by_finding(rows).into_iter().map(|(class, count)| (class.as_str(), count)).collect();
    let findings: Vec<_> = shown.iter().flat_map(|row| asked.of(row)).collect();
    let accounts: Vec<Value> = shown
        .iter()
        .map(|row| {
            let mut row = json!(row);
            // They stand beside the accounts, once.
            row.as_object_mut().map(|row| row.remove("findings"));
            row
        })
        .collect();
    json!({
        "asOf": seen.ground.now,
        "counts": {
            "accounts": rows.len(), "ready": rows.iter().filter(|row| row.ready).count(),
            "byState": numbers(by_state(rows)), "byUnit": numbers(by_unit(rows)),
            "byTier": numbers(by_tier(rows)), "byFinding": found,
        },
        "accounts": accounts, "findings": findings, "unread": seen.unread,
    })
}
