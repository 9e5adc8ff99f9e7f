//! When a schedule runs: `rate(…)`, `cron(…)` and `at(…)`, in a time zone.
//!
//! Cron is evaluated by `aws-cron`. Daylight saving as AWS documents it: a time that the clock skips
//! is skipped; a time that it repeats runs once, whatever the hours are. <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>

use std::time::Duration;

use aws_cron::{ClockChanges, Cron, ZonedCron};
use jiff::civil;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Span, Timestamp};

/// When a schedule runs.
#[derive(Debug, Clone)]
pub(super) enum Expression {
    /// At equal distances, from the start date on.
    Rate(Duration),
    /// At moments of the wall clock.
    Cron(Box<Cron>),
    /// Once.
    At(civil::DateTime),
}

impl Expression {
    /// Reads an expression; the fault says which rule it breaks.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (kind, inside) = text
            .strip_suffix(')')
            .and_then(|text| text.split_once('('))
            .ok_or_else(|| format!("\"{text}\" is not rate(…), cron(…) or at(…)"))?;
        match kind {
            "rate" => rate(inside).map(Self::Rate),
            "cron" => match Cron::parse(text) {
                Ok(cron) => Ok(Self::Cron(Box::new(cron))),
                Err(fault) => Err(format!("{text}: {fault}")),
            },
            "at" => civil::DateTime::strptime("%Y-%m-%dT%H:%M:%S", inside)
                .map(Self::At)
                .map_err(|_| format!("at({inside}): the form is at(yyyy-mm-ddThh:mm:ss)")),
            _ => Err(format!("\"{text}\" is not rate(…), cron(…) or at(…)")),
        }
    }

    /// The first occurrence after a moment. A rate counts from `anchor`, which is an occurrence
    /// itself; `every` turns its distance into the world's.
    pub(super) fn next(
        &self,
        zone: &TimeZone,
        anchor: Timestamp,
        after: Timestamp,
        every: impl Fn(Duration) -> Duration,
    ) -> Option<Timestamp> {
        match self {
            Self::Rate(distance) => next_of_rate(every(*distance), anchor, after),
            Self::Cron(cron) => {
                let (cron, zone) = (cron.as_ref().clone(), zone.clone());
                ZonedCron::new(cron, zone, ClockChanges::SCHEDULER).next(after)
            }
            Self::At(moment) => {
                let moment = zone.to_ambiguous_timestamp(*moment).compatible().ok()?;
                (moment > after).then_some(moment)
            }
        }
    }
}

/// A time zone by its IANA name.
pub(super) fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZoneDatabase::bundled()
        .get(name)
        .map_err(|_| format!("\"{name}\" is not a time zone of the IANA database"))
}

fn rate(inside: &str) -> Result<Duration, String> {
    let fault = || {
        format!(
            "rate({inside}): the form is rate(value unit), with a whole value from 1 on and \
             minute, minutes, hour, hours, day or days"
        )
    };
    let (value, unit) = inside.trim().split_once(' ').ok_or_else(fault)?;
    let value: u64 = value.parse().ok().filter(|value| *value > 0).ok_or_else(fault)?;
    let seconds = match unit.trim() {
        "minute" | "minutes" => 60,
        "hour" | "hours" => 3_600,
        "day" | "days" => 86_400,
        _ => return Err(fault()),
    };
    value.checked_mul(seconds).map(Duration::from_secs).ok_or_else(fault)
}

