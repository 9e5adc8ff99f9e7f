//! `audit-fleet` through its public API: a real SDK client, and an AWS that is a script.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use audit_fleet::{App, Config, ERROR_NAMES, handle};
use lambda_kit::{Clock, Diagnostic};
use scripted_wire::{Exchange, Script, call};
use serde_json::{Value, json};

const REQUEST: &str = include_str!("../events/audit.json");
const ACME: &str = "222222222222";
const TIERS: &str = r#"{"tiers": {"standard": {
  "organizationalUnits": [{"name": "General", "weight": 1}],
  "baseline": [{"stackSet": "base", "regions": ["eu-central-1"]}]}}}"#;

fn lookup(name: &str) -> Option<String> {
    let value = match name {
        "EMAIL_LOCAL_PART" => "aws",
        "EMAIL_DOMAIN" => "example.com",
        "TENANT_OUS" => "General=ou-root-general0",
        "ONBOARDING_OU_ID" => "ou-root-onboardi",
        "RETIRING_OU_ID" => "ou-root-retiring",
        "SUSPENDED_OU_ID" => "ou-root-suspende",
        "PARENT_ID" => "r-root",
        "TIERS_PARAMETER" => "/landlord/tiers",
        "ONBOARDING_MACHINE_ARN" => "onboard",
        "CHANGES_MACHINE_ARN" => "change",
        "OFFBOARDING_MACHINE_ARN" => "offboard",
        "ROLLOUTS_MACHINE_ARN" => "rollout",
        "SIGNUP_SOURCE" | "OFFBOARDING_SOURCE" => "saas.signup",
        "EVENT_BUS_NAME" => "landlord",
        "RUNS_BUCKET" => "runs",
        _ => return None,
    };
    Some(value.to_owned())
}

async fn asked(request: Value, script: Vec<Exchange>) -> (Result<Value, Diagnostic>, Script) {
    let script = Script::new(script);
    let clock = Clock::fixed("2026-11-21T10:00:00Z".parse().unwrap());
    let app = App::new(&script.wire("eu-central-1"), Config::load(&lookup).unwrap(), clock);
    let answer = lambda_kit::call(&app, &handle, request).await;
    (answer, script)
}

fn request() -> Value {
    serde_json::from_str(REQUEST).unwrap()
}

fn tiers() -> Exchange {
    call("GetParameter", json!({"Name": "/landlord/tiers"}))
        .answers(&json!({"Parameter": {"Value": TIERS}}))
}

fn nothing_runs() -> Vec<Exchange> {
    ["onboard", "change", "offboard", "rollout"]
        .map(|machine| {
            call("ListExecutions", json!({"stateMachineArn": machine}))
                .answers(&json!({"executions": []}))
        })
        .into()
}

/// Acme in General, and nobody else anywhere.
fn units() -> Vec<Exchange> {
    let listed = |unit: &str, accounts: Value| {
        call("ListAccountsForParent", json!({"ParentId": unit}))
            .answers(&json!({"Accounts": accounts}))
    };
    vec![
        listed("ou-root-onboardi", json!([])),
        listed("ou-root-retiring", json!([])),
        listed("ou-root-suspende", json!([])),
        listed("ou-root-general0", json!([{"Id": ACME, "Name": "tenant-acme", "State": "ACTIVE"}])),
    ]
}

fn instances(status: &str) -> Exchange {
    let instance = format!(
        "<member><Account>{ACME}</Account><Region>eu-central-1</Region><Status>{status}</Status>\
         <StatusReason>No.</StatusReason></member>"
    );
    call("ListStackInstances", json!({"StackSetName": "base"})).answers_text(&format!(
        "<ListStackInstancesResponse><ListStackInstancesResult><Summaries>{instance}</Summaries>\
         </ListStackInstancesResult></ListStackInstancesResponse>"
    ))
}

fn tags() -> Exchange {
    let tier =
        lifecycle::TiersConfig::tolerant(TIERS, &"General=ou-root-general0".parse().unwrap());
    let tier = tier.unwrap().get(&"standard".parse().unwrap()).unwrap().baseline.clone();
    let hash = lifecycle::Baseline::new(tier).hash;
    let tags: Vec<Value> = [
        ("landlord:tenant", "acme"),
        ("landlord:tier", "standard"),
        ("landlord:name", "acme"),
        ("landlord:baseline", &hash),
    ]
    .map(|(key, value)| json!({"Key": key, "Value": value}))
    .into();
    let found = json!({"ResourceARN": format!("arn:aws:organizations::1:account/o/{ACME}"),
                       "Tags": tags});
    call("GetResources", json!({})).answers(&json!({"ResourceTagMappingList": [found]}))
}

fn record() -> Exchange {
    call("GetObject", json!({"key": "tenants/acme.json"}))
        .answers(&json!({"version": 1, "tenantId": "acme", "accountId": ACME}))
}

fn no_latest() -> Exchange {
    call("GetObject", json!({"key": "audits/latest.json"})).refuses_as_s3(404, "NoSuchKey")
}

fn written(key: &str) -> Exchange {
    call("PutObject", json!({ "key": key })).answers_text("")
}

fn told() -> Exchange {
    call("PutEvents", json!({})).answers(&json!({"FailedEntryCount": 0, "Entries": []}))
}

fn all(parts: Vec<Vec<Exchange>>) -> Vec<Exchange> {
    parts.into_iter().flatten().collect()
}

