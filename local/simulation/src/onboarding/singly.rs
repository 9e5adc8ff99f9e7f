//! Enrolment as comparable systems do it: an operation of the stack set for each account.

use local_aws::{Call, Fault, Faults};
use serde_json::json;

/// Cuts each operation that creates instances down to the first of its accounts. The others find
/// that they were not in it and wait for their own.
#[derive(Debug, Clone, Copy)]
pub(super) struct OneByOne;

impl Faults for OneByOne {
    fn fault(&self, call: &Call) -> Option<Fault> {
        if call.operation != "CreateStackInstances" {
            return None;
        }
        let accounts = call.input["Accounts"].as_array()?;
        let mut input = call.input.clone();
        input["Accounts"] = json!([accounts.first()?]);
        Some(Fault::Instead(input))
    }
}
