//! The function's environment.

use lambda_kit::Lookup;
use lambda_kit::config::{Error, required};

/// What the function is told by its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where events go: `EVENT_BUS_NAME`.
    pub event_bus: String,
    /// Who hears of failures: `TOPIC_ARN`.
    pub topic_arn: String,
    /// Where it is noted what was announced: `RUNS_BUCKET`.
    pub runs_bucket: String,
}

impl Config {
    /// Reads and checks the variables.
    ///
    /// # Errors
    /// Names the variable that is missing or wrong, and the rule.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, Error> {
        let topic_arn = required(lookup, "TOPIC_ARN")?;
        if !topic_arn.starts_with("arn:") {
            return Err(Error::invalid("TOPIC_ARN", topic_arn, "must be the ARN of a topic"));
        }
        Ok(Self {
            event_bus: required(lookup, "EVENT_BUS_NAME")?,
            topic_arn,
            runs_bucket: required(lookup, "RUNS_BUCKET")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_missing_variable_is_named() {
        for missing in ["EVENT_BUS_NAME", "TOPIC_ARN", "RUNS_BUCKET"] {
            let error = Config::load(&|name| (name != missing).then(|| "arn:x".to_owned()));
            assert!(error.unwrap_err().to_string().contains(missing));
        }
    }
}
