//! Many settings and moments at once: lines of JSON in, one line of JSON out for each. The oracle
//! of `tests/conformance/cron.py` asks so.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufWriter, Write as _};

use gate_rules::{Settings, check_parameters, look_at_clock};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Error;

/// A line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// The gate's settings, by the names of the template's parameters; lists may stand as JSON.
    settings: BTreeMap<String, Value>,
    /// The moments to look at.
    at: Vec<Timestamp>,
}

/// Answers every line of standard input.
pub(crate) fn perform() -> Result<(), Error> {
    let unreadable = |error| Error::Unreadable { file: "standard input".to_owned(), error };
    let mut out = BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(unreadable)?;
        writeln!(out, "{}", answer(&line)).map_err(unreadable)?;
    }
    out.flush().map_err(unreadable)
}

fn answer(line: &str) -> Value {
    let line: Line = match serde_json::from_str(line) {
        Ok(line) => line,
        Err(error) => return json!({ "faults": [error.to_string()] }),
    };
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let parameters = line.settings.into_iter().map(|(name, value)| (name, text(value))).collect();
    match check_parameters(&parameters) {
        Ok(settings) => {
            let answers: Vec<Value> = line.at.iter().map(|now| one(&settings, *now)).collect();
            json!({ "answers": answers })
        }
        Err(faults) => json!({ "faults": faults.reasons() }),
    }
}

fn one(settings: &Settings, now: Timestamp) -> Value {
    let found = look_at_clock(settings, now, false);
    let opened = settings.windows.iter().filter_map(|window| window.opened(now)).max();
    let next = settings.windows.iter().filter_map(|window| window.opens_next(now)).min();
    json!({ "at": now, "verdict": found.verdict, "opened": opened, "opensNext": next })
}
