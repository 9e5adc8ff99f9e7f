//! The nights in which clocks change, against a table and against a walk through real time.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use aws_cron::{ClockChanges, Cron, ZonedCron};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp, ToSpan};
use proptest::prelude::*;

fn zone(name: &str) -> TimeZone {
    TimeZoneDatabase::bundled().get(name).unwrap()
}

fn zoned(expression: &str, name: &str, changes: ClockChanges) -> ZonedCron {
    ZonedCron::new(Cron::parse(expression).unwrap(), zone(name), changes)
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn a_window_that_begins_in_the_minute_of_the_jump_opens_at_its_end() {
    for (expression, name, after, opens, local) in [
        // Each begins in the very minute in which clocks jump ahead.
        (
            "cron(0 2 ? * SUN *)",
            "Europe/Berlin",
            "2027-03-27T12:00:00Z",
            "2027-03-28T01:00:00Z",
            "03:00",
        ),
        (
            "cron(0 2 ? * SUN *)",
            "America/New_York",
            "2027-03-13T12:00:00Z",
            "2027-03-14T07:00:00Z",
            "03:00",
        ),
        (
            "cron(0 1 ? * SUN *)",
            "Europe/London",
            "2027-03-27T12:00:00Z",
            "2027-03-28T01:00:00Z",
            "02:00",
        ),
        (
            "cron(0 0 * * ? *)",
            "America/Santiago",
            "2026-09-05T12:00:00Z",
            "2026-09-06T04:00:00Z",
            "01:00",
        ),
        (
            "cron(0 0 * * ? *)",
            "Africa/Cairo",
            "2026-04-23T12:00:00Z",
            "2026-04-23T22:00:00Z",
            "01:00",
        ),
        (
            "cron(0 2 ? * SUN *)",
            "Australia/Lord_Howe",
            "2026-10-03T00:00:00Z",
            "2026-10-03T15:30:00Z",
            "02:30",
        ),
        // In the middle of the jump, and in its last minute.
        (
            "cron(30 2 ? * SUN *)",
            "Europe/Berlin",
            "2027-03-27T12:00:00Z",
            "2027-03-28T01:00:00Z",
            "03:00",
        ),
        (
            "cron(59 2 ? * SUN *)",
            "Europe/Berlin",
            "2027-03-27T12:00:00Z",
            "2027-03-28T01:00:00Z",
            "03:00",
        ),
        // A day that Samoa left out.
        (
            "cron(0 9 30 12 ? 2011)",
            "Pacific/Apia",
            "2011-12-29T00:00:00Z",
            "2011-12-30T10:00:00Z",
            "00:00",
        ),
    ] {
        let cron = zoned(expression, name, ClockChanges::WINDOW);
        let opened = cron.next(at(after));
        assert_eq!(opened, Some(at(opens)), "{expression} {name}");
        let shown = zone(name).to_datetime(at(opens)).strftime("%H:%M").to_string();
        assert_eq!(shown, local, "{name}");
        assert_eq!(cron.latest(at(opens), SignedDuration::from_hours(1)), opened, "{name}");
        assert_eq!(cron.between(at(opens), at(opens) + 1.second()), [at(opens)], "{name}");
        // Scheduler leaves it out.
        let scheduler = zoned(expression, name, ClockChanges::SCHEDULER);
        assert_ne!(scheduler.next(at(after)), Some(at(opens)), "{expression} {name}");
    }
}

#[test]
fn a_repeated_time_comes_once_unless_the_hours_mean_each_hour() {
    let found = |expression: &str, changes| {
        zoned(expression, "Europe/Berlin", changes)
            .between(at("2026-10-25T00:00:00Z"), at("2026-10-25T02:00:00Z"))
            .iter()
            .map(|moment| moment.strftime("%H:%M").to_string())
            .collect::<Vec<_>>()
    };
    // 02:30 in Berlin is 00:30 and 01:30 UTC.
    assert_eq!(found("cron(30 2 * * ? *)", ClockChanges::WINDOW), ["00:30"]);
    assert_eq!(found("cron(30 1-3 * * ? *)", ClockChanges::WINDOW), ["00:30"]);
    assert_eq!(found("cron(30 * * * ? *)", ClockChanges::WINDOW), ["00:30", "01:30"]);
    assert_eq!(found("cron(30 0/2 * * ? *)", ClockChanges::WINDOW), ["00:30", "01:30"]);
    assert_eq!(found("cron(30 2 * * ? *)", ClockChanges::SCHEDULER), ["00:30"]);
    assert_eq!(found("cron(30 * * * ? *)", ClockChanges::SCHEDULER), ["00:30"]);
}

#[test]
fn days_later_keep_the_time_of_the_day() {
    // The second Tuesday of March 2026 and three days: Friday, the 13th, after New York's change.
    let cron = zoned("cron(0 2 ? * TUE#2 *)", "America/New_York", ClockChanges::WINDOW);
    assert_eq!(cron.next(at("2026-03-01T00:00:00Z")), Some(at("2026-03-10T06:00:00Z")));
    let later = cron.days_later(3);
    assert_eq!(later.next(at("2026-03-01T00:00:00Z")), Some(at("2026-03-13T06:00:00Z")));
    // Saturday and a day is the Sunday in which 02:00 does not exist.
    let sunday = zoned("cron(0 2 ? * SAT *)", "Europe/Berlin", ClockChanges::WINDOW).days_later(1);
    assert_eq!(sunday.next(at("2027-03-27T12:00:00Z")), Some(at("2027-03-28T01:00:00Z")));
}

#[test]
fn the_next_moment_is_the_earliest_where_days_repeat() {
    // In Beirut clocks went back from midnight to 23:00: the evening of the 28th came twice.
    let cron = zoned("cron(0/20 * * * ? *)", "Asia/Beirut", ClockChanges::WINDOW);
    let mut now = at("2023-10-28T20:00:00Z");
    for _ in 0..9 {
        let next = cron.next(now).unwrap();
        assert_eq!(next.duration_since(now), SignedDuration::from_mins(20), "{now}");
        now = next;
    }
}

/// Walks through real time, minute by minute, and looks at what a wall clock showed.
fn walk(cron: &Cron, zone: &TimeZone, from: Timestamp, minutes: i64) -> Vec<Timestamp> {
    let clock = |moment: Timestamp| zone.to_datetime(moment);
    let mut found = Vec::new();
    for passed in 0..minutes {
        let moment = from + SignedDuration::from_mins(passed);
        let (before, reading) = (clock(moment - 1.minute()), clock(moment));
        let mut skipped = before.saturating_add(1.minute());
        let mut opens = false;
        while skipped < reading {
            opens |= cron.matches(skipped);
            skipped = skipped.saturating_add(1.minute());
        }
        let again = || {
            (1..=180).any(|earlier| clock(moment - SignedDuration::from_mins(earlier)) == reading)
        };
        opens |= cron.matches(reading) && (cron.means_each_hour() || !again());
        if opens {
            found.push(moment);
        }
    }
    found
}

const ZONES: [&str; 10] = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "UTC",
    "America/Santiago",
    "Africa/Cairo",
    "Antarctica/Troll",
    "America/Havana",
    "Asia/Gaza",
    "Atlantic/Azores",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, ..ProptestConfig::default() })]
    #[test]
    fn moments_are_those_of_a_walk_through_the_days_of_a_change(
        minute in prop::sample::select(vec!["0", "30", "0,30", "15/15", "59", "*"]),
        hour in prop::sample::select(vec!["0", "1", "2", "3", "0-3", "23", "22-1", "*", "0/2", "1,*/12"]),
        day in prop::sample::select(vec![("*", "?"), ("?", "SAT-SUN"), ("?", "L"), ("L", "?"), ("LW", "?"), ("?", "1L"), ("?", "1#2")]),
        name in prop::sample::select(ZONES.as_slice()),
        year in 2020_i16..2037,
        second_half in any::<bool>(),
    ) {
        let text = format!("cron({minute} {hour} {} * {} *)", day.0, day.1);
        let cron = Cron::parse(&text).unwrap();
        let rules = zone(name);
        let start = jiff::civil::date(year, if second_half { 7 } else { 1 }, 1)
            .to_zoned(TimeZone::UTC).unwrap().timestamp();
        let change = rules.following(start).next().map_or(start, |change| change.timestamp());
        let from = change - SignedDuration::from_hours(30);
        let expected = walk(&cron, &rules, from, 60 * 60);
        let zoned = ZonedCron::new(cron, rules, ClockChanges::WINDOW);
        prop_assert_eq!(zoned.between(from, from + SignedDuration::from_hours(60)), expected.clone(), "{}", text);
        let mut now = from - 1.second();
        for moment in &expected {
            prop_assert_eq!(zoned.next(now), Some(*moment), "{} after {}", text, now);
            now = *moment;
            if expected.len() > 200 { break; }
        }
        if let Some(last) = expected.last() {
            prop_assert_eq!(zoned.latest(*last, SignedDuration::from_hours(1)), Some(*last));
        }
    }
}
