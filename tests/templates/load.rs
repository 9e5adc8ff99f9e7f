//! The local loader takes the templates and the machines as they are, and what it makes of them
//! is what the functions start with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use lambda_kit::Lookup;
use local_aws::cloudformation::StackRequest;
use local_aws::{Aws, Settings};
use local_states::Machine;
use serde_json::{Value, json};
use simulation::deployment::{Deployment, STACK, deploy};

use crate::workspace::{machines, own_functions, root, text};

/// What Lambda itself puts into a function's environment, as far as the functions read it.
const OF_LAMBDA: [&str; 5] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
];

async fn deployed(parameters: &[(&str, &str)]) -> Deployment {
    let aws = Aws::new(Settings {
        start: "2026-11-21T10:00:00Z".parse().ok(),
        empty_pages: 0.0,
        ..Settings::default()
    });
    let own = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    deploy(&aws, root(), own.collect())
        .await
        .unwrap_or_else(|e| panic!("{}", lambda_kit::chain(&e)))
}

#[test]
fn every_machine_loads_with_its_placeholders_filled_in() {
    for machine in machines() {
        let mut text = machine.text.clone();
        for name in machine.placeholders() {
            let value = match name.as_str() {
                "LambdaInvoke" => "arn:aws:states:::lambda:invoke",
                "PutEvents" => "arn:aws:states:::events:putEvents",
                "ReadObject" => "arn:aws:states:::s3:getObject",
                "StartExecution" => "arn:aws:states:::states:startExecution",
                "StartExecutionSync" => "arn:aws:states:::states:startExecution.sync:2",
                "Publish" => "arn:aws:states:::sns:publish",
                "PublishAndWait" => "arn:aws:states:::sns:publish.waitForTaskToken",
                _ => "arn:aws:x:eu-central-1:111122223333:y",
            };
            text = text.replace(&format!("${{{name}}}"), value);
        }
        let parsed =
            Machine::parse(&text).unwrap_or_else(|faults| panic!("{}: {faults:?}", machine.name));
        // A variable that nothing assigns is taken by AWS, and fails the execution.
        assert_eq!(parsed.warnings(), [], "{}", machine.name);
    }
}

/// Loads a function as its `main` does.
fn load(function: &str, lookup: Lookup<'_>) -> Result<(), lambda_kit::config::Error> {
    match function {
        "admit-tenant" => admit_tenant::App::load(lookup).map(drop),
        "announce-outcome" => announce_outcome::App::load(lookup).map(drop),
        "close-account" => close_account::App::load(lookup).map(drop),
        "create-account" => create_account::App::load(lookup).map(drop),
        "enroll-baseline" => enroll_baseline::App::load(lookup).map(drop),
        "plan-change" => plan_change::App::load(lookup).map(drop),
        "find-tenant" => find_tenant::App::load(lookup).map(drop),
        "equip-account" => equip_account::App::load(lookup).map(drop),
        "label-account" => label_account::App::load(lookup).map(drop),
        "place-account" => place_account::App::load(lookup).map(drop),
        "assess-wave" => assess_wave::App::load(lookup).map(drop),
        "deploy-wave" => deploy_wave::App::load(lookup).map(drop),
        "finish-rollout" => finish_rollout::App::load(lookup).map(drop),
        "plan-rollout" => plan_rollout::App::load(lookup).map(drop),
        "stop-rollout" => stop_rollout::App::load(lookup).map(drop),
        "audit-fleet" => audit_fleet::App::load(lookup).map(drop),
        "plan-retirements" => plan_retirements::App::load(lookup).map(drop),
        "request-quotas" => request_quotas::App::load(lookup).map(drop),
        "retire-tenant" => retire_tenant::App::load(lookup).map(drop),
        "withdraw-stacks" => withdraw_stacks::App::load(lookup).map(drop),
        other => panic!("{other} is not known here"),
    }
}

