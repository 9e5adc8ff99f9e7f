//! The function's environment.

use lambda_kit::Lookup;
use lambda_kit::config::{Error, required};

/// What the environment says.
#[derive(Debug, Clone)]
pub struct Config {
    /// The bucket with the roll-outs' files.
    pub runs_bucket: String,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// Names the variable that is missing.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, Error> {
        Ok(Self { runs_bucket: required(lookup, "RUNS_BUCKET")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_variable_is_named() {
        let error = Config::load(&|_| None).unwrap_err().to_string();
        assert!(error.contains("RUNS_BUCKET"), "{error}");
    }
}
