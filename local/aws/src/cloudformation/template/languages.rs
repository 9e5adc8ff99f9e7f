//! The transform `AWS::LanguageExtensions`: loops are unrolled before anything else is read.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/transform-aws-languageextensions.html>

use indexmap::IndexMap;

use super::TemplateError;
use super::node::{Kind, Node};

/// The transform's name.
pub(super) const NAME: &str = "AWS::LanguageExtensions";

const LOOP: &str = "Fn::ForEach::";

/// Unrolls each `Fn::ForEach` of a template.
///
/// # Errors
/// A loop that is not `[identifier, list, {key: value}]`, or whose list is known only with parameters.
pub(super) fn unrolled(node: &Node, path: &str) -> Result<Node, TemplateError> {
    let kind = match &node.kind {
        Kind::List(items) => {
            let items = items.iter().enumerate();
            let items = items.map(|(index, item)| unrolled(item, &format!("{path}[{index}]")));
            Kind::List(items.collect::<Result<_, _>>()?)
        }
        Kind::Call(function, argument) => {
            Kind::Call(function.clone(), Box::new(unrolled(argument, path)?))
        }
        Kind::Map(members) => {
            let mut unrolled_members = IndexMap::new();
            for (key, member) in members {
                let path = format!("{path}.{key}");
                if !key.starts_with(LOOP) {
                    unrolled_members.insert(key.clone(), unrolled(member, &path)?);
                    continue;
                }
                for (key, member) in rounds(member, &path)? {
                    let line = member.line;
                    if unrolled_members.insert(key.clone(), member).is_some() {
                        let message = format!("the loop makes {key}, which is there already");
                        return Err(TemplateError::at(line, path, message));
                    }
                }
            }
            Kind::Map(unrolled_members)
        }
        other => other.clone(),
    };
    Ok(Node { line: node.line, kind })
}

/// What one loop makes.
fn rounds(node: &Node, path: &str) -> Result<Vec<(String, Node)>, TemplateError> {
    let fault = |message: &str| TemplateError::at(node.line, path, message);
    let shape = "Fn::ForEach takes [identifier, list, {key: value}]";
    let Some([identifier, collection, fragment]) = node.as_list() else { return Err(fault(shape)) };
    let (Some(identifier), Some(fragment)) = (identifier.as_text(), fragment.as_map()) else {
        return Err(fault(shape));
    };
    let Some(values) = collection.as_list() else {
        return Err(fault(
            "the local AWS unrolls loops over a literal list only: this one is known only with parameters",
        ));
    };
    let mut made = Vec::new();
    for value in values {
        let value = match &value.kind {
            Kind::Text(text) => text.clone(),
            Kind::Number(number) => number.to_string(),
            _ => return Err(fault("an item of the list of Fn::ForEach is no text")),
        };
        let round = Round { identifier, value: &value };
        // Loops stand in loops: the outer value is put in first.
        let inner = Node { line: node.line, kind: Kind::Map(fragment.clone()) };
        let inner = unrolled(&round.put_into(&inner), path)?;
        made.extend(inner.as_map().cloned().unwrap_or_default());
    }
    Ok(made)
}

/// One round of a loop.
struct Round<'a> {
    identifier: &'a str,
    value: &'a str,
}

impl Round<'_> {
    /// `${Identifier}` as it stands; `&{Identifier}` without what no logical id may have.
    fn text(&self, text: &str) -> String {
        let plain: String = self.value.chars().filter(char::is_ascii_alphanumeric).collect();
        text.replace(&format!("${{{}}}", self.identifier), self.value)
            .replace(&format!("&{{{}}}", self.identifier), &plain)
    }

    fn put_into(&self, node: &Node) -> Node {
        let kind = match &node.kind {
            Kind::Text(text) => Kind::Text(self.text(text)),
            Kind::List(items) => Kind::List(items.iter().map(|item| self.put_into(item)).collect()),
            Kind::Map(members) => Kind::Map(
                members.iter().map(|(key, one)| (self.text(key), self.put_into(one))).collect(),
            ),
            Kind::Call(function, argument)
                if function == "Ref" && argument.as_text() == Some(self.identifier) =>
            {
                Kind::Text(self.value.to_owned())
            }
            Kind::Call(function, argument) => {
                let argument = self.put_into(argument);
                match argument.as_text() {
                    // With the value in, it is a name, which other functions take as a literal.
                    Some(text) if function == "Fn::Sub" && !text.contains("${") => {
                        Kind::Text(text.to_owned())
                    }
                    _ => Kind::Call(function.clone(), Box::new(argument)),
                }
            }
            other => other.clone(),
        };
        Node { line: node.line, kind }
    }
}
