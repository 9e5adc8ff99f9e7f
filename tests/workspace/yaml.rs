//! CloudFormation's YAML as JSON: `!Sub x` becomes `{"Fn::Sub": "x"}`, `!Ref x` `{"Ref": "x"}`.

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

/// Reads a template with one document.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let documents = Yaml::load_from_str(text).map_err(|error| error.to_string())?;
    match documents.as_slice() {
        [document] => convert(document),
        others => Err(format!("{} documents, one is expected", others.len())),
    }
}

fn convert(node: &Yaml<'_>) -> Result<Value, String> {
    Ok(match node {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => json!(value),
        Yaml::Value(Scalar::Integer(value)) => json!(value),
        Yaml::Value(Scalar::FloatingPoint(value)) => json!(value.into_inner()),
        Yaml::Value(Scalar::String(value)) => json!(value),
        Yaml::Sequence(items) => Value::Array(items.iter().map(convert).collect::<Result<_, _>>()?),
        Yaml::Mapping(members) => {
            let mut object = Map::new();
            for (key, value) in members {
                let key = match convert(key)? {
                    Value::String(key) => key,
                    other => other.to_string(),
                };
                object.insert(key, convert(value)?);
            }
            Value::Object(object)
        }
        Yaml::Tagged(tag, value) if tag.handle == "!" => {
            let value = convert(value)?;
            match tag.suffix.as_str() {
                short @ ("Ref" | "Condition") => json!({ short: value }),
                "GetAtt" => json!({ "Fn::GetAtt": attribute(value) }),
                short => json!({ format!("Fn::{short}"): value }),
            }
        }
        other => return Err(format!("{other:?} has no place in a template")),
    })
}

/// `Resource.Attribute` as the list of both.
fn attribute(value: Value) -> Value {
    match value.as_str().and_then(|text| text.split_once('.')) {
        Some((resource, attribute)) => json!([resource, attribute]),
        None => value,
    }
}

#[test]
fn short_forms_are_spelled_out() {
    let read = parse("A: !Sub ${B}-c\nD: !GetAtt E.Arn\nF: !If [G, !Ref H, '']\nI: [1, true, ~]\n");
    assert_eq!(
        read.unwrap(),
        json!({
            "A": {"Fn::Sub": "${B}-c"}, "D": {"Fn::GetAtt": ["E", "Arn"]},
            "F": {"Fn::If": ["G", {"Ref": "H"}, ""]}, "I": [1, true, null],
        })
    );
}
