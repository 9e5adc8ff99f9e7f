//! Reading a pattern, and refusing what AWS refuses, in the words of its answer.

use serde_json::{Map, Value};

use super::Alternative;
use super::address::{self, Network};
use super::matcher::{Matcher, Words};
use super::number::{self, Bound, Range};
use super::wildcard::Wildcard;

/// The most alternatives that the `$or`s of a pattern may make together.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html>
const MOST_ALTERNATIVES: usize = 1_000;

const ONE_KEY: &str = "Only one key allowed in match expression";
const TOO_MANY: &str = "Too many elements in numeric expression";

/// Names that AWS keeps to itself inside `$or`.
const RESERVED: [&str; 24] = [
    "exactly",
    "equals-ignore-case",
    "prefix",
    "suffix",
    "anything-but",
    "exists",
    "wildcard",
    "numeric",
    "cidr",
    "=",
    "<",
    "<=",
    ">",
    ">=",
    "regex",
    "not-wildcard",
    "not-equals-ignore-case",
    "date-after",
    "date-on-or-after",
    "date-before",
    "date-on-or-before",
    "in-date-range",
    "ip-address-in-range",
    "ip-address-not-in-range",
];

pub(super) fn pattern(value: &Value) -> Result<Vec<Alternative>, String> {
    let Value::Object(fields) = value else { return Err("Filter is not an object".to_owned()) };
    let mut alternatives = vec![Alternative::new()];
    read_fields(fields, &mut Vec::new(), false, &mut alternatives)?;
    Ok(alternatives)
}

/// Adds what an object asks to every alternative; a path that stands there already is replaced.
fn read_fields(
    fields: &Map<String, Value>,
    path: &mut Vec<String>,
    inside_or: bool,
    alternatives: &mut Vec<Alternative>,
) -> Result<(), String> {
    if fields.is_empty() {
        return Err(placed("Empty objects are not allowed", path));
    }
    for (name, value) in fields {
        if name == "$or" {
            read_or(value, path, alternatives)?;
            continue;
        }
        path.push(name.clone());
        if inside_or && RESERVED.contains(&name.as_str()) {
            let problem =
                format!("{name} is Ruler reserved fieldName which cannot be used inside $or.");
            return Err(placed(&problem, path));
        }
        match value {
            Value::Object(inner) => read_fields(inner, path, inside_or, alternatives)?,
            Value::Array(elements) if elements.is_empty() => {
                return Err(placed("Empty arrays are not allowed", path));
            }
            Value::Array(elements) => {
                let matchers: Result<Vec<Matcher>, String> = elements.iter().map(matcher).collect();
                let matchers = matchers.map_err(|problem| placed(&problem, path))?;
                for alternative in alternatives.iter_mut() {
                    alternative.insert(path.join("."), matchers.clone());
                }
            }
            _ => {
                let problem = format!("\"{name}\" must be an object or an array");
                return Err(placed(&problem, path));
            }
        }
        path.pop();
    }
    Ok(())
}

fn read_or(
    value: &Value,
    path: &mut Vec<String>,
    alternatives: &mut Vec<Alternative>,
) -> Result<(), String> {
    let Value::Array(choices) = value else {
        return Err(placed("It must be an Array followed with $or.", path));
    };
    let before = std::mem::take(alternatives);
    for choice in choices {
        let Value::Object(fields) = choice else {
            let problem = "Only JSON object is allowed in array of $or relationship.";
            return Err(placed(problem, path));
        };
        let mut these = before.clone();
        read_fields(fields, path, true, &mut these)?;
        alternatives.append(&mut these);
        if alternatives.len() > MOST_ALTERNATIVES {
            let problem = format!(
                "The $or relationships make more than {MOST_ALTERNATIVES} rule combinations"
            );
            return Err(placed(&problem, path));
        }
    }
    if choices.len() < 2 {
        return Err(placed("There must have at least 2 Objects in $or relationship.", path));
    }
    Ok(())
}

fn placed(problem: &str, path: &[String]) -> String {
    let place: String = path.iter().map(|name| format!(".{name}")).collect();
    format!("{problem}\n at ${place}")
}

