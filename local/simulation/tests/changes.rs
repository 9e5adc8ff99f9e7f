//! Tenants that are live change: their tier, their name, their own parameters. Never through
//! quarantine, and nothing that they had is taken away.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use simulation::world::{World, settings};

const HOUR: Duration = Duration::from_secs(3600);
const BASELINE: &str = "landlord-tenant-baseline";
const ANSWERS: [&str; 4] =
    ["TenantUpdated", "TenantUnchanged", "TenantChangeRejected", "TenantChangeFailed"];
/// Two tiers, one of which lets its tenants set a parameter.
const TIERS: &str = r#"{"tiers": {
  "standard": {"organizationalUnits": [{"name": "General", "weight": 1}],
    "baseline": [{"stackSet": "landlord-tenant-baseline", "regions": ["eu-central-1"],
                  "tenantParameters": ["LogRetentionDays"]}],
    "quotas": [{"serviceCode": "lambda", "quotaCode": "L-B99A9384", "region": "eu-central-1",
                "desired": 2000, "required": 1000}]},
  "premium": {"organizationalUnits": [{"name": "General", "weight": 1}],
    "baseline": [{"stackSet": "landlord-tenant-baseline", "regions": ["eu-central-1", "eu-west-1"],
                  "parameterOverrides": {"LogRetentionDays": "365"}}],
    "quotas": [{"serviceCode": "lambda", "quotaCode": "L-B99A9384", "region": "eu-central-1",
                "desired": 5000, "required": 5000}]},
  "early": {"organizationalUnits": [{"name": "Early", "weight": 1}],
    "baseline": [{"stackSet": "landlord-tenant-baseline", "regions": ["eu-central-1"]}]},
  "broken": {"organizationalUnits": [{"name": "General", "weight": 1}],
    "baseline": [{"stackSet": "nobody-made-it", "regions": ["eu-central-1"]}]}}}"#;

async fn world(seed: u64) -> World {
    let parameters = BTreeMap::from([("Tiers".to_owned(), TIERS.to_owned())]);
    World::found(settings(seed), parameters).await.unwrap()
}

async fn sign_up(world: &World, tier: &str) -> String {
    let detail = json!({ "tenantId": "acme", "tenantName": "Acme", "tier": tier });
    world.deployment.sign_up(&detail).await.unwrap()
}

/// Signs acme up for the tier and answers its account.
async fn onboard(world: &mut World, tier: &str) -> String {
    sign_up(world, tier).await;
    let ends = ["TenantReady", "TenantOnboardingFailed"];
    let ended = world.gather(12 * HOUR, &ends, 1).await.unwrap();
    assert_eq!(ended[0].name, "TenantReady", "{:?}", ended[0]);
    ended[0].detail["accountId"].as_str().unwrap().to_owned()
}

/// Sends a change of acme that occurred so many seconds ago; its event id.
async fn change(world: &World, ago: u64, detail: Value) -> String {
    let occurred = world.aws().now() - Duration::from_secs(ago);
    let mut whole = json!({ "tenantId": "acme", "occurredAt": occurred.to_string() });
    whole.as_object_mut().unwrap().extend(detail.as_object().unwrap().clone());
    world.deployment.put("TenantChanged", &whole).await.unwrap()
}

/// The answer to an event: its name, and what it says.
async fn answer(world: &mut World, event: &str) -> (String, Value) {
    let answers = |heard: &simulation::deployment::Announcement| {
        ANSWERS.contains(&heard.name.as_str()) && heard.detail["eventId"] == event
    };
    let end = world.until(72 * HOUR, answers).await.unwrap().expect("an answer");
    let schema = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(format!("../../docs/events/{}.json", end.name));
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
    for (member, _) in end.detail.as_object().unwrap() {
        assert!(!schema["properties"][member].is_null(), "{} says {member}", end.name);
    }
    for member in schema["required"].as_array().unwrap() {
        assert!(!end.detail[member.as_str().unwrap()].is_null(), "{} lacks {member}", end.name);
    }
    (end.name, end.detail)
}

async fn updated(world: &mut World, ago: u64, detail: Value) -> Value {
    let event = change(world, ago, detail).await;
    let (name, detail) = answer(world, &event).await;
    assert_eq!(name, "TenantUpdated", "{detail}");
    detail
}

