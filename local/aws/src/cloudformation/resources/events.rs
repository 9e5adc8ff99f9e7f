//! `AWS::Events::*`.

use serde_json::{Value, json};

use super::{Context, Notation, answered, document, items, made, picked, required, text};
use crate::AwsError;
use crate::cloudformation::template::Made;

pub(super) const KINDS: [Notation; 4] = [
    ("AWS::Events::EventBus", "Name!+ Description Tags[Key Value]", "Arn Name"),
    (
        "AWS::Events::EventBusPolicy",
        "EventBusName! StatementId!+ Statement* Action Principal Condition*",
        "",
    ),
    (
        "AWS::Events::Archive",
        "ArchiveName! SourceArn!+ Description EventPattern* RetentionDays",
        "Arn",
    ),
    (
        "AWS::Events::Rule",
        "Name! Description EventBusName! EventPattern* ScheduleExpression State RoleArn \
         Targets[Id+ Arn+ RoleArn Input InputPath InputTransformer* SqsParameters{MessageGroupId} \
         DeadLetterConfig{Arn} RetryPolicy{MaximumEventAgeInSeconds MaximumRetryAttempts}]",
        "Arn",
    ),
];

pub(super) async fn create_bus(
    context: &Context<'_>,
    properties: &Value,
) -> Result<Made, AwsError> {
    let name = required(properties, "Name")?;
    let input = picked(properties, &["Name", "Description", "Tags"]);
    let answer = context.call("events", "CreateEventBus", Value::Object(input)).await?;
    let arn = answered(&answer, "/EventBusArn")?;
    Ok(made(name, [("Arn", json!(arn)), ("Name", json!(name))]))
}

pub(super) async fn delete_bus(context: &Context<'_>, bus: &Made) -> Result<(), AwsError> {
    context.call("events", "DeleteEventBus", json!({ "Name": bus.physical_id })).await.map(|_| ())
}

fn bus_name(properties: &Value) -> &str {
    text(properties, "EventBusName").unwrap_or("default")
}

/// The bus's policy without the statement of this id.
async fn other_statements(
    context: &Context<'_>,
    bus: &str,
    id: &str,
) -> Result<Vec<Value>, AwsError> {
    let answer = context.call("events", "DescribeEventBus", json!({ "Name": bus })).await?;
    let policy: Value = text(&answer, "Policy")
        .and_then(|policy| serde_json::from_str(policy).ok())
        .unwrap_or(Value::Null);
    let statements = items(&policy, "Statement");
    Ok(statements.iter().filter(|one| text(one, "Sid") != Some(id)).cloned().collect())
}

pub(super) async fn put_policy(
    context: &Context<'_>,
    properties: &Value,
) -> Result<Made, AwsError> {
    let (bus, id) = (bus_name(properties), required(properties, "StatementId")?);
    let physical_id = format!("{bus}|{id}");
    let Some(statement) = properties.get("Statement") else {
        let mut input = picked(properties, &["StatementId", "Action", "Principal", "Condition"]);
        input.insert("EventBusName".to_owned(), json!(bus));
        context.call("events", "PutPermission", Value::Object(input)).await?;
        return Ok(made(physical_id, []));
    };
    let mut statements = other_statements(context, bus, id).await?;
    let mut statement = statement.clone();
    statement["Sid"] = json!(id);
    statements.push(statement);
    let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    let input = json!({ "EventBusName": bus, "Policy": policy });
    context.call("events", "PutPermission", input).await?;
    Ok(made(physical_id, []))
}

pub(super) async fn delete_policy(
    context: &Context<'_>,
    properties: &Value,
) -> Result<(), AwsError> {
    let input = json!({
        "EventBusName": bus_name(properties),
        "StatementId": required(properties, "StatementId")?,
    });
    context.call("events", "RemovePermission", input).await.map(|_| ())
}

fn archive_input(properties: &Value, name: &str) -> Value {
    let mut input = json!({ "ArchiveName": name });
    if let Some(description) = text(properties, "Description") {
        input["Description"] = json!(description);
    }
    if let Some(days) = super::integer(properties, "RetentionDays") {
        input["RetentionDays"] = json!(days);
    }
    if let Some(pattern) = document(properties, "EventPattern") {
        input["EventPattern"] = json!(pattern);
    }
    input
}