#[tokio::test(start_paused = true)]
async fn a_fleet_in_order_is_reported_without_findings() {
    let script = all(vec![
        vec![tiers()],
        nothing_runs(),
        units(),
        vec![instances("CURRENT")],
        nothing_runs(),
        vec![tags(), record(), no_latest()],
        vec![written("audits/night-1/report.json"), written("audits/latest.json"), told()],
    ]);
    let (answer, script) = asked(request(), script).await;
    let answer = answer.unwrap();
    let calls = script.played();
    assert_eq!(answer["status"], "DONE", "{answer}");
    assert_eq!((&answer["accounts"], &answer["findings"]), (&json!(1), &json!(0)));
    let entry = calls.last().unwrap().field("Entries/0/Detail").as_str().unwrap().to_owned();
    let event: Value = serde_json::from_str(&entry).unwrap();
    assert_eq!(event["states"], json!({"LIVE": 1}));
    assert_eq!(event["counts"]["INSTANCE_MISSING"], 0, "all classes are named");
}

#[tokio::test(start_paused = true)]
async fn what_is_new_and_what_is_gone_is_held_against_the_audit_before() {
    let before = json!({"class": "RECORD_MISSING", "accountId": ACME, "tenantId": "acme",
                        "because": "there was none", "mend": ["landlord converge acme"]});
    let now = json!({"class": "INSTANCE_INOPERABLE", "accountId": ACME, "tenantId": "acme",
                     "subject": "base in eu-central-1", "because": "it is", "mend": []});
    let lines = |night: &str, line: &Value| {
        call("GetObject", json!({"key": format!("audits/{night}/findings/00000.jsonl")}))
            .answers(line)
    };
    let script = all(vec![
        vec![tiers()],
        nothing_runs(),
        units(),
        vec![instances("INOPERABLE")],
        nothing_runs(),
        vec![tags(), record(), written("audits/night-1/findings/00000.jsonl")],
        vec![
            call("GetObject", json!({"key": "audits/latest.json"}))
                .answers(&json!({"audit": "night-0", "files": 1})),
            lines("night-0", &before),
            lines("night-1", &now),
            lines("night-0", &before),
        ],
        vec![written("audits/night-1/report.json"), written("audits/latest.json"), told()],
    ]);
    let (answer, script) = asked(request(), script).await;
    let answer = answer.unwrap();
    let calls = script.played();
    assert_eq!((&answer["newCount"], &answer["goneCount"]), (&json!(1), &json!(1)), "{answer}");
    let body = |key: &str| {
        let put =
            calls.iter().filter(|it| it.call == "PutObject" && *it.field("key") == json!(key));
        let text = put.filter_map(|it| it.field("body").as_str()).next_back().unwrap();
        serde_json::from_str::<Value>(text).unwrap()
    };
    let finding = body("audits/night-1/findings/00000.jsonl");
    assert_eq!(finding["class"], "INSTANCE_INOPERABLE");
    assert!(finding["because"].as_str().unwrap().contains("No."), "{finding}");
    let report = body("audits/night-1/report.json");
    assert_eq!(report["gone"][0]["class"], "RECORD_MISSING");
    assert_eq!(report["new"][0]["class"], "INSTANCE_INOPERABLE");
    assert_eq!(body("audits/latest.json")["before"]["audit"], "night-0");
}

#[tokio::test(start_paused = true)]
async fn a_throttle_is_waited_for_and_the_next_call_goes_on_where_it_was() {
    let first = units().into_iter().next().unwrap();
    let mut script = all(vec![vec![tiers()], nothing_runs(), vec![first]]);
    // The SDK asks again itself, three times.
    for _ in 0..3 {
        script.push(
            call("ListAccountsForParent", json!({"ParentId": "ou-root-retiring"}))
                .refuses("TooManyRequestsException"),
        );
    }
    script.push(written("audits/night-1/progress-0001.json"));
    let (answer, script) = asked(request(), script).await;
    let answer = answer.unwrap();
    assert_eq!(answer["status"], "PENDING", "{answer}");
    let calls = script.played();
    let progress = calls.last().unwrap().field("body").as_str().unwrap().to_owned();

    let mut again = request();
    again["resume"] = answer["resume"].clone();
    let kept = call("GetObject", json!({"key": "audits/night-1/progress-0001.json"}))
        .answers_text(&progress);
    let script = all(vec![
        vec![kept, tiers()],
        units().into_iter().skip(1).collect(),
        vec![instances("CURRENT")],
        nothing_runs(),
        vec![tags(), record(), no_latest()],
        vec![written("audits/night-1/report.json"), written("audits/latest.json"), told()],
    ]);
    let (answer, script) = asked(again, script).await;
    script.played();
    assert_eq!(answer.unwrap()["accounts"], 1);
}

#[tokio::test(start_paused = true)]
async fn what_landlords_role_may_not_read_is_an_error_that_says_so() {
    let denied = call("GetParameter", json!({})).refuses("AccessDeniedException");
    let (answer, script) = asked(request(), vec![denied]).await;
    script.played();
    let error = answer.unwrap_err();
    assert_eq!(error.error_type, "AccessDenied");
    assert!(ERROR_NAMES.contains(&"AccessDenied"));
}

#[tokio::test(start_paused = true)]
async fn a_stack_set_that_may_not_be_read_is_said_and_the_rest_is_judged() {
    let denied = call("ListStackInstances", json!({})).refuses_in_xml(403, "AccessDenied");
    let script = all(vec![
        vec![tiers()],
        nothing_runs(),
        units(),
        vec![denied],
        nothing_runs(),
        vec![tags(), record(), no_latest()],
        vec![written("audits/night-1/report.json"), written("audits/latest.json"), told()],
    ]);
    let (answer, script) = asked(request(), script).await;
    assert_eq!(answer.unwrap()["findings"], 0, "what was not read is not missing");
    let calls = script.played();
    let detail = calls.last().unwrap().field("Entries/0/Detail").as_str().unwrap().to_owned();
    assert!(detail.contains("the instances of base"), "{detail}");
}
