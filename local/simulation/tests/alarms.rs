//! The alarms of the template, made to go off and to clear: each by its metric, and those of the
//! queues and of what ends badly by what happens.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use local_aws::{Invocation, Settings};
use serde_json::{Value, json};
use simulation::library::{FunctionFault, FunctionFaults};
use simulation::world::{World, settings};

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

async fn world(seed: u64, parameters: BTreeMap<String, String>) -> World {
    World::found(Settings { alarms: true, ..settings(seed) }, parameters).await.unwrap()
}

async fn alarms(world: &World) -> Vec<Value> {
    let input = json!({ "MaxRecords": 100, "AlarmTypes": ["MetricAlarm", "CompositeAlarm"] });
    let all = world.deployment.ask("cloudwatch", "DescribeAlarms", input).await.unwrap();
    let rows = |kind: &str| all[kind].as_array().cloned().unwrap_or_default();
    [rows("MetricAlarms"), rows("CompositeAlarms")].concat()
}

/// The names of the alarms in `ALARM`, without the stack's.
async fn raised(world: &World) -> Vec<String> {
    let name = |alarm: &Value| alarm["AlarmName"].as_str().unwrap().replacen("landlord-", "", 1);
    let all = alarms(world).await;
    all.iter().filter(|it| it["StateValue"] == "ALARM").map(name).collect()
}

/// How long it takes until these alarms, and no others, are in `ALARM`.
async fn until(world: &World, wanted: &[&str], most: Duration) -> Duration {
    let began = world.aws().now();
    loop {
        let raised = raised(world).await;
        let passed = Duration::try_from(world.aws().now().duration_since(began)).unwrap();
        if raised == wanted {
            return passed;
        }
        assert!(passed < most, "{raised:?}, not {wanted:?}, after {passed:?}");
        world.aws().sleep(MINUTE / 2).await;
    }
}

fn signup(tenant: &str) -> Value {
    json!({ "tenantId": tenant, "tenantName": "Acme", "tier": "standard" })
}

/// A tier whose baseline is one stack set of this name.
fn tiers(set: &str) -> BTreeMap<String, String> {
    let tiers = json!({ "tiers": { "standard": {
        "organizationalUnits": [{ "name": "General", "weight": 1 }],
        "baseline": [{ "stackSet": set, "regions": ["eu-central-1"] }],
    } } });
    BTreeMap::from([("Tiers".to_owned(), tiers.to_string())])
}

