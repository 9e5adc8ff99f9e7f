//! The files of a sweep, which its functions and the distributed map hand to each other: lists do
//! not fit into an execution's state.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{AccountTags, Place};
use crate::{AccountId, TenantId, tags};

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
/// Stacks that were left behind in accounts that are to be closed all the same, a line for each
/// [`Stuck`]: what kept them.
pub const LEFT: &str = "left.jsonl";
/// The folder of the outcomes, one file for each account.
pub const OUTCOMES: &str = "outcomes/";
/// Written when AWS says that its quota is used up; nobody asks again in this sweep.
pub const QUOTA_EXCEEDED: &str = "quota-exceeded.json";
/// Written by the step that met the switch: by whom, since when and why everything irreversible is
/// stopped. The switch may be taken away before the report is made.
pub const STOPPED: &str = "stopped.json";
/// The code of an outcome that the switch is the reason of.
pub const STOPPED_CODE: &str = "Stopped";
/// The stack sets whose instances could not be read, a line for each [`Unread`].
pub const UNREAD: &str = "unread.jsonl";
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
    /// Whether it was closed by hand already: then it is only finished, and needs no slot.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed_by_hand: bool,
    /// Why its tenant left, as far as the account's tags say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaving: Option<Leaving>,
}

/// Why a tenant left, when, and on whose word, as its account's tags say it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Leaving {
    /// When it happened at the signup system.
    pub left_at: String,
    /// Why.
    pub reason: String,
    /// The event's source, account and id.
    pub by: String,
}

impl Leaving {
    /// What the tags say; nothing when they do not say when it was.
    pub fn of(tags: &AccountTags) -> Option<Self> {
        let text = |key: &str| {
            tags.get(key).filter(|text| !text.is_empty()).map_or("it is not said", String::as_str)
        };
        Some(Self {
            left_at: tags.get(tags::LIFECYCLE_AT)?.clone(),
            reason: text(tags::RETIRE_REASON).to_owned(),
            by: text(tags::RETIRE_BY).to_owned(),
        })
    }
}

impl std::fmt::Display for Leaving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { left_at, reason, by } = self;
        write!(f, "its tenant left at {left_at}; why: {reason}; on whose word: {by}")
    }
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

/// A stack set of which it is not known whether an account of the sweep has an instance in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unread {
    /// The stack set.
    pub stack_set: String,
    /// Why, in AWS's words.
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
    /// Landlord may not touch the stack set.
    NotAllowed,
    /// Everything irreversible was stopped.
    Stopped,
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
    /// The tenant's id as its signup system writes it, when that is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_tenant_id: Option<String>,
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
