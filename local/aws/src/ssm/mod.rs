//! Systems Manager: the parameter store and change calendars, of each account and Region.
//!
//! Limits as AWS documents them: 4 KB a value in the standard tier, 8 KB in the advanced one,
//! 15 levels, names of `a-zA-Z0-9_.-/`, `aws` and `ssm` reserved. Secure strings are kept as
//! they come: there is no key service here.

mod calendars;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::wire::timestamp;
use crate::{Access, Aws, AwsError, Call, State};

/// The service's state.
#[derive(Debug, Default)]
pub(crate) struct Ssm {
    stores: BTreeMap<(String, String), BTreeMap<String, Parameter>>,
    calendars: BTreeMap<(String, String), calendars::Calendars>,
}

#[derive(Debug, Clone)]
struct Parameter {
    value: String,
    kind: String,
    tier: String,
    description: Option<String>,
    version: i64,
    modified: Timestamp,
    tags: BTreeMap<String, String>,
}

impl Aws {
    /// The value of a parameter as it is; nothing when there is none of this name.
    pub fn parameter_value(&self, (account, region): (&str, &str), name: &str) -> Option<String> {
        let state = self.lock();
        let store = state.ssm.stores.get(&(account.to_owned(), region.to_owned()))?;
        store.get(name).map(|parameter| parameter.value.clone())
    }
}

/// The permissions that a call needs.
pub(crate) fn access(_state: &State, call: &Call) -> Vec<Access> {
    let action = format!("ssm:{}", call.operation);
    let documents = ["CreateDocument", "DeleteDocument", "GetCalendarState"];
    if documents.contains(&call.operation.as_str()) {
        let mut names = call.texts("CalendarNames");
        names.extend(call.opt_text("Name").map(str::to_owned));
        let arn = |name: &String| match name.starts_with("arn:") {
            true => name.clone(),
            false => format!("arn:aws:ssm:{}:{}:document/{name}", call.region, call.account),
        };
        return names.iter().map(|name| Access::to(&action, arn(name))).collect();
    }
    let arn = |name: &str| parameter_arn(call, name);
    let mut names = call.texts("Names");
    names.extend(call.opt_text("Name").or(call.opt_text("Path")).map(str::to_owned));
    names.extend(call.opt_text("ResourceId").map(str::to_owned));
    match names.as_slice() {
        [] => vec![Access::to(action, "*")],
        names => names.iter().map(|name| Access::to(&action, arn(name))).collect(),
    }
}

/// Performs a call.
pub(crate) async fn handle(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let now = aws.now();
    let mut state = aws.lock();
    let key = (call.account.clone(), call.region.clone());
    let calendars = state.ssm.calendars.entry(key.clone()).or_default();
    if let Some(answer) = calendars::handle(calendars, call, now) {
        return answer;
    }
    let store = state.ssm.stores.entry(key).or_default();
    match call.operation.as_str() {
        "PutParameter" => put(store, call, now),
        "GetParameter" => get(store, call),
        "GetParameters" => get_many(store, call),
        "GetParametersByPath" => by_path(store, call),
        "DescribeParameters" => describe(store, call),
        "DeleteParameter" => delete(store, call),
        "DeleteParameters" => delete_many(store, call),
        "AddTagsToResource" | "RemoveTagsFromResource" | "ListTagsForResource" => tags(store, call),
        other => Err(AwsError::unknown_operation("ssm", other)),
    }
}

type Store = BTreeMap<String, Parameter>;

fn parameter_arn(call: &Call, name: &str) -> String {
    if name.starts_with("arn:") {
        return name.to_owned();
    }
    let slash = if name.starts_with('/') { "" } else { "/" };
    format!("arn:aws:ssm:{}:{}:parameter{slash}{name}", call.region, call.account)
}

fn checked_name(name: &str) -> Result<(), AwsError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
    let refuse = |why: &str| Err(AwsError::validation(format!("Parameter name \"{name}\": {why}")));
    if name.is_empty() || name.len() > 1011 {
        return refuse("1 to 1,011 characters");
    }
    if !name.chars().all(legal) {
        return refuse("only a mix of letters, numbers and the symbols .-_/");
    }
    if name.contains('/') && !name.starts_with('/') {
        return refuse("a fully qualified name starts with /");
    }
    if name.matches('/').count() > 15 {
        return Err(AwsError::new(
            "HierarchyLevelLimitExceededException",
            format!("Parameter name \"{name}\": at most 15 levels"),
        ));
    }
    let first = name.trim_start_matches('/').to_ascii_lowercase();
    if first.starts_with("aws") || first.starts_with("ssm") {
        return Err(AwsError::new(
            "AccessDeniedException",
            format!("No access to reserved parameter name: {name}."),
        ));
    }
    Ok(())
}

