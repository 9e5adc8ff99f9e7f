//! Resource Groups Tagging API: accounts by their tags, from an index that lags behind by
//! [`Durations::tag_lag`](crate::Durations::tag_lag).
//!
//! Accounts are the only resources in the index, and they are in us-east-1 of the management
//! account; a request for another type is an error that names it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::{Access, Aws, AwsError, Call, State};

/// The type of accounts.
const ACCOUNTS: &str = "organizations:account";

/// The permissions that a call needs.
pub(crate) fn access(_state: &State, call: &Call) -> Vec<Access> {
    vec![Access::to(format!("tag:{}", call.operation), "*")]
}

/// Performs a call.
pub(crate) async fn handle(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    match call.operation.as_str() {
        "GetResources" => get_resources(aws, call),
        other => Err(AwsError::unknown_operation("tag", other)),
    }
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidParameterException", message)
}

/// One key, and the values of which one must be there; none is any.
struct Filter<'a> {
    key: &'a str,
    values: Vec<&'a str>,
}

fn filters(call: &Call) -> Result<Vec<Filter<'_>>, AwsError> {
    let filters = call.list("TagFilters");
    if filters.len() > 50 {
        return Err(invalid(format!("TagFilters: {} are more than 50", filters.len())));
    }
    filters
        .iter()
        .map(|filter| {
            let key =
                filter["Key"].as_str().ok_or_else(|| invalid("TagFilters: Key is missing"))?;
            let values: Vec<&str> = filter["Values"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            if values.len() > 20 {
                return Err(invalid(format!("TagFilters: {key} has more than 20 values")));
            }
            Ok(Filter { key, values })
        })
        .collect()
}

fn page_size(call: &Call) -> Result<usize, AwsError> {
    let size = call.opt_int("ResourcesPerPage")?.unwrap_or(50);
    usize::try_from(size)
        .ok()
        .filter(|size| (1..=100).contains(size))
        .ok_or_else(|| invalid(format!("ResourcesPerPage: {size} is not between 1 and 100")))
}

fn get_resources(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let types = call.texts("ResourceTypeFilters");
    if let Some(other) = types.iter().find(|name| *name != ACCOUNTS && *name != "organizations") {
        return Err(invalid(format!(
            "ResourceTypeFilters: the local AWS indexes {ACCOUNTS} only, not {other}"
        )));
    }
    if !call.list("ResourceARNList").is_empty() {
        return Err(invalid("ResourceARNList: not known to the local AWS; use TagFilters"));
    }
    let filters = filters(call)?;
    let size = page_size(call)?;
    let after = match call.opt_text("PaginationToken").filter(|token| !token.is_empty()) {
        None => String::new(),
        Some(token) => URL_SAFE_NO_PAD
            .decode(token)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| {
                AwsError::new(
                    "PaginationTokenExpiredException",
                    "The PaginationToken is not valid or has expired.",
                )
            })?,
    };
    let is_here = call.account == aws.settings().management_account && call.region == "us-east-1";
    if !is_here {
        return Ok(json!({ "PaginationToken": "", "ResourceTagMappingList": [] }));
    }
    let now = aws.now();
    let with_values = filters.iter().find(|filter| !filter.values.is_empty());
    let wanted = with_values.map(|filter| (filter.key, filter.values.as_slice()));
    let mut state = aws.lock();
    let organizations = &mut state.organizations;
    let mut found: Vec<(String, Value)> = organizations
        .tags
        .index(now, &after, wanted)
        .filter(|(_, tags)| {
            filters.iter().all(|filter| {
                tags.get(filter.key).is_some_and(|value| {
                    filter.values.is_empty() || filter.values.contains(&value.as_str())
                })
            })
        })
        .take(size + 1)
        .map(|(id, tags)| {
            let tags: Vec<Value> =
                tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
            (id.to_owned(), Value::Array(tags))
        })
        .collect();
    let token = if found.len() > size {
        found.truncate(size);
        found.last().map(|(id, _)| URL_SAFE_NO_PAD.encode(id)).unwrap_or_default()
    } else {
        String::new()
    };
    let mappings: Vec<Value> = found
        .into_iter()
        .map(|(id, tags)| json!({ "ResourceARN": organizations.arn("account", &id), "Tags": tags }))
        .collect();
    Ok(json!({ "PaginationToken": token, "ResourceTagMappingList": mappings }))
}
