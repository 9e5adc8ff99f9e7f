//! Every task of `offboard-tenant` and `sweep-retirements` is repeated, killed before and after its
//! work, made to fail with each of its errors; and the world at the end, after a redrive or the
//! next sweep, is the one in which nothing went wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use local_aws::{Durations, Invocation, Settings};
use serde_json::{Value, json};
use simulation::library::{FunctionFault, FunctionFaults};
use simulation::retirement::{Fleet, enrol, seed_tenants};
use simulation::rollout::fleet::download;
use simulation::world::{World, settings};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// The tasks of both machines that call a function: state, and the function's code.
const OFFBOARDING: [(&str, &str); 2] =
    [("FindTenant", "find-tenant"), ("RetireTenant", "retire-tenant")];
const SWEEP: [(&str, &str); 5] = [
    ("PlanRetirements", "plan-retirements"),
    ("WithdrawStacks", "withdraw-stacks"),
    ("PlaceInSuspended", "place-account"),
    ("CloseAccount", "close-account"),
    ("ReportSweep", "plan-retirements"),
];

/// Whether an invocation is one of a task; two tasks share `plan-retirements`, and events of
/// closings come to `close-account`, too.
fn is_of(task: (&str, &str), invocation: &Invocation) -> bool {
    let payload: Value = serde_json::from_slice(&invocation.payload).unwrap_or_default();
    let action = match task.0 {
        "PlanRetirements" => Some("PLAN"),
        "ReportSweep" => Some("REPORT"),
        _ => None,
    };
    invocation.code == task.1
        && action.is_none_or(|action| payload["action"] == action)
        && payload["detail"].is_null()
}

/// One fault at one task, for its first invocations.
struct At {
    task: (&'static str, &'static str),
    fault: FunctionFault,
    left: Mutex<u32>,
}

impl At {
    fn set(world: &World, task: (&'static str, &'static str), fault: FunctionFault, times: u32) {
        let at = Self { task, fault, left: Mutex::new(times) };
        world.library.set_faults(Some(Arc::new(at)));
    }
}

impl FunctionFaults for At {
    fn fault(&self, invocation: &Invocation) -> Option<FunctionFault> {
        if !is_of(self.task, invocation) {
            return None;
        }
        let mut left = self.left.lock().ok()?;
        *left = left.checked_sub(1)?;
        Some(self.fault.clone())
    }
}

fn disturbances() -> [(FunctionFault, u32); 4] {
    [
        (FunctionFault::Twice, u32::MAX),
        (FunctionFault::AnswerLost, 2),
        (FunctionFault::KilledBefore, 2),
        (FunctionFault::KilledAfter(Duration::from_millis(90)), 2),
    ]
}

/// The errors that a task may end with, as its function names them.
fn errors(code: &str) -> &'static [&'static str] {
    match code {
        "find-tenant" => &find_tenant::ERROR_NAMES,
        "retire-tenant" => &retire_tenant::ERROR_NAMES,
        "plan-retirements" => &plan_retirements::ERROR_NAMES,
        "withdraw-stacks" => &withdraw_stacks::ERROR_NAMES,
        "close-account" => &close_account::ERROR_NAMES,
        _ => &place_account::ERROR_NAMES,
    }
}