fn put(store: &mut Store, call: &Call, now: Timestamp) -> Result<Value, AwsError> {
    let name = call.text("Name")?;
    let value = call.text("Value")?;
    checked_name(name)?;
    let existing = store.get(name);
    let kind = call
        .opt_text("Type")
        .map(str::to_owned)
        .or_else(|| existing.map(|parameter| parameter.kind.clone()))
        .ok_or_else(|| {
            AwsError::validation("A parameter type is required when you create a parameter.")
        })?;
    if !["String", "StringList", "SecureString"].contains(&kind.as_str()) {
        return Err(AwsError::new(
            "UnsupportedParameterType",
            format!("Type: \"{kind}\" is not one of String, StringList, SecureString"),
        ));
    }
    let tier = call.opt_text("Tier").unwrap_or("Standard");
    let limit = if tier == "Standard" { 4096 } else { 8192 };
    if value.is_empty()
        || (value.len() > limit && tier != "Intelligent-Tiering")
        || value.len() > 8192
    {
        return Err(AwsError::validation(format!(
            "Value: {} bytes; a parameter of the {tier} tier holds 1 to {limit}",
            value.len()
        )));
    }
    if existing.is_some() && call.opt_bool("Overwrite")? != Some(true) {
        return Err(AwsError::new(
            "ParameterAlreadyExists",
            "The parameter already exists. To overwrite this value, set the overwrite option in \
             the request to true.",
        ));
    }
    let version = existing.map_or(1, |parameter| parameter.version + 1);
    let mut tags = existing.map(|parameter| parameter.tags.clone()).unwrap_or_default();
    tags.extend(read_tags(call));
    let parameter = Parameter {
        value: value.to_owned(),
        kind,
        tier: tier.to_owned(),
        description: call.opt_text("Description").map(str::to_owned),
        version,
        modified: now,
        tags,
    };
    store.insert(name.to_owned(), parameter);
    Ok(json!({ "Version": version, "Tier": tier }))
}

fn read_tags(call: &Call) -> BTreeMap<String, String> {
    let text = |tag: &Value, key: &str| tag.get(key).and_then(Value::as_str).map(str::to_owned);
    call.list("Tags")
        .iter()
        .filter_map(|tag| Some((text(tag, "Key")?, text(tag, "Value")?)))
        .collect()
}

fn bare_name(name: &str) -> &str {
    match name.split_once(":parameter") {
        Some((arn, rest)) if arn.starts_with("arn:") => rest,
        _ => name,
    }
}

fn find<'a>(store: &'a Store, name: &str) -> Option<(String, &'a Parameter)> {
    let name = bare_name(name);
    if let Some(parameter) = store.get(name) {
        return Some((name.to_owned(), parameter));
    }
    let (bare, version) = name.split_once(':')?;
    let parameter = store.get(bare)?;
    (version.parse() == Ok(parameter.version)).then(|| (bare.to_owned(), parameter))
}

fn shown(call: &Call, name: &str, parameter: &Parameter) -> Value {
    json!({
        "Name": name,
        "Type": parameter.kind,
        "Value": parameter.value,
        "Version": parameter.version,
        "LastModifiedDate": timestamp(parameter.modified),
        "ARN": parameter_arn(call, name),
        "DataType": "text",
    })
}

fn not_found(name: &str) -> AwsError {
    AwsError::new("ParameterNotFound", format!("Parameter {name} not found."))
}

fn get(store: &Store, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("Name")?;
    let (name, parameter) = find(store, name).ok_or_else(|| not_found(name))?;
    Ok(json!({ "Parameter": shown(call, &name, parameter) }))
}

fn get_many(store: &Store, call: &Call) -> Result<Value, AwsError> {
    let names = call.texts("Names");
    if names.is_empty() || names.len() > 10 {
        return Err(AwsError::validation("Names: 1 to 10 names"));
    }
    let (mut found, mut invalid) = (Vec::new(), Vec::new());
    for name in names {
        match find(store, &name) {
            Some((bare, parameter)) => found.push(shown(call, &bare, parameter)),
            None => invalid.push(name),
        }
    }
    Ok(json!({ "Parameters": found, "InvalidParameters": invalid }))
}

fn by_path(store: &Store, call: &Call) -> Result<Value, AwsError> {
    let path = call.text("Path")?;
    let folder = format!("{}/", path.trim_end_matches('/'));
    let recursive = call.opt_bool("Recursive")?.unwrap_or(false);
    let inside = |name: &str| {
        name.strip_prefix(&folder).is_some_and(|rest| recursive || !rest.contains('/'))
    };
    let all: Vec<Value> = store
        .iter()
        .filter(|(name, _)| inside(name))
        .map(|(name, parameter)| shown(call, name, parameter))
        .collect();
    page(call, "Parameters", all, 10)
}

fn describe(store: &Store, call: &Call) -> Result<Value, AwsError> {
    let all = store
        .iter()
        .map(|(name, parameter)| {
            let mut row = shown(call, name, parameter);
            if let Some(row) = row.as_object_mut() {
                row.remove("Value");
                row.insert("Tier".to_owned(), json!(parameter.tier));
                if let Some(description) = &parameter.description {
                    row.insert("Description".to_owned(), json!(description));
                }
            }
            row
        })
        .collect();
    page(call, "Parameters", all, 50)
}

