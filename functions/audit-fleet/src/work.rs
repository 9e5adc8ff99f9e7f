//! What one call leaves for the next, and the audit's files.

use std::collections::{BTreeMap, BTreeSet};

use fleet_audit::{Class, UnderWay};
use lifecycle::{AccountId, StackSetName};
use serde::{Deserialize, Serialize};

use crate::table::Table;

/// How many lines a file of findings has at most.
pub(crate) const LINES: usize = 400;
/// What the last audit was.
pub(crate) const LATEST: &str = "audits/latest.json";

/// How far the audit is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// Who is worked on, and which stack sets there are.
    #[default]
    Begin,
    /// The accounts of each unit.
    Units,
    /// The instances of each stack set.
    Instances,
    /// The tags of all accounts of tenants, with their records: each is judged.
    Judge,
    /// The accounts that the lists do not tell all of, one by one.
    Single,
    /// What is new, and what is gone.
    Report,
}

/// Something that was not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    /// What.
    pub what: String,
    /// Why.
    pub said: String,
}

/// How far the audit is, and what was seen. It is a file, for it does not belong into the machine's
/// state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Progress {
    pub(crate) phase: Phase,
    /// Which unit or stack set is read, and where its next page begins.
    pub(crate) list: usize,
    pub(crate) token: Option<String>,
    /// How many pages were read.
    pub(crate) pages: u64,
    pub(crate) under_way: UnderWay,
    pub(crate) sets: Vec<StackSetName>,
    pub(crate) missing_sets: BTreeSet<StackSetName>,
    pub(crate) unread_sets: BTreeSet<StackSetName>,
    /// Why instances are not current, of the first of them: account, stack set and Region.
    pub(crate) reasons: BTreeMap<String, (Option<String>, Option<String>)>,
    pub(crate) table: Table,
    /// Accounts that are read one by one: they stand in none of the units, or their record names
    /// another; and how many were.
    pub(crate) apart: Vec<AccountId>,
    pub(crate) single: usize,
    /// From where on the table's unseen accounts are read.
    pub(crate) unseen_from: usize,
    /// Accounts that are not closed and carry the mark of one tenant.
    pub(crate) twins: BTreeMap<String, BTreeSet<AccountId>>,
    /// How many files of findings there are, and what is in them.
    pub(crate) files: usize,
    pub(crate) counts: BTreeMap<Class, u64>,
    pub(crate) states: BTreeMap<String, u64>,
    pub(crate) unread: Vec<Unread>,
}

/// What the machine keeps between two calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct State {
    /// The file that says how far it is; none at 0.
    pub(crate) step: u32,
}

/// Which audit the newest report is of, and which the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Latest {
    pub(crate) audit: String,
    /// How many files of findings it has.
    pub(crate) files: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<Box<Self>>,
}

pub(crate) fn progress_key(audit: &str, step: u32) -> String {
    format!("audits/{audit}/progress-{step:04}.json")
}

pub(crate) fn findings_key(audit: &str, file: usize) -> String {
    format!("audits/{audit}/findings/{file:05}.jsonl")
}

pub(crate) fn report_key(audit: &str) -> String {
    format!("audits/{audit}/report.json")
}
