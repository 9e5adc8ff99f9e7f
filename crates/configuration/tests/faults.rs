//! What is wrong is told on one line each, with file, line, field, value and rule, all at once.

use serde_json::{Value, json};

use crate::folder::{Folder, service, tiers};

fn changed(pointer: &str, value: Value) -> Vec<String> {
    let folder = Folder::new();
    let mut all = tiers();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match all.pointer_mut(parent).unwrap() {
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        parent => parent[name] = value,
    }
    folder.write("tiers.json", serde_json::to_string_pretty(&all).unwrap());
    folder.faults()
}

#[track_caller]
fn one(faults: &[String], parts: &[&str]) {
    let [fault] = faults else { panic!("one fault was expected: {faults:#?}") };
    for part in parts {
        assert!(fault.contains(part), "{part} is not said: {fault}");
    }
}

#[test]
fn an_unknown_key_is_named_with_the_one_that_is_meant() {
    let faults = changed("/tiers/standard/quotaz", json!([]));
    one(&faults, &["tiers.json:", "tiers.standard.quotaz: \"quotaz\"", "quotas is meant?"]);
    let faults = changed("/tiers/standard/baseline/0/xyz", json!(1));
    one(&faults, &["tiers.json:16:", "baseline[0].xyz", "known are stackSet, regions"]);
}

#[test]
fn a_misspelt_stack_set_is_none_of_the_catalogue() {
    let faults = changed("/tiers/standard/baseline/1/stackSet", json!("landlord-biling"));
    one(
        &faults,
        &[
            "tiers.json:18: tiers.standard.baseline[1].stackSet",
            "\"landlord-biling\"",
            "landlord-billing is meant?",
        ],
    );
}

#[test]
fn a_circle_of_after_is_told_of_each_in_it() {
    let folder = Folder::new();
    folder.write("services/base.json", service("landlord-base", &["landlord-billing"]).to_string());
    let faults = folder.faults();
    let of = |file: &str| {
        faults.iter().any(|it| it.starts_with(file) && it.contains("must not wait for itself"))
    };
    assert!(of("services/base.json:1: after") && of("services/billing.json:"), "{faults:#?}");
}

#[test]
fn an_opt_in_region_and_one_that_the_service_has_not_are_refused() {
    let faults = changed("/tiers/standard/baseline/0/regions/0", json!("eu-central-2"));
    one(&faults, &["tiers.json:", "baseline[0].regions[0]: \"eu-central-2\"", "opt-in"]);
    let folder = Folder::new();
    let mut base = service("landlord-base", &[]);
    base["regions"] = json!(["eu-west-1"]);
    folder.write("services/base.json", base.to_string());
    one(
        &folder.faults(),
        &["regions[0]: \"eu-central-1\" must be a Region of the service base: eu-west-1"],
    );
}

#[test]
fn a_tier_without_a_unit_or_with_one_that_is_none_is_refused() {
    one(
        &changed("/tiers/standard/organizationalUnits", json!([])),
        &["organizationalUnits", "[]", "less than 1 item"],
    );
    let faults = changed("/tiers/standard/organizationalUnits/0/name", json!("Genral"));
    one(&faults, &["organizationalUnits[0].name", "\"Genral\"", "\"General\""]);
}

#[test]
fn what_is_too_big_is_not_read() {
    let folder = Folder::new();
    let text = format!("{{\"tiers\": {{}}, \"x\": \"{}\"}}", "x".repeat(10_000_000));
    folder.write("tiers.json", text);
    one(&folder.faults(), &["tiers.json: the file", "must have at most 1048576 bytes"]);
}

#[test]
fn what_is_no_json_says_what_it_is() {
    let text = serde_json::to_string_pretty(&tiers()).unwrap();
    let says = |text: &[u8], parts: &[&str]| {
        let folder = Folder::new();
        folder.write("tiers.json", text);
        one(&folder.faults(), parts);
    };
    says(format!("\u{feff}{text}").as_bytes(), &["tiers.json:1:", "byte order mark", "UTF-8"]);
    let commented = text.replacen("\"organ", "// where they stand\n\"organ", 1);
    says(commented.as_bytes(), &["tiers.json:4:", "comment", "where they stand"]);
    says(b"# tiers\n{}", &["tiers.json:1:", "comment"]);
    says(b"{\"tiers\": {}\n, /* none */ \"a\": 1}", &["tiers.json:2:", "comment"]);
    says(b"{\"tiers\": {\n},}", &["tiers.json:2:", "must be JSON: trailing comma at column"]);
    says(b"{\"tiers\":\n\xff}", &["tiers.json:2:", "no UTF-8"]);
    says(b"", &["tiers.json:", "must be JSON: EOF"]);
    says(b"[]", &["tiers.json:", "[]", "object"]);
}

