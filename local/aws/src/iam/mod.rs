//! Who may do what: roles, their policies, session policies and service control policies; and
//! how often.

mod credentials;

use serde_json::Value;

use crate::{Access, Aws, AwsError, Call, State};

pub use credentials::{ADMIN_ACCESS_KEY, ADMIN_SECRET, Credentials, credentials_for_role};

pub(crate) use credentials::caller;

/// Roles and their policies.
#[derive(Debug, Default)]
pub(crate) struct Iam {
    credentials: credentials::Registry,
}

/// Refuses a call that comes faster than AWS allows.
pub(crate) fn throttle(_aws: &Aws, _call: &Call) -> Result<(), AwsError> {
    Ok(())
}

/// Refuses a call that the caller's policies do not allow.
pub(crate) fn authorize(_aws: &Aws, _call: &Call, _accesses: &[Access]) -> Result<(), AwsError> {
    Ok(())
}

/// The permissions that a call needs.
pub(crate) fn access(_state: &State, call: &Call) -> Vec<Access> {
    vec![Access::to(format!("iam:{}", call.operation), "*")]
}

/// Performs a call.
pub(crate) async fn handle(_aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    Err(AwsError::unknown_operation("iam", &call.operation))
}

/// The account and the name (without path) in a role's ARN.
pub(crate) fn role_of_arn(arn: &str) -> Result<(&str, &str), AwsError> {
    let wrong = || AwsError::validation(format!("{arn} is not the ARN of a role"));
    let (account, path) = arn
        .strip_prefix("arn:aws:iam::")
        .and_then(|rest| rest.split_once(":role/"))
        .ok_or_else(wrong)?;
    let name = path.rsplit('/').next().filter(|name| !name.is_empty()).ok_or_else(wrong)?;
    Ok((account, name))
}
