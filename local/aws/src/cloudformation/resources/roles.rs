//! `AWS::IAM::*`.

use serde_json::{Value, json};

use super::{Context, Notation, answered, document, items, made, picked, required, text, texts};
use crate::AwsError;
use crate::cloudformation::template::Made;

pub(super) const KINDS: [Notation; 3] = [
    (
        "AWS::IAM::Role",
        "RoleName! Path! Description AssumeRolePolicyDocument*+ ManagedPolicyArns \
         Policies[PolicyName+ PolicyDocument*+] MaxSessionDuration PermissionsBoundary \
         Tags[Key Value]",
        "Arn RoleId",
    ),
    ("AWS::IAM::Policy", "PolicyName!+ PolicyDocument*+ Roles", ""),
    (
        "AWS::IAM::ManagedPolicy",
        "ManagedPolicyName! Path! Description! PolicyDocument*+ Roles",
        "PolicyArn",
    ),
];

pub(super) async fn create(context: &Context<'_>, properties: &Value) -> Result<Made, AwsError> {
    let name = context.name(properties, "RoleName", 64);
    let mut input = picked(properties, &["Path", "Description", "PermissionsBoundary", "Tags"]);
    input.insert("RoleName".to_owned(), json!(name));
    let trust = document(properties, "AssumeRolePolicyDocument").unwrap_or_default();
    input.insert("AssumeRolePolicyDocument".to_owned(), json!(trust));
    if let Some(seconds) = super::integer(properties, "MaxSessionDuration") {
        input.insert("MaxSessionDuration".to_owned(), json!(seconds));
    }
    let answer = context.call("iam", "CreateRole", Value::Object(input)).await?;
    let attributes = [
        ("Arn", json!(answered(&answer, "/Role/Arn")?)),
        ("RoleId", json!(answered(&answer, "/Role/RoleId")?)),
    ];
    let role = made(name, attributes);
    if let Err(error) = put_policies(context, &role, properties).await {
        // What was half made leaves nothing behind, or the next attempt would find its name taken.
        let _ = delete(context, &role, properties).await;
        return Err(error);
    }
    Ok(role)
}

async fn put_policies(
    context: &Context<'_>,
    role: &Made,
    properties: &Value,
) -> Result<(), AwsError> {
    for policy in items(properties, "Policies") {
        let input = json!({
            "RoleName": role.physical_id,
            "PolicyName": required(policy, "PolicyName")?,
            "PolicyDocument": document(policy, "PolicyDocument"),
        });
        context.call("iam", "PutRolePolicy", input).await?;
    }
    for arn in texts(properties, "ManagedPolicyArns") {
        attach(context, &role.physical_id, &arn).await?;
    }
    Ok(())
}

async fn attach(context: &Context<'_>, role: &str, arn: &str) -> Result<(), AwsError> {
    let input = json!({ "RoleName": role, "PolicyArn": arn });
    context.call("iam", "AttachRolePolicy", input).await.map(|_| ())
}

async fn detach(context: &Context<'_>, role: &str, arn: &str) -> Result<(), AwsError> {
    let input = json!({ "RoleName": role, "PolicyArn": arn });
    gone_is_fine(context.call("iam", "DetachRolePolicy", input).await)
}

async fn remove_inline(context: &Context<'_>, role: &str, name: &str) -> Result<(), AwsError> {
    let input = json!({ "RoleName": role, "PolicyName": name });
    gone_is_fine(context.call("iam", "DeleteRolePolicy", input).await)
}

fn gone_is_fine(result: Result<Value, AwsError>) -> Result<(), AwsError> {
    match result {
        Err(error) if super::is_gone(&error) => Ok(()),
        other => other.map(|_| ()),
    }
}

fn inline_names(properties: &Value) -> Vec<String> {
    let policies = items(properties, "Policies").iter();
    policies.filter_map(|policy| text(policy, "PolicyName")).map(str::to_owned).collect()
}

pub(super) async fn update(
    context: &Context<'_>,
    role: &Made,
    old: &Value,
    new: &Value,
) -> Result<Made, AwsError> {
    let name = &role.physical_id;
    let trust = document(new, "AssumeRolePolicyDocument");
    if trust != document(old, "AssumeRolePolicyDocument") {
        let input = json!({ "RoleName": name, "PolicyDocument": trust });
        context.call("iam", "UpdateAssumeRolePolicy", input).await?;
    }
    let details = ["Description", "MaxSessionDuration"];
    if picked(new, &details) != picked(old, &details) {
        let mut input = picked(new, &details);
        input.insert("RoleName".to_owned(), json!(name));
        context.call("iam", "UpdateRole", Value::Object(input)).await?;
    }
    let kept = inline_names(new);
    for policy in inline_names(old).iter().filter(|policy| !kept.contains(policy)) {
        remove_inline(context, name, policy).await?;
    }
    let kept = texts(new, "ManagedPolicyArns");
    for arn in texts(old, "ManagedPolicyArns").iter().filter(|arn| !kept.contains(arn)) {
        detach(context, name, arn).await?;
    }
    put_policies(context, role, new).await?;
    Ok(role.clone())
}