fn next_of_rate(distance: Duration, anchor: Timestamp, after: Timestamp) -> Option<Timestamp> {
    if anchor > after {
        return Some(anchor);
    }
    let distance = i64::try_from(distance.as_millis()).ok()?.max(1);
    let passed = after.as_millisecond() - anchor.as_millisecond();
    let steps = passed.div_euclid(distance) + 1;
    anchor.checked_add(Span::new().milliseconds(steps.checked_mul(distance)?)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// The next occurrences after a moment.
    fn following(expression: &str, zone_name: &str, after: &str, count: usize) -> Vec<String> {
        let parsed = Expression::parse(expression).unwrap();
        let zone = zone(zone_name).unwrap();
        let start = moment(after);
        let mut found = Vec::new();
        let mut last = start;
        while let Some(next) = parsed.next(&zone, start, last, |distance| distance) {
            found.push(next.to_string());
            last = next;
            if found.len() == count {
                break;
            }
        }
        found
    }

    #[test]
    fn a_cron_expression_follows_the_clock_of_its_zone() {
        // From winter to summer time on 29 March 2026: 02:00 in Berlin is 01:00 and then 00:00 UTC.
        assert_eq!(
            following("cron(0 3 * * ? *)", "Europe/Berlin", "2026-03-27T12:00:00Z", 3),
            ["2026-03-28T02:00:00Z", "2026-03-29T01:00:00Z", "2026-03-30T01:00:00Z"]
        );
    }

    #[test]
    fn a_time_that_the_clock_skips_is_skipped_and_one_that_it_repeats_runs_once() {
        assert_eq!(
            following("cron(30 2 * * ? *)", "Europe/Berlin", "2026-03-27T12:00:00Z", 2),
            ["2026-03-28T01:30:00Z", "2026-03-30T00:30:00Z"],
            "02:30 does not exist on 29 March 2026"
        );
        assert_eq!(
            following("cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-24T12:00:00Z", 2),
            ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
            "02:30 comes twice on 25 October 2026"
        );
    }

    #[test]
    fn the_last_day_of_the_week_is_saturday_and_a_range_goes_over_its_end() {
        assert_eq!(
            following("cron(0 10 ? * L *)", "UTC", "2026-11-21T00:00:00Z", 2),
            ["2026-11-21T10:00:00Z", "2026-11-28T10:00:00Z"]
        );
        assert_eq!(
            following("cron(0 10 ? * FRI-MON *)", "UTC", "2026-11-21T11:00:00Z", 3),
            ["2026-11-22T10:00:00Z", "2026-11-23T10:00:00Z", "2026-11-27T10:00:00Z"]
        );
        assert_eq!(
            following("cron(30 * * * ? *)", "Europe/Berlin", "2026-10-25T00:00:00Z", 3),
            ["2026-10-25T00:30:00Z", "2026-10-25T02:30:00Z", "2026-10-25T03:30:00Z"],
            "the second 02:30 runs nothing"
        );
    }

    #[test]
    fn days_of_the_week_count_from_sunday_as_one() {
        let sundays = ["2026-11-22T10:00:00Z", "2026-11-29T10:00:00Z"];
        assert_eq!(following("cron(0 10 ? * 1 *)", "UTC", "2026-11-21T00:00:00Z", 2), sundays);
        assert_eq!(following("cron(0 10 ? * SUN *)", "UTC", "2026-11-21T00:00:00Z", 2), sundays);
        assert_eq!(
            following("cron(0 10 ? * MON-FRI 2026)", "UTC", "2026-11-20T11:00:00Z", 1),
            ["2026-11-23T10:00:00Z"]
        );
        assert_eq!(
            following("cron(0/15 8 L * ? *)", "UTC", "2026-11-21T00:00:00Z", 2),
            ["2026-11-30T08:00:00Z", "2026-11-30T08:15:00Z"]
        );
        assert_eq!(
            following("cron(0 8 ? * 6#3 *)", "UTC", "2026-11-01T00:00:00Z", 1),
            ["2026-11-20T08:00:00Z"],
            "the third Friday"
        );
    }

    #[test]
    fn a_rate_counts_from_its_anchor() {
        assert_eq!(
            following("rate(12 hours)", "UTC", "2026-11-21T10:00:00Z", 2),
            ["2026-11-21T22:00:00Z", "2026-11-22T10:00:00Z"]
        );
        assert_eq!(
            following("rate(1 day)", "UTC", "2026-11-21T10:00:00Z", 1),
            ["2026-11-22T10:00:00Z"]
        );
    }

    #[test]
    fn a_moment_comes_once_in_its_zone() {
        assert_eq!(
            following("at(2026-11-21T12:00:00)", "America/New_York", "2026-11-21T00:00:00Z", 2),
            ["2026-11-21T17:00:00Z"]
        );
        assert!(following("at(2026-11-20T12:00:00)", "UTC", "2026-11-21T00:00:00Z", 1).is_empty());
        assert!(following("cron(0 8 1 1 ? 2020)", "UTC", "2026-11-21T00:00:00Z", 1).is_empty());
    }

    #[test]
    fn an_expression_that_is_wrong_says_how() {
        for (text, says) in [
            ("every day", "is not rate(…), cron(…) or at(…)"),
            ("rate(0 days)", "a whole value from 1 on"),
            ("rate(1 week)", "minute, minutes, hour"),
            ("cron(0 3 * * ?)", "the fields are six"),
            ("cron(0 3 * * * *)", "* can't be in both"),
            ("cron(0 3 ? * ? *)", "? can't be in both"),
            ("cron(61 3 * * ? *)", "Minutes is `61`: a value is 0-59"),
            ("at(tomorrow)", "at(yyyy-mm-ddThh:mm:ss)"),
        ] {
            let fault = Expression::parse(text).unwrap_err();
            assert!(fault.contains(says), "{text}: {fault}");
        }
        assert!(zone("Mars/Olympus").unwrap_err().contains("Mars/Olympus"));
    }
}
