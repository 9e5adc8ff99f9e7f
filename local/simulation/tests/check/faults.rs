//! The faults, each made by AWS's own calls or by a line in a file.

use std::time::Duration;

use serde_json::json;

use super::ground::{Ground, HOME, MANAGEMENT, ROOT, US_EAST_1};

type Fault = (&'static str, &'static [&'static str], &'static str);

/// A fault, the findings that follow from it, and something that they say.
pub(super) const FAULTS: &[Fault] = &[
    (
        "a member's credentials",
        &["NotTheManagementAccount"],
        "use credentials of account 111122223333",
    ),
    ("no organization", &["NoOrganization"], "create-organization"),
    (
        "consolidated billing",
        &["NotAllFeatures", "PolicyType", "PolicyType"],
        "enable-all-features",
    ),
    ("no service control policies", &["PolicyType"], "--policy-type SERVICE_CONTROL_POLICY"),
    ("no resource control policies", &["PolicyType"], "--policy-type RESOURCE_CONTROL_POLICY"),
    ("few accounts", &["AccountQuota"], "1 accounts and may have 5: 4 are left"),
    ("no trail", &["NoTrail"], "there is none"),
    ("a trail that is stopped", &["NoTrail"], "our-trail does not log"),
    ("a trail of reads", &["NoTrail"], "records no management events that change something"),
    ("a trail of another Region", &["NoTrail"], "there is none"),
    (
        "an administration role",
        &["NameTaken"],
        "set AdministrationRoleArn to arn:aws:iam::111122223333",
    ),
    ("no such administration role", &["Role"], "there is no role stacks in this account"),
    ("another account's role", &["Role"], "is of another account than this one"),
    ("a role that trusts another", &["RoleTrust"], "does not trust cloudformation.amazonaws.com"),
    ("no such delivery role", &["Role"], "there is no role delivery"),
    ("no such parent", &["Parent"], "the organization has no root and no unit ou-root-00000000"),
    ("a deep parent", &["Parent"], "5 units below the root"),
    ("no such unit", &["Unit"], "the organization has no unit ou-root-00000000"),
    ("a unit twice", &["UnitTwice"], "is CanaryOuId as well"),
    ("a unit in a unit", &["UnitInUnit"], "where its policies would hold as well"),
    ("foreign accounts", &["ForeignAccounts"], "without the tag landlord:tenant"),
    ("a unit with ten policies", &["UnitIsFull"], "10 policies of the type SERVICE_CONTROL_POLICY"),
    ("a unit's name", &["NameTaken"], "set RetiringOuId to ou-"),
    ("a stack that was rolled back", &["StackState"], "it is in ROLLBACK_COMPLETE"),
    ("the other stack was rolled back", &["StackState"], "--region us-east-1 delete-stack"),
    ("a policy's name", &["NameTaken"], "there is a policy landlord-protect (p-"),
    ("a stack set's name", &["NameTaken"], "there is a stack set landlord-tenant-baseline"),
    ("no such stack set", &["StackSet"], "AWS knows none of this name"),
    ("a stack set by another role", &["StackSet"], "has the administration role arn:aws:iam"),
    ("a stack set that deploys itself", &["StackSet"], "AutoDeployment"),
    ("no trusted access", &["TrustedAccess"], "activate-organizations-access"),
    ("no managed execution", &["ManagedExecution"], "--managed-execution Active=true"),
    ("a quota that is none", &["Quota"], "must be a quota of lambda: AWS knows none"),
    ("a global quota with a Region", &["Quota"], "must have global: true"),
    ("no code of the gate", &["GateArtifact"], "make publish-gate"),
    ("a gate without Regions", &["GateWithoutRegions"], "no gate is made"),
    ("a gate in another Region", &["GateRegion"], "add eu-west-1 to GateRegions"),
    ("a gate that understands nothing", &["GateSettings"], "GateMaintenanceWindows"),
    ("a misspelt parameter", &["Parameter"], "SweepsEnabled is meant?"),
    ("a boolean of Python", &["Parameter"], "must be one of true, false"),
    ("an id without its zero", &["Parameter"], "twelve digits, zeros in front too"),
    ("a parameter that is missing", &["Parameter"], "EmailDomain: nothing where it is required"),
    ("a misspelt member of the tiers", &["Configuration"], "must not be there"),
    ("tiers that are too large", &["TiersTooLarge"], "which holds 4096"),
    ("a home Region of nobody", &["HomeRegion", "HomeRegion"], "has no baseline in us-east-1"),
    ("long addresses", &["AddressTooLong"], "a UUID has 36"),
    ("a time zone of nobody", &["TimeZone"], "no time zone \\\"Europe/Berlln\\\""),
    ("sweeps that close nobody", &["NothingCloses"], "CloseAtMost is 0"),
    ("somebody unknown is protected", &["ProtectedAccount"], "999999999999 is no account"),
    ("a tenant may sign up", &["TenantMayAsk"], "it could sign up and offboard others"),
    ("little concurrency", &["LambdaConcurrency"], "10 functions may run at a time"),
];

/// Makes a fault.
pub(super) async fn seed(ground: &mut Ground, fault: &str) {
    if in_files(ground, fault)
        || of_the_organization(ground, fault).await
        || of_units(ground, fault).await
        || of_roles_and_stacks(ground, fault).await
        || of_stack_sets(ground, fault).await
    {
        return;
    }
    panic!("nobody makes the fault {fault}");
}

fn in_files(ground: &Ground, fault: &str) -> bool {
    let key = format!("GateArtifactKey: account-gate/{}.zip", "0".repeat(64));
    match fault {
        "a misspelt parameter" => ground.set("SweepsEnabld: true"),
        "a boolean of Python" => ground.set("SweepsEnabled: True"),
        "an id without its zero" => ground.set("SignupAccountIds: [12345678901]"),
        "a parameter that is missing" => ground.set_all("ParentId: r-root\n"),
        "long addresses" => ground.set("EmailLocalPart: aws-of-many-tenants\n"),
        "a time zone of nobody" => ground.set("SweepTimezone: Europe/Berlln"),
        "sweeps that close nobody" => {
            ground.set("SweepsEnabled: true\nSweepDryRun: false\nCloseAtMost: 0");
        }
        "somebody unknown is protected" => ground.set("ProtectedAccountIds: ['999999999999']"),
        "a home Region of nobody" => ground.set_all(
            "EmailDomain: accounts.example.com\nParentId: r-root\nHomeRegion: us-east-1\n",
        ),
        "a gate without Regions" => ground.set(&key),
        "a gate that understands nothing" => ground.set("GateMaintenanceWindows: always"),
        "a misspelt member of the tiers" => {
            ground.tiers(|tiers| tiers["tiers"]["standard"]["quota"] = json!([]));
        }
        "tiers that are too large" => ground.tiers(|tiers| {
            for number in 0..12 {
                tiers["tiers"][format!("tier-{number}")] = tiers["tiers"]["standard"].clone();
            }
        }),
        "a quota that is none" => ground.tiers(|tiers| {
            tiers["tiers"]["standard"]["quotas"][0]["quotaCode"] = json!("L-00000000");
        }),
        "a global quota with a Region" => ground.tiers(|tiers| {
            tiers["tiers"]["standard"]["quotas"] = json!([{
                "serviceCode": "iam", "quotaCode": "L-FE177D64", "region": HOME, "desired": 2000,
            }]);
        }),
        _ => return false,
    }
    true
}

async fn of_the_organization(ground: &mut Ground, fault: &str) -> bool {
    let trail = json!({ "Name": "our-trail" });
    match fault {
        "a member's credentials" => {
            let member = ground.account(ROOT, None);
            ground.assume(&format!("arn:aws:iam::{member}:role/OrganizationAccountAccessRole"));
        }
        "no organization" => drop(ground.organizations("DeleteOrganization", json!({})).await),
        "consolidated billing" => {
            ground.organizations("DeleteOrganization", json!({})).await;
            let input = json!({ "FeatureSet": "CONSOLIDATED_BILLING" });
            ground.organizations("CreateOrganization", input).await;
        }
        "no service control policies" | "no resource control policies" => {
            let kind = if fault.contains("service") { "SERVICE" } else { "RESOURCE" };
            let kind = format!("{kind}_CONTROL_POLICY");
            let input = json!({ "RootId": ROOT, "PolicyType": kind });
            ground.organizations("DisablePolicyType", input).await;
        }
        "few accounts" => ground.aws.set_account_limit(5),
        "little concurrency" => {
            ground.aws.apply_quota((MANAGEMENT, HOME), "lambda", "L-B99A9384", 10.0);
        }
        "no trail" => drop(ground.ask(("cloudtrail", US_EAST_1), "DeleteTrail", trail).await),
        "a trail that is stopped" => {
            ground.ask(("cloudtrail", US_EAST_1), "StopLogging", trail).await;
        }
        "a trail of reads" => {
            let selectors = json!({ "TrailName": "our-trail", "EventSelectors": [
                {"ReadWriteType": "ReadOnly", "IncludeManagementEvents": true},
            ]});
            ground.ask(("cloudtrail", US_EAST_1), "PutEventSelectors", selectors).await;
        }
        "a trail of another Region" => {
            ground.ask(("cloudtrail", US_EAST_1), "DeleteTrail", trail).await;
            ground.trail_in(HOME, false).await;
        }
        "a tenant may sign up" => {
            let tenant = ground.account(ROOT, Some("acme"));
            ground.set(&format!("SignupAccountIds: ['{tenant}']"));
        }
        _ => return false,
    }
    true
}

async fn of_units(ground: &Ground, fault: &str) -> bool {
    match fault {
        "no such parent" => {
            ground.set_all("EmailDomain: accounts.example.com\nParentId: ou-root-00000000\n")
        }
        "a deep parent" => {
            let mut parent = ROOT.to_owned();
            for _ in 0..5 {
                parent = ground.unit(&parent, "Deeper").await;
            }
            let text = format!("EmailDomain: accounts.example.com\nParentId: {parent}\n");
            ground.set_all(&text);
        }
        "no such unit" => ground.set("GeneralOuId: ou-root-00000000"),
        "a unit twice" => {
            let unit = ground.unit(ROOT, "Ours").await;
            ground.set(&format!("CanaryOuId: {unit}\nGeneralOuId: {unit}"));
        }
        "a unit in a unit" => {
            let outer = ground.unit(ROOT, "Outer").await;
            let inner = ground.unit(&outer, "Inner").await;
            ground.set(&format!("RetiringOuId: {outer}\nGeneralOuId: {inner}"));
        }
        "foreign accounts" => {
            let unit = ground.unit(ROOT, "Workloads").await;
            let deeper = ground.unit(&unit, "Deeper").await;
            ground.account(&unit, Some("acme"));
            ground.account(&deeper, None);
            ground.set(&format!("RetiringOuId: {unit}"));
        }
        "a unit with ten policies" => {
            let unit = ground.unit(ROOT, "Workloads").await;
            // AWS's own is one of them.
            for number in 0..9 {
                let policy =
                    ground.policy("SERVICE_CONTROL_POLICY", &format!("ours-{number}")).await;
                let input = json!({ "PolicyId": policy, "TargetId": unit });
                ground.organizations("AttachPolicy", input).await;
            }
            ground.set(&format!("GeneralOuId: {unit}"));
        }
        "a unit's name" => drop(ground.unit(ROOT, "Retiring").await),
        "a policy's name" => {
            ground.policy("SERVICE_CONTROL_POLICY", "landlord-protect").await;
        }
        _ => return false,
    }
    true
}

async fn of_roles_and_stacks(ground: &Ground, fault: &str) -> bool {
    let administration = |account: &str, name: &str| {
        format!("AdministrationRoleArn: arn:aws:iam::{account}:role/{name}")
    };
    match fault {
        "an administration role" => {
            let name = "AWSCloudFormationStackSetAdministrationRole";
            ground.role(name, "cloudformation.amazonaws.com").await;
        }
        "no such administration role" => ground.set(&administration(MANAGEMENT, "stacks")),
        "another account's role" => ground.set(&administration("999988887777", "stacks")),
        "a role that trusts another" => {
            ground.role("stacks", "lambda.amazonaws.com").await;
            ground.set(&administration(MANAGEMENT, "stacks"));
        }
        "no such delivery role" => {
            ground.set(&format!("DeliveryRoleArns: ['arn:aws:iam::{MANAGEMENT}:role/delivery']"));
        }
        "a stack that was rolled back" => ground.failed_stack(HOME).await,
        "the other stack was rolled back" => ground.failed_stack(US_EAST_1).await,
        "no code of the gate" => {
            ground.gate(&[HOME]);
            let key = format!("account-gate/{}.zip", "0".repeat(64));
            ground.set(&format!("GateRegions: [{HOME}]\nGateArtifactKey: {key}"));
        }
        "a gate in another Region" => {
            ground.gate(&[HOME, "eu-west-1"]);
            let key = format!("account-gate/{}.zip", "0".repeat(64));
            ground.set(&format!("GateRegions: [{HOME}]\nGateArtifactKey: {key}"));
            let bucket = format!("landlord-artifacts-{MANAGEMENT}-{HOME}");
            ground.bucket(&bucket, HOME).await;
            let code = json!({ "Bucket": bucket, "Key": format!("account-gate/{}.zip", "0".repeat(64)),
                               "$body": super::ground::base64(b"code") });
            ground.ask(("s3", HOME), "PutObject", code).await;
        }
        _ => return false,
    }
    true
}

async fn of_stack_sets(ground: &Ground, fault: &str) -> bool {
    let name = "landlord-extra";
    match fault {
        "a stack set's name" => ground.stack_set("landlord-tenant-baseline", json!({})).await,
        "no such stack set" => ground.service(name),
        "a stack set by another role" => {
            ground.service(name);
            let role = format!("arn:aws:iam::{MANAGEMENT}:role/another");
            ground.role("another", "cloudformation.amazonaws.com").await;
            ground.stack_set(name, json!({ "AdministrationRoleARN": role })).await;
        }
        "no managed execution" => {
            ground.service(name);
            ground.stack_set(name, json!({ "ManagedExecution": {"Active": "false"} })).await;
        }
        "a stack set that deploys itself" | "no trusted access" => {
            ground.service(name);
            let at = ("cloudformation", HOME);
            ground.ask(at, "ActivateOrganizationsAccess", json!({})).await;
            let automatic = if fault == "no trusted access" { "false" } else { "true" };
            let mut members = json!({ "PermissionModel": "SERVICE_MANAGED", "AutoDeployment": {"Enabled": automatic} });
            if automatic == "true" {
                members["AutoDeployment"]["RetainStacksOnAccountRemoval"] = json!("false");
            }
            ground.stack_set(name, members).await;
            if fault == "no trusted access" {
                ground.ask(at, "DeactivateOrganizationsAccess", json!({})).await;
            }
            ground.aws.sleep(Duration::from_secs(10)).await;
        }
        _ => return false,
    }
    true
}
