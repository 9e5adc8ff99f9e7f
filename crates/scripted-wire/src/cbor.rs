//! Smithy's rpc-v2-cbor, as far as a test needs it.

use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use ciborium::Value as Cbor;
use serde_json::{Map, Number, Value};

use crate::Protocol;

/// The operation in `/service/SHAPE/operation/NAME`.
pub(crate) fn operation(uri: &str) -> Option<String> {
    let (_, rest) = uri.split_once("/service/")?;
    rest.split_once("/operation/").map(|(_, name)| name.to_owned())
}

/// The request, as JSON.
pub(crate) fn read(body: &[u8]) -> Value {
    ciborium::from_reader::<Cbor, _>(body).map(from_cbor).unwrap_or_default()
}

/// The answer as the protocol has it. What is not JSON goes out as it stands.
pub(crate) fn body(protocol: Protocol, text: String) -> Result<SdkBody, ConnectorError> {
    let value = match protocol {
        Protocol::Cbor => serde_json::from_str::<Value>(&text).ok(),
        Protocol::Json | Protocol::Query | Protocol::Rest => None,
    };
    let Some(value) = value else { return Ok(SdkBody::from(text)) };
    let mut bytes = Vec::new();
    ciborium::into_writer(&to_cbor(&value), &mut bytes)
        .map_err(|error| ConnectorError::user(error.into()))?;
    Ok(SdkBody::from(bytes))
}

fn from_cbor(value: Cbor) -> Value {
    match value {
        Cbor::Integer(number) => i64::try_from(number).map_or(Value::Null, Value::from),
        Cbor::Float(number) => Number::from_f64(number).map_or(Value::Null, Value::Number),
        Cbor::Text(text) => Value::String(text),
        Cbor::Bool(value) => Value::Bool(value),
        Cbor::Array(items) => Value::Array(items.into_iter().map(from_cbor).collect()),
        Cbor::Map(entries) => {
            let member =
                |(key, value): (Cbor, Cbor)| Some((key.into_text().ok()?, from_cbor(value)));
            Value::Object(entries.into_iter().filter_map(member).collect::<Map<_, _>>())
        }
        Cbor::Tag(_, inner) => from_cbor(*inner),
        _ => Value::Null,
    }
}

fn to_cbor(value: &Value) -> Cbor {
    match value {
        Value::Null => Cbor::Null,
        Value::Bool(value) => Cbor::Bool(*value),
        Value::Number(number) => match number.as_i64() {
            Some(number) => Cbor::Integer(number.into()),
            None => Cbor::Float(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => Cbor::Text(text.clone()),
        Value::Array(items) => Cbor::Array(items.iter().map(to_cbor).collect()),
        Value::Object(members) => {
            let member =
                |(key, value): (&String, &Value)| (Cbor::Text(key.clone()), to_cbor(value));
            Cbor::Map(members.iter().map(member).collect())
        }
    }
}
