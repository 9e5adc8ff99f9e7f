//! The function's environment, parsed once.

use jiff::SignedDuration;
use lambda_kit::Lookup;
use lambda_kit::config::{Error, optional, parsed, parsed_or, required};
use lifecycle::{Naming, OrganizationalUnits, OuId};

const STATE_MACHINE_ARN: &str = "STATE_MACHINE_ARN";

/// What the function is told by its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// How accounts are named: `ACCOUNT_NAME_PREFIX` (`tenant-` unless given), `EMAIL_LOCAL_PART`,
    /// `EMAIL_DOMAIN`.
    pub naming: Naming,
    /// The SSM parameter that holds the tiers: `TIERS_PARAMETER`.
    pub tiers_parameter: String,
    /// Where live tenants stand: `TENANT_OUS`, as `Name=ou-…,Name=ou-…`.
    pub units: OrganizationalUnits,
    /// Where those stand that are being onboarded: `ONBOARDING_OU_ID`.
    pub onboarding: OuId,
    /// Where those stand whose tenants have left: `RETIRING_OU_ID`, `SUSPENDED_OU_ID`.
    pub leaving: [OuId; 2],
    /// The machine `onboard-tenant`: `STATE_MACHINE_ARN`.
    pub state_machine_arn: String,
    /// Where the tenants' records are: `RUNS_BUCKET`.
    pub runs_bucket: String,
    /// How long an account may be missing from the index of tags: `UNKNOWN_AFTER_SECONDS`, 600
    /// unless given.
    pub unknown_after: SignedDuration,
    /// How long the work on an account may take: `DEADLINE_SECONDS`, a day unless given.
    pub deadline_seconds: u32,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// Names the variable, its value and the rule.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, Error> {
        let prefix = optional(lookup, "ACCOUNT_NAME_PREFIX").unwrap_or_else(|| "tenant-".into());
        let local_part = required(lookup, "EMAIL_LOCAL_PART")?;
        let domain = required(lookup, "EMAIL_DOMAIN")?;
        let given = format!("{prefix}, {local_part}, {domain}");
        let naming = Naming::new(prefix, local_part, domain).map_err(|faults| {
            Error::invalid("ACCOUNT_NAME_PREFIX, EMAIL_LOCAL_PART or EMAIL_DOMAIN", given, faults)
        })?;
        let state_machine_arn = required(lookup, STATE_MACHINE_ARN)?;
        if !state_machine_arn.contains(":stateMachine:") {
            let rule = "must be the ARN of a state machine";
            return Err(Error::invalid(STATE_MACHINE_ARN, state_machine_arn, rule));
        }
        let seconds: u32 = parsed_or(lookup, "UNKNOWN_AFTER_SECONDS", 600)?;
        Ok(Self {
            naming,
            tiers_parameter: required(lookup, "TIERS_PARAMETER")?,
            units: parsed(lookup, "TENANT_OUS")?,
            onboarding: parsed(lookup, "ONBOARDING_OU_ID")?,
            leaving: [parsed(lookup, "RETIRING_OU_ID")?, parsed(lookup, "SUSPENDED_OU_ID")?],
            state_machine_arn,
            runs_bucket: required(lookup, "RUNS_BUCKET")?,
            unknown_after: SignedDuration::from_secs(i64::from(seconds)),
            deadline_seconds: parsed_or(lookup, "DEADLINE_SECONDS", 86_400)?,
        })
    }

    /// The ARN of the tenant's onboarding of this number.
    pub(crate) fn execution_arn(&self, tenant: &str, number: u32) -> String {
        let machine = self.state_machine_arn.replacen(":stateMachine:", ":execution:", 1);
        match number {
            1 => format!("{machine}:{tenant}"),
            number => format!("{machine}:{tenant}_{number}"),
        }
    }
}
