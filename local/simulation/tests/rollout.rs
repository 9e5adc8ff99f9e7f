//! Roll-outs in virtual time: the shipped machines and function libraries over a fleet.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::time::Duration;

use serde_json::{Value, json};

use simulation::rollout::fleet::Wanted;
use simulation::rollout::{Change, Scenario, Scene, simulate, turns};

const INSTANCE: Duration = Duration::from_secs(180);

fn wanted(accounts: usize) -> Wanted {
    Wanted { accounts, premium: 0.1, in_alarm: 0.03, gates: true, seed: 1 }
}

#[tokio::test(start_paused = true)]
async fn a_fleet_stands_in_its_home_units_with_its_baseline() {
    let n = 100;
    let scene = Scene::found(&wanted(n), INSTANCE).await.unwrap();
    let by_unit = scene.fleet.by_unit();
    assert_eq!(by_unit.values().sum::<usize>(), n);
    assert!(by_unit["General"] > by_unit["Early"] && by_unit["Early"] > by_unit["Canary"]);
}

fn scenario(accounts: usize, plan: Value) -> Scenario {
    Scenario {
        fleet: Wanted { in_alarm: 0.0, premium: 0.0, ..wanted(accounts) },
        plan,
        change: Change::Good,
        instance: INSTANCE,
        alarms_clear_after: None,
        signups_per_hour: 0,
        most: Duration::from_secs(5 * 86_400),
    }
}

#[tokio::test(start_paused = true)]
async fn a_good_change_reaches_every_account_close_to_the_bound() {
    let report = simulate(&scenario(200, json!("routine"))).await.unwrap();
    assert_eq!(report.outcome, "SUCCEEDED", "{:?}", report.reason);
    assert_eq!((report.fleet.new, report.fleet.failed), (200, 0));
    let above = report.above_bound.unwrap();
    assert!((0.0..0.05).contains(&above), "{above} above {} min", report.lower_bound_minutes);
    assert!(report.largest_history < 2_000, "{}", report.largest_history);
    assert!(report.largest_state < 256 * 1024, "{}", report.largest_state);
}

#[tokio::test(start_paused = true)]
async fn a_change_reaches_fleets_of_one_account_and_of_accounts_in_two_regions() {
    let one = simulate(&scenario(1, json!("urgent"))).await.unwrap();
    assert_eq!((one.outcome.as_str(), one.fleet.new), ("SUCCEEDED", 1), "{:?}", one.reason);
    let mut two = scenario(60, json!("routine"));
    two.fleet.premium = 0.5;
    let two = simulate(&two).await.unwrap();
    assert_eq!((two.outcome.as_str(), two.fleet.new), ("SUCCEEDED", 60), "{:?}", two.reason);
}

#[tokio::test(start_paused = true)]
async fn a_wave_that_proves_its_gates_goes_through_its_accounts_twice() {
    let report = simulate(&scenario(60, json!("gate"))).await.unwrap();
    assert_eq!(
        (report.outcome.as_str(), report.fleet.new),
        ("SUCCEEDED", 60),
        "{:?}",
        report.reason
    );
    let above = report.above_bound.unwrap();
    assert!((0.0..0.05).contains(&above), "{above} above {} min", report.lower_bound_minutes);
}

#[tokio::test(start_paused = true)]
async fn vetoes_hold_up_nobody_and_get_the_change_when_the_alarms_clear() {
    let mut vetoed = scenario(200, json!("routine"));
    vetoed.fleet.in_alarm = 0.03;
    vetoed.alarms_clear_after = Some(Duration::from_secs(4 * 3600));
    let report = simulate(&vetoed).await.unwrap();
    assert_eq!(report.outcome, "SUCCEEDED", "{:?}", report.reason);
    assert_eq!((report.fleet.new, report.fleet.failed), (200, 0));
    assert!(report.fleet.vetoed > 0);
    let above = report.above_bound.unwrap();
    assert!(above < 0.05, "{above} above {} min", report.lower_bound_minutes);
}

