//! The brakes in virtual time: everybody is offboarded in a second, an event wants to be closed
//! tomorrow, a day has more signups than may be; the shipped machines, functions and permissions.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::time::Duration;

use local_aws::cloudformation::InstanceRule;
use local_aws::{Call, Principal};
use serde_json::json;
use simulation::rollout::fleet::{Fleet, Tenant};
use simulation::rollout::tiers;
use simulation::world::{World, settings};

const HOUR: Duration = Duration::from_secs(3600);

async fn found(parameters: &[(&str, &str)]) -> World {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    World::found(settings(11), parameters.iter().map(pair).collect()).await.unwrap()
}

async fn settle(world: &World, tenants: usize) -> Fleet {
    let text = std::fs::read_to_string("../../tiers.json").unwrap();
    let tenant =
        |number| Tenant { id: format!("t-{number:02}"), tier: "standard", in_alarm: false };
    let tenants: Vec<Tenant> = (0..tenants).map(tenant).collect();
    let fleet = Fleet::settle(&world.deployment, &tiers(&text).unwrap(), &tenants, false).await;
    // The index of tags lags.
    world.aws().sleep(HOUR).await;
    fleet.unwrap()
}

/// How many accounts of the fleet are out of service.
fn gone(world: &World, fleet: &Fleet) -> usize {
    let account = |id: &str| world.aws().account(id).unwrap();
    let gone = |id: &str| account(id).parent_name == "Retiring";
    for member in fleet.members.iter().filter(|it| !gone(&it.account)) {
        let left = account(&member.account);
        assert!(left.tags.keys().all(|key| !key.starts_with("landlord:retire")), "{left:?}");
    }
    fleet.members.iter().filter(|member| gone(&member.account)).count()
}

/// All of 60 tenants leave in one second, of which ten percent may within an hour.
async fn everybody_leaves() -> (World, Fleet) {
    let world = found(&[("OffboardingsPercent", "10"), ("OffboardingsFloor", "2")]).await;
    let fleet = settle(&world, 60).await;
    let at = world.aws().now();
    for member in &fleet.members {
        let detail = json!({ "tenantId": member.tenant, "occurredAt": at, "reason": "forged" });
        world.deployment.put("TenantOffboarded", &detail).await.unwrap();
    }
    (world, fleet)
}

/// What operators were told of it.
fn told(world: &World) -> Vec<String> {
    let about = |text: &Option<String>| text.as_deref().is_some_and(|it| it.contains("may"));
    let told = world.aws().published();
    told.into_iter().filter(|it| about(&it.subject)).map(|it| it.message).collect()
}

/// The command of the notice.
async fn decide(world: &World, what: &str) {
    let value = json!({
        "decision": what, "until": world.aws().now(), "by": "ops", "reason": "everybody at once",
    });
    let input = json!({
        "Name": "/landlord/offboardings", "Type": "String", "Overwrite": true,
        "Value": value.to_string(),
    });
    world.deployment.ask("ssm", "PutParameter", input).await.unwrap();
}

fn ends(world: &World) -> BTreeMap<&'static str, usize> {
    let mut ends = BTreeMap::new();
    for execution in world.aws().executions("landlord-offboard-tenant") {
        *ends.entry(execution.status).or_default() += 1;
    }
    ends
}

