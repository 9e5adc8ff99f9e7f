//! `landlord demo`, with the real function binaries, as a user runs it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

/// Runs the demo with the functions that the workspace's build put beside the binary.
fn demo(arguments: &[&str], events: Option<&Value>) -> Output {
    part(&[], arguments, events)
}

fn part(part: &[&str], arguments: &[&str], events: Option<&Value>) -> Output {
    let binary = Path::new(env!("CARGO_BIN_EXE_landlord"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.json");
    let mut command = Command::new(binary);
    command.arg("demo").args(part).arg("--functions").arg(binary.parent().unwrap()).args(arguments);
    command
        .arg("--workspace")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap());
    if let Some(events) = events {
        std::fs::write(&file, events.to_string()).unwrap();
        command.arg("--event").arg(&file);
    }
    command.output().unwrap()
}

fn document(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!(
            "stdout is not one JSON document: {error}\n{text}\n{}",
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

fn signup(tenant: &str) -> Value {
    json!({ "tenantId": tenant, "tenantName": "A tenant", "tier": "standard" })
}

#[test]
fn events_of_a_file_end_as_tenants_that_are_ready_or_rejected() {
    let event = json!({ "detail-type": "TenantSignedUp", "source": "x", "detail": signup("acme") });
    let faulty = json!({ "tenantId": "No!", "tenantName": "", "tier": "gold" });
    let output = demo(&["--json", "--pace", "40"], Some(&json!([event, signup("globex"), faulty])));
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let outcome = document(&output);
    assert_eq!(outcome["accountsCreated"], 2);
    let tenants = outcome["tenants"].as_array().unwrap();
    assert_eq!(tenants.len(), 2);
    for tenant in tenants {
        assert_eq!(tenant["status"], "READY", "{tenant}");
        assert_eq!(tenant["error"], Value::Null);
        assert_eq!(tenant["accountId"].as_str().unwrap().len(), 12);
        assert_eq!(tenant["baseline"][0]["status"], "CURRENT");
        assert_eq!(tenant["quotas"][0]["serviceCode"], "lambda");
        let unit = tenant["organizationalUnit"].as_str().unwrap();
        assert!(["Canary", "Early", "General"].contains(&unit), "{unit}");
    }
    assert_eq!(outcome["rejected"][0]["tenantId"], "No!");
    assert_eq!(outcome["unanswered"], json!([]));
    assert_eq!(outcome["rejected"][0]["reasons"].as_array().unwrap().len(), 3);
}

/// The pace is of the world's clock. What real processes take on a busy machine is real time, and
/// no time-out shrinks with the pace.
#[test]
fn at_a_high_pace_every_tenant_is_ready() {
    let events: Vec<Value> = ["acme", "globex", "initech", "umbrella"].map(signup).to_vec();
    let output = demo(&["--json", "--pace", "120"], Some(&json!(events)));
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let outcome = document(&output);
    let tenants = outcome["tenants"].as_array().unwrap();
    assert_eq!(tenants.len(), 4, "{outcome}");
    for tenant in tenants {
        assert_eq!(
            (&tenant["status"], &tenant["error"]),
            (&json!("READY"), &Value::Null),
            "{tenant}"
        );
    }
}

#[test]
fn the_demo_ends_as_it_should_while_its_functions_are_killed_at_random() {
    let output = demo(&["--json", "--pace", "40", "--kill-every", "250"], None);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    assert!(errors.contains("killed a process of"), "{errors}");
    let outcome = document(&output);
    assert_eq!(outcome["accountsCreated"], 21);
    let failed: Vec<&Value> = outcome["tenants"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|tenant| tenant["status"] != "READY")
        .collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(failed[0]["error"]["name"], "EmailInUseElsewhere");
}

#[test]
fn of_the_tenants_that_leave_exactly_two_are_closed() {
    let output = part(&["retire"], &["--json", "--pace", "40"], None);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    let outcome = document(&output);
    let row = |tenant: &str| {
        let rows = outcome["tenants"].as_array().unwrap();
        rows.iter().find(|row| row["tenantId"] == tenant).unwrap().clone()
    };
    for (tenant, verdict, state, unit) in [
        ("acme", "WITHDRAW", "CLOSED", "Suspended"),
        ("globex", "WITHDRAW", "CLOSED", "Suspended"),
        ("initech", "HOLD", "ACTIVE", "Retiring"),
        ("umbrella", "REFUSE", "ACTIVE", "Retiring"),
        ("stark", "WAIT", "ACTIVE", "Retiring"),
    ] {
        let row = row(tenant);
        assert_eq!(row["dryRun"]["verdict"], verdict, "{row}");
        assert_eq!(row["sweep"]["verdict"], verdict, "{row}");
        assert_eq!((&row["state"], &row["organizationalUnit"]), (&json!(state), &json!(unit)));
    }
    assert_eq!(outcome["dryRun"]["dryRun"], true);
    assert_eq!(outcome["sweep"]["closedCount"], 2);
}

#[test]
fn a_tenant_that_comes_back_hears_what_is_true_each_time() {
    let output = part(&["return"], &["--json", "--pace", "40"], None);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    let outcome = document(&output);
    let chapters = outcome["chapters"].as_array().unwrap();
    let told: Vec<[&str; 4]> = chapters
        .iter()
        .map(|chapter| {
            let (seen, instances) = (&chapter["seen"], &chapter["seen"]["instances"]);
            let days = &instances[0]["parameterOverrides"]["LogRetentionDays"];
            [&chapter["answer"], &seen["state"], &seen["organizationalUnit"], days]
                .map(|value| value.as_str().unwrap_or("-"))
        })
        .collect();
    let expected = [
        ["TenantReady", "ACTIVE", "General", "30"],
        ["TenantRetiring", "ACTIVE", "Retiring", "30"],
        ["TenantRestored", "ACTIVE", "General", "30"],
        ["TenantRetiring", "ACTIVE", "Retiring", "30"],
        ["RetirementSweepFinished", "ACTIVE", "Suspended", "-"],
        // What is seen of an emptied account that is restored depends on how far it has come.
        ["TenantRestored", "ACTIVE", told[5][2], told[5][3]],
        ["TenantReady", "ACTIVE", "General", "30"],
        ["TenantRetiring", "ACTIVE", "Retiring", "30"],
        ["TenantRetired", "CLOSED", "Suspended", "-"],
        ["TenantUnchanged", "CLOSED", "Suspended", "-"],
        ["TenantOnboardingFailed", "CLOSED", "Suspended", "-"],
        ["TenantReady", "ACTIVE", "General", "30"],
        ["TenantReady", "ACTIVE", "General", "365"],
    ];
    assert_eq!(told, expected, "{errors}");
    for chapter in chapters {
        assert_eq!(chapter["differences"], json!([]), "{chapter}");
    }
    assert_eq!(chapters[9]["detail"]["because"], "ACCOUNT_CLOSED");
    assert_eq!(chapters[10]["detail"]["error"], "AccountClosed");
    assert_ne!(chapters[11]["seen"]["accountId"], chapters[8]["seen"]["accountId"]);
    assert_eq!(chapters[12]["seen"]["accountId"], chapters[11]["seen"]["accountId"]);
}

#[test]
fn usage_faults_name_what_is_wrong_and_exit_with_2() {
    let cases: [(&[&str], Option<Value>, &str); 4] = [
        (&[], Some(json!([])), "the list is empty"),
        (&[], Some(json!([signup("a"), 7])), "[1]: 7 is not an object"),
        (&["--pace", "fast"], None, "must be a number from 0.1 to 1000"),
        (&["--event", "/nowhere/at-all.json"], None, "cannot be read"),
    ];
    for (arguments, events, expected) in cases {
        let output = demo(arguments, events.as_ref());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {errors}");
        assert!(errors.contains(expected), "{arguments:?}: {errors}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_folder_without_the_functions_is_said_with_all_that_is_missing() {
    let empty = tempfile::tempdir().unwrap();
    let binary = env!("CARGO_BIN_EXE_landlord");
    let output =
        Command::new(binary).args(["demo", "--functions"]).arg(empty.path()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("create-account") && errors.contains("request-quotas"), "{errors}");
}

#[test]
fn the_demo_of_a_roll_out_takes_one_change_to_all_and_the_other_back() {
    let output = part(&["rollout"], &["--json", "--pace", "40"], None);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    let outcome = document(&output);
    assert_eq!(outcome["rollOuts"][0]["detail"]["outcome"], "INCOMPLETE");
    let reported = outcome["rollOuts"][0]["detail"]["notCurrent"].as_array().unwrap();
    assert_eq!(reported.len(), 1, "{reported:?}");
    assert!(reported[0]["reason"].as_str().unwrap().contains("is suspended"), "{reported:?}");
    assert_eq!(outcome["rollOuts"][1]["detail"]["outcome"], "ROLLED_BACK");
    assert_eq!(outcome["rollOuts"][1]["detail"]["reason"]["code"], "UNHEALTHY");
    for account in outcome["accounts"].as_array().unwrap() {
        // It fails on purpose, and stops the change for none of the others.
        let harmful = account["accountId"] == reported[0]["account"];
        let version = if harmful { "1" } else { "2" };
        assert_eq!(account["versionAfter"], json!([version, version]), "{account}");
    }
    for line in ["w03of03n7-000-r1 SUCCEEDED", "late-000-r0 SUCCEEDED", "back01-000-r0 SUCCEEDED"] {
        assert!(errors.contains(line), "{line} is missing in {errors}");
    }
}

#[test]
fn the_demo_of_a_rehearsal_goes_forth_and_back_through_gates_that_say_no() {
    let output = part(&["rehearse"], &["--json", "--pace", "120"], None);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    let outcome = document(&output);
    assert_eq!(outcome["rehearsal"]["works"], true, "{outcome}");
    assert_eq!(outcome["rehearsal"]["wentForth"], 1);
    assert_eq!(outcome["setIsAsBefore"], true);
    assert_eq!(outcome["besideAnother"], "FAILED");
    assert!(errors.contains("back01-000-r0 SUCCEEDED"), "{errors}");
}

#[test]
fn a_live_tenant_changes_and_each_event_has_its_answer() {
    let output = part(&["change"], &["--json", "--pace", "40"], None);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let answers = document(&output)["answers"].clone();
    let names: Vec<&str> =
        answers.as_array().unwrap().iter().map(|it| it["answer"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "TenantUpdated",
            "TenantUpdated",
            "TenantUnchanged",
            "TenantChangeRejected",
            "TenantUpdated"
        ]
    );
    assert_eq!(answers[4]["detail"]["kept"][0]["region"], "eu-west-1");
}

#[test]
fn of_forty_faults_in_a_fleet_the_audit_finds_all_and_nothing_else_and_none_after_its_commands() {
    let output = Command::new(env!("CARGO_BIN_EXE_landlord"))
        .args(["demo", "fleet", "--accounts", "120", "--json"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(outcome["seeded"], 40);
    assert_eq!(outcome["found"].as_array().unwrap().len(), 40);
    assert_eq!(outcome["left"], serde_json::json!([]));
    assert_eq!(outcome["last"]["goneCount"], 40);
}
