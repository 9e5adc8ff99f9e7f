//! The function's environment, parsed once.

use fleet_audit::Events;
use fleet_reads::Machines;
use lambda_kit::Lookup;
use lambda_kit::config::{Error, optional, parsed, required};
use lifecycle::{Naming, OrganizationalUnits, OuId, ParentId};

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
    /// `ONBOARDING_OU_ID`, `RETIRING_OU_ID`, `SUSPENDED_OU_ID`.
    pub onboarding: OuId,
    /// Where those stand whose tenants have left.
    pub retiring: OuId,
    /// Where those stand that are closed, or about to be.
    pub suspended: OuId,
    /// The parent of all these units: `PARENT_ID`.
    pub outside: ParentId,
    /// The machines that work on tenants: `ONBOARDING_MACHINE_ARN`, `CHANGES_MACHINE_ARN`,
    /// `OFFBOARDING_MACHINE_ARN`, `ROLLOUTS_MACHINE_ARN`.
    pub machines: Machines,
    /// How events are sent to Landlord: `EVENT_BUS_NAME`, `SIGNUP_SOURCE`, `OFFBOARDING_SOURCE`.
    pub events: Events,
    /// Where records and reports are: `RUNS_BUCKET`.
    pub runs_bucket: String,
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
        Ok(Self {
            naming,
            tiers_parameter: required(lookup, "TIERS_PARAMETER")?,
            units: parsed(lookup, "TENANT_OUS")?,
            onboarding: parsed(lookup, "ONBOARDING_OU_ID")?,
            retiring: parsed(lookup, "RETIRING_OU_ID")?,
            suspended: parsed(lookup, "SUSPENDED_OU_ID")?,
            outside: parsed(lookup, "PARENT_ID")?,
            machines: Machines {
                onboarding: required(lookup, "ONBOARDING_MACHINE_ARN")?,
                changes: required(lookup, "CHANGES_MACHINE_ARN")?,
                offboarding: required(lookup, "OFFBOARDING_MACHINE_ARN")?,
                rollouts: required(lookup, "ROLLOUTS_MACHINE_ARN")?,
            },
            events: Events {
                bus: required(lookup, "EVENT_BUS_NAME")?,
                signups: required(lookup, "SIGNUP_SOURCE")?,
                offboardings: required(lookup, "OFFBOARDING_SOURCE")?,
            },
            runs_bucket: required(lookup, "RUNS_BUCKET")?,
        })
    }

    /// The units whose accounts are listed: Onboarding, Retiring, Suspended, those of tenants.
    pub(crate) fn listed(&self) -> Vec<&OuId> {
        let tenants = self.units.iter().map(|(_, id)| id);
        [&self.onboarding, &self.retiring, &self.suspended].into_iter().chain(tenants).collect()
    }
}
