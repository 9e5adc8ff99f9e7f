//! `finish-rollout` through its public API: a real SDK client, and a bucket of a few lines.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use finish_rollout::{App, Config, Error, handle};
use lambda_kit::{Clock, Diagnostic};
use rollout::Input;
use scripted_wire::{World, xml};
use serde_json::{Value, json};

const FOLDER: &str = "rollouts/base_c1";
const START: &str = "2026-11-21T10:00:00Z";

fn header() -> Value {
    json!({"execution": "base_c1", "stackSet": "base", "waves": 1, "deadlineSeconds": 86_400})
}

fn row(account: usize, class: &str) -> Value {
    json!({"account": format!("{account:012}"), "region": "eu-central-1", "class": class,
           "reason": "why"})
}

fn result(succeeded: usize, open: Value) -> String {
    json!({"operations": 2, "reason": null, "secondsPerRound": null,
           "standing": {"succeeded": succeeded, "gateHoles": 1, "open": open}})
    .to_string()
}

/// A roll-out of one wave with ten accounts, of which one failed and one was vetoed.
fn world() -> World {
    let plan = json!({"waves": [{"name": "all", "accounts": {"rest": true}}]});
    let input = json!({"stackSet": "base", "usePreviousTemplate": true, "plan": plan});
    let definition = json!({"template": "previous", "parameters": {}, "capabilities": []});
    let manifest = json!({
        "header": header(), "plannedAt": START, "found": "before", "next": definition, "previous": definition,
        "previousValues": {}, "keeps": {}, "plan": Input::read(&input).unwrap().plan,
        "waves": [{"number": 1, "name": "all", "accounts": 10, "instances": 10, "operations": 1,
                   "rounds": 1, "dwellSeconds": 0, "approval": false}],
        "redBefore": []});
    let world = World::new();
    world.put(&format!("{FOLDER}/plan.json"), &manifest.to_string());
    let open = json!([row(1, "failed"), row(2, "vetoed")]);
    world.put(&format!("{FOLDER}/waves/01/result.json"), &result(8, open));
    let accounts: Vec<String> = (1..=10).map(|n| format!("{n:012}")).collect();
    let wave = json!({"operations": [{"regions": ["eu-central-1"], "accounts": accounts}]});
    world.put(&format!("{FOLDER}/waves/01.json"), &wave.to_string());
    instances(world, &[(1, "OUTDATED", "FAILED"), (2, "OUTDATED", "FAILED")])
}

/// The list of instances: ten are current, but these.
fn instances(world: World, others: &'static [(usize, &str, &str)]) -> World {
    world.on("ListStackInstances", move |_| {
        let current = (1..=10).filter(|n| !others.iter().any(|(other, ..)| other == n));
        let current = current.map(|n| (n, "CURRENT", "SUCCEEDED"));
        let rows: String = current
            .chain(others.iter().copied())
            .map(|(n, status, detailed)| {
                format!(
                    "<member><Account>{n:012}</Account><Region>eu-central-1</Region>\
                     <Status>{status}</Status><StackInstanceStatus><DetailedStatus>{detailed}\
                     </DetailedStatus></StackInstanceStatus><LastOperationId>by-hand\
                     </LastOperationId></member>"
                )
            })
            .collect();
        xml("ListStackInstances", &format!("<Summaries>{rows}</Summaries>")).into()
    })
}

async fn answer(world: &World, course: Value) -> Result<Value, Diagnostic> {
    answer_at(world, course, "2026-11-21T12:00:00Z").await
}

async fn answer_at(world: &World, course: Value, now: &str) -> Result<Value, Diagnostic> {
    let mut request = json!({"rollout": header(), "execution": {"startedAt": START}});
    request.as_object_mut().unwrap().extend(course.as_object().unwrap().clone());
    let clock = Clock::fixed(now.parse().unwrap());
    let config = Config::load(&|_| Some("runs".into())).unwrap();
    lambda_kit::call(&App::new(&world.wire(), config, clock), &handle, request).await
}

fn stopped(choice: &str, rollback: Value) -> Value {
    json!({"outcome": "STOPPED", "choice": choice, "rollback": rollback,
           "stop": {"code": "SAME_ERROR", "text": "the same error in 3 accounts"}})
}

#[tokio::test]
async fn what_passed_is_told_with_counts_by_class_and_who_is_not_current() {
    let world = instances(world(), &[(1, "OUTDATED", "FAILED")]);
    world.put(&format!("{FOLDER}/late/result.json"), &result(1, json!([])));
    let done = answer(&world, json!({"outcome": "PASSED"})).await.unwrap();
    assert_eq!(done["outcome"], "INCOMPLETE");
    let detail = &done["detail"];
    assert_eq!(detail["counts"]["succeeded"], 9);
    assert_eq!(detail["counts"]["failed"], 1);
    assert_eq!(detail["counts"]["vetoed"], 0);
    assert_eq!(detail["accounts"], json!({"planned": 10, "notCurrent": 1}));
    assert_eq!(detail["seconds"], 7_200);
    assert_eq!(detail["operations"], 4);
    assert_eq!(detail["notCurrent"][0]["template"], "OLD");
    assert_eq!(world.file(&format!("{FOLDER}/not-current.json")), detail["notCurrent"]);
    assert_eq!(done["subject"], "Landlord: roll-out of base is incomplete");
    assert!(done["message"].as_str().unwrap().contains("000000000001 eu-central-1"));
    assert_eq!(answer(&world, json!({"outcome": "PASSED"})).await.unwrap(), done, "every time");
}