/// A bad template under a plan: it must not reach more accounts than the plan allows.
async fn a_bad_template_under(plan: &str) {
    let mut bad = scenario(300, json!(plan));
    bad.fleet.in_alarm = 0.03;
    bad.change = Change::Bad;
    let report = simulate(&bad).await.unwrap();
    assert_eq!(report.status, "FAILED", "{plan}: {:?}", report.reason);
    assert!(["ROLLED_BACK", "LEFT"].contains(&report.outcome.as_str()), "{plan}: {report:?}");
    assert!(
        report.within_failures(),
        "{plan}: {} > {:?}",
        report.fleet.failed,
        report.most_failures
    );
    assert!(report.fleet.failed > 0, "{plan}: the change never failed");
    assert_eq!(report.fleet.old, 300, "{plan}: {:?}", report.fleet);
}

#[tokio::test(start_paused = true)]
async fn a_bad_template_reaches_no_more_accounts_than_the_careful_plan_allows() {
    a_bad_template_under("careful").await;
}

#[tokio::test(start_paused = true)]
async fn a_bad_template_reaches_no_more_accounts_than_the_routine_plan_allows() {
    a_bad_template_under("routine").await;
}

#[tokio::test(start_paused = true)]
async fn a_bad_template_reaches_no_more_accounts_than_the_urgent_plan_allows() {
    a_bad_template_under("urgent").await;
}

#[tokio::test(start_paused = true)]
async fn a_bad_template_reaches_no_more_accounts_than_the_plan_for_new_templates_allows() {
    a_bad_template_under("new-template").await;
}

#[tokio::test(start_paused = true)]
async fn a_bad_template_reaches_no_more_accounts_than_the_plan_for_gates_allows() {
    a_bad_template_under("gate").await;
}

#[tokio::test(start_paused = true)]
async fn tenants_that_sign_up_meanwhile_are_ready_soon_and_have_the_proven_template_in_the_end() {
    for change in [Change::Good, Change::Bad] {
        let mut busy = scenario(60, json!("routine"));
        (busy.change, busy.signups_per_hour) = (change, 12);
        let report = simulate(&busy).await.unwrap();
        let signups = &report.signups;
        assert!(signups.sent > 1, "{signups:?}");
        assert_eq!(signups.ready, signups.sent, "{signups:?}");
        assert_eq!(signups.with_proven_template, signups.sent, "{change:?}: {signups:?}");
        assert_eq!(signups.enrolled_too_soon, 0, "{signups:?}");
        let ratio = signups.to_ready.p95_ratio(&signups.without_a_rollout).unwrap();
        assert!(change == Change::Bad || ratio <= 1.5, "{ratio}: {signups:?}");
    }
}

/// Every tenant has all of the sets, so each that signs up meets the rollout of one.
#[tokio::test(start_paused = true)]
async fn while_stack_sets_roll_out_in_turns_tenants_are_ready_nearly_as_soon() {
    let mut day = scenario(10, json!("routine"));
    day.signups_per_hour = 4;
    let turns = turns(&day, 2, 5).await.unwrap();
    assert!(turns.rollouts > 1 && turns.sent > 15, "{turns:?}");
    assert_eq!((turns.succeeded, turns.ready), (turns.rollouts, turns.sent), "{turns:?}");
    // A tenant that comes as a first wave begins waits for it, five minutes at most, and then for one
    // operation that is at work.
    let (with, without) = (&turns.to_ready, &turns.without_a_rollout);
    assert!(with.p50 <= 1.1 * without.p50, "{turns:?}");
    assert!(with.max <= without.max + 300.0 + 240.0, "{turns:?}");
}

