//! The gate under an AWS that answers, refuses, throttles, hangs and talks nonsense.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use account_gate::{Answer, App, BUDGET, Status, handle};
use lambda_kit::Clock;
use scripted_wire::{Answer as Reply, Model, Seen};
use serde_json::{Value, json};
use tokio::time::Instant;

const NOW: &str = "2026-11-21T10:00:00Z";

/// An AWS with these alarms in `ALARM`, these parameters, and a calendar.
#[derive(Clone, Default)]
struct World {
    alarms: Vec<Value>,
    muted: Vec<&'static str>,
    parameters: BTreeMap<&'static str, String>,
    calendar: &'static str,
    page: usize,
    calls: Arc<Mutex<Vec<String>>>,
}

impl World {
    fn answer(&self, seen: &Seen) -> Reply {
        self.calls.lock().unwrap().push(seen.call.clone());
        let body = match seen.call.as_str() {
            "DescribeAlarms" => self.describe_alarms(&seen.request),
            "ListAlarmMuteRules" => {
                let name = seen.request["AlarmName"].as_str().unwrap();
                let rules: Vec<Value> = self
                    .muted
                    .iter()
                    .filter(|muted| **muted == name)
                    .map(|_| json!({ "Status": "ACTIVE" }))
                    .collect();
                json!({ "AlarmMuteRuleSummaries": rules })
            }
            "GetParameters" => {
                let names = seen.request["Names"].as_array().unwrap();
                assert!(names.len() <= 10, "GetParameters takes ten names");
                let found: Vec<Value> = names
                    .iter()
                    .filter_map(|name| {
                        self.parameters
                            .get(name.as_str().unwrap())
                            .map(|value| json!({ "Name": name, "Type": "String", "Value": value }))
                    })
                    .collect();
                json!({ "Parameters": found })
            }
            "GetCalendarState" => json!({ "State": self.calendar }),
            other => panic!("the gate called {other}"),
        };
        Reply::Body(200, body.to_string())
    }

    fn describe_alarms(&self, request: &Value) -> Value {
        assert_eq!(request["StateValue"], "ALARM");
        assert_eq!(request["AlarmTypes"], json!(["MetricAlarm", "CompositeAlarm", "LogAlarm"]));
        let start: usize = request["NextToken"].as_str().map_or(0, |token| token.parse().unwrap());
        let page = if self.page == 0 { 100 } else { self.page };
        let kind = |kind: &str| -> Vec<&Value> {
            let shown = self.alarms.iter().skip(start).take(page);
            shown.filter(|alarm| alarm["kind"] == kind).collect()
        };
        let mut answer = json!({
            "MetricAlarms": kind("metric"), "CompositeAlarms": kind("composite"),
            "LogAlarms": kind("log"),
        });
        if start + page < self.alarms.len() {
            answer["NextToken"] = json!((start + page).to_string());
        }
        answer
    }

    fn calls(&self, name: &str) -> usize {
        self.calls.lock().unwrap().iter().filter(|call| *call == name).count()
    }
}

fn alarm(kind: &str, name: &str) -> Value {
    json!({ "kind": kind, "AlarmName": name, "StateValue": "ALARM", "ActionsEnabled": true })
}

fn gate(model: &Model, environment: &[(&str, &str)]) -> App {
    let environment: BTreeMap<String, String> =
        environment.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    let lookup = |name: &str| environment.get(name).cloned();
    App::new(&model.wire("eu-central-1"), &lookup, Clock::fixed(NOW.parse().unwrap()))
}

async fn ask(world: &World, environment: &[(&str, &str)]) -> Answer {
    explain(world, environment, json!({})).await
}

async fn explain(world: &World, environment: &[(&str, &str)], request: Value) -> Answer {
    let answers = world.clone();
    let model = Model::new(move |seen| answers.answer(&seen));
    let Ok(answer) = handle(&gate(&model, environment), request).await;
    answer
}

fn overridden(action: &str, until: &str) -> BTreeMap<&'static str, String> {
    let value =
        json!({ "action": action, "until": until, "reason": "incident 7", "by": "platform" });
    BTreeMap::from([("/landlord/gate/override", value.to_string())])
}

#[tokio::test]
async fn nothing_in_the_way_passes_whatever_the_request_is() {
    for request in [json!(null), json!({}), json!([1]), json!("x"), json!(7), json!({"a": {}})] {
        let answer = explain(&World::default(), &[], request).await;
        assert_eq!(answer.status, Status::Succeeded);
        assert_eq!(answer.checks, None);
    }
}

