//! Smithy's rpc-v2-cbor: the operation in the path, the members as CBOR.

use base64::Engine as _;
use bytes::Bytes;
use ciborium::Value as Cbor;
use http::{HeaderValue, Request, Response};
use serde_json::{Map, Number, Value};

use super::{Operation, milliseconds};
use crate::AwsError;

/// The tag of a time stamp in seconds.
const EPOCH: u64 = 1;

/// Reads operation and members from `/service/PREFIX/operation/NAME`.
pub(super) fn read(
    service: &str,
    prefix: &str,
    request: &Request<Bytes>,
) -> Result<Operation, AwsError> {
    let path = request.uri().path();
    let name = path
        .strip_prefix("/service/")
        .and_then(|rest| rest.split_once("/operation/"))
        .filter(|(shape, _)| !prefix.is_empty() && *shape == prefix)
        .map(|(_, name)| name.to_owned())
        .ok_or_else(|| AwsError::unknown_operation(service, path))?;
    let body = request.body();
    let input = if body.is_empty() {
        Value::Object(Map::new())
    } else {
        let value: Cbor = ciborium::from_reader(body.as_ref())
            .map_err(|error| AwsError::new("SerializationException", error.to_string()))?;
        from_cbor(value)
    };
    Ok(Operation { name, input, status: 200 })
}

fn from_cbor(value: Cbor) -> Value {
    match value {
        Cbor::Integer(number) => {
            let number = i128::from(number);
            i64::try_from(number).map_or(Value::Null, |number| Value::Number(number.into()))
        }
        Cbor::Float(number) => Number::from_f64(number).map_or(Value::Null, Value::Number),
        Cbor::Text(text) => Value::String(text),
        Cbor::Bool(value) => Value::Bool(value),
        Cbor::Bytes(bytes) => {
            Value::String(base64::engine::general_purpose::STANDARD.encode(bytes))
        }
        Cbor::Array(items) => Value::Array(items.into_iter().map(from_cbor).collect()),
        Cbor::Map(entries) => Value::Object(
            entries
                .into_iter()
                .filter_map(|(key, value)| Some((key.into_text().ok()?, from_cbor(value))))
                .filter(|(_, value)| !value.is_null())
                .collect(),
        ),
        Cbor::Tag(_, inner) => from_cbor(*inner),
        _ => Value::Null,
    }
}

fn to_cbor(value: &Value) -> Cbor {
    if let Some(milliseconds) = milliseconds(value) {
        let seconds = milliseconds as f64 / 1000.0;
        return Cbor::Tag(EPOCH, Box::new(Cbor::Float(seconds)));
    }
    match value {
        Value::Null => Cbor::Null,
        Value::Bool(value) => Cbor::Bool(*value),
        Value::Number(number) => match number.as_i64() {
            Some(number) => Cbor::Integer(number.into()),
            None => Cbor::Float(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => Cbor::Text(text.clone()),
        Value::Array(items) => Cbor::Array(items.iter().map(to_cbor).collect()),
        Value::Object(members) => Cbor::Map(
            members
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (Cbor::Text(name.clone()), to_cbor(value)))
                .collect(),
        ),
    }
}

/// Writes members as a response of the protocol.
pub(super) fn respond(status: u16, members: &Value) -> Response<Bytes> {
    let mut body = Vec::new();
    let value = match members {
        Value::Null => Cbor::Map(Vec::new()),
        other => to_cbor(other),
    };
    // Writing into memory cannot fail.
    let _ = ciborium::into_writer(&value, &mut body);
    let mut response = super::respond(status, "application/cbor", body);
    response.headers_mut().insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
    response
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_survive_the_way_out_and_in_and_time_stamps_become_tags() {
        let members = json!({
            "MetricAlarms": [{"AlarmName": "a", "Threshold": 1.5, "Enabled": true, "None": null}],
            "At": {"$timestamp": 1500},
        });
        let response = respond(200, &members);
        assert_eq!(response.headers()["smithy-protocol"], "rpc-v2-cbor");
        let request = Request::builder()
            .uri("/service/GraniteServiceVersion20100801/operation/DescribeAlarms")
            .body(response.into_body())
            .unwrap();
        let operation = read("cloudwatch", "GraniteServiceVersion20100801", &request).unwrap();
        assert_eq!(operation.name, "DescribeAlarms");
        assert_eq!(
            operation.input,
            json!({
                "MetricAlarms": [{"AlarmName": "a", "Threshold": 1.5, "Enabled": true}],
                "At": 1.5,
            })
        );
    }

    #[test]
    fn another_service_in_the_path_is_refused() {
        let request = Request::builder().uri("/service/X/operation/Y").body(Bytes::new()).unwrap();
        assert!(read("cloudwatch", "GraniteServiceVersion20100801", &request).is_err());
    }
}
