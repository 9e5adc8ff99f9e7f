//! The account gate's override: a parameter in the account and Region by which an operator, or
//! Landlord itself, opens or holds the gate for a while.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Fault;

/// The name of the SSM parameter that holds a [`GateOverride`], in the account and Region that it
/// is for.
pub const OVERRIDE_PARAMETER: &str = "/landlord/gate/override";

/// The name of the gate's function. StackSets looks for exactly this one.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-account-gating.html>
pub const GATE_FUNCTION: &str = "AWSCloudFormationStackSetAccountGate";

/// What the gate answers whatever its checks say, until when, why, and at whose wish. All four
/// are required, and nothing else is allowed: a mistyped override opens nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GateOverride {
    /// Which answer.
    pub action: GateAction,
    /// The moment from which on the override is as if it were not there.
    pub until: Timestamp,
    /// Why, for whoever finds it.
    pub reason: String,
    /// At whose wish.
    pub by: String,
}

/// What an override does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GateAction {
    /// Stack operations pass.
    Open,
    /// Stack operations are vetoed.
    Hold,
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

    /// What the gate has to answer now; nothing once the override has expired.
    pub fn action_at(&self, now: Timestamp) -> Option<GateAction> {
        self.is_in_force(now).then_some(self.action)
    }

    /// True while the override counts.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        now < self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_ends_by_itself() {
        let text = r#"{"action":"open","until":"2026-11-21T12:00:00Z","reason":"roll-out 7 goes back","by":"landlord"}"#;
        let opened: GateOverride = serde_json::from_str(text).unwrap();
        assert_eq!(opened.action, GateAction::Open);
        assert!(opened.is_in_force("2026-11-21T11:59:59Z".parse().unwrap()));
        assert!(!opened.is_in_force("2026-11-21T12:00:00Z".parse().unwrap()));
        assert_eq!(serde_json::to_string(&opened).unwrap(), text);
    }

    #[test]
    fn an_override_that_says_too_little_or_too_much_is_none() {
        for text in [
            r#"{"action":"open","reason":"r","by":"b"}"#,
            r#"{"action":"opened","until":"2026-11-21T12:00:00Z","reason":"r","by":"b"}"#,
            r#"{"action":"open","until":"tomorrow","reason":"r","by":"b"}"#,
            r#"{"action":"open","until":"2026-11-21T12:00:00Z","reason":"r","by":"b","expires":1}"#,
        ] {
            serde_json::from_str::<GateOverride>(text).unwrap_err();
        }
    }
}