fn steps(detail: &Value) -> Vec<String> {
    let steps = detail["steps"].as_array().unwrap().iter();
    let word = |step: &Value, key: &str| step[key].as_str().unwrap().to_owned();
    steps.map(|step| format!("{} {}", word(step, "kind"), word(step, "subject"))).collect()
}

/// The overrides of the account's instance in a Region; nothing when there is none.
async fn overrides(world: &World, account: &str, region: &str) -> Option<Value> {
    let input = json!({ "StackSetName": BASELINE, "StackInstanceAccount": account,
                        "StackInstanceRegion": region });
    let shown =
        world.deployment.ask("cloudformation", "DescribeStackInstance", input).await.ok()?;
    assert_eq!(shown["StackInstance"]["Status"], "CURRENT", "{shown}");
    Some(shown["StackInstance"]["ParameterOverrides"].clone())
}

fn days(value: &str) -> Value {
    json!([{ "ParameterKey": "LogRetentionDays", "ParameterValue": value }])
}

async fn label(world: &World, account: &str, region: &str) -> Value {
    let input = json!({ "Name": "/landlord/tenant" });
    let place = (account, region);
    let call =
        local_aws::Call::by_service("console.amazonaws.com", "ssm", "GetParameter", place, input);
    let shown = world.aws().perform(&call).await.unwrap();
    serde_json::from_str(shown["Parameter"]["Value"].as_str().unwrap()).unwrap()
}

fn account(world: &World, id: &str) -> (String, BTreeMap<String, String>) {
    let found = world.aws().accounts().into_iter().find(|one| one.id == id).unwrap();
    (found.parent_name, found.tags.into_iter().collect())
}

#[tokio::test(start_paused = true)]
async fn a_tenant_goes_to_premium_and_back_and_loses_nothing() {
    let mut world = world(71).await;
    let id = onboard(&mut world, "standard").await;
    let detail = updated(&mut world, 0, json!({ "tier": "premium", "metadata": { "o": 7 } })).await;
    assert_eq!(
        steps(&detail),
        [
            "TAG landlord:baseline",
            "TAG landlord:tier",
            "LABEL /landlord/tenant",
            "OVERRIDE landlord-tenant-baseline in eu-central-1",
            "ENROL landlord-tenant-baseline in eu-west-1",
            "QUOTA lambda L-B99A9384 in eu-central-1",
        ]
    );
    assert_eq!((&detail["tier"], &detail["kept"]), (&json!("premium"), &json!([])));
    assert_eq!(detail["metadata"], json!({ "o": 7 }));
    assert_eq!(detail["quotas"][0]["status"], "GRANTED", "{detail}");
    for region in ["eu-central-1", "eu-west-1"] {
        assert_eq!(overrides(&world, &id, region).await, Some(days("365")), "{region}");
        assert_eq!(label(&world, &id, region).await["tier"], "premium");
    }
    assert_eq!(account(&world, &id).0, "General", "where it stood");

    let detail = updated(&mut world, 0, json!({ "tier": "standard" })).await;
    assert_eq!(detail["kept"][0]["region"], "eu-west-1", "{detail}");
    assert_eq!(detail["kept"].as_array().unwrap().len(), 1);
    assert_eq!(overrides(&world, &id, "eu-central-1").await, Some(json!([])));
    assert_eq!(overrides(&world, &id, "eu-west-1").await, Some(days("365")), "it stays");
    assert_eq!(label(&world, &id, "eu-west-1").await["tier"], "standard");
    let (place, tags) = account(&world, &id);
    assert_eq!((place.as_str(), tags["landlord:tier"].as_str()), ("General", "standard"));

    // What it has now is what a signup for it says: live, and nothing is done.
    let event = sign_up(&world, "standard").await;
    let ready = world
        .until(24 * HOUR, |it| it.name == "TenantReady" && it.detail["eventId"] == event)
        .await
        .unwrap()
        .expect("ready");
    assert_eq!(ready.detail["accountId"], id);
    assert_eq!(overrides(&world, &id, "eu-west-1").await, Some(days("365")));
}

