//! `assess-wave` through its public API: real SDK clients, and an AWS of a few lines.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use assess_wave::{App, Config, Error, handle};
use jiff::{SignedDuration, Timestamp};
use lambda_kit::{Clock, Diagnostic};
use rollout::Input;
use scripted_wire::World;
use serde_json::{Value, json};

const FOLDER: &str = "rollouts/base_c1";
const START: &str = "2026-11-21T10:00:00Z";

fn header() -> Value {
    json!({"execution": "base_c1", "stackSet": "base", "waves": 1, "deadlineSeconds": 86_400})
}

/// A plan of one wave that dwells for half an hour, with two alarms; one of them is in `state`.
fn world(state: &'static str) -> World {
    let plan = json!({"waves": [{"name": "all", "accounts": {"rest": true}, "dwellSeconds": 1_800}],
                      "health": {"alarms": ["api"], "alarmPrefixes": ["tenant-"]}});
    let input = json!({"stackSet": "base", "usePreviousTemplate": true, "plan": plan});
    let definition = json!({"template": "previous", "parameters": {}, "capabilities": []});
    let manifest = json!({
        "header": header(), "plannedAt": START, "found": "before", "next": definition, "previous": definition,
        "previousValues": {}, "keeps": {}, "plan": Input::read(&input).unwrap().plan,
        "waves": [{"number": 1, "name": "all", "accounts": 5, "instances": 5, "operations": 1,
                   "rounds": 1, "dwellSeconds": 1_800, "approval": false}],
        "redBefore": ["tenant-known"]});
    let world = World::new();
    world.put(&format!("{FOLDER}/plan.json"), &manifest.to_string());
    world.on("DescribeAlarms", move |request| {
        let prefix = request.get("AlarmNamePrefix").is_some_and(|prefix| !prefix.is_null());
        let alarms = match prefix {
            true => json!([{"AlarmName": "tenant-known", "StateValue": "ALARM"},
                           {"AlarmName": "tenant-new", "StateValue": state}]),
            false => json!([{"AlarmName": "api", "StateValue": "OK"}]),
        };
        json!({"MetricAlarms": alarms}).to_string().into()
    })
}

async fn answer(world: &World, minutes: i64) -> Result<Value, Diagnostic> {
    let request = json!({"rollout": header(), "wave": 1, "deployedAt": START,
                         "execution": {"startedAt": START}, "resume": {}});
    let start: Timestamp = START.parse().unwrap();
    let clock = Clock::fixed(start + SignedDuration::from_mins(minutes));
    let config = Config::load(&|_| Some("runs".into())).unwrap();
    lambda_kit::call(&App::new(&world.wire(), config, clock), &handle, request).await
}

#[tokio::test]
async fn a_wave_is_healthy_when_nothing_was_red_for_the_whole_dwell_time() {
    let world = world("OK");
    let pending = answer(&world, 10).await.unwrap();
    assert_eq!(pending["status"], "PENDING");
    assert_eq!(pending["retryAfterSeconds"], 75);
    let done = answer(&world, 30).await.unwrap();
    assert_eq!(done["status"], "DONE");
    assert_eq!(done["verdict"], "HEALTHY");
    assert_eq!(done["dwelledSeconds"], 1_800);
    assert_eq!(answer(&world, 30).await.unwrap(), done, "however often it is asked");
}

#[tokio::test]
async fn an_alarm_that_was_not_red_before_ends_it_at_once() {
    let done = answer(&world("ALARM"), 1).await.unwrap();
    assert_eq!(done["verdict"], "UNHEALTHY");
    assert_eq!(done["alarms"], json!([{"name": "tenant-new", "state": "ALARM"}]));
    assert!(done["text"].as_str().unwrap().contains("tenant-new"));
    let without_data = answer(&world("INSUFFICIENT_DATA"), 30).await.unwrap();
    assert_eq!(without_data["verdict"], "HEALTHY");
}

#[tokio::test]
async fn a_pause_holds_the_roll_out_until_it_is_taken_away_and_a_stop_ends_it() {
    let world = world("OK");
    world.put(&format!("{FOLDER}/control/pause"), "lunch");
    let paused = answer(&world, 40).await.unwrap();
    assert_eq!(paused["status"], "PENDING");
    assert!(paused["because"].as_str().unwrap().contains("paused"), "{paused}");
    world.remove(&format!("{FOLDER}/control/pause"));
    assert_eq!(answer(&world, 40).await.unwrap()["verdict"], "HEALTHY");
    world.put(&format!("{FOLDER}/control/stop-leave"), "enough");
    assert_eq!(answer(&world, 1).await.unwrap()["verdict"], "STOP_REQUESTED");
}

#[tokio::test(start_paused = true)]
async fn throttles_are_waits_and_what_is_forbidden_missing_or_too_late_is_named() {
    let throttled = world("OK").refuses("DescribeAlarms", 400, "Throttling");
    let pending = answer(&throttled, 1).await.unwrap();
    assert_eq!(pending["status"], "PENDING");
    let error = answer(&throttled, 25 * 60).await.unwrap_err();
    assert_eq!(error.error_type, "DeadlinePassed");
    let denied = world("OK").refuses("DescribeAlarms", 403, "AccessDenied");
    assert_eq!(answer(&denied, 1).await.unwrap_err().error_type, "AccessDenied");
    let error = answer(&World::new(), 1).await.unwrap_err();
    assert_eq!(error.error_type, "RolloutFilesDamaged");
    assert!(Error::NAMES.contains(&error.error_type.as_str()));
}
