//! `plan-rollout` through its public API: real SDK clients, and an AWS of a few lines.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use lambda_kit::{Clock, Diagnostic};
use lifecycle::rollout::{OperationName, RolloutHash, Stage};
use plan_rollout::{App, Config, Error, handle};
use scripted_wire::{World, xml};
use serde_json::{Value, json};

const BASELINE: &str = "landlord-tenant-baseline";
const ADMINISTRATION: &str = "arn:aws:iam::999999999999:role/landlord/Administration";

#[path = "handler/house.rs"]
mod house;
#[path = "handler/refusals.rs"]
mod refusals;

fn request(plan: Value) -> Value {
    json!({
        "input": {"version": 1, "stackSet": BASELINE, "changeId": "c1", "plan": plan,
                  "templateUrl": "https://templates.s3.eu-central-1.amazonaws.com/v2.yaml",
                  "parameters": {"LogRetentionDays": "30"}},
        "name": "landlord-tenant-baseline_c1",
        "execution": {"startedAt": "2026-11-21T09:59:00Z"},
    })
}

async fn answer(world: &World, request: Value) -> Result<Value, Diagnostic> {
    let floor = world.text("floor").unwrap_or_default();
    let config = Config::load(&|name| {
        Some(match name {
            "RUNS_BUCKET" => "runs".into(),
            "TENANT_OUS" => {
                "Canary=ou-root-canary01,Early=ou-root-early001,General=ou-root-general1".into()
            }
            "ADMINISTRATION_ROLE_ARN" => ADMINISTRATION.into(),
            "ONBOARDING_OU_ID" => "ou-root-onboard1".into(),
            "RETIRING_OU_ID" => "ou-root-retiring".into(),
            "SUSPENDED_OU_ID" => "ou-root-suspend1".into(),
            "MANAGEMENT_ACCOUNT_ID" => "999999999999".into(),
            "PROTECTED_ACCOUNT_IDS" => "888888888888".into(),
            "TIERS_PARAMETER" => "/landlord/tiers".into(),
            "ACCOUNT_NAME_PREFIX" => "tenant-".into(),
            "ROLLOUT_STACK_SETS" => "other,landlord-account-gate,doors".into(),
            _ => match floor.split_once('=') {
                Some((floor, value)) if floor == name => value.into(),
                _ => return None,
            },
        })
    });
    let clock = Clock::fixed("2026-11-21T10:00:00Z".parse().unwrap());
    let app = App::new(&world.wire(), config.unwrap(), clock);
    lambda_kit::call(&app, &handle, request).await
}

/// Asks until it is not pending.
async fn settled(world: &World, mut request: Value) -> Result<Value, Diagnostic> {
    for _ in 0..20 {
        let answer = answer(world, request.clone()).await?;
        if answer["status"] != "PENDING" {
            return Ok(answer);
        }
        request["resume"] = answer["resume"].clone();
    }
    panic!("it never ends")
}

fn id(number: usize) -> String {
    format!("{number:012}")
}

/// What the index of tags says of these accounts, as tenants'.
fn marked(accounts: std::ops::Range<usize>) -> String {
    let rows: Vec<Value> = accounts
        .map(|n| {
            json!({"ResourceARN": format!("arn:aws:organizations::999999999999:account/o-1/{}", id(n)),
                   "Tags": [{"Key": "landlord:tenant", "Value": format!("t{n}")}]})
        })
        .collect();
    json!({"ResourceTagMappingList": rows}).to_string()
}

