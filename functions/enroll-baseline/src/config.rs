//! The function's environment.

use lambda_kit::Lookup;
use lambda_kit::config::{Error, parsed, parsed_or, required};
use lifecycle::OuId;

const MAX_BASELINE_ATTEMPTS: &str = "MAX_BASELINE_ATTEMPTS";

/// What the function is told by its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where accounts stand until they are ready: `ONBOARDING_OU_ID`.
    pub onboarding: OuId,
    /// Where the accounts that wait are noted: `RUNS_BUCKET`.
    pub runs_bucket: String,
    /// How many operations may fail for an account before its baseline has failed:
    /// `MAX_BASELINE_ATTEMPTS`, 1 or more, 3 unless given. Failures that pass by themselves have
    /// more of them, or all the time that there is.
    pub max_attempts: u32,
}

impl Config {
    /// Reads and checks the variables.
    ///
    /// # Errors
    /// Names the variable, its value and the rule.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, Error> {
        let max_attempts = parsed_or(lookup, MAX_BASELINE_ATTEMPTS, 3)?;
        if max_attempts == 0 {
            return Err(Error::invalid(MAX_BASELINE_ATTEMPTS, "0", "must be 1 or more"));
        }
        Ok(Self {
            onboarding: parsed(lookup, "ONBOARDING_OU_ID")?,
            runs_bucket: required(lookup, "RUNS_BUCKET")?,
            max_attempts,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(attempts: &'static str) -> Result<Config, Error> {
        Config::load(&move |name| match name {
            "ONBOARDING_OU_ID" => Some("ou-root-onboarding".to_owned()),
            "RUNS_BUCKET" => Some("runs".to_owned()),
            "MAX_BASELINE_ATTEMPTS" => Some(attempts.to_owned()),
            _ => None,
        })
    }

    #[test]
    fn three_attempts_unless_given() {
        assert_eq!(load("").unwrap().max_attempts, 3);
        assert_eq!(load("5").unwrap().max_attempts, 5);
    }

    #[test]
    fn a_wrong_variable_is_named() {
        let error = load("0").unwrap_err().to_string();
        assert_eq!(error, "environment variable MAX_BASELINE_ATTEMPTS is `0`: must be 1 or more");
        let error = Config::load(&|_| None).unwrap_err().to_string();
        assert!(error.contains("ONBOARDING_OU_ID"), "{error}");
    }
}
