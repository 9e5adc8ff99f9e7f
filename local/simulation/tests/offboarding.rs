//! Offboarding in virtual time: tenants leave, come back, and events come late, twice and in
//! another order; the shipped machine, functions and permissions.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use jiff::SignedDuration;
use local_aws::organizations::AccountView;
use local_aws::{AwsError, Call, Fault, Faults};
use serde_json::{Value, json};
use simulation::deployment::Announcement;
use simulation::rollout::fleet::{Fleet, Tenant};
use simulation::rollout::tiers;
use simulation::world::{World, settings};

const HOUR: Duration = Duration::from_secs(3600);
const MACHINE: &str = "landlord-offboard-tenant";

struct Scene {
    world: World,
    fleet: Fleet,
}

impl Scene {
    async fn found(tenants: &[&str]) -> Self {
        Self::found_with(tenants, &[]).await
    }

    async fn found_with(tenants: &[&str], parameters: &[(&str, &str)]) -> Self {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let parameters: BTreeMap<_, _> = parameters.iter().map(pair).collect();
        let world = World::found(settings(5), parameters).await.unwrap();
        let text = std::fs::read_to_string("../../tiers.json").unwrap();
        let tenants: Vec<Tenant> = tenants
            .iter()
            .map(|id| Tenant { id: (*id).to_owned(), tier: "standard", in_alarm: false })
            .collect();
        let tiers = tiers(&text).unwrap();
        let fleet = Fleet::settle(&world.deployment, &tiers, &tenants, false).await.unwrap();
        Self { world, fleet }
    }

    fn account(&self, tenant: &str) -> AccountView {
        let member = self.fleet.members.iter().find(|it| it.tenant == tenant).unwrap();
        self.world.aws().account(&member.account).unwrap()
    }

    fn home(&self, tenant: &str) -> &str {
        &self.fleet.members.iter().find(|it| it.tenant == tenant).unwrap().unit
    }

    /// Puts an event on the bus, and hears the answer to it.
    async fn ask(&mut self, name: &str, tenant: &str, hours_ago: i64) -> Announcement {
        let at = self.world.aws().now() - SignedDuration::from_hours(hours_ago);
        let detail = match name {
            "TenantOffboarded" => {
                json!({ "tenantId": tenant, "occurredAt": at, "reason": "they left" })
            }
            _ => json!({ "tenantId": tenant, "occurredAt": at }),
        };
        let id = self.world.deployment.put(name, &detail).await.unwrap();
        let answer = |heard: &Announcement| heard.detail["eventId"] == id.as_str();
        self.world.until(HOUR, answer).await.unwrap().expect("an answer to the event")
    }
}

fn second(value: &Value) -> i64 {
    value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second()
}

#[tokio::test(start_paused = true)]
async fn a_tenant_leaves_and_comes_back_and_older_events_change_nothing() {
    let mut scene = Scene::found(&["acme", "globex"]).await;
    let left = scene.ask("TenantOffboarded", "acme", 5).await;
    assert_eq!(left.name, "TenantRetiring");
    let account = scene.account("acme");
    assert_eq!(account.parent_name, "Retiring");
    assert_eq!(account.tags["landlord:retire-reason"], "they left");
    let now = scene.world.aws().now().as_second();
    let cools = second(&left.detail["retireAfter"]) - now;
    assert!((30 * 86_400 - 600..=30 * 86_400).contains(&cools), "all 30 days, late as it came");

    let again = scene.ask("TenantOffboarded", "acme", 6).await;
    assert_eq!(
        (again.name.as_str(), &again.detail["because"]),
        ("TenantUnchanged", &json!("STALE"))
    );
    assert_eq!(scene.account("acme").tags, account.tags);

    let back = scene.ask("TenantReinstated", "acme", 3).await;
    assert_eq!((back.name.as_str(), &back.detail["emptied"]), ("TenantRestored", &json!(false)));
    let account = scene.account("acme");
    assert_eq!(account.parent_name, scene.home("acme"));
    assert!(!account.tags.contains_key("landlord:retire-after"));

    let late = scene.ask("TenantOffboarded", "acme", 4).await;
    assert_eq!((late.name.as_str(), &late.detail["because"]), ("TenantUnchanged", &json!("STALE")));
    assert_eq!(scene.account("acme").parent_name, scene.home("acme"));
    let twice = scene.ask("TenantReinstated", "globex", 1).await;
    assert_eq!(twice.name, "TenantRestored", "nothing had to be done");
    assert_eq!(scene.account("globex").parent_name, scene.home("globex"));
}

