//! The stack, what belongs to it, and what stands where it would: roles and the gate's code.

use std::collections::{BTreeMap, BTreeSet};

use lambda_kit::client;
use lambda_kit::sdk::{GLOBAL_REGION, Wire};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::super::plan::Plan;
use super::super::world::{Look, Role};
use super::{look, unless_missing};

/// The stack's state in its own Region and in us-east-1, and the physical ids of its resources.
pub(super) async fn stacks(
    wire: &Wire,
    plan: Plan<'_>,
) -> (BTreeMap<String, Look<Option<String>>>, Look<BTreeSet<String>>) {
    let mut stacks = BTreeMap::new();
    for region in BTreeSet::from([wire.region(), GLOBAL_REGION]) {
        let state = state(&wire.in_region(region), plan.name).await;
        stacks.insert(region.to_owned(), state);
    }
    let owned = match stacks.get(wire.region()) {
        Some(Ok(Some(_))) => Box::pin(resources(wire, plan.name)).await,
        // What belongs to a stack that could not be looked at is not known either.
        Some(Err(trouble)) => Err(trouble.clone()),
        Some(Ok(None)) | None => Ok(BTreeSet::new()),
    };
    (stacks, owned)
}

async fn state(wire: &Wire, name: &str) -> Look<Option<String>> {
    let client = client!(aws_sdk_cloudformation, wire);
    let answer = client.describe_stacks().stack_name(name).send().await;
    let answer = look("cloudformation", "DescribeStacks", answer);
    // The only way in which CloudFormation says that there is no such stack.
    let answer = unless_missing(answer, &["ValidationError"])?;
    let stack = answer.and_then(|answer| answer.stacks?.into_iter().next());
    Ok(stack.and_then(|stack| Some(stack.stack_status?.as_str().to_owned())))
}

async fn resources(wire: &Wire, name: &str) -> Look<BTreeSet<String>> {
    let client = client!(aws_sdk_cloudformation, wire);
    let request = client.list_stack_resources().stack_name(name);
    let call = "ListStackResources";
    let found = items!("cloudformation", call, request, stack_resource_summaries)?;
    Ok(found.into_iter().filter_map(|it| it.physical_resource_id).collect())
}

/// The roles that the template would make, and those of this account that the parameters name.
pub(super) async fn roles(wire: &Wire, plan: Plan<'_>) -> BTreeMap<String, Look<Option<Role>>> {
    let mut names: BTreeSet<String> =
        plan.names("AWS::IAM::Role", "RoleName").into_iter().collect();
    let mut given = plan.list("DeliveryRoleArns");
    given.push(plan.value("AdministrationRoleArn").to_owned());
    names.extend(given.iter().filter_map(|arn| role_name(arn, plan.account)).map(str::to_owned));
    let client = client!(aws_sdk_iam, wire.global());
    let mut all = BTreeMap::new();
    for name in names {
        let answer = client.get_role().role_name(&name).send().await;
        let answer = unless_missing(look("iam", "GetRole", answer), &["NoSuchEntity"]);
        let role = answer.map(|answer| {
            let trust = answer?.role?.assume_role_policy_document?;
            Some(Role { trusts_cloudformation: trusts_cloudformation(&trust) })
        });
        all.insert(name, role);
    }
    all
}

/// The name of a role of this account, by its ARN.
pub(in super::super) fn role_name<'a>(arn: &'a str, account: &str) -> Option<&'a str> {
    let mut parts = arn.splitn(6, ':').skip(4);
    let (of, role) = (parts.next()?, parts.next()?);
    (of == account).then(|| role.rsplit('/').next()).flatten()
}

fn trusts_cloudformation(trust: &str) -> bool {
    let text = percent_decode_str(trust).decode_utf8_lossy();
    let document: Value = serde_json::from_str(&text).unwrap_or_default();
    let each = |value: &Value| match value {
        Value::Array(items) => items.clone(),
        one => vec![one.clone()],
    };
    each(&document["Statement"]).iter().any(|statement| {
        let services = each(&statement["Principal"]["Service"]);
        let names_it = services.iter().filter_map(Value::as_str).any(|service| {
            service.starts_with("cloudformation.") && service.ends_with(".amazonaws.com")
        });
        statement["Effect"] == "Allow" && names_it
    })
}

/// Whether the gate's code is there, in each Region that shall have it.
pub(super) async fn artifacts(wire: &Wire, plan: Plan<'_>) -> BTreeMap<String, Look<bool>> {
    let mut all = BTreeMap::new();
    let Some(key) = plan.gate_key() else { return all };
    for region in plan.list("GateRegions") {
        let client = client!(aws_sdk_s3, wire.in_region(&*region));
        let head = client.head_object().bucket(plan.gate_bucket(&region)).key(key).send().await;
        // HEAD has no body, and so no code but that of its status.
        let found = unless_missing(
            look("s3", "GetObject", head),
            &["NotFound", "NoSuchKey", "NoSuchBucket"],
        );
        all.insert(region, found.map(|found| found.is_some()));
    }
    all
}
