//! The function's environment, parsed once.

use lambda_kit::Lookup;
use lambda_kit::config::{Error, parsed};
use lifecycle::RoleName;

/// What the function is told by its environment.
#[derive(Debug, Clone)]
pub struct Config {
    /// `ACCOUNT_ROLE_NAME`: the role that Landlord assumes in every account.
    pub role: RoleName,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// Names the first variable that is missing or refused.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, Error> {
        Ok(Self { role: parsed(lookup, "ACCOUNT_ROLE_NAME")? })
    }
}
