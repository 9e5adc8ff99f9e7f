//! What AWS accepts means what AWS says; what it refuses is refused in its terms.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use aws_cron::Cron;
use jiff::civil::{DateTime, date};

/// The days of a year on which an expression has times.
fn days(expression: &str, year: i16) -> Vec<String> {
    let cron = Cron::parse(expression).unwrap();
    let first = date(year, 1, 1);
    let all = first.series(jiff::Span::new().days(1)).take_while(|day| day.year() == year);
    all.filter(|day| cron.matches_day(*day)).map(|day| day.strftime("%m-%d").to_string()).collect()
}

fn day_fields(days: &str, months: &str, weekdays: &str) -> String {
    format!("cron(0 2 {days} {months} {weekdays} *)")
}

#[test]
fn days_of_the_month() {
    // 2026-02-28 and 2026-05-31 are weekend days; 2026-08-15 is a Saturday.
    let table: [(&str, &str, i16, &[&str]); 12] = [
        ("L", "2,4", 2026, &["02-28", "04-30"]),
        ("L", "2", 2028, &["02-29"]),
        ("29", "2", 2026, &[]),
        ("29", "2", 2028, &["02-29"]),
        ("31", "4-7", 2026, &["05-31", "07-31"]),
        ("LW", "1-5", 2026, &["01-30", "02-27", "03-31", "04-30", "05-29"]),
        ("15W", "8,11", 2026, &["08-14", "11-16"]),
        // The first on a Saturday and the last on a Sunday stay within their month.
        ("1W", "8", 2026, &["08-03"]),
        ("31W", "5", 2026, &["05-29"]),
        ("31W", "4", 2026, &[]),
        ("3w", "NOV", 2026, &["11-03"]),
        ("30-2", "1", 2026, &["01-01", "01-02", "01-30", "01-31"]),
    ];
    for (field, months, year, expected) in table {
        assert_eq!(days(&day_fields(field, months, "?"), year), expected, "{field} {months}");
    }
}

#[test]
fn days_of_the_week() {
    // 2026-11-01 is a Sunday.
    let table: [(&str, &[&str]); 12] = [
        // L alone is the last day of the week: Saturday.
        ("L", &["11-07", "11-14", "11-21", "11-28"]),
        ("7", &["11-07", "11-14", "11-21", "11-28"]),
        ("6L", &["11-27"]),
        ("FRIL", &["11-27"]),
        ("1L", &["11-29"]),
        ("3#2", &["11-10"]),
        ("TUE#2", &["11-10"]),
        ("SUN#5", &["11-29"]),
        ("TUE#5", &[]),
        (
            "SAT-SUN",
            &["11-01", "11-07", "11-08", "11-14", "11-15", "11-21", "11-22", "11-28", "11-29"],
        ),
        (
            "FRI-MON/3",
            &["11-02", "11-06", "11-09", "11-13", "11-16", "11-20", "11-23", "11-27", "11-30"],
        ),
        ("wed", &["11-04", "11-11", "11-18", "11-25"]),
    ];
    for (field, expected) in table {
        assert_eq!(days(&day_fields("?", "11", field), 2026), expected, "{field}");
    }
}