#[tokio::test]
async fn an_alarm_of_each_kind_vetoes_and_is_named() {
    for kind in ["metric", "composite", "log"] {
        let world = World { alarms: vec![alarm(kind, "checkout-5xx")], ..World::default() };
        let answer = ask(&world, &[]).await;
        assert_eq!(answer.status, Status::Failed, "{kind}");
        assert_eq!(answer.reason, "1 alarms in ALARM: \"checkout-5xx\"");
    }
}

#[tokio::test]
async fn reading_stops_at_the_first_page_that_decides_and_five_alarms_are_named() {
    let names: Vec<String> = (0..12).map(|number| format!("a{number:02}")).collect();
    let alarms = names.iter().map(|name| alarm("metric", name)).collect();
    let world = World { alarms, page: 8, ..World::default() };
    let answer = ask(&world, &[]).await;
    assert_eq!(world.calls("DescribeAlarms"), 1);
    let named = "\"a00\", \"a01\", \"a02\", \"a03\", \"a04\" and 3 more";
    assert_eq!(answer.reason, format!("8 or more alarms in ALARM: {named}"));
    // Those of the first page are ignored: the second decides.
    let ignore = names[..8].join(",");
    let answer = ask(&world, &[("ALARMS_IGNORE", &ignore)]).await;
    assert!(answer.reason.starts_with("4 alarms in ALARM: \"a08\""), "{}", answer.reason);
    // All are ignored: every page is read.
    let before = world.calls("DescribeAlarms");
    let answer = ask(&world, &[("ALARMS_IGNORE", "a*")]).await;
    assert_eq!((answer.status, world.calls("DescribeAlarms") - before), (Status::Succeeded, 2));
}

#[tokio::test]
async fn the_settings_say_which_alarms_count() {
    let mut quiet = alarm("metric", "quiet");
    quiet["ActionsEnabled"] = json!(false);
    let mut suppressed = alarm("composite", "suppressed");
    suppressed["ActionsSuppressedBy"] = json!("Alarm");
    let muted = alarm("metric", "muted");
    // The alarm, the settings, the answer.
    type Case<'a> = (&'a Value, &'a [(&'a str, &'a str)], Status);
    let table: &[Case<'_>] = &[
        (&quiet, &[], Status::Failed),
        (&quiet, &[("ALARMS_WITH_ACTIONS_ONLY", "true")], Status::Succeeded),
        (&suppressed, &[], Status::Failed),
        (&suppressed, &[("SUPPRESSED_ALARMS_COUNT", "false")], Status::Succeeded),
        (&muted, &[], Status::Failed),
        (&muted, &[("SUPPRESSED_ALARMS_COUNT", "false")], Status::Succeeded),
        (&quiet, &[("SUPPRESSED_ALARMS_COUNT", "false")], Status::Failed),
        (&quiet, &[("ALARMS_INCLUDE", "other,qui*")], Status::Failed),
        (&quiet, &[("ALARMS_INCLUDE", "other,lo*")], Status::Succeeded),
        (&quiet, &[("CHECK_ALARMS", "false")], Status::Succeeded),
    ];
    for (alarm, environment, status) in table {
        let world =
            World { alarms: vec![(*alarm).clone()], muted: vec!["muted"], ..World::default() };
        assert_eq!(ask(&world, environment).await.status, *status, "{alarm} {environment:?}");
    }
}

#[tokio::test]
async fn a_closed_window_and_a_freeze_veto_and_the_freeze_wins() {
    let open = r#"[{"Schedule":"cron(0 9 * * ? *)","Duration":2}]"#;
    let shut = r#"[{"Schedule":"cron(0 2 * * ? *)","Duration":2}]"#;
    let freeze = r#"[{"From":"2026-11-20T00:00","To":"2026-12-01T00:00","Reason":"sale"}]"#;
    let world = World::default();
    assert_eq!(ask(&world, &[("MAINTENANCE_WINDOWS", open)]).await.status, Status::Succeeded);
    let answer = ask(&world, &[("MAINTENANCE_WINDOWS", shut)]).await;
    assert_eq!(answer.reason, "the maintenance window cron(0 2 * * ? *) UTC is closed");
    let answer = ask(&world, &[("MAINTENANCE_WINDOWS", open), ("FREEZE_PERIODS", freeze)]).await;
    assert_eq!(answer.reason, "frozen until 2026-12-01T00:00:00Z: sale");
    let request = json!({ "explain": true });
    let answer = explain(&world, &[("MAINTENANCE_WINDOWS", shut)], request).await;
    assert!(answer.reason.ends_with("the next opens at 2026-11-22T02:00:00Z"), "{answer:?}");
}

