//! CloudFormation: stacks from templates, and StackSets.

mod resources;
pub mod scheduler;
pub(crate) mod stacks;
mod stacksets;
mod template;

use serde_json::Value;

use crate::{Access, Aws, AwsError, Call, State};
pub use stacks::{Outputs, ResourceRule, StackError, StackOrder, StackRequest};
pub use stacksets::{InstanceRule, StackInstanceView, StackSetOperationView, StackSetOptions};
pub use template::TemplateError;

/// The service's state.
#[derive(Debug, Default)]
pub(crate) struct CloudFormation {
    pub(crate) stacks: stacks::Stacks,
    pub(crate) stack_sets: stacksets::StackSets,
}

/// The permissions that a call needs.
pub(crate) fn access(state: &State, call: &Call) -> Vec<Access> {
    if stacks::OPERATIONS.contains(&call.operation.as_str()) {
        return stacks::access(call);
    }
    stacksets::access(state, call)
}

/// Performs a call.
pub(crate) async fn handle(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    if stacks::OPERATIONS.contains(&call.operation.as_str()) {
        return stacks::handle(aws, call).await;
    }
    stacksets::handle(aws, call).await
}
