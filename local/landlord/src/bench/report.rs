//! The table, and the ratios.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use serde_json::{Value, json};

use super::candidate::Sample;

/// Medians of every candidate under every share of a processor.
#[derive(Default)]
pub(super) struct Report {
    parts: Vec<(String, Vec<Row>)>,
    sizes: Vec<(String, u64)>,
}

struct Row {
    candidate: String,
    runs: usize,
    first_request: Duration,
    first_answer: Duration,
    warm: Duration,
    resident_kib: u64,
}

fn median<T: Ord + Copy + Default>(samples: &[Sample], of: impl Fn(&Sample) -> T) -> T {
    let mut values: Vec<T> = samples.iter().map(of).collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

impl Row {
    fn new(candidate: String, samples: &[Sample]) -> Self {
        Self {
            candidate,
            runs: samples.len(),
            first_request: median(samples, |sample| sample.first_request),
            first_answer: median(samples, |sample| sample.first_answer),
            warm: median(samples, |sample| sample.warm),
            resident_kib: median(samples, |sample| sample.resident_kib),
        }
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn ratio(of: Duration, to: Duration) -> f64 {
    of.as_secs_f64() / to.as_secs_f64()
}

impl Report {
    pub(super) fn add(&mut self, share: &str, samples: Vec<(String, Vec<Sample>)>) {
        let rows = samples.into_iter().map(|(name, taken)| Row::new(name, &taken)).collect();
        self.parts.push((share.to_owned(), rows));
    }

    pub(super) fn size(&mut self, name: &str, file: &Path) {
        if let Ok(metadata) = std::fs::metadata(file) {
            self.sizes.push((name.to_owned(), metadata.len()));
        }
    }

    pub(super) fn to_json(&self) -> String {
        let row = |row: &Row, empty: &Row| {
            json!({
                "candidate": row.candidate,
                "runs": row.runs,
                "firstRequestMilliseconds": milliseconds(row.first_request),
                "firstAnswerMilliseconds": milliseconds(row.first_answer),
                "warmAnswerMilliseconds": milliseconds(row.warm),
                "residentKib": row.resident_kib,
                "firstRequestToEmpty": ratio(row.first_request, empty.first_request),
                "firstAnswerToEmpty": ratio(row.first_answer, empty.first_answer),
            })
        };
        let parts: Vec<Value> = self
            .parts
            .iter()
            .filter_map(|(share, rows)| {
                let empty = rows.first()?;
                let rows: Vec<Value> = rows.iter().map(|one| row(one, empty)).collect();
                Some(json!({ "share": share, "candidates": rows }))
            })
            .collect();
        let sizes: Value =
            self.sizes.iter().map(|(name, bytes)| (name.clone(), json!(bytes))).collect();
        json!({ "shares": parts, "bytes": sizes }).to_string()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (share, rows) in &self.parts {
            let Some(empty) = rows.first() else { continue };
            writeln!(f, "{share}: medians; in brackets, times the empty function's\n")?;
            let mut table = Table::new();
            table.load_style(ASCII_MARKDOWN).set_header([
                "candidate",
                "cold starts",
                "start to first request",
                "start to first answer",
                "warm answer",
                "resident",
            ]);
            for row in rows {
                let time = |time: Duration, floor: Duration| {
                    format!("{:.2} ms ({:.2})", milliseconds(time), ratio(time, floor))
                };
                table.add_row([
                    row.candidate.clone(),
                    row.runs.to_string(),
                    time(row.first_request, empty.first_request),
                    time(row.first_answer, empty.first_answer),
                    time(row.warm, empty.warm),
                    format!("{:.1} MB", row.resident_kib as f64 * 1024.0 / 1e6),
                ]);
            }
            writeln!(f, "{table}\n")?;
            let find = |name: &str| rows.iter().find(|row| row.candidate == name);
            if let (Some(gate), Some(python)) = (find("gate"), find("python")) {
                let times = ratio(python.first_answer, gate.first_answer);
                writeln!(
                    f,
                    "to its first answer, Python takes {times:.0} times the gate's time\n"
                )?;
            }
        }
        for (name, bytes) in &self.sizes {
            writeln!(f, "binary of {name}: {:.2} MB", *bytes as f64 / 1e6)?;
        }
        Ok(())
    }
}
