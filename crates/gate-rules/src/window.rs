//! Maintenance windows: pure functions of the time.
//!
//! A window is written as Systems Manager writes one, and the very object that
//! `aws ssm get-maintenance-window` prints is one. What AWS leaves open, in the nights in which
//! clocks change above all, is decided here and in `aws-cron`, and told in `docs/cron.md`.

use aws_cron::{ClockChanges, Cron, ZonedCron};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};
use lifecycle::Fault;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::moment::Written;

/// Systems Manager's limits.
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_CreateMaintenanceWindow.html>
const HOURS: std::ops::RangeInclusive<i64> = 1..=24;
const OFFSET_DAYS: std::ops::RangeInclusive<i64> = 1..=6;

/// A window that is open, from its opening until just before it closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Since this moment.
    pub opens: Timestamp,
    /// Until just before this one.
    pub closes: Timestamp,
}

/// Hours in which stack operations may run.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Value")]
pub struct Window {
    schedule: Schedule,
    open_for: SignedDuration,
    /// What opens before it does not open.
    starts: Option<Timestamp>,
    /// From here on nothing is open.
    ends: Option<Timestamp>,
    enabled: bool,
    zone_name: String,
    text: String,
}

/// When a window opens.
#[derive(Debug, Clone)]
enum Schedule {
    /// By the clock of a time zone: `cron(…)`, and `at(…)`, which is one time of it.
    Clock(Box<ZonedCron>),
    /// At equal distances of real time from the start date on: `rate(…)`.
    Rate { first: Timestamp, every: SignedDuration },
}

/// What `GetMaintenanceWindow` answers; what says nothing about the time is passed over.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct WindowText {
    schedule: String,
    duration: i64,
    #[serde(default)]
    cutoff: i64,
    #[serde(default)]
    schedule_timezone: Option<String>,
    #[serde(default)]
    schedule_offset: Option<i64>,
    #[serde(default)]
    start_date: Option<String>,
    #[serde(default)]
    end_date: Option<String>,
    #[serde(default = "yes")]
    enabled: bool,
    #[serde(default)]
    name: Option<String>,
    #[serde(default, rename = "WindowId")]
    _window_id: Option<IgnoredAny>,
    #[serde(default, rename = "Description")]
    _description: Option<IgnoredAny>,
    #[serde(default)]
    next_execution_time: Option<String>,
    #[serde(default, rename = "AllowUnassociatedTargets")]
    _allow_unassociated_targets: Option<IgnoredAny>,
    #[serde(default, rename = "CreatedDate")]
    _created_date: Option<IgnoredAny>,
    #[serde(default, rename = "ModifiedDate")]
    _modified_date: Option<IgnoredAny>,
}

fn yes() -> bool {
    true
}

impl TryFrom<Value> for Window {
    type Error = Fault;

    fn try_from(value: Value) -> Result<Self, Fault> {
        Self::read(&value)
    }
}

/// A time zone by its name.
pub(crate) fn zone(field: &str, name: &str) -> Result<TimeZone, Fault> {
    TimeZoneDatabase::bundled().get(name).map_err(|_| {
        Fault::new(field, name, "must be a time zone of IANA's database, like Europe/Berlin")
    })
}

/// An end of the time in which a window is in force. The window's own time zone has no say in it;
/// without an offset it is UTC.
fn bound(field: &str, text: Option<&str>) -> Result<Option<Timestamp>, Fault> {
    // Systems Manager says "not set" with nothing.
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let moment = match Written::read(text) {
        Some(Written::Moment(moment)) => Some(moment),
        Some(Written::Reading(reading)) => {
            TimeZone::UTC.to_ambiguous_timestamp(reading).compatible().ok()
        }
        None => None,
    };
    moment.map(Some).ok_or_else(|| {
        Fault::new(field, text, "must be a time of ISO 8601, like 2021-04-07T14:29:00-08:00")
    })
}

