//! The values of a template's parameters: given or default, and checked by its constraints.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::TemplateError;
use super::model::{Parameter, Template};

/// The parameter types that are supported.
pub(crate) const TYPES: [&str; 9] = [
    "String",
    "Number",
    "CommaDelimitedList",
    "List<String>",
    "List<Number>",
    "AWS::SSM::Parameter::Name",
    "AWS::SSM::Parameter::Value<String>",
    "AWS::SSM::Parameter::Value<List<String>>",
    "AWS::SSM::Parameter::Value<CommaDelimitedList>",
];

/// The values of all parameters. `lookup` reads an SSM parameter for those types that name one.
///
/// A value for a parameter that the template does not declare, a missing value and a value that
/// breaks a constraint are errors, in AWS's words.
pub(crate) fn resolve(
    template: &Template,
    given: &BTreeMap<String, String>,
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<IndexMap<String, Value>, TemplateError> {
    let unknown: Vec<&str> = given
        .keys()
        .filter(|name| !template.parameters.contains_key(name.as_str()))
        .map(String::as_str)
        .collect();
    if !unknown.is_empty() {
        let message = format!("Parameters: [{}] do not exist in the template", unknown.join(", "));
        return Err(TemplateError::at(0, "", message));
    }
    let missing: Vec<&str> = template
        .parameters
        .iter()
        .filter(|(name, parameter)| {
            parameter.default.is_none() && !given.contains_key(name.as_str())
        })
        .map(|(name, _)| name.as_str())
        .collect();
    if !missing.is_empty() {
        let message = format!("Parameters: [{}] must have values", missing.join(", "));
        return Err(TemplateError::at(0, "", message));
    }
    template
        .parameters
        .iter()
        .map(|(name, parameter)| {
            let text = given.get(name).or(parameter.default.as_ref()).cloned().unwrap_or_default();
            Ok((name.clone(), value(name, parameter, &text, &lookup)?))
        })
        .collect()
}

fn value(
    name: &str,
    parameter: &Parameter,
    text: &str,
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<Value, TemplateError> {
    let path = format!("Parameters.{name}");
    let refuse = |message: String| Err(TemplateError::at(parameter.line, path.clone(), message));
    let text = if parameter.kind.starts_with("AWS::SSM::Parameter::Value<") {
        match lookup(text) {
            Some(text) => text,
            None => {
                return refuse(format!(
                    "Unable to fetch parameters [{text}] from parameter store for this account"
                ));
            }
        }
    } else {
        text.to_owned()
    };
    let list = parameter.kind.contains("List");
    let items: Vec<&str> = if list {
        text.split(',').map(str::trim).filter(|_| !text.is_empty()).collect()
    } else {
        vec![&text]
    };
    for item in &items {
        if let Some(message) = fault(name, parameter, item) {
            return refuse(match &parameter.constraint {
                Some(constraint) => format!("{message} ({constraint})"),
                None => message,
            });
        }
    }
    Ok(if list { json!(items) } else { Value::String(text.clone()) })
}

fn fault(name: &str, parameter: &Parameter, value: &str) -> Option<String> {
    if !parameter.allowed_values.is_empty()
        && !parameter.allowed_values.iter().any(|allowed| allowed == value)
    {
        return Some(format!(
            "Parameter '{name}' must be one of AllowedValues: [{}], not \"{value}\"",
            parameter.allowed_values.join(", ")
        ));
    }
    if let Some(pattern) = &parameter.allowed_pattern {
        match regex::Regex::new(&format!("^(?:{pattern})$")) {
            Err(error) => return Some(format!("AllowedPattern {pattern}: {error}")),
            Ok(regex) if !regex.is_match(value) => {
                return Some(format!(
                    "Parameter '{name}' must match pattern {pattern}, \"{value}\" does not"
                ));
            }
            Ok(_) => {}
        }
    }
    let length = value.chars().count() as f64;
    if parameter.min_length.is_some_and(|least| length < least) {
        let least = parameter.min_length.unwrap_or_default();
        return Some(format!("Parameter '{name}' must contain at least {least} characters"));
    }
    if parameter.max_length.is_some_and(|most| length > most) {
        let most = parameter.max_length.unwrap_or_default();
        return Some(format!("Parameter '{name}' must contain at most {most} characters"));
    }
    if !parameter.kind.contains("Number") {
        return None;
    }
    let Ok(number) = value.parse::<f64>() else {
        return Some(format!("Parameter '{name}' must be a number, not \"{value}\""));
    };
    if parameter.min_value.is_some_and(|least| number < least) {
        let least = parameter.min_value.unwrap_or_default();
        return Some(format!("Parameter '{name}' must be a number not less than {least}"));
    }
    if parameter.max_value.is_some_and(|most| number > most) {
        let most = parameter.max_value.unwrap_or_default();
        return Some(format!("Parameter '{name}' must be a number not greater than {most}"));
    }
    None
}
