//! CloudFormation: stacks from templates, and StackSets.

pub mod scheduler;

use serde_json::Value;

use crate::{Access, Aws, AwsError, Call, State};

/// The service's state.
#[derive(Debug, Default)]
pub(crate) struct CloudFormation {}

/// The permissions that a call needs.
pub(crate) fn access(_state: &State, call: &Call) -> Vec<Access> {
    vec![Access::to(format!("cloudformation:{}", call.operation), "*")]
}

/// Performs a call.
pub(crate) async fn handle(_aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    Err(AwsError::unknown_operation("cloudformation", &call.operation))
}
