//! The function's environment.

use lambda_kit::Lookup;
use lambda_kit::config::{Error, parsed};
use lifecycle::RoleName;

/// What the function is told by its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The role in every tenant account that Landlord assumes: `ACCOUNT_ROLE_NAME`.
    pub account_role: RoleName,
}

impl Config {
    /// Reads and checks the variables.
    ///
    /// # Errors
    /// Names the variable, its value and the rule.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, Error> {
        Ok(Self { account_role: parsed(lookup, "ACCOUNT_ROLE_NAME")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_is_required_and_checked() {
        let error = Config::load(&|_| None).unwrap_err().to_string();
        assert!(error.contains("ACCOUNT_ROLE_NAME is not set"), "{error}");
        let error = Config::load(&|_| Some("a role".to_owned())).unwrap_err().to_string();
        assert!(error.contains("a role") && error.contains("must be a role name"), "{error}");
    }
}
