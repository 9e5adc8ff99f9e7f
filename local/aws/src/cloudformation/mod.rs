//! CloudFormation: stacks from templates, and StackSets.

mod resources;
pub mod scheduler;
pub(crate) mod stacks;
mod template;

use serde_json::Value;

use crate::{Access, Aws, AwsError, Call, State};
pub use stacks::{Outputs, ResourceRule, StackError, StackRequest};
pub use template::TemplateError;

/// The service's state.
#[derive(Debug, Default)]
pub(crate) struct CloudFormation {
    pub(crate) stacks: stacks::Stacks,
}

/// The permissions that a call needs.
pub(crate) fn access(_state: &State, call: &Call) -> Vec<Access> {
    if stacks::OPERATIONS.contains(&call.operation.as_str()) {
        return stacks::access(call);
    }
    // StackSets: its own module.
    vec![Access::to(format!("cloudformation:{}", call.operation), "*")]
}

/// Performs a call.
pub(crate) async fn handle(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    if stacks::OPERATIONS.contains(&call.operation.as_str()) {
        return stacks::handle(aws, call).await;
    }
    // StackSets: its own module.
    Err(AwsError::unknown_operation("cloudformation", &call.operation))
}
