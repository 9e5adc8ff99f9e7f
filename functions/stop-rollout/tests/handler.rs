//! `stop-rollout` through its public API: real SDK clients, and a stack set of a few lines.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use lambda_kit::{Clock, Diagnostic};
use lifecycle::rollout::RolloutHash;
use rollout::Input;
use scripted_wire::{Reply, World, xml};
use serde_json::{Value, json};
use stop_rollout::{App, Config, Error, handle};

const EXECUTION: &str = "base_c1";
const FOLDER: &str = "rollouts/base_c1";
const START: &str = "2026-11-21T10:00:00Z";

fn id(number: usize) -> String {
    format!("{number:012}")
}

fn operation(stage: &str) -> String {
    format!("roll-{}-{stage}-000-r0", RolloutHash::of(EXECUTION))
}

fn header() -> Value {
    json!({"execution": EXECUTION, "stackSet": "base", "waves": 2, "deadlineSeconds": 86_400})
}

/// What the stack set is at a moment.
#[derive(Clone)]
struct Set {
    template: &'static str,
    /// The statuses of the roll-out's operation, one after another; the last one stays.
    statuses: Vec<&'static str>,
    stopped: Vec<String>,
}

type Shared = Arc<Mutex<Set>>;

/// A roll-out of two waves, of which the first has two of its accounts deployed, and an account
/// that was enrolled meanwhile.
fn world(set: &Shared, on_stop: &str) -> World {
    let plan = json!({"waves": [{"name": "a", "accounts": {"organizationalUnit": "Canary"}},
                                {"name": "b", "accounts": {"rest": true}}], "onStop": on_stop});
    let input = json!({"stackSet": "base", "usePreviousTemplate": true, "plan": plan});
    let size = |number| {
        json!({"number": number, "name": "x", "accounts": 3, "instances": 3, "operations": 1,
               "rounds": 1, "dwellSeconds": 0, "approval": false})
    };
    let definition = json!({"template": "previous", "parameters": {}, "capabilities": []});
    let manifest = json!({
        "header": header(), "plannedAt": START, "found": "before", "next": definition, "previous": definition,
        "previousValues": {}, "keeps": {}, "plan": Input::read(&input).unwrap().plan,
        "waves": [size(1), size(2)], "redBefore": []});
    let world = World::new();
    world.put(&format!("{FOLDER}/plan.json"), &manifest.to_string());
    world.put(&format!("{FOLDER}/previous-template"), "old");
    for (wave, accounts) in [(1, [0, 1, 2]), (2, [3, 4, 5])] {
        let batch = json!({"regions": ["eu-central-1"], "accounts": accounts.map(id)});
        let file = json!({"operations": [batch], "restores": false}).to_string();
        world.put(&format!("{FOLDER}/waves/{wave:02}.json"), &file);
    }
    serve(world, set)
}

fn serve(world: World, set: &Shared) -> World {
    let (log, describe, operations, stop, update) =
        (set.clone(), set.clone(), set.clone(), set.clone(), set.clone());
    world
        .on("ListStackSetOperations", move |_| {
            let status = log.lock().unwrap().statuses[0];
            let rows: String = [(operation("w01of02"), status), ("enrol-1".into(), "RUNNING")]
                .iter()
                .map(|(id, status)| {
                    format!(
                        "<member><OperationId>{id}</OperationId><Status>{status}</Status></member>"
                    )
                })
                .collect();
            xml("ListStackSetOperations", &format!("<Summaries>{rows}</Summaries>")).into()
        })
        .on("DescribeStackSetOperation", move |request| {
            let mut set = operations.lock().unwrap();
            let leaves = request["OperationId"] == operation("leave").as_str();
            if leaves && set.template == "new" {
                return Reply::Refusal(404, "OperationNotFoundException");
            }
            let status = if leaves { "FAILED" } else { set.statuses[0] };
            if !leaves && set.statuses.len() > 1 {
                set.statuses.remove(0);
            }
            let body = format!("<StackSetOperation><Status>{status}</Status></StackSetOperation>");
            xml("DescribeStackSetOperation", &body).into()
        })
        .on("StopStackSetOperation", move |request| {
            let id = request["OperationId"].as_str().unwrap().to_owned();
            stop.lock().unwrap().stopped.push(id);
            xml("StopStackSetOperation", "").into()
        })
        .on("DescribeStackSet", move |_| {
            let template = describe.lock().unwrap().template;
            let body = format!("<StackSet><TemplateBody>{template}</TemplateBody></StackSet>");
            xml("DescribeStackSet", &body).into()
        })
        .on("UpdateStackSet", move |_| {
            update.lock().unwrap().template = "old";
            xml("UpdateStackSet", "").into()
        })
        .on("ListStackInstances", |_| {
            let rows: String =
                [(0, "CURRENT"), (1, "CURRENT"), (2, "OUTDATED"), (3, "OUTDATED"), (9, "CURRENT")]
                    .map(|(account, status)| {
                        format!(
                            "<member><Account>{}</Account><Region>eu-central-1</Region>\
                     <Status>{status}</Status></member>",
                            id(account)
                        )
                    })
                    .concat();
            xml("ListStackInstances", &format!("<Summaries>{rows}</Summaries>")).into()
        })
}