/// A change that fails everywhere, with words that are those of something which passes by itself or
/// which excuses an account. In the first wave ten accounts are at work at once.
#[tokio::test(start_paused = true)]
async fn a_bad_template_that_speaks_of_something_else_reaches_no_more_accounts() {
    for words in [
        "Rate exceeded",
        "The service is temporarily unavailable. Please try again later.",
        "OptInRequired: the account is being verified",
        "Account 123456789012 is suspended",
        "AccountGate check failed",
        "Cancelled since failure tolerance has exceeded",
    ] {
        let wave = json!({
            "name": "all", "accounts": { "rest": true }, "dwellSeconds": 60,
            "preferences": { "maxConcurrentCount": 10, "failureToleranceCount": 3,
                             "concurrencyMode": "SOFT_FAILURE_TOLERANCE" },
        });
        let mut bad = scenario(60, json!({ "waves": [wave], "deadlineSeconds": 86_400 }));
        bad.change = Change::BadInDisguise(words);
        let report = simulate(&bad).await.unwrap();
        assert_eq!(report.outcome, "ROLLED_BACK", "{words}: {:?}", report.reason);
        assert!(report.fleet.failed > 0, "{words}: the change never failed");
        assert!(report.within_failures(), "{words}: {} accounts", report.fleet.failed);
        assert_eq!(report.fleet.old, 60, "{words}: {:?}", report.fleet);
    }
}

async fn sign_up(scene: &Scene, tenant: &str) {
    let detail = json!({ "tenantId": tenant, "tenantName": "New", "tier": "standard" });
    scene.world.deployment.sign_up(&detail).await.unwrap();
}

/// How long it takes from now until so many more tenants are ready, and their accounts.
async fn to_ready(scene: &mut Scene, count: usize) -> (Duration, Vec<String>) {
    let began = scene.world.aws().now();
    let ready = scene.world.gather(8 * HOUR, &["TenantReady"], count).await.unwrap();
    assert_eq!(ready.len(), count);
    let accounts = ready.iter().map(|one| one.detail["accountId"].as_str().unwrap().to_owned());
    let took = scene.world.aws().now().duration_since(began);
    (Duration::try_from(took).unwrap(), accounts.collect())
}

const HOUR: Duration = Duration::from_secs(3_600);

/// The second wave waits for a person who never answers: the set's log never says that the first one
/// has passed. A tenant that signs up with the first operation is ready within the plan's bound and
/// what it takes where nothing rolls out; one that comes later has nothing to wait for.
#[tokio::test(start_paused = true)]
async fn an_approval_that_nobody_gives_holds_up_no_tenant_beyond_the_bound() {
    let mut quiet = Scene::found(&wanted(20), INSTANCE).await.unwrap();
    sign_up(&quiet, "newcomer").await;
    let (without, _) = to_ready(&mut quiet, 1).await;
    for wait in [None, Some(1_800)] {
        let mut scene = Scene::found(&wanted(20), INSTANCE).await.unwrap();
        let wave = |name: &str, accounts: Value, approval: bool| {
            json!({ "name": name, "accounts": accounts, "approval": approval, "dwellSeconds": 60,
                    "preferences": { "maxConcurrentCount": 5, "failureToleranceCount": 5 } })
        };
        let mut plan = json!({
            "waves": [
                wave("first", json!({ "organizationalUnit": "General", "count": 2 }), false),
                wave("rest", json!({ "rest": true }), true),
            ],
            "deadlineSeconds": 86_400,
        });
        if let Some(seconds) = wait {
            plan["newTenantsWaitSeconds"] = json!(seconds);
        }
        scene.start(&plan, Change::Good).await.unwrap();
        scene.world.gather(HOUR, &["RolloutStarted"], 1).await.unwrap();
        sign_up(&scene, "newcomer").await;
        let bound = Duration::from_secs(wait.unwrap_or(300));
        let (first, mut accounts) = to_ready(&mut scene, 1).await;
        assert!(first <= bound + without, "{first:?}, without {without:?}, bound {bound:?}");
        assert!(wait.is_none() || first > bound, "it did not wait: {first:?}");
        sign_up(&scene, "later").await;
        let (later, both) = to_ready(&mut scene, 2).await;
        assert!(later <= without + Duration::from_secs(60), "{later:?}, without {without:?}");
        assert!(scene.runs().await.unwrap(), "the rollout still waits");
        accounts.extend(both);
        for account in &accounts {
            assert_eq!(scene.version(account, "eu-central-1").await.as_deref(), Some("2"));
        }
        // Nobody approves: the rollout stops after a day, and takes the newcomers back.
        assert!(scene.to_its_end(48 * HOUR).await.unwrap());
        for account in &accounts {
            assert_eq!(scene.version(account, "eu-central-1").await.as_deref(), Some("1"));
        }
    }
}