/// A stack set with instances in so many accounts: the first 20 in Canary, 40 in Early.
fn fleet(accounts: usize) -> World {
    let instances: String = (0..accounts)
        .map(|n| {
            format!(
                "<member><Account>{}</Account><Region>eu-central-1</Region>\
                 <Status>CURRENT</Status></member>",
                id(n)
            )
        })
        .collect();
    let list = xml("ListStackInstances", &format!("<Summaries>{instances}</Summaries>"));
    let world = World::new();
    world.put("v2.yaml", "Parameters: {LogRetentionDays: {Type: Number, MaxValue: 365}}");
    world
        .on("DescribeStackInstance", |_| xml("DescribeStackInstance", "<StackInstance/>").into())
        .on("ListStackInstances", move |_| list.clone().into())
        .on("ListStackSetOperations", |_| xml("ListStackSetOperations", "<Summaries/>").into())
        .on("DescribeStackSet", |_| {
            xml(
                "DescribeStackSet",
                "<StackSet><TemplateBody>old</TemplateBody><Parameters><member>\
                 <ParameterKey>LogRetentionDays</ParameterKey><ParameterValue>14</ParameterValue>\
                 </member></Parameters><PermissionModel>SELF_MANAGED</PermissionModel>\
                 <ExecutionRoleName>Execution</ExecutionRoleName><AdministrationRoleARN>\
                 arn:aws:iam::999999999999:role/landlord/Administration</AdministrationRoleARN>\
                 </StackSet>",
            )
            .into()
        })
        .on("GetTemplateSummary", |_| {
            xml(
                "GetTemplateSummary",
                "<Parameters><member><ParameterKey>LogRetentionDays</ParameterKey></member>\
                 </Parameters>",
            )
            .into()
        })
        .on("GetParameter", |_| {
            let tiers = json!({"tiers": {"a": {"baseline": [{"stackSet": BASELINE}]}}});
            json!({"Parameter": {"Value": tiers.to_string()}}).to_string().into()
        })
        .on("ListDelegatedAdministrators", |_| json!({}).to_string().into())
        .on("GetResources", move |_| marked(0..accounts).into())
        .on("ListAccounts", move |_| {
            let unit = |n| match n {
                0..20 => "ou-root-canary01",
                20..60 => "ou-root-early001",
                _ => "ou-root-general1",
            };
            let rows = (0..accounts).map(|n| listed(&id(n), &format!("tenant-t{n}"), unit(n)));
            json!({"Accounts": rows.collect::<Vec<_>>()}).to_string().into()
        })
}

/// An account as the list has it.
fn listed(id: &str, name: &str, unit: &str) -> Value {
    json!({"Id": id, "Name": name, "State": "ACTIVE", "Paths": [format!("o-1/r-root/{unit}/")]})
}

#[tokio::test]
async fn a_plan_says_what_would_be_touched_and_touches_only_files() {
    let world = fleet(200);
    let planned = settled(&world, request(json!("routine"))).await.unwrap();
    assert_eq!(planned["status"], "DONE");
    assert_eq!(
        planned["rollout"],
        json!({"execution": "landlord-tenant-baseline_c1", "stackSet": BASELINE, "waves": 3,
               "deadlineSeconds": 172_800})
    );
    let sizes: Vec<_> =
        planned["waves"].as_array().unwrap().iter().map(|w| &w["accounts"]).collect();
    assert_eq!(sizes, [20, 40, 140]);
    assert_eq!(planned["summary"]["accounts"], 200);
    assert_eq!(planned["summary"]["planKey"], "rollouts/landlord-tenant-baseline_c1/plan.json");

    let plan = world.file("rollouts/landlord-tenant-baseline_c1/plan.json");
    assert_eq!(plan["next"]["parameters"], json!({"LogRetentionDays": "30"}));
    assert_eq!(plan["previous"]["parameters"], json!({"LogRetentionDays": "14"}));
    let wave = world.file("rollouts/landlord-tenant-baseline_c1/waves/01.json");
    assert_eq!(wave["operations"][0]["accounts"].as_array().unwrap().len(), 20);
    let previous = world.text("rollouts/landlord-tenant-baseline_c1/previous-template");
    assert_eq!(previous.as_deref(), Some("old"));
    for call in world.calls() {
        let reads = ["List", "Describe", "Get"].iter().any(|start| call.starts_with(start));
        assert!(reads || call == "PutObject", "{call}");
    }
}

#[tokio::test]
async fn a_plan_that_is_made_again_is_the_same() {
    let world = fleet(200);
    let first = settled(&world, request(json!("careful"))).await.unwrap();
    let file = world.text("rollouts/landlord-tenant-baseline_c1/plan.json");
    assert_eq!(settled(&world, request(json!("careful"))).await.unwrap(), first);
    assert_eq!(world.text("rollouts/landlord-tenant-baseline_c1/plan.json"), file);
}

