//! `landlord uninstall`: not from under tenants, unless their protection stays; and then another deploy.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;

use clap::Parser as _;
use local_aws::organizations::Settled;
use operator::uninstall::Uninstall;
use operator::{Exit, Failure};
use serde_json::{Value, json};
use simulation::adoption::operator;
use simulation::world::{World, settings};

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    uninstall: Uninstall,
}

async fn uninstall(world: &World, arguments: &[&str]) -> Result<String, Failure> {
    let line = Line::parse_from([&["landlord"], arguments].concat());
    let (wire, _) = operator(world.aws());
    line.uninstall.on(&wire).await
}

async fn world(seed: u64) -> World {
    let world = World::found(settings(seed), BTreeMap::new()).await.unwrap();
    // As `make deploy` leaves it.
    let protect = json!({ "StackName": "landlord", "EnableTerminationProtection": "true" });
    world.deployment.ask("cloudformation", "UpdateTerminationProtection", protect).await.unwrap();
    let listens = uninstall(&world, &["--leave-protection"]).await.unwrap_err();
    assert!(listens.said.ends_with("while it has their rules: announcements"), "{listens}");
    // The test's own ear.
    let bus = world.deployment.output("EventBusName").unwrap();
    let rule = |more: Value| {
        let mut input = json!({ "EventBusName": bus });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    let targets = rule(json!({ "Rule": "announcements", "Ids": ["announcements"] }));
    world.deployment.ask("events", "RemoveTargets", targets).await.unwrap();
    let delete = rule(json!({ "Name": "announcements" }));
    world.deployment.ask("events", "DeleteRule", delete).await.unwrap();
    world
}

/// A tenant that lives in General.
async fn tenant(world: &World, id: &str) -> String {
    let parent = world.deployment.output("GeneralOuIdInUse").unwrap().to_owned();
    let account = Settled {
        name: format!("tenant-{id}"),
        email: format!("{id}@example.com"),
        parent,
        role: Some("AWSCloudFormationStackSetExecutionRole".to_owned()),
        tags: vec![("landlord:tenant".to_owned(), id.to_owned())],
    };
    world.aws().settle_accounts(&[account]).unwrap().remove(0)
}

async fn stack_is_there(world: &World) -> bool {
    let input = json!({ "StackName": "landlord" });
    world.deployment.ask("cloudformation", "DescribeStacks", input).await.is_ok()
}

/// The names of the policies that bind a unit.
async fn policies_on(world: &World, unit: &str) -> Vec<String> {
    let input = json!({ "TargetId": unit, "Filter": "SERVICE_CONTROL_POLICY" });
    let list = world.deployment.ask("organizations", "ListPoliciesForTarget", input).await.unwrap();
    let policies = list["Policies"].as_array().unwrap().iter();
    policies.map(|it| it["Name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn it_is_refused_while_tenants_live_and_says_how_many_and_which_first() {
    let world = world(81).await;
    for id in ["acme", "globex", "initech", "umbrella"] {
        tenant(&world, id).await;
    }
    let refused = uninstall(&world, &[]).await.unwrap_err();
    assert_eq!(refused.exit, Exit::Refused);
    assert!(refused.said.starts_with("4 tenants live: acme ("), "{refused}");
    assert!(refused.said.ends_with(" and 1 more"), "{refused}");
    assert!(refused.advice.contains("--leave-protection"), "{refused}");
    assert!(stack_is_there(&world).await);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_says_what_would_go_and_what_would_stay_and_does_nothing() {
    let world = world(82).await;
    let before = world.deployment.units().await.unwrap();
    let said = uninstall(&world, &["--dry-run"]).await.unwrap();
    let (deletes, stays) = said.split_once("would stay:").unwrap();
    assert!(deletes.starts_with("would delete:\n  the stack landlord in us-east-1\n"), "{said}");
    for gone in ["(ProtectLandlordPolicy)", "(GeneralOu)", "(TenantBaselineStackSet)"] {
        assert!(deletes.contains(gone), "{said}");
    }
    assert!(stays.contains("(RunsBucket)"), "{said}");
    assert!(stack_is_there(&world).await);
    assert_eq!(world.deployment.units().await.unwrap(), before);
}

#[tokio::test(start_paused = true)]
async fn with_their_protection_left_tenants_live_on_as_they_were() {
    let world = world(83).await;
    tenant(&world, "acme").await;
    let general = world.deployment.output("GeneralOuIdInUse").unwrap().to_owned();
    let retiring = world.deployment.output("RetiringOuIdInUse").unwrap().to_owned();
    let before = (policies_on(&world, &general).await, policies_on(&world, &retiring).await);
    assert!(before.0.contains(&"landlord-protect".to_owned()), "{before:?}");
    let said = uninstall(&world, &["--leave-protection"]).await.unwrap();
    assert!(
        said.contains("1 tenants live on") && said.contains("(ProtectLandlordPolicy)"),
        "{said}"
    );
    assert!(!stack_is_there(&world).await);
    let after = (policies_on(&world, &general).await, policies_on(&world, &retiring).await);
    assert_eq!(after, before);
    let role = json!({ "RoleName": "AWSCloudFormationStackSetAdministrationRole" });
    world.deployment.ask("iam", "GetRole", role).await.expect("StackSets still works");
    let set = json!({ "StackSetName": "landlord-tenant-baseline" });
    let set = world.deployment.ask("cloudformation", "DescribeStackSet", set).await.unwrap();
    assert_eq!(set["StackSet"]["Status"], "ACTIVE");
}

#[tokio::test(start_paused = true)]
async fn where_nobody_lives_it_leaves_the_reports_alone_and_a_new_deploy_begins_anew() {
    let world = world(84).await;
    let said: Value = serde_json::from_str(&uninstall(&world, &["--json"]).await.unwrap()).unwrap();
    assert_eq!(said["tenants"], json!([]));
    let stays = said["stays"].as_array().unwrap();
    assert_eq!(stays.len(), 1, "{said}");
    assert!(stays[0].as_str().unwrap().ends_with("(RunsBucket)"), "{said}");
    assert!(!stack_is_there(&world).await);
    assert!(world.deployment.units().await.unwrap().is_empty());
    let gone = uninstall(&world, &[]).await.unwrap_err();
    assert!(gone.said.contains("no stack of this name"), "{gone}");
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    simulation::deployment::deploy(world.aws(), &root, BTreeMap::new()).await.unwrap();
    assert!(stack_is_there(&world).await);
}
