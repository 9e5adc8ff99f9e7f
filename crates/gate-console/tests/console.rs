//! The command as a person runs it.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test runs a program, and fails by panicking"
)]

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

const WINDOW: &str = r#"[{"Schedule":"cron(0 2 ? * SUN *)","Duration":4,"Cutoff":1,"ScheduleTimezone":"Europe/Berlin"}]"#;

/// Runs the command with standard input; exit status, standard output, standard error.
fn run(arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_landlord-gate"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (done.status.code().unwrap_or(-1), text(&done.stdout), text(&done.stderr))
}

#[test]
fn the_readme_s_window_opens_at_three_in_the_night_of_the_change() {
    let span = ["preview", "-", "--from", "2027-03-27", "--days", "3"];
    let (status, shown, _) = run(&span, WINDOW);
    assert_eq!(status, 0);
    for line in [
        "Sat 2027-03-27 00:00 until Tue 2027-03-30 01:00, Europe/Berlin",
        "Sun 2027-03-28 03:00 ┆ 2027-03-28T01:00Z ┆ 3 h",
        "Sun 2027-03-28 06:00 ┆ 2027-03-28T04:00Z",
        "Sat 2027-03-27 |................................................|",
        // Two hours, one that the clock does not show, three in which it is open.
        "Sun 2027-03-28 |....  ######....................................|",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
    assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    let (_, shown, _) = run(&[&span[..], &["--json"]].concat(), WINDOW);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["openings"][0]["opensLocal"], "2027-03-28T03:00:00+02:00");
    assert_eq!(shown["openings"][0]["closes"], "2027-03-28T04:00:00Z");
    assert_eq!(shown["windows"][0]["opensNext"], "2027-03-28T01:00:00Z");
}

#[test]
fn freezes_and_windows_that_never_open_again_are_told() {
    let settings = json!({
        "MaintenanceWindows": [
            {"Schedule": "cron(0 2 * * ? *)", "Duration": 2, "ScheduleTimezone": "Europe/Berlin"},
            {"Schedule": "at(2020-07-07T15:55:00)", "Duration": 2},
        ],
        "FreezePeriods": [{"From": "2026-12-20T18:00-08:00", "To": "2026-12-24T00:00Z", "Reason": "sale"}],
    });
    let arguments = ["preview", "-", "--from", "2026-12-19", "--to", "2026-12-23"];
    let (status, shown, _) = run(&arguments, &settings.to_string());
    assert_eq!(status, 0);
    for part in [
        "2  at(2020-07-07T15:55:00) UTC: it never opens again",
        "freeze: sale",
        "2026-12-21T02:00Z",
        "frozen in",
        "Tue 2026-12-22 |xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx|",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
}

#[test]
fn a_repeated_hour_of_which_only_the_first_is_open_is_open_in_part() {
    let window =
        r#"[{"Schedule":"cron(0 2 * * ? *)","Duration":1,"ScheduleTimezone":"Europe/Berlin"}]"#;
    let (_, shown, _) = run(&["preview", "-", "--from", "2026-10-25", "--days", "1"], window);
    assert!(shown.contains("Sun 2026-10-25 |....++....."), "{shown}");
}

#[test]
fn a_tier_s_overrides_win_over_the_deployment() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let deployment = format!("EmailDomain: example.com\nGateMaintenanceWindows: '{WINDOW}'\n");
    std::fs::write(place("deployment.yaml"), deployment).unwrap();
    let tiers = |windows: &str| {
        json!({"tiers": {"night": {
            "organizationalUnits": [{"name": "General", "weight": 1}],
            "baseline": [{"stackSet": "landlord-account-gate", "regions": ["eu-central-1"],
                          "parameterOverrides": {"MaintenanceWindows": windows}}]}}})
        .to_string()
    };
    let utc = r#"[{"Schedule":"cron(0 1 ? * SUN *)","Duration":1}]"#;
    std::fs::write(place("tiers.json"), tiers(utc)).unwrap();
    let (deployed, both) = (place("deployment.yaml"), place("tiers.json"));
    let at = ["--at", "2027-03-28T02:30:00Z"];
    let (_, shown, _) = run(&[&["explain", &deployed][..], &at].concat(), "");
    assert!(shown.contains("2027-03-28T02:30Z, Sun 2027-03-28 04:30 in Europe/Berlin"), "{shown}");
    assert!(shown.contains("PASS") && shown.contains("not asked"), "{shown}");
    let tier = ["--tiers", &both, "--tier", "night", "--json"];
    let (_, shown, _) = run(&[&["explain", &deployed][..], &at, &tier].concat(), "");
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["checks"][2]["Verdict"], "VETO", "{shown}");
    assert!(
        shown["checks"][2]["Reason"].as_str().unwrap().contains("next opens at 2027-04-04T01:00")
    );

    let (status, said, _) = run(&["check", &deployed, &both], "");
    assert_eq!((status, said.lines().count()), (0, 2), "{said}");
    std::fs::write(
        place("tiers.json"),
        tiers(r#"[{"Schedule":"cron(0 2 30 2 ? *)","Duration":1}]"#),
    )
    .unwrap();
    let (status, _, fault) = run(&["check", &deployed, &both], "");
    assert_eq!(status, 1);
    assert!(
        fault.contains("tiers.night.baseline[0].parameterOverrides.MaintenanceWindows[0].Schedule"),
        "{fault}"
    );
    assert!(fault.contains("there is no such day"), "{fault}");
}

#[test]
fn settings_that_are_not_understood_say_field_value_and_rule() {
    let wrong = r#"{"FailMode":"ajar","MaintenanceWindows":[{"Schedule":"cron(0 25 ? * SUN *)","Duration":2}]}"#;
    for command in ["preview", "check", "explain"] {
        let (status, said, fault) = run(&[command, "-"], wrong);
        assert_eq!((status, said.as_str()), (1, ""));
        assert!(
            fault.contains("MaintenanceWindows[0].Schedule: \"cron(0 25 ? * SUN *)\""),
            "{fault}"
        );
        assert!(fault.contains("Hours is `25`: a value is 0-23"), "{fault}");
        assert!(fault.contains("FailMode: \"ajar\" must be closed or open"), "{fault}");
    }
    assert_eq!(run(&["preview", "/no/such/file"], "").0, 1);
    assert_eq!(run(&["preview", "-", "--from", "soon"], "[]").0, 2);
    assert_eq!(run(&["explain"], "").0, 2);
}

#[test]
fn a_batch_answers_each_line_with_one() {
    let line = json!({"settings": {"MaintenanceWindows": serde_json::from_str::<Value>(WINDOW).unwrap()},
                      "at": ["2027-03-28T00:59:59Z", "2027-03-28T01:00:00Z"]});
    let wrong = json!({"settings": {"MaintenanceWindows": "nightly"}, "at": []});
    let (status, said, _) = run(&["explain", "--batch"], &format!("{line}\n{wrong}\nnonsense\n"));
    assert_eq!(status, 0);
    let answers: Vec<Value> =
        said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let verdicts: Vec<&str> =
        (0..2).map(|i| answers[0]["answers"][i]["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["VETO", "PASS"]);
    assert_eq!(answers[0]["answers"][0]["opensNext"], "2027-03-28T01:00:00Z");
    assert!(answers[1]["faults"][0].as_str().unwrap().contains("must be a JSON list"));
    assert_eq!(answers.len(), 3);
}
