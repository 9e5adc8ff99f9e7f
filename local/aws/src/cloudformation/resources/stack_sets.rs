//! `AWS::CloudFormation::StackSet`, with the instances that its `StackInstancesGroup` names by
//! account. Everybody else's instances are made by `CreateStackInstances` and left alone here.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Context, Notation, answered, made, picked, required};
use crate::AwsError;
use crate::cloudformation::template::Made;

pub(super) const KINDS: [Notation; 1] = [(
    "AWS::CloudFormation::StackSet",
    "StackSetName!+ Description PermissionModel!+ AdministrationRoleARN ExecutionRoleName \
     TemplateBody TemplateURL Capabilities AutoDeployment{Enabled RetainStacksOnAccountRemoval} \
     ManagedExecution{Active} OperationPreferences{RegionConcurrencyType RegionOrder \
     FailureToleranceCount FailureTolerancePercentage MaxConcurrentCount MaxConcurrentPercentage \
     ConcurrencyMode} Parameters[ParameterKey+ ParameterValue+] CallAs Tags[Key Value] \
     StackInstancesGroup[DeploymentTargets{Accounts+}+ Regions+]",
    "StackSetId",
)];

const MEMBERS: [&str; 11] = [
    "StackSetName",
    "Description",
    "PermissionModel",
    "AdministrationRoleARN",
    "ExecutionRoleName",
    "TemplateBody",
    "Capabilities",
    "AutoDeployment",
    "ManagedExecution",
    "Parameters",
    "Tags",
];

fn input(properties: &Value) -> Result<Value, AwsError> {
    if let Some(url) = super::text(properties, "TemplateURL") {
        return Err(AwsError::validation(format!(
            "TemplateURL: \"{url}\" is not a file beside the template"
        )));
    }
    Ok(Value::Object(picked(properties, &MEMBERS)))
}

pub(super) async fn create(context: &Context<'_>, properties: &Value) -> Result<Made, AwsError> {
    let name = required(properties, "StackSetName")?;
    let answer = context.call("cloudformation", "CreateStackSet", input(properties)?).await?;
    let id = answered(&answer, "/StackSetId")?;
    // CloudFormation's own id of the resource is `<name>:<uuid>`.
    let physical_id = format!("{name}:{}", id.rsplit(':').next().unwrap_or_default());
    let set = made(physical_id.clone(), [("StackSetId", json!(physical_id))]);
    if let Err(error) = instances(context, name, &json!({}), properties).await {
        let _ = instances(context, name, properties, &json!({})).await;
        let _ = delete(context, &set, &json!({})).await;
        return Err(error);
    }
    Ok(set)
}

pub(super) async fn update(
    context: &Context<'_>,
    set: &Made,
    old: &Value,
    new: &Value,
) -> Result<Made, AwsError> {
    let mut input = input(new)?;
    if let Some(preferences) = new.get("OperationPreferences") {
        input["OperationPreferences"] = preferences.clone();
    }
    let name = required(new, "StackSetName")?;
    let begun = context.call("cloudformation", "UpdateStackSet", input).await?;
    if !targets(old).is_empty() {
        ended(context, name, &begun).await?;
    }
    instances(context, name, old, new).await?;
    Ok(set.clone())
}

pub(super) async fn delete(
    context: &Context<'_>,
    set: &Made,
    properties: &Value,
) -> Result<(), AwsError> {
    let name = set.physical_id.split(':').next().unwrap_or_default();
    instances(context, name, properties, &json!({})).await?;
    let input = json!({ "StackSetName": name });
    context.call("cloudformation", "DeleteStackSet", input).await.map(|_| ())
}

/// The Regions that the groups name, by account.
fn targets(properties: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for group in super::items(properties, "StackInstancesGroup") {
        for account in super::texts(&group["DeploymentTargets"], "Accounts") {
            all.entry(account).or_default().extend(super::texts(group, "Regions"));
        }
    }
    all
}

/// Makes the instances that are new in the groups, and deletes those that are not in them any
/// more.
async fn instances(
    context: &Context<'_>,
    name: &str,
    old: &Value,
    new: &Value,
) -> Result<(), AwsError> {
    let (had, wanted) = (targets(old), targets(new));
    let without = |some: &BTreeSet<String>, others: Option<&BTreeSet<String>>| -> Vec<String> {
        let is_new = |region: &&String| others.is_none_or(|others| !others.contains(*region));
        some.iter().filter(is_new).cloned().collect()
    };
    for (account, regions) in &wanted {
        let missing = without(regions, had.get(account));
        change(context, name, "CreateStackInstances", (account, missing), new).await?;
    }
    for (account, regions) in &had {
        let gone = without(regions, wanted.get(account));
        change(context, name, "DeleteStackInstances", (account, gone), old).await?;
    }
    Ok(())
}

async fn change(
    context: &Context<'_>,
    name: &str,
    operation: &str,
    (account, regions): (&str, Vec<String>),
    properties: &Value,
) -> Result<(), AwsError> {
    if regions.is_empty() {
        return Ok(());
    }
    let mut input = json!({ "StackSetName": name, "Accounts": [account], "Regions": regions });
    if let Some(preferences) = properties.get("OperationPreferences") {
        input["OperationPreferences"] = preferences.clone();
    }
    if operation == "DeleteStackInstances" {
        input["RetainStacks"] = json!(false);
    }
    let begun = context.call("cloudformation", operation, input).await?;
    ended(context, name, &begun).await
}

/// How often an operation is looked at.
const LOOK: Duration = Duration::from_secs(5);

/// Waits for the end of the operation that a call began, as CloudFormation does.
async fn ended(context: &Context<'_>, name: &str, begun: &Value) -> Result<(), AwsError> {
    let id = answered(begun, "/OperationId")?;
    loop {
        let input = json!({ "StackSetName": name, "OperationId": id });
        let found = context.call("cloudformation", "DescribeStackSetOperation", input).await?;
        match found.pointer("/StackSetOperation/Status").and_then(Value::as_str) {
            Some("QUEUED" | "RUNNING" | "STOPPING") => context.aws.sleep(LOOK).await,
            Some("SUCCEEDED") => return Ok(()),
            other => return Err(failed(context, name, &id, other.unwrap_or_default()).await),
        }
    }
}

/// The error for an operation that did not succeed, with the first reason that an instance has.
async fn failed(context: &Context<'_>, name: &str, id: &str, status: &str) -> AwsError {
    let input = json!({ "StackSetName": name, "OperationId": id });
    let results = context.call("cloudformation", "ListStackSetOperationResults", input).await;
    let reason = results.ok().and_then(|found| {
        let rows = found["Summaries"].as_array()?;
        rows.iter().find_map(|row| row["StatusReason"].as_str().map(str::to_owned))
    });
    let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    AwsError::validation(format!("operation {id} of the stack set {name} is {status}{reason}"))
}