#[tokio::test(start_paused = true)]
async fn of_all_tenants_that_are_offboarded_in_a_second_a_share_leaves_and_the_rest_is_dropped() {
    let (mut world, fleet) = everybody_leaves().await;
    world.aws().sleep(26 * HOUR).await;
    let notices = told(&world);
    assert_eq!(gone(&world, &fleet), 6, "ten percent, also a day later: {notices:?}");
    assert_eq!(ends(&world), BTreeMap::from([("RUNNING", 54), ("SUCCEEDED", 6)]));
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].contains("6 tenants left within an hour, and 6 may"), "{}", notices[0]);

    world.forget();
    decide(&world, "DROP").await;
    let dropped = world.gather(3 * HOUR, &["TenantUnchanged"], 54).await.unwrap();
    assert!(dropped.iter().all(|it| it.detail["because"] == "DROPPED"), "{dropped:?}");
    assert_eq!(gone(&world, &fleet), 6);

    // The same event once more is older than what operators decided; a later one is an ordinary one.
    let still = fleet
        .members
        .iter()
        .find(|member| world.aws().account(&member.account).unwrap().parent_name != "Retiring");
    let tenant = &still.unwrap().tenant;
    let occurred = dropped[0].detail["occurredAt"].clone();
    for (at, name) in [(occurred, "TenantUnchanged"), (json!(world.aws().now()), "TenantRetiring")]
    {
        world.forget();
        let detail = json!({ "tenantId": tenant, "occurredAt": at, "reason": "they left" });
        let id = world.deployment.put("TenantOffboarded", &detail).await.unwrap();
        let answer = world.until(HOUR, |it| it.detail["eventId"] == id.as_str()).await.unwrap();
        assert_eq!(answer.unwrap().name, name);
    }
    assert_eq!(told(&world).len(), 1, "it is told once");
}

#[tokio::test(start_paused = true)]
async fn what_is_held_goes_on_when_operators_say_so_and_a_tenant_that_is_back_does_not_leave() {
    let (mut world, fleet) = everybody_leaves().await;
    world.aws().sleep(HOUR).await;
    let held = |member: &&simulation::rollout::fleet::Member| {
        world.aws().account(&member.account).unwrap().parent_name != "Retiring"
    };
    let back = fleet.members.iter().find(held).unwrap().tenant.clone();
    let detail = json!({ "tenantId": back, "occurredAt": world.aws().now() });
    let id = world.deployment.put("TenantReinstated", &detail).await.unwrap();
    let answer = world.until(HOUR, |it| it.detail["eventId"] == id.as_str()).await.unwrap();
    assert_eq!(answer.unwrap().name, "TenantRestored", "coming back is never held");
    decide(&world, "RELEASE").await;
    world.aws().sleep(4 * HOUR).await;
    assert_eq!(gone(&world, &fleet), 59, "all but the one that is back");
    assert_eq!(ends(&world), BTreeMap::from([("SUCCEEDED", 61)]));
}

