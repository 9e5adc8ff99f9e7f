//! Stack sets, their instances and operations, as they are stored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Notify;

use super::options::{InstanceRule, StackSetOptions};
use crate::cloudformation::scheduler::{InstanceState, OperationStatus, Preferences, Scheduler};
use crate::cloudformation::stacks::TemplateParameter;

/// A stack set's place and name: administrator account, Region, name.
pub(super) type SetKey = (String, String, String);

/// Where an instance stands: account and Region.
pub(super) type Place = (Arc<str>, Arc<str>);

/// All stack sets of all administrator accounts.
#[derive(Debug, Default)]
pub(crate) struct StackSets {
    pub(super) sets: BTreeMap<SetKey, StackSet>,
    /// Summaries of those that were deleted.
    pub(super) deleted: Vec<(String, String, Value)>,
    /// Whether the organization lets StackSets in.
    pub(super) organizations_access: bool,
    /// Whether somebody listens to accounts that move.
    pub(super) listens: bool,
    pub(super) options: StackSetOptions,
    pub(super) rules: Vec<InstanceRule>,
}

/// What is deployed: everything that an update can change about the stacks.
#[derive(Debug, Clone)]
pub(super) struct Definition {
    pub(super) description: Option<String>,
    pub(super) template: Arc<str>,
    pub(super) declared: Vec<TemplateParameter>,
    /// The types of the template's resources.
    pub(super) types: BTreeSet<String>,
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) capabilities: Vec<String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) administration_role: Option<String>,
    pub(super) execution_role: String,
}

/// Deployment to accounts that enter or leave a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AutoDeployment {
    pub(super) enabled: bool,
    pub(super) retain: bool,
}

/// A stack set.
#[derive(Debug)]
pub(super) struct StackSet {
    pub(super) key: SetKey,
    pub(super) uuid: String,
    pub(super) definition: Arc<Definition>,
    pub(super) service_managed: bool,
    pub(super) auto: Option<AutoDeployment>,
    pub(super) managed: bool,
    /// Units whose accounts get instances by themselves, with their Regions.
    pub(super) auto_targets: BTreeMap<String, BTreeSet<String>>,
    pub(super) instances: BTreeMap<Place, Instance>,
    /// In the order of their requests.
    pub(super) operations: IndexMap<String, Operation>,
}

impl StackSet {
    pub(super) fn name(&self) -> &str {
        &self.key.2
    }

    /// `<name>:<uuid>`, what `StackSetId` members hold.
    pub(super) fn id(&self) -> String {
        format!("{}:{}", self.key.2, self.uuid)
    }

    pub(super) fn arn(&self) -> String {
        let (account, region, name) = &self.key;
        format!("arn:aws:cloudformation:{region}:{account}:stackset/{name}:{}", self.uuid)
    }

    /// Operations that run or wait, in the order of their requests.
    pub(super) fn open(&self) -> impl Iterator<Item = &Operation> {
        self.operations.values().filter(|operation| !operation.status().is_final())
    }
}

/// An instance's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Current,
    Outdated,
    Inoperable,
}

impl Status {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Current => "CURRENT",
            Self::Outdated => "OUTDATED",
            Self::Inoperable => "INOPERABLE",
        }
    }
}

/// A stack instance.
#[derive(Debug, Clone)]
pub(super) struct Instance {
    /// The stack's name, from the instance's first moment to its last.
    pub(super) stack_name: String,
    pub(super) stack_id: Option<String>,
    pub(super) status: Status,
    /// `PENDING`, `RUNNING`, `SUCCEEDED`, ….
    pub(super) detailed: &'static str,
    pub(super) reason: Option<Arc<str>>,
    pub(super) last_operation: Arc<str>,
    pub(super) overrides: Arc<BTreeMap<String, String>>,
    /// The unit through which the account was targeted.
    pub(super) unit: Option<Arc<str>>,
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Create,
    Update,
    Delete,
}

