//! What each intrinsic function takes as its arguments, and where in a template it may stand.
//!
//! CloudFormation refuses a whole template for one function in a place where only a literal is
//! allowed, such as the delimiter of `Fn::Join`. The rules are those of the function's page, under
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html>.

use super::TemplateError;
use super::node::{Kind, Node};

/// Where in a template a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A property, an attribute of metadata, an output.
    Value,
    /// The section Conditions.
    Condition,
    /// The section Rules.
    Rule,
}

/// Where a node stands, and in which language.
#[derive(Debug, Clone, Copy)]
struct Part {
    place: Place,
    /// Whether the template has the languages transform.
    languages: bool,
}

/// Functions that give text.
const TEXTS: [&str; 11] = [
    "Ref",
    "Fn::Base64",
    "Fn::FindInMap",
    "Fn::GetAtt",
    "Fn::If",
    "Fn::ImportValue",
    "Fn::Join",
    "Fn::Length",
    "Fn::Select",
    "Fn::Sub",
    "Fn::ToJsonString",
];
/// Functions that may give a list.
const LISTS: [&str; 7] =
    ["Ref", "Fn::Cidr", "Fn::FindInMap", "Fn::GetAZs", "Fn::GetAtt", "Fn::If", "Fn::Split"];
/// Functions that the names in `Fn::FindInMap` and the index of `Fn::Select` may be.
const KEYS: [&str; 2] = ["Ref", "Fn::FindInMap"];
/// Functions that are compared in a condition: what a template can know before it makes anything.
const COMPARED: [&str; 8] = [
    "Ref",
    "Fn::FindInMap",
    "Fn::Join",
    "Fn::Length",
    "Fn::Select",
    "Fn::Split",
    "Fn::Sub",
    "Fn::ToJsonString",
];
/// Functions whose value is a truth.
const TRUTHS: [&str; 5] = ["Condition", "Fn::And", "Fn::Equals", "Fn::Not", "Fn::Or"];
/// Functions whose value is a truth, and that only rules have.
const OF_RULES: [&str; 3] = ["Fn::Contains", "Fn::EachMemberEquals", "Fn::EachMemberIn"];
/// Functions that ask what the account has, and that only rules have.
pub(super) const OF_ACCOUNTS: [&str; 3] = ["Fn::RefAll", "Fn::ValueOf", "Fn::ValueOfAll"];
/// Functions that the languages transform brings.
const OF_LANGUAGES: [&str; 2] = ["Fn::Length", "Fn::ToJsonString"];

/// The sections in which nothing is evaluated.
const LITERAL: [&str; 5] =
    ["AWSTemplateFormatVersion", "Description", "Parameters", "Mappings", "Transform"];

/// Checks every function of a template, before anything is made of it. With the languages
/// transform there are more of them, and names in maps may be looked up by others.
pub(crate) fn check(root: &Node, languages: bool) -> Result<(), TemplateError> {
    for (name, section) in root.as_map().into_iter().flatten() {
        match name.as_str() {
            name if LITERAL.contains(&name) => section.literal(name).map(drop)?,
            "Conditions" => {
                for (id, condition) in section.as_map().into_iter().flatten() {
                    let place = Part { place: Place::Condition, languages };
                    truth(condition, &format!("Conditions.{id}"), place)?;
                }
            }
            "Rules" => walk(section, name, Part { place: Place::Rule, languages })?,
            // The other attributes of a resource are literals: the model reads them as such.
            _ => walk(section, name, Part { place: Place::Value, languages })?,
        }
    }
    Ok(())
}

fn walk(node: &Node, path: &str, place: Part) -> Result<(), TemplateError> {
    match &node.kind {
        Kind::List(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| walk(item, &format!("{path}[{index}]"), place)),
        Kind::Map(members) => members
            .iter()
            .try_for_each(|(name, member)| walk(member, &format!("{path}.{name}"), place)),
        Kind::Call(function, argument) => call(node, function, argument, path, place),
        _ => Ok(()),
    }
}