#[test]
fn the_next_reading_is_found_over_months_and_years_that_are_not_meant() {
    let next = |expression: &str, from: &str| {
        let from: DateTime = from.parse().unwrap();
        Cron::parse_with_seconds(expression).unwrap().next_reading(from).map(|one| one.to_string())
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(next("cron(0 2 29 2 ? *)", "2026-11-21T00:00"), some("2028-02-29T02:00:00"));
    assert_eq!(next("cron(0 2 29 2 ? 2100-2199)", "2026-11-21T00:00"), some("2104-02-29T02:00:00"));
    assert_eq!(next("cron(0 2 1 1 ? 2030)", "2026-11-21T00:00"), some("2030-01-01T02:00:00"));
    assert_eq!(next("cron(0 2 1 1 ? 2020)", "2026-11-21T00:00"), None);
    assert_eq!(next("cron(59 23 31 12 ? *)", "2199-12-31T23:59"), some("2199-12-31T23:59:00"));
    assert_eq!(next("cron(59 23 31 12 ? *)", "2199-12-31T23:59:01"), None);
    // Itself, but not a part of a second later.
    assert_eq!(next("cron(0 2 * * ? *)", "2026-11-21T02:00"), some("2026-11-21T02:00:00"));
    assert_eq!(next("cron(0 2 * * ? *)", "2026-11-21T02:00:00.5"), some("2026-11-22T02:00:00"));
    // Systems Manager's seconds stand in front.
    assert_eq!(next("cron(24 30 09 ? * * *)", "2026-11-21T09:30"), some("2026-11-21T09:30:24"));
    assert_eq!(next("cron(0 30 23 ? * TUE#3 *)", "2026-11-21T00:00"), some("2026-12-15T23:30:00"));
}

#[test]
fn what_can_never_occur_says_so() {
    for expression in ["cron(0 2 30 2 ? *)", "cron(0 2 31 APR,JUN ? *)", "cron(0 2 29 2 ? 2100)"] {
        assert!(Cron::parse(expression).unwrap().never_occurs(), "{expression}");
    }
    for expression in ["cron(0 2 29 2 ? *)", "cron(0 2 31W 1 ? *)", "cron(0 2 ? 2 SUN#5 *)"] {
        assert!(!Cron::parse(expression).unwrap().never_occurs(), "{expression}");
    }
}

#[test]
fn what_aws_refuses_is_refused_in_its_terms() {
    for (expression, says) in [
        ("0 2 * * ? *", "the expression is `0 2 * * ? *`: the form is cron(Minutes Hours"),
        ("rate(7 days)", "the form is cron("),
        ("cron(0 2 * * ?)", "the fields are six: Minutes Hours"),
        ("cron(0 0 2 * * ? *)", "here are 7"),
        ("cron(0 2 * * * *)", "* can't be in both"),
        ("cron(0 2 ? * ? *)", "? can't be in both"),
        ("cron(0 2 1 * MON *)", "exactly one of Day-of-month and Day-of-week has a value"),
        ("cron(0 25 * * ? *)", "Hours is `25`: a value is 0-23"),
        ("cron(0 2 32 * ? *)", "Day-of-month is `32`: a value is 1-31"),
        ("cron(0 2 0 * ? *)", "Day-of-month is `0`: a value is 1-31"),
        ("cron(0 2 * 13 ? *)", "Month is `13`: a value is 1-12 or JAN-DEC"),
        ("cron(0 2 ? * 0 *)", "Day-of-week is `0`: a value is 1-7 or SUN-SAT"),
        ("cron(0 2 ? * 8L *)", "L stands alone or behind one day"),
        ("cron(0 2 ? * MON,L *)", "L stands alone or behind one day"),
        ("cron(0 2 ? * 3#6 *)", "a number from 1 to 5"),
        ("cron(0 2 ? * 3#1,6#3 *)", "# stands between one day and a number"),
        ("cron(0 2 ? * 3W *)", "W belongs into Day-of-month"),
        ("cron(0 2 L-3 * ? *)", "L and W stand alone"),
        ("cron(0 2 1,L * ? *)", "L and W stand alone"),
        ("cron(0 2 1-5W * ? *)", "W stands behind one day"),
        ("cron(0 2 32W * ? *)", "W stands behind one day"),
        ("cron(0 2 3#2 * ? *)", "# belongs into Day-of-week"),
        ("cron(0 2 * * ? 2200)", "Year is `2200`: a value is 1970-2199"),
        ("cron(? 2 * * ? *)", "Minutes is `?`: a value is 0-59"),
        ("cron(*/0 2 * * ? *)", "an increment is a number from 1 to 59"),
    ] {
        let fault = Cron::parse(expression).unwrap_err().to_string();
        assert!(fault.contains(says), "{expression}: {fault}");
    }
}
