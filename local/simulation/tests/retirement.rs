//! Retirement in virtual time: the shipped machines, function libraries, schedule and permissions
//! over small fleets.

#![allow(clippy::disallowed_methods, reason = "the seed may come from the environment")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::time::Duration;

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
    let put = json!({ "Name": "/landlord/stop", "Type": "String", "Value": ON, "Overwrite": true });
    world.deployment.ask("ssm", "PutParameter", put).await.unwrap();
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
    assert_eq!(finished["closedCount"], 1, "{finished}");
    let account = of(&world, "left-0");
    assert_eq!((account.parent_name.as_str(), account.state), ("Suspended", "CLOSED"));
    let input = json!({ "StackSetName": "landlord-tenant-baseline" });
    let listed = world.deployment.ask("cloudformation", "ListStackInstances", input).await.unwrap();
    assert_eq!(listed["Summaries"].as_array().map_or(0, Vec::len), 0, "{listed}");
    let retired = world.gather(DAY, &["TenantRetired"], 1).await.unwrap();
    assert_eq!(retired.len(), 1);
}
