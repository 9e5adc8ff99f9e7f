//! Roll-outs in virtual time: the shipped machines and function libraries over a fleet.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::time::Duration;

use serde_json::{Value, json};

use simulation::rollout::fleet::Wanted;
use simulation::rollout::{Change, Scenario, Scene, simulate};

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
    eprintln!("{report:#?}");
    assert_eq!(report.outcome, "SUCCEEDED", "{:?}", report.reason);
    assert_eq!((report.fleet.new, report.fleet.failed), (200, 0));
    assert!(report.throttled.is_empty(), "{:?}", report.throttled);
}