#[tokio::test(start_paused = true)]
async fn an_event_can_not_undercut_the_cooling_off_time_and_hears_that_it_was_raised() {
    for (parameters, days, raised) in
        [(&[][..], 30, json!(30)), (&[("LeastRetireAfterDays", "7")][..], 7, json!(7))]
    {
        let mut world = found(parameters).await;
        let fleet = settle(&world, 1).await;
        let detail = json!({
            "tenantId": "t-00", "occurredAt": world.aws().now(), "reason": "tomorrow",
            "retireAfterDays": 1,
        });
        world.deployment.put("TenantOffboarded", &detail).await.unwrap();
        let told = world.until(HOUR, |it| it.name == "TenantRetiring").await.unwrap().unwrap();
        assert_eq!(told.detail["raisedToDays"], raised, "{}", told.detail);
        let tag =
            &world.aws().account(&fleet.members[0].account).unwrap().tags["landlord:retire-after"];
        let after = tag.parse::<jiff::Timestamp>().unwrap();
        let least = world.aws().now() + jiff::SignedDuration::from_hours(24 * days - 1);
        assert!(after > least, "{after}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_day_with_more_signups_than_may_be_makes_them_wait_and_loses_none() {
    let mut world = found(&[("SignupsADay", "3")]).await;
    for number in 0..5 {
        let detail = json!({
            "tenantId": format!("new-{number}"), "tenantName": "New", "tier": "standard",
        });
        world.deployment.sign_up(&detail).await.unwrap();
    }
    world.aws().sleep(12 * HOUR).await;
    let made = |world: &World| {
        let is_new = |tags: &BTreeMap<String, String>| {
            tags.get("landlord:tenant").is_some_and(|it| it.starts_with("new-"))
        };
        world.aws().accounts().iter().filter(|account| is_new(&account.tags)).count()
    };
    assert_eq!(made(&world), 3);
    let notices = told(&world);
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].contains("3 accounts were begun within 24 hours, and 3 may"));
    let ready = world.gather(36 * HOUR, &["TenantReady"], 5).await.unwrap();
    assert_eq!((ready.len(), made(&world)), (5, 5), "a day later they go on by themselves");
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_its_tenant_keeps_does_not_keep_the_account_open_where_that_is_allowed() {
    use simulation::retirement::{Fleet, enrol, seed_tenants};
    for (allowed, closed, code) in [("true", 2, "LeftBehind"), ("false", 1, "Failed")] {
        let mut world = found(&[("RetainInoperable", allowed)]).await;
        let due = seed_tenants(&world.deployment, Fleet { accounts: 60, due: 2 }).await.unwrap();
        enrol(&world.deployment, &due).await.unwrap();
        let keeps = world.aws().accounts().into_iter().find(|it| it.name == "tenant-left-0");
        world.aws().set_instance_rules(vec![InstanceRule {
            account: Some(keeps.unwrap().id),
            failure: Some("DELETE_FAILED: DeleteConflict: a role of the tenant uses it".to_owned()),
            ..InstanceRule::default()
        }]);
        let sweep = json!({
            "stateMachineArn": world.deployment.output("SweepRetirementsStateMachineArn").unwrap(),
            "name": "first", "input": r#"{"dryRun":false}"#,
        });
        world.deployment.ask("states", "StartExecution", sweep).await.unwrap();
        let heard = world.until(48 * HOUR, |it| it.name == "RetirementSweepFinished").await;
        let detail = heard.unwrap().unwrap().detail;
        assert_eq!(detail["closedCount"], closed, "{detail}");
        let told = detail["attention"].as_array().unwrap();
        let one = told.iter().find(|it| it["tenantId"] == "left-0").expect("it is told");
        assert!(
            one["code"] == code || (allowed == "false" && one["code"] == "Inoperable"),
            "{one}"
        );
        assert!(one["reason"].as_str().unwrap().contains("DeleteConflict"), "{one}");
    }
}

/// Puts an event on the bus from another account, and answers whether the bus takes it.
async fn takes(world: &World, account: &str, source: &str, name: &str) -> bool {
    let bus = world.deployment.output("EventBusArn").unwrap();
    let entry = json!({
        "EventBusName": bus, "Source": source, "DetailType": name, "Detail": "{}",
    });
    let region = world.aws().settings().home_region.clone();
    let place = (account, region.as_str());
    let mut call =
        Call::by_service("nobody", "events", "PutEvents", place, json!({ "Entries": [entry] }));
    call.caller.principal = Principal::Administrator;
    match world.aws().perform(&call).await {
        Ok(answer) => answer["FailedEntryCount"] == 0,
        Err(refusal) => {
            assert!(refusal.code.contains("AccessDenied"), "{refusal:?}");
            false
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_may_say_that_tenants_sign_up_need_not_be_allowed_to_say_that_they_leave() {
    let (shop, billing, tenant) = ("444455556666", "777788889999", "222233334444");
    let left = ["TenantOffboarded", "TenantReinstated"];
    let world = found(&[
        ("SignupAccountIds", shop),
        ("OffboardingAccountIds", billing),
        ("OffboardingEventSource", "saas.billing"),
    ])
    .await;
    assert!(takes(&world, shop, "saas.signup", "TenantSignedUp").await);
    assert!(!takes(&world, billing, "saas.signup", "TenantSignedUp").await);
    assert!(!takes(&world, billing, "saas.billing", "TenantSignedUp").await);
    for name in left {
        assert!(takes(&world, billing, "saas.billing", name).await, "{name}");
        for (account, source) in [
            (shop, "saas.signup"),
            (shop, "saas.billing"),
            (billing, "saas.signup"),
            (tenant, "saas.billing"),
        ] {
            assert!(!takes(&world, account, source, name).await, "{account} {source} {name}");
        }
    }
    // Unless it is said, they are the same.
    let world = found(&[("SignupAccountIds", shop)]).await;
    for name in ["TenantSignedUp"].into_iter().chain(left) {
        assert!(takes(&world, shop, "saas.signup", name).await, "{name}");
        assert!(!takes(&world, billing, "saas.signup", name).await, "{name}");
    }
}
