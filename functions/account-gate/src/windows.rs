//! Maintenance windows and freeze periods: pure functions of the time.
//!
//! A window is written as Systems Manager writes one: a cron expression of six fields, hours of
//! duration, hours of cutoff, an IANA time zone. What happens when clocks change is decided here,
//! because AWS does not document it for maintenance windows:
//!
//! - a window that would open while the clock jumps ahead opens at the end of the jump;
//! - a window that would open in a repeated hour opens in its first pass only, unless its hours
//!   are `*` or a step, and so mean each hour that passes;
//! - the duration is real time: four hours are four hours in every night.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::{Date, DateTime, DateTimeRound, Time};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{RoundMode, SignedDuration, Timestamp, ToSpan, Unit};
use serde::Deserialize;

/// The widest change of clocks that a time zone still makes is two hours (Antarctica/Troll).
const WIDEST_CHANGE_HOURS: i64 = 3;
/// Systems Manager's limits.
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_CreateMaintenanceWindow.html>
const HOURS: std::ops::RangeInclusive<i64> = 1..=24;
/// How far ahead an opening is looked for. Leap days that fall on one weekday are 28 years apart.
const DAYS_AHEAD: i64 = 366 * 28;

/// What is wrong with a window or a freeze period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} is `{value}`: {rule}")]
pub struct InvalidWindow {
    /// The member.
    pub field: &'static str,
    /// Its value.
    pub value: String,
    /// What it has to be.
    pub rule: String,
}

fn invalid(field: &'static str, value: impl ToString, rule: impl ToString) -> InvalidWindow {
    InvalidWindow { field, value: value.to_string(), rule: rule.to_string() }
}

/// Hours in which stack operations may run.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "WindowText")]
pub struct Window {
    cron: Cron,
    each_hour: bool,
    first_time: Time,
    open_for: SignedDuration,
    zone: TimeZone,
    text: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct WindowText {
    schedule: String,
    duration: i64,
    #[serde(default)]
    cutoff: i64,
    #[serde(default)]
    schedule_timezone: Option<String>,
}

impl TryFrom<WindowText> for Window {
    type Error = InvalidWindow;

    fn try_from(text: WindowText) -> Result<Self, Self::Error> {
        let fields = cron_fields(&text.schedule)?;
        let cron = CronParser::builder()
            .seconds(Seconds::Required)
            .year(Year::Required)
            // AWS counts weekdays from 1, Sunday, and writes steps as `0/15`.
            .alternative_weekdays(true)
            .sloppy_ranges(true)
            .build()
            .parse(&format!("0 {}", fields.join(" ")))
            .map_err(|error| invalid("Schedule", &text.schedule, error))?;
        let first_time = first_time(&cron)
            .ok_or_else(|| invalid("Schedule", &text.schedule, "it names a time of the day"))?;
        if !HOURS.contains(&text.duration) {
            return Err(invalid("Duration", text.duration, "1 to 24 hours"));
        }
        if !(0..text.duration).contains(&text.cutoff) {
            return Err(invalid("Cutoff", text.cutoff, "0 or more hours, and less than Duration"));
        }
        let name = text.schedule_timezone.as_deref().unwrap_or("UTC");
        Ok(Self {
            cron,
            first_time,
            each_hour: fields[1].starts_with('*') || fields[1].contains('/'),
            open_for: SignedDuration::from_hours(text.duration - text.cutoff),
            zone: zone("ScheduleTimezone", name)?,
            text: format!("{} {name}", text.schedule),
        })
    }
}

/// The six fields of `cron(Minutes Hours Day-of-month Month Day-of-week Year)`.
fn cron_fields(schedule: &str) -> Result<Vec<&str>, InvalidWindow> {
    let refuse = |rule: &str| invalid("Schedule", schedule, rule);
    let Some(inner) = schedule.strip_prefix("cron(").and_then(|rest| rest.strip_suffix(')')) else {
        let rule = "cron(Minutes Hours Day-of-month Month Day-of-week Year); a rate() has no \
                    beginning that the gate could know";
        return Err(refuse(rule));
    };
    let fields: Vec<&str> = inner.split_whitespace().collect();
    if fields.len() != 6 {
        return Err(refuse("six fields: Minutes Hours Day-of-month Month Day-of-week Year"));
    }
    if (fields[2] == "?") == (fields[4] == "?") {
        return Err(refuse("exactly one of Day-of-month and Day-of-week is `?`"));
    }
    Ok(fields)
}

/// The first time of a day at which the expression matches, on the days on which it does.
fn first_time(cron: &Cron) -> Option<Time> {
    let first = |most: i8, matches: &dyn Fn(u32) -> bool| {
        (0..most).find(|value| matches(u32::from(value.unsigned_abs())))
    };
    let hour = first(24, &|hour| cron.pattern.hour_match(hour).unwrap_or(false))?;
    let minute = first(60, &|minute| cron.pattern.minute_match(minute).unwrap_or(false))?;
    Time::new(hour, minute, 0, 0).ok()
}

fn zone(field: &'static str, name: &str) -> Result<TimeZone, InvalidWindow> {
    TimeZoneDatabase::bundled()
        .get(name)
        .map_err(|_| invalid(field, name, "a time zone of IANA's database, like Europe/Berlin"))
}

impl Window {
    /// Since when the window has been open, if it is.
    pub fn opened(&self, now: Timestamp) -> Option<Timestamp> {
        let civil = minute(now, &self.zone);
        let latest = civil.saturating_add(WIDEST_CHANGE_HOURS.hours());
        let back = self.open_for.as_hours() + 2 * WIDEST_CHANGE_HOURS;
        let mut candidate = latest;
        for _ in 0..=back * 60 {
            if self.matches(candidate) {
                let opened = self.openings(candidate).into_iter().flatten().find(|opening| {
                    *opening <= now && now.duration_since(*opening) < self.open_for
                });
                if opened.is_some() {
                    return opened;
                }
            }
            candidate = candidate.saturating_sub(1.minute());
        }
        None
    }