fn page(call: &Call, member: &str, all: Vec<Value>, most: usize) -> Result<Value, AwsError> {
    let start = match call.opt_text("NextToken") {
        None => 0,
        Some(token) => token.parse().map_err(|_| {
            AwsError::new("InvalidNextToken", format!("NextToken: \"{token}\" is not valid"))
        })?,
    };
    let size = call.opt_int("MaxResults")?.map_or(most, |n| (n.max(1) as usize).min(most));
    let total = all.len();
    let rows: Vec<Value> = all.into_iter().skip(start).take(size).collect();
    let mut answer = Map::new();
    answer.insert(member.to_owned(), Value::Array(rows));
    if start + size < total {
        answer.insert("NextToken".to_owned(), json!((start + size).to_string()));
    }
    Ok(Value::Object(answer))
}

fn delete(store: &mut Store, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("Name")?;
    store.remove(bare_name(name)).map(|_| json!({})).ok_or_else(|| not_found(name))
}

fn delete_many(store: &mut Store, call: &Call) -> Result<Value, AwsError> {
    let (deleted, invalid): (Vec<String>, Vec<String>) =
        call.texts("Names").into_iter().partition(|name| store.remove(bare_name(name)).is_some());
    Ok(json!({ "DeletedParameters": deleted, "InvalidParameters": invalid }))
}

fn tags(store: &mut Store, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("ResourceId")?;
    let parameter = store.get_mut(name).ok_or_else(|| {
        AwsError::new("InvalidResourceId", format!("ResourceId: no parameter \"{name}\""))
    })?;
    match call.operation.as_str() {
        "AddTagsToResource" => parameter.tags.extend(read_tags(call)),
        "RemoveTagsFromResource" => {
            let gone = call.texts("TagKeys");
            parameter.tags.retain(|key, _| !gone.contains(key));
        }
        _ => {
            let rows: Vec<Value> = parameter
                .tags
                .iter()
                .map(|(key, value)| json!({ "Key": key, "Value": value }))
                .collect();
            return Ok(json!({ "TagList": rows }));
        }
    }
    Ok(json!({}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    async fn ask(aws: &Aws, operation: &str, input: Value) -> Result<Value, AwsError> {
        let place = ("111122223333", "eu-central-1");
        aws.perform(&Call::by_service("test.amazonaws.com", "ssm", operation, place, input)).await
    }

    #[tokio::test]
    async fn a_parameter_is_overwritten_only_on_request_and_counts_its_versions() {
        let aws = Aws::new(Settings::default());
        let put = json!({ "Name": "/landlord/tenant", "Value": "a", "Type": "String" });
        ask(&aws, "PutParameter", put.clone()).await.unwrap();
        let again = ask(&aws, "PutParameter", put).await.unwrap_err();
        assert_eq!(again.code, "ParameterAlreadyExists");
        let over = json!({ "Name": "/landlord/tenant", "Value": "b", "Overwrite": true });
        assert_eq!(ask(&aws, "PutParameter", over).await.unwrap()["Version"], 2);
        let got = ask(&aws, "GetParameter", json!({ "Name": "/landlord/tenant" })).await.unwrap();
        assert_eq!(got["Parameter"]["Value"], "b");
        assert_eq!(
            got["Parameter"]["ARN"],
            "arn:aws:ssm:eu-central-1:111122223333:parameter/landlord/tenant"
        );
    }

    #[tokio::test]
    async fn reserved_names_and_large_values_are_refused() {
        let aws = Aws::new(Settings::default());
        let put = |name: &str, size: usize| json!({ "Name": name, "Value": "x".repeat(size), "Type": "String" });
        let refused = ask(&aws, "PutParameter", put("/aws/x", 1)).await.unwrap_err();
        assert_eq!(refused.code, "AccessDeniedException");
        let refused = ask(&aws, "PutParameter", put("/x", 4097)).await.unwrap_err();
        assert!(refused.message.contains("4097 bytes"), "{refused}");
        assert!(ask(&aws, "PutParameter", put("/x", 4096)).await.is_ok());
    }

    #[tokio::test]
    async fn a_path_lists_its_own_level_unless_recursive() {
        let aws = Aws::new(Settings::default());
        for name in ["/a/x", "/a/b/y", "/ab/z"] {
            let put = json!({ "Name": name, "Value": "v", "Type": "String" });
            ask(&aws, "PutParameter", put).await.unwrap();
        }
        let count = |answer: Value| answer["Parameters"].as_array().map_or(0, Vec::len);
        let flat = ask(&aws, "GetParametersByPath", json!({ "Path": "/a" })).await.unwrap();
        let deep = json!({ "Path": "/a", "Recursive": true });
        assert_eq!(
            (count(flat), count(ask(&aws, "GetParametersByPath", deep).await.unwrap())),
            (1, 2)
        );
    }
}
