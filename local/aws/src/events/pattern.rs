//! Event patterns: which events a rule is about.
//!
//! The documented language: exact values, `prefix`, `suffix`, `equals-ignore-case`, `wildcard`,
//! `anything-but`, `numeric`, `exists` and `$or`. What is not known here is refused when the
//! rule is made. <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html>

use serde_json::{Map, Value};

/// A pattern that was read and understood.
#[derive(Debug, Clone)]
pub(super) struct Pattern(Map<String, Value>);

impl Pattern {
    /// Reads a pattern; says where it is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let value: Value =
            serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
        let Value::Object(fields) = value else { return Err("must be an object".to_owned()) };
        check_fields(&fields, "")?;
        Ok(Self(fields))
    }

    /// Whether an event matches.
    pub(super) fn matches(&self, event: &Value) -> bool {
        matches_fields(&self.0, Some(event))
    }
}

fn check_fields(fields: &Map<String, Value>, place: &str) -> Result<(), String> {
    if fields.is_empty() {
        return Err(format!("{place}: empty objects are not allowed"));
    }
    for (name, value) in fields {
        let place = format!("{place}.{name}");
        match value {
            Value::Array(choices) if name == "$or" => {
                for choice in choices {
                    let fields = choice.as_object().ok_or(format!("{place}: takes objects"))?;
                    check_fields(fields, &place)?;
                }
            }
            Value::Array(choices) if choices.is_empty() => {
                return Err(format!("{place}: empty arrays are not allowed"));
            }
            Value::Array(choices) => {
                choices.iter().try_for_each(|choice| check_choice(choice, &place))?;
            }
            Value::Object(inner) => check_fields(inner, &place)?,
            other => return Err(format!("{place}: {other} must be an object or an array")),
        }
    }
    Ok(())
}

fn check_choice(choice: &Value, place: &str) -> Result<(), String> {
    let Value::Object(operator) = choice else {
        return if choice.is_array() { Err(format!("{place}: a list in a list")) } else { Ok(()) };
    };
    let mut members = operator.iter();
    let (Some((name, argument)), None) = (members.next(), members.next()) else {
        return Err(format!("{place}: exactly one operator is allowed"));
    };
    let fits = match name.as_str() {
        "prefix" | "suffix" | "equals-ignore-case" | "wildcard" => argument.is_string(),
        "exists" => argument.is_boolean(),
        "anything-but" => match argument {
            Value::Object(_) => return check_choice(argument, place),
            _ => !argument.is_null(),
        },
        "numeric" => argument.as_array().is_some_and(|parts| {
            !parts.is_empty()
                && parts.chunks(2).all(|pair| match pair {
                    [Value::String(sign), Value::Number(_)] => {
                        ["<", "<=", "=", ">=", ">"].contains(&sign.as_str())
                    }
                    _ => false,
                })
        }),
        other => return Err(format!("{place}: the operator \"{other}\" is not supported")),
    };
    if fits { Ok(()) } else { Err(format!("{place}.{name}: {argument} does not fit the operator")) }
}

fn matches_fields(fields: &Map<String, Value>, event: Option<&Value>) -> bool {
    fields.iter().all(|(name, pattern)| {
        if name == "$or" {
            return pattern.as_array().is_some_and(|choices| {
                choices
                    .iter()
                    .filter_map(Value::as_object)
                    .any(|choice| matches_fields(choice, event))
            });
        }
        let found = event.and_then(|event| event.get(name));
        match pattern {
            Value::Object(inner) => matches_fields(inner, found),
            Value::Array(choices) => choices.iter().any(|choice| matches_choice(choice, found)),
            _ => false,
        }
    })
}

fn matches_choice(choice: &Value, found: Option<&Value>) -> bool {
    if let Some(exists) = choice.get("exists").and_then(Value::as_bool) {
        return exists == found.is_some_and(|found| !found.is_object());
    }
    match found {
        Some(Value::Array(elements)) => elements.iter().any(|one| matches_one(choice, one)),
        Some(one) => matches_one(choice, one),
        None => false,
    }
}