/// Checks one function, and those in its arguments.
fn call(
    node: &Node,
    function: &str,
    argument: &Node,
    path: &str,
    place: Part,
) -> Result<(), TemplateError> {
    let refuse = |message: &str| Err(TemplateError::at(node.line, path, message));
    if !stands(function, place) {
        return refuse(&format!("{function} is not allowed in this part of a template"));
    }
    let at = |index: usize| format!("{path}.{function}[{index}]");
    let parts = argument.as_list();
    let keys: &[&str] = if place.languages { &TEXTS } else { &KEYS };
    match (function, parts) {
        ("Ref", _) => literal_text(argument, path, "the name in Ref"),
        ("Condition", _) => literal_text(argument, path, "the name of a condition"),
        ("Fn::GetAtt", Some([id, attribute])) => {
            literal_text(id, &at(0), "the logical id in Fn::GetAtt")?;
            text(attribute, &at(1), "the attribute in Fn::GetAtt", &["Ref"], place)
        }
        ("Fn::GetAtt", _) => literal_text(argument, path, "the argument of Fn::GetAtt"),
        ("Fn::Base64", _) => text(argument, path, "the argument of Fn::Base64", &TEXTS, place),
        ("Fn::Sub", Some([pattern, variables])) => {
            literal_text(pattern, &at(0), "the text of Fn::Sub")?;
            let Some(variables) = variables.as_map() else {
                return refuse("Fn::Sub needs text, or a list of text and a map of variables");
            };
            variables.iter().try_for_each(|(name, value)| {
                let path = format!("{}.{name}", at(1));
                text(value, &path, "a variable of Fn::Sub", &TEXTS, place)
            })
        }
        ("Fn::Sub", _) => literal_text(argument, path, "the text of Fn::Sub"),
        ("Fn::Join", Some([delimiter, items])) => {
            literal_text(delimiter, &at(0), "the delimiter of Fn::Join")?;
            list(items, &at(1), "the values of Fn::Join", place)
        }
        ("Fn::Join", _) => refuse(
            "every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list \
             of strings to be joined or a function that returns a list of strings to be joined.",
        ),
        ("Fn::Split", Some([delimiter, source])) => {
            literal_text(delimiter, &at(0), "the delimiter of Fn::Split")?;
            if delimiter.as_text() == Some("") {
                return refuse("the delimiter of Fn::Split is empty");
            }
            text(source, &at(1), "the source of Fn::Split", &TEXTS, place)
        }
        ("Fn::Split", _) => refuse(
            "every Fn::Split object requires two parameters, (1) a string delimiter and (2) a \
             string to be split or a function that returns a string to be split.",
        ),
        ("Fn::Select", Some([index, items])) => {
            text(index, &at(0), "the index of Fn::Select", keys, place)?;
            list(items, &at(1), "the list of Fn::Select", place)
        }
        ("Fn::Select", _) => refuse(
            "Fn::Select requires a list argument with two elements: an integer index and a list",
        ),
        ("Fn::FindInMap", Some(names @ [_, _, _])) => {
            names.iter().enumerate().try_for_each(|(index, key)| {
                text(key, &at(index), "a name in Fn::FindInMap", keys, place)
            })
        }
        ("Fn::FindInMap", Some([names @ .., fallback])) if names.len() == 3 && place.languages => {
            names.iter().enumerate().try_for_each(|(index, key)| {
                text(key, &at(index), "a name in Fn::FindInMap", keys, place)
            })?;
            match fallback.as_map() {
                Some(members) if members.len() == 1 && members.contains_key("DefaultValue") => {
                    walk(fallback, &at(3), place)
                }
                _ => refuse("the fourth argument of Fn::FindInMap is a map with DefaultValue"),
            }
        }
        ("Fn::FindInMap", _) => refuse(
            "every Fn::FindInMap object requires three parameters, the map name, map key and the \
             attribute for return value",
        ),
        ("Fn::If", Some([name, yes, no])) => {
            literal_text(name, &at(0), "the condition of Fn::If")?;
            walk(yes, &at(1), place)?;
            walk(no, &at(2), place)
        }
        ("Fn::If", _) => {
            refuse("Fn::If requires a list argument with the first element being a condition")
        }
        ("Fn::ImportValue", _) => {
            text(argument, path, "the name in Fn::ImportValue", &TEXTS, place)
        }
        ("Fn::RefAll", _) => literal_text(argument, path, "the type in Fn::RefAll"),
        ("Fn::ValueOf" | "Fn::ValueOfAll", Some([name, attribute])) => {
            literal_text(name, &at(0), "the name in a rule's function")?;
            literal_text(attribute, &at(1), "the attribute in a rule's function")
        }
        // Nothing is the stack's own Region, as an empty text is.
        ("Fn::GetAZs", _) if argument.kind == Kind::Null => Ok(()),
        ("Fn::GetAZs", _) => text(argument, path, "the Region of Fn::GetAZs", &["Ref"], place),
        ("Fn::Cidr", Some(parts @ ([_, _] | [_, _, _]))) => {
            parts.iter().enumerate().try_for_each(|(index, part)| {
                text(part, &at(index), "an argument of Fn::Cidr", &TEXTS, place)
            })
        }
        ("Fn::Cidr", _) => refuse("Fn::Cidr takes [ipBlock, count, cidrBits]"),
        ("Fn::Length", _) => list(argument, path, "the argument of Fn::Length", place),
        ("Fn::ToJsonString", _) => match &argument.kind {
            Kind::List(_) | Kind::Map(_) => walk(argument, path, place),
            _ => refuse("Fn::ToJsonString takes a list or a map"),
        },
        ("Fn::Transform", _) => {
            let name = argument.get("Name").and_then(Node::as_text).unwrap_or_default();
            refuse(&format!("the macro {name} (Fn::Transform) is not run by the local AWS"))
        }
        _ => truth(node, path, place),
    }
}