    /// When the window opens next, if that is within 28 years.
    pub fn opens_next(&self, now: Timestamp) -> Option<Timestamp> {
        let civil = minute(now, &self.zone);
        let mut day = civil.date();
        for _ in 0..DAYS_AHEAD {
            if self.is_a_day_of_it(day) {
                let midnight = day.to_datetime(Time::midnight());
                let next = (0..24 * 60)
                    .map(|minutes| midnight.saturating_add(minutes.minutes()))
                    .filter(|candidate| self.matches(*candidate))
                    .flat_map(|candidate| self.openings(candidate).into_iter().flatten())
                    .filter(|opening| *opening > now)
                    .min();
                if next.is_some() {
                    return next;
                }
            }
            day = day.tomorrow().ok()?;
        }
        None
    }

    fn matches(&self, candidate: DateTime) -> bool {
        self.cron.is_time_matching(&candidate).unwrap_or(false)
    }

    /// True when the window opens on that day at some time.
    fn is_a_day_of_it(&self, day: Date) -> bool {
        self.matches(day.to_datetime(self.first_time))
    }

    /// The moments at which a clock that shows `civil` opens the window: one, or two in a
    /// repeated hour.
    fn openings(&self, civil: DateTime) -> [Option<Timestamp>; 2] {
        let ambiguous = self.zone.to_ambiguous_timestamp(civil);
        match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { .. } => [ambiguous.compatible().ok(), None],
            AmbiguousOffset::Gap { .. } => {
                // The jump lies between the two readings of a time that no clock shows.
                let after = ambiguous.later().ok();
                let jump = after.and_then(|after| self.zone.preceding(after).next());
                [jump.map(|transition| transition.timestamp()), None]
            }
            AmbiguousOffset::Fold { .. } => {
                let second = self.each_hour.then(|| self.zone.to_ambiguous_timestamp(civil));
                [ambiguous.earlier().ok(), second.and_then(|second| second.later().ok())]
            }
        }
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// What the zone's clock shows, without seconds.
fn minute(now: Timestamp, zone: &TimeZone) -> DateTime {
    let civil = zone.to_datetime(now);
    let down = DateTimeRound::new().smallest(Unit::Minute).mode(RoundMode::Trunc);
    civil.round(down).unwrap_or(civil)
}

/// A time in which no stack operation runs, whatever the windows say.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "FreezeText")]
pub struct Freeze {
    /// From this moment on.
    pub from: Timestamp,
    /// Until just before this one.
    pub to: Timestamp,
    /// Why.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct FreezeText {
    from: String,
    to: String,
    #[serde(default)]
    timezone: Option<String>,
    #[serde(default)]
    reason: Option<String>,
}

impl TryFrom<FreezeText> for Freeze {
    type Error = InvalidWindow;

    fn try_from(text: FreezeText) -> Result<Self, Self::Error> {
        let zone = zone("Timezone", text.timezone.as_deref().unwrap_or("UTC"))?;
        let rule = "a local time like 2026-12-20T18:00";
        let read = |field, value: &str| {
            value
                .parse::<DateTime>()
                .map(|civil| zone.to_ambiguous_timestamp(civil))
                .map_err(|_| invalid(field, value, rule))
        };
        // Of two readings of a local time, the one that makes the freeze longer.
        let from = read("From", &text.from)?
            .earlier()
            .map_err(|error| invalid("From", &text.from, error))?;
        let to = read("To", &text.to)?.later().map_err(|error| invalid("To", &text.to, error))?;
        if to <= from {
            return Err(invalid("To", &text.to, format!("later than From, {}", text.from)));
        }
        Ok(Self { from, to, reason: text.reason.unwrap_or_else(|| "no reason given".to_owned()) })
    }
}

impl Freeze {
    /// True from its beginning until just before its end.
    pub fn covers(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.to
    }
}
