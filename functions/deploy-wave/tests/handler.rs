//! `deploy-wave` through its public API: real SDK clients, and a stack set of a few lines.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use deploy_wave::{App, Config, Error, handle};
use jiff::{SignedDuration, Timestamp};
use lambda_kit::{Clock, Diagnostic};
use lifecycle::rollout::RolloutHash;
use rollout::Input;
use scripted_wire::{Reply, World, assume_role_answer, xml};
use serde_json::{Value, json};

#[path = "handler/excuses.rs"]
mod excuses;
#[path = "handler/gates.rs"]
mod gates;
#[path = "handler/house.rs"]
mod house;
#[path = "handler/joined.rs"]
mod joined;
#[path = "handler/late.rs"]
mod late;

const EXECUTION: &str = "base_c1";
const FOLDER: &str = "rollouts/base_c1";
const START: &str = "2026-11-21T10:00:00Z";

fn id(number: usize) -> String {
    format!("{number:012}")
}

fn operation(stage: &str, number: u32, round: u32) -> String {
    format!("roll-{}-{stage}-{number:03}-r{round}", RolloutHash::of(EXECUTION))
}

/// Writes a plan of two waves with `accounts` accounts each, and some changes to it.
fn planned(accounts: usize, wave: Value) -> World {
    let mut first = json!({"name": "first", "accounts": {"organizationalUnit": "Canary"},
        "preferences": {"maxConcurrentCount": 2, "failureToleranceCount": 1,
                        "concurrencyMode": "SOFT_FAILURE_TOLERANCE"},
        "operationAccounts": 2});
    first.as_object_mut().unwrap().extend(wave.as_object().unwrap().clone());
    let plan = json!({"waves": [first, {"name": "rest", "accounts": {"rest": true}}]});
    let input = json!({"stackSet": "base", "usePreviousTemplate": true, "plan": plan});
    let plan = Input::read(&input).unwrap().plan;
    let size = |number: usize| {
        json!({"number": number, "name": "x", "accounts": accounts, "instances": accounts,
               "operations": accounts.div_ceil(2), "rounds": accounts.div_ceil(2),
               "dwellSeconds": 60, "approval": false})
    };
    let definition = json!({"template": "previous", "parameters": {"A": "1"}, "capabilities": []});
    let manifest = json!({
        "header": header(), "plannedAt": START, "found": "before", "next": definition, "previous": definition,
        "previousValues": {"A": "0"}, "keeps": {}, "plan": plan,
        "waves": [size(1), size(2)], "redBefore": []});
    let world = World::new();
    let batches: Vec<Value> = (0..accounts)
        .collect::<Vec<_>>()
        .chunks(2)
        .map(|some| {
            let accounts: Vec<_> = some.iter().map(|n| id(*n)).collect();
            json!({"regions": ["eu-central-1"], "accounts": accounts})
        })
        .collect();
    world.put(&format!("{FOLDER}/plan.json"), &manifest.to_string());
    world.put(&format!("{FOLDER}/previous-template"), "old");
    let file = json!({"operations": batches, "restores": false}).to_string();
    world.put(&format!("{FOLDER}/waves/01.json"), &file);
    world.put(&format!("{FOLDER}/waves/02.json"), &file);
    let world = world
        .on("DescribeAccount", |request| {
            json!({"Account": {"Id": request["AccountId"], "State": "SUSPENDED",
                               "Paths": ["o-1/r-root/ou-root-general1/"]}})
            .to_string()
            .into()
        })
        .on("ListTagsForResource", |_| {
            json!({"Tags": [{"Key": "landlord:tenant", "Value": "x"}]}).to_string().into()
        })
        .on("ListDelegatedAdministrators", |_| json!({}).to_string().into());
    world.on("DescribeStackSet", |_| {
        xml("DescribeStackSet", "<StackSet><TemplateBody>new</TemplateBody></StackSet>").into()
    })
}

fn header() -> Value {
    json!({"execution": EXECUTION, "stackSet": "base", "waves": 2, "deadlineSeconds": 86_400})
}

/// How an account fares: its results, one after another; success once they are used up.
type Fates = Arc<Mutex<BTreeMap<String, Vec<&'static str>>>>;

/// An operation that was started: its id, and its accounts.
type Started = (String, Vec<String>);