#[tokio::test]
async fn an_instance_that_others_made_outdated_is_counted_from_the_list() {
    let world = instances(
        world(),
        &[
            (1, "OUTDATED", "FAILED"),
            (2, "OUTDATED", "FAILED"),
            (7, "OUTDATED", "SUCCEEDED"),
            (77, "OUTDATED", "RUNNING"),
        ],
    );
    let passed = json!({"outcome": "PASSED"});
    let pending = answer(&world, passed.clone()).await.unwrap();
    assert_eq!(pending["status"], "PENDING", "the list may be a moment old: {pending}");
    let mut later = passed;
    later["resume"] = pending["resume"].clone();
    let done = answer_at(&world, later, "2026-11-21T12:02:00Z").await.unwrap();
    let detail = &done["detail"];
    assert_eq!(detail["counts"]["outdated"], 1, "{done}");
    assert_eq!(detail["counts"]["succeeded"], 7, "{done}");
    assert_eq!(detail["accounts"]["notCurrent"], 3, "an enrolment at work is in its own hands");
    assert!(done["message"].as_str().unwrap().contains("000000000007 eu-central-1"), "{done}");
    assert!(done["message"].as_str().unwrap().contains("by-hand"), "{done}");
}

#[tokio::test]
async fn who_failed_while_others_took_the_change_is_remembered_and_long_vetoes_are_named() {
    const KNOWN: &str = "rollouts/known-offenders/base.json";
    let world = world();
    let passed = json!({"outcome": "PASSED"});
    let done = answer(&world, passed.clone()).await.unwrap();
    assert_eq!(done["detail"]["longVetoes"], json!([]));
    let known = world.file(KNOWN);
    assert_eq!(known["offenders"][0]["account"], "000000000001");
    assert_eq!(known["offenders"][0]["class"], "failed");
    assert_eq!(known["offenders"][1]["class"], "vetoed");
    let done = answer_at(&world, passed.clone(), "2026-12-20T12:00:00Z").await.unwrap();
    let long = &done["detail"]["longVetoes"][0];
    assert_eq!(long["account"], "000000000002", "{done}");
    assert_eq!(long["since"], "2026-11-21T12:00:00Z");
    assert!(done["message"].as_str().unwrap().contains("has vetoed since"), "{done}");

    // What most failed is the change's fault: no account is blamed for it.
    let open: Vec<Value> = (1..=6).map(|n| row(n, "failed")).collect();
    world.remove(KNOWN);
    world.put(&format!("{FOLDER}/waves/01/result.json"), &result(4, json!(open)));
    answer(&world, passed).await.unwrap();
    assert_eq!(world.text(KNOWN), None);
}

/// The plan's file with the change by which another one is told from it.
fn with_change(world: &World, change: &str) {
    let mut plan = world.file(&format!("{FOLDER}/plan.json"));
    plan["change"] = json!(change);
    world.put(&format!("{FOLDER}/plan.json"), &plan.to_string());
}

#[tokio::test]
async fn who_failed_in_a_rollout_that_was_stopped_is_remembered_with_its_change() {
    const KNOWN: &str = "rollouts/known-offenders/base.json";
    let world = world();
    let back = || stopped("ROLL_BACK", json!("DONE"));
    answer(&world, back()).await.unwrap();
    assert_eq!(world.text(KNOWN), None, "the change is not known");
    with_change(&world, "a");
    answer(&world, back()).await.unwrap();
    let known = world.file(KNOWN);
    let offenders = known["offenders"].as_array().unwrap();
    assert_eq!(offenders.len(), 1, "a veto is no failure: {known}");
    assert_eq!(offenders[0]["account"], "000000000001");
    assert_eq!((&offenders[0]["change"], &offenders[0]["reason"]), (&json!("a"), &json!("why")));
    // By another change it fails the same way: whatever the change is, it fails.
    with_change(&world, "b");
    answer(&world, back()).await.unwrap();
    assert_eq!(world.file(KNOWN)["offenders"][0]["change"], Value::Null);

    // Where most failed, the change is to blame, and nobody else.
    let open: Vec<Value> = (1..=5).map(|n| row(n, "failed")).collect();
    world.remove(KNOWN);
    world.put(&format!("{FOLDER}/waves/01/result.json"), &result(5, json!(open)));
    answer(&world, back()).await.unwrap();
    assert_eq!(world.text(KNOWN), None);
}