fn set(template: &'static str, statuses: &[&'static str]) -> Shared {
    let set = Set { template, statuses: statuses.to_vec(), stopped: Vec::new() };
    Arc::new(Mutex::new(set))
}

async fn answer(world: &World, request: &Value, now: Timestamp) -> Result<Value, Diagnostic> {
    let config = Config::load(&|_| Some("runs".into())).unwrap();
    let app = App::new(&world.wire(), config, Clock::fixed(now));
    lambda_kit::call(&app, &handle, request.clone()).await
}

fn request(code: &str) -> Value {
    json!({"rollout": header(), "reason": {"code": code, "text": "why"},
           "execution": {"startedAt": START}})
}

async fn stopped(world: &World, mut request: Value) -> Result<Value, Diagnostic> {
    let mut now: Timestamp = START.parse().unwrap();
    for _ in 0..100 {
        let answer = answer(world, &request, now).await?;
        if answer["status"] == "DONE" {
            return Ok(answer);
        }
        now += SignedDuration::from_secs(answer["retryAfterSeconds"].as_i64().unwrap());
        request["resume"] = answer["resume"].clone();
    }
    panic!("it never ends")
}

#[tokio::test]
async fn its_own_operation_is_stopped_and_who_has_the_new_template_goes_back() {
    let set = set("new", &["RUNNING", "STOPPING", "STOPPED"]);
    let world = world(&set, "ROLL_BACK");
    let done = stopped(&world, request("SAME_ERROR")).await.unwrap();
    assert_eq!(done, json!({"status": "DONE", "choice": "ROLL_BACK", "waves": [1, 0]}));
    assert_eq!(set.lock().unwrap().stopped, [operation("w01of02")], "and not the enrolment");
    let back = world.file(&format!("{FOLDER}/back/01.json"));
    assert_eq!(back["restores"], true);
    let accounts = json!([id(0), id(1), id(9)]);
    assert_eq!(back["operations"][0]["accounts"], accounts, "who came meanwhile too");
    assert_eq!(world.calls_of("UpdateStackSet").len(), 0, "deploy-wave puts it back");
}

#[tokio::test]
async fn leaving_puts_the_definition_back_by_an_account_that_never_got_the_new_one() {
    let set = set("new", &["SUCCEEDED"]);
    let world = world(&set, "LEAVE");
    let done = stopped(&world, request("UNHEALTHY")).await.unwrap();
    assert_eq!(done, json!({"status": "DONE", "choice": "LEAVE", "waves": []}));
    let update = &world.calls_of("UpdateStackSet")[0];
    assert_eq!(update["OperationId"], operation("leave").as_str());
    assert_eq!(update["Accounts.member.1"], id(2).as_str());
    assert_eq!(update.get("Accounts.member.2"), None);
    assert_eq!(update["TemplateBody"], "old");
    let new = world.file(&format!("{FOLDER}/stands-new.json"));
    assert_eq!(new[0]["accounts"], json!([id(0), id(1), id(9)]));
    // As after a lost answer: the same again.
    let again = stopped(&world, request("UNHEALTHY")).await.unwrap();
    assert_eq!(again, done);
    assert_eq!(world.calls_of("UpdateStackSet").len(), 1);
}

#[tokio::test]
async fn where_nobody_got_the_new_template_putting_the_definition_back_is_the_whole_way() {
    let set = set("new", &["SUCCEEDED"]);
    let world = world(&set, "ROLL_BACK").on("ListStackInstances", |_| {
        let row = format!(
            "<member><Account>{}</Account><Region>eu-central-1</Region><Status>OUTDATED</Status>\
             </member>",
            id(2)
        );
        xml("ListStackInstances", &format!("<Summaries>{row}</Summaries>")).into()
    });
    let done = stopped(&world, request("SAME_ERROR")).await.unwrap();
    assert_eq!(done, json!({"status": "DONE", "choice": "ROLL_BACK", "waves": [0]}));
    assert_eq!(world.calls_of("UpdateStackSet").len(), 1);
}

#[tokio::test]
async fn a_set_that_was_not_changed_is_left_as_it_is() {
    let set = set("old", &["STOPPED"]);
    let world = world(&set, "ROLL_BACK")
        .on("DescribeStackSetOperation", |_| Reply::Refusal(404, "OperationNotFoundException"))
        .on("ListStackSetOperations", |_| {
            xml("ListStackSetOperations", "<Summaries></Summaries>").into()
        });
    let done = stopped(&world, request("STEP_FAILED")).await.unwrap();
    assert_eq!(done["choice"], "NOTHING_CHANGED");
    assert_eq!(world.calls_of("ListStackInstances").len(), 0);
}

