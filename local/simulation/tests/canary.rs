//! `landlord canary`: through a deployed Landlord and back, and lost on the way.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;

use clap::Parser as _;
use operator::Failure;
use operator::canary::Canary;
use serde_json::{Value, json};
use simulation::adoption::operator;
use simulation::world::{World, settings};

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    canary: Canary,
}

async fn canary(world: &World, arguments: &[&str]) -> Result<String, Failure> {
    let line = Line::parse_from([&["landlord"], arguments].concat());
    let (wire, clock) = operator(world.aws());
    line.canary.on(&wire, &clock).await
}

/// The rules of the bus, and the names of all queues.
async fn rules_and_queues(world: &World) -> (Vec<Value>, Vec<String>) {
    let bus = world.deployment.output("EventBusName").unwrap();
    let rules = world.deployment.ask("events", "ListRules", json!({ "EventBusName": bus })).await;
    let queues = world.deployment.ask("sqs", "ListQueues", json!({})).await.unwrap();
    let urls = queues["QueueUrls"].as_array().unwrap().iter();
    let urls = urls.filter_map(Value::as_str).map(str::to_owned).collect();
    (rules.unwrap()["Rules"].as_array().unwrap().clone(), urls)
}

#[tokio::test(start_paused = true)]
async fn it_comes_back_rejected_and_leaves_nothing_behind() {
    let mut world = World::found(settings(71), BTreeMap::new()).await.unwrap();
    let before = rules_and_queues(&world).await;
    let said = canary(&world, &["--json"]).await.unwrap();
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["answer"], "TenantRejected");
    let reasons = said["reasons"].to_string();
    assert!(reasons.contains("must be one of the tiers: "), "the tiers were read: {reasons}");
    assert!(said["seconds"].as_u64().unwrap() < 60, "{said}");
    assert_eq!(rules_and_queues(&world).await, before);
    assert_eq!(world.aws().accounts().len(), 1, "no account was made");
    let words = canary(&world, &[]).await.unwrap();
    assert!(words.starts_with("the canary came back after "), "{words}");
    // Who listens for answers hears it, too.
    let heard = world.hear().await.unwrap();
    assert!(heard.iter().any(|it| it.name == "TenantRejected"), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn one_that_is_lost_says_where_messages_lie_and_leaves_nothing_behind() {
    let world = World::found(settings(72), BTreeMap::new()).await.unwrap();
    let before = rules_and_queues(&world).await;
    let signups = |rule: &&Value| rule["EventPattern"].as_str().unwrap().contains("TenantSignedUp");
    let rule = before.0.iter().find(signups).unwrap()["Name"].clone();
    let bus = world.deployment.output("EventBusName").unwrap();
    let disable = json!({ "Name": rule, "EventBusName": bus });
    world.deployment.ask("events", "DisableRule", disable.clone()).await.unwrap();
    let lost = canary(&world, &["--within", "90"]).await.unwrap_err();
    assert!(lost.said.contains("no answer within 90 s; signups that wait: 0"), "{lost}");
    assert!(lost.advice.contains("runbook"), "{lost}");
    world.deployment.ask("events", "EnableRule", disable).await.unwrap();
    assert_eq!(rules_and_queues(&world).await, before);
}

#[tokio::test(start_paused = true)]
async fn without_a_stack_it_says_so() {
    let world = World::found(settings(73), BTreeMap::new()).await.unwrap();
    let missing = canary(&world, &["--stack", "another"]).await.unwrap_err();
    assert!(missing.said.contains("no stack of this name"), "{missing}");
}