fn matcher(element: &Value) -> Result<Matcher, String> {
    match element {
        Value::String(text) => Ok(match address::parse(text) {
            Ok(address) => Matcher::Address(address),
            Err(_) => Matcher::Text(text.clone()),
        }),
        Value::Number(number) => Ok(Matcher::Number(number.clone())),
        Value::Null | Value::Bool(_) => Ok(Matcher::Literal(element.clone())),
        Value::Object(operator) => read_operator(operator),
        Value::Array(_) => {
            Err("Match value must be String, number, true, false, or null".to_owned())
        }
    }
}

fn read_operator(operator: &Map<String, Value>) -> Result<Matcher, String> {
    let Some((name, argument)) = operator.iter().next() else {
        return Err("Match expression name not found".to_owned());
    };
    let text = |problem: &str| argument.as_str().ok_or_else(|| problem.to_owned());
    let read = match name.as_str() {
        "exactly" => Matcher::Text(text("exact match pattern must be a string")?.to_owned()),
        "prefix" => Matcher::Prefix(read_words("prefix", argument)?),
        "suffix" => Matcher::Suffix(read_words("suffix", argument)?),
        "equals-ignore-case" => Matcher::IgnoreCase(
            text("equals-ignore-case match pattern must be a string")?.to_owned(),
        ),
        "wildcard" => {
            Matcher::Wildcard(Wildcard::parse(text("wildcard match pattern must be a string")?)?)
        }
        // The word is AWS's.
        "cidr" => Matcher::Network(Network::parse(text("prefix match pattern must be a string")?)?),
        "exists" => match argument {
            Value::Bool(true) => Matcher::Exists,
            Value::Bool(false) => Matcher::Absent,
            _ => return Err("exists match pattern must be either true or false.".to_owned()),
        },
        "numeric" => {
            let parts = argument.as_array().ok_or("Value of numeric must be an array.")?;
            Matcher::Numeric(read_range(parts)?)
        }
        "anything-but" => Matcher::AnythingBut(read_anything_but(argument)?),
        other => return Err(format!("Unrecognized match type {other}")),
    };
    if operator.len() > 1 {
        let is_numeric = matches!(name.as_str(), "numeric" | "anything-but");
        return Err(if is_numeric { TOO_MANY } else { ONE_KEY }.to_owned());
    }
    Ok(read)
}

/// The argument of `prefix` or `suffix`: a text, or one whose case is ignored.
fn read_words(name: &str, argument: &Value) -> Result<Words, String> {
    match argument {
        Value::String(text) => Ok(Words { text: text.clone(), ignores_case: false }),
        Value::Object(inner) => match inner.iter().next() {
            None => {
                let name = if name == "prefix" { "Prefix" } else { "Suffix" };
                Err(format!("{name} expression name not found"))
            }
            Some((own, Value::String(text))) if own == "equals-ignore-case" => {
                if inner.len() > 1 {
                    return Err(ONE_KEY.to_owned());
                }
                Ok(Words { text: text.clone(), ignores_case: true })
            }
            Some((own, _)) if own == "equals-ignore-case" => {
                Err("equals-ignore-case match pattern must be a string".to_owned())
            }
            Some((other, _)) => Err(format!("Unsupported {name} pattern: {other}")),
        },
        _ => Err(format!("{name} match pattern must be a string")),
    }
}

