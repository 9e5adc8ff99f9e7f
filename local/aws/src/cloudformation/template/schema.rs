//! Which properties a resource type has: a small notation, and the check of a tree against it.
//!
//! `QueueName! RedrivePolicy* DeadLetter{Arn MaxReceiveCount} Tags[Key Value] Names` means:
//! `QueueName` is text, changing it replaces the resource (`!`); `RedrivePolicy` is any JSON
//! (`*`); `DeadLetter` is a map with these members; `Tags` is a list of such maps. A property
//! without a mark is a scalar or a list of scalars. `+` marks a property that is required.

use indexmap::IndexMap;

use super::TemplateError;
use super::node::{Kind, Node};

/// The shape of one property.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Property {
    /// Whether a change replaces the resource.
    pub(crate) replaces: bool,
    /// Whether it must be there.
    pub(crate) required: bool,
    shape: Shape,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Shape {
    #[default]
    Plain,
    Any,
    Map(Properties),
    List(Properties),
}

/// The properties of a type, or the members of a property.
pub(crate) type Properties = IndexMap<String, Property>;

/// Reads the notation.
pub(crate) fn properties(notation: &str) -> Properties {
    let mut rest = notation;
    members(&mut rest)
}

fn members(rest: &mut &str) -> Properties {
    let mut found = Properties::new();
    loop {
        *rest = rest.trim_start();
        let end = rest.find([' ', '\n', '{', '}', '[', ']', '*', '!', '+']).unwrap_or(rest.len());
        if end == 0 {
            // The end of this level: the closing bracket is the caller's.
            return found;
        }
        let name = rest[..end].to_owned();
        *rest = &rest[end..];
        let mut property = Property::default();
        while let Some(mark) = rest.chars().next() {
            match mark {
                '!' => property.replaces = true,
                '+' => property.required = true,
                '*' => property.shape = Shape::Any,
                '{' | '[' => {
                    *rest = &rest[1..];
                    let inner = members(rest);
                    property.shape =
                        if mark == '{' { Shape::Map(inner) } else { Shape::List(inner) };
                }
                _ => break,
            }
            *rest = rest.get(1..).unwrap_or_default();
        }
        found.insert(name, property);
    }
}

/// Checks a tree of properties: unknown and missing ones, and their shapes.
pub(crate) fn check(
    properties: &Properties,
    node: &Node,
    path: &str,
    type_name: &str,
) -> Result<(), TemplateError> {
    let members = match &node.kind {
        Kind::Map(members) => members,
        Kind::Null => return check_required(properties, &IndexMap::new(), node, path),
        Kind::Call(function, argument) => {
            return branches(function, argument, path, &|branch, path| {
                check(properties, branch, path, type_name)
            });
        }
        _ => {
            let message = format!("expected a map of properties, found {}", node.what());
            return Err(TemplateError::at(node.line, path, message));
        }
    };
    check_required(properties, members, node, path)?;
    for (name, member) in members {
        let path = format!("{path}.{name}");
        let Some(property) = properties.get(name) else {
            let known = properties.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            let message = format!("unknown property of {type_name}; known are {known}");
            return Err(TemplateError::at(member.line, path, message));
        };
        check_shape(&property.shape, member, &path, type_name)?;
    }
    Ok(())
}

fn check_required(
    properties: &Properties,
    members: &IndexMap<String, Node>,
    node: &Node,
    path: &str,
) -> Result<(), TemplateError> {
    let missing = properties
        .iter()
        .find(|(name, property)| property.required && !members.contains_key(name.as_str()));
    match missing {
        Some((name, _)) => Err(TemplateError::at(
            node.line,
            path,
            format!("the required property {name} is missing"),
        )),
        None => Ok(()),
    }
}

fn check_shape(
    shape: &Shape,
    node: &Node,
    path: &str,
    type_name: &str,
) -> Result<(), TemplateError> {
    if let Kind::Call(function, argument) = &node.kind {
        return branches(function, argument, path, &|branch, path| {
            check_shape(shape, branch, path, type_name)
        });
    }
    match (shape, &node.kind) {
        (Shape::Any, _) => Ok(()),
        (Shape::Map(inner), _) => check(inner, node, path, type_name),
        (Shape::List(inner), Kind::List(items)) => {
            for (index, item) in items.iter().enumerate() {
                check(inner, item, &format!("{path}[{index}]"), type_name)?;
            }
            Ok(())
        }
        (Shape::List(_), _) => {
            let message = format!("expected a list, found {}", node.what());
            Err(TemplateError::at(node.line, path, message))
        }
        (Shape::Plain, Kind::Map(_)) => {
            Err(TemplateError::at(node.line, path, "expected a scalar or a list, found a map"))
        }
        (Shape::Plain, _) => Ok(()),
    }
}

/// Checks the branches of `Fn::If`; what other functions give is known only at deployment.
fn branches(
    function: &str,
    argument: &Node,
    path: &str,
    check: &dyn Fn(&Node, &str) -> Result<(), TemplateError>,
) -> Result<(), TemplateError> {
    if let ("Fn::If", Some(parts)) = (function, argument.as_list()) {
        for (index, branch) in parts.iter().enumerate().skip(1) {
            check(branch, &format!("{path}.Fn::If[{index}]"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notation_nests() {
        let known = properties("Name! Policy* Dead{Arn+ Deep[A B]} Tags[Key Value] Last");
        assert_eq!(known.keys().collect::<Vec<_>>(), ["Name", "Policy", "Dead", "Tags", "Last"]);
        assert!(known["Name"].replaces);
        assert_eq!(known["Policy"].shape, Shape::Any);
        let Shape::Map(dead) = &known["Dead"].shape else { panic!("{known:?}") };
        assert!(dead["Arn"].required);
        assert!(matches!(&dead["Deep"].shape, Shape::List(deep) if deep.len() == 2));
    }

    #[test]
    fn an_unknown_nested_property_is_named_with_its_line() {
        let known = properties("Tags[Key Value]");
        let node = Node::parse("Tags:\n  - Key: a\n    Valu: b\n").unwrap();
        let error = check(&known, &node, "Resources.Q.Properties", "AWS::SQS::Queue").unwrap_err();
        assert_eq!(
            error.to_string(),
            "Template error: line 3: Resources.Q.Properties.Tags[0].Valu: unknown property of \
             AWS::SQS::Queue; known are Key, Value"
        );
    }
}
