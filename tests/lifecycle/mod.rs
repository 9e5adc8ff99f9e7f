//! Every task of `onboard-tenant` is repeated, killed before and after its work, made to fail
//! with each of its errors; and the world at the end is the one in which nothing went wrong.
//!
//! The shipped machine, the shipped functions, the template's wiring, in virtual time. `roll_out`
//! does the same for a change on its way.

mod roll_out;

mod retirement;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use local_aws::Invocation;
use serde_json::{Value, json};
use simulation::deployment::Announcement;
use simulation::library::{FunctionFault, FunctionFaults};
use simulation::world::{World, settings};

const HOUR: Duration = Duration::from_secs(3600);
const ENDS: [&str; 3] = ["TenantReady", "TenantLeft", "TenantOnboardingFailed"];

/// The tasks of the machine that call a function: state, and the function's code.
const TASKS: [(&str, &str); 6] = [
    ("CreateAccount", "create-account"),
    ("PlaceInOnboarding", "place-account"),
    ("LabelAccount", "label-account"),
    ("EnrollBaseline", "enroll-baseline"),
    ("RequestQuotas", "request-quotas"),
    ("PlaceInHome", "place-account"),
];

/// The task that an invocation is for; two tasks share `place-account`.
fn task(invocation: &Invocation) -> Option<&'static str> {
    let payload: Value = serde_json::from_slice(&invocation.payload).ok()?;
    let from_root =
        payload["allowedFrom"].as_array().is_some_and(|from| from.contains(&json!("ROOT")));
    let follow_up = payload["waitFor"] == "ALL";
    TASKS
        .iter()
        .filter(|(_, code)| *code == invocation.code && !follow_up)
        .map(|(state, _)| *state)
        .find(|state| match *state {
            "PlaceInOnboarding" => from_root,
            "PlaceInHome" => !from_root,
            _ => true,
        })
}

/// One fault at one task: at its first invocation, or at each that would have ended it.
struct At {
    task: &'static str,
    fault: FunctionFault,
    left: Mutex<u32>,
}

impl FunctionFaults for At {
    fn fault(&self, invocation: &Invocation) -> Option<FunctionFault> {
        if task(invocation)? != self.task {
            return None;
        }
        let mut left = self.left.lock().ok()?;
        *left = left.checked_sub(1)?;
        Some(self.fault.clone())
    }
}

/// What there is at the end, without the ids that are drawn at random.
#[derive(Debug, PartialEq)]
struct Whole {
    accounts: BTreeMap<String, (String, BTreeMap<String, String>)>,
    instances: BTreeMap<String, usize>,
    quota_requests: usize,
    label: Value,
}

