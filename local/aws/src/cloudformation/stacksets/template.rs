//! Templates, parameters and tags of stack sets, checked when a set is made or changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::errors::validation;
use super::model::{Definition, Override};
use crate::cloudformation::stacks::{self, TemplateParameter, check_template};
use crate::wire::body;
use crate::{Aws, AwsError, Call};

const LONGEST_BODY: usize = 51_200;
const LONGEST_FILE: usize = 1_048_576;
const MOST_TAGS: usize = 50;

/// A template that was checked.
pub(super) struct Checked {
    pub(super) text: Arc<str>,
    pub(super) declared: Vec<TemplateParameter>,
    pub(super) types: BTreeSet<String>,
}

/// The template that a call gives, as text or by its address in S3; none if it gives none.
pub(super) async fn given(
    aws: &Aws,
    call: &Call,
    service_managed: bool,
) -> Result<Option<Checked>, AwsError> {
    let text = match (call.opt_text("TemplateBody"), call.opt_text("TemplateURL")) {
        (Some(_), Some(_)) => {
            return Err(validation("Template URL and Template Body are mutually exclusive."));
        }
        (Some(text), None) if text.len() > LONGEST_BODY => {
            return Err(validation(format!(
                "1 validation error detected: Value at 'templateBody' failed to satisfy \
                 constraint: Member must have length less than or equal to {LONGEST_BODY}"
            )));
        }
        (Some(text), None) => text.to_owned(),
        (None, Some(url)) => read(aws, call, url).await?,
        (None, None) => return Ok(None),
    };
    let template = check_template(aws, &text).map_err(validation)?;
    let declared = stacks::declared(&template);
    stacks::needs_capabilities(call, &template)?;
    if service_managed && has_transform(&text) {
        return Err(validation(
            "Stack sets with service-managed permissions do not support templates with \
             transforms or nested stacks",
        ));
    }
    if has_transform_section(&text)
        && !call.texts("Capabilities").iter().any(|one| one == "CAPABILITY_AUTO_EXPAND")
    {
        return Err(AwsError::new(
            "InsufficientCapabilitiesException",
            "Requires capabilities : [CAPABILITY_AUTO_EXPAND]",
        ));
    }
    let types = template.resources.values().map(|resource| resource.kind.clone()).collect();
    Ok(Some(Checked { text: text.into(), declared, types }))
}

/// Whether the template has a `Transform` section (YAML or JSON).
fn has_transform_section(text: &str) -> bool {
    let json = serde_json::from_str::<Value>(text).ok();
    json.is_some_and(|template| template.get("Transform").is_some())
        || text.lines().any(|line| line.starts_with("Transform:"))
}

/// Whether the template has a `Transform` section, or a nested stack.
fn has_transform(text: &str) -> bool {
    has_transform_section(text)
        || text.contains("AWS::CloudFormation::Stack\"")
        || text.lines().any(|line| line.trim_end().ends_with("AWS::CloudFormation::Stack"))
}

/// Reads a template from S3 as the caller.
pub(crate) async fn read(aws: &Aws, call: &Call, url: &str) -> Result<String, AwsError> {
    let wrong = |why: &str| validation(format!("TemplateURL: \"{url}\" {why}"));
    let rest = url.strip_prefix("https://").ok_or_else(|| wrong("must start with https://"))?;
    let (host, path) = rest.split_once('/').ok_or_else(|| wrong("names no object"))?;
    let in_path = host
        .strip_suffix(".amazonaws.com")
        .filter(|host| *host == "s3" || host.starts_with("s3.") || host.starts_with("s3-"));
    let (bucket, key) = match (in_path, host.split_once(".s3")) {
        (Some(_), _) => path.split_once('/').ok_or_else(|| wrong("names no object"))?,
        (None, Some((bucket, _))) if host.ends_with(".amazonaws.com") => (bucket, path),
        _ => return Err(wrong("is not the address of an object in S3")),
    };
    let get = Call {
        service: "s3",
        operation: "GetObject".to_owned(),
        input: serde_json::json!({ "Bucket": bucket, "Key": key }),
        ..call.clone()
    };
    let object = aws
        .perform(&get)
        .await
        .map_err(|error| validation(format!("S3 error: {} ({url})", error.message)))?;
    let bytes = body(&object);
    if bytes.len() > LONGEST_FILE {
        return Err(wrong("is larger than 1 MB"));
    }
    String::from_utf8(bytes.to_vec()).map_err(|_| wrong("is not text"))
}