impl Action {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }
}

/// A parameter override of a request: `None` keeps the instance's value.
pub(super) type Override = (String, Option<String>);

/// What a request asked for.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) action: Action,
    /// The accounts of each Region, in the order in which they start.
    pub(super) targets: Vec<(Arc<str>, Vec<Arc<str>>)>,
    /// The unit through which an account is targeted.
    pub(super) units: Arc<BTreeMap<Arc<str>, Arc<str>>>,
    pub(super) preferences: Preferences,
    /// The preferences as the request has them.
    pub(super) shown_preferences: Option<Value>,
    pub(super) deployment_targets: Option<Value>,
    /// Overrides that replace the instances'; none keeps them.
    pub(super) overrides: Option<Arc<Vec<Override>>>,
    pub(super) retain: Option<bool>,
    /// The stack set as an update makes it.
    pub(super) change: Option<Change>,
}

/// What `UpdateStackSet` makes of a stack set.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) definition: Arc<Definition>,
    /// A template or a parameter was given: no instance is current any more.
    pub(super) outdates: bool,
    pub(super) auto: Option<AutoDeployment>,
    pub(super) managed: Option<bool>,
}

/// How one instance fared in an operation.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) started: Timestamp,
    pub(super) ended: Option<Timestamp>,
    pub(super) reason: Option<Arc<str>>,
    pub(super) gate: Option<Gate>,
}

/// What a gate said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gate {
    pub(super) status: &'static str,
    pub(super) reason: Option<Arc<str>>,
}

/// One Region of an operation, in the order of starting.
#[derive(Debug, Clone, Default)]
pub(super) struct RegionRun {
    pub(super) runs: Vec<Run>,
    /// When those that had not started were cancelled.
    pub(super) cancelled: Option<Timestamp>,
}

/// An operation's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Queued,
    Begun(OperationStatus),
}

impl Phase {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::Begun(status) => status.as_str(),
        }
    }

    pub(super) fn is_final(self) -> bool {
        matches!(self, Self::Begun(status) if status.is_final())
    }
}

/// An operation.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) id: Arc<str>,
    pub(super) request: Request,
    /// The roles with which it runs.
    pub(super) definition: Arc<Definition>,
    pub(super) created: Timestamp,
    /// Every status with its moment; never empty.
    pub(super) history: Vec<(Timestamp, Phase)>,
    pub(super) scheduler: Option<Scheduler>,
    pub(super) regions: Vec<RegionRun>,
    /// Wakes the driver when a stop was asked for.
    pub(super) stop: Arc<Notify>,
}

impl Operation {
    pub(super) fn status(&self) -> Phase {
        self.history.last().map_or(Phase::Queued, |(_, phase)| *phase)
    }

    /// The status that a reader sees who lags behind; none before the request.
    pub(super) fn status_at(&self, seen: Timestamp) -> Option<Phase> {
        self.history.iter().rev().find(|(at, _)| *at <= seen).map(|(_, phase)| *phase)
    }

    /// When it ended.
    pub(super) fn ended(&self) -> Option<Timestamp> {
        self.history.last().filter(|(_, phase)| phase.is_final()).map(|(at, _)| *at)
    }
}

/// What an instance's state in the scheduler means for its result, as AWS spells it, with the
/// reason of a cancellation.
pub(super) fn cancel_reason(state: InstanceState) -> Option<&'static str> {
    use crate::cloudformation::scheduler::CancelReason;
    match state {
        InstanceState::Cancelled(CancelReason::ToleranceExceeded) => {
            Some("Cancelled since failure tolerance has exceeded")
        }
        InstanceState::Cancelled(CancelReason::Stopped) => {
            Some("Cancelled since the operation was stopped")
        }
        InstanceState::Cancelled(CancelReason::SuspendedAccount) => {
            Some("Skipped since the account is suspended")
        }
        _ => None,
    }
}
