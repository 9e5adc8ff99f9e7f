//! `AWS::Lambda::*`.
//!
//! Which code a function runs is the name in its `S3Key` (`create-account.zip`,
//! `account-gate/bootstrap.zip`), or `Metadata: {"landlord:local": {"code": name}}`.

use serde_json::{Value, json};

use super::{Context, Notation, answered, made, picked, required, tag_map};
use crate::AwsError;
use crate::cloudformation::template::Made;

pub(super) const KINDS: [Notation; 4] = [
    (
        "AWS::Lambda::Function",
        "FunctionName! Description Code{S3Bucket S3Key S3ObjectVersion ZipFile ImageUri}+ Handler \
         Runtime Role+ Architectures MemorySize Timeout Environment{Variables*} \
         LoggingConfig{LogFormat LogGroup ApplicationLogLevel SystemLogLevel} \
         DeadLetterConfig{TargetArn} TracingConfig{Mode} EphemeralStorage{Size} \
         ReservedConcurrentExecutions PackageType! Layers Tags[Key Value]",
        "Arn",
    ),
    (
        "AWS::Lambda::Permission",
        "FunctionName!+ Action!+ Principal!+ SourceArn! SourceAccount! PrincipalOrgID!",
        "Id",
    ),
    (
        "AWS::Lambda::EventSourceMapping",
        "EventSourceArn! FunctionName+ BatchSize Enabled MaximumBatchingWindowInSeconds \
         FunctionResponseTypes ScalingConfig{MaximumConcurrency} FilterCriteria* Tags[Key Value]",
        "Id EventSourceMappingArn",
    ),
    (
        "AWS::Lambda::EventInvokeConfig",
        "FunctionName!+ Qualifier!+ MaximumRetryAttempts MaximumEventAgeInSeconds \
         DestinationConfig{OnFailure{Destination+} OnSuccess{Destination+}}",
        "",
    ),
];

const CONFIGURATION: [&str; 11] = [
    "Description",
    "Handler",
    "Runtime",
    "Role",
    "Environment",
    "LoggingConfig",
    "DeadLetterConfig",
    "TracingConfig",
    "EphemeralStorage",
    "Layers",
    "Architectures",
];

/// The members of a call, numbers as numbers and variables as text.
fn configuration(properties: &Value) -> serde_json::Map<String, Value> {
    let mut input = picked(properties, &CONFIGURATION);
    for member in ["MemorySize", "Timeout"] {
        if let Some(number) = super::integer(properties, member) {
            input.insert(member.to_owned(), json!(number));
        }
    }
    if let Some(Value::Object(variables)) = properties.pointer("/Environment/Variables") {
        let texts: serde_json::Map<String, Value> = variables
            .iter()
            .map(|(name, value)| match value {
                Value::Number(_) | Value::Bool(_) => (name.clone(), json!(value.to_string())),
                other => (name.clone(), other.clone()),
            })
            .collect();
        input.insert("Environment".to_owned(), json!({ "Variables": texts }));
    }
    input
}

fn code(context: &Context<'_>, properties: &Value) -> Value {
    match &context.code {
        Some(name) => json!({ "S3Bucket": "local", "S3Key": format!("{name}.zip") }),
        None => properties.get("Code").cloned().unwrap_or(Value::Null),
    }
}

pub(super) async fn create(context: &Context<'_>, properties: &Value) -> Result<Made, AwsError> {
    let name = context.name(properties, "FunctionName", 64);
    let mut input = configuration(properties);
    input.insert("FunctionName".to_owned(), json!(name));
    input.insert("Code".to_owned(), code(context, properties));
    input.insert("Tags".to_owned(), tag_map(properties));
    let answer = context.call("lambda", "CreateFunction", Value::Object(input)).await?;
    let arn = answered(&answer, "/FunctionArn")?;
    let function = made(name, [("Arn", json!(arn))]);
    if let Err(error) = reserve(context, &function.physical_id, properties).await {
        let _ = delete(context, &function).await;
        return Err(error);
    }
    Ok(function)
}

async fn reserve(context: &Context<'_>, name: &str, properties: &Value) -> Result<(), AwsError> {
    if let Some(number) = super::integer(properties, "ReservedConcurrentExecutions") {
        let input = json!({ "FunctionName": name, "ReservedConcurrentExecutions": number });
        context.call("lambda", "PutFunctionConcurrency", input).await?;
    }
    Ok(())
}

