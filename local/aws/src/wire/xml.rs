//! The little XML that AWS's XML formats need: a value as elements, a body as a value.

use quick_xml::Reader;
use quick_xml::escape::escape;
use quick_xml::events::Event;
use serde_json::{Map, Value};

use super::{iso, milliseconds};
use crate::AwsError;

/// How a format writes lists and maps.
pub(super) trait Style {
    /// Writes the list `name`.
    fn list(&self, out: &mut String, name: &str, items: &[Value]);
    /// Whether the member is a map, which is written as entries.
    fn is_map(&self, _name: &str) -> bool {
        false
    }
}

/// Writes `<name>value</name>`, or what the style makes of a list; absent values are left out.
pub(super) fn element(out: &mut String, style: &dyn Style, name: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::Array(items) => style.list(out, name, items),
        value => tagged(out, name, |out| {
            if style.is_map(name) {
                entries(out, value);
            } else {
                content(out, style, value);
            }
        }),
    }
}

/// Writes what stands between two tags.
pub(super) fn content(out: &mut String, style: &dyn Style, value: &Value) {
    if let Some(milliseconds) = milliseconds(value) {
        out.push_str(&iso(milliseconds));
        return;
    }
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                element(out, style, name, value);
            }
        }
        Value::String(text) => out.push_str(&escape(text.as_str())),
        Value::Null => {}
        other => out.push_str(&other.to_string()),
    }
}

fn entries(out: &mut String, map: &Value) {
    for (key, value) in map.as_object().into_iter().flatten() {
        tagged(out, "entry", |out| {
            tagged(out, "key", |out| out.push_str(&escape(key.as_str())));
            tagged(out, "value", |out| match value {
                Value::String(text) => out.push_str(&escape(text.as_str())),
                other => out.push_str(&other.to_string()),
            });
        });
    }
}

/// Writes an element around what `inside` writes.
pub(super) fn tagged(out: &mut String, name: &str, inside: impl FnOnce(&mut String)) {
    out.push('<');
    out.push_str(name);
    out.push('>');
    inside(out);
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

/// Reads a document: the root's name and its content. Elements that occur more than once, and
/// those named in `lists`, become lists.
pub(super) fn parse(text: &str, lists: &[&str]) -> Result<(String, Value), AwsError> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<(String, Map<String, Value>, String)> = Vec::new();
    loop {
        match reader.read_event().map_err(|error| malformed(&error.to_string()))? {
            Event::Start(tag) => {
                let name = tag.local_name().as_ref().to_owned();
                open.push((name, Map::new(), String::new()));
            }
            Event::Empty(tag) => {
                let name = tag.local_name().as_ref().to_owned();
                let Some((_, members, _)) = open.last_mut() else {
                    return Ok((name, Value::Object(Map::new())));
                };
                insert(members, name, Value::String(String::new()), lists);
            }
            Event::Text(piece) => {
                let piece = piece.xml10_content();
                if let Some((_, _, text)) = open.last_mut() {
                    text.push_str(&piece);
                }
            }
            Event::GeneralRef(reference) => {
                let name: &str = &reference;
                let plain = quick_xml::escape::unescape(&format!("&{name};"))
                    .map_err(|error| malformed(&error.to_string()))?
                    .into_owned();
                if let Some((_, _, text)) = open.last_mut() {
                    text.push_str(&plain);
                }
            }
            Event::End(_) => {
                let Some((name, members, text)) = open.pop() else {
                    return Err(malformed("an element ends that never began"));
                };
                let value =
                    if members.is_empty() { Value::String(text) } else { Value::Object(members) };
                match open.last_mut() {
                    Some((_, parent, _)) => insert(parent, name, value, lists),
                    None => return Ok((name, value)),
                }
            }
            Event::Eof => return Err(malformed("the document ends early")),
            _ => {}
        }
    }
}

fn insert(members: &mut Map<String, Value>, name: String, value: Value, lists: &[&str]) {
    match members.get_mut(&name) {
        Some(Value::Array(items)) => items.push(value),
        Some(first) => {
            let first_value = first.take();
            *first = Value::Array(vec![first_value, value]);
        }
        None if lists.contains(&name.as_str()) => {
            members.insert(name, Value::Array(vec![value]));
        }
        None => {
            members.insert(name, value);
        }
    }
}

fn malformed(why: &str) -> AwsError {
    AwsError::new("MalformedXML", format!("The XML you provided was not well-formed: {why}"))
}
