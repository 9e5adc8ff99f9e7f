//! The values of a template's parameters: given or default, and checked by its constraints.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::TemplateError;
use super::model::{Parameter, Template};

/// Types whose values CloudFormation takes as they are.
const PLAIN: [&str; 6] = [
    "String",
    "Number",
    "CommaDelimitedList",
    "List<String>",
    "List<Number>",
    "AWS::SSM::Parameter::Name",
];
/// Types whose values name something in the account, and how such a value begins.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html>
const OF_THE_ACCOUNT: [(&str, &str); 10] = [
    ("AWS::EC2::AvailabilityZone::Name", ""),
    ("AWS::EC2::Image::Id", "ami-"),
    ("AWS::EC2::Instance::Id", "i-"),
    ("AWS::EC2::KeyPair::KeyName", ""),
    ("AWS::EC2::SecurityGroup::GroupName", ""),
    ("AWS::EC2::SecurityGroup::Id", "sg-"),
    ("AWS::EC2::Subnet::Id", "subnet-"),
    ("AWS::EC2::Volume::Id", "vol-"),
    ("AWS::EC2::VPC::Id", "vpc-"),
    ("AWS::Route53::HostedZone::Id", ""),
];
/// How a type begins whose value is the name of a parameter of SSM, and which stands for that one's value.
const OF_SSM: &str = "AWS::SSM::Parameter::Value<";

/// How values of a type of the account begin; none for a type that is none.
fn beginning(kind: &str) -> Option<&'static str> {
    let inner = kind.strip_prefix("List<").and_then(|rest| rest.strip_suffix('>')).unwrap_or(kind);
    OF_THE_ACCOUNT.iter().find(|(name, _)| *name == inner).map(|(_, beginning)| *beginning)
}

/// Whether CloudFormation has a parameter type.
pub(super) fn is_type(kind: &str) -> bool {
    if PLAIN.contains(&kind) || beginning(kind).is_some() {
        return true;
    }
    let inner = kind.strip_prefix(OF_SSM).and_then(|rest| rest.strip_suffix('>'));
    inner.is_some_and(|inner| {
        ["String", "List<String>", "CommaDelimitedList"].contains(&inner)
            || beginning(inner).is_some()
    })
}

/// Values of public parameters that AWS keeps in every account, as far as their form goes.
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-public-parameters.html>
pub(crate) fn public(name: &str) -> Option<String> {
    name.starts_with("/aws/service/").then(|| "ami-0123456789abcdef0".to_owned())
}

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
    let text = if parameter.kind.starts_with(OF_SSM) {
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

/// A pattern that the whole value has to match. CloudFormation's are Java's: they may look around, and a
/// hyphen behind a class such as `\w` is itself.
fn whole(pattern: &str) -> Result<fancy_regex::Regex, Box<fancy_regex::Error>> {
    let mut ours = pattern.to_owned();
    for class in ["\\w", "\\d", "\\s"] {
        ours = ours.replace(&format!("{class}-"), &format!("{class}\\-"));
    }
    fancy_regex::Regex::new(&format!("^(?:{ours})$")).map_err(Box::new)
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
        match whole(pattern).map(|whole| whole.is_match(value)) {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => {
                return Some(format!(
                    "Parameter '{name}' must match pattern {pattern}, \"{value}\" does not"
                ));
            }
            Ok(Err(error)) => return Some(format!("AllowedPattern {pattern}: {error}")),
            Err(error) => return Some(format!("AllowedPattern {pattern}: {error}")),
        }
    }
    if let Some(beginning) = beginning(&parameter.kind)
        && !value.starts_with(beginning)
    {
        return Some(format!(
            "Parameter validation failed: parameter value {value} for parameter name {name} does not exist"
        ));
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
