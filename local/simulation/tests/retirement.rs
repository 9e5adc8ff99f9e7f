//! Retirement in virtual time: the shipped machines, function libraries, schedule and permissions
//! over small fleets.

#![allow(clippy::disallowed_methods, reason = "the seed may come from the environment")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use local_aws::{AwsError, Call, Fault, Faults};
use serde_json::json;
use simulation::retirement::proof::{Proof, prove};
use simulation::retirement::{Error, Fleet, Limits, Question, Report, seed_tenants, simulate};
use simulation::virtual_time;
use simulation::world::{World, settings};

const DAY: Duration = Duration::from_secs(86_400);

fn question(accounts: usize, due: usize) -> Question {
    Question {
        fleet: Fleet { accounts, due },
        days: 3,
        seed: 1,
        limits: Limits { at_most: 50, reserve: 10 },
        breaker_percent: 10,
        dry_run: false,
    }
}

async fn simulated(question: Question) -> Result<Report, Error> {
    simulate(question, &mut |_| {}).await
}

#[test]
fn a_sweep_closes_what_is_due_and_nothing_else() {
    let report = virtual_time::run(1, || simulated(question(60, 7))).unwrap().unwrap();
    assert_eq!(report.faults(), Vec::<String>::new());
    assert_eq!(report.days[0].closings, 7);
    assert_eq!((report.empty_on, report.forecast_empty_on), (Some(1), Some(1)));
    assert_eq!((report.most_in_progress, report.failed_executions), (3, 0));
    assert_eq!((report.first_plan.account_pages, report.first_plan.tag_pages), (2, 1));
    assert_eq!(report.executions, 8, "the sweep, and a child for each account");
}

#[test]
fn a_dry_run_closes_nobody_and_says_who_would_be() {
    let asked = Question { dry_run: true, days: 1, ..question(60, 7) };
    let report = virtual_time::run(1, move || simulated(asked)).unwrap().unwrap();
    assert_eq!(report.faults(), Vec::<String>::new());
    assert_eq!((report.days[0].closings, report.days[0].backlog), (0, 7));
    let [closed, would] =
        ["closedCount", "wouldCloseCount"].map(|key| report.first_sweep[key].as_u64());
    assert_eq!((closed, would), (Some(0), Some(7)));
    assert_eq!(report.calls.get("organizations:CloseAccount"), None);
}

#[test]
fn behind_the_shipped_breaker_nobody_is_closed_until_it_is_raised() {
    let open = Question { days: 4, ..question(60, 30) };
    let report = virtual_time::run(1, move || simulated(open)).unwrap().unwrap();
    assert_eq!(report.faults(), Vec::<String>::new());
    assert!(report.breaker_is_open && report.empty_on.is_none());
    assert_eq!(report.first_sweep["outcome"], "BREAKER_OPEN");
    assert_eq!(report.calls.get("organizations:CloseAccount"), None);
    let raised = Question { breaker_percent: 50, ..open };
    let report = virtual_time::run(1, move || simulated(raised)).unwrap().unwrap();
    assert_eq!(report.faults(), Vec::<String>::new());
    assert_eq!((report.breaker_is_open, report.empty_on), (false, Some(1)));
}

async fn world() -> World {
    let days = BTreeMap::from([("LeastRetireAfterDays".to_owned(), "1".to_owned())]);
    World::found(settings(3), days).await.unwrap()
}

