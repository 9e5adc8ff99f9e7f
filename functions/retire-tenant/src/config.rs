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
    /// `LEAST_RETIRE_AFTER_DAYS`: the shortest cooling-off time that an event may ask for, in days;
    /// that of events that name none, unless given.
    pub least_retire_after_days: u32,
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
        let least = match parsed_or(lookup, "LEAST_RETIRE_AFTER_DAYS", 0)? {
            0 => days,
            least if least <= LONGEST_DAYS => least,
            more => {
                let rule = format!("must be at most {LONGEST_DAYS} days");
                return Err(Error::invalid("LEAST_RETIRE_AFTER_DAYS", more.to_string(), rule));
            }
        };
        Ok(Self {
            units: RetirementUnits {
                retiring: parsed(lookup, "RETIRING_OU_ID")?,
                suspended: parsed(lookup, "SUSPENDED_OU_ID")?,
            },
            onboarding: parsed(lookup, "ONBOARDING_OU_ID")?,
            tenant_units: parsed(lookup, "TENANT_OUS")?,
            retire_after_days: days,
            least_retire_after_days: least,
        })
    }

    /// The cooling-off time of an event that asks for this, in days: never less than the least,
    /// whatever an event or the default says.
    pub(crate) fn days(&self, asked: Option<u32>) -> u32 {
        asked.unwrap_or(self.retire_after_days).max(self.least_retire_after_days)
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
    fn no_event_undercuts_the_least_cooling_off_time() {
        for (default, least, asked, expected) in [
            ("30", "", None, 30),
            ("30", "", Some(1), 30),
            ("30", "0", Some(29), 30),
            ("30", "", Some(90), 90),
            ("30", "7", None, 30),
            ("30", "7", Some(7), 7),
            ("30", "7", Some(1), 7),
            ("30", "45", None, 45),
            ("30", "45", Some(31), 45),
        ] {
            let variables = |name: &str| match name {
                "TENANT_OUS" => Some("General=ou-root-general0".to_owned()),
                "RETIRE_AFTER_DAYS" => Some(default.to_owned()),
                "LEAST_RETIRE_AFTER_DAYS" => (!least.is_empty()).then(|| least.to_owned()),
                _ => Some("ou-root-retiring".to_owned()),
            };
            let config = Config::load(&variables).unwrap();
            assert_eq!(config.days(asked), expected, "{default} {least} {asked:?}");
        }
    }

    #[test]
    fn a_cooling_off_time_of_no_days_is_refused() {
        let variables = |name: &str| {
            Some(match name {
                "TENANT_OUS" => "General=ou-root-general0".to_owned(),
                "RETIRE_AFTER_DAYS" | "LEAST_RETIRE_AFTER_DAYS" => "0".to_owned(),
                _ => "ou-root-retiring".to_owned(),
            })
        };
        let error = Config::load(&variables).unwrap_err().to_string();
        assert!(error.contains("RETIRE_AFTER_DAYS") && error.contains("1 to 3650"), "{error}");
    }
}