#[tokio::test]
async fn every_fault_is_reported_and_nothing_is_called() {
    let world = World::new();
    let mut request = request(json!({"base": "routine", "colour": "red", "deadlineSeconds": 1}));
    request["input"]["usePreviousTemplate"] = json!(true);
    let error = answer(&world, request).await.unwrap_err();
    assert_eq!(error.error_type, "PlanRefused");
    for part in ["plan.colour", "plan.deadlineSeconds", "templateUrl"] {
        assert!(error.error_message.contains(part), "{part}: {}", error.error_message);
    }
    let unknown = json!({"waves": [{"name": "a", "accounts": {"organizationalUnit": "Beta"}}]});
    let error = answer(&world, self::request(unknown)).await.unwrap_err();
    assert!(error.error_message.contains("must be one of Canary, Early, General"));
    assert_eq!(world.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn a_template_that_cloudformation_refuses_is_a_fault_of_the_plan() {
    let world = fleet(100).refuses("GetTemplateSummary", 400, "ValidationError");
    let error = settled(&world, request(json!("routine"))).await.unwrap_err();
    assert_eq!(error.error_type, "PlanRefused");
    assert!(error.error_message.contains("templateUrl"), "{}", error.error_message);
}

#[tokio::test]
async fn a_set_that_another_roll_out_left_unproven_is_refused_and_may_be_taken_over() {
    let stage = Stage::Wave { number: 1, of: 3, wait: 300 };
    let rollout = RolloutHash::of("landlord-tenant-baseline_c0");
    let id = OperationName { rollout, stage, number: 0, round: 0 }.to_string();
    let log = format!(
        "<Summaries><member><OperationId>{id}</OperationId><Status>SUCCEEDED</Status></member>\
         </Summaries>"
    );
    let world = fleet(100);
    settled(&world, {
        let mut first = request(json!("routine"));
        first["name"] = json!("landlord-tenant-baseline_c0");
        first
    })
    .await
    .unwrap();
    let world =
        world.on("ListStackSetOperations", move |_| xml("ListStackSetOperations", &log).into());
    world.put("rollouts/landlord-tenant-baseline_c0/previous-template", "oldest");
    let error = settled(&world, request(json!("routine"))).await.unwrap_err();
    assert_eq!(error.error_type, "AnotherRollout");
    assert!(error.error_message.contains(&id), "{}", error.error_message);

    let mut takes_over = request(json!("routine"));
    takes_over["input"]["takeOver"] = json!("landlord-tenant-baseline_c0");
    settled(&world, takes_over).await.unwrap();
    let previous = world.text("rollouts/landlord-tenant-baseline_c1/previous-template");
    assert_eq!(previous.as_deref(), Some("oldest"), "what was before the other one");
}

#[tokio::test]
async fn a_rehearsal_is_refused_until_the_rollout_before_it_is_told_to_be_over() {
    let world = fleet(100);
    let mut first = request(json!("routine"));
    first["name"] = json!("landlord-tenant-baseline_c0");
    settled(&world, first).await.unwrap();
    let rehearsal = json!({
        "input": {"version": 1, "stackSet": BASELINE, "changeId": "r1", "rehearse": true},
        "name": "landlord-tenant-baseline_r1",
        "execution": {"startedAt": "2026-11-21T09:59:00Z"},
    });
    let error = settled(&world, rehearsal.clone()).await.unwrap_err();
    assert_eq!(error.error_type, "AnotherRollout");
    assert!(error.error_message.contains("baseline_c0"), "{}", error.error_message);
    world.put("rollouts/landlord-tenant-baseline_c0/not-current.json", "[]");
    let planned = settled(&world, rehearsal).await.unwrap();
    assert_eq!(planned["status"], "DONE", "{planned}");
}

#[tokio::test]
async fn an_alarm_that_is_red_already_refuses_the_plan_unless_it_is_to_be_ignored() {
    let world = fleet(100).on("DescribeAlarms", |_| {
        json!({"MetricAlarms": [{"AlarmName": "api", "StateValue": "ALARM"}]}).to_string().into()
    });
    let health =
        |red: &str| json!({"base": "routine", "health": {"alarms": ["api"], "redBefore": red}});
    let error = settled(&world, request(health("REFUSE"))).await.unwrap_err();
    assert_eq!(error.error_type, "PlanRefused");
    let planned = settled(&world, request(health("IGNORE"))).await.unwrap();
    assert_eq!(planned["summary"]["redBefore"], json!(["api"]));
}

#[tokio::test(start_paused = true)]
async fn throttles_are_waits_and_what_is_forbidden_or_missing_is_named() {
    let world = fleet(100).refuses("ListStackInstances", 400, "Throttling");
    let pending = answer(&world, request(json!("routine"))).await.unwrap();
    assert_eq!(pending["status"], "PENDING");
    assert!(pending["because"].as_str().unwrap().contains("Throttling"), "{pending}");

    let world = fleet(100).refuses("ListStackInstances", 403, "AccessDenied");
    let error = answer(&world, request(json!("routine"))).await.unwrap_err();
    assert_eq!(error.error_type, "AccessDenied");
    let world = fleet(100).refuses("ListStackInstances", 404, "StackSetNotFoundException");
    let error = answer(&world, request(json!("routine"))).await.unwrap_err();
    assert_eq!(error.error_type, "StackSetMissing");
    assert!(Error::NAMES.contains(&error.error_type.as_str()));
}
