//! The first deploy of Landlord's own template, as unkindly as CloudFormation may do it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use local_aws::cloudformation::{Outputs, ResourceRule, StackError, StackOrder, StackRequest};
use local_aws::{Aws, Call, Caller, Principal, Settings};
use serde_json::{Value, json};

use crate::world::{ACCOUNT, REGION, World};

const STACK: &str = "landlord";
const UNITS: [&str; 6] = ["Onboarding", "Canary", "Early", "General", "Retiring", "Suspended"];
/// Conditions of the template that hold only when a parameter says so. The gate's Regions are left
/// out, as README says: the buckets of its code are kept whatever happens.
const EVERYTHING: [(&str, &str); 2] = [
    ("AlarmEmail", "platform@example.com"),
    ("DeliveryRoleArns", "arn:aws:iam::222222222222:role/delivery"),
];

async fn world(order: StackOrder) -> World {
    let world = World::with(Settings { empty_pages: 0.0, ..Settings::default() }).await;
    world.aws.set_stack_order(order);
    for kind in ["SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"] {
        let input = json!({ "RootId": "r-root", "PolicyType": kind });
        // One that is enabled already is fine.
        drop(console(&world, "organizations", "EnablePolicyType", input).await);
    }
    world
}

/// A call in the console: nobody counts these.
async fn console(
    world: &World,
    service: &'static str,
    operation: &str,
    input: Value,
) -> Result<Value, local_aws::AwsError> {
    world.as_service("console.amazonaws.com", service, operation, input).await
}

async fn deploy(aws: &Aws, parameters: &[(&str, &str)]) -> Result<Outputs, StackError> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |name: &str| std::fs::read_to_string(root.join(name)).unwrap();
    let own = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let mut all = BTreeMap::from([
        ("EmailDomain".to_owned(), "accounts.example.com".to_owned()),
        ("ParentId".to_owned(), "r-root".to_owned()),
        ("Tiers".to_owned(), read("tiers.json")),
    ]);
    all.extend(own);
    let request = StackRequest {
        name: STACK.to_owned(),
        template: read("template.yaml"),
        base_dir: Some(root.clone()),
        parameters: all,
        tags: BTreeMap::new(),
        account: ACCOUNT.to_owned(),
        region: REGION.to_owned(),
    };
    aws.deploy_stack(request).await
}

/// The units below the root, by name.
async fn units(world: &World) -> BTreeMap<String, String> {
    let parent = json!({ "ParentId": "r-root" });
    let listed = console(world, "organizations", "ListOrganizationalUnitsForParent", parent).await;
    let listed = listed.unwrap();
    let text = |unit: &Value, name: &str| unit[name].as_str().unwrap().to_owned();
    let units = listed["OrganizationalUnits"].as_array().unwrap();
    units.iter().map(|unit| (text(unit, "Name"), text(unit, "Id"))).collect()
}

