//! Between JSON and the values of the JSONata engine.
//!
//! The engine counts in 64-bit floats and has values that JSON has not; whole numbers come back
//! as integers, and what JSON cannot hold is an error, as on AWS.

use indexmap::IndexMap;
use jsonata_core::value::JValue;
use serde_json::{Map, Number, Value};

pub(super) fn to_engine(value: &Value) -> JValue {
    match value {
        Value::Null => JValue::Null,
        Value::Bool(value) => JValue::Bool(*value),
        // Only numbers of arbitrary precision, a feature that is off, are no f64.
        Value::Number(value) => JValue::Number(value.as_f64().unwrap_or(f64::NAN)),
        Value::String(value) => JValue::string(value.as_str()),
        Value::Array(items) => JValue::array(items.iter().map(to_engine).collect()),
        Value::Object(fields) => {
            let mut object = IndexMap::with_capacity(fields.len());
            for (key, field) in fields {
                object.insert(key.clone(), to_engine(field));
            }
            JValue::object(object)
        }
    }
}

pub(super) fn from_engine(value: &JValue) -> Result<Value, String> {
    match value {
        JValue::Null => Ok(Value::Null),
        JValue::Bool(value) => Ok(Value::Bool(*value)),
        JValue::Number(value) => number(*value),
        JValue::String(value) => Ok(Value::String(value.to_string())),
        JValue::Array(items) => items.iter().map(from_engine).collect(),
        JValue::Object(fields) => {
            let mut object = Map::with_capacity(fields.len());
            for (key, field) in fields.iter() {
                // As JSON.stringify has it: an undefined member is no member.
                if !field.is_undefined() {
                    object.insert(key.clone(), from_engine(field)?);
                }
            }
            Ok(Value::Object(object))
        }
        JValue::Undefined => Err("returned nothing (undefined).".to_owned()),
        JValue::Lambda(_) | JValue::Builtin { .. } | JValue::Regex { .. } => {
            Err("returned an unsupported result type.".to_owned())
        }
        #[expect(
            unreachable_patterns,
            reason = "the engine has more kinds of values with other features"
        )]
        _ => Err("returned an unsupported result type.".to_owned()),
    }
}

/// A value as it would come back from the engine.
pub(super) fn as_returned(value: &Value) -> Option<Value> {
    Some(match value {
        Value::Number(value) => number(value.as_f64()?).ok()?,
        Value::Array(items) => Value::Array(items.iter().map(as_returned).collect::<Option<_>>()?),
        Value::Object(fields) => {
            let field = |(key, field): (&String, &Value)| Some((key.clone(), as_returned(field)?));
            Value::Object(fields.iter().map(field).collect::<Option<_>>()?)
        }
        other => other.clone(),
    })
}

fn number(value: f64) -> Result<Value, String> {
    if !value.is_finite() {
        return Err(format!("returned the number {value}, which is not JSON."));
    }
    // 2^63: every whole number below it is an i64.
    let is_integer = value.fract() == 0.0 && value.abs() < 9_223_372_036_854_775_808.0;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and in range")]
    let number =
        if is_integer { Some(Number::from(value as i64)) } else { Number::from_f64(value) };
    number
        .map(Value::Number)
        .ok_or_else(|| format!("returned the number {value}, which is not JSON."))
}
