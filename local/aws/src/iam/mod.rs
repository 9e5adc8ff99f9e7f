//! Who may do what: roles, their policies, session policies and service control policies; and
//! how often.

use serde_json::Value;

use crate::{Access, Aws, AwsError, Call, State};

/// Roles and their policies.
#[derive(Debug, Default)]
pub(crate) struct Iam {}

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
