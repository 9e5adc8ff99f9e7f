//! What one call tells the next, in the answer's `resume`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use lifecycle::{Fault, RegionName, Resume, StackSetName};
use serde::{Deserialize, Serialize};

use crate::decide::Attempts;

/// What one call tells the next. A redrive begins anew: everything is read again.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct State {
    /// The start or redrive during which all of this was seen.
    since: Option<Timestamp>,
    /// What failed, by stack set.
    pub(crate) attempts: BTreeMap<StackSetName, Attempts>,
    /// When the account was noted as one that waits, by stack set.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) noted: BTreeMap<StackSetName, Timestamp>,
    /// The operation after which an instance was seen to have the tenant's parameters: they change
    /// by an operation only.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) seen: BTreeMap<StackSetName, BTreeMap<RegionName, String>>,
    /// How many operations gave an instance the tenant's parameters, by stack set.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) mended: BTreeMap<StackSetName, u32>,
    /// The stack sets of which a rollout was under way when an operation began: what failed may have
    /// failed by its template, and what becomes of that is waited for.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) unproven: BTreeSet<StackSetName>,
    /// Since when what is waited for now is waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) waiting_since: Option<Timestamp>,
}

impl State {
    pub(crate) fn read(resume: &Resume, since: Timestamp) -> Result<Self, Fault> {
        let state: Self = resume.read()?;
        let fresh = || Self { since: Some(since), ..Self::default() };
        Ok(if state.since == Some(since) { state } else { fresh() })
    }
}