async fn start(world: &World, name: &str) {
    let input = json!({
        "stateMachineArn": world.deployment.output("SweepRetirementsStateMachineArn").unwrap(),
        "name": name, "input": r#"{"dryRun":false}"#,
    });
    world.deployment.ask("states", "StartExecution", input).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn so_many_due_accounts_at_once_are_a_mistake_and_nobody_is_closed() {
    let mut world = world().await;
    seed_tenants(&world.deployment, Fleet { accounts: 60, due: 30 }).await.unwrap();
    start(&world, "mistake").await;
    let finished =
        world.until(DAY, |heard| heard.name == "RetirementSweepFinished").await.unwrap().unwrap();
    assert_eq!(finished.detail["outcome"], "BREAKER_OPEN");
    assert_eq!(finished.detail["counts"]["DEFER"], 30);
    assert!(world.aws().accounts().iter().all(|account| account.state == "ACTIVE"));
    world.aws().sleep(Duration::from_secs(60)).await;
    let told = world.aws().published();
    assert!(
        told.iter().any(|it| it.message.contains("BreakerOpen") && it.message.contains("Next:")),
        "{told:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn of_two_sweeps_at_once_one_does_nothing() {
    let mut world = world().await;
    seed_tenants(&world.deployment, Fleet { accounts: 60, due: 3 }).await.unwrap();
    start(&world, "first").await;
    world.aws().sleep(Duration::from_secs(30)).await;
    start(&world, "second").await;
    let finished = world.gather(DAY / 6, &["RetirementSweepFinished"], 2).await.unwrap();
    assert_eq!(finished.len(), 1, "{finished:?}");
    assert_eq!(finished[0].detail["sweep"], "first");
    assert_eq!(finished[0].detail["closedCount"], 3);
    let retired = world.gather(DAY, &["TenantRetired"], 3).await.unwrap();
    assert_eq!(retired.len(), 3);
}

#[test]
fn nobody_is_closed_who_must_not_be() {
    let fleets = 40;
    let seed = std::env::var("LANDLORD_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    eprintln!("LANDLORD_SEED={seed}");
    let summary = prove(Proof { seed, fleets, threads: 2 }, &|_| {}).unwrap();
    eprintln!("{summary:#?}");
    assert_eq!(summary.violations, []);
    assert_eq!(summary.fleets, fleets);
    assert!(summary.closed > 0 && !summary.changes.is_empty() && !summary.faults.is_empty());
    assert!(summary.reopened > 0 && summary.changes["the switch thrown"] > 0);
}

/// Its tag goes between the look and the mark, which AWS then denies: that account is refused, and
/// the sweep goes on with the others.
#[test]
fn an_account_that_loses_its_tag_before_it_is_marked_does_not_fail_the_sweep() {
    let summary = prove(Proof { seed: 1736, fleets: 13, threads: 1 }, &|_| {}).unwrap();
    assert_eq!(summary.failed_sweeps, []);
    assert_eq!(summary.violations, []);
}

async fn ended(world: &mut World, name: &str) -> serde_json::Value {
    start(world, name).await;
    let of_this = |heard: &simulation::deployment::Announcement| {
        heard.name == "RetirementSweepFinished" && heard.detail["sweep"] == name
    };
    let heard = world.until(DAY, of_this).await.unwrap();
    let how = || format!("{name}: {:?}", world.aws().executions("landlord-sweep-retirements"));
    let detail = heard.unwrap_or_else(|| panic!("{}", how())).detail;
    // Its lock is free a moment after its event.
    world.aws().sleep(Duration::from_secs(60)).await;
    detail
}

fn of(world: &World, tenant: &str) -> local_aws::organizations::AccountView {
    let name = format!("tenant-{tenant}");
    world.aws().accounts().into_iter().find(|account| account.name == name).unwrap()
}

const ON: &str =
    r#"{"stopped":true,"reason":"wrong tenants","by":"on call","since":"2026-01-05T00:00:00Z"}"#;

#[tokio::test(start_paused = true)]
async fn one_switch_stops_emptying_and_closing_and_says_so_until_it_is_taken_away() {
    let mut world = world().await;
    let due = seed_tenants(&world.deployment, Fleet { accounts: 60, due: 2 }).await.unwrap();
    simulation::retirement::enrol(&world.deployment, &due).await.unwrap();
    throw(&world).await;
    let stopped = ended(&mut world, "stopped").await;
    assert_eq!(stopped["outcome"], "STOPPED");
    assert_eq!(stopped["stopped"]["by"], "on call");
    assert_eq!((&stopped["closedCount"], &stopped["deferredCount"]), (&json!(0), &json!(2)));
    assert!(!of(&world, "left-0").tags.contains_key("landlord:withdrawn-at"));
    world.aws().sleep(Duration::from_secs(60)).await;
    let told = world.aws().published();
    assert!(told.iter().any(|it| it.message.contains("on call")), "{told:?}");
    let before = told.len();
    ended(&mut world, "stopped-still").await;
    world.aws().sleep(Duration::from_secs(60)).await;
    assert_eq!(world.aws().published().len(), before, "it is told once");
    let gone = json!({ "Name": "/landlord/stop" });
    world.deployment.ask("ssm", "DeleteParameter", gone).await.unwrap();
    assert_eq!(ended(&mut world, "running").await["closedCount"], 2);
}

async fn throw(world: &World) {
    let put = json!({ "Name": "/landlord/stop", "Type": "String", "Value": ON, "Overwrite": true });
    world.deployment.ask("ssm", "PutParameter", put).await.unwrap();
}

async fn instances(world: &World, stack_set: &str) -> usize {
    let input = json!({ "StackSetName": stack_set });
    let listed = world.deployment.ask("cloudformation", "ListStackInstances", input).await.unwrap();
    listed["Summaries"].as_array().map_or(0, Vec::len)
}

const BASELINE: &str = "landlord-tenant-baseline";

/// Thrown when the first account is marked, and when the first one is closed: the sweep's own event,
/// report and notice say so, what was done before is told apart, and nothing follows.
#[tokio::test(start_paused = true)]
async fn a_switch_that_is_thrown_in_mid_sweep_is_said_by_its_event_and_nothing_follows() {
    for is_closing in [false, true] {
        let mut world = world().await;
        let due = seed_tenants(&world.deployment, Fleet { accounts: 100, due: 7 }).await.unwrap();
        simulation::retirement::enrol(&world.deployment, &due).await.unwrap();
        start(&world, "mid").await;
        if is_closing {
            let retired = world.until(DAY, |heard| heard.name == "TenantRetired").await.unwrap();
            assert!(retired.is_some());
        } else {
            let marked = |world: &World| {
                let all = world.aws().accounts();
                all.iter().any(|account| account.tags.contains_key("landlord:withdrawn-at"))
            };
            while !marked(&world) {
                world.aws().sleep(Duration::from_secs(1)).await;
            }
        }
        throw(&world).await;
        let gone = |world: &World| {
            let all = world.aws().accounts();
            all.into_iter().filter(|account| account.state != "ACTIVE").count()
        };
        let closed_by_then = gone(&world);
        let finished =
            |heard: &simulation::deployment::Announcement| heard.name == "RetirementSweepFinished";
        let detail = world.until(DAY, finished).await.unwrap().unwrap().detail;
        assert_eq!(detail["outcome"], "PLANNED", "the plan was made before");
        assert_eq!(detail["stopped"]["by"], "on call", "{detail}");
        assert_eq!(gone(&world), closed_by_then, "nothing is closed after it");
        assert_eq!(detail["closedCount"], closed_by_then);
        assert_eq!(detail["stoppedCount"], 7 - closed_by_then);
        assert!(detail["attentionText"].as_str().unwrap().contains("wrong tenants"), "{detail}");
        let left = instances(&world, BASELINE).await;
        assert_eq!(left, if is_closing { 0 } else { 7 }, "nothing is withdrawn after it");
        assert_eq!(closed_by_then > 0, is_closing);
    }
}

/// Stack sets of other owners, by what Landlord may not do with each.
const THEIRS: [(&str, &str); 3] = [
    ("theirs-by-role", "DeleteStackInstances"),
    ("theirs-unlisted", "ListStackInstances"),
    ("theirs-unfollowed", "DescribeStackSetOperation"),
];

struct NotOurs;

impl Faults for NotOurs {
    fn fault(&self, call: &Call) -> Option<Fault> {
        let set = call.input["StackSetName"].as_str()?;
        let (_, denied) = THEIRS.into_iter().find(|(name, _)| *name == set)?;
        let is_denied = call.caller.arn.ends_with("withdraw-stacks") && call.operation == denied;
        let words = "User is not authorized to perform this on the resource";
        is_denied.then(|| Fault::Refuse(AwsError::new("AccessDenied", words).status(403)))
    }
}

const NOTHING: &str = r#"{"Resources":{"Setting":{"Type":"AWS::SSM::Parameter",
    "Properties":{"Name":"/theirs","Type":"String","Value":"x"}}}}"#;

