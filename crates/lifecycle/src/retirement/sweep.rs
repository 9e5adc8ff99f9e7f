//! The files of a sweep, which its functions and the distributed map hand to each other: lists do
//! not fit into an execution's state.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Place;
use crate::{AccountId, TenantId};

/// A sweep: one execution of its machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sweep {
    /// The execution's name; the folder of its files.
    pub name: String,
    /// The execution's ARN.
    pub arn: String,
}

impl Sweep {
    /// The key of one of its files.
    pub fn key(&self, file: &str) -> String {
        format!("sweeps/{}/{file}", self.name)
    }

    /// Where the outcome for one account is written.
    pub fn outcome_key(&self, account: &AccountId) -> String {
        self.key(&format!("{OUTCOMES}{account}.json"))
    }
}

/// The accounts that the plan gave a slot, a line for each [`Candidate`].
pub const CLOSING: &str = "closing.jsonl";
/// Those of them that have no stack instance left.
pub const CLOSABLE: &str = "closable.jsonl";
/// Those of them whose stacks could not be withdrawn, a line for each [`Stuck`].
pub const STUCK: &str = "stuck.jsonl";
/// The folder of the outcomes, one file for each account.
pub const OUTCOMES: &str = "outcomes/";
/// Written when AWS says that its quota is used up; nobody asks again in this sweep.
pub const QUOTA_EXCEEDED: &str = "quota-exceeded.json";
/// The accounts that were stuck in earlier sweeps: they get a slot after all others.
pub const STUCK_BEFORE: &str = "retirements/stuck.json";

/// An account that is to be closed in this sweep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// The account.
    pub account_id: AccountId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Where it stood when the plan was made.
    pub place: Place,
    /// Since when it is due.
    pub retire_after: Timestamp,
}

/// An account whose stacks could not be withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stuck {
    /// The account.
    pub account_id: AccountId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// The stack set, when it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack_set: Option<String>,
    /// The Region, when it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// A stable name of the reason.
    pub code: StuckCode,
    /// The reason, in AWS's words where there are some.
    pub reason: String,
}

/// Why stacks could not be withdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum StuckCode {
    /// The instance is INOPERABLE: an earlier deletion failed.
    Inoperable,
    /// The stack is protected against its deletion.
    TerminationProtected,
    /// The deletion failed for another reason.
    Failed,
    /// There was no time left.
    OutOfTime,
}

/// How it ended for an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OutcomeKind {
    /// It is closed.
    Closed,
    /// Not in this sweep: AWS allows no more closings for now.
    Deferred,
    /// A guard refused.
    Refused,
}

/// The outcome for one account, as `close-account` answers and writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// How it ended.
    pub outcome: OutcomeKind,
    /// The account.
    pub account_id: AccountId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// When it was seen to be closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// A stable name of the reason, when it is not closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The reason, when it is not closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
