//! An expression: which readings of a wall clock it means. Zones are not known here.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time, Weekday, date};

use crate::field::{
    DAY_OF_MONTH, DAY_OF_WEEK, FIRST_YEAR, HOURS, InvalidCron, LAST_YEAR, MINUTES, MONTH, SECONDS,
    Values, YEAR,
};

/// An expression of six fields, `cron(Minutes Hours Day-of-month Month Day-of-week Year)`.
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    seconds: Values,
    minutes: Values,
    hours: Values,
    /// Whether the hours are `*` or a step, and so mean each hour that passes.
    each_hour: bool,
    days: Days,
    months: Values,
    years: Values,
}

/// The days of a month: by one of the two fields.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Days {
    /// These days of the month.
    OfMonth(Values),
    /// `L` in Day-of-month.
    LastOfMonth,
    /// `LW`: the last day from Monday to Friday.
    LastWorkday,
    /// `3W`: the day from Monday to Friday that is nearest, within the month.
    NearestWorkday(i8),
    /// These days of the week, from Sunday = 1.
    OfWeek(Values),
    /// `6L`: the last such day of the month.
    LastOfWeek(i8),
    /// `3#2`: the second such day of the month.
    Nth(i8, i8),
}

impl Cron {
    /// Reads `cron(…)` with its six fields.
    ///
    /// # Errors
    /// The first field that breaks AWS's rule, with its text and the rule.
    pub fn parse(text: &str) -> Result<Self, InvalidCron> {
        match fields(text)?.as_slice() {
            [minutes, hours, days, months, weekdays, years] => {
                Self::of("0", [minutes, hours, days, months, weekdays, years])
            }
            other => Err(wrong_number(text, other.len(), "six")),
        }
    }

    /// Reads `cron(…)` as Systems Manager's maintenance windows do: with six fields, or with a
    /// seventh in front of them, the seconds.
    /// <https://docs.aws.amazon.com/systems-manager/latest/userguide/reference-cron-and-rate-expressions.html>
    ///
    /// # Errors
    /// The first field that breaks AWS's rule, with its text and the rule.
    pub fn parse_with_seconds(text: &str) -> Result<Self, InvalidCron> {
        match fields(text)?.as_slice() {
            [minutes, hours, days, months, weekdays, years] => {
                Self::of("0", [minutes, hours, days, months, weekdays, years])
            }
            [seconds, minutes, hours, days, months, weekdays, years] => {
                Self::of(seconds, [minutes, hours, days, months, weekdays, years])
            }
            other => Err(wrong_number(text, other.len(), "six, or seven with seconds in front")),
        }
    }

    fn of(seconds: &str, fields: [&str; 6]) -> Result<Self, InvalidCron> {
        let [minutes, hours, days, months, weekdays, years] = fields;
        Ok(Self {
            seconds: SECONDS.list(seconds)?,
            minutes: MINUTES.list(minutes)?,
            hours: HOURS.list(hours)?,
            each_hour: hours.contains(['*', '/']),
            days: day_fields(days, weekdays)?,
            months: MONTH.list(months)?,
            years: YEAR.list(years)?,
        })
    }

    /// True when the hours are `*` or a step: then the expression means each hour that passes, and
    /// not a time of the day.
    pub fn means_each_hour(&self) -> bool {
        self.each_hour
    }

    /// True when a clock that shows this is meant; parts of a second do not count.
    pub fn matches(&self, reading: DateTime) -> bool {
        self.matches_day(reading.date())
            && has(&self.hours, reading.hour())
            && has(&self.minutes, reading.minute())
            && has(&self.seconds, reading.second())
    }

    /// True when some time of that day is meant.
    pub fn matches_day(&self, day: Date) -> bool {
        self.matches_month(day) && self.days.have(day)
    }

    fn matches_month(&self, day: Date) -> bool {
        self.matches_year(day) && has(&self.months, day.month())
    }

    fn matches_year(&self, day: Date) -> bool {
        u16::try_from(day.year()).is_ok_and(|year| self.years.has(year))
    }

    /// True when no day from 1970 to 2199 is meant, like 30 February.
    pub fn never_occurs(&self) -> bool {
        self.next_reading(first_day().to_datetime(Time::midnight())).is_none()
    }

    /// The first reading from `from` on, itself included, that is meant.
    pub fn next_reading(&self, from: DateTime) -> Option<DateTime> {
        let last = date(last_year(), 12, 31);
        let mut start = from.max(first_day().to_datetime(Time::midnight()));
        if start.subsec_nanosecond() > 0 {
            start = start
                .checked_add((1_000_000_000 - start.subsec_nanosecond()).nanoseconds())
                .ok()?;
        }
        let mut day = start.date();
        while day <= last {
            if !self.matches_year(day) {
                day = day.last_of_year().tomorrow().ok()?;
            } else if !self.matches_month(day) {
                day = day.last_of_month().tomorrow().ok()?;
            } else {
                let earliest = if day == start.date() { start.time() } else { Time::midnight() };
                if self.days.have(day)
                    && let Some(time) = self.next_time(earliest)
                {
                    return Some(day.to_datetime(time));
                }
                day = day.tomorrow().ok()?;
            }
        }
        None
    }

    /// The first time of a day from `from` on that is meant.
    fn next_time(&self, from: Time) -> Option<Time> {
        let from = (from.hour(), from.minute(), from.second());
        for hour in (from.0..24).filter(|hour| has(&self.hours, *hour)) {
            let least = if hour == from.0 { from.1 } else { 0 };
            for minute in (least..60).filter(|minute| has(&self.minutes, *minute)) {
                let least = if (hour, minute) == (from.0, from.1) { from.2 } else { 0 };
                let second = (least..60).find(|second| has(&self.seconds, *second));
                if let Some(second) = second {
                    return Time::new(hour, minute, second, 0).ok();
                }
            }
        }
        None
    }
}