pub(super) async fn update(
    context: &Context<'_>,
    function: &Made,
    old: &Value,
    new: &Value,
) -> Result<Made, AwsError> {
    let name = &function.physical_id;
    let mut input = configuration(new);
    input.insert("FunctionName".to_owned(), json!(name));
    context.call("lambda", "UpdateFunctionConfiguration", Value::Object(input)).await?;
    if new.get("Code") != old.get("Code") || context.code.is_some() {
        let mut input = code(context, new);
        input["FunctionName"] = json!(name);
        context.call("lambda", "UpdateFunctionCode", input).await?;
    }
    let reserved = |properties: &Value| super::integer(properties, "ReservedConcurrentExecutions");
    match (reserved(old), reserved(new)) {
        (Some(_), None) => {
            let input = json!({ "FunctionName": name });
            context.call("lambda", "DeleteFunctionConcurrency", input).await?;
        }
        (before, after) if before != after => reserve(context, name, new).await?,
        _ => {}
    }
    Ok(function.clone())
}

pub(super) async fn delete(context: &Context<'_>, function: &Made) -> Result<(), AwsError> {
    let input = json!({ "FunctionName": function.physical_id });
    context.call("lambda", "DeleteFunction", input).await.map(|_| ())
}

pub(super) async fn add_permission(
    context: &Context<'_>,
    properties: &Value,
) -> Result<Made, AwsError> {
    let id = context.generated_name(100);
    let mut input = picked(
        properties,
        &["FunctionName", "Action", "Principal", "SourceArn", "SourceAccount", "PrincipalOrgID"],
    );
    input.insert("StatementId".to_owned(), json!(id));
    context.call("lambda", "AddPermission", Value::Object(input)).await?;
    Ok(made(id.clone(), [("Id", json!(id))]))
}

pub(super) async fn remove_permission(
    context: &Context<'_>,
    permission: &Made,
    properties: &Value,
) -> Result<(), AwsError> {
    let input = json!({
        "FunctionName": required(properties, "FunctionName")?,
        "StatementId": permission.physical_id,
    });
    context.call("lambda", "RemovePermission", input).await.map(|_| ())
}

fn mapping_input(properties: &Value) -> Value {
    let mut input = picked(
        properties,
        &["FunctionName", "FunctionResponseTypes", "ScalingConfig", "FilterCriteria"],
    );
    for member in ["BatchSize", "MaximumBatchingWindowInSeconds"] {
        if let Some(number) = super::integer(properties, member) {
            input.insert(member.to_owned(), json!(number));
        }
    }
    if let Some(enabled) = super::scalar(properties, "Enabled") {
        input.insert("Enabled".to_owned(), json!(enabled != "false"));
    }
    Value::Object(input)
}

pub(super) async fn create_mapping(
    context: &Context<'_>,
    properties: &Value,
) -> Result<Made, AwsError> {
    let mut input = mapping_input(properties);
    input["EventSourceArn"] = json!(required(properties, "EventSourceArn")?);
    let answer = context.call("lambda", "CreateEventSourceMapping", input).await?;
    let id = answered(&answer, "/UUID")?;
    let arn = context.arn("lambda", &format!("event-source-mapping:{id}"));
    Ok(made(id.clone(), [("Id", json!(id)), ("EventSourceMappingArn", json!(arn))]))
}

pub(super) async fn update_mapping(
    context: &Context<'_>,
    mapping: &Made,
    properties: &Value,
) -> Result<Made, AwsError> {
    let mut input = mapping_input(properties);
    input["UUID"] = json!(mapping.physical_id);
    context.call("lambda", "UpdateEventSourceMapping", input).await?;
    Ok(mapping.clone())
}

pub(super) async fn delete_mapping(context: &Context<'_>, mapping: &Made) -> Result<(), AwsError> {
    let input = json!({ "UUID": mapping.physical_id });
    context.call("lambda", "DeleteEventSourceMapping", input).await.map(|_| ())
}

pub(super) async fn put_config(
    context: &Context<'_>,
    properties: &Value,
) -> Result<Made, AwsError> {
    let mut input = picked(properties, &["FunctionName", "Qualifier", "DestinationConfig"]);
    for member in ["MaximumRetryAttempts", "MaximumEventAgeInSeconds"] {
        if let Some(number) = super::integer(properties, member) {
            input.insert(member.to_owned(), json!(number));
        }
    }
    context.call("lambda", "PutFunctionEventInvokeConfig", Value::Object(input)).await?;
    Ok(made(format!("{}-config", required(properties, "FunctionName")?), []))
}

pub(super) async fn delete_config(
    context: &Context<'_>,
    properties: &Value,
) -> Result<(), AwsError> {
    let input = json!({ "FunctionName": required(properties, "FunctionName")? });
    context.call("lambda", "DeleteFunctionEventInvokeConfig", input).await.map(|_| ())
}
