//! Windows and freezes that nobody writes every day, and that AWS's rules allow.

use super::*;

/// Windows that nobody writes every day: the window, a moment before, and when it opens next.
#[test]
fn odd_windows_open_when_aws_would_open_them() {
    let window = |members: serde_json::Value| -> Window {
        let mut window = json!({"Duration": 2, "ScheduleTimezone": BERLIN});
        window.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        serde_json::from_value(window).unwrap()
    };
    let cron = |expression: &str| json!({"Schedule": expression});
    let later =
        |expression: &str, days: i64| json!({"Schedule": expression, "ScheduleOffset": days});
    let table = [
        // Days later: over the ends of a month and a year, into a jump of the clocks.
        (later("cron(0 2 ? * TUE#2 *)", 3), "2026-10-01T00:00:00Z", Some("2026-10-16T00:00:00Z")),
        (later("cron(0 2 ? * TUE#5 *)", 6), "2026-11-01T00:00:00Z", Some("2027-01-04T01:00:00Z")),
        (later("cron(0 22 L 2 ? *)", 1), "2027-01-01T00:00:00Z", Some("2027-03-01T21:00:00Z")),
        (later("cron(30 2 ? 3 FRI#4 *)", 2), "2027-03-01T00:00:00Z", Some("2027-03-28T01:00:00Z")),
        (later("cron(0 12 29 2 ? *)", 1), "2026-01-01T00:00:00Z", Some("2028-03-01T11:00:00Z")),
        // The last workday, and the workday nearest to the first, which is a Saturday.
        (cron("cron(0 2 LW 1 ? *)"), "2026-12-01T00:00:00Z", Some("2027-01-29T01:00:00Z")),
        (cron("cron(0 2 1W 8 ? *)"), "2026-07-15T00:00:00Z", Some("2026-08-03T00:00:00Z")),
        // Steps within a range over the end of the week; months over the end of the year.
        (cron("cron(0 2 ? * FRI-MON/2 *)"), "2026-11-20T02:00:00Z", Some("2026-11-22T01:00:00Z")),
        (cron("cron(0 2 1 NOV-FEB ? *)"), "2027-02-02T00:00:00Z", Some("2027-11-01T01:00:00Z")),
        (cron("cron(0/20 22-0 * * ? *)"), "2026-11-20T23:40:00Z", Some("2026-11-21T21:00:00Z")),
        // Seconds in front; blanks and names in any case; years in a list, and none left.
        (cron("cron(15 30 23 ? * tue#3 *)"), "2026-11-01T00:00:00Z", Some("2026-11-17T22:30:15Z")),
        (cron("  cron( 0  2 ?  * Sun * ) "), "2026-11-20T00:00:00Z", Some("2026-11-22T01:00:00Z")),
        (cron("cron(0 2 ? 1 SUN 2026,2029)"), "2026-02-01T00:00:00Z", Some("2029-01-07T01:00:00Z")),
        (cron("cron(0 2 * * ? 2019-2025)"), "2026-01-01T00:00:00Z", None),
        // One moment: in the hour that comes twice, in one that never comes, before the start date.
        (cron("at(2026-10-25T02:30:00)"), "2026-01-01T00:00:00Z", Some("2026-10-25T00:30:00Z")),
        (cron("at(2027-03-28T02:30)"), "2026-01-01T00:00:00Z", Some("2027-03-28T01:00:00Z")),
        (
            json!({"Schedule": "at(2026-10-25T12:00:00)", "StartDate": "2026-10-25T12:00:01Z"}),
            "2026-01-01T00:00:00Z",
            None,
        ),
        // Rates count real hours, from the start date or from what AWS says comes next.
        (
            json!({"Schedule": "rate(36 hours)", "StartDate": "2026-10-24T02:00:00+02:00"}),
            "2026-10-24T00:00:00Z",
            Some("2026-10-25T12:00:00Z"),
        ),
        (
            json!({"Schedule": "rate(7 days)", "NextExecutionTime": "2026-11-24T02:00Z"}),
            "2026-12-01T03:00:00Z",
            Some("2026-12-08T02:00:00Z"),
        ),
        (
            json!({"Schedule": "rate(7 days)", "StartDate": "2026-11-02T05:00:00Z",
                   "NextExecutionTime": "2026-11-24T02:00Z", "EndDate": "2026-11-16T05:00:00Z"}),
            "2026-11-09T05:00:00Z",
            None,
        ),
        // A day that a country left out, and a zone by its old name, in small letters.
        (
            json!({"Schedule": "cron(0 2 30 12 ? 2011)", "ScheduleTimezone": "Pacific/Apia"}),
            "2011-12-01T00:00:00Z",
            Some("2011-12-30T10:00:00Z"),
        ),
        (
            json!({"Schedule": "cron(0 2 * * ? *)", "ScheduleTimezone": "us/pacific"}),
            "2026-11-20T00:00:00Z",
            Some("2026-11-20T10:00:00Z"),
        ),
        // What says "not set", and what only people read.
        (
            json!({"Schedule": "cron(0 2 * * ? *)", "ScheduleTimezone": null, "StartDate": "",
                   "EndDate": null, "ScheduleOffset": null, "NextExecutionTime": "soon"}),
            "2026-11-20T00:00:00Z",
            Some("2026-11-20T02:00:00Z"),
        ),
    ];
    assert!(table.len() >= 20);
    for (members, after, opens) in table {
        let window = window(members.clone());
        assert_eq!(window.opens_next(at(after)), opens.map(at), "{members}");
        let Some(opens) = opens.map(at) else { continue };
        let second = jiff::SignedDuration::from_secs(1);
        let closes = opens + jiff::SignedDuration::from_hours(2);
        assert_eq!(window.opened(opens), Some(opens), "{members}");
        assert_ne!(window.opened(opens - second), Some(opens), "{members}");
        assert_ne!(window.opened(closes), Some(opens), "{members}");
    }
}

