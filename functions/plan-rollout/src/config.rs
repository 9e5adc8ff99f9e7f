//! The function's environment.

use std::collections::BTreeSet;

use lambda_kit::Lookup;
use lambda_kit::config::{Error, list, parsed, parsed_or, required};
use lifecycle::{OrganizationalUnits, OuId, OuName};
use rollout::{House, StackSets};

use crate::floor::Floor;

/// What the environment says.
#[derive(Debug, Clone)]
pub struct Config {
    /// The bucket with the roll-outs' files.
    pub runs_bucket: String,
    /// The tenants' units, by name.
    pub tenant_units: OrganizationalUnits,
    /// All of Landlord's units, by name: these and `ONBOARDING_OU_ID`, `RETIRING_OU_ID`,
    /// `SUSPENDED_OU_ID`.
    pub units: Vec<(OuName, OuId)>,
    /// Whose accounts a rollout may touch: those of these units, but not `MANAGEMENT_ACCOUNT_ID`
    /// and `PROTECTED_ACCOUNT_IDS`.
    pub house: House,
    /// Which stack sets: `ROLLOUT_STACK_SETS`, and those of the tiers in `TIERS_PARAMETER`.
    pub stack_sets: StackSets,
    /// What no plan may be less careful than.
    pub floor: Floor,
    /// How the names of tenants' accounts begin, before the tenant's id.
    pub account_name_prefix: String,
    /// The administration role that Landlord's functions may pass to StackSets.
    pub administration_role: String,
    /// What makes the order of canaries a secret; empty: they are drawn by the hash of the
    /// tenants' ids alone.
    pub canary_salt: Salt,
}

/// A secret that no log shows.
#[derive(Clone, Default)]
pub struct Salt(pub(crate) String);

impl std::fmt::Debug for Salt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_empty() { "no salt" } else { "a salt" })
    }
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// Names the first variable that is missing or wrong.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, Error> {
        let runs_bucket = required(lookup, "RUNS_BUCKET")?;
        let tenant_units: OrganizationalUnits = parsed(lookup, "TENANT_OUS")?;
        let mut units: Vec<(OuName, OuId)> =
            tenant_units.iter().map(|(name, id)| (name.clone(), id.clone())).collect();
        for (name, variable) in [
            ("Onboarding", "ONBOARDING_OU_ID"),
            ("Retiring", "RETIRING_OU_ID"),
            ("Suspended", "SUSPENDED_OU_ID"),
        ] {
            let name = name.parse().map_err(|it| Error::invalid(variable, name.to_owned(), it))?;
            units.push((name, parsed(lookup, variable)?));
        }
        Ok(Self {
            house: House {
                units: units.iter().map(|(_, id)| id.clone()).collect::<BTreeSet<_>>(),
                management: parsed(lookup, "MANAGEMENT_ACCOUNT_ID")?,
                protected: list(lookup, "PROTECTED_ACCOUNT_IDS")?.into_iter().collect(),
            },
            stack_sets: StackSets {
                named: list::<String>(lookup, "ROLLOUT_STACK_SETS")?.into_iter().collect(),
                tiers_parameter: required(lookup, "TIERS_PARAMETER")?,
            },
            floor: Floor {
                first_wave_least: parsed_or(lookup, "FIRST_WAVE_LEAST", 0)?,
                first_wave_percent: parsed_or(lookup, "FIRST_WAVE_PERCENT", 100)?,
                least_dwell_seconds: parsed_or(lookup, "LEAST_DWELL_SECONDS", 0)?,
                most_failures_percent: parsed_or(lookup, "MOST_FAILURES_PERCENT", 100)?,
            },
            units,
            runs_bucket,
            tenant_units,
            account_name_prefix: required(lookup, "ACCOUNT_NAME_PREFIX")?,
            administration_role: required(lookup, "ADMINISTRATION_ROLE_ARN")?,
            canary_salt: Salt(lookup("CANARY_SALT").unwrap_or_default()),
        })
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

    #[test]
    fn units_are_read_by_name() {
        let config = Config::load(&|name| {
            Some(match name {
                "TENANT_OUS" => "Canary=ou-root-canary01".to_owned(),
                "MANAGEMENT_ACCOUNT_ID" => "999999999999".to_owned(),
                "PROTECTED_ACCOUNT_IDS" => "888888888888".to_owned(),
                other if other.ends_with("_OU_ID") => "ou-root-landlord".to_owned(),
                other if other.contains("LEAST") || other.contains("PERCENT") => "7".to_owned(),
                other => other.to_lowercase(),
            })
        });
        let units = config.unwrap().tenant_units;
        let canary = units.id_of(&"Canary".parse().unwrap()).unwrap();
        assert_eq!(canary.as_str(), "ou-root-canary01");
    }
}
