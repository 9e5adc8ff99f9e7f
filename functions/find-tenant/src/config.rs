//! The function's environment, parsed once.

use jiff::SignedDuration;
use lambda_kit::Lookup;
use lambda_kit::config::{Error, parsed_or, required};

/// What the function is told by its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// How long an account may be missing from the index of tags: `UNKNOWN_AFTER_SECONDS`.
    pub unknown_after: SignedDuration,
    /// Where the tenants' records are: `RUNS_BUCKET`.
    pub runs_bucket: String,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// Names the variable, its value and the rule.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, Error> {
        let seconds: u32 = parsed_or(lookup, "UNKNOWN_AFTER_SECONDS", 600)?;
        Ok(Self {
            unknown_after: SignedDuration::from_secs(i64::from(seconds)),
            runs_bucket: required(lookup, "RUNS_BUCKET")?,
        })
    }
}
