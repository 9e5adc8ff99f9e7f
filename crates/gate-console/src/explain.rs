//! `landlord gate explain`: which check would say what at a moment. What the gate asks AWS for can
//! only be asked in the account.

use clap::Args;
use comfy_table::{ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use gate_rules::{Check, Finding, Settings, Verdict, Window, look_at_clock};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::source::Source;
use crate::times::{local, moment, utc, zone};
use crate::{Error, batch, say};

/// What the gate would say at a moment, as far as that is known without its account
#[derive(Debug, Args)]
pub struct Explain {
    #[command(flatten)]
    source: Source,
    /// The moment, with an offset or in the time zone [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    at: Option<String>,
    /// The clock of a time without an offset [default: that of the first window, else UTC]
    #[arg(long, value_name = "NAME")]
    time_zone: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    /// Read lines of JSON from standard input, {"settings":{…},"at":[…]}, and answer each with one
    #[arg(long, conflicts_with_all = ["at", "time_zone", "json", "files", "tiers"])]
    batch: bool,
}

/// A check, and what it says; or what has to be asked in the account.
pub(crate) enum Said {
    Found(Finding),
    NotAsked(Check, &'static str),
}

/// What every check says that the settings ask for, in the gate's order.
pub(crate) fn explain(settings: &Settings, now: Timestamp) -> Vec<Said> {
    let in_account = |check, what| Said::NotAsked(check, what);
    let understood = Finding::new(Check::Settings, Verdict::Pass, "all are understood");
    let mut said = vec![
        Said::Found(understood),
        in_account(Check::Override, "the override in the account"),
        Said::Found(look_at_clock(settings, now, true)),
    ];
    if settings.alarms.is_some() {
        said.push(in_account(Check::Alarms, "the alarms in the account"));
    }
    if !settings.calendars.is_empty() {
        said.push(in_account(Check::Calendars, "the change calendars"));
    }
    if !settings.preconditions.is_empty() {
        said.push(in_account(Check::Parameters, "the SSM parameters in the account"));
    }
    said
}

impl Explain {
    pub(crate) fn perform(self) -> Result<(), Error> {
        if self.batch {
            return batch::perform();
        }
        if !self.source.is_given() {
            return Err(Error::Usage("explain: no settings: name a FILE, or --batch".to_owned()));
        }
        let settings = self.source.settings()?;
        let of_window = settings.windows.first().map(Window::zone_name);
        let zone_name = self.time_zone.as_deref().or(of_window).unwrap_or("UTC");
        let zone = zone(zone_name)?;
        let now = match &self.at {
            Some(text) => moment("--at", text, &zone)?,
            None => Timestamp::now(),
        };
        let said = explain(&settings, now);
        if self.json {
            say(&as_json(&said, now).to_string());
            return Ok(());
        }
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(80);
        table.set_header(["check", "verdict", "reason"]);
        for one in &said {
            match one {
                Said::Found(found) => {
                    let verdict = json!(found.verdict);
                    let verdict = verdict.as_str().unwrap_or_default();
                    table.add_row([found.check.name(), verdict, &found.reason]);
                }
                Said::NotAsked(check, what) => {
                    table.add_row([check.name(), "not asked", what]);
                }
            }
        }
        say(&format!("{}, {} in {zone_name}\n\n{table}", utc(now), local(now, &zone)));
        Ok(())
    }
}

pub(crate) fn as_json(said: &[Said], now: Timestamp) -> Value {
    let checks: Vec<Value> = said
        .iter()
        .map(|one| match one {
            Said::Found(found) => json!(found),
            Said::NotAsked(check, what) => {
                json!({ "Check": check, "Verdict": "NOT_ASKED", "Reason": what })
            }
        })
        .collect();
    json!({ "at": now, "checks": checks })
}