/// The bus refuses what the machine announces, so many times.
struct BusyBus(AtomicUsize, &'static str);

impl Faults for BusyBus {
    fn fault(&self, call: &Call) -> Option<Fault> {
        let by_machine = call.caller.arn.contains("StateMachine");
        if call.operation != "PutEvents" || !by_machine {
            return None;
        }
        let left = self.0.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
        left.ok().map(|_| Fault::Refuse(AwsError::new(self.1, "not now")))
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_bus_refuses_for_a_while_is_announced_all_the_same() {
    for code in ["ThrottlingException", "InternalFailure"] {
        let mut scene = Scene::found(&["acme"]).await;
        scene.world.aws().set_faults(Arc::new(BusyBus(AtomicUsize::new(5), code)));
        let left = scene.ask("TenantOffboarded", "acme", 0).await;
        assert_eq!(left.name, "TenantRetiring", "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_event_twice_is_answered_twice_and_done_once() {
    let mut scene = Scene::found(&["acme"]).await;
    let first = scene.ask("TenantOffboarded", "acme", 0).await;
    let tags = scene.account("acme").tags;
    scene.world.forget();
    let detail = json!({
        "tenantId": "acme", "reason": "they left", "occurredAt": first.detail["occurredAt"],
    });
    scene.world.deployment.put("TenantOffboarded", &detail).await.unwrap();
    let second =
        scene.world.until(HOUR, |heard| heard.name.starts_with("Tenant")).await.unwrap().unwrap();
    assert_eq!(second.name, "TenantRetiring");
    assert_eq!(second.detail["retireAfter"], first.detail["retireAfter"]);
    assert_eq!(scene.account("acme").tags, tags);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_done_has_an_answer_that_says_why() {
    let mut scene = Scene::found(&["closed"]).await;
    assert!(scene.world.aws().close_account_by_hand(&scene.account("closed").id));
    // Of two events of one second coming back wins, so the first one is older.
    let back = scene.ask("TenantReinstated", "closed", 1).await;
    let left = scene.ask("TenantOffboarded", "closed", 0).await;
    let began = scene.world.aws().now();
    let nobody = scene.ask("TenantOffboarded", "nobody", 0).await;
    let took = scene.world.aws().now().duration_since(began).as_secs();
    assert!((600..1_200).contains(&took), "tags lag: it waits for ten minutes, {took} s");
    let both = [(back, "ACCOUNT_CLOSED"), (left, "ALREADY_CLOSED"), (nobody, "NO_ACCOUNT")];
    for (answer, because) in both {
        assert_eq!(
            (answer.name.as_str(), &answer.detail["because"]),
            ("TenantUnchanged", &json!(because))
        );
    }
    // A live account that was closed by hand stands where the next sweep finishes it.
    assert_eq!(scene.account("closed").parent_name, "Retiring");
}

#[tokio::test(start_paused = true)]
async fn a_faulty_event_is_answered_with_its_faults() {
    let mut scene = Scene::found(&["acme"]).await;
    let faulty = json!({ "tenantId": "Acme!", "occurredAt": "soon", "reason": "x" });
    scene.world.deployment.put("TenantOffboarded", &faulty).await.unwrap();
    let heard = scene.world.until(HOUR, |heard| heard.name.starts_with("Tenant")).await;
    let answer = heard.unwrap().expect("an answer");
    assert_eq!(answer.name, "TenantOffboardingRejected");
    assert_eq!(answer.detail["tenantId"], "Acme!");
    let reasons = answer.detail["reasons"].as_array().unwrap();
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert_eq!(scene.world.aws().executions(MACHINE)[0].status, "SUCCEEDED");
}

#[tokio::test(start_paused = true)]
async fn an_account_that_was_moved_where_landlord_knows_nothing_stays_there_and_fails_visibly() {
    let scene = Scene::found(&["outside"]).await;
    let input = json!({ "ParentId": "r-root", "Name": "Internal" });
    let made = scene.world.deployment.ask("organizations", "CreateOrganizationalUnit", input).await;
    let unit = made.unwrap()["OrganizationalUnit"]["Id"].as_str().unwrap().to_owned();
    assert!(scene.world.aws().move_account_by_hand(&scene.account("outside").id, &unit));
    let detail = json!({
        "tenantId": "outside", "occurredAt": scene.world.aws().now(), "reason": "x",
    });
    scene.world.deployment.put("TenantOffboarded", &detail).await.unwrap();
    scene.world.aws().sleep(HOUR).await;
    let executions = scene.world.aws().executions(MACHINE);
    let end = (executions[0].status, executions[0].error.as_deref());
    assert_eq!(end, ("FAILED", Some("UnexpectedOrganizationalUnit")));
    let account = scene.account("outside");
    assert!(!account.tags.contains_key("landlord:retire-after"), "{:?}", account.tags);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_comes_back_after_its_stacks_were_withdrawn_is_onboarded_again() {
    let mut scene = Scene::found(&["acme"]).await;
    scene.ask("TenantOffboarded", "acme", 2).await;
    let account = scene.account("acme").id;
    let set = scene.fleet.stack_set.clone();
    let deployment = scene.world.deployment.clone();
    let input = json!({
        "StackSetName": set, "Accounts": [account], "Regions": ["eu-central-1"],
        "RetainStacks": false, "OperationId": "withdrawn",
    });
    deployment.ask("cloudformation", "DeleteStackInstances", input).await.unwrap();
    scene.world.aws().sleep(HOUR).await;
    let now = scene.world.aws().now().to_string();
    scene.world.aws().tag_account_by_hand(&account, "landlord:withdrawn-at", Some(&now));
    for (key, value) in [("landlord:name", "Acme"), ("landlord:tier", "standard")] {
        scene.world.aws().tag_account_by_hand(&account, key, Some(value));
    }
    let back = scene.ask("TenantReinstated", "acme", 0).await;
    assert_eq!((back.name.as_str(), &back.detail["emptied"]), ("TenantRestored", &json!(true)));
    let ready = scene.world.until(24 * HOUR, |heard| heard.name == "TenantReady").await.unwrap();
    let ready = ready.expect("it is onboarded again");
    assert_eq!(ready.detail["accountId"], account.as_str(), "in the same account");
    assert_eq!(scene.account("acme").parent_name, scene.home("acme"));
    let input = json!({ "StackSetName": set });
    let listed = deployment.ask("cloudformation", "ListStackInstances", input).await.unwrap();
    assert_eq!(listed["Summaries"].as_array().unwrap().len(), 1, "with its stacks");
}

/// An event of a tenant that signs up, leaves or comes back, as its sender dates it.
async fn send(world: &World, what: char, signed_up: jiff::Timestamp) {
    let at = |minutes| signed_up + SignedDuration::from_mins(minutes);
    match what {
        's' => {
            let detail = json!({ "tenantId": "acme", "tenantName": "Acme", "tier": "standard" });
            let entry = json!({
                "EventBusName": world.deployment.output("EventBusName").unwrap(),
                "Source": "saas.signup", "DetailType": "TenantSignedUp",
                "Detail": detail.to_string(), "Time": signed_up.as_second(),
            });
            world
                .deployment
                .ask("events", "PutEvents", json!({ "Entries": [entry] }))
                .await
                .unwrap();
        }
        'l' => {
            let detail = json!({ "tenantId": "acme", "occurredAt": at(1), "reason": "they left" });
            world.deployment.put("TenantOffboarded", &detail).await.unwrap();
        }
        _ => {
            let detail = json!({ "tenantId": "acme", "occurredAt": at(2) });
            world.deployment.put("TenantReinstated", &detail).await.unwrap();
        }
    }
}

/// Where the tenant's account stands in the end, if there is one.
async fn end_of(order: &str, minutes_between: u64) -> Option<(String, bool)> {
    let world = World::found(settings(9), BTreeMap::new()).await.unwrap();
    world.aws().sleep(HOUR).await;
    let signed_up = world.aws().now() - SignedDuration::from_mins(10);
    for what in order.chars() {
        send(&world, what, signed_up).await;
        world.aws().sleep(Duration::from_secs(60 * minutes_between)).await;
    }
    world.aws().sleep(30 * HOUR).await;
    let all = world.aws().accounts();
    let mut accounts = all.iter().filter(|it| it.name == "tenant-acme");
    let account = accounts.next();
    assert_eq!(accounts.count(), 0, "{order}: two accounts");
    account.map(|it| (it.parent_name.clone(), it.tags.contains_key("landlord:retire-after")))
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_leaves_around_its_onboarding_ends_as_left_in_every_order() {
    for minutes in [0, 2, 4, 8] {
        for order in ["sl", "ls"] {
            match end_of(order, minutes).await {
                // It left before there was an account, and none was made.
                None => {}
                Some((unit, cools_off)) => {
                    assert_eq!((unit.as_str(), cools_off), ("Retiring", true), "{order} {minutes}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_signed_up_left_and_came_back_is_live_in_every_order_of_its_events() {
    for minutes in [0, 3, 40] {
        for order in ["slb", "sbl", "lsb", "lbs", "bsl", "bls"] {
            let end = end_of(order, minutes).await;
            let (unit, retires) = end.unwrap_or_else(|| panic!("{order} {minutes}: no account"));
            let is_live = ["Canary", "Early", "General"].contains(&unit.as_str());
            assert!(is_live && !retires, "{order} {minutes}: {unit}");
        }
    }
}

async fn instances(world: &World, stack_set: &str) -> usize {
    let input = json!({ "StackSetName": stack_set });
    let listed = world.deployment.ask("cloudformation", "ListStackInstances", input).await.unwrap();
    listed["Summaries"].as_array().map_or(0, Vec::len)
}

const PARAMETER: &str = r#"{"Resources":{"Setting":{"Type":"AWS::SSM::Parameter",
    "Properties":{"Name":"/extra","Type":"String","Value":"x"}}}}"#;

/// From a live account to a closed one, with stack sets of both permission models.
#[tokio::test(start_paused = true)]
async fn a_retirement_withdraws_service_managed_stack_sets_as_well() {
    let mut scene = Scene::found_with(&["acme"], &[("LeastRetireAfterDays", "1")]).await;
    let deployment = scene.world.deployment.clone();
    let ask = |operation: &'static str, input: Value| {
        let deployment = deployment.clone();
        async move { deployment.ask("cloudformation", operation, input).await.unwrap() }
    };
    ask("ActivateOrganizationsAccess", json!({})).await;
    let set = json!({
        "StackSetName": "extra", "TemplateBody": PARAMETER, "PermissionModel": "SERVICE_MANAGED",
        "AutoDeployment": { "Enabled": false },
    });
    ask("CreateStackSet", set).await;
    let account = scene.account("acme");
    let targets = json!({
        "OrganizationalUnitIds": [account.parent], "Accounts": [account.id],
        "AccountFilterType": "INTERSECTION",
    });
    let input = json!({
        "StackSetName": "extra", "DeploymentTargets": targets, "Regions": ["eu-central-1"],
        "OperationId": "first",
    });
    ask("CreateStackInstances", input).await;
    scene.world.aws().sleep(HOUR).await;
    let fleets = scene.fleet.stack_set.clone();
    assert_eq!(
        (instances(&scene.world, "extra").await, instances(&scene.world, &fleets).await),
        (1, 1)
    );

    let detail = json!({
        "tenantId": "acme", "occurredAt": scene.world.aws().now(), "reason": "they left",
        "retireAfterDays": 1,
    });
    scene.world.deployment.put("TenantOffboarded", &detail).await.unwrap();
    scene.world.aws().sleep(48 * HOUR).await;
    let sweep = json!({
        "stateMachineArn": scene.world.deployment.output("SweepRetirementsStateMachineArn").unwrap(),
        "name": "first", "input": r#"{"dryRun":false}"#,
    });
    scene.world.deployment.ask("states", "StartExecution", sweep).await.unwrap();
    let retired =
        scene.world.until(24 * HOUR, |heard| heard.name == "TenantRetired").await.unwrap();
    assert!(retired.is_some(), "it is closed");
    assert_eq!(
        (instances(&scene.world, "extra").await, instances(&scene.world, &fleets).await),
        (0, 0)
    );
    let account = scene.account("acme");
    assert_eq!((account.parent_name.as_str(), account.state), ("Suspended", "CLOSED"));
}

#[tokio::test(start_paused = true)]
async fn a_live_tenants_account_that_is_closed_by_hand_pages_and_is_finished_when_the_tenant_leaves()
 {
    let mut scene = Scene::found(&["acme"]).await;
    let account = scene.account("acme").id;
    let close = json!({ "AccountId": account });
    scene.world.deployment.ask("organizations", "CloseAccount", close).await.unwrap();
    let heard = scene.world.until(HOUR, |heard| heard.name == "TenantAccountClosed").await;
    assert_eq!(heard.unwrap().expect("it is announced").detail["accountId"], account.as_str());
    scene.world.aws().sleep(Duration::from_secs(60)).await;
    let told = scene.world.aws().published();
    let is_it = |message: &str| message.contains("acme") && message.contains("AWS Support");
    assert!(told.iter().any(|it| is_it(&it.message)), "{told:?}");
    let left = scene.ask("TenantOffboarded", "acme", 0).await;
    assert_eq!(left.detail["because"], "ALREADY_CLOSED");
    // The lists of units lag.
    scene.world.aws().sleep(HOUR).await;
    let sweep = json!({
        "stateMachineArn": scene.world.deployment.output("SweepRetirementsStateMachineArn").unwrap(),
        "name": "first", "input": r#"{"dryRun":false}"#,
    });
    scene.world.deployment.ask("states", "StartExecution", sweep).await.unwrap();
    let retired =
        scene.world.until(24 * HOUR, |heard| heard.name == "TenantRetired").await.unwrap();
    assert!(retired.is_some(), "it is finished");
    assert_eq!(scene.account("acme").parent_name, "Suspended");
    assert_eq!(instances(&scene.world, &scene.fleet.stack_set.clone()).await, 0);
}