/// Text of a member of a list's item.
pub(super) fn member<'a>(item: &'a Value, name: &str, list: &str) -> Result<&'a str, AwsError> {
    item.get(name)
        .and_then(Value::as_str)
        .ok_or_else(|| validation(format!("{list}: each needs a {name}")))
}

fn keeps(item: &Value) -> bool {
    item.get("UsePreviousValue")
        .is_some_and(|keep| keep.as_bool() == Some(true) || keep.as_str() == Some("true"))
}

/// Parameters or overrides as a call gives them; none if it does not mention them. A value of
/// `None` keeps what was there.
pub(super) fn parameters(call: &Call, list: &str) -> Result<Option<Vec<Override>>, AwsError> {
    if call.input.get(list).is_none_or(Value::is_null) {
        return Ok(None);
    }
    let mut found: Vec<Override> = Vec::new();
    for item in call.list(list) {
        let key = member(item, "ParameterKey", list)?.to_owned();
        if found.iter().any(|(known, _)| *known == key) {
            return Err(validation(format!("{list}: {key} is given twice")));
        }
        let value = match item.get("ParameterValue").and_then(Value::as_str) {
            Some(_) if keeps(item) => {
                return Err(validation(format!(
                    "Invalid input for parameter key {key}. Cannot specify usePreviousValue as \
                     true and non empty value for a parameter"
                )));
            }
            Some(value) => Some(value.to_owned()),
            None if keeps(item) => None,
            None => return Err(validation(format!("{list}: {key} needs a ParameterValue"))),
        };
        found.push((key, value));
    }
    Ok(Some(found))
}

/// Refuses parameters that the template does not have.
pub(super) fn known<'a>(
    declared: &[TemplateParameter],
    keys: impl Iterator<Item = &'a str>,
) -> Result<(), AwsError> {
    let strangers: Vec<&str> =
        keys.filter(|key| !declared.iter().any(|one| one.name == *key)).collect();
    if strangers.is_empty() {
        return Ok(());
    }
    Err(validation(format!("Parameters: [{}] do not exist in the template", strangers.join(", "))))
}

/// The default values of parameters.
pub(super) fn defaults(declared: &[TemplateParameter]) -> BTreeMap<String, String> {
    let known = declared.iter().filter_map(|one| Some((one.name.clone(), one.default.clone()?)));
    known.collect()
}

/// The values that a set's parameters have after a call.
pub(super) fn values(
    declared: &[TemplateParameter],
    given: &[Override],
    previous: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, AwsError> {
    known(declared, given.iter().map(|(key, _)| key.as_str()))?;
    let mut values = BTreeMap::new();
    for (key, value) in given {
        if let Some(value) = value.as_ref().or_else(|| previous.get(key)) {
            values.insert(key.clone(), value.clone());
        }
    }
    let missing: Vec<&str> = declared
        .iter()
        .filter(|one| one.default.is_none() && !values.contains_key(&one.name))
        .map(|one| one.name.as_str())
        .collect();
    if missing.is_empty() {
        return Ok(values);
    }
    Err(validation(format!("Parameters: [{}] must have values", missing.join(", "))))
}

/// The tags that a call gives; none if it does not mention them.
pub(super) fn tags(call: &Call) -> Result<Option<BTreeMap<String, String>>, AwsError> {
    if call.input.get("Tags").is_none_or(Value::is_null) {
        return Ok(None);
    }
    let mut tags = BTreeMap::new();
    for tag in call.list("Tags") {
        tags.insert(
            member(tag, "Key", "Tags")?.to_owned(),
            member(tag, "Value", "Tags")?.to_owned(),
        );
    }
    if tags.len() > MOST_TAGS {
        return Err(validation(format!("Tags: {} are more than {MOST_TAGS}", tags.len())));
    }
    Ok(Some(tags))
}

/// What an instance's overrides become.
pub(super) fn overridden(
    before: &BTreeMap<String, String>,
    given: &[Override],
) -> BTreeMap<String, String> {
    given
        .iter()
        .filter_map(|(key, value)| {
            let value = value.as_ref().or_else(|| before.get(key))?;
            Some((key.clone(), value.clone()))
        })
        .collect()
}

/// The parameters of an instance's stack: the set's, with the instance's overrides.
pub(super) fn effective(
    definition: &Definition,
    overrides: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut values = definition.parameters.clone();
    for (key, value) in overrides {
        if definition.declared.iter().any(|one| one.name == *key) {
            values.insert(key.clone(), value.clone());
        }
    }
    values
}
