//! The rules that a template has for its parameters' values, read from its text: CloudFormation
//! tells a template's parameters without them, and would refuse a value in every account, after
//! the set was changed.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, StrInput};

/// The rules for one parameter.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html>
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Constraints {
    kind: String,
    allowed_values: Vec<String>,
    allowed_pattern: Option<String>,
    min_length: Option<usize>,
    max_length: Option<usize>,
    min_value: Option<f64>,
    max_value: Option<f64>,
}

/// A part of a template, as far as parameters need it: tags and intrinsics are passed over.
#[derive(Debug, Clone, PartialEq)]
enum Node {
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(members) = self else { return None };
        members.iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    fn text(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            Self::Text(text) => Some(text),
            Self::List(_) | Self::Map(_) => None,
        }
    }

    fn texts(&self, key: &str) -> Vec<String> {
        let Some(Self::List(items)) = self.get(key) else { return Vec::new() };
        let texts = items.iter().filter_map(|item| match item {
            Self::Text(text) => Some(text.clone()),
            Self::List(_) | Self::Map(_) => None,
        });
        texts.collect()
    }

    /// Reads a node whose first event is `event`.
    fn read(event: Event<'_>, parser: &mut Parser<'_, StrInput<'_>>, depth: usize) -> Option<Self> {
        // A template is some levels deep; one that is not is no template.
        let depth = depth.checked_sub(1)?;
        match event {
            Event::Scalar(text, ..) => Some(Self::Text(text.into_owned())),
            // Anchors are not in parameters; what they stand for does not matter here.
            Event::Alias(_) => Some(Self::Text(String::new())),
            Event::SequenceStart(..) => {
                let mut items = Vec::new();
                loop {
                    match parser.next_event()?.ok()?.0 {
                        Event::SequenceEnd => return Some(Self::List(items)),
                        event => items.push(Self::read(event, parser, depth)?),
                    }
                }
            }
            Event::MappingStart(..) => {
                let mut members = Vec::new();
                loop {
                    let key = match parser.next_event()?.ok()?.0 {
                        Event::MappingEnd => return Some(Self::Map(members)),
                        event => Self::read(event, parser, depth)?,
                    };
                    let value = Self::read(parser.next_event()?.ok()?.0, parser, depth)?;
                    if let Self::Text(key) = key {
                        members.push((key, value));
                    }
                }
            }
            _ => None,
        }
    }
}

/// The rules of a template's parameters, by name. Nothing when the text is no template that can be
/// read: CloudFormation says by itself what is wrong with that.
pub(crate) fn read(template: &str) -> Option<BTreeMap<String, Constraints>> {
    let mut parser = Parser::new_from_str(template);
    let root = loop {
        match parser.next_event()?.ok()?.0 {
            Event::StreamStart | Event::DocumentStart(_) => {}
            event => break Node::read(event, &mut parser, 64)?,
        }
    };
    let Some(Node::Map(parameters)) = root.get("Parameters") else { return Some(BTreeMap::new()) };
    let number = |node: &Node, key| node.text(key).and_then(|text| text.parse().ok());
    let length = |node: &Node, key| node.text(key).and_then(|text| text.parse().ok());
    let parameters = parameters.iter().map(|(name, node)| {
        let constraints = Constraints {
            kind: node.text("Type").unwrap_or("String").to_owned(),
            allowed_values: node.texts("AllowedValues"),
            allowed_pattern: node.text("AllowedPattern").map(str::to_owned),
            min_length: length(node, "MinLength"),
            max_length: length(node, "MaxLength"),
            min_value: number(node, "MinValue"),
            max_value: number(node, "MaxValue"),
        };
        (name.clone(), constraints)
    });
    Some(parameters.collect())
}