/// The text of `contracts::environment` finds variables by their spelling; this one by use.
#[tokio::test(start_paused = true)]
async fn every_function_starts_with_what_the_template_sets_and_reads_all_of_it() {
    let deployment = deployed(&[]).await;
    for function in own_functions() {
        let name = json!({ "FunctionName": format!("{STACK}-{function}") });
        let shown = deployment.ask("lambda", "GetFunctionConfiguration", name).await.unwrap();
        let set: BTreeMap<String, String> =
            serde_json::from_value(shown["Environment"]["Variables"].clone()).unwrap_or_default();
        let asked = Mutex::new(BTreeSet::new());
        let lookup = |name: &str| {
            asked.lock().unwrap().insert(name.to_owned());
            let of_lambda = || OF_LAMBDA.contains(&name).then(|| "eu-central-1".to_owned());
            set.get(name).cloned().or_else(of_lambda)
        };
        load(&function, &lookup).unwrap_or_else(|error| panic!("{function}: {error}"));
        let asked = asked.into_inner().unwrap();
        let unread: Vec<_> = set.keys().filter(|name| !asked.contains(*name)).collect();
        let unset: Vec<_> = asked
            .iter()
            .filter(|name| !set.contains_key(*name) && !OF_LAMBDA.contains(&name.as_str()))
            .collect();
        assert!(unread.is_empty() && unset.is_empty(), "{function}: {unread:?}, {unset:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_stack_answers_what_its_outputs_promise() {
    let deployment = deployed(&[]).await;
    let machine = deployment.output("OnboardTenantStateMachineArn").unwrap();
    assert!(machine.ends_with(":stateMachine:landlord-onboard-tenant"), "{machine}");
    assert_eq!(deployment.output("EventBusName").unwrap(), "landlord");
    // The set that tiers.json names is the one that the stack makes.
    let tiers: Value = serde_json::from_str(&text("tiers.json")).unwrap();
    let set = deployment.output("TenantBaselineStackSetName").unwrap().to_owned();
    for (tier, wanted) in tiers["tiers"].as_object().unwrap() {
        assert_eq!(wanted["baseline"][0]["stackSet"], set.as_str(), "tier {tier}");
    }
}

async fn units(deployment: &Deployment) -> Vec<String> {
    let roots = deployment.ask("organizations", "ListRoots", json!({})).await.unwrap();
    let parent = json!({ "ParentId": roots["Roots"][0]["Id"] });
    let listed =
        deployment.ask("organizations", "ListOrganizationalUnitsForParent", parent).await.unwrap();
    let units = listed["OrganizationalUnits"].as_array().unwrap();
    let mut names: Vec<String> =
        units.iter().map(|unit| unit["Name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

#[tokio::test(start_paused = true)]
async fn the_units_are_made_when_no_parameter_names_them() {
    let deployment = deployed(&[]).await;
    let made = ["Canary", "Early", "General", "Onboarding", "Retiring", "Suspended"];
    assert_eq!(units(&deployment).await, made);
}

#[tokio::test(start_paused = true)]
async fn a_parameter_that_breaks_its_rule_is_named() {
    let aws = Aws::new(Settings::default());
    let wrong = BTreeMap::from([("EmailDomain".to_owned(), "localhost".to_owned())]);
    let error = deploy(&aws, root(), wrong).await.unwrap_err();
    assert!(lambda_kit::chain(&error).contains("EmailDomain"), "{}", lambda_kit::chain(&error));
}

/// A tenant's baseline as a stack of its own, beside Landlord's: the role that it guards is there.
#[tokio::test(start_paused = true)]
async fn the_baseline_of_a_tenant_deploys() {
    let deployment = deployed(&[]).await;
    let settings = deployment.aws().settings().clone();
    let role = "AWSCloudFormationStackSetAdministrationRole";
    let request = StackRequest {
        name: "tenant-baseline".to_owned(),
        template: text("stacksets/tenant-baseline.yaml"),
        base_dir: None,
        parameters: BTreeMap::from([("ExecutionRoleName".to_owned(), role.to_owned())]),
        tags: BTreeMap::new(),
        account: settings.management_account,
        region: settings.home_region,
    };
    let outputs = deployment.aws().deploy_stack(request).await.unwrap();
    assert!(outputs.contains_key("BaselineVersion"), "{outputs:?}");
    let name = json!({ "Name": "/landlord/baseline" });
    let written = deployment.ask("ssm", "GetParameter", name).await.unwrap();
    let written: Value =
        serde_json::from_str(written["Parameter"]["Value"].as_str().unwrap()).unwrap();
    assert_eq!(written["version"], outputs["BaselineVersion"].as_str());
}
