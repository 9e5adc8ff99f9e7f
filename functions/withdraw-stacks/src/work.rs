//! What one call leaves for the next: a few words in the machine's state, the lists in S3.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use lifecycle::AccountId;
use lifecycle::retirement::sweep::{Candidate, Stuck, Sweep};
use serde::{Deserialize, Serialize};

/// How far it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Phase {
    #[default]
    Check,
    Find,
    Open,
    Delete,
    Follow,
}

/// What is kept from one call to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct State {
    pub(crate) phase: Phase,
    /// The next account, stack set or operation of this phase.
    pub(crate) next: usize,
    /// How many looks there were so far; each has its files and its operations.
    pub(crate) attempt: u32,
    /// Which of the levels of dependence is withdrawn, and at which look that began.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) level: u32,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) level_since: u32,
    /// The highest of them.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) highest: u32,
    /// The last looks at the levels that are done.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) done: Vec<u32>,
    /// The looks after which stacks were left behind.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) left: Vec<u32>,
    /// From when on the deletions are tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) again_at: Option<Timestamp>,
    /// The stack sets that may not be touched, and what AWS said.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) denied: BTreeMap<String, String>,
    /// Where the lists of checked accounts begin, in the order of the plan's list.
    pub(crate) checked: Vec<usize>,
    /// How many accounts were refused.
    pub(crate) refused: usize,
    /// The accounts that were checked, and do not leave any more.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) back: BTreeSet<AccountId>,
}

impl State {
    pub(crate) fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.next = 0;
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_none(count: &usize) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// An account that the guards let through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Checked {
    #[serde(flatten)]
    pub(crate) candidate: Candidate,
    /// It is closed or closing already: nothing can be withdrawn from it any more.
    #[serde(default)]
    pub(crate) gone: bool,
}

/// A stack set that is the sweep's business.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SetEntry {
    pub(crate) name: String,
    /// Whether AWS's own roles deploy it, by organizational units.
    pub(crate) service_managed: bool,
    /// At which level of dependence it is withdrawn.
    pub(crate) level: u32,
    /// Whether a tier names it: tenants' accounts have instances in it.
    pub(crate) own: bool,
}

/// A stack set, and what is to be done in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SetWork {
    pub(crate) stack_set: String,
    /// Whether AWS's own roles deploy it, by organizational units.
    pub(crate) service_managed: bool,
    pub(crate) groups: Vec<Group>,
    /// The instances that are left and are not tried again.
    pub(crate) stuck: Vec<Stuck>,
    /// Those that no attempt deleted, and whose stacks are left behind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) left: Vec<Stuck>,
    /// Why its instances could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unread: Option<String>,
}

/// The accounts with instances in the same Regions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Group {
    pub(crate) regions: Vec<String>,
    pub(crate) accounts: Vec<AccountId>,
    /// Whether their stacks are left behind.
    pub(crate) retain: bool,
    /// Which hundred of them this is.
    #[serde(default, skip_serializing_if = "is_none")]
    pub(crate) part: usize,
}

/// An account that was stuck in an earlier sweep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StuckSince {
    pub(crate) since: Timestamp,
    pub(crate) reason: String,
}

/// All accounts that are stuck.
pub(crate) type StuckBefore = BTreeMap<AccountId, StuckSince>;

/// The stack sets that are the sweep's business, in the order of their names.
pub(crate) type Sets = Vec<SetEntry>;

pub(crate) fn checked_key(sweep: &Sweep, start: usize) -> String {
    sweep.key(&format!("withdrawal/checked-{start:05}.jsonl"))
}

pub(crate) fn sets_key(sweep: &Sweep) -> String {
    sweep.key("withdrawal/sets.json")
}

/// What was left behind, by look.
pub(crate) fn left_key(sweep: &Sweep, attempt: u32) -> String {
    sweep.key(&format!("withdrawal/left-{attempt}.jsonl"))
}

pub(crate) fn set_key(sweep: &Sweep, attempt: u32, set: usize) -> String {
    sweep.key(&format!("withdrawal/attempt-{attempt}-set-{set:04}.json"))
}