/// A stack set whose operations take one look to run and have ended at the next one.
#[derive(Clone, Default)]
struct Set {
    started: Arc<Mutex<Vec<Started>>>,
    looks: Arc<Mutex<BTreeMap<String, u32>>>,
    stopped: Arc<Mutex<Vec<String>>>,
    fates: Fates,
}

impl Set {
    fn fate(&self, account: usize, results: &[&'static str]) {
        self.fates.lock().unwrap().insert(id(account), results.to_vec());
    }

    fn serve(&self, world: World) -> World {
        let start = |operation: &'static str| {
            let set = self.clone();
            move |request: &Value| -> Reply {
                let id = request["OperationId"].as_str().unwrap().to_owned();
                let accounts = (1..)
                    .map_while(|n| request.get(format!("Accounts.member.{n}")))
                    .map(|account| account.as_str().unwrap().to_owned())
                    .collect();
                let mut started = set.started.lock().unwrap();
                if started.iter().any(|(known, _)| *known == id) {
                    return Reply::Refusal(409, "OperationIdAlreadyExistsException");
                }
                started.push((id.clone(), accounts));
                xml(operation, &format!("<OperationId>{id}</OperationId>")).into()
            }
        };
        let (describes, results, stops) = (self.clone(), self.clone(), self.clone());
        world
            .on("UpdateStackSet", start("UpdateStackSet"))
            .on("UpdateStackInstances", start("UpdateStackInstances"))
            .on("DescribeStackSetOperation", move |request| describes.describe(request))
            .on("ListStackSetOperationResults", move |request| results.results(request))
            .on("ListStackInstances", |_| {
                xml("ListStackInstances", "<Summaries></Summaries>").into()
            })
            .refuses("DescribeStackInstance", 404, "StackInstanceNotFoundException")
            .on("ListStackSetOperations", |_| {
                xml("ListStackSetOperations", "<Summaries></Summaries>").into()
            })
            .on("StopStackSetOperation", move |request| {
                let id = request["OperationId"].as_str().unwrap().to_owned();
                stops.stopped.lock().unwrap().push(id);
                xml("StopStackSetOperation", "").into()
            })
    }

    fn describe(&self, request: &Value) -> Reply {
        let id = request["OperationId"].as_str().unwrap();
        if !self.started.lock().unwrap().iter().any(|(known, _)| known == id) {
            return Reply::Refusal(404, "OperationNotFoundException");
        }
        let mut looks = self.looks.lock().unwrap();
        let look = looks.entry(id.to_owned()).or_default();
        *look += 1;
        let stopped = self.stopped.lock().unwrap().iter().any(|known| known == id);
        let status = match (*look, stopped) {
            (1, _) => "RUNNING",
            (_, true) => "STOPPED",
            (_, false) => "SUCCEEDED",
        };
        let body = format!(
            "<StackSetOperation><OperationId>{id}</OperationId><Status>{status}</Status>\
             </StackSetOperation>"
        );
        xml("DescribeStackSetOperation", &body).into()
    }

    fn results(&self, request: &Value) -> Reply {
        let id = request["OperationId"].as_str().unwrap();
        let running = self.looks.lock().unwrap().get(id) == Some(&1);
        let started = self.started.lock().unwrap();
        let (_, accounts) = started.iter().find(|(known, _)| known == id).unwrap();
        let mut fates = self.fates.lock().unwrap();
        let rows: String = accounts
            .iter()
            .filter_map(|account| {
                let fate = fates.get_mut(account).filter(|left| !left.is_empty());
                let word = match fate {
                    // Until the end, a result is only looked at.
                    Some(left) if running => left[0],
                    Some(left) => left.remove(0),
                    None if running => return None,
                    None => "ok",
                };
                Some(result(account, word))
            })
            .collect();
        xml("ListStackSetOperationResults", &format!("<Summaries>{rows}</Summaries>")).into()
    }

    fn ids(&self) -> Vec<String> {
        self.started.lock().unwrap().iter().map(|(id, _)| id.clone()).collect()
    }

    fn accounts_of(&self, id: &str) -> Vec<String> {
        let started = self.started.lock().unwrap();
        started.iter().find(|(known, _)| known == id).unwrap().1.clone()
    }
}

