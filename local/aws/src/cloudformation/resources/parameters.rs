//! `AWS::SSM::Parameter`.

use serde_json::{Value, json};

use super::{Context, Notation, made, picked, required};
use crate::AwsError;
use crate::cloudformation::template::Made;

pub(super) const KINDS: [Notation; 1] = [(
    "AWS::SSM::Parameter",
    "Name! Type+ Value+ Description AllowedPattern DataType! Policies Tier Tags*",
    "Type Value",
)];

pub(super) async fn put(
    context: &Context<'_>,
    existing: Option<&Made>,
    properties: &Value,
) -> Result<Made, AwsError> {
    let name = match existing {
        Some(parameter) => parameter.physical_id.clone(),
        None => context.name(properties, "Name", 128),
    };
    let kind = required(properties, "Type")?;
    if kind == "SecureString" {
        let message = "Type: CloudFormation makes String and StringList, not SecureString";
        return Err(AwsError::validation(message));
    }
    let value = super::scalar(properties, "Value").unwrap_or_default();
    let mut input =
        picked(properties, &["Type", "Description", "AllowedPattern", "Tier", "Policies"]);
    input.insert("Name".to_owned(), json!(name));
    input.insert("Value".to_owned(), json!(value));
    input.insert("Overwrite".to_owned(), json!(existing.is_some()));
    if let (None, Some(Value::Object(tags))) = (existing, properties.get("Tags")) {
        let tags: Vec<Value> =
            tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        input.insert("Tags".to_owned(), json!(tags));
    }
    context.call("ssm", "PutParameter", Value::Object(input)).await?;
    Ok(made(name, [("Type", json!(kind)), ("Value", json!(value))]))
}

pub(super) async fn delete(context: &Context<'_>, parameter: &Made) -> Result<(), AwsError> {
    let input = json!({ "Name": parameter.physical_id });
    context.call("ssm", "DeleteParameter", input).await.map(|_| ())
}
