//! `landlord drill gate`: a gate binary under an AWS that hangs, throttles, refuses and talks
//! nonsense, with settings that cannot be read, and with a panic inside. Whatever happens, it has
//! to answer, within the time in which StackSets waits for nobody.

mod trouble;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use clap::{Args, Subcommand};
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use futures::StreamExt as _;
use serde::Serialize;
use serde_json::Value;

use crate::bench::candidate::Candidate;
use trouble::Trouble;

/// What the gate promises: an answer in so much time, from being asked.
const LIMIT: Duration = Duration::from_secs(5);
/// Processes at a time. Most of them do nothing but wait.
const AT_ONCE: usize = 8;

/// Put a shipped binary through what it has to bear
#[derive(Debug, Subcommand)]
pub(crate) enum Drill {
    /// The account gate, under an AWS that does not answer as it should
    Gate(Gate),
}

/// The account gate, under an AWS that does not answer as it should
#[derive(Debug, Args)]
pub(crate) struct Gate {
    /// The gate's release binary, for this machine's processor
    #[arg(long, value_name = "FILE")]
    gate: PathBuf,
    /// The partitions.json that is packed with the gate
    #[arg(long, value_name = "FILE")]
    partitions: PathBuf,
    /// The result as JSON
    #[arg(long)]
    json: bool,
}

/// Why a drill could not be held.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("no port of 127.0.0.1 can be opened")]
    Port(#[source] std::io::Error),
    #[error("--partitions {0}")]
    Partitions(String),
}

/// One case: what is wrong, how the gate is set, what it is asked, and what it has to say.
struct Case {
    trouble: Trouble,
    settings: Vec<(&'static str, &'static str)>,
    payload: &'static str,
    expected: &'static str,
}

/// What came of a case.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    aws: &'static str,
    settings: String,
    request: &'static str,
    expected: &'static str,
    answer: String,
    reason: String,
    milliseconds: u64,
    passed: bool,
}

const CLOSED: (&str, &str) = ("FAIL_MODE", "closed");
const OPEN: (&str, &str) = ("FAIL_MODE", "open");
const PANIC: &str = r#"{"explain":true,"drill":"panic"}"#;

fn cases() -> Vec<Case> {
    let case = |trouble, settings: &[(&'static str, &'static str)], payload, expected| Case {
        trouble,
        settings: settings.to_vec(),
        payload,
        expected,
    };
    let mut cases: Vec<Case> = ["{}", "null", "[1,2]", "\"stack\"", "7", r#"{"explain":"yes"}"#]
        .map(|payload| case(Trouble::None, &[CLOSED], payload, "SUCCEEDED"))
        .into();
    for trouble in Trouble::ALL {
        cases.push(case(trouble, &[CLOSED], "{}", "FAILED"));
        cases.push(case(trouble, &[OPEN], "{}", "SUCCEEDED"));
    }
    cases.push(case(Trouble::None, &[CLOSED], PANIC, "FAILED"));
    cases.push(case(Trouble::None, &[OPEN], PANIC, "SUCCEEDED"));
    cases.push(case(Trouble::Hangs, &[CLOSED], PANIC, "FAILED"));
    let wrong = ("MAINTENANCE_WINDOWS", "on sundays");
    cases.push(case(Trouble::None, &[CLOSED, wrong], "{}", "FAILED"));
    cases.push(case(Trouble::None, &[OPEN, wrong], "{}", "SUCCEEDED"));
    cases.push(case(Trouble::None, &[("FAIL_MODE", "ajar"), wrong], "{}", "FAILED"));
    cases
}

impl Drill {
    /// Holds it. Exit status: 0 every answer was right and in time, 1 one was not.
    pub(crate) async fn run(self) -> ExitCode {
        let Self::Gate(gate) = self;
        match gate.hold().await {
            Ok(rows) => gate.report(&rows),
            Err(error) => crate::failed(&error),
        }
    }
}

impl Gate {
    async fn hold(&self) -> Result<Vec<Row>, Error> {
        let held = cases().into_iter().map(|case| self.one(case));
        let rows: Vec<Result<Row, Error>> =
            futures::stream::iter(held).buffered(AT_ONCE).collect().await;
        rows.into_iter().collect()
    }

    async fn one(&self, case: Case) -> Result<Row, Error> {
        let endpoint = case.trouble.endpoint().await.map_err(Error::Port)?;
        let candidate = Candidate::binary("gate", &self.gate, endpoint.url(), 1)
            .with_partitions(&self.partitions)
            .map_err(Error::Partitions)?
            .with_settings(&case.settings);
        let asked = candidate.ask(Bytes::from_static(case.payload.as_bytes())).await;
        let settings: Vec<String> =
            case.settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut row = Row {
            aws: case.trouble.name(),
            settings: settings.join(" "),
            request: case.payload,
            expected: case.expected,
            answer: String::new(),
            reason: String::new(),
            milliseconds: 0,
            passed: false,
        };
        match asked {
            Ok((body, after)) => {
                let body: Value = serde_json::from_slice(&body).unwrap_or_default();
                body["Status"].as_str().unwrap_or("none").clone_into(&mut row.answer);
                body["Reason"].as_str().unwrap_or_default().clone_into(&mut row.reason);
                row.milliseconds = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
                row.passed = row.answer == case.expected && after <= LIMIT;
            }
            Err(because) => row.reason = because,
        }
        Ok(row)
    }

    fn report(&self, rows: &[Row]) -> ExitCode {
        let failed = rows.iter().filter(|row| !row.passed).count();
        let slowest = rows.iter().map(|row| row.milliseconds).max().unwrap_or_default();
        if self.json {
            let all = serde_json::json!({ "cases": rows, "failed": failed, "slowestMs": slowest });
            crate::say(&all.to_string());
        } else {
            crate::say(&table(rows).to_string());
            crate::say(&format!(
                "{} cases, {failed} not as they should be; the slowest answer took {slowest} ms of \
                 {} allowed",
                rows.len(),
                LIMIT.as_millis()
            ));
        }
        if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    table.set_header(["AWS", "settings", "request", "answer", "ms", "right", "reason"]);
    for row in rows {
        let right = if row.passed { "yes".to_owned() } else { format!("NO: {}", row.expected) };
        let reason: String = row.reason.chars().take(90).collect();
        let milliseconds = row.milliseconds.to_string();
        table.add_row([
            row.aws,
            &row.settings,
            row.request,
            &row.answer,
            &milliseconds,
            &right,
            &reason,
        ]);
    }
    table
}
