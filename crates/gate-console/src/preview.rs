//! `landlord gate preview`: openings and freezes of a span of time.

use clap::Args;
use comfy_table::{ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use gate_rules::{Settings, Span, Window};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::source::Source;
use crate::times::{Timeline, length, local, moment, utc, zone};
use crate::{Error, picture, say};

/// The most days that are shown: two years' worth of weeks.
const MOST_DAYS: i64 = 750;
/// The most weeks that are drawn; the table has all.
const MOST_WEEKS: usize = 6;

/// Openings and freezes, as the gate would see them
#[derive(Debug, Args)]
pub struct Preview {
    #[command(flatten)]
    source: Source,
    /// From this time on, with an offset or in the time zone [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
    /// Until just before this time
    #[arg(long, value_name = "TIME", conflicts_with = "days")]
    to: Option<String>,
    /// So many days, instead of --to
    #[arg(long, value_name = "DAYS", default_value_t = 14, value_parser = clap::value_parser!(i64).range(1..=MOST_DAYS))]
    days: i64,
    /// The clock by which times are shown [default: that of the first window, else UTC]
    #[arg(long, value_name = "NAME")]
    time_zone: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// A span of time on a clock.
struct Shown {
    zone_name: String,
    zone: TimeZone,
    from: Timestamp,
    to: Timestamp,
}

impl Preview {
    pub(crate) fn perform(self) -> Result<(), Error> {
        let settings = self.source.settings()?;
        let shown = self.span(&settings)?;
        let timeline = Timeline::of(&settings, shown.from, shown.to);
        if self.json {
            say(&as_json(&settings, &timeline, &shown).to_string());
        } else {
            say(&as_text(&settings, &timeline, &shown));
        }
        Ok(())
    }

    fn span(&self, settings: &Settings) -> Result<Shown, Error> {
        let of_window = settings.windows.first().map(Window::zone_name);
        let zone_name = self.time_zone.as_deref().or(of_window).unwrap_or("UTC").to_owned();
        let zone = zone(&zone_name)?;
        let from = match &self.from {
            Some(text) => moment("--from", text, &zone)?,
            None => Timestamp::now(),
        };
        let to = match &self.to {
            Some(text) => moment("--to", text, &zone)?,
            None => from.checked_add(SignedDuration::from_hours(24 * self.days)).unwrap_or(from),
        };
        let most = SignedDuration::from_hours(24 * MOST_DAYS);
        if to <= from || to.duration_since(from) > most {
            let fault = format!("--to must be later than --from, by {MOST_DAYS} days at most");
            return Err(Error::Usage(fault));
        }
        Ok(Shown { zone_name, zone, from, to })
    }
}

fn as_text(settings: &Settings, timeline: &Timeline, shown: &Shown) -> String {
    let Shown { zone_name, zone, from, to } = shown;
    let mut parts = vec![format!("{} until {}, {zone_name}", local(*from, zone), local(*to, zone))];
    let windows = (1..).zip(&settings.windows);
    let windows: Vec<String> = windows
        .map(|(number, window)| format!("{number}  {window}{}", never(window, *from)))
        .collect();
    parts.push(match windows.as_slice() {
        [] => "no maintenance window: always open, but in a freeze".to_owned(),
        some => some.join("\n"),
    });
    parts.push(table(timeline, shown));
    let mondays = picture::mondays(zone, *from, *to);
    for monday in mondays.iter().take(MOST_WEEKS) {
        parts.push(picture::week(&whole_weeks(settings, zone, *monday), zone, *monday));
    }
    if mondays.len() > MOST_WEEKS {
        parts.push(format!("{} more weeks are not drawn", mondays.len() - MOST_WEEKS));
    }
    parts.push(picture::LEGEND.to_owned());
    parts.join("\n\n")
}

/// A week is drawn whole, also where the span begins or ends in it.
fn whole_weeks(settings: &Settings, zone: &TimeZone, monday: jiff::civil::Date) -> Timeline {
    let start = monday.to_zoned(zone.clone()).map(|start| start.timestamp());
    let start = start.unwrap_or(Timestamp::UNIX_EPOCH);
    let reach = |days: i64| SignedDuration::from_hours(24 * days);
    let end = start.checked_add(reach(8)).unwrap_or(Timestamp::MAX);
    Timeline::of(settings, start.checked_sub(reach(1)).unwrap_or(Timestamp::MIN), end)
}

/// What there is to say of a window that does not open.
fn never(window: &Window, from: Timestamp) -> &'static str {
    if !window.is_enabled() {
        ": disabled, it never opens"
    } else if window.opened(from).is_none() && window.opens_next(from).is_none() {
        ": it never opens again"
    } else {
        ""
    }
}

fn table(timeline: &Timeline, shown: &Shown) -> String {
    let freezes = timeline.freezes.iter().map(|(span, why)| (*span, format!("freeze: {why}")));
    let openings = timeline.openings.iter().map(|(number, span)| {
        let frozen = |(freeze, _): &(Span, String)| overlap(*freeze, *span);
        let note =
            if timeline.freezes.iter().any(frozen) { ", frozen in part or whole" } else { "" };
        (*span, format!("window {number}{note}"))
    });
    let mut rows: Vec<(Span, String)> = freezes.chain(openings).collect();
    rows.sort();
    if rows.is_empty() {
        return "nothing opens, and nothing is frozen".to_owned();
    }
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(80);
    table.set_header(["from, to", "UTC", "long", "what"]);
    for (span, what) in rows {
        table.add_row([
            format!("{}\n{}", local(span.opens, &shown.zone), local(span.closes, &shown.zone)),
            format!("{}\n{}", utc(span.opens), utc(span.closes)),
            length(span),
            what,
        ]);
    }
    table.to_string()
}

fn overlap(one: Span, other: Span) -> bool {
    one.opens < other.closes && other.opens < one.closes
}

fn as_json(settings: &Settings, timeline: &Timeline, shown: &Shown) -> Value {
    let Shown { zone_name, zone, from, to } = shown;
    let on_clock = |moment: Timestamp| {
        moment.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    };
    let span = |span: &Span| {
        json!({ "opens": span.opens, "closes": span.closes,
                "opensLocal": on_clock(span.opens), "closesLocal": on_clock(span.closes) })
    };
    let windows: Vec<Value> = (1..)
        .zip(&settings.windows)
        .map(|(number, window): (usize, _)| {
            json!({ "window": number, "text": window.to_string(), "enabled": window.is_enabled(),
                    "opensNext": window.opens_next(*from) })
        })
        .collect();
    let openings: Vec<Value> = timeline
        .openings
        .iter()
        .map(|(number, one)| {
            let mut row = span(one);
            row["window"] = json!(number);
            row
        })
        .collect();
    let freezes: Vec<Value> = timeline
        .freezes
        .iter()
        .map(|(one, reason)| {
            let mut row = span(one);
            row["reason"] = json!(reason);
            row
        })
        .collect();
    json!({ "timeZone": zone_name, "from": from, "to": to, "windows": windows,
            "openings": openings, "freezes": freezes })
}
