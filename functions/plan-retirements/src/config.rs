//! The function's environment, parsed once.

use jiff::SignedDuration;
use lambda_kit::Lookup;
use lambda_kit::config::{Error, list, parsed, parsed_or, required};
use lifecycle::retirement::{RetirementUnits, Rules};
use stop_switch::STOP_PARAMETER;

use crate::budget::Limits;

/// What the function is told by its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `RETIRING_OU_ID` and `SUSPENDED_OU_ID`.
    pub units: RetirementUnits,
    /// `MANAGEMENT_ACCOUNT_ID`, `PROTECTED_ACCOUNT_IDS`, `SETTLE_HOURS`.
    pub rules: Rules,
    /// What AWS allows and what we want of it.
    pub limits: Limits,
    /// `BREAKER_PERCENT`: how much of the fleet may be due at once; 10 unless given.
    pub breaker_percent: u64,
    /// `BREAKER_FLOOR`: that many due accounts are never a mistake; 20 unless given.
    pub breaker_floor: u64,
    /// `RUNS_BUCKET`: where the lists are.
    pub runs_bucket: String,
    /// `EVENT_BUS_NAME`: where the report is announced.
    pub event_bus: String,
    /// `STOP_PARAMETER`: the switch that stops everything irreversible.
    pub stop_parameter: String,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// Names the first variable that is missing or refused.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, Error> {
        let settle: u16 = parsed_or(lookup, "SETTLE_HOURS", 24)?;
        let interval: u16 = parsed_or(lookup, "SWEEP_INTERVAL_HOURS", 24)?;
        if interval == 0 {
            return Err(Error::invalid("SWEEP_INTERVAL_HOURS", "0", "must be 1 or more"));
        }
        Ok(Self {
            units: RetirementUnits {
                retiring: parsed(lookup, "RETIRING_OU_ID")?,
                suspended: parsed(lookup, "SUSPENDED_OU_ID")?,
            },
            rules: Rules {
                management: parsed(lookup, "MANAGEMENT_ACCOUNT_ID")?,
                protected: list(lookup, "PROTECTED_ACCOUNT_IDS")?.into_iter().collect(),
                settle: SignedDuration::from_hours(i64::from(settle)),
            },
            limits: Limits {
                percent: parsed_or(lookup, "CLOSE_QUOTA_PERCENT", 20)?,
                floor: parsed_or(lookup, "CLOSE_QUOTA_FLOOR", 250)?,
                ceiling: parsed_or(lookup, "CLOSE_QUOTA_CEILING", 1_000)?,
                reserve: parsed_or(lookup, "CLOSE_RESERVE", 10)?,
                at_most: parsed_or(lookup, "CLOSE_AT_MOST", 50)?,
                interval: SignedDuration::from_hours(i64::from(interval)),
            },
            breaker_percent: parsed_or(lookup, "BREAKER_PERCENT", 10)?,
            breaker_floor: parsed_or(lookup, "BREAKER_FLOOR", 20)?,
            runs_bucket: required(lookup, "RUNS_BUCKET")?,
            event_bus: required(lookup, "EVENT_BUS_NAME")?,
            stop_parameter: parsed_or(lookup, "STOP_PARAMETER", STOP_PARAMETER.to_owned())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sweeps_without_an_interval_are_refused() {
        let variables = |name: &str| match name {
            "SWEEP_INTERVAL_HOURS" => Some("0".to_owned()),
            _ => None,
        };
        let error = Config::load(&variables).unwrap_err().to_string();
        assert!(error.contains("SWEEP_INTERVAL_HOURS"), "{error}");
    }
}