#[test]
fn a_key_that_is_there_twice_is_told_where_it_is_again() {
    let folder = Folder::new();
    let text = serde_json::to_string_pretty(&tiers()).unwrap();
    let again = "\"weight\": 1,\n\"weight\": 2";
    folder.write("tiers.json", text.replacen("\"weight\": 1", again, 1));
    one(&folder.faults(), &["tiers.json:8: tiers.standard.organizationalUnits[0].weight", "twice"]);
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let folder = Folder::new();
    let mut all = tiers();
    let standard = &mut all["tiers"]["standard"];
    standard["baseline"][0]["stackSet"] = json!("landlord-bsae");
    standard["baseline"][1]["regions"] = json!(["eu-central-2"]);
    standard["baseline"][1]["parameterOverrides"] = json!({ "Dayz": "7", "Days": "8" });
    standard["quotas"] =
        json!([{ "serviceCode": "l", "quotaCode": "L-1", "desired": 1, "global": true }]);
    folder.write("tiers.json", serde_json::to_string_pretty(&all).unwrap());
    let mut base = service("landlord-base", &["nobody"]);
    base["parameters"] = json!({ "Days": "${AWS::Region}" });
    base["tenantParameters"] = json!(["Buckt"]);
    folder.write("services/base.json", base.to_string());
    folder.write("services/broken.json", "{");
    let faults = folder.faults();
    // With half of a catalogue nothing is said of what the tiers name.
    for part in [
        "parameters.Days: \"${AWS::Region}\" must be ${Parameter.NAME}",
        "parameters.Bucket: nothing where it is required",
        "tenantParameters[0]: \"Buckt\" is no parameter of the template",
        "services/broken.json:1: the file",
        "regions[0]: \"eu-central-2\"",
        "quotas[0].serviceCode: \"l\"",
    ] {
        assert!(faults.iter().any(|fault| fault.contains(part)), "{part}: {faults:#?}");
    }
    assert!(!faults.iter().any(|fault| fault.contains("landlord-bsae")), "{faults:#?}");
    std::fs::remove_file(folder.path().join("services/broken.json")).unwrap();
    let faults = folder.faults();
    for part in
        ["landlord-bsae", "after[0]: \"nobody\"", "Dayz", "Days: \"8\" must be one of 7, 30"]
    {
        assert!(faults.iter().any(|fault| fault.contains(part)), "{part}: {faults:#?}");
    }
}

#[test]
fn a_service_is_held_against_its_template() {
    let folder = Folder::new();
    folder.write("iam.yaml", "Resources:\n  Role:\n    Type: AWS::IAM::Role\n");
    let with = |template: &str| {
        let mut base = service("landlord-base", &[]);
        base["template"] = json!(template);
        base["parameters"] = json!({});
        folder.write("services/base.json", base.to_string());
        folder.faults()
    };
    one(&with("../iam.yaml"), &["services/base.json:", "CAPABILITY_IAM"]);
    one(&with("../nothing.yaml"), &["template: \"../nothing.yaml\" must be a file"]);
    folder.write("none.yaml", "just text");
    one(&with("../none.yaml"), &["must have Resources"]);
}

#[test]
fn two_services_of_one_stack_set_are_one_too_many() {
    let folder = Folder::new();
    folder.write("services/copy.json", service("landlord-base", &[]).to_string());
    one(
        &folder.faults(),
        &["services/copy.json:1: stackSet: \"landlord-base\"", "another service"],
    );
}

#[test]
fn what_the_gate_could_not_read_is_refused_here() {
    let folder = Folder::new();
    folder.write("gate.yaml", include_str!("../../../stacksets/account-gate.yaml"));
    let gate = json!({
        "stackSet": "landlord-account-gate", "template": "../gate.yaml", "removal": "DELETE",
        "capabilities": ["CAPABILITY_IAM"],
        "parameters": { "ArtifactBucketPrefix": "x", "ArtifactKey": "y" },
    });
    folder.write("services/gate.json", gate.to_string());
    let mut all = tiers();
    all["tiers"]["standard"]["baseline"][1] = json!({
        "stackSet": "landlord-account-gate", "regions": ["eu-central-1"],
        "parameterOverrides": { "MaintenanceWindows": r#"[{"Schedule":"cron(0 2 30 2 ? *)","Duration":2}]"# },
    });
    folder.write("tiers.json", serde_json::to_string_pretty(&all).unwrap());
    one(&folder.faults(), &["MaintenanceWindows[0].Schedule", "there is no such day"]);
}
