//! The check that asks nobody: maintenance windows and freeze periods.

use jiff::Timestamp;

use crate::settings::Settings;
use crate::verdict::{Check, Finding, Verdict};

/// What windows and freezes say at `now`: a freeze wins over every window, and without windows it
/// is always open. To `explain` takes longer: when the next window opens is looked for.
pub fn look_at_clock(settings: &Settings, now: Timestamp, explain: bool) -> Finding {
    let found = |verdict, reason| Finding::new(Check::Windows, verdict, reason);
    if let Some(freeze) = settings.freezes.iter().find(|freeze| freeze.covers(now)) {
        let reason = format!("frozen until {}: {}", freeze.to, freeze.reason);
        return found(Verdict::Veto, reason);
    }
    if settings.windows.is_empty() {
        return found(Verdict::Pass, "no maintenance window is configured".to_owned());
    }
    for window in &settings.windows {
        if let Some(since) = window.opened(now) {
            let reason = format!("the maintenance window {window} is open since {since}");
            return found(Verdict::Pass, reason);
        }
    }
    let mut reason = match settings.windows.as_slice() {
        [one] if !one.is_enabled() => format!("the maintenance window {one} is disabled"),
        [one] => format!("the maintenance window {one} is closed"),
        all => format!("all {} maintenance windows are closed", all.len()),
    };
    if explain {
        match settings.windows.iter().filter_map(|window| window.opens_next(now)).min() {
            Some(next) => reason.push_str(&format!(", the next opens at {next}")),
            None => reason.push_str(", and none ever opens again"),
        }
    }
    found(Verdict::Veto, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(windows: &str, freezes: &str) -> Settings {
        let lookup = |name: &str| match name {
            "MAINTENANCE_WINDOWS" => Some(windows.to_owned()),
            "FREEZE_PERIODS" => Some(freezes.to_owned()),
            _ => None,
        };
        Settings::read(&lookup).unwrap()
    }

    #[test]
    fn the_clock_says_what_stands_in_the_way_and_until_when() {
        let weekly = r#"[{"Schedule":"cron(0 2 ? * SUN *)","Duration":4,"ScheduleTimezone":"Europe/Berlin"}]"#;
        let over = r#"[{"Schedule":"at(2020-07-07T15:55:00)","Duration":4}]"#;
        let off = r#"[{"Schedule":"cron(0 2 * * ? *)","Duration":4,"Enabled":false}]"#;
        let freeze = r#"[{"From":"2027-03-28T00:00Z","To":"2027-03-29T00:00Z","Reason":"sale"}]"#;
        let night = "2027-03-28T01:00:00Z";
        let table = [
            ("", "", night, Verdict::Pass, "no maintenance window is configured"),
            (weekly, "", night, Verdict::Pass, "is open since 2027-03-28T01:00:00Z"),
            (
                weekly,
                "",
                "2027-03-28T00:59:59Z",
                Verdict::Veto,
                "the next opens at 2027-03-28T01:00:00Z",
            ),
            (weekly, freeze, night, Verdict::Veto, "frozen until 2027-03-29T00:00:00Z: sale"),
            (over, "", night, Verdict::Veto, "is closed, and none ever opens again"),
            (
                off,
                "",
                "2027-03-28T02:00:00Z",
                Verdict::Veto,
                "is disabled, and none ever opens again",
            ),
        ];
        for (windows, freezes, now, verdict, says) in table {
            let found = look_at_clock(&settings(windows, freezes), now.parse().unwrap(), true);
            assert_eq!(found.verdict, verdict, "{found:?}");
            assert!(found.reason.contains(says), "{found:?}");
        }
    }
}
