//! The override of an account's gate: a word from outside that counts more than what the gate
//! sees for itself, for a limited time.
//!
//! It is a String parameter of SSM in the account and Region, because a gate that vetoes would
//! veto its own repair as well: it has to be opened without an operation of a stack set.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Fault;

/// The parameter in which the override stands, in each account and Region.
pub const OVERRIDE_PARAMETER: &str = "/landlord/gate/override";

/// What the gate is told to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GateAction {
    /// Every operation may proceed.
    Open,
    /// None may.
    Hold,
}

/// An override, as it stands in the parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateOverride {
    /// What the gate answers.
    pub action: GateAction,
    /// From when on it is as if it were not there.
    pub until: Timestamp,
    /// Why, for the log.
    pub reason: String,
    /// By whom, for the log.
    pub by: String,
}

impl GateOverride {
    /// Reads the parameter's value.
    ///
    /// # Errors
    /// When it is no override.
    pub fn read(value: &str) -> Result<Self, Fault> {
        serde_json::from_str(value).map_err(|error| {
            Fault::new(OVERRIDE_PARAMETER, value, format!("must be an override: {error}"))
        })
    }

    /// The parameter's value.
    pub fn text(&self) -> String {
        serde_json::json!(self).to_string()
    }

    /// What the gate has to answer now; nothing once it has expired.
    pub fn action_at(&self, now: Timestamp) -> Option<GateAction> {
        (now < self.until).then_some(self.action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_override_is_what_the_parameter_says() {
        let text = r#"{"action":"open","until":"2026-11-22T10:00:00Z","reason":"retirement","by":"sweep"}"#;
        let read = GateOverride::read(text).unwrap();
        assert_eq!(read.action, GateAction::Open);
        assert_eq!(read.text(), text);
        assert!(GateOverride::read(r#"{"action":"shut"}"#).is_err());
    }

    #[test]
    fn an_override_expires_by_itself() {
        let hold = GateOverride {
            action: GateAction::Hold,
            until: at("2026-11-22T10:00:00Z"),
            reason: "incident".into(),
            by: "operator".into(),
        };
        assert_eq!(hold.action_at(at("2026-11-22T09:59:59Z")), Some(GateAction::Hold));
        assert_eq!(hold.action_at(at("2026-11-22T10:00:00Z")), None);
    }
}