#[tokio::test(start_paused = true)]
async fn events_that_come_late_twice_or_in_another_order_each_have_their_answer() {
    let mut world = world(72).await;
    let id = onboard(&mut world, "standard").await;
    let detail = updated(&mut world, 60, json!({ "tier": "premium" })).await;
    assert!(!steps(&detail).is_empty());
    // Older, and about something else: it counts.
    let detail =
        updated(&mut world, 7_200, json!({ "tenantName": "Acme Two", "tags": { "owner": "crm" } }))
            .await;
    assert_eq!(steps(&detail), ["TAG landlord:name", "TAG owner"]);
    assert_eq!(account(&world, &id).1["landlord:name"], "Acme Two");
    // Older, and about what a newer one said.
    let event = change(&world, 72_000, json!({ "tier": "standard" })).await;
    let (name, detail) = answer(&mut world, &event).await;
    assert_eq!((name.as_str(), &detail["because"]), ("TenantUnchanged", &json!("STALE")));
    assert_eq!(detail["request"], "TenantChanged");
    assert_eq!(account(&world, &id).1["landlord:tier"], "premium");
    // Sent again: nothing differs any more.
    let at = world.aws().now().to_string();
    let again = json!({ "tenantId": "acme", "occurredAt": at, "tenantName": "Acme Three" });
    for expected in [vec!["TAG landlord:name"], vec![]] {
        let event = world.deployment.put("TenantChanged", &again).await.unwrap();
        let (name, detail) = answer(&mut world, &event).await;
        assert_eq!(name, "TenantUpdated");
        assert_eq!(steps(&detail), expected);
    }
    // Two at once end in one state.
    let first = change(&world, 0, json!({ "tier": "standard" })).await;
    world.aws().sleep(Duration::from_secs(20)).await;
    let second = change(&world, 0, json!({ "tier": "premium" })).await;
    let (name, detail) = answer(&mut world, &second).await;
    assert_eq!(name, "TenantUpdated", "{detail}");
    let (name, detail) = answer(&mut world, &first).await;
    assert_eq!((name.as_str(), &detail["because"]), ("TenantUnchanged", &json!("STALE")));
    world.aws().sleep(HOUR).await;
    assert_eq!(overrides(&world, &id, "eu-central-1").await, Some(days("365")));
    assert_eq!(account(&world, &id).1["landlord:tier"], "premium");
    assert_eq!(label(&world, &id, "eu-central-1").await["tier"], "premium");
}

#[tokio::test(start_paused = true)]
async fn a_change_waits_for_the_onboarding_and_a_tier_of_another_unit_moves_the_account() {
    let mut world = world(73).await;
    sign_up(&world, "standard").await;
    world.aws().sleep(Duration::from_secs(30)).await;
    let event = change(&world, 0, json!({ "tier": "early" })).await;
    let ready = world.until(24 * HOUR, |it| it.name == "TenantReady").await.unwrap().unwrap();
    assert_eq!(ready.detail["tier"], "standard");
    let (name, detail) = answer(&mut world, &event).await;
    assert_eq!(name, "TenantUpdated", "{detail}");
    assert!(steps(&detail).iter().any(|step| step.starts_with("MOVE ")), "{detail}");
    let id = ready.detail["accountId"].as_str().unwrap();
    assert_eq!(account(&world, id).0, "Early");
}

#[tokio::test(start_paused = true)]
async fn a_change_of_a_tenant_that_leaves_is_refused_and_of_nobody_is_no_news() {
    let mut world = world(74).await;
    let event = change(&world, 0, json!({ "tier": "premium" })).await;
    let (name, detail) = answer(&mut world, &event).await;
    assert_eq!((name.as_str(), &detail["because"]), ("TenantUnchanged", &json!("NO_ACCOUNT")));
    let id = onboard(&mut world, "standard").await;
    // It leaves in the middle of a change.
    let event = change(&world, 0, json!({ "tier": "premium" })).await;
    world.aws().sleep(Duration::from_secs(90)).await;
    let at = world.aws().now().to_string();
    let left = json!({ "tenantId": "acme", "occurredAt": at, "reason": "cancelled" });
    world.deployment.put("TenantOffboarded", &left).await.unwrap();
    let (name, detail) = answer(&mut world, &event).await;
    assert_eq!(name, "TenantChangeRejected", "{detail}");
    assert!(detail["reasons"][0].as_str().unwrap().contains("left"), "{detail}");
    world.aws().sleep(HOUR).await;
    assert_eq!(account(&world, &id).0, "Retiring");
    // And after that.
    let event = change(&world, 0, json!({ "tenantName": "Other" })).await;
    let (name, detail) = answer(&mut world, &event).await;
    assert_eq!(name, "TenantChangeRejected", "{detail}");
    assert!(detail["reasons"][0].as_str().unwrap().contains("leaving"), "{detail}");
    assert_eq!(account(&world, &id).1["landlord:name"], "Acme");
}

