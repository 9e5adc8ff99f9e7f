//! What an onboarding says of a tenant that is there, it has just seen; and how long a lone tenant
//! waits for what AWS does not need.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use simulation::onboarding::{Arrival, Crowd, Onboarding, Prices, simulate};
use simulation::rollout::fleet::upload;
use simulation::virtual_time;
use simulation::world::{World, settings};

const HOUR: Duration = Duration::from_secs(3600);
const BASELINE: &str = "landlord-tenant-baseline";
const ENDS: [&str; 4] =
    ["TenantReady", "TenantLeft", "TenantSignupContradicted", "TenantOnboardingFailed"];

async fn world(seed: u64, parameters: &[(&str, String)]) -> World {
    let parameters: BTreeMap<String, String> =
        parameters.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    World::found(settings(seed), parameters).await.unwrap()
}

/// Signs acme up, and answers its `TenantReady`.
async fn onboard(world: &mut World) -> Value {
    let detail = json!({ "tenantId": "acme", "tenantName": "Acme", "tier": "standard" });
    world.deployment.sign_up(&detail).await.unwrap();
    let ended = world.gather(12 * HOUR, &ENDS, 1).await.unwrap();
    assert_eq!(ended[0].name, "TenantReady", "{:?}", ended[0]);
    ended[0].detail.clone()
}

/// The next execution for acme, of a signup that is the first one's but for `change`; its end.
async fn sign_up_again(world: &mut World, ready: &Value, change: &Value) -> (String, Value) {
    let execution = json!({ "executionArn": ready["executionArn"] });
    let first = world.deployment.ask("states", "DescribeExecution", execution).await.unwrap();
    let mut document: Value = serde_json::from_str(first["input"].as_str().unwrap()).unwrap();
    document["eventId"] = json!("another-event");
    document["signedUpAt"] = json!(world.aws().now().to_string());
    for (key, value) in change.as_object().unwrap() {
        document[key] = value.clone();
    }
    let machine = world.deployment.output("OnboardTenantStateMachineArn").unwrap().to_owned();
    let input =
        json!({ "stateMachineArn": machine, "name": "acme_2", "input": document.to_string() });
    world.deployment.ask("states", "StartExecution", input).await.unwrap();
    let answers = |heard: &simulation::deployment::Announcement| {
        ENDS.contains(&heard.name.as_str()) && heard.detail["eventId"] == "another-event"
    };
    let end = world.until(12 * HOUR, answers).await.unwrap().expect("an end");
    (end.name, end.detail)
}

async fn instance(world: &World, set: &str, account: &str) -> Value {
    let input = json!({ "StackSetName": set, "StackInstanceAccount": account,
                        "StackInstanceRegion": "eu-central-1" });
    let shown = world.deployment.ask("cloudformation", "DescribeStackInstance", input).await;
    shown.map_or(Value::Null, |shown| shown["StackInstance"].clone())
}

async fn operations(world: &World) -> usize {
    let input = json!({ "StackSetName": BASELINE });
    let ask = world.deployment.ask("cloudformation", "ListStackSetOperations", input);
    ask.await.unwrap()["Summaries"].as_array().map_or(0, Vec::len)
}

fn place(world: &World, account: &str) -> String {
    world.aws().accounts().into_iter().find(|one| one.id == account).unwrap().parent_name
}