impl Window {
    /// Reads one window.
    ///
    /// # Errors
    /// The member that breaks its rule, with its value and the rule. A window that can never open,
    /// like one of 30 February, breaks one.
    pub fn read(value: &Value) -> Result<Self, Fault> {
        let text: WindowText = serde_json::from_value(value.clone()).map_err(|error| {
            Fault::of("", value, format!("must be a maintenance window: {error}"))
        })?;
        if !HOURS.contains(&text.duration) {
            return Err(Fault::of("Duration", text.duration, "must be 1 to 24 hours"));
        }
        if !(0..text.duration).contains(&text.cutoff) {
            let rule = "must be 0 or more hours, and less than Duration";
            return Err(Fault::of("Cutoff", text.cutoff, rule));
        }
        let offset = text.schedule_offset.filter(|days| !OFFSET_DAYS.contains(days));
        if let Some(days) = offset {
            return Err(Fault::of("ScheduleOffset", days, "must be 1 to 6 days"));
        }
        let (starts, ends) = (
            bound("StartDate", text.start_date.as_deref())?,
            bound("EndDate", text.end_date.as_deref())?,
        );
        if let (Some(starts), Some(ends), Some(shown)) = (starts, ends, &text.end_date)
            && ends <= starts
        {
            return Err(Fault::new(
                "EndDate",
                shown,
                format!("must be later than StartDate, {starts}"),
            ));
        }
        let zone_name = text.schedule_timezone.as_deref().filter(|name| !name.is_empty());
        let zone_name = zone_name.unwrap_or("UTC");
        let zone = zone("ScheduleTimezone", zone_name)?;
        let name = text.name.as_ref().map(|name| format!("\"{name}\" ")).unwrap_or_default();
        Ok(Self {
            schedule: Schedule::read(&text, zone, starts)?,
            open_for: SignedDuration::from_hours(text.duration - text.cutoff),
            starts,
            ends,
            enabled: text.enabled,
            zone_name: zone_name.to_owned(),
            text: format!("{name}{} {zone_name}", text.schedule),
        })
    }

    /// Since when the window has been open, if it is.
    pub fn opened(&self, now: Timestamp) -> Option<Timestamp> {
        if !self.enabled || self.ends.is_some_and(|ends| now >= ends) {
            return None;
        }
        let opened = self.schedule.latest(now, self.open_for)?;
        self.starts.is_none_or(|starts| opened >= starts).then_some(opened)
    }

    /// When the window opens next; nothing when it never does.
    pub fn opens_next(&self, now: Timestamp) -> Option<Timestamp> {
        if !self.enabled {
            return None;
        }
        // Just before the start date: what opens with it opens.
        let before = self.starts.map(|starts| starts - SignedDuration::from_nanos(1));
        let next = self.schedule.next(before.map_or(now, |before| before.max(now)))?;
        self.ends.is_none_or(|ends| next < ends).then_some(next)
    }

    /// The times in which it is open, as far as they lie between the two moments, in order; those
    /// that overlap are one.
    pub fn spans(&self, from: Timestamp, to: Timestamp) -> Vec<Span> {
        if !self.enabled {
            return Vec::new();
        }
        let earliest = from.checked_sub(self.open_for).unwrap_or(Timestamp::MIN);
        let earliest = self.starts.map_or(earliest, |starts| starts.max(earliest));
        let mut spans: Vec<Span> = Vec::new();
        for opens in self.schedule.between(earliest, self.ends.map_or(to, |ends| ends.min(to))) {
            let closes = opens.checked_add(self.open_for).unwrap_or(Timestamp::MAX);
            let closes = self.ends.map_or(closes, |ends| closes.min(ends));
            match spans.last_mut() {
                Some(last) if opens <= last.closes => last.closes = last.closes.max(closes),
                _ if closes > from => spans.push(Span { opens, closes }),
                _ => {}
            }
        }
        spans
    }

    /// The time zone by whose clock it opens.
    pub fn zone_name(&self) -> &str {
        &self.zone_name
    }

