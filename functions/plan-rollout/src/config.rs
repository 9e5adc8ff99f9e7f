//! The function's environment.

use lambda_kit::Lookup;
use lambda_kit::config::{Error, parsed, required};
use lifecycle::OrganizationalUnits;

/// What the environment says.
#[derive(Debug, Clone)]
pub struct Config {
    /// The bucket with the roll-outs' files.
    pub runs_bucket: String,
    /// The tenants' units, by name.
    pub tenant_units: OrganizationalUnits,
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
        Ok(Self {
            runs_bucket: required(lookup, "RUNS_BUCKET")?,
            tenant_units: parsed(lookup, "TENANT_OUS")?,
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
                other => other.to_lowercase(),
            })
        });
        let units = config.unwrap().tenant_units;
        let canary = units.id_of(&"Canary".parse().unwrap()).unwrap();
        assert_eq!(canary.as_str(), "ou-root-canary01");
    }
}
