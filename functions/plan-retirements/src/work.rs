//! What one call leaves for the next, and the plan's files.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lifecycle::retirement::Place;
use lifecycle::retirement::sweep::Sweep;
use lifecycle::{AccountId, TenantId};
use serde::{Deserialize, Serialize};
use stop_switch::Stop;

use crate::budget::{Budget, Forecast, Hours};
use crate::decide::Verdict;

/// How many lines a working file has at most. The function holds one such file at a time, whatever
/// the size of the fleet.
pub(crate) const LINES: usize = 400;

/// How far the plan is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    #[default]
    ListRetiring,
    ListSuspended,
    Tags,
    Loose,
    Rank,
}

/// How far the plan is, and what was counted. It is a file: its histograms do not belong into the
/// machine's state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Progress {
    pub(crate) phase: Phase,
    /// Where the next page begins.
    pub(crate) token: Option<String>,
    /// How many files of accounts there are.
    pub(crate) accounts: usize,
    /// How many files of assessed accounts there are.
    pub(crate) assessed: usize,
    /// How many pages were read.
    pub(crate) pages: usize,
    /// How many tenants' accounts there are, the closed ones in these units left out.
    pub(crate) tagged: u64,
    pub(crate) closed: u64,
    pub(crate) due: u64,
    /// When accounts were closed.
    pub(crate) closings: Hours,
    /// Since when accounts are due, for their ranks.
    pub(crate) due_since: Hours,
    /// How many are due and stand in Suspended, and how many were stuck before.
    pub(crate) emptied: u64,
    pub(crate) stuck: u64,
    /// Until when accounts cool off.
    pub(crate) waiting: Hours,
}

/// What the machine keeps between two calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct State {
    /// The file that says how far it is; none at 0.
    pub(crate) step: u32,
}

/// How a plan ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PlanOutcome {
    /// There is a plan.
    Planned,
    /// So much is due that it must be a mistake: nothing is closed.
    BreakerOpen,
    /// A person stopped everything irreversible: nothing is closed.
    Stopped,
    /// Another sweep runs: there is no plan.
    AlreadyRunning,
}

/// The plan, in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    /// How it ended.
    pub outcome: PlanOutcome,
    /// Whether it is for reading only.
    pub dry_run: bool,
    /// How many accounts got which verdict.
    pub counts: BTreeMap<Verdict, u64>,
    /// How many tenants' accounts there are, without the closed ones.
    pub fleet: u64,
    /// How many accounts have a slot.
    pub closing: u64,
    /// Where they are listed.
    pub closing_key: String,
    /// What this sweep may close, and why not more.
    pub budget: Budget,
    /// When the backlog will be empty.
    pub forecast: Forecast,
    /// When the plan was made.
    pub planned_at: Timestamp,
    /// How many files of verdicts there are.
    pub verdict_files: usize,
    /// Why everything irreversible is stopped, by whom and since when, when it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stop>,
}

/// One account's verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerdictLine {
    /// The account.
    pub account_id: AccountId,
    /// Its tenant; nothing when it has none.
    pub tenant_id: Option<TenantId>,
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in words.
    pub reason: String,
    /// A stable name of the reason, where it is not the verdict itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Where it stands.
    pub place: Place,
    /// From when it may be closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retire_after: Option<Timestamp>,
    /// When a deferred account is expected to be closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_at: Option<Timestamp>,
}

pub(crate) fn progress_key(sweep: &Sweep, step: u32) -> String {
    sweep.key(&format!("plan/progress-{step:04}.json"))
}

pub(crate) fn accounts_key(sweep: &Sweep, file: usize) -> String {
    sweep.key(&format!("accounts/{file:05}.txt"))
}

pub(crate) fn assessed_key(sweep: &Sweep, file: usize) -> String {
    sweep.key(&format!("candidates/{file:05}.jsonl"))
}

pub(crate) fn verdicts_key(sweep: &Sweep, file: usize) -> String {
    sweep.key(&format!("verdicts/{file:05}.jsonl"))
}

pub(crate) fn summary_key(sweep: &Sweep) -> String {
    sweep.key("plan/summary.json")
}
