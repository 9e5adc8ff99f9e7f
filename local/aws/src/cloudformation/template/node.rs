//! A template's text as a tree that knows its lines and its intrinsic functions.
//!
//! Both spellings of an intrinsic (`!Sub x` and `{"Fn::Sub": "x"}`) become [`Kind::Call`].
//! JSON is read as the YAML that it is, so its faults have lines too. Plain scalars are read by
//! YAML 1.2's core schema; digits with leading zeros stay text, as account ids want it.

use indexmap::IndexMap;
use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};
use serde_json::{Number, Value};

use super::TemplateError;

/// A part of a template.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// The line of its key, or its own; from 1, 0 when it was made by a transform.
    pub(crate) line: usize,
    /// What it is.
    pub(crate) kind: Kind,
}

/// What a part of a template is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map.
    Map(IndexMap<String, Node>),
    /// An intrinsic function by its long name (`Ref`, `Fn::GetAtt`, `Condition`) and its argument.
    Call(String, Box<Node>),
}

/// The intrinsic functions that are known, by their names after `Fn::`.
const FUNCTIONS: [&str; 24] = [
    "GetAtt",
    "Sub",
    "Join",
    "If",
    "Equals",
    "And",
    "Or",
    "Not",
    "Select",
    "Split",
    "FindInMap",
    "Base64",
    "Cidr",
    "GetAZs",
    "ImportValue",
    "Length",
    "ToJsonString",
    // In rules only.
    "Contains",
    "EachMemberEquals",
    "EachMemberIn",
    "RefAll",
    "ValueOf",
    "ValueOfAll",
    // A macro, which is refused by its name.
    "Transform",
];

impl Node {
    /// Reads a template's text: one YAML or JSON document.
    pub(crate) fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut builder = Builder::new(text);
        let mut document = None;
        loop {
            let (event, span) = builder.next()?;
            match event {
                Event::StreamEnd => break,
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
                event if document.is_none() => document = Some(builder.node(event, &span)?),
                _ => {
                    return Err(TemplateError::at(
                        span.start.line(),
                        "",
                        "more than one YAML document in the template",
                    ));
                }
            }
        }
        document.ok_or_else(|| TemplateError::at(0, "", "the template is empty"))
    }

    /// A node that no line of the text made.
    pub(crate) fn made(kind: Kind) -> Self {
        Self { line: 0, kind }
    }

    /// Text.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::made(Kind::Text(text.into()))
    }

    /// A list.
    pub(crate) fn list(items: impl IntoIterator<Item = Self>) -> Self {
        Self::made(Kind::List(items.into_iter().collect()))
    }

    /// A map.
    pub(crate) fn map<'k>(members: impl IntoIterator<Item = (&'k str, Self)>) -> Self {
        Self::made(Kind::Map(members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()))
    }

    /// A call of an intrinsic function.
    pub(crate) fn call(function: &str, argument: Self) -> Self {
        Self::made(Kind::Call(function.to_owned(), Box::new(argument)))
    }

    /// `Ref`.
    pub(crate) fn reference(to: &str) -> Self {
        Self::call("Ref", Self::text(to))
    }

    /// `Fn::GetAtt`.
    pub(crate) fn attribute(of: &str, attribute: &str) -> Self {
        Self::call("Fn::GetAtt", Self::list([Self::text(of), Self::text(attribute)]))
    }

    /// The text, if it is text.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The members, if it is a map.
    pub(crate) fn as_map(&self) -> Option<&IndexMap<String, Self>> {
        match &self.kind {
            Kind::Map(members) => Some(members),
            _ => None,
        }
    }

    /// The items, if it is a list.
    pub(crate) fn as_list(&self) -> Option<&[Self]> {
        match &self.kind {
            Kind::List(items) => Some(items),
            _ => None,
        }
    }

    /// A member, if it is a map that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.as_map()?.get(key)
    }

    /// What it is, in words.
    pub(crate) fn what(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "a boolean",
            Kind::Number(_) => "a number",
            Kind::Text(_) => "text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
            Kind::Call(..) => "an intrinsic function",
        }
    }

    /// The value of a node without intrinsic functions.
    pub(crate) fn literal(&self, path: &str) -> Result<Value, TemplateError> {
        Ok(match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::Text(text) => Value::String(text.clone()),
            Kind::List(items) => {
                Value::Array(items.iter().map(|item| item.literal(path)).collect::<Result<_, _>>()?)
            }
            Kind::Map(members) => Value::Object(
                members
                    .iter()
                    .map(|(key, member)| Ok((key.clone(), member.literal(path)?)))
                    .collect::<Result<_, TemplateError>>()?,
            ),
            Kind::Call(function, _) => {
                return Err(TemplateError::at(
                    self.line,
                    path,
                    format!("{function} is not allowed here, only a literal value"),
                ));
            }
        })
    }
}

/// Builds the tree from the parser's events.
struct Builder<'t> {
    parser: Parser<'t, StrInput<'t>>,
    anchors: std::collections::BTreeMap<usize, Node>,
}

impl<'t> Builder<'t> {
    fn new(text: &'t str) -> Self {
        Self { parser: Parser::new_from_str(text), anchors: std::collections::BTreeMap::new() }
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), TemplateError> {
        match self.parser.next_event() {
            None => Ok((Event::StreamEnd, Span::default())),
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => Err(TemplateError::at(
                error.marker().line(),
                "",
                format!("not YAML or JSON: {}", error.info()),
            )),
        }
    }

