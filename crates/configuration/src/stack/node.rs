//! YAML as a tree of text that knows its lines: every scalar is what stands there, so an account's id
//! keeps its zeros and `no` is no boolean. Short and long forms of an intrinsic function are one.

use lifecycle::Fault;
use saphyr_parser::{Event, Parser, Span, StrInput, Tag};

/// A part of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    /// The line of its key, or its own; from 1.
    pub(crate) line: usize,
    /// What it is.
    pub(crate) kind: Kind,
}

/// What a part of a document is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A scalar, as it is written.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of its file.
    Map(Vec<(String, Node)>),
    /// An intrinsic function by its long name (`Ref`, `Fn::Sub`, `Condition`) and its argument.
    Call(String, Box<Node>),
}

/// A fault and its line.
pub(crate) type Misread = (Option<usize>, Fault);

impl Node {
    /// Reads a file with one document; nothing when there is none in it.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, Misread> {
        let mut builder = Builder(Parser::new_from_str(text));
        let mut document = None;
        loop {
            let (event, span) = builder.next()?;
            match event {
                Event::StreamEnd => return Ok(document),
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
                event if document.is_none() => document = Some(builder.node(event, &span)?),
                _ => return Err(misread(span.start.line(), "has more than one document")),
            }
        }
    }

    /// The scalar, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a list; of anything else none.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    /// The members of a map; of anything else none.
    pub(crate) fn members(&self) -> &[(String, Self)] {
        match &self.kind {
            Kind::Map(members) => members,
            _ => &[],
        }
    }

    /// A member of a map.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.members().iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }
}

fn misread(line: usize, rule: impl Into<String>) -> Misread {
    (Some(line), Fault::of("the file", "what it says", rule))
}

struct Builder<'t>(Parser<'t, StrInput<'t>>);

impl<'t> Builder<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Span), Misread> {
        match self.0.next_event() {
            None => Ok((Event::StreamEnd, Span::default())),
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => {
                Err(misread(error.marker().line(), format!("must be YAML: {}", error.info())))
            }
        }
    }

    fn node(&mut self, event: Event<'t>, span: &Span) -> Result<Node, Misread> {
        let line = span.start.line();
        let (kind, tag) = match event {
            Event::Scalar(text, _, _, tag) => (Kind::Text(text.into_owned()), tag),
            Event::SequenceStart(_, tag) => {
                let mut items = Vec::new();
                loop {
                    let (event, span) = self.next()?;
                    if matches!(event, Event::SequenceEnd) {
                        break (Kind::List(items), tag);
                    }
                    items.push(self.node(event, &span)?);
                }
            }
            Event::MappingStart(_, tag) => (self.map()?, tag),
            Event::Alias(_) => return Err(misread(line, "must not have aliases")),
            _ => return Err(misread(line, "must be YAML: it ends too early")),
        };
        Ok(tagged(Node { line, kind }, tag.as_deref()))
    }

    fn map(&mut self) -> Result<Kind, Misread> {
        let mut members: Vec<(String, Node)> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            let line = span.start.line();
            let key = match event {
                Event::MappingEnd => break,
                Event::Scalar(text, ..) => text.into_owned(),
                _ => return Err(misread(line, "has a key that is no text")),
            };
            let (event, span) = self.next()?;
            let value = Node { line, ..self.node(event, &span)? };
            if members.iter().any(|(name, _)| *name == key) {
                let fault = Fault::new(&*key, &key, "must not be there twice");
                return Err((Some(line), fault));
            }
            members.push((key, value));
        }
        let is_call = |key: &str| key == "Ref" || key == "Condition" || key.starts_with("Fn::");
        Ok(match <[(String, Node); 1]>::try_from(members) {
            Ok([(key, argument)]) if is_call(&key) => Kind::Call(key, Box::new(argument)),
            Ok(one) => Kind::Map(one.into()),
            Err(members) => Kind::Map(members),
        })
    }
}

/// A node under the short form of a function.
fn tagged(node: Node, tag: Option<&Tag>) -> Node {
    let Some(tag) = tag.filter(|tag| tag.handle == "!" && !tag.suffix.is_empty()) else {
        return node;
    };
    let function = match tag.suffix.as_str() {
        name @ ("Ref" | "Condition") => name.to_owned(),
        name => format!("Fn::{name}"),
    };
    Node { line: node.line, kind: Kind::Call(function, Box::new(node)) }
}
