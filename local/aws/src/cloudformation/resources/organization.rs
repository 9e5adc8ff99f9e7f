//! `AWS::Organizations::*`.

use serde_json::{Value, json};

use super::{Context, Notation, answered, document, made, picked, required, texts};
use crate::AwsError;
use crate::cloudformation::template::Made;

pub(super) const KINDS: [Notation; 2] = [
    ("AWS::Organizations::OrganizationalUnit", "Name+ ParentId!+ Tags[Key Value]", "Id Arn"),
    (
        "AWS::Organizations::Policy",
        "Name+ Type!+ Content*+ Description TargetIds Tags[Key Value]",
        "Id Arn AwsManaged",
    ),
];

pub(super) async fn create_unit(
    context: &Context<'_>,
    properties: &Value,
) -> Result<Made, AwsError> {
    let input = picked(properties, &["Name", "ParentId", "Tags"]);
    let answer =
        context.call("organizations", "CreateOrganizationalUnit", Value::Object(input)).await?;
    let id = answered(&answer, "/OrganizationalUnit/Id")?;
    let arn = answered(&answer, "/OrganizationalUnit/Arn")?;
    Ok(made(id.clone(), [("Id", json!(id)), ("Arn", json!(arn))]))
}

pub(super) async fn update_unit(
    context: &Context<'_>,
    unit: &Made,
    properties: &Value,
) -> Result<Made, AwsError> {
    let input = json!({
        "OrganizationalUnitId": unit.physical_id, "Name": required(properties, "Name")?,
    });
    context.call("organizations", "UpdateOrganizationalUnit", input).await?;
    Ok(unit.clone())
}

pub(super) async fn delete_unit(context: &Context<'_>, unit: &Made) -> Result<(), AwsError> {
    let input = json!({ "OrganizationalUnitId": unit.physical_id });
    context.call("organizations", "DeleteOrganizationalUnit", input).await.map(|_| ())
}

pub(super) async fn create_policy(
    context: &Context<'_>,
    properties: &Value,
) -> Result<Made, AwsError> {
    let mut input = picked(properties, &["Name", "Type", "Tags"]);
    let description = properties.get("Description").cloned().unwrap_or(json!(""));
    input.insert("Description".to_owned(), description);
    let content = document(properties, "Content");
    input.insert("Content".to_owned(), json!(content));
    let answer = context.call("organizations", "CreatePolicy", Value::Object(input)).await?;
    let id = answered(&answer, "/Policy/PolicySummary/Id")?;
    let arn = answered(&answer, "/Policy/PolicySummary/Arn")?;
    let policy =
        made(id.clone(), [("Id", json!(id)), ("Arn", json!(arn)), ("AwsManaged", json!(false))]);
    for target in texts(properties, "TargetIds") {
        if let Err(error) = attach(context, &policy, &target, true).await {
            // What was half made leaves nothing behind.
            let _ = delete_policy(context, &policy, properties).await;
            return Err(error);
        }
    }
    Ok(policy)
}

async fn attach(
    context: &Context<'_>,
    policy: &Made,
    target: &str,
    on: bool,
) -> Result<(), AwsError> {
    let input = json!({ "PolicyId": policy.physical_id, "TargetId": target });
    let operation = if on { "AttachPolicy" } else { "DetachPolicy" };
    match context.call("organizations", operation, input).await {
        Err(error)
            if matches!(
                error.code.as_str(),
                "DuplicatePolicyAttachmentException" | "PolicyNotAttachedException"
            ) =>
        {
            Ok(())
        }
        other => other.map(|_| ()),
    }
}

pub(super) async fn update_policy(
    context: &Context<'_>,
    policy: &Made,
    old: &Value,
    new: &Value,
) -> Result<Made, AwsError> {
    let mut input = picked(new, &["Name", "Description"]);
    input.insert("PolicyId".to_owned(), json!(policy.physical_id));
    let content = document(new, "Content");
    input.insert("Content".to_owned(), json!(content));
    context.call("organizations", "UpdatePolicy", Value::Object(input)).await?;
    let (before, after) = (texts(old, "TargetIds"), texts(new, "TargetIds"));
    for target in after.iter().filter(|target| !before.contains(target)) {
        attach(context, policy, target, true).await?;
    }
    for target in before.iter().filter(|target| !after.contains(target)) {
        attach(context, policy, target, false).await?;
    }
    Ok(policy.clone())
}

pub(super) async fn delete_policy(
    context: &Context<'_>,
    policy: &Made,
    properties: &Value,
) -> Result<(), AwsError> {
    for target in texts(properties, "TargetIds") {
        match attach(context, policy, &target, false).await {
            Err(error) if !super::is_gone(&error) => return Err(error),
            _ => {}
        }
    }
    let input = json!({ "PolicyId": policy.physical_id });
    context.call("organizations", "DeletePolicy", input).await.map(|_| ())
}