fn result(account: &str, word: &str) -> String {
    let (status, reason, gate) = match word {
        "ok" => ("SUCCEEDED", "", "SUCCEEDED"),
        "vetoed" => ("FAILED", "AccountGate check failed", "FAILED"),
        "transient" => ("FAILED", "Rate exceeded", "SUCCEEDED"),
        "suspended" => ("FAILED", "Account is suspended", "SKIPPED"),
        other => ("FAILED", other, "SUCCEEDED"),
    };
    format!(
        "<member><Account>{account}</Account><Region>eu-central-1</Region>\
         <Status>{status}</Status><StatusReason>{reason}</StatusReason>\
         <AccountGateResult><Status>{gate}</Status></AccountGateResult></member>"
    )
}

async fn answer(world: &World, request: &Value, now: Timestamp) -> Result<Value, Diagnostic> {
    let config = Config::load(&|name| {
        let value = match name {
            "RUNS_BUCKET" => "runs",
            "TENANT_OUS" => "General=ou-root-general1",
            "ONBOARDING_OU_ID" | "RETIRING_OU_ID" | "SUSPENDED_OU_ID" => "ou-root-landlord",
            "MANAGEMENT_ACCOUNT_ID" => "999999999999",
            "PROTECTED_ACCOUNT_IDS" => "888888888888",
            "ROLLOUT_STACK_SETS" => "base",
            "TIERS_PARAMETER" => "/landlord/tiers",
            _ => "Execution",
        };
        Some(value.to_owned())
    });
    let app = App::new(&world.wire(), config.unwrap(), Clock::fixed(now));
    lambda_kit::call(&app, &handle, request.clone()).await
}

/// What `equip-account` says of an account that has its role.
fn equipped() -> String {
    json!({"status": "DONE", "accountId": id(0), "made": false, "unknownRoles": []}).to_string()
}

fn request(stage: &str, wave: u32) -> Value {
    json!({"rollout": header(), "stage": stage, "wave": wave, "execution": {"startedAt": START}})
}

/// Asks until it is done, as the machine does, and waits as long as it is told.
async fn deployed(world: &World, mut request: Value) -> Result<Value, Diagnostic> {
    let mut now: Timestamp = START.parse().unwrap();
    for _ in 0..200 {
        let answer = answer(world, &request, now).await?;
        if answer["status"] == "DONE" {
            return Ok(answer);
        }
        let wait = answer["retryAfterSeconds"].as_i64().unwrap();
        now += SignedDuration::from_secs(wait);
        request["resume"] = answer["resume"].clone();
    }
    panic!("it never ends")
}

#[tokio::test]
async fn only_the_first_operation_gives_the_template_and_all_are_named_by_their_place() {
    let set = Set::default();
    let world = set.serve(planned(5, json!({})));
    let done = deployed(&world, request("WAVE", 1)).await.unwrap();
    assert_eq!(done["verdict"], "GO", "{done}");
    assert_eq!(done["counts"]["succeeded"], 5);
    assert_eq!(done["operations"], 3);
    assert_eq!(set.ids(), [0, 1, 2].map(|n| operation("w01of02", n, 0)));
    let update = &world.calls_of("UpdateStackSet")[0];
    assert_eq!(update["UsePreviousTemplate"], "true");
    assert_eq!(update["Parameters.member.1.ParameterValue"], "1");
    assert_eq!(update["OperationPreferences.MaxConcurrentCount"], "2");
    // One failure, and room for five vetoes.
    assert_eq!(update["OperationPreferences.FailureToleranceCount"], "6");
    assert_eq!(world.calls_of("UpdateStackSet").len(), 1);
    assert_eq!(world.calls_of("UpdateStackInstances").len(), 2);
    let result = world.file(done["resultKey"].as_str().unwrap());
    assert_eq!(result["standing"]["succeeded"], 5);

    deployed(&world, request("WAVE", 2)).await.unwrap();
    assert_eq!(world.calls_of("UpdateStackSet").len(), 1, "not in the second wave");
}