/// The role that SAM makes for a function.
async fn role_of(world: &World, function: &str) -> String {
    let name = json!({ "FunctionName": format!("{STACK}-{function}") });
    let shown = console(world, "lambda", "GetFunctionConfiguration", name).await.unwrap();
    shown["Role"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn each_protected_account_is_named_in_what_close_account_may_never_do() {
    for (ids, expected) in
        [("", 1), ("012345678901", 1), ("012345678901,222222222222,333333333333", 3)]
    {
        let world = world(StackOrder::AsDeclared).await;
        deploy(&world.aws, &[("ProtectedAccountIds", ids)]).await.unwrap();
        let role = role_of(&world, "close-account").await;
        let listed =
            console(&world, "iam", "ListRolePolicies", json!({ "RoleName": role })).await.unwrap();
        let mut statements: Vec<Value> = Vec::new();
        for name in listed["PolicyNames"].as_array().unwrap() {
            let input = json!({ "RoleName": role, "PolicyName": name });
            let policy = console(&world, "iam", "GetRolePolicy", input).await.unwrap();
            let text = policy["PolicyDocument"].as_str().unwrap();
            let text = percent_encoding::percent_decode_str(text).decode_utf8().unwrap();
            let document: Value = serde_json::from_str(&text).unwrap();
            statements.extend(document["Statement"].as_array().unwrap().clone());
        }
        let never = statements.iter().find(|one| one["Sid"] == "NeverTheseAccounts").unwrap();
        let resources = never["Resource"].as_array().unwrap();
        assert_eq!(resources.len(), expected, "{resources:?}");
        for (resource, id) in resources.iter().zip(ids.split(',')) {
            let resource = resource.as_str().unwrap();
            assert!(resource.starts_with("arn:"), "{resource}");
            assert!(resource.ends_with(&format!(":account/*/{id}")), "{resource}");
        }
    }
}

/// Organizations makes one unit a second, two at once, and CloudFormation does not ask again.
#[tokio::test(start_paused = true)]
async fn the_units_are_made_one_after_another_whichever_of_them_are_given() {
    for given in [&["Canary", "General", "Suspended"][..], &["Onboarding", "Early"], &[]] {
        let world = world(StackOrder::Unkind).await;
        let mut ids = Vec::new();
        for name in given {
            let input = json!({ "Name": name, "ParentId": "r-root" });
            let made = console(&world, "organizations", "CreateOrganizationalUnit", input).await;
            let id = made.unwrap()["OrganizationalUnit"]["Id"].as_str().unwrap().to_owned();
            ids.push((format!("{name}OuId"), id));
        }
        let parameters: Vec<(&str, &str)> =
            ids.iter().map(|(name, id)| (name.as_str(), id.as_str())).collect();
        deploy(&world.aws, &parameters).await.unwrap_or_else(|error| panic!("{given:?}: {error}"));
        assert_eq!(units(&world).await.len(), UNITS.len(), "{given:?}");
    }
}

/// What the chain of units is for, seen to be needed.
#[tokio::test(start_paused = true)]
async fn units_that_begin_at_once_are_too_many_for_organizations() {
    let world = world(StackOrder::Unkind).await;
    let unit = |name: &str| {
        format!(
            "  {name}: {{Type: AWS::Organizations::OrganizationalUnit, \
             Properties: {{Name: {name}, ParentId: r-root}}}}\n"
        )
    };
    let template = format!("Resources:\n{}", UNITS.map(unit).concat());
    let request = StackRequest {
        name: "units".to_owned(),
        template,
        base_dir: None,
        parameters: BTreeMap::new(),
        tags: BTreeMap::new(),
        account: ACCOUNT.to_owned(),
        region: REGION.to_owned(),
    };
    let error = world.aws.deploy_stack(request).await.unwrap_err().to_string();
    assert!(error.contains("TooManyRequestsException"), "{error}");
    assert!(error.contains("ROLLBACK_COMPLETE"), "{error}");
    assert!(units(&world).await.is_empty());
}

/// Every resource in turn fails once while others are being made; what was made goes, and the
/// second deploy meets nothing of the first.
async fn each_fails_once(part: usize, parts: usize) {
    let whole = world(StackOrder::Unkind).await;
    deploy(&whole.aws, &EVERYTHING).await.unwrap();
    let ids = whole.aws.stack_resources(ACCOUNT, REGION, STACK);
    assert!(ids.len() > 100, "{ids:?}");
    for id in ids.iter().skip(part).step_by(parts) {
        let world = world(StackOrder::Unkind).await;
        let aws = &world.aws;
        aws.set_resource_rules(vec![ResourceRule {
            resource: Some(id.clone()),
            times: Some(1),
            duration: Some(Duration::from_secs(2)),
            failure: Some("this once".to_owned()),
            ..ResourceRule::default()
        }]);
        let why = deploy(aws, &EVERYTHING).await.unwrap_err().to_string();
        assert!(why.contains("this once") && why.contains("ROLLBACK_COMPLETE"), "{id}: {why}");
        // A stack that was never made can not be updated, only deleted.
        let again = deploy(aws, &EVERYTHING).await.unwrap_err().to_string();
        assert!(again.contains("is in ROLLBACK_COMPLETE state"), "{id}: {again}");
        aws.delete_stack(ACCOUNT, REGION, STACK).await.unwrap();
        let second = deploy(aws, &EVERYTHING).await;
        second.unwrap_or_else(|error| panic!("after {id}: {error}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_deploy_that_fails_can_be_tried_again_first_third_of_the_resources() {
    each_fails_once(0, 3).await;
}

#[tokio::test(start_paused = true)]
async fn a_first_deploy_that_fails_can_be_tried_again_second_third_of_the_resources() {
    each_fails_once(1, 3).await;
}

#[tokio::test(start_paused = true)]
async fn a_first_deploy_that_fails_can_be_tried_again_last_third_of_the_resources() {
    each_fails_once(2, 3).await;
}

/// What is retained stays when the stack goes, once it was made.
#[tokio::test(start_paused = true)]
async fn the_units_and_the_runs_stay_when_a_stack_that_stood_is_deleted() {
    let world = world(StackOrder::AsDeclared).await;
    let outputs = deploy(&world.aws, &[]).await.unwrap();
    world.aws.delete_stack(ACCOUNT, REGION, STACK).await.unwrap();
    assert_eq!(units(&world).await.len(), UNITS.len());
    let bucket = json!({ "Bucket": outputs["RunsBucketName"] });
    console(&world, "s3", "HeadBucket", bucket).await.unwrap();
}

/// A role that is stolen makes no account a tenant's that is not one: the management account would
/// otherwise stand in a list of accounts that are closed.
#[tokio::test(start_paused = true)]
async fn the_role_of_create_account_tags_what_it_makes_and_nothing_that_is_there() {
    let world = world(StackOrder::AsDeclared).await;
    deploy(&world.aws, &[]).await.unwrap();
    let role = role_of(&world, "create-account").await;
    let as_function = async |operation: &str, input: Value| {
        // Organizations makes one account in ten seconds.
        tokio::time::sleep(Duration::from_secs(60)).await;
        let call = Call {
            service: "organizations",
            operation: operation.to_owned(),
            input,
            caller: Caller {
                account: ACCOUNT.to_owned(),
                arn: format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/stolen"),
                principal: Principal::Role { role: role.clone(), session_policy: None },
            },
            account: ACCOUNT.to_owned(),
            region: "us-east-1".to_owned(),
        };
        world.aws.perform(&call).await.map_err(|error| error.to_string())
    };
    let tags = |keys: &[&str]| -> Value {
        keys.iter().map(|key| json!({ "Key": key, "Value": "x" })).collect()
    };
    let make = |number: usize, keys: &[&str]| {
        let email = format!("{number}@example.com");
        json!({ "AccountName": "internal", "Email": email, "Tags": tags(keys) })
    };
    // An account of the organization's own, without a tenant's tag.
    let made = console(&world, "organizations", "CreateAccount", make(0, &[])).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let status = json!({ "CreateAccountRequestId": made["CreateAccountStatus"]["Id"] });
    let done = console(&world, "organizations", "DescribeCreateAccountStatus", status).await;
    let internal = done.unwrap()["CreateAccountStatus"]["AccountId"].as_str().unwrap().to_owned();

    as_function("CreateAccount", make(1, &["landlord:tenant", "landlord:tier"])).await.unwrap();
    for keys in [
        &["landlord:tier"][..],
        &["landlord:tenant", "landlord:retire-after"],
        &["landlord:tenant", "Landlord:Protected"],
    ] {
        let told = as_function("CreateAccount", make(2, keys)).await.unwrap_err();
        assert!(told.contains("AccessDenied"), "{keys:?}: {told}");
    }
    let unit = units(&world).await["General"].clone();
    for there in [ACCOUNT, &internal, &unit] {
        let input = json!({ "ResourceId": there, "Tags": tags(&["landlord:tenant"]) });
        let told = as_function("TagResource", input).await.unwrap_err();
        assert!(told.contains("AccessDenied"), "{there}: {told}");
    }
}