/// What there is at the end; of times only that there is one.
#[derive(Debug, PartialEq)]
struct Whole {
    /// By name: unit, state, tags.
    accounts: BTreeMap<String, (String, &'static str, BTreeMap<String, String>)>,
    instances: usize,
    /// Which tenants were said to be closed.
    retired: BTreeSet<String>,
    is_locked: bool,
}

async fn look(world: &mut World) -> Whole {
    let accounts = world.aws().accounts().into_iter().map(|account| {
        let tags = account.tags.into_iter().map(|(key, value)| {
            let is_time = value.parse::<Timestamp>().is_ok();
            (key, if is_time { "a time".to_owned() } else { value })
        });
        (account.name, (account.parent_name, account.state, tags.collect()))
    });
    let accounts = accounts.collect();
    let input = json!({ "StackSetName": "landlord-tenant-baseline" });
    let listed = world.deployment.ask("cloudformation", "ListStackInstances", input).await.unwrap();
    let heard = world.gather(MINUTE, &["TenantRetired"], usize::MAX).await.unwrap();
    Whole {
        accounts,
        instances: listed["Summaries"].as_array().map_or(0, Vec::len),
        retired: heard
            .iter()
            .map(|it| it.detail["tenantId"].as_str().unwrap().to_owned())
            .collect(),
        is_locked: download(&world.deployment, "retirements/lock.json").await.is_some(),
    }
}

/// A world with two due accounts, which have stacks, and two that live.
async fn world() -> World {
    let usual = settings(78);
    let durations = Durations { account_closing: MINUTE, ..usual.durations.clone() };
    let world = World::found(Settings { durations, ..usual }, BTreeMap::new()).await.unwrap();
    let due = seed_tenants(&world.deployment, Fleet { accounts: 4, due: 2 }).await.unwrap();
    enrol(&world.deployment, &due).await.unwrap();
    world
}

/// Runs an execution to its end; answers its ARN, status and error.
async fn ended(world: &World, arn: &str) -> (String, String) {
    let ask =
        || world.deployment.ask("states", "DescribeExecution", json!({ "executionArn": arn }));
    for _ in 0..3 * 24 * 60 {
        let shown = ask().await.unwrap();
        let text = |name: &str| shown[name].as_str().unwrap_or_default().to_owned();
        if text("status") != "RUNNING" {
            return (text("status"), text("error"));
        }
        world.aws().sleep(MINUTE).await;
    }
    panic!("{arn} does not end");
}

async fn sweep(world: &World, name: &str) -> (String, String) {
    let input = json!({
        "stateMachineArn": world.deployment.output("SweepRetirementsStateMachineArn").unwrap(),
        "name": name, "input": r#"{"dryRun":false}"#,
    });
    let made = world.deployment.ask("states", "StartExecution", input).await.unwrap();
    ended(world, made["executionArn"].as_str().unwrap()).await
}

async fn undisturbed_sweep() -> Whole {
    let mut world = world().await;
    assert_eq!(sweep(&world, "first").await.0, "SUCCEEDED");
    let whole = look(&mut world).await;
    assert_eq!(whole.retired, ["left-0".to_owned(), "left-1".to_owned()].into());
    assert_eq!((whole.instances, whole.is_locked), (0, false));
    whole
}

#[tokio::test(start_paused = true)]
async fn each_task_of_a_sweep_may_run_twice_or_die_before_or_after_its_work() {
    let expected = undisturbed_sweep().await;
    for task in SWEEP {
        for (fault, times) in disturbances() {
            let mut world = world().await;
            At::set(&world, task, fault.clone(), times);
            let (status, error) = sweep(&world, "first").await;
            assert_eq!(status, "SUCCEEDED", "{task:?}, {fault:?}: {error}");
            assert_eq!(look(&mut world).await, expected, "{task:?}, {fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn after_each_error_of_a_sweeps_task_the_next_sweep_ends_in_the_same_world() {
    let expected = undisturbed_sweep().await;
    for task in SWEEP {
        for error in errors(task.1) {
            let mut world = world().await;
            At::set(&world, task, FunctionFault::Fails((*error).to_owned()), 1);
            let (status, failed) = sweep(&world, "first").await;
            // One account holds up nobody: its own execution fails, and the report finds it.
            if ["PlaceInSuspended", "CloseAccount"].contains(&task.0) {
                assert_eq!(status, "SUCCEEDED", "{task:?}, {error}");
            } else {
                assert_eq!((status.as_str(), failed.as_str()), ("FAILED", *error), "{task:?}");
            }
            world.aws().sleep(2 * HOUR).await;
            assert_eq!(sweep(&world, "next").await.0, "SUCCEEDED", "{task:?}, {error}");
            let found = look(&mut world).await;
            // Whose closing was not followed to its end is closed all the same, and announced by
            // nobody but the report.
            let retired = found.retired.is_subset(&expected.retired);
            assert!(retired, "{task:?}, {error}: {:?}", found.retired);
            let found = Whole { retired: expected.retired.clone(), ..found };
            assert_eq!(found, expected, "{task:?}, {error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_sweep_goes_on_where_it_failed_when_it_is_redriven() {
    let expected = undisturbed_sweep().await;
    for task in [SWEEP[0], SWEEP[1], SWEEP[4]] {
        let mut world = world().await;
        At::set(&world, task, FunctionFault::Fails("AwsRefused".to_owned()), 1);
        assert_eq!(sweep(&world, "first").await.0, "FAILED");
        let executions = world.aws().executions("landlord-sweep-retirements");
        let arn = executions.iter().find(|it| !it.is_child).unwrap().arn.clone();
        let redrive = json!({ "executionArn": arn });
        world.deployment.ask("states", "RedriveExecution", redrive).await.unwrap();
        assert_eq!(ended(&world, &arn).await.0, "SUCCEEDED", "{task:?}");
        assert_eq!(look(&mut world).await, expected, "{task:?}");
    }
}

const OFFBOARD: &str = "landlord-offboard-tenant";

/// A tenant leaves, or, after it has left, comes back.
async fn request(world: &World, name: &str) -> String {
    let before = world.aws().executions(OFFBOARD).len();
    let hour = if name == "TenantReinstated" { "07" } else { "06" };
    let mut detail =
        json!({ "tenantId": "live-0", "occurredAt": format!("2026-01-05T{hour}:00:00Z") });
    if name == "TenantOffboarded" {
        detail["reason"] = json!("they left");
    }
    world.deployment.put(name, &detail).await.unwrap();
    for _ in 0..100 {
        let executions = world.aws().executions(OFFBOARD);
        if executions.len() > before {
            return executions.iter().max_by_key(|it| it.started).unwrap().arn.clone();
        }
        world.aws().sleep(Duration::from_secs(1)).await;
    }
    panic!("{name} starts nothing");
}

/// A world in which the request was answered, disturbed at a task or not.
async fn answered(
    name: &str,
    at: Option<((&'static str, &'static str), FunctionFault, u32)>,
) -> Whole {
    let mut world = world().await;
    if name == "TenantReinstated" {
        let arn = request(&world, "TenantOffboarded").await;
        assert_eq!(ended(&world, &arn).await.0, "SUCCEEDED");
        world.aws().sleep(10 * MINUTE).await;
    }
    let fails = match &at {
        Some((_, FunctionFault::Fails(error), _)) => Some(error.clone()),
        _ => None,
    };
    let said = format!("{name}, {at:?}");
    if let Some((task, fault, times)) = at {
        At::set(&world, task, fault, times);
    }
    let arn = request(&world, name).await;
    let mut end = ended(&world, &arn).await;
    if let Some(error) = fails {
        assert_eq!(end, ("FAILED".to_owned(), error), "{said}");
        let redrive = json!({ "executionArn": arn });
        world.deployment.ask("states", "RedriveExecution", redrive).await.unwrap();
        end = ended(&world, &arn).await;
    }
    assert_eq!(end.0, "SUCCEEDED", "{said}: {}", end.1);
    look(&mut world).await
}

#[tokio::test(start_paused = true)]
async fn leaving_and_coming_back_stand_repeated_and_broken_tasks() {
    for name in ["TenantOffboarded", "TenantReinstated"] {
        let expected = answered(name, None).await;
        let unit = &expected.accounts["tenant-live-0"].0;
        assert_eq!(unit == "Retiring", name == "TenantOffboarded", "{unit}");
        for task in OFFBOARDING {
            for (fault, times) in disturbances() {
                let found = answered(name, Some((task, fault.clone(), times))).await;
                assert_eq!(found, expected, "{name}, {task:?}, {fault:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_redrive_after_each_error_ends_as_if_nothing_had_failed() {
    for name in ["TenantOffboarded", "TenantReinstated"] {
        let expected = answered(name, None).await;
        for task in OFFBOARDING {
            for error in errors(task.1) {
                let fault = FunctionFault::Fails((*error).to_owned());
                let found = answered(name, Some((task, fault, 1))).await;
                assert_eq!(found, expected, "{name}, {task:?}, {error}");
            }
        }
    }
}

#[test]
fn every_task_of_both_machines_that_calls_a_function_is_disturbed() {
    for (machine, tasks) in
        [("offboard-tenant", &OFFBOARDING[..]), ("sweep-retirements", &SWEEP[..])]
    {
        let machine = crate::workspace::json(format!("statemachines/{machine}.asl.json"));
        let mut called = BTreeSet::new();
        super::states(&machine, &mut called);
        let known: BTreeSet<String> = tasks.iter().map(|(state, _)| (*state).to_owned()).collect();
        assert_eq!(called, known);
    }
}
