//! Reads JSON objects of people: every fault is remembered, and what is not known is a fault.

use lifecycle::{Fault, Faults};
use serde_json::{Map, Value};

/// One object, and what was found to be wrong in it.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    path: String,
    map: &'a Map<String, Value>,
    faults: &'a mut Faults,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// The fields of `value`, which stands at `path`; a fault when it is no object.
    pub(crate) fn of(path: &str, value: &'a Value, faults: &'a mut Faults) -> Option<Self> {
        let Some(map) = value.as_object() else {
            faults.push(Fault::of(path, value, "must be an object"));
            return None;
        };
        Some(Self { path: path.to_owned(), map, faults, known: Vec::new() })
    }

    /// Where a field stands.
    pub(crate) fn place(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// The value of a field; `null` is as if it were not there.
    pub(crate) fn value(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known.push(name);
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// Remembers a fault of a field.
    pub(crate) fn fault(&mut self, name: &str, value: &Value, rule: impl Into<String>) {
        let place = self.place(name);
        self.faults.push(match value.as_str() {
            Some(text) => Fault::new(place, text, rule),
            None => Fault::of(place, value, rule),
        });
    }

    /// Remembers a fault of a field whose value is not repeated.
    pub(crate) fn hidden_fault(&mut self, name: &str, rule: impl Into<String>) {
        let place = self.place(name);
        self.faults.push(Fault::of(place, "a value", rule));
    }

    /// Remembers that a field is required and not there.
    pub(crate) fn missing(&mut self, name: &str) {
        let place = self.place(name);
        self.faults.push(Fault::missing(place));
    }

    /// The faults, for a field that is an object of its own.
    pub(crate) fn faults(&mut self) -> &mut Faults {
        self.faults
    }

    /// A text.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<&'a str> {
        let value = self.value(name)?;
        let text = value.as_str();
        if text.is_none() {
            self.fault(name, value, "must be text");
        }
        text
    }

    /// A whole number in a range, or the default.
    pub(crate) fn number(
        &mut self,
        name: &'static str,
        range: std::ops::RangeInclusive<u32>,
    ) -> Option<u32> {
        let value = self.value(name)?;
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            let rule = format!("must be a whole number from {} to {}", range.start(), range.end());
            self.fault(name, value, rule);
        }
        number
    }

    /// A yes or no; no when it is not there.
    pub(crate) fn flag(&mut self, name: &'static str) -> bool {
        let Some(value) = self.value(name) else { return false };
        value.as_bool().unwrap_or_else(|| {
            self.fault(name, value, "must be true or false");
            false
        })
    }

    /// One of some words.
    pub(crate) fn word<T: Copy>(
        &mut self,
        name: &'static str,
        words: &[(&'static str, T)],
        default: T,
    ) -> T {
        let Some(value) = self.value(name) else { return default };
        let known = words.iter().find(|(word, _)| value.as_str() == Some(word));
        known.map(|(_, meaning)| *meaning).unwrap_or_else(|| {
            let all: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            self.fault(name, value, format!("must be one of {}", all.join(", ")));
            default
        })
    }

    /// A list of texts; none when it is not there.
    pub(crate) fn texts(&mut self, name: &'static str) -> Vec<&'a str> {
        let Some(value) = self.value(name) else { return Vec::new() };
        let texts: Option<Vec<&str>> =
            value.as_array().and_then(|list| list.iter().map(Value::as_str).collect());
        texts.unwrap_or_else(|| {
            self.fault(name, value, "must be a list of texts");
            Vec::new()
        })
    }

    /// Faults of all fields that nobody asked for.
    pub(crate) fn end(mut self) {
        let map = self.map;
        for (name, value) in map {
            if !self.known.contains(&name.as_str()) {
                self.fault(name, value, "is not known here");
            }
        }
    }
}
