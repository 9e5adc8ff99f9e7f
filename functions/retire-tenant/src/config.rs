//! The function's environment, parsed once.

use lambda_kit::Lookup;
use lambda_kit::config::{Error, parsed, parsed_or};
use lifecycle::retirement::RetirementUnits;
use lifecycle::{OrganizationalUnits, OuId, ParentId};

/// The longest cooling-off time, in days.
pub(crate) const LONGEST_DAYS: u32 = 3_650;

/// What the function is told by its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `RETIRING_OU_ID` and `SUSPENDED_OU_ID`.
    pub units: RetirementUnits,
    /// `ONBOARDING_OU_ID`.
    pub onboarding: OuId,
    /// `TENANT_OUS`: where live accounts stand, `Canary=ou-…,Early=ou-…`.
    pub tenant_units: OrganizationalUnits,
    /// `RETIRE_AFTER_DAYS`: the cooling-off time of events that name none, in days; 30 unless
    /// given.
    pub retire_after_days: u32,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// Names the first variable that is missing or refused.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, Error> {
        let days = parsed_or(lookup, "RETIRE_AFTER_DAYS", 30)?;
        if !(1..=LONGEST_DAYS).contains(&days) {
            let rule = format!("must be 1 to {LONGEST_DAYS} days");
            return Err(Error::invalid("RETIRE_AFTER_DAYS", days.to_string(), rule));
        }
        Ok(Self {
            units: RetirementUnits {
                retiring: parsed(lookup, "RETIRING_OU_ID")?,
                suspended: parsed(lookup, "SUSPENDED_OU_ID")?,
            },
            onboarding: parsed(lookup, "ONBOARDING_OU_ID")?,
            tenant_units: parsed(lookup, "TENANT_OUS")?,
            retire_after_days: days,
        })
    }

    /// Whether an account that stands in this unit is in service, or on its way there.
    pub(crate) fn is_in_service(&self, unit: &OuId) -> bool {
        *unit == self.onboarding || self.tenant_units.name_of(unit).is_some()
    }

    /// The unit to which an account comes back that stands here, in service or on its way there. AWS
    /// makes accounts in the root: those are on their way to Onboarding.
    pub(crate) fn in_service<'a>(&'a self, parent: &'a ParentId) -> Option<&'a OuId> {
        match parent {
            ParentId::Root(_) => Some(&self.onboarding),
            ParentId::Ou(unit) => Some(unit).filter(|unit| self.is_in_service(unit)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cooling_off_time_of_no_days_is_refused() {
        let variables = |name: &str| {
            Some(match name {
                "TENANT_OUS" => "General=ou-root-general0".to_owned(),
                "RETIRE_AFTER_DAYS" => "0".to_owned(),
                _ => "ou-root-retiring".to_owned(),
            })
        };
        let error = Config::load(&variables).unwrap_err().to_string();
        assert!(error.contains("RETIRE_AFTER_DAYS") && error.contains("1 to 3650"), "{error}");
    }
}