#[tokio::test]
async fn what_people_wrote_into_the_list_is_kept_and_a_broken_file_is_left_alone() {
    const KNOWN: &str = "rollouts/known-offenders/base.json";
    let world = world();
    let passed = json!({"outcome": "PASSED"});
    let broken = "{\"version\": 1, \"offenders\": [{\"account\"";
    world.put(KNOWN, broken);
    assert_eq!(answer(&world, passed.clone()).await.unwrap()["status"], "DONE");
    assert_eq!(world.text(KNOWN).as_deref(), Some(broken), "it is somebody's work");

    let mine = json!({"account": "000000000099", "region": "eu-central-1", "class": "failed",
                      "reason": "*", "ticket": "OPS-7"});
    let slip = json!({"account": "99", "region": "eu-central-1", "class": "failed"});
    world.put(KNOWN, &json!({"version": 1, "offenders": [mine, slip]}).to_string());
    answer(&world, passed).await.unwrap();
    let known = world.file(KNOWN);
    let offenders = known["offenders"].as_array().unwrap();
    assert_eq!(offenders.len(), 4, "{known}");
    assert!(offenders.contains(&mine) && offenders.contains(&slip), "{known}");
}

#[tokio::test]
async fn instances_that_override_the_only_change_are_counted_apart() {
    let world = world();
    let overriding: Vec<Value> = (3..=5)
        .map(|n| {
            json!({"account": format!("{n:012}"), "region": "eu-central-1",
                        "parameters": ["Days"]})
        })
        .collect();
    world.put(&format!("{FOLDER}/planning/overrides.json"), &json!(overriding).to_string());
    let done = answer(&world, json!({"outcome": "PASSED"})).await.unwrap();
    assert_eq!(done["detail"]["counts"]["overriding"], 3, "{done}");
    assert_eq!(done["detail"]["counts"]["succeeded"], 5, "{done}");
    assert!(
        done["message"].as_str().unwrap().contains("000000000003 eu-central-1 keeps its own Days")
    );
}

#[tokio::test]
async fn what_was_rolled_back_is_told_with_who_did_not_come_back() {
    let world = world();
    let batch = json!({"regions": ["eu-central-1"], "accounts": ["000000000003", "000000000004"]});
    world.put(&format!("{FOLDER}/stands-new.json"), &json!([batch]).to_string());
    let file = json!({"operations": [batch], "restores": true});
    world.put(&format!("{FOLDER}/back/01.json"), &file.to_string());
    world.put(&format!("{FOLDER}/back/01/result.json"), &result(1, json!([row(4, "failed")])));
    let done = answer(&world, stopped("ROLL_BACK", json!("FAILED"))).await.unwrap();
    assert_eq!(done["outcome"], "ROLLBACK_FAILED");
    let astray = &done["detail"]["notCurrent"];
    assert_eq!(astray.as_array().unwrap().len(), 1);
    assert_eq!(astray[0]["account"], "000000000004");
    assert_eq!(astray[0]["template"], "UNKNOWN");
    assert_eq!(done["detail"]["reason"]["code"], "SAME_ERROR");

    world.put(&format!("{FOLDER}/back/01/result.json"), &result(2, json!([])));
    let done = answer(&world, stopped("ROLL_BACK", json!("DONE"))).await.unwrap();
    assert_eq!(done["outcome"], "ROLLED_BACK");
    assert_eq!(done["detail"]["notCurrent"], json!([]));
}

#[tokio::test]
async fn what_was_left_and_what_never_changed_is_told() {
    let world = world();
    let batch = json!({"regions": ["eu-central-1"], "accounts": ["000000000003"]});
    world.put(&format!("{FOLDER}/stands-new.json"), &json!([batch]).to_string());
    let done = answer(&world, stopped("LEAVE", json!(null))).await.unwrap();
    assert_eq!(done["outcome"], "LEFT");
    assert_eq!(done["detail"]["notCurrent"][0]["template"], "NEW");
    world.remove(&format!("{FOLDER}/stands-new.json"));
    let done = answer(&world, stopped("NOTHING_CHANGED", json!(null))).await.unwrap();
    assert_eq!(done["outcome"], "NOTHING_CHANGED");
}

#[tokio::test(start_paused = true)]
async fn throttles_are_waits_and_what_is_forbidden_or_missing_is_named() {
    let throttled = world().refuses("PutObject", 503, "SlowDown");
    let pending = answer(&throttled, json!({"outcome": "PASSED"})).await.unwrap();
    assert_eq!(pending["status"], "PENDING");
    let denied = world().refuses("PutObject", 403, "AccessDenied");
    let error = answer(&denied, json!({"outcome": "PASSED"})).await.unwrap_err();
    assert_eq!(error.error_type, "AccessDenied");
    let error = answer(&World::new(), json!({"outcome": "PASSED"})).await.unwrap_err();
    assert_eq!(error.error_type, "RolloutFilesDamaged");
    assert!(Error::NAMES.contains(&error.error_type.as_str()));
}