pub(super) async fn delete(
    context: &Context<'_>,
    role: &Made,
    properties: &Value,
) -> Result<(), AwsError> {
    for policy in inline_names(properties) {
        remove_inline(context, &role.physical_id, &policy).await?;
    }
    for arn in texts(properties, "ManagedPolicyArns") {
        detach(context, &role.physical_id, &arn).await?;
    }
    let input = json!({ "RoleName": role.physical_id });
    context.call("iam", "DeleteRole", input).await.map(|_| ())
}

pub(super) async fn put_policy(
    context: &Context<'_>,
    existing: Option<&Made>,
    properties: &Value,
) -> Result<Made, AwsError> {
    let name = required(properties, "PolicyName")?;
    for role in texts(properties, "Roles") {
        let input = json!({
            "RoleName": role,
            "PolicyName": name,
            "PolicyDocument": document(properties, "PolicyDocument"),
        });
        context.call("iam", "PutRolePolicy", input).await?;
    }
    Ok(existing.cloned().unwrap_or_else(|| made(context.generated_name(64), [])))
}

pub(super) async fn update_policy(
    context: &Context<'_>,
    policy: &Made,
    old: &Value,
    new: &Value,
) -> Result<Made, AwsError> {
    let kept = texts(new, "Roles");
    let name = required(old, "PolicyName")?;
    for role in texts(old, "Roles").iter().filter(|role| !kept.contains(role)) {
        remove_inline(context, role, name).await?;
    }
    put_policy(context, Some(policy), new).await
}

pub(super) async fn delete_policy(
    context: &Context<'_>,
    _policy: &Made,
    properties: &Value,
) -> Result<(), AwsError> {
    let name = required(properties, "PolicyName")?;
    for role in texts(properties, "Roles") {
        remove_inline(context, &role, name).await?;
    }
    Ok(())
}

pub(super) async fn create_managed(
    context: &Context<'_>,
    properties: &Value,
) -> Result<Made, AwsError> {
    let mut input = picked(properties, &["Path", "Description"]);
    input
        .insert("PolicyName".to_owned(), json!(context.name(properties, "ManagedPolicyName", 128)));
    let policy = document(properties, "PolicyDocument");
    input.insert("PolicyDocument".to_owned(), json!(policy));
    let answer = context.call("iam", "CreatePolicy", Value::Object(input)).await?;
    let arn = answered(&answer, "/Policy/Arn")?;
    let policy = made(arn.clone(), [("PolicyArn", json!(arn))]);
    for role in texts(properties, "Roles") {
        if let Err(error) = attach(context, &role, &arn).await {
            let _ = delete_managed(context, &policy, properties).await;
            return Err(error);
        }
    }
    Ok(policy)
}

pub(super) async fn update_managed(
    context: &Context<'_>,
    policy: &Made,
    old: &Value,
    new: &Value,
) -> Result<Made, AwsError> {
    let text = document(new, "PolicyDocument");
    if text != document(old, "PolicyDocument") {
        let input = json!({
            "PolicyArn": policy.physical_id, "PolicyDocument": text, "SetAsDefault": true,
        });
        context.call("iam", "CreatePolicyVersion", input).await?;
    }
    let (before, after) = (texts(old, "Roles"), texts(new, "Roles"));
    for role in before.iter().filter(|role| !after.contains(role)) {
        detach(context, role, &policy.physical_id).await?;
    }
    for role in after.iter().filter(|role| !before.contains(role)) {
        attach(context, role, &policy.physical_id).await?;
    }
    Ok(policy.clone())
}

pub(super) async fn delete_managed(
    context: &Context<'_>,
    policy: &Made,
    properties: &Value,
) -> Result<(), AwsError> {
    for role in texts(properties, "Roles") {
        detach(context, &role, &policy.physical_id).await?;
    }
    let input = json!({ "PolicyArn": policy.physical_id });
    context.call("iam", "DeletePolicy", input).await.map(|_| ())
}