/// Each of three accounts has an instance in one of them, and a fourth has none: one is stuck, each
/// stack set is named, and all others are closed. A dry run is no worse off.
#[tokio::test(start_paused = true)]
async fn stack_sets_of_other_owners_are_named_and_stop_nobody_else() {
    let mut world = world().await;
    let due = seed_tenants(&world.deployment, Fleet { accounts: 60, due: 4 }).await.unwrap();
    simulation::retirement::enrol(&world.deployment, &due).await.unwrap();
    let describe = json!({ "StackSetName": BASELINE });
    let ours = world.deployment.ask("cloudformation", "DescribeStackSet", describe).await.unwrap();
    for ((name, _), account) in THEIRS.into_iter().zip(&due) {
        let template = NOTHING.replace("/theirs", &format!("/{name}"));
        let set = json!({
            "StackSetName": name, "TemplateBody": template,
            "AdministrationRoleARN": ours["StackSet"]["AdministrationRoleARN"],
            "ExecutionRoleName": ours["StackSet"]["ExecutionRoleName"],
        });
        world.deployment.ask("cloudformation", "CreateStackSet", set).await.unwrap();
        let input = json!({
            "StackSetName": name, "Accounts": [account], "Regions": ["eu-central-1"],
        });
        world.deployment.ask("cloudformation", "CreateStackInstances", input).await.unwrap();
    }
    world.aws().sleep(DAY / 24).await;
    for (name, _) in THEIRS {
        assert_eq!(instances(&world, name).await, 1, "{name}");
    }
    world.aws().set_faults(Arc::new(NotOurs));
    let dry = json!({
        "stateMachineArn": world.deployment.output("SweepRetirementsStateMachineArn").unwrap(),
        "name": "dry", "input": "{}",
    });
    world.deployment.ask("states", "StartExecution", dry).await.unwrap();
    let dry = world.until(DAY, |heard| heard.name == "RetirementSweepFinished").await.unwrap();
    assert_eq!(dry.unwrap().detail["wouldCloseCount"], 4);
    world.aws().sleep(Duration::from_secs(60)).await;

    let detail = ended(&mut world, "real").await;
    assert_eq!(
        (&detail["closedCount"], &detail["stuckCount"]),
        (&json!(3), &json!(1)),
        "{detail:#}"
    );
    assert_eq!(detail["stuck"][0]["code"], "NotAllowed");
    assert!(detail["stuck"][0]["reason"].as_str().unwrap().contains("theirs-by-role"));
    assert_eq!(detail["unreadStackSets"][0]["stackSet"], "theirs-unlisted");
    let told = detail["attentionText"].as_str().unwrap();
    assert!(told.contains("theirs-by-role") && told.contains("theirs-unlisted"), "{told}");
    assert_eq!((of(&world, "left-0").state, of(&world, "left-3").state), ("ACTIVE", "CLOSED"));
    assert_eq!(instances(&world, "theirs-unfollowed").await, 0);
    assert_eq!(instances(&world, BASELINE).await, 0);
}