#[tokio::test]
async fn calendars_and_parameters_veto_when_they_are_not_as_they_have_to_be() {
    let closed = World { calendar: "CLOSED", ..World::default() };
    let answer = ask(&closed, &[("CHANGE_CALENDARS", "change,release")]).await;
    assert_eq!(answer.reason, "closed: calendars \"change\", \"release\"");
    let open = World { calendar: "OPEN", ..World::default() };
    assert_eq!(ask(&open, &[("CHANGE_CALENDARS", "change")]).await.status, Status::Succeeded);

    let flags = BTreeMap::from([("/flags/deploy", "on".to_owned())]);
    let world = World { parameters: flags, ..World::default() };
    let wanted = [("REQUIRED_PARAMETERS", "/flags/deploy=on")];
    assert_eq!(ask(&world, &wanted).await.status, Status::Succeeded);
    assert_eq!(world.calls("GetParameters"), 1, "the override comes in the same call");
    let wanted = [("REQUIRED_PARAMETERS", "/flags/deploy=off,/landlord/tenant")];
    let answer = ask(&world, &wanted).await;
    assert_eq!(answer.reason, "not there: \"/flags/deploy=off\", \"/landlord/tenant\"");
    let many: Vec<String> = (0..25).map(|number| format!("/flags/{number}")).collect();
    let answer = ask(&world, &[("REQUIRED_PARAMETERS", &many.join(","))]).await;
    assert!(answer.reason.ends_with("and 20 more"), "{}", answer.reason);
}

#[tokio::test]
async fn an_override_opens_or_holds_whatever_the_other_checks_say() {
    let red = vec![alarm("metric", "red")];
    let later = "2026-11-21T12:00:00Z";
    let world =
        World { alarms: red.clone(), parameters: overridden("open", later), ..World::default() };
    let answer = ask(&world, &[]).await;
    assert_eq!(answer.status, Status::Succeeded);
    assert_eq!(answer.reason, "override `open` until 2026-11-21T12:00:00Z by platform: incident 7");
    // Even when the settings can not be read.
    assert_eq!(ask(&world, &[("CHECK_ALARMS", "perhaps")]).await.status, Status::Succeeded);

    let held = World { parameters: overridden("hold", later), ..World::default() };
    assert_eq!(ask(&held, &[("FAIL_MODE", "open")]).await.status, Status::Failed);

    // Ended, or mistyped: it opens nothing.
    for parameters in [overridden("open", NOW), overridden("opne", later)] {
        let world = World { alarms: red.clone(), parameters, ..World::default() };
        assert_eq!(ask(&world, &[("FAIL_MODE", "open")]).await.status, Status::Failed);
    }
}

#[tokio::test]
async fn wrong_settings_are_answered_by_the_fail_mode_and_named() {
    let world = World::default();
    let answer = ask(&world, &[("MAINTENANCE_WINDOWS", "nightly")]).await;
    assert_eq!(answer.status, Status::Failed);
    assert!(answer.reason.contains("MAINTENANCE_WINDOWS: \"nightly\""), "{}", answer.reason);
    let open = [("MAINTENANCE_WINDOWS", "nightly"), ("FAIL_MODE", "open")];
    assert_eq!(ask(&world, &open).await.status, Status::Succeeded);
    // A fail mode that can not be read is the safe one.
    assert_eq!(ask(&world, &[("FAIL_MODE", "ajar")]).await.status, Status::Failed);
}

#[tokio::test]
async fn an_operator_sees_every_check() {
    let world = World {
        alarms: vec![alarm("metric", "red")],
        parameters: overridden("open", "2026-11-21T12:00:00Z"),
        ..World::default()
    };
    let answer = explain(&world, &[], json!({ "explain": true })).await;
    let answer = serde_json::to_value(answer).unwrap();
    assert_eq!(answer["Status"], "SUCCEEDED");
    let checks = answer["Checks"].as_array().unwrap();
    let seen: Vec<(&str, &str)> = checks
        .iter()
        .map(|check| (check["Check"].as_str().unwrap(), check["Verdict"].as_str().unwrap()))
        .collect();
    assert_eq!(seen, [("Override", "OPEN"), ("Windows", "PASS"), ("Alarms", "VETO")]);
}