#[tokio::test(start_paused = true)]
async fn a_live_tenant_with_everything_is_ready_again_and_nothing_is_done() {
    let mut world = world(31, &[]).await;
    let ready = onboard(&mut world).await;
    let before = operations(&world).await;
    let (name, detail) = sign_up_again(&mut world, &ready, &json!({})).await;
    assert_eq!(name, "TenantReady", "{detail}");
    assert_eq!(detail["baseline"], ready["baseline"], "as seen now");
    assert_eq!(detail["organizationalUnitId"], ready["organizationalUnitId"]);
    assert_eq!(operations(&world).await, before);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_parameter_and_a_lost_label_are_mended_where_the_tenant_stands() {
    let mut world = world(32, &[]).await;
    let ready = onboard(&mut world).await;
    let account = ready["accountId"].as_str().unwrap().to_owned();
    let home = place(&world, &account);
    let wrong = json!({
        "StackSetName": BASELINE, "Accounts": [account], "Regions": ["eu-central-1"],
        "ParameterOverrides": [{ "ParameterKey": "LogRetentionDays", "ParameterValue": "7" }],
        "OperationId": "by-hand",
    });
    world.deployment.ask("cloudformation", "UpdateStackInstances", wrong).await.unwrap();
    let inside = |service: &'static str, operation: &str, input: Value| {
        let place = (account.as_str(), "eu-central-1");
        let call =
            local_aws::Call::by_service("console.amazonaws.com", service, operation, place, input);
        let aws = world.aws().clone();
        async move { aws.perform(&call).await }
    };
    inside("ssm", "DeleteParameter", json!({ "Name": "/landlord/tenant" })).await.unwrap();
    world.aws().sleep(HOUR).await;
    let shown = instance(&world, BASELINE, &account).await;
    assert_eq!(shown["ParameterOverrides"][0]["ParameterValue"], "7", "{shown}");

    let (name, detail) = sign_up_again(&mut world, &ready, &json!({})).await;
    assert_eq!(name, "TenantReady", "{detail}");
    let shown = instance(&world, BASELINE, &account).await;
    assert_eq!(shown["Status"], "CURRENT");
    assert_eq!(shown["ParameterOverrides"], json!([]), "{shown}");
    assert_eq!(place(&world, &account), home, "never through quarantine");
    let place = (account.as_str(), "eu-central-1");
    let input = json!({ "Name": "/landlord/tenant" });
    let label =
        local_aws::Call::by_service("console.amazonaws.com", "ssm", "GetParameter", place, input);
    let label = world.aws().perform(&label).await.unwrap();
    assert!(label["Parameter"]["Value"].as_str().unwrap().contains("acme"), "{label}");
}

