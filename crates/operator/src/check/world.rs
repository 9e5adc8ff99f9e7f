//! What is there: facts about the organization and the account, each as AWS said it, or why it did not.

use std::collections::{BTreeMap, BTreeSet};

use lambda_kit::sdk::Trouble;
use tier_check::{QuotaSeen, StackSetSeen};

/// What AWS says of something, or why it does not.
pub(super) type Look<T> = Result<T, Trouble>;

/// Whose credentials these are, and whose organization it is.
#[derive(Debug, Clone)]
pub(super) struct Entrance {
    pub(super) account: String,
    pub(super) partition: String,
    pub(super) region: String,
    /// Nothing when the account is in no organization.
    pub(super) organization: Look<Option<Organization>>,
}

/// An organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Organization {
    pub(super) management: String,
    pub(super) has_all_features: bool,
}

/// What is seen from inside of the management account.
#[derive(Debug)]
pub(super) struct World {
    pub(super) root: Look<Root>,
    /// The services with trusted access.
    pub(super) services: Look<BTreeSet<String>>,
    /// All accounts of the organization, closed ones too.
    pub(super) accounts: Look<BTreeSet<String>>,
    /// How many it may have; nothing when AWS does not know such a quota.
    pub(super) account_quota: Look<Option<f64>>,
    /// The accounts that carry the mark of a tenant.
    pub(super) tenants: Look<BTreeSet<String>>,
    /// The policies of the organization: id by type and name.
    pub(super) policies: Look<BTreeMap<(&'static str, String), String>>,
    pub(super) trails: Look<Vec<Trail>>,
    /// The stack's state, where there is one, by Region.
    pub(super) stacks: BTreeMap<String, Look<Option<String>>>,
    /// The physical ids of its resources.
    pub(super) owned: Look<BTreeSet<String>>,
    /// Where units are made; nothing when there is no such root or unit.
    pub(super) parent: Look<Option<Parent>>,
    /// The units that are given, by id; nothing when there is none of the id.
    pub(super) units: BTreeMap<String, Look<Option<Unit>>>,
    /// Roles of this account, by name.
    pub(super) roles: BTreeMap<String, Look<Option<Role>>>,
    pub(super) stack_sets: BTreeMap<String, Look<Set>>,
    /// By Region, service and code.
    pub(super) quotas: BTreeMap<(String, String, String), Look<QuotaSeen>>,
    /// Whether the gate's code is there, by Region.
    pub(super) artifacts: BTreeMap<String, Look<bool>>,
    /// How many functions may run at a time in the account.
    pub(super) concurrency: Look<f64>,
}

/// The root.
#[derive(Debug, Clone)]
pub(super) struct Root {
    pub(super) id: String,
    /// The states of its types of policies.
    pub(super) types: BTreeMap<String, String>,
}

/// A trail that is seen in us-east-1.
#[derive(Debug, Clone)]
pub(super) struct Trail {
    pub(super) name: String,
    pub(super) is_logging: bool,
    /// Whether it records management events that change something.
    pub(super) takes_changes: bool,
}

/// Where units are made.
#[derive(Debug, Clone)]
pub(super) struct Parent {
    /// How many units it is below the root.
    pub(super) depth: usize,
    /// The units directly in it: id by name.
    pub(super) units: BTreeMap<String, String>,
}

/// A unit that is given.
#[derive(Debug, Clone, Default)]
pub(super) struct Unit {
    /// Itself and the units in it, however deep.
    pub(super) units: BTreeSet<String>,
    /// The accounts in all of them that are no tenants'.
    pub(super) strangers: Vec<String>,
    /// The ids of the policies attached to it, by type.
    pub(super) policies: BTreeMap<&'static str, Vec<String>>,
}

/// A role.
#[derive(Debug, Clone)]
pub(super) struct Role {
    /// Whether its trust policy lets CloudFormation assume it.
    pub(super) trusts_cloudformation: bool,
}

/// A stack set.
#[derive(Debug, Clone)]
pub(super) struct Set {
    pub(super) seen: StackSetSeen,
    /// Whether operations that do not concern each other run side by side, and others wait.
    pub(super) has_managed_execution: bool,
}
