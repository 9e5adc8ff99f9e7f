//! `AWS::CloudFormation::StackSet`. Instances are not made by a template here: who wants them
//! calls `CreateStackInstances`.

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
     ConcurrencyMode} Parameters[ParameterKey+ ParameterValue+] CallAs Tags[Key Value]",
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
    Ok(made(physical_id.clone(), [("StackSetId", json!(physical_id))]))
}

pub(super) async fn update(
    context: &Context<'_>,
    set: &Made,
    properties: &Value,
) -> Result<Made, AwsError> {
    let mut input = input(properties)?;
    if let Some(preferences) = properties.get("OperationPreferences") {
        input["OperationPreferences"] = preferences.clone();
    }
    context.call("cloudformation", "UpdateStackSet", input).await?;
    Ok(set.clone())
}

pub(super) async fn delete(context: &Context<'_>, set: &Made) -> Result<(), AwsError> {
    let name = set.physical_id.split(':').next().unwrap_or_default();
    let input = json!({ "StackSetName": name });
    context.call("cloudformation", "DeleteStackSet", input).await.map(|_| ())
}
