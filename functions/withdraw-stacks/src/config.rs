//! The function's environment, parsed once.

use jiff::SignedDuration;
use lambda_kit::Lookup;
use lambda_kit::config::{Error, list, optional, parsed, parsed_or, required};
use lifecycle::retirement::{RetirementUnits, Rules};
use operator_role::Settings;
use stop_switch::STOP_PARAMETER;

use crate::order::Pattern;

/// What the function is told by its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `RETIRING_OU_ID` and `SUSPENDED_OU_ID`.
    pub units: RetirementUnits,
    /// `MANAGEMENT_ACCOUNT_ID`, `PROTECTED_ACCOUNT_IDS`, `SETTLE_HOURS`.
    pub rules: Rules,
    /// `RUNS_BUCKET`: where the lists are.
    pub runs_bucket: String,
    /// `OPERATOR_ROLE_NAME` and `EQUIP_FUNCTION`: the role that is assumed in accounts.
    pub operator: Settings,
    /// `OVERRIDE_HOURS`: how long the gates stay open; 48 unless given.
    pub open_for: SignedDuration,
    /// `RETAIN_INOPERABLE`: whether stacks that can not be deleted are left behind.
    pub retain_inoperable: bool,
    /// `MAX_WITHDRAW_ATTEMPTS`: 1 or more, 3 unless given.
    pub max_attempts: u32,
    /// `WITHDRAW_STACK_SETS`: stack sets that are the sweep's business, as names or beginnings with
    /// `*`; all unless given.
    pub withdraw: Vec<Pattern>,
    /// `LEAVE_STACK_SETS`: those of them that are not, written in the same way.
    pub leave: Vec<Pattern>,
    /// `TIERS_PARAMETER`: the tiers, which say what depends on what; nothing when there is none.
    pub tiers_parameter: Option<String>,
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
        let open_for: u16 = parsed_or(lookup, "OVERRIDE_HOURS", 48)?;
        let max_attempts = parsed_or(lookup, "MAX_WITHDRAW_ATTEMPTS", 3)?;
        if max_attempts == 0 {
            return Err(Error::invalid("MAX_WITHDRAW_ATTEMPTS", "0", "must be 1 or more"));
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
            runs_bucket: required(lookup, "RUNS_BUCKET")?,
            operator: Settings::load(lookup)?,
            open_for: SignedDuration::from_hours(i64::from(open_for)),
            retain_inoperable: parsed_or(lookup, "RETAIN_INOPERABLE", false)?,
            max_attempts,
            withdraw: list(lookup, "WITHDRAW_STACK_SETS")?,
            leave: list(lookup, "LEAVE_STACK_SETS")?,
            tiers_parameter: optional(lookup, "TIERS_PARAMETER"),
            stop_parameter: parsed_or(lookup, "STOP_PARAMETER", STOP_PARAMETER.to_owned())?,
        })
    }
}