#[tokio::test(start_paused = true)]
async fn an_account_that_aws_support_reopened_is_named_and_closed_only_when_it_leaves_once_more() {
    let mut world = world().await;
    seed_tenants(&world.deployment, Fleet { accounts: 60, due: 1 }).await.unwrap();
    assert_eq!(ended(&mut world, "first").await["closedCount"], 1);
    world.aws().sleep(DAY).await;
    assert!(world.aws().reopen_account(&of(&world, "left-0").id));
    let next = ended(&mut world, "second").await;
    assert_eq!((&next["closedCount"], &next["refusedCount"]), (&json!(0), &json!(1)));
    assert_eq!(next["attention"][0]["code"], "Reopened");
    assert_eq!(of(&world, "left-0").state, "ACTIVE");
    let again = ended(&mut world, "third").await;
    assert_eq!(again["attentionCount"], 0, "it is told once");
    let at = world.aws().now();
    let detail = json!({ "tenantId": "left-0", "occurredAt": at, "reason": "for good", "retireAfterDays": 1 });
    world.deployment.put("TenantOffboarded", &detail).await.unwrap();
    world.aws().sleep(2 * DAY).await;
    assert_eq!(ended(&mut world, "fourth").await["closedCount"], 1);
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_closed_by_hand_while_it_cools_off_is_finished_by_the_next_sweep() {
    let mut world = world().await;
    let due = seed_tenants(&world.deployment, Fleet { accounts: 60, due: 1 }).await.unwrap();
    simulation::retirement::enrol(&world.deployment, &due).await.unwrap();
    assert!(world.aws().close_account_by_hand(&of(&world, "left-0").id));
    let finished = ended(&mut world, "first").await;
    assert_eq!(finished["closedByHandCount"], 1, "{finished}");
    assert_eq!(finished["closedCount"], 0, "the sweep did not close it");
    let account = of(&world, "left-0");
    assert_eq!((account.parent_name.as_str(), account.state), ("Suspended", "CLOSED"));
    let input = json!({ "StackSetName": "landlord-tenant-baseline" });
    let listed = world.deployment.ask("cloudformation", "ListStackInstances", input).await.unwrap();
    assert_eq!(listed["Summaries"].as_array().map_or(0, Vec::len), 0, "{listed}");
    let retired = world.gather(DAY, &["TenantRetired"], 1).await.unwrap();
    assert_eq!(retired.len(), 1);
}
