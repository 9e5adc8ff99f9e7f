//! Windows against a table, and against another way of computing them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use gate_rules::{Freeze, Span, Window};
use jiff::Timestamp;
use serde_json::json;

#[path = "windows/odd.rs"]
mod odd;

fn window(schedule: &str, duration: i64, cutoff: i64, zone: &str) -> Window {
    let text = json!({
        "Schedule": schedule, "Duration": duration, "Cutoff": cutoff, "ScheduleTimezone": zone,
    });
    serde_json::from_value(text).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Schedule, duration, cutoff, zone, time in UTC, open.
type Case = (&'static str, i64, i64, &'static str, &'static str, bool);

const BERLIN: &str = "Europe/Berlin";
const NEW_YORK: &str = "America/New_York";
const LORD_HOWE: &str = "Australia/Lord_Howe";

/// 2026-11-21 is a Saturday.
const ORDINARY: &[Case] = &[
    // The edges: open at the first moment, closed at the last.
    ("cron(0 2 * * ? *)", 4, 0, "UTC", "2026-11-21T01:59:59Z", false),
    ("cron(0 2 * * ? *)", 4, 0, "UTC", "2026-11-21T02:00:00Z", true),
    ("cron(0 2 * * ? *)", 4, 0, "UTC", "2026-11-21T05:59:59Z", true),
    ("cron(0 2 * * ? *)", 4, 0, "UTC", "2026-11-21T06:00:00Z", false),
    // The cutoff takes its hours from the end.
    ("cron(0 2 * * ? *)", 4, 1, "UTC", "2026-11-21T04:59:59Z", true),
    ("cron(0 2 * * ? *)", 4, 1, "UTC", "2026-11-21T05:00:00Z", false),
    // The minute of the opening counts, and seconds within it do not open earlier.
    ("cron(30 2 * * ? *)", 1, 0, "UTC", "2026-11-21T02:29:59.999Z", false),
    ("cron(30 2 * * ? *)", 1, 0, "UTC", "2026-11-21T03:29:59.999Z", true),
    ("cron(30 2 * * ? *)", 1, 0, "UTC", "2026-11-21T03:30:00Z", false),
    // Across midnight.
    ("cron(0 22 * * ? *)", 4, 0, "UTC", "2026-11-21T23:30:00Z", true),
    ("cron(0 22 * * ? *)", 4, 0, "UTC", "2026-11-22T01:59:59Z", true),
    ("cron(0 22 * * ? *)", 4, 0, "UTC", "2026-11-22T02:00:00Z", false),
    // A whole day meets the next.
    ("cron(0 0 * * ? *)", 24, 0, "UTC", "2026-11-21T23:59:59Z", true),
    ("cron(0 0 ? * SAT *)", 24, 0, "UTC", "2026-11-22T00:00:00Z", false),
    // Across the end of a week, a month and a year.
    ("cron(0 20 ? * SAT *)", 6, 0, "UTC", "2026-11-22T01:00:00Z", true),
    ("cron(0 20 ? * SAT *)", 6, 0, "UTC", "2026-11-23T01:00:00Z", false),
    ("cron(0 22 L * ? *)", 4, 0, "UTC", "2026-12-01T01:00:00Z", true),
    ("cron(0 22 L * ? *)", 4, 0, "UTC", "2026-11-30T01:00:00Z", false),
    ("cron(0 22 31 12 ? *)", 4, 0, "UTC", "2027-01-01T01:59:00Z", true),
    ("cron(0 22 31 12 ? 2026)", 4, 0, "UTC", "2027-01-01T01:59:00Z", true),
    ("cron(0 22 31 12 ? 2027)", 4, 0, "UTC", "2027-01-01T01:59:00Z", false),
    // Leap days.
    ("cron(0 2 29 2 ? *)", 2, 0, "UTC", "2028-02-29T03:00:00Z", true),
    ("cron(0 2 29 2 ? *)", 2, 0, "UTC", "2027-03-01T03:00:00Z", false),
    ("cron(0 2 L 2 ? *)", 2, 0, "UTC", "2027-02-28T03:00:00Z", true),
    ("cron(0 2 L 2 ? *)", 2, 0, "UTC", "2028-02-28T03:00:00Z", false),
    ("cron(0 23 28 2 ? *)", 2, 0, "UTC", "2028-02-29T00:30:00Z", true),
    // Weekdays by name and by AWS's number, from Sunday = 1.
    ("cron(0 2 ? * SUN *)", 2, 0, "UTC", "2026-11-22T02:30:00Z", true),
    ("cron(0 2 ? * 1 *)", 2, 0, "UTC", "2026-11-22T02:30:00Z", true),
    ("cron(0 2 ? * 7 *)", 2, 0, "UTC", "2026-11-21T02:30:00Z", true),
    ("cron(0 2 ? * 7 *)", 2, 0, "UTC", "2026-11-22T02:30:00Z", false),
    ("cron(0 2 ? * MON-FRI *)", 2, 0, "UTC", "2026-11-20T02:30:00Z", true),
    ("cron(0 2 ? * MON-FRI *)", 2, 0, "UTC", "2026-11-21T02:30:00Z", false),
    ("cron(0 2 ? * TUE,THU *)", 2, 0, "UTC", "2026-11-19T02:30:00Z", true),
    // The last day of the week, and ranges over its end and over midnight.
    ("cron(0 2 ? * L *)", 2, 0, "UTC", "2026-11-21T02:30:00Z", true),
    ("cron(0 2 ? * L *)", 2, 0, "UTC", "2026-11-22T02:30:00Z", false),
    ("cron(0 2 ? * SAT-SUN *)", 2, 0, "UTC", "2026-11-22T02:30:00Z", true),
    ("cron(0 2 ? * FRI-MON *)", 2, 0, "UTC", "2026-11-23T02:30:00Z", true),
    ("cron(0 2 ? * FRI-MON *)", 2, 0, "UTC", "2026-11-24T02:30:00Z", false),
    ("cron(0 22-2 * * ? *)", 1, 0, "UTC", "2026-11-21T23:30:00Z", true),
    ("cron(0 22-2 * * ? *)", 1, 0, "UTC", "2026-11-21T03:30:00Z", false),
    // The third Thursday, the last Friday.
    ("cron(0 2 ? * THU#3 *)", 2, 0, "UTC", "2026-11-19T02:30:00Z", true),
    ("cron(0 2 ? * THU#3 *)", 2, 0, "UTC", "2026-11-12T02:30:00Z", false),
    ("cron(0 2 ? * 5#3 *)", 2, 0, "UTC", "2026-11-19T02:30:00Z", true),
    ("cron(0 2 ? * FRIL *)", 2, 0, "UTC", "2026-11-27T02:30:00Z", true),
    ("cron(0 2 ? * 6L *)", 2, 0, "UTC", "2026-11-20T02:30:00Z", false),
    // The weekday that is nearest to a day.
    ("cron(0 2 15W * ? *)", 2, 0, "UTC", "2026-11-16T02:30:00Z", true),
    ("cron(0 2 15W * ? *)", 2, 0, "UTC", "2026-11-15T02:30:00Z", false),
    ("cron(0 2 15W * ? *)", 2, 0, "UTC", "2026-08-14T02:30:00Z", true),
    // Steps and lists.
    ("cron(0 0/6 * * ? *)", 1, 0, "UTC", "2026-11-21T18:30:00Z", true),
    ("cron(0 0/6 * * ? *)", 1, 0, "UTC", "2026-11-21T19:00:00Z", false),
    ("cron(15 1,13 * * ? *)", 1, 0, "UTC", "2026-11-21T14:14:00Z", true),
    ("cron(0 2 1-7 JAN,JUL ? *)", 1, 0, "UTC", "2026-07-07T02:00:00Z", true),
    ("cron(0 2 1-7 JAN,JUL ? *)", 1, 0, "UTC", "2026-08-07T02:00:00Z", false),
    // Local time: two in the morning in Tokyo is five in the afternoon before.
    ("cron(0 2 ? * SUN *)", 2, 0, "Asia/Tokyo", "2026-11-21T17:30:00Z", true),
    ("cron(0 2 ? * SUN *)", 2, 0, "Asia/Tokyo", "2026-11-22T02:30:00Z", false),
    ("cron(0 2 * * ? *)", 2, 0, "Asia/Kathmandu", "2026-11-20T20:15:00Z", true),
    ("cron(0 2 * * ? *)", 2, 0, "Asia/Kathmandu", "2026-11-20T20:14:59Z", false),
];

const CLOCK_CHANGES: &[Case] = &[
    // Berlin, 2026-03-29: 02:00 becomes 03:00 at 01:00Z.
    ("cron(0 1 * * ? *)", 2, 0, BERLIN, "2026-03-29T00:00:00Z", true),
    ("cron(0 1 * * ? *)", 2, 0, BERLIN, "2026-03-29T01:59:59Z", true),
    ("cron(0 1 * * ? *)", 2, 0, BERLIN, "2026-03-29T02:00:00Z", false),
    // 02:30 does not exist: the window opens when the clock has jumped.
    ("cron(30 2 * * ? *)", 1, 0, BERLIN, "2026-03-29T00:59:59Z", false),
    ("cron(30 2 * * ? *)", 1, 0, BERLIN, "2026-03-29T01:00:00Z", true),
    ("cron(30 2 * * ? *)", 1, 0, BERLIN, "2026-03-29T01:59:59Z", true),
    ("cron(30 2 * * ? *)", 1, 0, BERLIN, "2026-03-29T02:00:00Z", false),
    // The day after is as always.
    ("cron(30 2 * * ? *)", 1, 0, BERLIN, "2026-03-30T00:30:00Z", true),
    // Berlin, 2026-10-25: 03:00 becomes 02:00 at 01:00Z. 02:30 comes twice, the first counts.
    ("cron(30 2 * * ? *)", 1, 0, BERLIN, "2026-10-25T00:29:59Z", false),
    ("cron(30 2 * * ? *)", 1, 0, BERLIN, "2026-10-25T00:30:00Z", true),
    ("cron(30 2 * * ? *)", 1, 0, BERLIN, "2026-10-25T01:29:59Z", true),
    ("cron(30 2 * * ? *)", 1, 0, BERLIN, "2026-10-25T01:30:00Z", false),
    // Real hours: from one o'clock, four hours end at four by a clock that went back.
    ("cron(0 1 * * ? *)", 4, 0, BERLIN, "2026-10-25T02:59:59Z", true),
    ("cron(0 1 * * ? *)", 4, 0, BERLIN, "2026-10-25T03:00:00Z", false),
    // Each hour is each hour that passes.
    ("cron(0 * * * ? *)", 1, 0, BERLIN, "2026-10-25T01:30:00Z", true),
    // New York, 2026-03-08: 02:00 becomes 03:00 at 07:00Z.
    ("cron(15 2 ? * SUN *)", 3, 1, NEW_YORK, "2026-03-08T06:59:59Z", false),
    ("cron(15 2 ? * SUN *)", 3, 1, NEW_YORK, "2026-03-08T07:00:00Z", true),
    ("cron(15 2 ? * SUN *)", 3, 1, NEW_YORK, "2026-03-08T08:59:59Z", true),
    ("cron(15 2 ? * SUN *)", 3, 1, NEW_YORK, "2026-03-08T09:00:00Z", false),
    // New York, 2026-11-01: 02:00 becomes 01:00 at 06:00Z.
    ("cron(0 1 ? * SUN *)", 1, 0, NEW_YORK, "2026-11-01T05:00:00Z", true),
    ("cron(0 1 ? * SUN *)", 1, 0, NEW_YORK, "2026-11-01T06:00:00Z", false),
    ("cron(0 23 ? * SAT *)", 4, 0, NEW_YORK, "2026-11-01T06:59:59Z", true),
    ("cron(0 23 ? * SAT *)", 4, 0, NEW_YORK, "2026-11-01T07:00:00Z", false),
    // Lord Howe changes by half an hour. 2026-10-04: 02:00 becomes 02:30 at 15:30Z the day before.
    ("cron(15 2 ? * SUN *)", 1, 0, LORD_HOWE, "2026-10-03T15:29:59Z", false),
    ("cron(15 2 ? * SUN *)", 1, 0, LORD_HOWE, "2026-10-03T15:30:00Z", true),
    ("cron(15 2 ? * SUN *)", 1, 0, LORD_HOWE, "2026-10-03T16:30:00Z", false),
    // 2026-04-05: 02:00 becomes 01:30 at 15:00Z the day before; 01:45 comes twice.
    ("cron(45 1 ? * SUN *)", 1, 0, LORD_HOWE, "2026-04-04T14:44:59Z", false),
    ("cron(45 1 ? * SUN *)", 1, 0, LORD_HOWE, "2026-04-04T14:45:00Z", true),
    ("cron(45 1 ? * SUN *)", 1, 0, LORD_HOWE, "2026-04-04T15:44:59Z", true),
    ("cron(45 1 ? * SUN *)", 1, 0, LORD_HOWE, "2026-04-04T15:45:00Z", false),
];

#[test]
fn windows_are_open_when_the_table_says() {
    assert!(ORDINARY.len() + CLOCK_CHANGES.len() >= 60);
    let wrong: Vec<_> = ORDINARY
        .iter()
        .chain(CLOCK_CHANGES)
        .filter(|(schedule, duration, cutoff, zone, now, open)| {
            window(schedule, *duration, *cutoff, zone).opened(at(now)).is_some() != *open
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_next_opening_is_found_across_gaps_and_leap_years_or_not_at_all() {
    let table = [
        ("cron(0 2 ? * SUN *)", BERLIN, "2026-11-21T12:00:00Z", Some("2026-11-22T01:00:00Z")),
        ("cron(30 2 ? * SUN *)", BERLIN, "2026-03-28T12:00:00Z", Some("2026-03-29T01:00:00Z")),
        ("cron(0 2 29 2 ? *)", "UTC", "2026-11-21T12:00:00Z", Some("2028-02-29T02:00:00Z")),
        ("cron(0 2 29 2 ? 2104)", "UTC", "2026-11-21T12:00:00Z", Some("2104-02-29T02:00:00Z")),
        ("cron(0 2 * * ? 2020)", "UTC", "2026-11-21T12:00:00Z", None),
    ];
    for (schedule, zone, now, next) in table {
        let found = window(schedule, 1, 0, zone).opens_next(at(now));
        assert_eq!(found, next.map(at), "{schedule} after {now}");
    }
}

#[test]
fn a_window_that_breaks_a_rule_is_refused_with_field_value_and_rule() {
    let cron = |expression: &str| json!({"Schedule": expression, "Duration": 2});
    let with = |member: &str, value: serde_json::Value| {
        let mut window = json!({"Schedule": "cron(0 2 * * ? *)", "Duration": 2});
        window[member] = value;
        window
    };
    let table = [
        (cron("rate(7 days)"), "Schedule: \"rate(7 days)\" must stand beside a StartDate or Next"),
        (cron("rate(7 weeks)"), "must be rate(value unit)"),
        (cron("every day"), "must be cron(Minutes Hours Day-of-month Month Day-of-week Year)"),
        (cron("at(tomorrow)"), "must be at(yyyy-mm-ddThh:mm:ss)"),
        (cron("cron(0 2 * * ?)"), "the fields are six, or seven"),
        (cron("cron(0 2 * * * *)"), "* can't be in both"),
        (cron("cron(0 2 ? * ? *)"), "? can't be in both"),
        (cron("cron(0 25 * * ? *)"), "Schedule: \"cron(0 25 * * ? *)\" must be an expression"),
        (cron("cron(0 25 * * ? *)"), "Hours is `25`: a value is 0-23, not 25"),
        (cron("cron(0 2 30 2 ? *)"), "must have an opening: there is no such day"),
        (cron("at(2026-02-30T02:00:00)"), "must be at(yyyy-mm-ddThh:mm:ss)"),
        (with("Duration", json!(0)), "Duration: 0 must be 1 to 24 hours"),
        (with("Duration", json!("2")), "invalid type: string \"2\""),
        (with("Cutoff", json!(2)), "Cutoff: 2 must be 0 or more hours, and less than Duration"),
        (
            with("ScheduleTimezone", json!("Europe/Munich")),
            "ScheduleTimezone: \"Europe/Munich\" must be a time zone of IANA's database",
        ),
        (with("ScheduleOffset", json!(7)), "ScheduleOffset: 7 must be 1 to 6 days"),
        (
            json!({"Schedule": "at(2026-12-20T18:00:00)", "Duration": 2, "ScheduleOffset": 1}),
            "ScheduleOffset: 1 must stand beside a cron() only",
        ),
        (with("StartDate", json!("soon")), "StartDate: \"soon\" must be a time of ISO 8601"),
        (
            json!({"Schedule": "cron(0 2 * * ? *)", "Duration": 2, "StartDate": "2026-12-20T18:00Z",
                   "EndDate": "2026-12-20T18:00+01:00"}),
            "EndDate: \"2026-12-20T18:00+01:00\" must be later than StartDate",
        ),
        (with("Frequency", json!(1)), "unknown field `Frequency`"),
    ];
    for (text, rule) in table {
        let error = serde_json::from_value::<Window>(text.clone()).unwrap_err().to_string();
        assert!(error.contains(rule), "{text}: {error}");
    }
}

/// The README's own window, and others that begin in the very minute in which clocks jump ahead.
#[test]
fn a_window_that_begins_with_the_jump_opens_at_its_end_and_stays_open_for_its_hours() {
    let table = [
        ("cron(0 2 ? * SUN *)", BERLIN, "2027-03-28T01:00:00Z"),
        ("cron(0 2 ? * SUN *)", NEW_YORK, "2027-03-14T07:00:00Z"),
        ("cron(0 1 ? * SUN *)", "Europe/London", "2027-03-28T01:00:00Z"),
        ("cron(0 0 * * ? *)", "America/Santiago", "2026-09-06T04:00:00Z"),
        ("cron(0 0 * * ? *)", "Africa/Cairo", "2026-04-23T22:00:00Z"),
        ("cron(0 2 ? * SUN *)", LORD_HOWE, "2026-10-03T15:30:00Z"),
    ];
    for (schedule, zone, opens) in table {
        let (window, opens) = (window(schedule, 4, 1, zone), at(opens));
        let (hours, second) =
            (jiff::SignedDuration::from_hours, jiff::SignedDuration::from_secs(1));
        assert_eq!(window.opened(opens - second), None, "{window}");
        assert_eq!(window.opened(opens), Some(opens), "{window}");
        assert_eq!(window.opened(opens + hours(3) - second), Some(opens), "{window}");
        assert_eq!(window.opened(opens + hours(3)), None, "{window}");
        assert_eq!(window.opens_next(opens - hours(5)), Some(opens), "{window}");
        let spans = window.spans(opens - hours(5), opens + hours(5));
        assert_eq!(spans, [Span { opens, closes: opens + hours(3) }], "{window}");
    }
}

#[test]
fn the_object_that_the_aws_cli_prints_is_a_window() {
    let printed = json!({
        "WindowId": "mw-0c5ed765acEXAMPLE",
        "Name": "My-Second-Maintenance-Window",
        "Description": "patches",
        "StartDate": "2021-01-01T00:00:00-08:00",
        "EndDate": "2031-01-01T00:00:00-08:00",
        "Schedule": "cron(0 30 23 ? * TUE#3 *)",
        "ScheduleTimezone": "America/Los_Angeles",
        "ScheduleOffset": 2,
        "NextExecutionTime": "2021-01-21T23:30-08:00",
        "Duration": 4,
        "Cutoff": 1,
        "AllowUnassociatedTargets": true,
        "Enabled": true,
        "CreatedDate": "2021-01-01T10:39:28.275000-08:00",
        "ModifiedDate": 1_609_526_368.275,
    });
    let window: Window = serde_json::from_value(printed.clone()).unwrap();
    // The third Tuesday of January 2021 is the 19th, and two days make it a Thursday.
    let opens = at("2021-01-22T07:30:00Z");
    assert_eq!(window.opens_next(at("2020-06-01T00:00:00Z")), Some(opens));
    assert_eq!(window.opened(at("2021-01-22T10:29:59Z")), Some(opens));
    assert_eq!(window.opened(at("2021-01-22T10:30:00Z")), None);
    assert!(window.to_string().starts_with("\"My-Second-Maintenance-Window\" cron("));
    let mut disabled = printed;
    disabled["Enabled"] = json!(false);
    let window: Window = serde_json::from_value(disabled).unwrap();
    assert!(!window.is_enabled());
    assert_eq!(window.opened(at("2021-01-22T08:00:00Z")), None);
    assert_eq!(window.opens_next(at("2020-06-01T00:00:00Z")), None);
    assert_eq!(window.spans(at("2020-06-01T00:00:00Z"), at("2022-06-01T00:00:00Z")), []);
}

#[test]
fn a_window_opens_between_its_dates_only() {
    let nightly = |starts: &str, ends: &str| -> Window {
        serde_json::from_value(json!({
            "Schedule": "cron(0 2 * * ? *)", "Duration": 4, "ScheduleTimezone": BERLIN,
            "StartDate": starts, "EndDate": ends,
        }))
        .unwrap()
    };
    // By the offset, whatever the window's own zone is: 02:00 in Berlin is 01:00 UTC.
    let window = nightly("2026-12-01T02:00:00+01:00", "2026-12-03T03:00:00Z");
    assert_eq!(window.opened(at("2026-11-30T02:00:00Z")), None);
    assert_eq!(window.opens_next(at("2026-01-01T00:00:00Z")), Some(at("2026-12-01T01:00:00Z")));
    assert_eq!(window.opened(at("2026-12-01T01:00:00Z")), Some(at("2026-12-01T01:00:00Z")));
    // The end date closes what is open.
    assert_eq!(window.opened(at("2026-12-03T02:59:59Z")), Some(at("2026-12-03T01:00:00Z")));
    assert_eq!(window.opened(at("2026-12-03T03:00:00Z")), None);
    assert_eq!(window.opens_next(at("2026-12-03T01:00:00Z")), None);
    let closes = |span: &Span| span.closes.to_string();
    let spans = window.spans(at("2026-11-01T00:00:00Z"), at("2027-01-01T00:00:00Z"));
    let closed: Vec<String> = spans.iter().map(closes).collect();
    assert_eq!(closed, ["2026-12-01T05:00:00Z", "2026-12-02T05:00:00Z", "2026-12-03T03:00:00Z"]);
    // An opening just before the start date does not count. Without an offset a date is UTC.
    let window = nightly("2026-12-01T01:00:01", "2026-12-31");
    assert_eq!(window.opened(at("2026-12-01T02:00:00Z")), None);
    assert_eq!(window.opens_next(at("2026-01-01T00:00:00Z")), Some(at("2026-12-02T01:00:00Z")));
}

#[test]
fn a_rate_counts_from_its_start_date_and_a_moment_comes_once() {
    let window = |schedule: &str, zone: &str| -> Window {
        serde_json::from_value(json!({
            "Schedule": schedule, "Duration": 3, "ScheduleTimezone": zone,
            "StartDate": "2019-01-01T03:15:00+09:00", "EndDate": "2019-06-30T06:15:00+09:00",
        }))
        .unwrap()
    };
    // AWS's own example: each Tuesday at 03:15 in Tokyo.
    let weekly = window("rate(7 days)", "Asia/Tokyo");
    let first = at("2018-12-31T18:15:00Z");
    assert_eq!(weekly.opens_next(at("2018-01-01T00:00:00Z")), Some(first));
    assert_eq!(weekly.opens_next(first), Some(at("2019-01-07T18:15:00Z")));
    assert_eq!(weekly.opened(at("2018-12-31T18:14:59Z")), None);
    assert_eq!(weekly.opened(at("2019-01-07T20:00:00Z")), Some(at("2019-01-07T18:15:00Z")));
    assert_eq!(weekly.opened(at("2019-01-07T21:15:00Z")), None);
    assert_eq!(weekly.opens_next(at("2019-06-24T18:15:00Z")), None);
    assert_eq!(weekly.spans(first, at("2020-01-01T00:00:00Z")).len(), 26);
    let once: Window = serde_json::from_value(json!({
        "Schedule": "at(2026-03-29T02:30:00)", "Duration": 1, "ScheduleTimezone": BERLIN,
    }))
    .unwrap();
    assert_eq!(once.opens_next(at("2020-01-01T00:00:00Z")), Some(at("2026-03-29T01:00:00Z")));
    assert_eq!(once.opens_next(at("2026-03-29T01:00:00Z")), None);
}

#[test]
fn windows_that_meet_or_overlap_are_one_span() {
    let all_day = window("cron(0 0 * * ? *)", 24, 0, BERLIN);
    let spans = all_day.spans(at("2026-10-20T00:00:00Z"), at("2026-10-24T00:00:00Z"));
    assert_eq!(spans.len(), 1, "{spans:?}");
    // Of the day of 25 hours the last one is not covered: hours are real ones.
    let spans = all_day.spans(at("2026-10-24T00:00:00Z"), at("2026-10-27T00:00:00Z"));
    let hole = [at("2026-10-25T22:00:00Z"), at("2026-10-25T23:00:00Z")];
    assert_eq!([spans[0].closes, spans[1].opens], hole);
}

#[test]
fn a_freeze_with_an_offset_means_that_offset() {
    let freeze = |from: &str, to: &str| -> Freeze {
        serde_json::from_value(json!({"From": from, "To": to, "Timezone": BERLIN})).unwrap()
    };
    let (from, to) = (at("2026-12-21T02:00:00Z"), at("2027-01-02T06:00:00Z"));
    let sale = freeze("2026-12-20T18:00-08:00", "2027-01-02T06:00Z");
    assert_eq!((sale.from, sale.to), (from, to));
    let mixed = freeze("2026-12-20T18:00-08:00", "2027-01-02T07:00");
    assert_eq!((mixed.from, mixed.to), (from, to));
    for text in
        ["2026-12-20T18:00[America/Los_Angeles]", "2026-12-20T18:00 PST", "2026-12-20T18:00+26"]
    {
        let wrong = json!({"From": text, "To": "2027-01-02T06:00Z"});
        let error = serde_json::from_value::<Freeze>(wrong).unwrap_err().to_string();
        assert!(error.contains("From: ") && error.contains("must be a time like"), "{error}");
    }
}

#[test]
fn a_freeze_covers_its_time_and_of_two_readings_the_longer() {
    let freeze = |from: &str, to: &str, zone: &str| -> Freeze {
        serde_json::from_value(json!({"From": from, "To": to, "Timezone": zone})).unwrap()
    };
    let holidays = freeze("2026-12-20T18:00", "2027-01-02T06:00", BERLIN);
    let covered = [
        "2026-12-20T16:59:59Z",
        "2026-12-20T17:00:00Z",
        "2027-01-02T04:59:59Z",
        "2027-01-02T05:00:00Z",
    ]
    .map(|now| holidays.covers(at(now)));
    assert_eq!(covered, [false, true, true, false]);
    let night = freeze("2026-10-25T02:30", "2026-10-25T02:45", BERLIN);
    assert_eq!((night.from, night.to), (at("2026-10-25T00:30:00Z"), at("2026-10-25T01:45:00Z")));
}

mod properties {
    use std::collections::BTreeSet;

    use jiff::civil::DateTime;
    use jiff::tz::TimeZone;
    use jiff::{SignedDuration, ToSpan};
    use proptest::prelude::*;

    use super::*;

    /// A schedule as sets, with the text that means it.
    #[derive(Debug, Clone)]
    struct Plan {
        minutes: BTreeSet<i8>,
        hours: BTreeSet<i8>,
        each_hour: bool,
        days: Days,
        months: BTreeSet<i8>,
        hours_open: i64,
        text: String,
    }

    #[derive(Debug, Clone)]
    enum Days {
        All,
        OfMonth(BTreeSet<i8>),
        LastOfMonth,
        OfWeek(BTreeSet<i8>),
        Nth(i8, i8),
    }

    const NAMES: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

    fn joined(set: &BTreeSet<i8>) -> String {
        set.iter().map(i8::to_string).collect::<Vec<_>>().join(",")
    }

    fn days() -> impl Strategy<Value = Days> {
        prop_oneof![
            Just(Days::All),
            prop::collection::btree_set(1_i8..=31, 1..4).prop_map(Days::OfMonth),
            Just(Days::LastOfMonth),
            prop::collection::btree_set(1_i8..=7, 1..4).prop_map(Days::OfWeek),
            (1_i8..=7, 1_i8..=4).prop_map(|(day, nth)| Days::Nth(day, nth)),
        ]
    }

    fn hours() -> impl Strategy<Value = (BTreeSet<i8>, bool, String)> {
        prop_oneof![
            // Around the hours in which clocks change.
            4 => prop::collection::btree_set(0_i8..5, 1..3)
                .prop_map(|set| (set.clone(), false, joined(&set))),
            2 => prop::collection::btree_set(0_i8..24, 1..3)
                .prop_map(|set| (set.clone(), false, joined(&set))),
            1 => (2_i8..8).prop_map(|step| {
                let set = (0..24).filter(|hour| hour % step == 0).collect();
                (set, true, format!("0/{step}"))
            }),
        ]
    }

    fn plan() -> impl Strategy<Value = Plan> {
        let minutes = prop::collection::btree_set(0_i8..60, 1..3);
        let months = prop_oneof![
            3 => Just((1_i8..=12).collect::<BTreeSet<_>>()),
            1 => prop::collection::btree_set(1_i8..=12, 6..9),
        ];
        (minutes, hours(), days(), months, 1_i64..=24).prop_map(
            |(minutes, (hours, each_hour, hours_text), days, months, hours_open)| {
                let (of_month, of_week) = match &days {
                    Days::All => ("*".to_owned(), "?".to_owned()),
                    Days::OfMonth(set) => (joined(set), "?".to_owned()),
                    Days::LastOfMonth => ("L".to_owned(), "?".to_owned()),
                    Days::OfWeek(set) => ("?".to_owned(), joined(set)),
                    Days::Nth(day, nth) => {
                        ("?".to_owned(), format!("{}#{nth}", NAMES[*day as usize - 1]))
                    }
                };
                let months_text = if months.len() == 12 { "*".to_owned() } else { joined(&months) };
                let text = format!(
                    "cron({} {hours_text} {of_month} {months_text} {of_week} *)",
                    joined(&minutes)
                );
                Plan { minutes, hours, each_hour, days, months, hours_open, text }
            },
        )
    }

    fn shows(plan: &Plan, civil: DateTime) -> bool {
        let weekday = civil.weekday().to_sunday_one_offset();
        let day = match &plan.days {
            Days::All => true,
            Days::OfMonth(set) => set.contains(&civil.day()),
            Days::LastOfMonth => civil.date() == civil.date().last_of_month(),
            Days::OfWeek(set) => set.contains(&weekday),
            Days::Nth(day, nth) => *day == weekday && (civil.day() - 1) / 7 + 1 == *nth,
        };
        day && plan.months.contains(&civil.month())
            && plan.hours.contains(&civil.hour())
            && plan.minutes.contains(&civil.minute())
    }

    /// Walks back minute by minute of real time, and looks at what a wall clock showed.
    fn opened_by_walking(plan: &Plan, zone: &TimeZone, now: Timestamp) -> bool {
        let minute = Timestamp::from_second(now.as_second().div_euclid(60) * 60).unwrap();
        let clock = |moment: Timestamp| zone.to_datetime(moment);
        (0..plan.hours_open * 60 + 1).any(|back| {
            let moment = minute - SignedDuration::from_mins(back);
            if now.duration_since(moment) >= SignedDuration::from_hours(plan.hours_open) {
                return false;
            }
            let (before, civil) = (clock(moment - 1.minute()), clock(moment));
            let mut skipped = before.saturating_add(1.minute());
            while skipped < civil {
                if shows(plan, skipped) {
                    return true;
                }
                skipped = skipped.saturating_add(1.minute());
            }
            let again = || {
                (1..=180).any(|earlier| clock(moment - SignedDuration::from_mins(earlier)) == civil)
            };
            shows(plan, civil) && (plan.each_hour || !again())
        })
    }

    const ZONES: [&str; 7] = [
        BERLIN,
        NEW_YORK,
        LORD_HOWE,
        "UTC",
        "Asia/Kathmandu",
        "America/Santiago",
        "Antarctica/Troll",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
        #[test]
        fn a_window_is_open_exactly_when_a_walk_through_real_time_finds_its_opening(
            plan in plan(),
            zone in prop::sample::select(ZONES.as_slice()),
            // Half of the times lie within two days of a change of clocks in 2024 to 2030.
            near in prop::bool::weighted(0.5),
            seconds in 1_704_067_200_i64..1_924_991_999,
            offset in -172_800_i64..172_800,
        ) {
            let rules = jiff::tz::TimeZoneDatabase::bundled().get(zone).unwrap();
            let mut now = Timestamp::from_second(seconds).unwrap();
            if near && let Some(change) = rules.following(now).next() {
                now = change.timestamp() + SignedDuration::from_secs(offset);
            }
            let window = window(&plan.text, plan.hours_open, 0, zone);
            prop_assert_eq!(
                window.opened(now).is_some(),
                opened_by_walking(&plan, &rules, now),
                "{} {} at {}", plan.text, zone, now
            );
        }
    }
}