pub(super) async fn create_archive(
    context: &Context<'_>,
    properties: &Value,
) -> Result<Made, AwsError> {
    let name = context.name(properties, "ArchiveName", 48);
    let mut input = archive_input(properties, &name);
    input["EventSourceArn"] = json!(required(properties, "SourceArn")?);
    let answer = context.call("events", "CreateArchive", input).await?;
    let arn = answered(&answer, "/ArchiveArn")?;
    Ok(made(name.clone(), [("Arn", json!(arn))]))
}

pub(super) async fn update_archive(
    context: &Context<'_>,
    archive: &Made,
    properties: &Value,
) -> Result<Made, AwsError> {
    let input = archive_input(properties, &archive.physical_id);
    context.call("events", "UpdateArchive", input).await?;
    Ok(archive.clone())
}

pub(super) async fn delete_archive(context: &Context<'_>, archive: &Made) -> Result<(), AwsError> {
    let input = json!({ "ArchiveName": archive.physical_id });
    context.call("events", "DeleteArchive", input).await.map(|_| ())
}

/// The rule's name, without its bus.
fn rule_name(rule: &Made) -> &str {
    rule.physical_id.rsplit('|').next().unwrap_or_default()
}

pub(super) async fn put_rule(
    context: &Context<'_>,
    existing: Option<&Made>,
    properties: &Value,
) -> Result<Made, AwsError> {
    let bus = bus_name(properties);
    let name = match existing {
        Some(rule) => rule_name(rule).to_owned(),
        None => context.name(properties, "Name", 64),
    };
    let mut input = picked(properties, &["Description", "ScheduleExpression", "State", "RoleArn"]);
    input.insert("Name".to_owned(), json!(name));
    input.insert("EventBusName".to_owned(), json!(bus));
    if let Some(pattern) = document(properties, "EventPattern") {
        input.insert("EventPattern".to_owned(), json!(pattern));
    }
    let answer = context.call("events", "PutRule", Value::Object(input)).await?;
    let arn = answered(&answer, "/RuleArn")?;
    let physical_id = if bus == "default" { name } else { format!("{bus}|{name}") };
    let rule = made(physical_id, [("Arn", json!(arn))]);
    if let Err(error) = put_targets(context, &rule, bus, items(properties, "Targets")).await {
        if existing.is_none() {
            let _ = delete_rule(context, properties, &rule).await;
        }
        return Err(error);
    }
    Ok(rule)
}

async fn put_targets(
    context: &Context<'_>,
    rule: &Made,
    bus: &str,
    targets: &[Value],
) -> Result<(), AwsError> {
    if targets.is_empty() {
        return Ok(());
    }
    let input = json!({ "Rule": rule_name(rule), "EventBusName": bus, "Targets": targets });
    let answer = context.call("events", "PutTargets", input).await?;
    match items(&answer, "FailedEntries").first() {
        Some(failed) => Err(AwsError::validation(format!("Failed to put target {failed}"))),
        None => Ok(()),
    }
}

fn target_ids(properties: &Value) -> Vec<&str> {
    items(properties, "Targets").iter().filter_map(|target| text(target, "Id")).collect()
}

async fn remove_targets(
    context: &Context<'_>,
    rule: &Made,
    bus: &str,
    ids: &[&str],
) -> Result<(), AwsError> {
    if ids.is_empty() {
        return Ok(());
    }
    let input = json!({ "Rule": rule_name(rule), "EventBusName": bus, "Ids": ids });
    context.call("events", "RemoveTargets", input).await.map(|_| ())
}

pub(super) async fn update_rule(
    context: &Context<'_>,
    rule: &Made,
    old: &Value,
    new: &Value,
) -> Result<Made, AwsError> {
    let kept = target_ids(new);
    let left: Vec<&str> = target_ids(old).into_iter().filter(|id| !kept.contains(id)).collect();
    remove_targets(context, rule, bus_name(new), &left).await?;
    put_rule(context, Some(rule), new).await
}

pub(super) async fn delete_rule(
    context: &Context<'_>,
    properties: &Value,
    rule: &Made,
) -> Result<(), AwsError> {
    let bus = bus_name(properties);
    remove_targets(context, rule, bus, &target_ids(properties)).await?;
    let input = json!({ "Name": rule_name(rule), "EventBusName": bus });
    context.call("events", "DeleteRule", input).await.map(|_| ())
}