/// What an AWS in trouble answers to each call.
fn troubles() -> Vec<(&'static str, Reply)> {
    let refusal = |code: &str| Reply::refusal(code, &json!({}));
    vec![
        ("hangs", Reply::Hanging),
        ("throttles", refusal("ThrottlingException")),
        ("refuses", refusal("AccessDeniedException")),
        ("breaks", Reply::Body(500, "{}".into())),
        ("garbage", Reply::Body(200, "<html>busy</html>".into())),
        ("nothing", Reply::Body(200, String::new())),
        ("wrong types", Reply::Body(200, r#"{"MetricAlarms":7,"Parameters":"x"}"#.into())),
        ("unreachable", Reply::Unreachable),
        ("lost", Reply::Lost),
    ]
}

#[tokio::test(start_paused = true)]
async fn every_trouble_of_aws_is_an_explicit_answer_within_five_seconds() {
    for (trouble, reply) in troubles() {
        for mode in ["closed", "open"] {
            let reply = reply.clone();
            let model = Model::new(move |_| reply.clone());
            let app = gate(&model, &[("FAIL_MODE", mode)]);
            let start = Instant::now();
            let Ok(answer) = handle(&app, json!({})).await;
            let took = start.elapsed();
            assert!(took <= Duration::from_secs(5), "{trouble} took {took:?}");
            assert!(!answer.reason.contains("unknown"), "{trouble}: {}", answer.reason);
            if mode == "closed" {
                assert_eq!(answer.status, Status::Failed, "{trouble}");
            } else {
                assert_eq!(answer.status, Status::Succeeded, "{trouble}");
                let says = answer.reason.starts_with("let through by the fail mode");
                assert!(says, "{trouble}: {}", answer.reason);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_hanging_service_does_not_hide_what_the_other_says() {
    let later = "2026-11-21T12:00:00Z";
    let world = World { parameters: overridden("open", later), ..World::default() };
    let model = Model::new(move |seen| match seen.call.as_str() {
        "DescribeAlarms" => Reply::Hanging,
        _ => world.answer(&seen),
    });
    let start = Instant::now();
    let Ok(answer) = handle(&gate(&model, &[]), json!({})).await;
    assert_eq!(answer.status, Status::Succeeded);
    assert!(
        start.elapsed() < Duration::from_millis(100),
        "the override is not waited behind alarms"
    );
    assert!(BUDGET < Duration::from_secs(5));
}

#[tokio::test]
async fn a_throttle_is_tried_again() {
    let count = Arc::new(Mutex::new(0));
    let model = Model::new(move |seen| {
        let mut count = count.lock().unwrap();
        *count += 1;
        if *count <= 2 {
            return Reply::refusal("ThrottlingException", &json!({}));
        }
        World::default().answer(&seen)
    });
    let Ok(answer) = handle(&gate(&model, &[]), json!({})).await;
    assert_eq!(answer.status, Status::Succeeded, "{}", answer.reason);
}

#[tokio::test]
async fn a_panic_in_a_check_is_answered_by_the_fail_mode() {
    let request = json!({ "explain": true, "drill": "panic" });
    let world = World::default();
    let answer = explain(&world, &[], request.clone()).await;
    assert_eq!(answer.status, Status::Failed);
    assert_eq!(answer.reason, "the check panicked");
    let answer = explain(&world, &[("FAIL_MODE", "open")], request).await;
    assert_eq!(answer.status, Status::Succeeded);
}

#[tokio::test]
async fn without_credentials_the_gate_still_answers() {
    let Ok(app) = App::load(&|_| None);
    let Ok(answer) = handle(&app, json!({})).await;
    assert_eq!(answer.status, Status::Failed);
    assert!(answer.reason.contains("AWS_ACCESS_KEY_ID is not set"), "{}", answer.reason);
}

#[tokio::test]
async fn each_decision_is_one_line_of_the_log() {
    let lines = Arc::new(Mutex::new(Vec::<String>::new()));
    let sink = lines.clone();
    let world = World { alarms: vec![alarm("log", "errors")], ..World::default() };
    let model = Model::new(move |seen| world.answer(&seen));
    let app = gate(&model, &[]).with_log(move |line| sink.lock().unwrap().push(line.to_owned()));
    let Ok(_) = handle(&app, json!({})).await;
    let lines = lines.lock().unwrap();
    assert_eq!(lines.len(), 1);
    let line: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(line["VetoesByAlarms"], 1);
    assert_eq!(line["status"], "FAILED");
}
