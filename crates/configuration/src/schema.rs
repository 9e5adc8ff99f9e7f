//! The shape of a file, by its JSON Schema: the one that editors complete by.

use std::sync::LazyLock;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use lifecycle::Fault;
use serde_json::Value;

use crate::finding::Findings;
use crate::source::Source;

/// A schema of this repository.
pub(crate) struct Schema {
    value: Value,
    validator: Validator,
}

/// That of the tiers.
pub(crate) static TIERS: LazyLock<Option<Schema>> =
    LazyLock::new(|| Schema::of(include_str!("../../../schemas/tiers.schema.json")));
/// That of a service.
pub(crate) static SERVICE: LazyLock<Option<Schema>> =
    LazyLock::new(|| Schema::of(include_str!("../../../schemas/service.schema.json")));

impl Schema {
    /// Nothing for what is no schema; a test sees that these are.
    fn of(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let validator = jsonschema::validator_for(&value).ok()?;
        Some(Self { value, validator })
    }
}

/// Whether a file has the shape; otherwise everything that breaks it is found.
pub(crate) fn holds(
    schema: &LazyLock<Option<Schema>>,
    source: &Source,
    findings: &mut Findings,
) -> bool {
    let Some(schema) = &**schema else {
        findings.one(source, Fault::missing("its JSON Schema"));
        return false;
    };
    let mut holds = true;
    for error in schema.validator.iter_errors(&source.value) {
        holds = false;
        for fault in faults(schema, &error, &source.value) {
            findings.one(source, fault);
        }
    }
    holds
}

fn faults(schema: &Schema, error: &ValidationError<'_>, value: &Value) -> Vec<Fault> {
    let at = field(error.instance_path().as_str(), value);
    let below = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let known = known(schema, error);
            unexpected
                .iter()
                .map(|name| Fault::new(below(name), name, unknown(name, &known)))
                .collect()
        }
        ValidationErrorKind::Required { property } => {
            vec![Fault::missing(below(property.as_str().unwrap_or_default()))]
        }
        _ => {
            let said = error.masked_with("it").to_string();
            let at = if at.is_empty() { "the file".to_owned() } else { at };
            let rule = said.strip_prefix("it ").unwrap_or(&said);
            vec![Fault::of(at, error.instance(), format!("must not be: it {rule}"))]
        }
    }
}

/// The names beside `additionalProperties`.
fn known(schema: &Schema, error: &ValidationError<'_>) -> Vec<String> {
    let path = error.schema_path().as_str().trim_end_matches("/additionalProperties");
    let properties = schema.value.pointer(&format!("{path}/properties"));
    let names = properties.and_then(Value::as_object).into_iter().flat_map(|it| it.keys().cloned());
    names.filter(|name| !name.starts_with('$')).collect()
}

/// What is said of a name that is not known.
pub(crate) fn unknown(name: &str, known: &[String]) -> String {
    match nearest(name, known) {
        Some(near) => format!("must not be there; {near} is meant?"),
        None => format!("must not be there; known are {}", known.join(", ")),
    }
}

/// The known name that is most like one that is not.
pub(crate) fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let like = |it: &String| strsim::normalized_damerau_levenshtein(name, it);
    let near = known.iter().max_by(|a, b| like(a).total_cmp(&like(b)))?;
    (like(near) > 0.6).then_some(near)
}

/// A JSON pointer as a field.
fn field(pointer: &str, value: &Value) -> String {
    let mut field = String::new();
    let mut at = value;
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        match at {
            Value::Array(items) => {
                field.push_str(&format!("[{part}]"));
                at = part.parse().ok().and_then(|index: usize| items.get(index)).unwrap_or(at);
            }
            _ => {
                if !field.is_empty() {
                    field.push('.');
                }
                field.push_str(&part);
                at = at.get(&part).unwrap_or(at);
            }
        }
    }
    field
}
