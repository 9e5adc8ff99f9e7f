//! Stack sets as they are, with nothing lagging: for tests and simulations.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::Aws;

/// A stack instance as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackInstanceView {
    /// The stack set's name.
    pub stack_set: String,
    /// The account.
    pub account: String,
    /// The Region.
    pub region: String,
    /// `CURRENT`, `OUTDATED` or `INOPERABLE`.
    pub status: &'static str,
    /// The parameters in which it differs from its stack set.
    pub overrides: BTreeMap<String, String>,
}

/// An operation of a stack set as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackSetOperationView {
    /// The stack set's name.
    pub stack_set: String,
    /// The operation's id.
    pub id: String,
    /// What it does: `CREATE`, `UPDATE` or `DELETE`.
    pub action: &'static str,
    /// `QUEUED`, `RUNNING`, `STOPPING`, or one of the ends.
    pub status: &'static str,
    /// When it was asked for.
    pub created: Timestamp,
}

impl Aws {
    /// All stack instances as they are.
    pub fn stack_instances(&self) -> Vec<StackInstanceView> {
        let state = self.lock();
        let sets = state.cloudformation.stack_sets.sets.values();
        sets.flat_map(|set| {
            set.instances.iter().map(|((account, region), instance)| StackInstanceView {
                stack_set: set.name().to_owned(),
                account: account.to_string(),
                region: region.to_string(),
                status: instance.status.as_str(),
                overrides: instance.overrides.as_ref().clone(),
            })
        })
        .collect()
    }

    /// All operations of stack sets as they are, in the order of their requests.
    pub fn stack_set_operations(&self) -> Vec<StackSetOperationView> {
        let state = self.lock();
        let sets = state.cloudformation.stack_sets.sets.values();
        sets.flat_map(|set| {
            set.operations.values().map(|operation| StackSetOperationView {
                stack_set: set.name().to_owned(),
                id: operation.id.to_string(),
                action: operation.request.action.as_str(),
                status: operation.status().as_str(),
                created: operation.created,
            })
        })
        .collect()
    }
}
