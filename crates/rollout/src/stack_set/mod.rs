//! The calls to CloudFormation about one stack set.

mod read;
mod start;
mod template;

use lambda_kit::client;
use lambda_kit::sdk::Wire;
use lifecycle::StackSetName;

pub use read::{Described, Listed, Logged, OperationStatus, Results, Seen};
pub use start::{Pace, Started};
pub use template::{Declared, Summary};

/// One stack set.
#[derive(Debug, Clone)]
pub struct StackSet {
    client: aws_sdk_cloudformation::Client,
    name: StackSetName,
}

impl StackSet {
    /// The stack set with this name, in the function's account and Region.
    pub fn of(client: &aws_sdk_cloudformation::Client, name: &StackSetName) -> Self {
        Self { client: client.clone(), name: name.clone() }
    }

    /// A client for it.
    pub fn client(wire: &Wire) -> aws_sdk_cloudformation::Client {
        client!(aws_sdk_cloudformation, wire)
    }

    fn about(&self) -> String {
        format!("stack set {}", self.name)
    }
}
