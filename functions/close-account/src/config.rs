//! The function's environment, parsed once.

use jiff::SignedDuration;
use lambda_kit::Lookup;
use lambda_kit::config::{Error, list, parsed, parsed_or, required};
use lifecycle::retirement::{RetirementUnits, Rules};
use stop_switch::STOP_PARAMETER;

/// What the function is told by its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `RETIRING_OU_ID` and `SUSPENDED_OU_ID`.
    pub units: RetirementUnits,
    /// `MANAGEMENT_ACCOUNT_ID`, `PROTECTED_ACCOUNT_IDS`, `SETTLE_HOURS`.
    pub rules: Rules,
    /// `RUNS_BUCKET`: where the outcomes are written.
    pub runs_bucket: String,
    /// `EVENT_BUS_NAME`: where a live account that was closed by hand is announced.
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
            runs_bucket: required(lookup, "RUNS_BUCKET")?,
            event_bus: required(lookup, "EVENT_BUS_NAME")?,
            stop_parameter: parsed_or(lookup, "STOP_PARAMETER", STOP_PARAMETER.to_owned())?,
        })
    }
}
