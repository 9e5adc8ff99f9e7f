//! The repository's own template and example, and files with faults.

use std::path::Path;

use super::*;

const NEEDED: &str = "EmailDomain: accounts.example.com\nParentId: r-exam\n";

fn template() -> StackTemplate {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    StackTemplate::load(&root).unwrap()
}

fn place() -> Place {
    let text = str::to_owned;
    Place {
        stack: text("landlord"),
        account: text("012345678901"),
        region: text("eu-central-1"),
        partition: text("aws"),
    }
}

#[test]
fn the_example_can_be_deployed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let example = std::fs::read_to_string(root.join("deployment.example.yaml")).unwrap();
    let (values, findings) = template().values(DEPLOYMENT, &example);
    assert!(findings.is_empty(), "{findings}");
    assert_eq!(values["SignupAccountIds"], "");
    assert_eq!(values["RetireAfterDays"], "30", "a default");
}

#[test]
fn values_stay_as_they_are_written() {
    let text = format!(
        "{NEEDED}SweepsEnabled: false\nProtectedAccountIds: [012345670123, 000000000001]\nRetireAfterDays: 030\n"
    );
    let (values, findings) = template().values(DEPLOYMENT, &text);
    assert!(findings.is_empty(), "{findings}");
    assert_eq!(values["ProtectedAccountIds"], "012345670123,000000000001");
    assert_eq!(values["RetireAfterDays"], "030");
    assert_eq!(values["SweepsEnabled"], "false");
}

#[test]
fn what_would_not_work_is_said_with_its_line() {
    for (text, told) in [
        (
            "SweepsEnabld: true",
            "deployment.yaml:3: SweepsEnabld: \"SweepsEnabld\" is no parameter of the template; SweepsEnabled is meant?",
        ),
        (
            "SweepsEnabled: True",
            "deployment.yaml:3: SweepsEnabled: \"True\" must be one of true, false",
        ),
        ("ProtectedAccountIds: [12345678901]", "\"12345678901\" must be an account's id"),
        ("RetireAfterDays: soon", "\"soon\" must be a number from 1 to 3650"),
        ("RetireAfterDays: 5000", "\"5000\" must be a number from 1 to 3650"),
        ("GateFreezePeriods: [{From: x}]", "must be text or a list of texts"),
        ("Tiers: x", "Tiers: its value comes from tiers.json"),
        ("ParentId: r-twice", "ParentId: \"ParentId\" must not be there twice"),
        ("a: [", "must be YAML"),
        ("OnboardingOuId: ou-x", "OnboardingOuId: \"ou-x\" must match"),
    ] {
        let (_, findings) = template().values(DEPLOYMENT, &format!("{NEEDED}{text}\n"));
        assert!(findings.to_string().contains(told), "{text}: {findings}");
    }
    let (_, findings) = template().values(DEPLOYMENT, "ParentId: r-exam\n");
    assert_eq!(findings.to_string(), "deployment.yaml: EmailDomain: nothing where it is required");
}

#[test]
fn names_and_conditions_follow_from_the_values() {
    let template = template();
    let key = format!("account-gate/{}.zip", "0".repeat(64));
    let gate = format!(
        "{NEEDED}GateRegions: [eu-central-1]\nGateArtifactKey: {key}\nCanaryOuId: ou-exam-12345678\n"
    );
    let (values, findings) = template.values(DEPLOYMENT, &gate);
    assert!(findings.is_empty(), "{findings}");
    let stack = template.stack(&values, place());
    let names = |kind: &str, property: &str| -> Vec<String> {
        stack.resources(kind).iter().filter_map(|it| it.text(property)).collect()
    };
    assert!(
        names("AWS::CloudFormation::StackSet", "StackSetName")
            .contains(&"landlord-account-gate".into())
    );
    assert!(!names("AWS::Organizations::OrganizationalUnit", "Name").contains(&"Canary".into()));
    let policies = stack.resources("AWS::Organizations::Policy");
    let quarantine = policies.iter().find(|it| it.name == "ProtectLandlordPolicy").unwrap();
    assert_eq!(quarantine.texts("TargetIds"), ["ou-exam-12345678"]);
    assert_eq!(quarantine.text("Name").as_deref(), Some("landlord-protect"));
}