#[tokio::test(start_paused = true)]
async fn a_signup_that_contradicts_a_live_tenant_changes_nothing_and_says_what_differs() {
    let mut world = world(33, &[]).await;
    let ready = onboard(&mut world).await;
    let before = operations(&world).await;
    let tags = json!({ "landlord:tenant": "acme", "landlord:tier": "premium",
                       "landlord:name": "Acme" });
    let change = json!({ "tier": "premium", "tags": tags });
    let (name, detail) = sign_up_again(&mut world, &ready, &change).await;
    assert_eq!(name, "TenantSignupContradicted", "{detail}");
    assert_eq!(
        detail["differences"],
        json!([{ "field": "tier", "signup": "premium", "tenant": "standard" }])
    );
    assert_eq!(operations(&world).await, before);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_leaves_while_it_is_onboarded_ends_as_left_and_nobody_is_called() {
    let mut world = world(34, &[]).await;
    let detail = json!({ "tenantId": "acme", "tenantName": "Acme", "tier": "standard" });
    world.deployment.sign_up(&detail).await.unwrap();
    // Until it is being equipped.
    while !world.aws().accounts().iter().any(|account| account.parent_name == "Onboarding") {
        world.aws().sleep(Duration::from_secs(5)).await;
    }
    world.aws().sleep(Duration::from_secs(60)).await;
    let occurred = world.aws().now().to_string();
    let left = json!({ "tenantId": "acme", "occurredAt": occurred, "reason": "cancelled" });
    world.deployment.put("TenantOffboarded", &left).await.unwrap();
    let ended = world.gather(24 * HOUR, &ENDS, 1).await.unwrap();
    assert_eq!(ended[0].name, "TenantLeft", "{:?}", ended[0]);
    world.aws().sleep(Duration::from_secs(60)).await;
    let told = world.aws().published();
    let failed = |text: &Option<String>| text.as_ref().is_some_and(|it| it.contains("failed"));
    assert!(!told.iter().any(|message| failed(&message.subject)), "{told:?}");
}

/// The first account is closed, the second has an address of its own. A later signup that leaves the
/// address out derives the first one's again: it is answered by what the tenant has, also while the
/// index of tags does not know the second account yet.
#[tokio::test(start_paused = true)]
async fn a_later_signup_without_an_address_is_answered_by_the_second_account() {
    for tag_lag in [Duration::from_secs(30), 20 * HOUR] {
        let mut settings = settings(37);
        settings.durations.tag_lag = tag_lag;
        let domains = [("RootEmailDomains".to_owned(), "acme.example".to_owned())];
        let mut world = World::found(settings, domains.into()).await.unwrap();
        let first = onboard(&mut world).await;
        world.aws().sleep(tag_lag + HOUR).await;
        let first = first["accountId"].as_str().unwrap().to_owned();
        assert!(world.aws().close_account_by_hand(&first));
        world.aws().sleep(HOUR).await;
        let signup = json!({ "tenantId": "acme", "tenantName": "Acme", "tier": "standard" });
        let mut anew = signup.clone();
        anew["rootEmail"] = json!("it@acme.example");
        let mut ends = Vec::new();
        for detail in [&anew, &signup, &anew] {
            let id = world.deployment.sign_up(detail).await.unwrap();
            let answers = |heard: &simulation::deployment::Announcement| {
                ENDS.contains(&heard.name.as_str()) && heard.detail["eventId"] == id.as_str()
            };
            let end = world.until(12 * HOUR, answers).await.unwrap().expect("an end");
            assert_eq!(end.name, "TenantReady", "{tag_lag:?} {:?}", end.detail);
            ends.push(end.detail["accountId"].as_str().unwrap().to_owned());
        }
        assert_ne!(ends[0], first);
        assert_eq!((&ends[1], &ends[2]), (&ends[0], &ends[0]));
        let named = world.aws().accounts().into_iter().filter(|one| one.name == "tenant-acme");
        assert_eq!(named.count(), 2, "no third account");
    }
}

/// A tier whose baseline is one stack set of this name.
fn tiers(set: &str) -> String {
    json!({ "tiers": { "standard": {
        "organizationalUnits": [{ "name": "General", "weight": 1 }],
        "baseline": [{ "stackSet": set, "regions": ["eu-central-1"] }],
    } } })
    .to_string()
}

async fn service_managed(world: &World, set: &str, automatic: bool) {
    let template = json!({ "Resources": { "Mark": { "Type": "AWS::SSM::Parameter",
        "Properties": { "Name": "/service-managed", "Type": "String", "Value": "yes" } } } });
    world.deployment.ask("cloudformation", "ActivateOrganizationsAccess", json!({})).await.unwrap();
    let input = json!({
        "StackSetName": set, "TemplateBody": template.to_string(),
        "PermissionModel": "SERVICE_MANAGED",
        "AutoDeployment": { "Enabled": automatic },
        "ManagedExecution": { "Active": true },
    });
    world.deployment.ask("cloudformation", "CreateStackSet", input).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_service_managed_stack_set_serves_a_tenant_from_signup_to_home() {
    let mut world = world(35, &[("Tiers", tiers("org-baseline"))]).await;
    service_managed(&world, "org-baseline", false).await;
    let ready = onboard(&mut world).await;
    let account = ready["accountId"].as_str().unwrap().to_owned();
    assert_eq!(place(&world, &account), "General");
    // Whatever follows the move has long followed.
    world.aws().sleep(HOUR).await;
    assert_eq!(instance(&world, "org-baseline", &account).await["Status"], "CURRENT");
    // A live one is mended within its own OU.
    let gone = json!({ "StackSetName": "org-baseline", "Regions": ["eu-central-1"],
        "RetainStacks": false, "OperationId": "by-hand",
        "DeploymentTargets": { "OrganizationalUnitIds": [ready["organizationalUnitId"]],
                               "Accounts": [account], "AccountFilterType": "INTERSECTION" } });
    world.deployment.ask("cloudformation", "DeleteStackInstances", gone).await.unwrap();
    world.aws().sleep(HOUR).await;
    assert_eq!(instance(&world, "org-baseline", &account).await, Value::Null);
    let (name, detail) = sign_up_again(&mut world, &ready, &json!({})).await;
    assert_eq!(name, "TenantReady", "{detail}");
    assert_eq!(instance(&world, "org-baseline", &account).await["Status"], "CURRENT");
    assert_eq!(place(&world, &account), "General");
}

/// A parameter in an account.
async fn read(world: &World, account: &str, name: &str) -> Option<String> {
    let (place, input) = ((account, "eu-central-1"), json!({ "Name": name }));
    let service = "console.amazonaws.com";
    let call = local_aws::Call::by_service(service, "ssm", "GetParameter", place, input);
    let found = world.aws().perform(&call).await.ok()?;
    found["Parameter"]["Value"].as_str().map(str::to_owned)
}

/// From the signup through a rollout to the closed account, under Organizations' permissions.
#[tokio::test(start_paused = true)]
async fn a_service_managed_stack_set_serves_a_tenant_through_a_rollout_and_its_retirement() {
    let least = ("LeastRetireAfterDays", "1".to_owned());
    let mut world = world(37, &[("Tiers", tiers("org-baseline")), least]).await;
    service_managed(&world, "org-baseline", false).await;
    let ready = onboard(&mut world).await;
    let account = ready["accountId"].as_str().unwrap().to_owned();
    assert_eq!(read(&world, &account, "/service-managed").await.as_deref(), Some("yes"));

    let template = json!({ "Resources": { "Mark": { "Type": "AWS::SSM::Parameter",
        "Properties": { "Name": "/service-managed", "Type": "String", "Value": "changed" } } } });
    let url = upload(&world.deployment, "templates/2.json", &template.to_string()).await.unwrap();
    let plan = json!({ "waves": [{ "name": "all", "accounts": { "rest": true }, "dwellSeconds": 60,
        "preferences": { "maxConcurrentCount": 5, "failureToleranceCount": 0 } }],
        "deadlineSeconds": 86_400 });
    let input =
        json!({ "version": 1, "stackSet": "org-baseline", "templateUrl": url, "plan": plan });
    let start = json!({ "name": "change-2", "input": input.to_string(),
        "stateMachineArn": world.deployment.output("RollOutStateMachineArn").unwrap() });
    world.deployment.ask("states", "StartExecution", start).await.unwrap();
    let finished =
        world.until(24 * HOUR, |heard| heard.name == "RolloutFinished").await.unwrap().unwrap();
    assert_eq!(finished.detail["outcome"], "SUCCEEDED", "{:?}", finished.detail);
    assert_eq!(instance(&world, "org-baseline", &account).await["Status"], "CURRENT");
    assert_eq!(read(&world, &account, "/service-managed").await.as_deref(), Some("changed"));

    let left = json!({ "tenantId": "acme", "occurredAt": world.aws().now().to_string(),
                       "reason": "cancelled", "retireAfterDays": 1 });
    world.deployment.put("TenantOffboarded", &left).await.unwrap();
    world.until(HOUR, |heard| heard.name == "TenantRetiring").await.unwrap().expect("it retires");
    assert_eq!(place(&world, &account), "Retiring");
    world.aws().sleep(48 * HOUR).await;
    let machine = world.deployment.output("SweepRetirementsStateMachineArn").unwrap();
    let sweep =
        json!({ "stateMachineArn": machine, "name": "first", "input": r#"{"dryRun":false}"# });
    world.deployment.ask("states", "StartExecution", sweep).await.unwrap();
    let retired = world.until(24 * HOUR, |heard| heard.name == "TenantRetired").await.unwrap();
    assert!(retired.is_some(), "its account is closed");
    assert_eq!(instance(&world, "org-baseline", &account).await, Value::Null);
    assert_eq!(place(&world, &account), "Suspended");
}

#[tokio::test(start_paused = true)]
async fn with_automatic_deployment_a_tier_is_held_at_the_door_and_no_account_is_made() {
    let mut world = world(36, &[("Tiers", tiers("org-baseline"))]).await;
    service_managed(&world, "org-baseline", true).await;
    let detail = json!({ "tenantId": "acme", "tenantName": "Acme", "tier": "standard" });
    world.deployment.sign_up(&detail).await.unwrap();
    let ended = world.gather(2 * HOUR, &ENDS, 1).await.unwrap();
    assert!(ended.is_empty(), "{ended:?}");
    assert_eq!(world.aws().accounts().len(), 1, "the management account alone");
}

#[test]
fn a_lone_tenant_takes_at_most_a_tenth_longer_than_aws_itself() {
    for seed in [1, 2, 3] {
        let onboarding = Onboarding {
            tenants: 1,
            arrival: "burst".parse::<Arrival>().unwrap(),
            creation: Duration::from_secs(20),
            instance: Duration::from_secs(180),
            quota: Duration::from_secs(1),
            seed,
            one_by_one: false,
            prices: Prices::default(),
            crowd: Crowd::default(),
        };
        let work = move || async move { simulate(&onboarding, &mut |_, _| {}).await };
        let report = virtual_time::run(seed, work).unwrap().unwrap();
        let (took, bound) = (report.shortest_seconds, report.aws_bound_seconds);
        eprintln!(
            "seed {seed}: {took} s of {bound} s, {} transitions",
            report.transitions_per_tenant
        );
        assert_eq!(report.ready, 1);
        assert!(took <= 1.1 * bound, "seed {seed}: {took} s, AWS itself {bound} s");
        assert!(report.transitions_per_tenant <= 105.0, "{}", report.transitions_per_tenant);
        let longest = report.longest_invocation_seconds.values().copied().fold(0.0, f64::max);
        assert!(longest <= 5.0, "{:?}", report.longest_invocation_seconds);
    }
}

/// People put an account out of its quarantine while its baseline is deployed: it does not go home
/// past what the quarantine was for.
#[tokio::test(start_paused = true)]
async fn an_account_that_is_moved_to_the_root_while_it_is_equipped_stays_there_and_fails_visibly() {
    let mut world = world(36, &[]).await;
    // A required quota would wait: in the root nobody has the role that could ask for it.
    let name = json!({ "Name": "/landlord/tiers" });
    let tiers = world.deployment.ask("ssm", "GetParameter", name).await.unwrap();
    let mut tiers: Value =
        serde_json::from_str(tiers["Parameter"]["Value"].as_str().unwrap()).unwrap();
    tiers["tiers"]["standard"]["quotas"] = json!([]);
    let input = json!({ "Name": "/landlord/tiers", "Value": tiers.to_string(), "Overwrite": true });
    world.deployment.ask("ssm", "PutParameter", input).await.unwrap();
    let detail = json!({ "tenantId": "acme", "tenantName": "Acme", "tier": "standard" });
    world.deployment.sign_up(&detail).await.unwrap();
    let mine = |world: &World| {
        let accounts = world.aws().accounts().into_iter();
        accounts
            .filter(|one| one.tags.get("landlord:tenant").map(String::as_str) == Some("acme"))
            .find(|one| one.parent_name == "Onboarding")
    };
    let account = loop {
        match mine(&world) {
            Some(account) => break account.id,
            None => world.aws().sleep(Duration::from_secs(5)).await,
        }
    };
    // Its baseline is on its way.
    world.aws().sleep(Duration::from_secs(60)).await;
    let roots = world.deployment.ask("organizations", "ListRoots", json!({})).await.unwrap();
    let root = roots["Roots"][0]["Id"].as_str().unwrap();
    assert!(world.aws().move_account_by_hand(&account, root));
    let ended = world.gather(48 * HOUR, &ENDS, 1).await.unwrap();
    assert_eq!(ended[0].name, "TenantOnboardingFailed", "{:?}", ended[0].detail);
    let said = ended[0].detail.to_string();
    assert!(said.contains("UnexpectedOrganizationalUnit"), "{said}");
    let parents = json!({ "ChildId": account });
    let parents = world.deployment.ask("organizations", "ListParents", parents).await.unwrap();
    assert_eq!(parents["Parents"][0]["Id"], root, "it stays where people put it");
}
