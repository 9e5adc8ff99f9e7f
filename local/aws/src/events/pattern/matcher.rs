//! What may stand in a field.

use std::net::IpAddr;

use serde_json::{Number, Value};

use super::address::{self, Network};
use super::number::{self, Range};
use super::wildcard::Wildcard;

/// One element of a pattern's list.
#[derive(Debug, Clone)]
pub(super) enum Matcher {
    /// This text.
    Text(String),
    /// This address, however it is written.
    Address(IpAddr),
    /// This number, however it is written.
    Number(Number),
    /// `true`, `false` or `null`.
    Literal(Value),
    Prefix(Words),
    Suffix(Words),
    IgnoreCase(String),
    Wildcard(Wildcard),
    /// Anything that none of these matches.
    AnythingBut(Vec<Matcher>),
    Numeric(Range),
    Network(Network),
    Exists,
    Absent,
}

/// The beginning or end of a text.
#[derive(Debug, Clone)]
pub(super) struct Words {
    pub(super) text: String,
    pub(super) ignores_case: bool,
}

impl Matcher {
    pub(super) fn wants_absence(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Whether a field's value fits: a text, a number, `true`, `false` or `null`.
    pub(super) fn matches(&self, value: &Value) -> bool {
        match self {
            Self::Exists => true,
            Self::Absent => false,
            Self::Literal(literal) => literal == value,
            Self::AnythingBut(none_of) => !none_of.iter().any(|one| one.matches(value)),
            Self::Number(wanted) => match value {
                Value::Number(found) => number::same(wanted, found),
                _ => false,
            },
            Self::Numeric(range) => match value {
                Value::Number(found) => number::comparable(found).is_some_and(|n| range.holds(n)),
                _ => false,
            },
            _ => value.as_str().is_some_and(|text| self.matches_text(text)),
        }
    }

    fn matches_text(&self, found: &str) -> bool {
        match self {
            Self::Text(wanted) => found == wanted,
            Self::Address(wanted) => address::parse(found).is_ok_and(|found| found == *wanted),
            Self::Network(network) => {
                address::parse(found).is_ok_and(|address| network.holds(address))
            }
            Self::Prefix(Words { text, ignores_case: false }) => found.starts_with(text),
            Self::Suffix(Words { text, ignores_case: false }) => found.ends_with(text),
            Self::Prefix(Words { text, .. }) => lower(found).starts_with(&lower(text)),
            Self::Suffix(Words { text, .. }) => lower(found).ends_with(&lower(text)),
            Self::IgnoreCase(wanted) => lower(found) == lower(wanted),
            Self::Wildcard(wildcard) => wildcard.matches(found),
            _ => false,
        }
    }
}

fn lower(text: &str) -> String {
    text.to_lowercase()
}
