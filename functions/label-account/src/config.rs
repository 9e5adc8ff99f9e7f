//! The function's environment, parsed once.

use lambda_kit::Lookup;
use lambda_kit::config::Error;
use operator_role::Settings;

/// What the function is told by its environment.
#[derive(Debug, Clone)]
pub struct Config {
    /// `OPERATOR_ROLE_NAME` and `EQUIP_FUNCTION`: the role that is assumed in the account.
    pub operator: Settings,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// Names the first variable that is missing or refused.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, Error> {
        Ok(Self { operator: Settings::load(lookup)? })
    }
}