#[tokio::test]
async fn a_roll_out_that_changed_nothing_does_not_keep_new_tenants_waiting() {
    // Its operations are in the log, and say that a template is being proven.
    let set = set("old", &["STOPPED"]);
    let left = Arc::new(Mutex::new(false));
    let (asked, leaves) = (left.clone(), left.clone());
    let world = world(&set, "ROLL_BACK")
        .on("DescribeStackSetOperation", move |request| {
            let leaves = request["OperationId"] == operation("leave").as_str();
            if leaves && !*asked.lock().unwrap() {
                return Reply::Refusal(404, "OperationNotFoundException");
            }
            let body = "<StackSetOperation><Status>SUCCEEDED</Status></StackSetOperation>";
            xml("DescribeStackSetOperation", body).into()
        })
        .on("UpdateStackSet", move |_| {
            *leaves.lock().unwrap() = true;
            xml("UpdateStackSet", "").into()
        });
    let done = stopped(&world, request("UNHEALTHY")).await.unwrap();
    assert_eq!(done["waves"], json!([0]));
    let updates = world.calls_of("UpdateStackSet");
    assert_eq!(updates.len(), 1);
    assert_eq!(updates[0]["OperationId"], operation("leave").as_str());
    assert_eq!(updates[0].get("Accounts.member.2"), None, "one account marks the end");
}

#[tokio::test]
async fn an_operators_wish_comes_before_the_plan_and_somebody_elses_change_stays() {
    let shared = set("new", &["SUCCEEDED"]);
    let world = world(&shared, "ROLL_BACK");
    world.put(&format!("{FOLDER}/control/stop-leave"), "keep it");
    let done = stopped(&world, request("STOP_REQUESTED")).await.unwrap();
    assert_eq!(done["choice"], "LEAVE");

    let shared = set("new", &["SUCCEEDED"]);
    let world = self::world(&shared, "ROLL_BACK");
    let done = stopped(&world, request("DEFINITION_CHANGED")).await.unwrap();
    assert_eq!(done["choice"], "LEAVE");
    assert_eq!(world.calls_of("UpdateStackSet").len(), 0);
}

#[tokio::test(start_paused = true)]
async fn throttles_are_waits_and_what_is_forbidden_missing_or_too_late_is_named() {
    let now: Timestamp = START.parse().unwrap();
    let shared = set("new", &["RUNNING"]);
    let throttled = world(&shared, "LEAVE").refuses("ListStackSetOperations", 400, "Throttling");
    let pending = answer(&throttled, &request("UNHEALTHY"), now).await.unwrap();
    assert_eq!(pending["status"], "PENDING");
    let mut late = request("UNHEALTHY");
    late["resume"] = pending["resume"].clone();
    let later = now + SignedDuration::from_hours(25);
    let error = answer(&throttled, &late, later).await.unwrap_err();
    assert_eq!(error.error_type, "DeadlinePassed");

    let denied = world(&shared, "LEAVE").refuses("StopStackSetOperation", 403, "AccessDenied");
    let error = answer(&denied, &request("UNHEALTHY"), now).await.unwrap_err();
    assert_eq!(error.error_type, "AccessDenied");
    let error = answer(&World::new(), &request("UNHEALTHY"), now).await.unwrap_err();
    assert_eq!(error.error_type, "RolloutFilesDamaged");
    assert!(Error::NAMES.contains(&error.error_type.as_str()));
}

/// The same roll-out, which changes a value that nobody can see: the set reads as before.
fn rotating(set: &Shared, on_stop: &str) -> World {
    let world = world(set, on_stop).on("DescribeStackSet", |_| {
        let body = "<StackSet><TemplateBody>old</TemplateBody><Parameters><member>\
                    <ParameterKey>Key</ParameterKey><ParameterValue>****</ParameterValue>\
                    </member></Parameters></StackSet>";
        xml("DescribeStackSet", body).into()
    });
    let mut manifest = world.file(&format!("{FOLDER}/plan.json"));
    manifest["previousValues"] = json!({"Key": "****"});
    manifest["next"]["parameters"] = json!({"Key": "{{resolve:secretsmanager:new}}"});
    manifest["previous"]["parameters"] = json!({"Key": "{{resolve:secretsmanager:old}}"});
    world.put(&format!("{FOLDER}/plan.json"), &manifest.to_string());
    world
}

#[tokio::test]
async fn a_hidden_value_that_reads_the_same_is_taken_back_all_the_same() {
    let set = set("new", &["STOPPED"]);
    let done = stopped(&rotating(&set, "ROLL_BACK"), request("SAME_ERROR")).await.unwrap();
    assert_eq!(done["choice"], "ROLL_BACK", "{done}");
    assert!(!done["waves"].as_array().unwrap().is_empty(), "{done}");

    // One whose first operation never came to be has changed nothing.
    let none = self::set("new", &["STOPPED"]);
    let world = rotating(&none, "ROLL_BACK")
        .on("ListStackSetOperations", |_| xml("ListStackSetOperations", "<Summaries/>").into());
    let done = stopped(&world, request("SAME_ERROR")).await.unwrap();
    assert_eq!(done["choice"], "NOTHING_CHANGED", "{done}");
}
