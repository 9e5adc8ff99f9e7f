//! Roll-outs in virtual time: the shipped machines and function libraries over a fleet.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::time::Duration;

use simulation::rollout::Scene;
use simulation::rollout::fleet::Wanted;

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
