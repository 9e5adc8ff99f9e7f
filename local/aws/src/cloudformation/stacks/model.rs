//! A stack as it stands, and its statuses.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::Value;

use super::Outputs;
use crate::cloudformation::template::{DeletionPolicy, Made};

/// The statuses of stacks and resources.
pub(super) mod status {
    pub(in super::super) const CREATE_IN_PROGRESS: &str = "CREATE_IN_PROGRESS";
    pub(in super::super) const CREATE_FAILED: &str = "CREATE_FAILED";
    pub(in super::super) const CREATE_COMPLETE: &str = "CREATE_COMPLETE";
    pub(in super::super) const ROLLBACK_IN_PROGRESS: &str = "ROLLBACK_IN_PROGRESS";
    pub(in super::super) const ROLLBACK_COMPLETE: &str = "ROLLBACK_COMPLETE";
    pub(in super::super) const ROLLBACK_FAILED: &str = "ROLLBACK_FAILED";
    pub(in super::super) const UPDATE_IN_PROGRESS: &str = "UPDATE_IN_PROGRESS";
    pub(in super::super) const UPDATE_CLEANUP: &str = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS";
    pub(in super::super) const UPDATE_COMPLETE: &str = "UPDATE_COMPLETE";
    pub(in super::super) const UPDATE_FAILED: &str = "UPDATE_FAILED";
    pub(in super::super) const UPDATE_ROLLBACK_IN_PROGRESS: &str = "UPDATE_ROLLBACK_IN_PROGRESS";
    pub(in super::super) const UPDATE_ROLLBACK_COMPLETE: &str = "UPDATE_ROLLBACK_COMPLETE";
    pub(in super::super) const UPDATE_ROLLBACK_FAILED: &str = "UPDATE_ROLLBACK_FAILED";
    pub(in super::super) const DELETE_IN_PROGRESS: &str = "DELETE_IN_PROGRESS";
    pub(in super::super) const DELETE_FAILED: &str = "DELETE_FAILED";
    pub(in super::super) const DELETE_COMPLETE: &str = "DELETE_COMPLETE";
    pub(in super::super) const DELETE_SKIPPED: &str = "DELETE_SKIPPED";
}

/// A stack.
#[derive(Debug, Clone)]
pub(super) struct Stack {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) account: String,
    pub(super) region: String,
    pub(super) description: Option<String>,
    pub(super) status: &'static str,
    pub(super) reason: Option<String>,
    pub(super) text: Arc<str>,
    /// The parameters as they were given.
    pub(super) given: BTreeMap<String, String>,
    /// All parameters as text, `****` where the template says `NoEcho`.
    pub(super) parameters: IndexMap<String, String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) resources: IndexMap<String, StackResource>,
    pub(super) outputs: IndexMap<String, StackOutput>,
    /// The names that it imports from other stacks.
    pub(super) imports: BTreeSet<String>,
    pub(super) events: Vec<StackEvent>,
    pub(super) created: Timestamp,
    pub(super) updated: Option<Timestamp>,
    pub(super) deleted: Option<Timestamp>,
    pub(super) protected: bool,
}

/// A resource of a stack.
#[derive(Debug, Clone)]
pub(super) struct StackResource {
    pub(super) kind: String,
    pub(super) made: Made,
    pub(super) properties: Value,
    /// The logical ids that it needs.
    pub(super) needs: Vec<String>,
    pub(super) inert: bool,
    pub(super) code: Option<String>,
    pub(super) deletion_policy: DeletionPolicy,
    pub(super) status: &'static str,
    pub(super) reason: Option<String>,
    pub(super) changed: Timestamp,
}

/// An output of a stack.
#[derive(Debug, Clone)]
pub(super) struct StackOutput {
    pub(super) value: String,
    pub(super) description: Option<String>,
    pub(super) export: Option<String>,
}

/// What happened to a stack or to one of its resources.
#[derive(Debug, Clone)]
pub(super) struct StackEvent {
    pub(super) at: Timestamp,
    /// The logical id; the stack's name for the stack itself.
    pub(super) resource: String,
    pub(super) kind: String,
    pub(super) physical_id: String,
    pub(super) status: &'static str,
    pub(super) reason: Option<String>,
}

impl Stack {
    /// Whether an operation runs.
    pub(super) fn is_busy(&self) -> bool {
        self.status.ends_with("_IN_PROGRESS")
    }

    /// The outputs' values.
    pub(super) fn output_values(&self) -> Outputs {
        self.outputs.iter().map(|(name, output)| (name.clone(), output.value.clone())).collect()
    }

    /// Gives the stack a status, and says so in its events.
    pub(super) fn set_status(
        &mut self,
        status: &'static str,
        reason: Option<String>,
        now: Timestamp,
    ) {
        self.status = status;
        self.reason.clone_from(&reason);
        self.events.push(StackEvent {
            at: now,
            resource: self.name.clone(),
            kind: "AWS::CloudFormation::Stack".to_owned(),
            physical_id: self.id.clone(),
            status,
            reason,
        });
    }

    /// Says in the stack's events what happened to a resource.
    pub(super) fn log(
        &mut self,
        (id, kind, physical_id): (&str, &str, &str),
        status: &'static str,
        reason: Option<String>,
        now: Timestamp,
    ) {
        if let Some(resource) = self.resources.get_mut(id) {
            resource.status = status;
            resource.reason.clone_from(&reason);
            resource.changed = now;
        }
        self.events.push(StackEvent {
            at: now,
            resource: id.to_owned(),
            kind: kind.to_owned(),
            physical_id: physical_id.to_owned(),
            status,
            reason,
        });
    }
}
