//! The function's environment.

use jiff::SignedDuration;
use lambda_kit::Lookup;
use lambda_kit::config::{Error, parsed_or, required};
use operator_role::Settings;

/// What the function is told by its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `OPERATOR_ROLE_NAME` and `EQUIP_FUNCTION`: the role in the accounts that is assumed.
    pub operator: Settings,
    /// Where it is said that a tenant waits: `EVENT_BUS_NAME`.
    pub event_bus: String,
    /// After how long that is said: `NOTICE_AFTER_HOURS`, 24 unless given.
    pub notice_after: SignedDuration,
}

impl Config {
    /// Reads and checks the variables.
    ///
    /// # Errors
    /// Names the variable, its value and the rule.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, Error> {
        let hours: u16 = parsed_or(lookup, "NOTICE_AFTER_HOURS", 24)?;
        Ok(Self {
            operator: Settings::load(lookup)?,
            event_bus: required(lookup, "EVENT_BUS_NAME")?,
            notice_after: SignedDuration::from_hours(i64::from(hours)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_is_required_and_checked() {
        let error = Config::load(&|_| None).unwrap_err().to_string();
        assert!(error.contains("OPERATOR_ROLE_NAME is not set"), "{error}");
        let role = |name: &str| (name == "OPERATOR_ROLE_NAME").then(|| "a role".to_owned());
        let error = Config::load(&role).unwrap_err().to_string();
        assert!(error.contains("a role") && error.contains("must be a role name"), "{error}");
    }
}
