//! The function's environment, parsed once.

use jiff::SignedDuration;
use lambda_kit::Lookup;
use lambda_kit::config::{Error, parsed, parsed_or, required};
use lifecycle::{OrganizationalUnits, OuId, RoleName};

/// How long our own creation may run, or lists may lag, before an email that AWS calls taken is
/// looked for in the whole organization: 15 minutes.
const EMAIL_GRACE_SECONDS: u32 = 900;

/// What the function is told by its environment.
#[derive(Debug, Clone)]
pub struct Config {
    /// `ACCOUNT_ROLE_NAME`: the role with which accounts are created, and which Landlord assumes.
    pub role: RoleName,
    /// `ONBOARDING_OU_ID`: where half-made accounts stand.
    pub onboarding: OuId,
    /// `RETIRING_OU_ID`: where accounts stand whose tenant has left.
    pub retiring: OuId,
    /// `SUSPENDED_OU_ID`: where accounts wait to be closed.
    pub suspended: OuId,
    /// `TENANT_OUS`: where live accounts stand, `Canary=ou-…,Early=ou-…`.
    pub tenant_units: OrganizationalUnits,
    /// `EMAIL_GRACE_SECONDS`, 900 unless set: the wait before the scan for a taken email.
    pub email_grace: SignedDuration,
    /// `RUNS_BUCKET`: where the tenants' records are.
    pub runs_bucket: String,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// Names the first variable that is missing or refused.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, Error> {
        let grace = parsed_or(lookup, "EMAIL_GRACE_SECONDS", EMAIL_GRACE_SECONDS)?;
        Ok(Self {
            role: parsed(lookup, "ACCOUNT_ROLE_NAME")?,
            onboarding: parsed(lookup, "ONBOARDING_OU_ID")?,
            retiring: parsed(lookup, "RETIRING_OU_ID")?,
            suspended: parsed(lookup, "SUSPENDED_OU_ID")?,
            tenant_units: parsed(lookup, "TENANT_OUS")?,
            email_grace: SignedDuration::from_secs(i64::from(grace)),
            runs_bucket: required(lookup, "RUNS_BUCKET")?,
        })
    }
}
