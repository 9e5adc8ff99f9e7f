//! The function's environment.

use std::collections::BTreeSet;

use lambda_kit::Lookup;
use lambda_kit::config::{Error, list, parsed, required};
use lifecycle::OrganizationalUnits;
use operator_role::Settings;
use rollout::{House, StackSets};

/// What the environment says.
#[derive(Debug, Clone)]
pub struct Config {
    /// The bucket with the roll-outs' files.
    pub runs_bucket: String,
    /// `OPERATOR_ROLE_NAME` and `EQUIP_FUNCTION`: the role by which gates are opened on the way back,
    /// and asked.
    pub operator: Settings,
    /// Whose accounts an operation may name: `TENANT_OUS`, `ONBOARDING_OU_ID`, `RETIRING_OU_ID`,
    /// `SUSPENDED_OU_ID`, `MANAGEMENT_ACCOUNT_ID`, `PROTECTED_ACCOUNT_IDS`.
    pub house: House,
    /// Which stack sets: `ROLLOUT_STACK_SETS`, and those of the tiers in `TIERS_PARAMETER`.
    pub stack_sets: StackSets,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// Names the first variable that is missing or wrong.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, Error> {
        let runs_bucket = required(lookup, "RUNS_BUCKET")?;
        let tenants: OrganizationalUnits = parsed(lookup, "TENANT_OUS")?;
        let others =
            ["ONBOARDING_OU_ID", "RETIRING_OU_ID", "SUSPENDED_OU_ID"].map(|it| parsed(lookup, it));
        let mut units = tenants.iter().map(|(_, id)| id.clone()).collect::<BTreeSet<_>>();
        for unit in others {
            units.insert(unit?);
        }
        Ok(Self {
            house: House {
                units,
                management: parsed(lookup, "MANAGEMENT_ACCOUNT_ID")?,
                protected: list(lookup, "PROTECTED_ACCOUNT_IDS")?.into_iter().collect(),
            },
            stack_sets: StackSets {
                named: list::<String>(lookup, "ROLLOUT_STACK_SETS")?.into_iter().collect(),
                tiers_parameter: required(lookup, "TIERS_PARAMETER")?,
            },
            runs_bucket,
            operator: Settings::load(lookup)?,
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
}