fn matches_one(choice: &Value, found: &Value) -> bool {
    let Value::Object(operator) = choice else { return same(choice, found) };
    let Some((name, argument)) = operator.iter().next() else { return false };
    let texts = || Some((argument.as_str()?, found.as_str()?));
    match name.as_str() {
        "prefix" => texts().is_some_and(|(prefix, text)| text.starts_with(prefix)),
        "suffix" => texts().is_some_and(|(suffix, text)| text.ends_with(suffix)),
        "equals-ignore-case" => texts().is_some_and(|(a, b)| a.eq_ignore_ascii_case(b)),
        "wildcard" => texts().is_some_and(|(pattern, text)| wildcard(pattern, text)),
        "anything-but" => match argument {
            Value::Object(_) => !matches_one(argument, found),
            Value::Array(none_of) => !none_of.iter().any(|one| same(one, found)),
            one => !same(one, found),
        },
        "numeric" => numeric(argument, found),
        _ => false,
    }
}

fn same(wanted: &Value, found: &Value) -> bool {
    match (wanted.as_f64(), found.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => wanted == found,
    }
}

fn wildcard(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, rest)) => text.strip_prefix(head).is_some_and(|tail| {
            (0..=tail.len())
                .filter(|at| tail.is_char_boundary(*at))
                .any(|at| wildcard(rest, &tail[at..]))
        }),
    }
}

fn numeric(argument: &Value, found: &Value) -> bool {
    let (Some(parts), Some(number)) = (argument.as_array(), found.as_f64()) else { return false };
    parts.chunks(2).all(|pair| match pair {
        [Value::String(sign), limit] => limit.as_f64().is_some_and(|limit| match sign.as_str() {
            "<" => number < limit,
            "<=" => number <= limit,
            "=" => number == limit,
            ">=" => number >= limit,
            _ => number > limit,
        }),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn matches(pattern: Value, event: Value) -> bool {
        Pattern::parse(&pattern.to_string()).unwrap().matches(&event)
    }

    #[test]
    fn every_field_must_match_one_of_its_choices() {
        let pattern = json!({ "source": ["a", "b"], "detail": { "state": ["FAILED"] } });
        assert!(matches(
            pattern.clone(),
            json!({ "source": "b", "detail": { "state": "FAILED" } })
        ));
        assert!(!matches(
            pattern.clone(),
            json!({ "source": "c", "detail": { "state": "FAILED" } })
        ));
        assert!(!matches(pattern, json!({ "source": "b", "detail": {} })));
    }

    #[test]
    fn operators_match_as_documented() {
        let cases = [
            (json!([{ "prefix": "ab" }]), json!("abc"), true),
            (json!([{ "suffix": ".png" }]), json!("a.jpg"), false),
            (json!([{ "anything-but": ["x", "y"] }]), json!("z"), true),
            (json!([{ "anything-but": { "prefix": "x" } }]), json!("xy"), false),
            (json!([{ "numeric": [">", 0, "<=", 5] }]), json!(5), true),
            (json!([{ "numeric": [">", 0, "<=", 5] }]), json!(6), false),
            (json!([{ "wildcard": "a*c*e" }]), json!("abcde"), true),
            (json!([{ "equals-ignore-case": "Ab" }]), json!("aB"), true),
            (json!(["a"]), json!(["b", "a"]), true),
            (json!([1]), json!(1.0), true),
        ];
        for (choices, found, expected) in cases {
            let shown = format!("{choices} on {found}");
            assert_eq!(
                matches(json!({ "f": choices }), json!({ "f": found })),
                expected,
                "{shown}"
            );
        }
        assert!(matches(json!({ "f": [{ "exists": false }] }), json!({ "g": 1 })));
        assert!(!matches(json!({ "f": [{ "exists": false }] }), json!({ "f": 1 })));
        assert!(matches(json!({ "$or": [{ "f": [1] }, { "g": [2] }] }), json!({ "g": 2 })));
    }

    #[test]
    fn a_pattern_with_an_unknown_operator_is_refused_where_it_stands() {
        let refused = Pattern::parse(r#"{"detail":{"a":[{"cidr":"10.0.0.0/8"}]}}"#).unwrap_err();
        assert_eq!(refused, ".detail.a: the operator \"cidr\" is not supported");
        assert!(
            Pattern::parse(r#"{"source":"a"}"#)
                .unwrap_err()
                .contains("must be an object or an array")
        );
        assert!(Pattern::parse("{}").is_err());
    }
}
