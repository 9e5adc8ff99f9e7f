//! awsJson 1.0 and 1.1: the operation in `X-Amz-Target`, the members as the body.

use bytes::Bytes;
use http::Request;
use serde_json::{Map, Number, Value};

use super::{Operation, header, milliseconds};
use crate::AwsError;

pub(super) const VERSION_1_0: &str = "application/x-amz-json-1.0";
pub(super) const VERSION_1_1: &str = "application/x-amz-json-1.1";

/// Reads operation and members.
pub(super) fn read(
    service: &str,
    prefix: &str,
    request: &Request<Bytes>,
) -> Result<Operation, AwsError> {
    let target = header(request, "x-amz-target").unwrap_or_default();
    // Some clients write the service's namespace before its name: of CloudTrail, botocore does.
    let is_prefix = |before: &str| !prefix.is_empty() && before.rsplit('.').next() == Some(prefix);
    let name = match target.rsplit_once('.') {
        Some((before, name)) if is_prefix(before) => name.to_owned(),
        _ => return Err(AwsError::unknown_operation(service, target)),
    };
    Ok(Operation { name, input: parse(request.body())?, status: 200 })
}

/// Parses a JSON body; an empty one has no members.
pub(super) fn parse(body: &[u8]) -> Result<Value, AwsError> {
    if body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| AwsError::new("SerializationException", error.to_string()))?;
    if value.is_object() {
        Ok(without_nulls(value))
    } else {
        Err(AwsError::new("SerializationException", "Start of structure or map expected"))
    }
}

/// A member that is null is a member that is not given.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name, without_nulls(value)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

/// Writes members: time stamps as seconds, absent ones left out.
pub(super) fn write(mut result: Value) -> Vec<u8> {
    if result.is_null() {
        return b"{}".to_vec();
    }
    make_plain(&mut result);
    result.to_string().into_bytes()
}

/// Makes of the value what JSON formats write: moments as seconds, and no absent members.
fn make_plain(value: &mut Value) {
    if let Some(milliseconds) = milliseconds(value) {
        *value = seconds(milliseconds);
        return;
    }
    match value {
        Value::Object(members) => {
            members.retain(|_, value| !value.is_null());
            members.values_mut().for_each(make_plain);
        }
        Value::Array(items) => items.iter_mut().for_each(make_plain),
        _ => {}
    }
}

fn seconds(milliseconds: i64) -> Value {
    if milliseconds % 1000 == 0 {
        return Value::Number((milliseconds / 1000).into());
    }
    let seconds = milliseconds as f64 / 1000.0;
    Number::from_f64(seconds).map_or(Value::Null, Value::Number)
}