#[tokio::test]
async fn a_wave_that_was_deployed_already_starts_nothing_anew() {
    let set = Set::default();
    let world = set.serve(planned(4, json!({})));
    let first = deployed(&world, request("WAVE", 1)).await.unwrap();
    // As after a crash of the machine: the same operations are found under their names.
    let again = deployed(&world, request("WAVE", 1)).await.unwrap();
    assert_eq!(set.ids().len(), 2);
    assert_eq!(first["counts"], again["counts"]);
}

#[tokio::test]
async fn an_answer_that_is_lost_leads_to_no_second_operation() {
    let set = Set::default();
    let world = set.serve(planned(2, json!({})));
    let now = START.parse().unwrap();
    let once = answer(&world, &request("WAVE", 1), now).await.unwrap();
    let twice = answer(&world, &request("WAVE", 1), now).await.unwrap();
    assert_eq!(once["status"], "PENDING");
    assert_eq!(once, twice);
    assert_eq!(set.ids().len(), 1);
}

#[tokio::test]
async fn what_failed_for_a_passing_reason_is_tried_again_alone_and_vetoes_are_left_for_later() {
    let set = Set::default();
    set.fate(1, &["transient", "transient"]);
    set.fate(2, &["vetoed", "vetoed"]);
    set.fate(3, &["suspended"]);
    let world = set.serve(planned(4, json!({})));
    let done = deployed(&world, request("WAVE", 1)).await.unwrap();
    assert_eq!(done["verdict"], "GO", "{done}");
    assert_eq!(done["counts"]["succeeded"], 2);
    assert_eq!(done["counts"]["vetoed"], 1);
    assert_eq!(done["counts"]["suspended"], 1);
    for round in [1, 2] {
        assert_eq!(set.accounts_of(&operation("w01of02", 0, round)), [id(1)]);
    }
    let named: Vec<_> =
        done["notCurrent"].as_array().unwrap().iter().map(|r| &r["class"]).collect();
    assert_eq!(named.len(), 2, "{done}");

    // The stage of late comers takes the vetoed one, until it is in.
    let late = deployed(&world, request("LATE", 0)).await.unwrap();
    assert_eq!(late["verdict"], "GO");
    assert_eq!(late["counts"]["succeeded"], 1);
    assert_eq!(set.accounts_of(&operation("late", 0, 0)), [id(2)]);
    assert_eq!(set.accounts_of(&operation("late", 0, 1)), [id(2)]);
}

#[tokio::test]
async fn an_answer_about_the_set_that_is_a_moment_old_is_nobodys_change() {
    // The set reads as it was while its first operation is at work already; and once more later.
    for old in [&[1][..], &[1, 3]] {
        let found =
            rollout::stack_set::Described { template: "old".to_owned(), ..Default::default() };
        let set = Set::default();
        let looks = Arc::new(Mutex::new(0));
        let world = set.serve(planned(4, json!({}))).on("DescribeStackSet", move |_| {
            let mut looks = looks.lock().unwrap();
            *looks += 1;
            let body = if old.contains(&*looks) { "old" } else { "new" };
            let body = format!("<StackSet><TemplateBody>{body}</TemplateBody></StackSet>");
            xml("DescribeStackSet", &body).into()
        });
        let mut plan = world.file(&format!("{FOLDER}/plan.json"));
        plan["found"] = json!(found.fingerprint());
        world.put(&format!("{FOLDER}/plan.json"), &plan.to_string());
        let done = deployed(&world, request("WAVE", 1)).await.unwrap();
        assert_eq!(done["verdict"], "GO", "{done}");
        assert_eq!(set.ids().len(), 2);
    }
}

#[tokio::test]
async fn too_many_failures_stop_the_operation_and_the_wave() {
    let set = Set::default();
    set.fate(0, &["CREATE_FAILED: one"]);
    set.fate(1, &["UPDATE_FAILED: two"]);
    let world = set.serve(planned(6, json!({})));
    let done = deployed(&world, request("WAVE", 1)).await.unwrap();
    assert_eq!(done["verdict"], "STOP");
    assert_eq!(done["reason"]["code"], "TOO_MANY_FAILURES", "{done}");
    assert_eq!(*set.stopped.lock().unwrap(), [operation("w01of02", 0, 0)]);
    assert_eq!(set.ids().len(), 1, "nothing more was started");
    assert_eq!(done["counts"]["failed"], 2);
}