async fn look(world: &World, ready: &Announcement) -> Whole {
    let mut accounts = BTreeMap::new();
    for account in world.aws().accounts() {
        let tags: BTreeMap<String, String> = account.tags.into_iter().collect();
        let before = accounts.insert(account.name.clone(), (account.parent_name, tags));
        assert!(before.is_none(), "two accounts are called {}", account.name);
    }
    let input = json!({ "StackSetName": "landlord-tenant-baseline" });
    let listed = world.deployment.ask("cloudformation", "ListStackInstances", input).await.unwrap();
    let mut instances = BTreeMap::new();
    for row in listed["Summaries"].as_array().into_iter().flatten() {
        *instances.entry(row["Status"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    let account = ready.detail["accountId"].as_str().unwrap();
    let inside = |service: &'static str, operation: &str, input: Value| {
        let place = (account, "eu-central-1");
        let call =
            local_aws::Call::by_service("console.amazonaws.com", service, operation, place, input);
        let aws = world.aws().clone();
        async move { aws.perform(&call).await.unwrap() }
    };
    let history =
        inside("servicequotas", "ListRequestedServiceQuotaChangeHistory", json!({})).await;
    let label = inside("ssm", "GetParameter", json!({ "Name": "/landlord/tenant" })).await;
    let text = label["Parameter"]["Value"].as_str().unwrap();
    Whole {
        accounts,
        instances,
        quota_requests: history["RequestedQuotas"].as_array().map_or(0, Vec::len),
        label: serde_json::from_str(text).unwrap(),
    }
}

async fn world() -> World {
    World::found(settings(77), BTreeMap::new()).await.unwrap()
}

async fn sign_up(world: &World) {
    let detail = json!({ "tenantId": "acme", "tenantName": "Acme", "tier": "standard" });
    world.deployment.sign_up(&detail).await.unwrap();
}

/// A world in which nothing goes wrong.
async fn undisturbed() -> Whole {
    let mut world = world().await;
    sign_up(&world).await;
    let ended = world.gather(12 * HOUR, &ENDS, 1).await.unwrap();
    assert_eq!(ended[0].name, "TenantReady", "{:?}", ended[0]);
    look(&world, &ended[0]).await
}

#[tokio::test(start_paused = true)]
async fn each_task_may_run_twice_or_die_before_or_after_its_work() {
    let expected = undisturbed().await;
    for (state, _) in TASKS {
        for (fault, times) in [
            (FunctionFault::Twice, u32::MAX),
            (FunctionFault::AnswerLost, 2),
            (FunctionFault::KilledBefore, 2),
            (FunctionFault::KilledAfter(Duration::from_millis(1)), 2),
        ] {
            let mut world = world().await;
            let at = At { task: state, fault: fault.clone(), left: Mutex::new(times) };
            world.library.set_faults(Some(Arc::new(at)));
            sign_up(&world).await;
            let ended = world.gather(24 * HOUR, &ENDS, 1).await.unwrap();
            let end = ended.first().unwrap_or_else(|| panic!("{state}, {fault:?}: no end"));
            assert_eq!(end.name, "TenantReady", "{state}, {fault:?}: {}", end.detail);
            assert_eq!(look(&world, end).await, expected, "{state}, {fault:?}");
        }
    }
}

/// The errors that a task may end with, as its function names them.
fn errors(code: &str) -> Vec<&'static str> {
    match code {
        "create-account" => create_account::ERROR_NAMES.to_vec(),
        "place-account" => place_account::ERROR_NAMES.to_vec(),
        "label-account" => label_account::ERROR_NAMES.to_vec(),
        "enroll-baseline" => enroll_baseline::Error::NAMES.to_vec(),
        _ => request_quotas::Error::NAMES.to_vec(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_fails_is_named_and_a_new_signup_resumes_after_each_of_its_errors() {
    let expected = undisturbed().await;
    for (state, code) in TASKS {
        for error in errors(code) {
            let mut world = world().await;
            let fault = FunctionFault::Fails(error.to_owned());
            let at = At { task: state, fault, left: Mutex::new(1) };
            world.library.set_faults(Some(Arc::new(at)));
            sign_up(&world).await;
            let ended = world.gather(24 * HOUR, &ENDS, 1).await.unwrap();
            let end = ended.first().unwrap_or_else(|| panic!("{state}, {error}: no end"));
            // The bus is told first.
            world.aws().sleep(Duration::from_secs(60)).await;
            let told: BTreeSet<bool> =
                world.aws().published().iter().map(|m| m.message.contains(error)).collect();
            if error == "TenantLeft" {
                assert_eq!(end.name, "TenantLeft", "{state}: {}", end.detail);
                assert!(!told.contains(&true), "{state}: people were told of an expected end");
            } else {
                assert_eq!(end.name, "TenantOnboardingFailed", "{state}, {error}");
                assert_eq!(end.detail["step"], state, "{error}: {}", end.detail);
                assert_eq!(end.detail["error"], error);
                assert!(told.contains(&true), "{state}, {error}: the topic was not told");
            }
            sign_up(&world).await;
            let ready = world
                .until(24 * HOUR, |heard| heard.name == "TenantReady")
                .await
                .unwrap()
                .unwrap_or_else(|| panic!("{state}, {error}: the new signup did not resume it"));
            assert_eq!(look(&world, &ready).await, expected, "{state}, {error}");
        }
    }
}

#[test]
fn every_task_of_the_machine_that_calls_a_function_is_disturbed() {
    let machine = crate::workspace::json("statemachines/onboard-tenant.asl.json");
    let mut called = BTreeSet::new();
    states(&machine, &mut called);
    let known: BTreeSet<String> = TASKS.iter().map(|(state, _)| (*state).to_owned()).collect();
    assert_eq!(called, known);
}

/// The names of all tasks that invoke a function, in branches too.
fn states(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some(states) = members.get("States").and_then(Value::as_object) {
                for (name, state) in states {
                    if state["Arguments"]["FunctionName"].is_string() {
                        found.insert(name.clone());
                    }
                }
            }
            members.values().for_each(|value| self::states(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| states(value, found)),
        _ => {}
    }
}