fn has(values: &Values, value: i8) -> bool {
    u16::try_from(value).is_ok_and(|value| values.has(value))
}

fn first_day() -> Date {
    date(i16::try_from(FIRST_YEAR).unwrap_or_default(), 1, 1)
}

fn last_year() -> i16 {
    i16::try_from(LAST_YEAR).unwrap_or_default()
}

/// The fields between `cron(` and `)`.
fn fields(text: &str) -> Result<Vec<&str>, InvalidCron> {
    let inner = text.trim().strip_prefix("cron(").and_then(|rest| rest.strip_suffix(')'));
    let inner = inner.ok_or_else(|| {
        let rule = "the form is cron(Minutes Hours Day-of-month Month Day-of-week Year)";
        InvalidCron::new("the expression", text, rule)
    })?;
    Ok(inner.split_whitespace().collect())
}

fn wrong_number(text: &str, found: usize, wanted: &str) -> InvalidCron {
    let rule = format!(
        "the fields are {wanted}: Minutes Hours Day-of-month Month Day-of-week Year; here are {found}"
    );
    InvalidCron::new("the expression", text, rule)
}

/// Reads the two fields of which one decides and the other one is `?`.
fn day_fields(days: &str, weekdays: &str) -> Result<Days, InvalidCron> {
    let both = || format!("{days} … {weekdays}");
    let refuse = |rule: &str| InvalidCron::new("Day-of-month and Day-of-week", &both(), rule);
    match (days, weekdays) {
        ("?", "?") => Err(refuse("? can't be in both: one of the two has to say which days")),
        ("*", "*") => Err(refuse("* can't be in both: if it is in one, the other one is ?")),
        ("?", weekdays) => week_days(weekdays),
        (days, "?") => month_days(days),
        _ => Err(refuse(
            "exactly one of Day-of-month and Day-of-week has a value; the other one is ?",
        )),
    }
}

fn month_days(text: &str) -> Result<Days, InvalidCron> {
    let upper = text.to_ascii_uppercase();
    match upper.as_str() {
        "L" => return Ok(Days::LastOfMonth),
        "LW" => return Ok(Days::LastWorkday),
        _ => {}
    }
    if let Some(day) = upper.strip_suffix('W') {
        let day = DAY_OF_MONTH.value(day).and_then(|day| i8::try_from(day).ok());
        return day.map(Days::NearestWorkday).ok_or_else(|| {
            DAY_OF_MONTH.fault(text, "W stands behind one day, like 3W, or in LW, and alone")
        });
    }
    if upper.contains('L') || upper.contains('W') {
        let rule = "L and W stand alone: L, LW, or 3W, in no list, range or increment";
        return Err(DAY_OF_MONTH.fault(text, rule));
    }
    if text.contains('#') {
        return Err(DAY_OF_MONTH.fault(text, "# belongs into Day-of-week"));
    }
    DAY_OF_MONTH.list(text).map(Days::OfMonth)
}

fn week_days(text: &str) -> Result<Days, InvalidCron> {
    let upper = text.to_ascii_uppercase();
    let one = |day: &str| DAY_OF_WEEK.value(day).and_then(|day| i8::try_from(day).ok());
    if let Some((day, nth)) = upper.split_once('#') {
        let nth = nth.parse::<i8>().ok().filter(|nth| (1..=5).contains(nth));
        return match (one(day), nth) {
            (Some(day), Some(nth)) => Ok(Days::Nth(day, nth)),
            _ => {
                let rule = "# stands between one day and a number from 1 to 5, like 3#2, and alone";
                Err(DAY_OF_WEEK.fault(text, rule))
            }
        };
    }
    if upper == "L" {
        // The last day of a week, as AWS counts it, is Saturday.
        return DAY_OF_WEEK.list("SAT").map(Days::OfWeek);
    }
    if let Some(day) = upper.strip_suffix('L') {
        return one(day).map(Days::LastOfWeek).ok_or_else(|| {
            DAY_OF_WEEK.fault(text, "L stands alone or behind one day, like 6L or FRIL")
        });
    }
    if upper.contains('W') && !upper.contains("WED") {
        return Err(DAY_OF_WEEK.fault(text, "W belongs into Day-of-month"));
    }
    DAY_OF_WEEK.list(text).map(Days::OfWeek)
}

impl Days {
    fn have(&self, day: Date) -> bool {
        let weekday = day.weekday().to_sunday_one_offset();
        let length = day.days_in_month();
        match self {
            Self::OfMonth(days) => has(days, day.day()),
            Self::LastOfMonth => day.day() == length,
            Self::LastWorkday => day.day() == nearest_workday(day, length),
            // A month without that day is passed over.
            Self::NearestWorkday(wanted) => {
                *wanted <= length && day.day() == nearest_workday(day, *wanted)
            }
            Self::OfWeek(days) => has(days, weekday),
            Self::LastOfWeek(wanted) => weekday == *wanted && day.day() > length - 7,
            Self::Nth(wanted, nth) => weekday == *wanted && (day.day() - 1) / 7 + 1 == *nth,
        }
    }
}

/// The day from Monday to Friday that is nearest to a day of the month, within the month.
fn nearest_workday(month: Date, day: i8) -> i8 {
    let length = month.days_in_month();
    let ahead = i32::from(day) - i32::from(month.day());
    let weekday = month.weekday().wrapping_add(ahead);
    match weekday {
        Weekday::Saturday if day == 1 => 3,
        Weekday::Saturday => day - 1,
        Weekday::Sunday if day == length => day - 2,
        Weekday::Sunday => day + 1,
        _ => day,
    }
}