#[test]
fn a_rate_without_a_beginning_that_can_be_read_is_refused() {
    let rate = json!({"Schedule": "rate(7 days)", "Duration": 2, "NextExecutionTime": "soon"});
    let error = serde_json::from_value::<Window>(rate).unwrap_err().to_string();
    assert!(error.contains("NextExecutionTime: \"soon\" must be a time of ISO 8601"), "{error}");
}

/// A freeze that ends on a day takes that day; one that begins on a day, all of it.
#[test]
fn a_freeze_of_days_includes_them() {
    let freeze = |from: &str, to: &str| -> Result<Freeze, _> {
        serde_json::from_value(json!({"From": from, "To": to, "Timezone": BERLIN}))
    };
    for (from, to, begins, ends) in [
        ("2026-12-20", "2027-01-02", "2026-12-19T23:00:00Z", "2027-01-02T23:00:00Z"),
        ("2026-12-24", "2026-12-24", "2026-12-23T23:00:00Z", "2026-12-24T23:00:00Z"),
        ("2026-10-25", "2026-10-25", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),
        ("2026-12-20T18:00", "2026-12-21", "2026-12-20T17:00:00Z", "2026-12-21T23:00:00Z"),
        ("20261220", "20261221", "2026-12-19T23:00:00Z", "2026-12-21T23:00:00Z"),
        ("2026-12-20", "2026-12-21T00:00", "2026-12-19T23:00:00Z", "2026-12-20T23:00:00Z"),
    ] {
        let found = freeze(from, to).unwrap();
        assert_eq!((found.from, found.to), (at(begins), at(ends)), "{from} {to}");
    }
    for (from, to) in [
        ("2027-01-02", "2026-12-20"),
        ("2026-12-20T18:00", "2026-12-20T18:00"),
        ("2026-12-20T18:00-08:00", "2026-12-21T02:00Z"),
    ] {
        let error = freeze(from, to).unwrap_err().to_string();
        assert!(error.contains("must be later than From"), "{error}");
    }
}