#[tokio::test(start_paused = true)]
async fn each_alarm_goes_off_at_its_threshold_and_clears_when_nothing_comes() {
    let world = world(51, BTreeMap::new()).await;
    world.aws().sleep(2 * MINUTE).await;
    assert_eq!(raised(&world).await, Vec::<String>::new());
    let place = (world.aws().settings().management_account.clone(), "eu-central-1".to_owned());
    let all = alarms(&world).await;
    let metric: Vec<&Value> = all.iter().filter(|it| it["MetricName"].is_string()).collect();
    assert!(metric.len() >= 20, "{}", metric.len());
    for alarm in metric.iter().filter(|it| it["Namespace"] != "AWS/SQS") {
        let name = alarm["AlarmName"].as_str().unwrap().replacen("landlord-", "", 1);
        let dimensions: Vec<(&str, &str)> = alarm["Dimensions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| (it["Name"].as_str().unwrap(), it["Value"].as_str().unwrap()))
            .collect();
        let text = |member: &str| alarm[member].as_str().unwrap();
        let periods = alarm["EvaluationPeriods"].as_u64().unwrap();
        let to_alarm = alarm["DatapointsToAlarm"].as_u64().unwrap_or(periods);
        let period = Duration::from_secs(alarm["Period"].as_u64().unwrap());
        for _ in 0..to_alarm {
            let value = alarm["Threshold"].as_f64().unwrap();
            let metric = (text("Namespace"), text("MetricName"));
            world.aws().put_metric((&place.0, &place.1), metric, &dimensions, value);
            if to_alarm > 1 {
                world.aws().sleep(period).await;
            }
        }
        let minutes = u32::try_from(periods).unwrap() * period + 3 * MINUTE;
        until(&world, &[&name], minutes).await;
        until(&world, &[], minutes + period).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_tier_with_a_fault_is_told_within_minutes_by_name_and_clears_when_it_is_mended() {
    let world = world(52, tiers("mispelt")).await;
    world.deployment.sign_up(&signup("acme")).await.unwrap();
    let took = until(&world, &["signups-held-tier"], 15 * MINUTE).await;
    assert!(took <= 10 * MINUTE, "{took:?}");
    let subjects: Vec<String> =
        world.aws().published().into_iter().filter_map(|it| it.subject).collect();
    assert_eq!(
        subjects,
        [
            "Landlord: signups of tier standard wait",
            "ALARM: \"landlord-signups-held-tier\" in eu-central-1"
        ]
    );
    let template = json!({ "Resources": { "Mark": { "Type": "AWS::SSM::Parameter",
        "Properties": { "Name": "/mark", "Type": "String", "Value": "yes" } } } });
    let role = format!(
        "arn:aws:iam::{}:role/AWSCloudFormationStackSetAdministrationRole",
        world.aws().settings().management_account
    );
    let set = json!({ "StackSetName": "mispelt", "TemplateBody": template.to_string(),
        "AdministrationRoleARN": role, "ExecutionRoleName": "AWSCloudFormationStackSetExecutionRole",
        "ManagedExecution": { "Active": true } });
    world.deployment.ask("cloudformation", "CreateStackSet", set).await.unwrap();
    until(&world, &[], 15 * MINUTE).await;
}

#[tokio::test(start_paused = true)]
async fn tiers_that_cannot_be_read_are_told_within_minutes_and_nobody_is_lost() {
    let mut world = world(53, BTreeMap::new()).await;
    let name = json!({ "Name": "/landlord/tiers" });
    let good = world.deployment.ask("ssm", "GetParameter", name).await.unwrap();
    let put = |value: &str| json!({ "Name": "/landlord/tiers", "Value": value, "Type": "String", "Overwrite": true });
    world.deployment.ask("ssm", "PutParameter", put("not JSON")).await.unwrap();
    world.deployment.sign_up(&signup("acme")).await.unwrap();
    let took = until(&world, &["signups-held-tiers"], 15 * MINUTE).await;
    assert!(took <= 10 * MINUTE, "{took:?}");
    let value = good["Parameter"]["Value"].as_str().unwrap();
    world.deployment.ask("ssm", "PutParameter", put(value)).await.unwrap();
    until(&world, &[], 15 * MINUTE).await;
    let ready = world.gather(4 * HOUR, &["TenantReady"], 1).await.unwrap();
    assert_eq!(ready.len(), 1);
}

/// Every invocation of one function fails.
struct Broken(&'static str);

impl FunctionFaults for Broken {
    fn fault(&self, invocation: &Invocation) -> Option<FunctionFault> {
        (invocation.code == self.0).then(|| FunctionFault::Fails("Runtime.Broken".to_owned()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_function_that_fails_a_front_that_stands_and_a_message_that_is_none_are_told() {
    let mut world = world(54, BTreeMap::new()).await;
    world.library.set_faults(Some(Arc::new(Broken("admit-tenant"))));
    world.deployment.sign_up(&signup("acme")).await.unwrap();
    until(&world, &["admit-tenant-errors"], 10 * MINUTE).await;
    world.library.set_faults(None);
    world.gather(4 * HOUR, &["TenantReady"], 1).await.unwrap();
    until(&world, &[], 15 * MINUTE).await;

    let queue = world.deployment.output("SignupsQueueUrl").unwrap().to_owned();
    let message =
        json!({ "QueueUrl": queue, "MessageBody": "no event", "MessageGroupId": "signups" });
    world.deployment.ask("sqs", "SendMessage", message).await.unwrap();
    until(&world, &["signups-dead-letters"], 5 * MINUTE).await;
    let dead = world.deployment.output("SignupsDeadLettersQueueUrl").unwrap().to_owned();
    world.deployment.ask("sqs", "PurgeQueue", json!({ "QueueUrl": dead })).await.unwrap();
    until(&world, &[], 5 * MINUTE).await;

    // Nobody looks at the front: an event source mapping that was switched off and forgotten.
    let mappings =
        world.deployment.ask("lambda", "ListEventSourceMappings", json!({})).await.unwrap();
    let all = mappings["EventSourceMappings"].as_array().unwrap();
    let front = all
        .iter()
        .find(|it| it["EventSourceArn"].as_str().is_some_and(|arn| arn.ends_with("signups.fifo")));
    let id = front.unwrap()["UUID"].clone();
    let switch = |on: bool| json!({ "UUID": id, "Enabled": on });
    world.deployment.ask("lambda", "UpdateEventSourceMapping", switch(false)).await.unwrap();
    world.aws().sleep(MINUTE).await;
    world.deployment.sign_up(&signup("globex")).await.unwrap();
    let took = until(&world, &["front-waits"], 15 * MINUTE).await;
    assert!(took <= 10 * MINUTE, "{took:?}");
    world.deployment.ask("lambda", "UpdateEventSourceMapping", switch(true)).await.unwrap();
    until(&world, &[], 10 * MINUTE).await;
}

#[tokio::test(start_paused = true)]
async fn an_onboarding_that_fails_is_told_by_its_alarm() {
    let mut world = world(55, BTreeMap::new()).await;
    world.aws().take_email_outside("aws+acme@accounts.example.com");
    world.deployment.sign_up(&signup("acme")).await.unwrap();
    world.gather(12 * HOUR, &["TenantOnboardingFailed"], 1).await.unwrap();
    until(&world, &["onboard-tenant-failed"], 5 * MINUTE).await;
    until(&world, &[], 10 * MINUTE).await;
}

#[tokio::test(start_paused = true)]
async fn an_audit_that_does_not_run_is_told_after_a_day_and_clears_with_the_next_one() {
    let world = world(57, BTreeMap::from([("Audits".to_owned(), "true".to_owned())])).await;
    // There was none yet, and the first one clears it.
    until(&world, &["audit-missing"], 10 * MINUTE).await;
    until(&world, &[], 20 * HOUR).await;
    let schedule = json!({ "Name": "landlord-inspect-fleet" });
    world.deployment.ask("scheduler", "DeleteSchedule", schedule).await.unwrap();
    let took = until(&world, &["audit-missing"], 30 * HOUR).await;
    assert!(took > 24 * HOUR, "a night that is an hour late tells nobody: {took:?}");
    let machine = world.deployment.output("InspectFleetStateMachineArn").unwrap();
    let start = json!({ "stateMachineArn": machine, "name": "by-hand", "input": "{}" });
    world.deployment.ask("states", "StartExecution", start).await.unwrap();
    until(&world, &[], 3 * HOUR).await;
}