/// Whether a function is to be had in a part of a template at all.
fn stands(function: &str, part: Part) -> bool {
    if OF_LANGUAGES.contains(&function) && !part.languages {
        return false;
    }
    let compared = TRUTHS.contains(&function) || COMPARED.contains(&function);
    match part.place {
        Place::Value => {
            !TRUTHS.contains(&function)
                && !OF_RULES.contains(&function)
                && !OF_ACCOUNTS.contains(&function)
        }
        Place::Condition => compared,
        Place::Rule => compared || OF_RULES.contains(&function) || OF_ACCOUNTS.contains(&function),
    }
}

/// An expression that holds or does not.
fn truth(node: &Node, path: &str, place: Part) -> Result<(), TemplateError> {
    let refuse = |message: String| Err(TemplateError::at(node.line, path, message));
    let (function, argument) = match &node.kind {
        Kind::Call(function, argument) => (function.as_str(), argument.as_ref()),
        Kind::Map(members) if members.len() == 1 && members.contains_key("Condition") => {
            return literal_text(&members["Condition"], path, "the name of a condition");
        }
        _ => {
            let what = node.what();
            return refuse(format!("expected a condition function, found {what}"));
        }
    };
    let at = |index: usize| format!("{path}.{function}[{index}]");
    let inner = |parts: &[Node]| {
        parts.iter().enumerate().try_for_each(|(index, part)| truth(part, &at(index), place))
    };
    match (function, argument.as_list()) {
        ("Condition", _) => literal_text(argument, path, "the name of a condition"),
        ("Fn::Not", Some(parts @ [_])) => inner(parts),
        ("Fn::And" | "Fn::Or", Some(parts)) if (2..=10).contains(&parts.len()) => inner(parts),
        ("Fn::Equals", Some(sides @ [_, _])) => {
            sides.iter().enumerate().try_for_each(|(index, side)| {
                text(side, &at(index), "a side of Fn::Equals", &COMPARED, place)
            })
        }
        ("Fn::Contains" | "Fn::EachMemberEquals", Some([items, item]))
            if place.place == Place::Rule =>
        {
            list(items, &at(0), "the list of a rule's function", place)?;
            text(item, &at(1), "the value of a rule's function", &COMPARED, place)
        }
        ("Fn::EachMemberIn", Some(lists @ [_, _])) if place.place == Place::Rule => {
            lists.iter().enumerate().try_for_each(|(index, items)| {
                list(items, &at(index), "a list of Fn::EachMemberIn", place)
            })
        }
        ("Fn::Not", _) => refuse("Fn::Not takes a list of one condition".to_owned()),
        ("Fn::And" | "Fn::Or", _) => {
            refuse(format!("{function} takes a list of two to ten conditions"))
        }
        ("Fn::Equals", _) => refuse("Fn::Equals takes a list of two values".to_owned()),
        _ => refuse(format!("{function} is no condition function that is allowed here")),
    }
}

/// A scalar, or one of the functions.
fn text(
    node: &Node,
    path: &str,
    what: &str,
    functions: &[&str],
    place: Part,
) -> Result<(), TemplateError> {
    match &node.kind {
        Kind::Text(_) | Kind::Number(_) | Kind::Bool(_) => Ok(()),
        Kind::Call(function, _)
            if functions.contains(&function.as_str())
                || place.place == Place::Rule && OF_ACCOUNTS.contains(&function.as_str()) =>
        {
            walk(node, path, place)
        }
        Kind::Call(function, _) => Err(TemplateError::at(
            node.line,
            path,
            format!("{what} can not be {function}, only a literal or {}", functions.join(", ")),
        )),
        _ => {
            let message = format!("{what} is {}, expected text", node.what());
            Err(TemplateError::at(node.line, path, message))
        }
    }
}

/// A list of texts, or a function that gives one.
fn list(node: &Node, path: &str, what: &str, place: Part) -> Result<(), TemplateError> {
    match &node.kind {
        Kind::List(items) => items.iter().enumerate().try_for_each(|(index, item)| {
            text(item, &format!("{path}[{index}]"), what, &TEXTS, place)
        }),
        _ if matches!(&node.kind, Kind::Text(_)) => {
            Err(TemplateError::at(node.line, path, format!("{what}: expected a list, found text")))
        }
        _ => text(node, path, what, &LISTS, place),
    }
}

/// Text that no function makes.
fn literal_text(node: &Node, path: &str, what: &str) -> Result<(), TemplateError> {
    match &node.kind {
        Kind::Text(_) => Ok(()),
        Kind::Call(function, _) => Err(TemplateError::at(
            node.line,
            path,
            format!("{what} takes no function, only a string; it is {function}"),
        )),
        _ => {
            let message = format!("{what} is {}, expected a string", node.what());
            Err(TemplateError::at(node.line, path, message))
        }
    }
}