#[tokio::test(start_paused = true)]
async fn bad_input_is_one_line_for_each_fault_and_nothing_is_done() {
    let mut world = world(75).await;
    let id = onboard(&mut world, "standard").await;
    let before = account(&world, &id);
    for (detail, reason) in [
        (json!({ "tier": "gold" }), "tier: \"gold\" must be one of the tiers: "),
        (json!({ "parameters": { "Nope": "1" } }), "parameters.Nope: \"Nope\" must be among"),
        (json!({ "Tier": "premium" }), "Tier: \"Tier\" must be spelled tier"),
        (json!({ "tags": { "landlord:tenant": "other" } }), "tags.landlord:tenant: "),
        (json!({ "tenantId": "a b!c" }), "tenantId: "),
        (json!({ "occurredAt": "tomorrow" }), "occurredAt: \"tomorrow\" must be a time"),
    ] {
        let event = change(&world, 0, detail.clone()).await;
        let (name, said) = answer(&mut world, &event).await;
        assert_eq!(name, "TenantChangeRejected", "{detail}: {said}");
        let reasons = said["reasons"].as_array().unwrap();
        let told = reasons.iter().any(|it| it.as_str().unwrap().starts_with(reason));
        assert!(told, "{reasons:?}");
    }
    assert_eq!(account(&world, &id), before);
}

#[tokio::test(start_paused = true)]
async fn a_tenants_own_parameter_survives_another_signup_and_another_tier() {
    let mut world = world(76).await;
    let id = onboard(&mut world, "standard").await;
    let own = json!({ "parameters": { "LogRetentionDays": "90" } });
    let detail = updated(&mut world, 0, own).await;
    assert_eq!(detail["notInEffect"], json!([]));
    assert_eq!(overrides(&world, &id, "eu-central-1").await, Some(days("90")));

    let event = sign_up(&world, "standard").await;
    let is_ready = |it: &simulation::deployment::Announcement| {
        it.name == "TenantReady" && it.detail["eventId"] == event
    };
    world.until(24 * HOUR, is_ready).await.unwrap().expect("ready");
    assert_eq!(overrides(&world, &id, "eu-central-1").await, Some(days("90")), "a signup");

    let detail = updated(&mut world, 0, json!({ "tier": "premium" })).await;
    assert_eq!(detail["notInEffect"], json!(["LogRetentionDays"]), "{detail}");
    assert_eq!(overrides(&world, &id, "eu-central-1").await, Some(days("365")));
    updated(&mut world, 0, json!({ "tier": "standard" })).await;
    assert_eq!(overrides(&world, &id, "eu-central-1").await, Some(days("90")), "and back");
    updated(&mut world, 0, json!({ "parameters": { "LogRetentionDays": null } })).await;
    assert_eq!(overrides(&world, &id, "eu-central-1").await, Some(json!([])), "taken back");
}

#[tokio::test(start_paused = true)]
async fn a_change_that_fails_says_why_and_another_mends_it() {
    let mut world = world(77).await;
    let id = onboard(&mut world, "standard").await;
    let event = change(&world, 0, json!({ "tier": "broken" })).await;
    let (name, detail) = answer(&mut world, &event).await;
    assert_eq!(name, "TenantChangeFailed", "{detail}");
    assert_eq!(detail["error"], "StackSetMissing");
    assert_eq!(detail["accountId"], id);
    assert!(detail["cause"].as_str().unwrap().contains("nobody-made-it"), "{detail}");
    world.aws().sleep(HOUR).await;
    let told = world.aws().published();
    let about = |it: &Option<String>| it.as_deref() == Some("Landlord: change of acme failed");
    assert!(told.iter().any(|message| about(&message.subject)), "{told:?}");
    updated(&mut world, 0, json!({ "tier": "premium" })).await;
    assert_eq!(overrides(&world, &id, "eu-west-1").await, Some(days("365")));
}