#[tokio::test]
async fn the_same_error_in_several_accounts_stops_whatever_is_tolerated() {
    let set = Set::default();
    let preferences = json!({"maxConcurrentCount": 2, "failureTolerancePercentage": 100});
    for account in 0..3 {
        set.fate(account, &["CREATE_FAILED: Bucket is taken"]);
    }
    let world = set.serve(planned(6, json!({"preferences": preferences})));
    let done = deployed(&world, request("WAVE", 1)).await.unwrap();
    assert_eq!(done["reason"]["code"], "SAME_ERROR", "{done}");
    assert_eq!(set.ids().len(), 2);
}

#[tokio::test]
async fn an_operators_stop_and_a_red_alarm_stop_the_operation() {
    let set = Set::default();
    let world = set.serve(planned(4, json!({})));
    let now: Timestamp = START.parse().unwrap();
    let first = answer(&world, &request("WAVE", 1), now).await.unwrap();
    world.put(&format!("{FOLDER}/control/stop"), "the product is down");
    let mut next = request("WAVE", 1);
    next["resume"] = first["resume"].clone();
    let done = deployed(&world, next).await.unwrap();
    assert_eq!(done["reason"]["code"], "STOP_REQUESTED");
    assert_eq!(set.stopped.lock().unwrap().len(), 1);

    let set = Set::default();
    let world = set.serve(planned(4, json!({}))).on("DescribeAlarms", |_| {
        json!({"MetricAlarms": [{"AlarmName": "api", "StateValue": "ALARM"}]}).to_string().into()
    });
    let mut plan = world.file(&format!("{FOLDER}/plan.json"));
    plan["plan"]["health"]["alarms"] = json!(["api"]);
    world.put(&format!("{FOLDER}/plan.json"), &plan.to_string());
    let done = deployed(&world, request("WAVE", 1)).await.unwrap();
    assert_eq!(done["reason"]["code"], "UNHEALTHY");
    assert!(done["reason"]["text"].as_str().unwrap().contains("api"));
}

#[tokio::test]
async fn somebody_elses_stop_and_somebody_elses_change_end_the_wave() {
    let set = Set::default();
    let world = set.serve(planned(4, json!({})));
    set.stopped.lock().unwrap().push(operation("w01of02", 0, 0));
    let done = deployed(&world, request("WAVE", 1)).await.unwrap();
    assert_eq!(done["reason"]["code"], "OPERATION_STOPPED");

    let set = Set::default();
    let world = set.serve(planned(2, json!({})));
    deployed(&world, request("WAVE", 1)).await.unwrap();
    world.put(&format!("{FOLDER}/definition.json"), "\"another\"");
    let done = deployed(&world, request("WAVE", 2)).await.unwrap();
    assert_eq!(done["reason"]["code"], "DEFINITION_CHANGED");
    assert_eq!(set.ids().len(), 1);
}

