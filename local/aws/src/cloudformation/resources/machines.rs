//! `AWS::StepFunctions::StateMachine`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Context, Notation, answered, document, made, picked, required};
use crate::AwsError;
use crate::cloudformation::template::Made;

pub(super) const KINDS: [Notation; 1] = [(
    "AWS::StepFunctions::StateMachine",
    "StateMachineName! StateMachineType! RoleArn+ Definition* DefinitionString \
     DefinitionSubstitutions* LoggingConfiguration* TracingConfiguration{Enabled} Tags[Key Value]",
    "Arn Name StateMachineRevisionId",
)];

/// The placeholders (`${Name}`) of a definition's text.
pub(crate) fn placeholders(text: &str) -> BTreeSet<String> {
    text.split("${")
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(name, _)| name)
        .filter(|name| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        })
        .map(str::to_owned)
        .collect()
}

/// The definition's text with its substitutions.
fn definition(properties: &Value) -> Result<String, AwsError> {
    let text = document(properties, "DefinitionString")
        .or_else(|| document(properties, "Definition"))
        .ok_or_else(|| {
            AwsError::validation("a state machine needs DefinitionString or Definition")
        })?;
    let mut result = text;
    if let Some(Value::Object(substitutions)) = properties.get("DefinitionSubstitutions") {
        for name in substitutions.keys() {
            let value = super::scalar(&properties["DefinitionSubstitutions"], name)
                .ok_or_else(|| AwsError::validation(format!("{name}: not text")))?;
            // The value stands inside a JSON string.
            let quoted = json!(value).to_string();
            let escaped = quoted.trim_start_matches('"').strip_suffix('"').unwrap_or(&quoted);
            result = result.replace(&format!("${{{name}}}"), escaped);
        }
    }
    match placeholders(&result).first() {
        Some(name) => Err(AwsError::validation(format!(
            "DefinitionSubstitutions: the placeholder ${{{name}}} has no value"
        ))),
        None => Ok(result),
    }
}

pub(super) async fn create(context: &Context<'_>, properties: &Value) -> Result<Made, AwsError> {
    let name = context.name(properties, "StateMachineName", 80);
    let mut input = json!({
        "name": name,
        "definition": definition(properties)?,
        "roleArn": required(properties, "RoleArn")?,
        "type": super::text(properties, "StateMachineType").unwrap_or("STANDARD"),
    });
    details(properties, &mut input);
    let answer = context.call("states", "CreateStateMachine", input).await?;
    let arn = answered(&answer, "/stateMachineArn")?;
    Ok(made(
        arn.clone(),
        [("Arn", json!(arn)), ("Name", json!(name)), ("StateMachineRevisionId", json!("1"))],
    ))
}

fn details(properties: &Value, input: &mut Value) {
    let given = picked(properties, &["LoggingConfiguration", "TracingConfiguration"]);
    for (from, to) in [
        ("LoggingConfiguration", "loggingConfiguration"),
        ("TracingConfiguration", "tracingConfiguration"),
    ] {
        if let Some(value) = given.get(from) {
            input[to] = lower_keys(value);
        }
    }
}

/// The keys as Step Functions' API spells them.
fn lower_keys(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| {
                let mut name = name.clone();
                if let Some(first) = name.get_mut(..1) {
                    first.make_ascii_lowercase();
                }
                (name, lower_keys(member))
            })
            .collect(),
        Value::Array(items) => items.iter().map(lower_keys).collect(),
        other => other.clone(),
    }
}

pub(super) async fn update(
    context: &Context<'_>,
    machine: &Made,
    properties: &Value,
) -> Result<Made, AwsError> {
    let mut input = json!({
        "stateMachineArn": machine.physical_id,
        "definition": definition(properties)?,
        "roleArn": required(properties, "RoleArn")?,
    });
    details(properties, &mut input);
    context.call("states", "UpdateStateMachine", input).await?;
    Ok(machine.clone())
}

pub(super) async fn delete(context: &Context<'_>, machine: &Made) -> Result<(), AwsError> {
    let input = json!({ "stateMachineArn": machine.physical_id });
    context.call("states", "DeleteStateMachine", input).await.map(|_| ())
}