    fn node(&mut self, event: Event<'t>, span: &Span) -> Result<Node, TemplateError> {
        let line = span.start.line();
        let (kind, anchor, tag) = match event {
            Event::Alias(anchor) => {
                return self.anchors.get(&anchor).cloned().ok_or_else(|| {
                    TemplateError::at(line, "", "a YAML alias to an anchor that is not complete")
                });
            }
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none();
                (if plain { plain_scalar(&text) } else { Kind::Text(text.into()) }, anchor, tag)
            }
            Event::SequenceStart(anchor, tag) => {
                let mut items = Vec::new();
                loop {
                    let (event, span) = self.next()?;
                    if matches!(event, Event::SequenceEnd) {
                        break;
                    }
                    items.push(self.node(event, &span)?);
                }
                (Kind::List(items), anchor, tag)
            }
            Event::MappingStart(anchor, tag) => (self.map()?, anchor, tag),
            _ => return Err(TemplateError::at(line, "", "not YAML or JSON: unexpected end")),
        };
        let node = tagged(Node { line, kind }, tag.as_deref())?;
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn map(&mut self) -> Result<Kind, TemplateError> {
        let mut members = IndexMap::new();
        loop {
            let (event, span) = self.next()?;
            let line = span.start.line();
            let key = match event {
                Event::MappingEnd => break,
                Event::Scalar(text, _, _, None) => text.into_owned(),
                Event::Scalar(..) => {
                    let message = "a key is plain text: no function stands in it";
                    return Err(TemplateError::at(line, "", message));
                }
                _ => return Err(TemplateError::at(line, "", "a map's key is not a scalar")),
            };
            let (event, span) = self.next()?;
            let mut value = self.node(event, &span)?;
            value.line = line;
            if members.insert(key.clone(), value).is_some() {
                return Err(TemplateError::at(line, "", format!("the key \"{key}\" occurs twice")));
            }
        }
        intrinsic(members)
    }
}

/// A map, or the intrinsic function that it spells.
fn intrinsic(mut members: IndexMap<String, Node>) -> Result<Kind, TemplateError> {
    let Some((key, line)) = members.first().map(|(key, node)| (key.clone(), node.line)) else {
        return Ok(Kind::Map(members));
    };
    // A loop stands among other keys; the languages transform unrolls it.
    let is_function =
        |key: &str| key == "Ref" || key.starts_with("Fn::") && !key.starts_with("Fn::ForEach");
    if members.len() != 1
        && let Some((key, node)) = members.iter().find(|(key, _)| is_function(key))
    {
        let message = format!("{key} stands beside other keys: a function is a map of its own");
        return Err(TemplateError::at(node.line, "", message));
    }
    if members.len() != 1 || !is_function(&key) {
        return Ok(Kind::Map(members));
    }
    known(&key, line)?;
    Ok(match members.shift_remove(&key) {
        Some(argument) => Kind::Call(key, Box::new(argument)),
        None => Kind::Map(members),
    })
}

fn known(function: &str, line: usize) -> Result<(), TemplateError> {
    let known = matches!(function, "Ref" | "Condition")
        || function.strip_prefix("Fn::").is_some_and(|name| FUNCTIONS.contains(&name));
    if known {
        return Ok(());
    }
    Err(TemplateError::at(
        line,
        "",
        format!(
            "the intrinsic function {function} is not supported; supported are Ref, Condition, \
             Fn::{}",
            FUNCTIONS.join(", Fn::")
        ),
    ))
}

/// A node under its short-form tag.
fn tagged(mut node: Node, tag: Option<&Tag>) -> Result<Node, TemplateError> {
    let Some(tag) = tag else { return Ok(node) };
    if tag.is_yaml_core_schema() {
        if let Kind::Text(text) = &node.kind
            && tag.suffix != "str"
        {
            node.kind = plain_scalar(text);
        }
        return Ok(node);
    }
    if tag.handle == "!" && tag.suffix.is_empty() {
        return Ok(node);
    }
    let function = match tag.suffix.as_str() {
        name @ ("Ref" | "Condition") if tag.handle == "!" => name.to_owned(),
        name => format!("Fn::{name}"),
    };
    known(&function, node.line)?;
    let mut argument = Node { line: node.line, kind: node.kind };
    if function == "Fn::GetAtt"
        && let Kind::Text(text) = &argument.kind
        && let Some((resource, attribute)) = text.split_once('.')
    {
        let parts = [resource, attribute]
            .map(|part| Node { line: argument.line, kind: Kind::Text(part.to_owned()) });
        argument.kind = Kind::List(parts.into());
    }
    Ok(Node { line: argument.line, kind: Kind::Call(function, Box::new(argument)) })
}

/// A plain scalar by YAML's core schema.
fn plain_scalar(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "true" | "True" | "TRUE" => return Kind::Bool(true),
        "false" | "False" | "FALSE" => return Kind::Bool(false),
        _ => {}
    }
    let digits = text.trim_start_matches('-');
    let leading_zero = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    let number_like = digits.starts_with(|first: char| first.is_ascii_digit()) && !leading_zero;
    if number_like {
        if let Ok(number) = text.parse::<i64>() {
            return Kind::Number(number.into());
        }
        let float = text.parse::<f64>().ok().filter(|_| text.contains(['.', 'e', 'E']));
        if let Some(number) = float.and_then(Number::from_f64) {
            return Kind::Number(number);
        }
    }
    Kind::Text(text.to_owned())
}