impl Constraints {
    /// Every rule that a value breaks, to be read after the value.
    pub(crate) fn broken_by(&self, value: &str) -> Vec<String> {
        let mut rules = Vec::new();
        let items: Vec<&str> = match self.kind.as_str() {
            "CommaDelimitedList" | "List<Number>" => value.split(',').map(str::trim).collect(),
            kind if kind.starts_with("List<") => value.split(',').map(str::trim).collect(),
            _ => vec![value],
        };
        let is_number = matches!(self.kind.as_str(), "Number" | "List<Number>");
        let numbers: Vec<Option<f64>> = items.iter().map(|item| item.parse().ok()).collect();
        if is_number && numbers.iter().any(Option::is_none) {
            rules.push(format!("must be of the type {}", self.kind));
        }
        let outside = |number: &f64| {
            self.min_value.is_some_and(|least| *number < least)
                || self.max_value.is_some_and(|most| *number > most)
        };
        if is_number && numbers.iter().flatten().any(outside) {
            let (least, most) = (shown(self.min_value), shown(self.max_value));
            rules.push(format!("must be from {least} to {most}"));
        }
        let allowed = &self.allowed_values;
        if !allowed.is_empty() && items.iter().any(|item| !allowed.iter().any(|one| one == item)) {
            rules.push(format!("must be one of {}", allowed.join(", ")));
        }
        let length = value.chars().count();
        let too_short = self.min_length.is_some_and(|least| length < least);
        if too_short || self.max_length.is_some_and(|most| length > most) {
            let (least, most) = (shown(self.min_length), shown(self.max_length));
            rules.push(format!("must have from {least} to {most} characters"));
        }
        if let Some(pattern) = &self.allowed_pattern
            && let Ok(whole) = regex_lite::Regex::new(&format!("^(?:{pattern})$"))
            && items.iter().any(|item| !whole.is_match(item))
        {
            // A pattern that is Java's and not ours is left to CloudFormation.
            rules.push(format!("must match {pattern}"));
        }
        rules
    }
}

fn shown(bound: Option<impl ToString>) -> String {
    bound.map_or_else(|| "any".to_owned(), |bound| bound.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = r"
Transform: AWS::LanguageExtensions
Parameters:
  Days: {Type: Number, MinValue: 1, MaxValue: 365}
  Size: {Type: String, AllowedValues: [small, large]}
  Name: {Type: String, AllowedPattern: '[a-z]+', MinLength: 2, MaxLength: 4}
  Zones: {Type: CommaDelimitedList, AllowedValues: [a, b]}
  Java: {Type: String, AllowedPattern: '(?=a)b'}
  Plain: {Type: String}
Resources:
  One: {Type: AWS::SSM::Parameter, Properties: {Value: !Sub '${Name}', Other: !GetAtt A.B}}
";

    #[test]
    fn every_rule_of_a_template_is_held_against_the_value() {
        let all = read(TEMPLATE).unwrap();
        for (name, value, rules) in [
            ("Days", "30", 0),
            ("Days", "thirty", 1),
            ("Days", "0", 1),
            ("Days", "366", 1),
            ("Size", "small", 0),
            ("Size", "medium", 1),
            ("Name", "abc", 0),
            ("Name", "ABC", 1),
            ("Name", "a", 1),
            ("Name", "ABCDE", 2),
            ("Zones", "a, b", 0),
            ("Zones", "a,c", 1),
            ("Java", "anything", 0),
            ("Plain", "", 0),
        ] {
            let broken = all[name].broken_by(value);
            assert_eq!(broken.len(), rules, "{name}={value}: {broken:?}");
        }
    }

    #[test]
    fn json_is_read_as_well_and_what_is_no_template_has_no_rules() {
        let json = r#"{"Parameters": {"Days": {"Type": "Number", "MaxValue": 7}}}"#;
        assert_eq!(read(json).unwrap()["Days"].broken_by("8").len(), 1);
        assert_eq!(read("Resources: {}").unwrap().len(), 0);
        assert_eq!(read("{\"Parameters\": "), None);
        assert_eq!(read(&"[".repeat(10_000)), None);
    }
}
