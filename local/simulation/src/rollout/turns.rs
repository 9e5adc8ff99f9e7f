//! Several stack sets that are rolled out in turns, all day long, while tenants sign up.
//!
//! Every tenant has all of them, so a tenant that signs up at any moment meets a rollout of one.

use std::collections::BTreeMap;
use std::time::Duration;

use local_aws::{Durations, Settings};
use serde::Serialize;
use serde_json::{Value, json};

use super::fleet::{self, Fleet};
use super::report::Times;
use super::run::{LOOK, Scenario, changed, file, tiers};
use super::signups::Arrivals;
use super::{Change, fleet::Wanted};
use crate::deployment::{Deployment, Error};
use crate::world::{self, World};

/// A day of rollouts.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Turns {
    /// The stack sets that every tenant has.
    pub stack_sets: usize,
    /// How long rollouts followed one another, in hours.
    pub hours: u64,
    /// Rollouts that were started.
    pub rollouts: usize,
    /// Those of them that succeeded.
    pub succeeded: usize,
    /// Tenants that signed up.
    pub sent: usize,
    /// Those that are ready.
    pub ready: usize,
    /// How long it took until they were.
    pub to_ready: Times,
    /// The same in a world in which nothing rolled out.
    pub without_a_rollout: Times,
}

/// Runs a day with rollouts, and the same day without.
///
/// # Errors
/// A world that cannot be founded, or a plan that is refused.
pub async fn turns(scenario: &Scenario, stack_sets: usize, hours: u64) -> Result<Turns, Error> {
    let with = day(scenario, stack_sets, hours, true).await?;
    let without = day(scenario, stack_sets, hours, false).await?;
    Ok(Turns { without_a_rollout: without.to_ready, ..with })
}

async fn day(
    scenario: &Scenario,
    stack_sets: usize,
    hours: u64,
    rolls: bool,
) -> Result<Turns, Error> {
    let (mut world, sets) = found(&scenario.fleet, scenario.instance, stack_sets).await?;
    let began = world.aws().now();
    let mut arrivals = Arrivals::of(scenario.signups_per_hour);
    let mut running: Vec<String> = Vec::new();
    let whole = Duration::from_secs(hours * 3600);
    loop {
        let elapsed = Duration::try_from(world.aws().now().duration_since(began));
        let elapsed = elapsed.unwrap_or_default();
        if elapsed >= whole {
            break;
        }
        arrivals.send(&world, elapsed).await?;
        let ended = match running.last() {
            Some(execution) => status(&world.deployment, execution).await? != "RUNNING",
            None => true,
        };
        if rolls && ended {
            let number = running.len();
            let set = &sets[number % sets.len()];
            running.push(start(&world.deployment, set, number, &scenario.plan).await?);
        }
        world.drain().await?;
        world.aws().sleep(LOOK).await;
    }
    let (ready, to_ready) = arrivals.to_ready(&mut world).await?;
    // The last one began within the time, and ends beyond it.
    let end = world.aws().after(whole);
    while let Some(last) = running.last()
        && status(&world.deployment, last).await? == "RUNNING"
        && world.aws().now() < end
    {
        world.drain().await?;
        world.aws().sleep(LOOK).await;
    }
    let mut succeeded = 0;
    for execution in &running {
        succeeded += usize::from(status(&world.deployment, execution).await? == "SUCCEEDED");
    }
    Ok(Turns {
        stack_sets,
        hours,
        rollouts: running.len(),
        succeeded,
        sent: arrivals.sent.len(),
        ready: ready.len(),
        to_ready,
        without_a_rollout: Times::default(),
    })
}

async fn status(deployment: &Deployment, execution: &str) -> Result<String, Error> {
    let input = json!({ "executionArn": execution });
    let shown = deployment.ask("states", "DescribeExecution", input).await?;
    Ok(shown["status"].as_str().unwrap_or_default().to_owned())
}

async fn start(
    deployment: &Deployment,
    set: &str,
    number: usize,
    plan: &Value,
) -> Result<String, Error> {
    let template = changed(&template(set)?, Change::Good);
    let template = format!("{template}# change {number}\n");
    let key = format!("templates/{set}-{number}.yaml");
    let url = fleet::upload(deployment, &key, &template).await?;
    let input = json!({ "version": 1, "stackSet": set, "templateUrl": url, "plan": plan });
    let start = json!({
        "stateMachineArn": deployment.output("RollOutStateMachineArn")?,
        "name": format!("{set}_{number}"), "input": input.to_string(),
    });
    let answer = deployment.ask("states", "StartExecution", start).await?;
    Ok(answer["executionArn"].as_str().unwrap_or_default().to_owned())
}

/// A world in which every tenant has so many stack sets, and a fleet that has all of them.
async fn found(
    wanted: &Wanted,
    instance: Duration,
    stack_sets: usize,
) -> Result<(World, Vec<String>), Error> {
    let settings = world::settings(wanted.seed);
    let durations = Durations { stack_instance: instance, ..settings.durations };
    let mut text: Value = serde_json::from_str(&file("tiers.json")?).unwrap_or_default();
    let names: Vec<String> = (1..stack_sets).map(|number| format!("service-{number:02}")).collect();
    if let Some(tiers) = text["tiers"].as_object_mut() {
        tiers.retain(|name, _| name == "standard");
        for name in &names {
            let set = json!({ "stackSet": name, "regions": ["eu-central-1"] });
            if let Some(baseline) = tiers["standard"]["baseline"].as_array_mut() {
                baseline.insert(0, set);
            }
        }
    }
    let text = text.to_string();
    let parameters = BTreeMap::from([("Tiers".to_owned(), text.clone())]);
    let world = World::found(Settings { durations, ..settings }, parameters).await?;
    for name in &names {
        create(&world.deployment, name).await?;
    }
    let tenants = Wanted { premium: 0.0, ..wanted.clone() }.tenants();
    let tiers = tiers(&text)?;
    let first = Fleet::settle(&world.deployment, &tiers, &tenants, wanted.gates).await?;
    for name in &names {
        let fleet = Fleet { stack_set: name.clone(), ..first.clone() };
        fleet.deploy(&world.deployment).await?;
    }
    let sets = std::iter::once(first.stack_set).chain(names).collect();
    Ok((world, sets))
}

/// The template of a set: the baseline's own, or one of a service.
fn template(set: &str) -> Result<String, Error> {
    if !set.starts_with("service-") {
        return file("stacksets/tenant-baseline.yaml");
    }
    Ok(format!(
        "Resources:\n  Version:\n    Type: AWS::SSM::Parameter\n    Properties:\n      \
         Name: /tenant/{set}\n      Type: String\n      Value: '{{\"version\":\"1\"}}'\n"
    ))
}

/// A stack set like the baseline's, of a service.
async fn create(deployment: &Deployment, name: &str) -> Result<(), Error> {
    let like = json!({ "StackSetName": deployment.output("TenantBaselineStackSetName")? });
    let like = deployment.ask("cloudformation", "DescribeStackSet", like).await?;
    let like = &like["StackSet"];
    let input = json!({
        "StackSetName": name, "TemplateBody": template(name)?,
        "AdministrationRoleARN": like["AdministrationRoleARN"],
        "ExecutionRoleName": like["ExecutionRoleName"], "PermissionModel": "SELF_MANAGED",
        "ManagedExecution": { "Active": true },
    });
    deployment.ask("cloudformation", "CreateStackSet", input).await.map(drop)
}
