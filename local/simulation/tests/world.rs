//! Worlds of a proof come by the thousand: what one of them took, the next one has.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use simulation::virtual_time;
use simulation::world::{World, settings};

#[test]
fn a_world_that_is_let_go_takes_up_no_memory() {
    let found = virtual_time::run(1, || async {
        let world = World::found(settings(1), BTreeMap::new()).await.unwrap();
        world.aws().remains()
    });
    assert!(found.unwrap().are_gone(), "a world in which nothing happened");

    let lived = virtual_time::run(1, || async {
        let world = World::found(settings(1), BTreeMap::new()).await.unwrap();
        let signup = json!({"tenantId": "acme", "tenantName": "Acme", "tier": "standard"});
        world.deployment.sign_up(&signup).await.unwrap();
        // It ends in the middle of an onboarding.
        world.aws().sleep(Duration::from_secs(600)).await;
        world.aws().remains()
    });
    assert!(lived.unwrap().are_gone(), "a world with executions, functions and operations");
}