fn read_range(parts: &[Value]) -> Result<Range, String> {
    let part = |at: usize| parts.get(at).map_or_else(|| "]".to_owned(), shown);
    let number = |at: usize, name: &str| match parts.get(at) {
        Some(Value::Number(number)) => {
            number::comparable(number).ok_or_else(|| format!("Cannot compare number : {number}"))
        }
        _ => Err(format!("Value of {name} must be numeric")),
    };
    let Some(sign) = parts.first().and_then(Value::as_str) else {
        return Err(format!("Invalid member in numeric match: {}", part(0)));
    };
    let bound = |value, sign: &str| Some(Bound { value, is_included: sign.contains('=') });
    match sign {
        "=" | "<" | "<=" => {
            let value = number(1, if sign == "=" { "equals" } else { sign })?;
            if parts.len() > 2 {
                return Err(TOO_MANY.to_owned());
            }
            let least = if sign == "=" { bound(value, sign) } else { None };
            Ok(Range { least, most: bound(value, sign) })
        }
        ">" | ">=" => {
            let least = number(1, sign)?;
            if parts.len() == 2 {
                return Ok(Range { least: bound(least, sign), most: None });
            }
            let Some(second) = parts.get(2).and_then(Value::as_str) else {
                return Err(format!("Bad value in numeric range: {}", part(2)));
            };
            if !matches!(second, "<" | "<=") {
                return Err(format!("Bad numeric range operator: {second}"));
            }
            let most = number(3, second)?;
            if parts.len() > 4 {
                return Err("Too many terms in numeric range expression".to_owned());
            }
            if least >= most {
                return Err("Bottom must be less than top".to_owned());
            }
            Ok(Range { least: bound(least, sign), most: bound(most, second) })
        }
        other => Err(format!("Unrecognized numeric range operator: {other}")),
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn read_anything_but(argument: &Value) -> Result<Vec<Matcher>, String> {
    match argument {
        Value::Object(inner) => read_anything_but_operator(inner),
        Value::String(text) => Ok(vec![Matcher::Text(text.clone())]),
        Value::Number(number) => excluded_number(number).map(|number| vec![number]),
        Value::Array(values) => {
            let mut none_of = Vec::with_capacity(values.len());
            for value in values {
                none_of.push(match value {
                    Value::String(text) => Matcher::Text(text.clone()),
                    Value::Number(number) => excluded_number(number)?,
                    _ => {
                        return Err(
                            "Inside anything but list, start|null|boolean is not supported."
                                .to_owned(),
                        );
                    }
                });
            }
            let texts = values.iter().filter(|value| value.is_string()).count();
            if values.is_empty() || (texts > 0 && texts < values.len()) {
                return Err("Inside anything but list, either all values are number or string, \
                            mixed type is not supported"
                    .to_owned());
            }
            Ok(none_of)
        }
        _ => {
            Err("Value of anything-but must be an array or single string/number value.".to_owned())
        }
    }
}

fn excluded_number(number: &serde_json::Number) -> Result<Matcher, String> {
    match number::comparable(number) {
        Some(_) => Ok(Matcher::Number(number.clone())),
        None => Err(format!("Cannot compare number : {number}")),
    }
}

/// `anything-but` with an operator of its own, and one text or a list of them.
fn read_anything_but_operator(inner: &Map<String, Value>) -> Result<Vec<Matcher>, String> {
    let Some((name, argument)) = inner.iter().next() else {
        return Err("Anything-But expression name not found".to_owned());
    };
    let plain = |text: &str| Words { text: text.to_owned(), ignores_case: false };
    let not_a_text = match name.as_str() {
        "equals-ignore-case" => {
            "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."
        }
        "prefix" | "suffix" => "prefix/suffix match pattern must be a string",
        "wildcard" => "wildcard match pattern must be a string",
        other => return Err(format!("Unsupported anything-but pattern: {other}")),
    };
    let one = |value: &Value| {
        let text = value.as_str().ok_or_else(|| not_a_text.to_owned())?;
        match name.as_str() {
            "prefix" | "suffix" if text.is_empty() => {
                Err("Null prefix/suffix not allowed".to_owned())
            }
            "prefix" => Ok(Matcher::Prefix(plain(text))),
            "suffix" => Ok(Matcher::Suffix(plain(text))),
            "wildcard" => Wildcard::parse(text).map(Matcher::Wildcard),
            _ => Ok(Matcher::IgnoreCase(text.to_owned())),
        }
    };
    let none_of = match argument {
        Value::Array(values) => values.iter().map(one).collect::<Result<_, _>>()?,
        Value::String(_) | Value::Number(_) => vec![one(argument)?],
        _ => {
            return Err(
                "Value of anything-but must be an array or single string/number value.".to_owned()
            );
        }
    };
    if inner.len() > 1 {
        return Err(TOO_MANY.to_owned());
    }
    Ok(none_of)
}
