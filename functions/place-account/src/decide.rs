//! Whether the account stands, moves, or must not be touched; and which tags it lacks.

use std::collections::BTreeMap;
use std::fmt;

use lifecycle::{Fault, OuId, ParentId, Tags};
use serde::{Deserialize, Serialize};

/// From where a caller may take an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Origin {
    /// `ROOT`: directly under the organization's root, whichever its id.
    Root,
    /// An organizational unit.
    Unit(OuId),
}

impl TryFrom<String> for Origin {
    type Error = Fault;
    fn try_from(text: String) -> Result<Self, Fault> {
        if text == "ROOT" {
            return Ok(Self::Root);
        }
        text.parse().map(Self::Unit).map_err(|_: Fault| {
            Fault::new("allowedFrom", &text, "must be ROOT or the id of an organizational unit")
        })
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.to_string()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("ROOT"),
            Self::Unit(unit) => unit.fmt(f),
        }
    }
}

impl Origin {
    fn holds(&self, parent: &ParentId) -> bool {
        match (self, parent) {
            (Self::Root, ParentId::Root(_)) => true,
            (Self::Unit(unit), ParentId::Ou(ou)) => unit == ou,
            _ => false,
        }
    }
}

/// What to do with an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Stay,
    Move,
    Refuse,
}

/// An account that is there already stays, whatever its caller allows.
pub(crate) fn step(parent: &ParentId, destination: &OuId, allowed: &[Origin]) -> Step {
    match parent {
        ParentId::Ou(ou) if ou == destination => Step::Stay,
        _ if allowed.iter().any(|origin| origin.holds(parent)) => Step::Move,
        _ => Step::Refuse,
    }
}

/// Those of the wanted tags that the account lacks, or has with another value.
pub(crate) fn missing<'a>(
    wanted: &'a Tags,
    present: &BTreeMap<String, String>,
) -> Vec<(&'a str, &'a str)> {
    wanted
        .iter()
        .filter(|(key, value)| present.get(*key).map(String::as_str) != Some(value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_moves_only_from_where_it_may() {
        let destination: OuId = "ou-root-onboard1".parse().unwrap();
        let root = vec![Origin::Root];
        let unit = vec![Origin::Unit("ou-root-retiring".parse().unwrap())];
        for (parent, allowed, expected) in [
            ("ou-root-onboard1", &root, Step::Stay),
            ("ou-root-onboard1", &vec![], Step::Stay),
            ("r-root", &root, Step::Move),
            ("r-root", &unit, Step::Refuse),
            ("ou-root-retiring", &unit, Step::Move),
            ("ou-root-retiring", &root, Step::Refuse),
            ("ou-root-general1", &root, Step::Refuse),
        ] {
            let found = step(&parent.parse().unwrap(), &destination, allowed);
            assert_eq!(found, expected, "{parent} {allowed:?}");
        }
    }

    #[test]
    fn only_tags_that_differ_are_missing() {
        let wanted: Tags =
            serde_json::from_str(r#"{"same":"1","other":"2","absent":"3"}"#).unwrap();
        let present = [("same", "1"), ("other", "x"), ("more", "y")]
            .map(|(k, v)| (k.into(), v.into()))
            .into();
        assert_eq!(missing(&wanted, &present), [("absent", "3"), ("other", "2")]);
    }

    #[test]
    fn origins_are_root_or_a_unit() {
        let read = |text: &str| Origin::try_from(text.to_owned());
        assert_eq!(read("ROOT").unwrap(), Origin::Root);
        assert_eq!(read("ou-root-general1").unwrap().to_string(), "ou-root-general1");
        assert!(read("r-root").unwrap_err().to_string().contains("must be ROOT"));
    }
}