#[tokio::test]
async fn an_operation_of_others_is_waited_for() {
    let set = Set::default();
    let world = set.serve(planned(2, json!({}))).refuses(
        "UpdateStackSet",
        409,
        "OperationInProgressException",
    );
    let now = START.parse().unwrap();
    let pending = answer(&world, &request("WAVE", 1), now).await.unwrap();
    assert_eq!(pending["status"], "PENDING");
    assert!(pending["because"].as_str().unwrap().contains("in progress"), "{pending}");
    assert_eq!(set.stopped.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn an_account_whose_instance_was_withdrawn_is_left_out() {
    let set = Set::default();
    let world = set.serve(planned(2, json!({})));
    let starts = set.clone();
    let world = world
        .on("UpdateStackSet", move |request| {
            if request.get("Accounts.member.2").is_some() {
                return Reply::Refusal(404, "StackInstanceNotFoundException");
            }
            let operation = request["OperationId"].as_str().unwrap().to_owned();
            starts.started.lock().unwrap().push((operation, vec![id(1)]));
            xml("UpdateStackSet", "").into()
        })
        .on("ListStackInstances", |_| {
            let one = format!(
                "<member><Account>{}</Account><Region>eu-central-1</Region></member>",
                id(1)
            );
            xml("ListStackInstances", &format!("<Summaries>{one}</Summaries>")).into()
        });
    let done = deployed(&world, request("WAVE", 1)).await.unwrap();
    assert_eq!(done["verdict"], "GO", "{done}");
    assert_eq!(done["counts"]["succeeded"], 1);
    assert_eq!(done["counts"]["suspended"], 1);
}

#[tokio::test]
async fn on_the_way_back_gates_are_opened_before_the_old_template_is_put_back() {
    let set = Set::default();
    let world = set
        .serve(planned(2, json!({})))
        .on("AssumeRole", |_| assume_role_answer("ASIATENANT").into())
        .on("PutParameter", |_| json!({"Version": 1}).to_string().into());
    let batch = json!({"regions": ["eu-central-1"], "accounts": [id(0), id(1)]});
    let file = json!({"operations": [batch], "restores": true});
    world.put(&format!("{FOLDER}/back/01.json"), &file.to_string());
    let done = deployed(&world, request("BACK", 1)).await.unwrap();
    assert_eq!(done["verdict"], "GO", "{done}");
    assert_eq!(set.ids(), [operation("back01", 0, 0)]);
    let restored = &world.calls_of("UpdateStackSet")[0];
    assert_eq!(restored["TemplateBody"], "old");
    let overrides = world.calls_of("PutParameter");
    assert_eq!(overrides.len(), 2);
    assert_eq!(overrides[0]["Name"], "/landlord/gate/override");
    let value: Value = serde_json::from_str(overrides[0]["Value"].as_str().unwrap()).unwrap();
    assert_eq!(value["action"], "open");
    assert_eq!(value["until"], "2026-11-21T12:00:00Z");
    let calls = world.calls();
    let place = |name: &str| calls.iter().position(|call| call == name).unwrap();
    assert!(place("PutParameter") < place("UpdateStackSet"));
}

#[tokio::test]
async fn a_way_back_that_fails_says_who_did_not_come_back() {
    let set = Set::default();
    set.fate(1, &["UPDATE_FAILED: no"; 9]);
    let world = set
        .serve(planned(2, json!({})))
        .on("AssumeRole", |_| Reply::Refusal(403, "AccessDenied"))
        .on("Invoke", |_| equipped().into())
        .on("PutParameter", |_| json!({"Version": 1}).to_string().into());
    let batch = json!({"regions": ["eu-central-1"], "accounts": [id(0), id(1)]});
    let file = json!({"operations": [batch], "restores": true});
    world.put(&format!("{FOLDER}/back/01.json"), &file.to_string());
    let done = deployed(&world, request("BACK", 1)).await.unwrap();
    assert_eq!(done["verdict"], "STOP");
    assert_eq!(done["reason"]["code"], "ROLLBACK_INCOMPLETE", "{done}");
    assert_eq!(done["notCurrent"][0]["account"], id(1).as_str());
}

#[tokio::test(start_paused = true)]
async fn throttles_are_waits_and_what_is_forbidden_missing_or_too_late_is_named() {
    let now: Timestamp = START.parse().unwrap();
    let world = || Set::default().serve(planned(2, json!({})));
    let throttled = world().refuses("UpdateStackSet", 400, "Throttling");
    let pending = answer(&throttled, &request("WAVE", 1), now).await.unwrap();
    assert_eq!(pending["status"], "PENDING");
    assert!(pending["because"].as_str().unwrap().contains("Throttling"), "{pending}");
    let late = now + SignedDuration::from_hours(25);
    let passed = answer(&throttled, &request("WAVE", 1), late).await.unwrap_err();
    assert_eq!(passed.error_type, "DeadlinePassed");

    let denied = world().refuses("UpdateStackSet", 403, "AccessDenied");
    let error = answer(&denied, &request("WAVE", 1), now).await.unwrap_err();
    assert_eq!(error.error_type, "AccessDenied");
    let missing = world();
    missing.remove(&format!("{FOLDER}/waves/01.json"));
    let error = answer(&missing, &request("WAVE", 1), now).await.unwrap_err();
    assert_eq!(error.error_type, "RolloutFilesDamaged");
    assert!(error.error_message.contains("waves/01.json"), "{}", error.error_message);
    let error = answer(&world(), &request("WAVE", 9), now).await.unwrap_err();
    assert_eq!(error.error_type, "InvalidRequest");
    assert!(Error::NAMES.contains(&error.error_type.as_str()));
}
