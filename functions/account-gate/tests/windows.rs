//! Windows against a table, and against another way of computing them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use account_gate::{Freeze, Window};
use jiff::Timestamp;
use serde_json::json;

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
        ("cron(0 2 30 2 ? *)", "UTC", "2026-11-21T12:00:00Z", None),
        ("cron(0 2 * * ? 2020)", "UTC", "2026-11-21T12:00:00Z", None),
    ];
    for (schedule, zone, now, next) in table {
        let found = window(schedule, 1, 0, zone).opens_next(at(now));
        assert_eq!(found, next.map(at), "{schedule} after {now}");
    }
}

#[test]
fn a_window_that_breaks_a_rule_is_refused_with_field_value_and_rule() {
    let table = [
        (json!({"Schedule": "rate(7 days)", "Duration": 2}), "a rate() has no beginning"),
        (json!({"Schedule": "cron(0 2 * * ?)", "Duration": 2}), "six fields"),
        (json!({"Schedule": "cron(0 2 * * * *)", "Duration": 2}), "exactly one of Day-of-month"),
        (json!({"Schedule": "cron(0 2 ? * ? *)", "Duration": 2}), "exactly one of Day-of-month"),
        (json!({"Schedule": "cron(0 25 * * ? *)", "Duration": 2}), "Schedule is `cron(0 25"),
        (json!({"Schedule": "cron(0 2 * * ? *)", "Duration": 0}), "Duration is `0`: 1 to 24"),
        (
            json!({"Schedule": "cron(0 2 * * ? *)", "Duration": 2, "Cutoff": 2}),
            "Cutoff is `2`: 0 or more hours, and less than Duration",
        ),
        (
            json!({"Schedule": "cron(0 2 * * ? *)", "Duration": 2, "ScheduleTimezone": "Europe/Munich"}),
            "ScheduleTimezone is `Europe/Munich`: a time zone of IANA's database",
        ),
    ];
    for (text, rule) in table {
        let error = serde_json::from_value::<Window>(text.clone()).unwrap_err().to_string();
        assert!(error.contains(rule), "{text}: {error}");
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
