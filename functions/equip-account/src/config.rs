//! The function's environment, parsed once.

use lambda_kit::Lookup;
use lambda_kit::config::{Error, list, parsed, required};
use lifecycle::RoleName;
use regex_lite::Regex;

/// What the function is told by its environment.
#[derive(Debug, Clone)]
pub struct Config {
    /// `ACCOUNT_ROLE_NAME`: the role of StackSets, by which the operator role is made.
    pub execution: RoleName,
    /// `OPERATOR_ROLE_NAME`: the narrow role, made below the path `/landlord/`.
    pub operator: RoleName,
    /// `OPERATOR_PRINCIPALS`: the ARN pattern of the roles that may assume it.
    pub principals: String,
    /// `ACCOUNT_ROLES`: ARN patterns of the roles that belong below `/landlord/`, besides it.
    pub known: Vec<Regex>,
    /// `TOPIC_ARN`: where operators hear of the others.
    pub topic: String,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// Names the first variable that is missing or refused.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, Error> {
        let patterns = list::<String>(lookup, "ACCOUNT_ROLES")?;
        let known = patterns.iter().map(|text| {
            pattern(text).map_err(|error| Error::invalid("ACCOUNT_ROLES", text, error))
        });
        Ok(Self {
            execution: parsed(lookup, "ACCOUNT_ROLE_NAME")?,
            operator: parsed(lookup, "OPERATOR_ROLE_NAME")?,
            principals: required(lookup, "OPERATOR_PRINCIPALS")?,
            known: known.collect::<Result<_, _>>()?,
            topic: required(lookup, "TOPIC_ARN")?,
        })
    }
}

/// An ARN pattern as IAM's `ArnLike` reads it: `*` is any text, `?` any one character.
fn pattern(text: &str) -> Result<Regex, regex_lite::Error> {
    let escaped = regex_lite::escape(text).replace("\\*", ".*").replace("\\?", ".");
    Regex::new(&format!("^{escaped}$"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_variable_is_named() {
        let error = Config::load(&|_| None).unwrap_err().to_string();
        assert!(error.contains("ACCOUNT_ROLE_NAME is not set"), "{error}");
    }

    #[test]
    fn patterns_are_those_of_iam() {
        let gate = pattern("arn:*:iam::*:role/landlord/StackSet-*-AccountGateRole-?").unwrap();
        assert!(gate.is_match("arn:aws:iam::1:role/landlord/StackSet-a-AccountGateRole-X"));
        assert!(!gate.is_match("arn:aws:iam::1:role/landlord/StackSet-a-AccountGateRole-XY"));
        assert!(!gate.is_match("arn:aws:iam::1:role/landlord/mine"));
        assert!(!pattern("role.x").unwrap().is_match("role-x"));
    }
}