    /// Whether it is switched on.
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl Schedule {
    fn read(text: &WindowText, zone: TimeZone, starts: Option<Timestamp>) -> Result<Self, Fault> {
        let refuse = |rule: String| Err(Fault::new("Schedule", &text.schedule, rule));
        let kind = text.schedule.split('(').next().unwrap_or_default().trim();
        if kind != "cron" && text.schedule_offset.is_some() {
            let days = text.schedule_offset.unwrap_or_default();
            return Err(Fault::of("ScheduleOffset", days, "must stand beside a cron() only"));
        }
        let cron = match kind {
            "cron" => Cron::parse_with_seconds(&text.schedule),
            "at" => match at(&text.schedule) {
                Some(cron) => Cron::parse_with_seconds(&cron),
                None => return refuse("must be at(yyyy-mm-ddThh:mm:ss)".to_owned()),
            },
            "rate" => {
                let every = match rate(&text.schedule) {
                    Some(every) => every,
                    None => {
                        return refuse(
                            "must be rate(value unit), with a whole value from 1 on \
                                           and minute(s), hour(s) or day(s)"
                                .to_owned(),
                        );
                    }
                };
                // Of a window without a start date AWS says when it runs next, and from there on it
                // can be counted as well.
                let next = bound("NextExecutionTime", text.next_execution_time.as_deref());
                let Some(first) = starts.map_or_else(|| next, |starts| Ok(Some(starts)))? else {
                    return refuse(
                        "must stand beside a StartDate or NextExecutionTime: a rate() has no \
                         other beginning that the gate could know"
                            .to_owned(),
                    );
                };
                return Ok(Self::Rate { first, every });
            }
            _ => {
                return refuse(
                    "must be cron(Minutes Hours Day-of-month Month Day-of-week Year), \
                               rate(…) with a StartDate, or at(…)"
                        .to_owned(),
                );
            }
        };
        let cron = match cron {
            Ok(cron) => cron,
            Err(fault) => return refuse(format!("must be an expression that AWS knows: {fault}")),
        };
        if cron.never_occurs() {
            return refuse("must have an opening: there is no such day".to_owned());
        }
        let zoned = ZonedCron::new(cron, zone, ClockChanges::WINDOW);
        Ok(Self::Clock(Box::new(zoned.days_later(text.schedule_offset.unwrap_or(0)))))
    }

    fn latest(&self, now: Timestamp, within: SignedDuration) -> Option<Timestamp> {
        match self {
            Self::Clock(cron) => cron.latest(now, within),
            Self::Rate { first, every } => {
                let steps = now.duration_since(*first).as_secs().div_euclid(every.as_secs());
                let latest = step(*first, *every, steps).filter(|_| steps >= 0)?;
                (now.duration_since(latest) < within).then_some(latest)
            }
        }
    }

    fn next(&self, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Clock(cron) => cron.next(after),
            Self::Rate { first, .. } if after < *first => Some(*first),
            Self::Rate { first, every } => {
                let steps = after.duration_since(*first).as_secs().div_euclid(every.as_secs());
                step(*first, *every, steps + 1)
            }
        }
    }

    fn between(&self, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
        match self {
            Self::Clock(cron) => cron.between(from, to),
            Self::Rate { .. } => {
                let first = self.next(from - SignedDuration::from_nanos(1));
                let all = std::iter::successors(first, |moment| self.next(*moment));
                all.take_while(|moment| *moment < to).collect()
            }
        }
    }
}

/// So many steps after the first one.
fn step(first: Timestamp, every: SignedDuration, steps: i64) -> Option<Timestamp> {
    let seconds = every.as_secs().checked_mul(steps)?;
    first.checked_add(SignedDuration::from_secs(seconds)).ok()
}

/// The expression of the one time that `at(2020-07-07T15:55:00)` means.
fn at(text: &str) -> Option<String> {
    let inside = text.trim().strip_prefix("at(")?.strip_suffix(')')?;
    let time = match Written::read(inside)? {
        Written::Reading(time) => time,
        Written::Moment(_) => return None,
    };
    Some(format!(
        "cron({} {} {} {} {} ? {})",
        time.second(),
        time.minute(),
        time.hour(),
        time.day(),
        time.month(),
        time.year()
    ))
}

/// The distance of `rate(7 days)`.
fn rate(text: &str) -> Option<SignedDuration> {
    let inside = text.trim().strip_prefix("rate(")?.strip_suffix(')')?;
    let (value, unit) = inside.trim().split_once(' ')?;
    let value: i64 = value.parse().ok().filter(|value| (1..=1_000_000).contains(value))?;
    let minutes = match unit.trim() {
        "minute" | "minutes" => 1,
        "hour" | "hours" => 60,
        "day" | "days" => 24 * 60,
        _ => return None,
    };
    Some(SignedDuration::from_mins(value * minutes))
}
