//! The function's environment, parsed once.

use jiff::SignedDuration;
use lambda_kit::Lookup;
use lambda_kit::config::{Error, optional, parsed_or, required};

/// Where operators decide about offboardings that are held, unless the environment says otherwise.
pub const DECISION_PARAMETER: &str = "/landlord/offboardings";

/// What the function is told by its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// How long an account may be missing from the index of tags: `UNKNOWN_AFTER_SECONDS`.
    pub unknown_after: SignedDuration,
    /// Where the tenants' records are: `RUNS_BUCKET`.
    pub runs_bucket: String,
    /// Where operators are told: `TOPIC_ARN`.
    pub topic_arn: String,
    /// Which share of the live tenants may leave within an hour: `OFFBOARDINGS_PERCENT`, 2 unless
    /// given.
    pub offboardings_percent: u32,
    /// How many may in any case: `OFFBOARDINGS_FLOOR`, 20 unless given.
    pub offboardings_floor: u32,
    /// The parameter by which operators decide about those that are held:
    /// `OFFBOARDINGS_PARAMETER`, `/landlord/offboardings` unless given.
    pub decision_parameter: String,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// Names the variable, its value and the rule.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, Error> {
        let seconds: u32 = parsed_or(lookup, "UNKNOWN_AFTER_SECONDS", 600)?;
        let percent: u32 = parsed_or(lookup, "OFFBOARDINGS_PERCENT", 2)?;
        if percent > 100 {
            let rule = "must be a share of at most 100 percent";
            return Err(Error::invalid("OFFBOARDINGS_PERCENT", percent.to_string(), rule));
        }
        Ok(Self {
            unknown_after: SignedDuration::from_secs(i64::from(seconds)),
            runs_bucket: required(lookup, "RUNS_BUCKET")?,
            topic_arn: required(lookup, "TOPIC_ARN")?,
            offboardings_percent: percent,
            offboardings_floor: parsed_or(lookup, "OFFBOARDINGS_FLOOR", 20)?,
            decision_parameter: optional(lookup, "OFFBOARDINGS_PARAMETER")
                .unwrap_or_else(|| DECISION_PARAMETER.to_owned()),
        })
    }
}
