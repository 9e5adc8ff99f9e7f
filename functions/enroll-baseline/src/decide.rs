//! What the instances of one stack set mean for the tenant: wait, operate, or give up.
//!
//! The truth is each instance's own status, never an operation's: an operation may succeed while
//! it tolerates my failure, and fail because of somebody else's. Nothing here talks to AWS.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use lifecycle::RegionName;

/// How the ids of the operations that enrol accounts begin.
pub const OPERATION_PREFIX: &str = "enrol-";

/// Where one stack instance stands, in the words that decide what comes next.
///
/// See <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackInstance.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Deployed from the stack set's present template and parameters.
    Current,
    /// An operation has it in its list or works on it, or AWS says something new.
    Working,
    /// Deployed, but from an older template; or an operation was stopped before its turn.
    Outdated,
    /// The last operation failed here.
    Failed,
    /// A deletion failed here: no later operation includes it.
    Inoperable,
    /// AWS skipped it because the account is suspended.
    Suspended,
}

impl Standing {
    /// The standing behind AWS's `Status` and `StackInstanceStatus.DetailedStatus`.
    pub fn of(status: Option<&str>, detailed: Option<&str>) -> Self {
        match (status, detailed) {
            (Some("CURRENT"), _) => Self::Current,
            (Some("INOPERABLE"), _) | (_, Some("INOPERABLE")) => Self::Inoperable,
            (_, Some("SKIPPED_SUSPENDED_ACCOUNT")) => Self::Suspended,
            (_, Some("FAILED" | "FAILED_IMPORT")) => Self::Failed,
            (_, Some("SUCCEEDED" | "CANCELLED") | None) => Self::Outdated,
            _ => Self::Working,
        }
    }
}

/// One stack instance of the tenant's account, as AWS listed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Where it is.
    pub region: RegionName,
    /// How it stands.
    pub standing: Standing,
    /// The operation that touched it last.
    pub last_operation_id: Option<String>,
    /// AWS's words about it.
    pub reason: Option<String>,
}

/// The failures of one stack set that this execution has seen, by operation.
///
/// Operations and not calls are counted, so a repeated call counts nothing twice. What had failed
/// before the execution (or its redrive) began is forgiven: whoever starts an onboarding again
/// has usually removed the cause.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempts {
    /// Operations that had failed for this account before the first look.
    pub before: Vec<String>,
    /// Operations that failed for it since.
    pub failed: Vec<String>,
}

/// What to do about one stack set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Every Region is current.
    Done,
    /// Somebody's operation is at work on it.
    Wait {
        /// The Regions that are not settled.
        regions: Vec<RegionName>,
    },
    /// An operation is needed.
    Operate {
        /// Where this account needs it.
        regions: Vec<RegionName>,
        /// True when it needs all of the stack set's Regions, so that other accounts can join.
        open_to_others: bool,
    },
    /// Nothing that this function does will make it current.
    GiveUp {
        /// Where it failed.
        region: RegionName,
        /// AWS's reason.
        reason: String,
    },
}

/// Judges the instances of one stack set against the Regions it has to be in.
///
/// `attempts` is what earlier calls counted (nothing on the first look). `limit` operations may
/// fail before it gives up. Instances in other Regions are none of the tier's business.
pub fn judge(
    regions: &[RegionName],
    instances: &[Instance],
    attempts: Option<Attempts>,
    limit: u32,
) -> (Next, Attempts) {
    let wanted: Vec<(&RegionName, Option<&Instance>)> = regions
        .iter()
        .map(|region| (region, instances.iter().find(|instance| instance.region == *region)))
        .collect();
    let attempts = count(&wanted, attempts);
    let next = next(&wanted, &attempts, limit);
    (next, attempts)
}

fn next(wanted: &[(&RegionName, Option<&Instance>)], attempts: &Attempts, limit: u32) -> Next {
    let find = |standing: Standing| {
        wanted.iter().filter_map(|(_, instance)| *instance).find(|i| i.standing == standing)
    };
    for standing in [Standing::Inoperable, Standing::Suspended] {
        if let Some(instance) = find(standing) {
            return give_up(instance);
        }
    }
    let working = regions_where(wanted, |standing| standing == Some(Standing::Working));
    if !working.is_empty() {
        return Next::Wait { regions: working };
    }
    if let Some(instance) = find(Standing::Failed)
        && attempts.failed.len() >= limit as usize
    {
        return give_up(instance);
    }
    let needed = regions_where(wanted, |standing| standing != Some(Standing::Current));
    if needed.is_empty() {
        return Next::Done;
    }
    Next::Operate { open_to_others: needed.len() == wanted.len(), regions: needed }
}

fn regions_where(
    wanted: &[(&RegionName, Option<&Instance>)],
    holds: impl Fn(Option<Standing>) -> bool,
) -> Vec<RegionName> {
    wanted
        .iter()
        .filter(|(_, instance)| holds(instance.map(|instance| instance.standing)))
        .map(|(region, _)| (*region).clone())
        .collect()
}

fn give_up(instance: &Instance) -> Next {
    let reason = match (&instance.reason, instance.standing) {
        (Some(reason), _) if !reason.is_empty() => reason.clone(),
        (_, Standing::Inoperable) => "the stack instance is INOPERABLE".to_owned(),
        (_, Standing::Suspended) => "SKIPPED_SUSPENDED_ACCOUNT".to_owned(),
        _ => "AWS gave no reason".to_owned(),
    };
    Next::GiveUp { region: instance.region.clone(), reason }
}

/// Adds the operations in which an instance failed and that were not counted yet. A roll-out that
/// failed here is not an attempt to enrol, so only enrolments count.
fn count(wanted: &[(&RegionName, Option<&Instance>)], attempts: Option<Attempts>) -> Attempts {
    let first_look = attempts.is_none();
    let mut attempts = attempts.unwrap_or_default();
    let failed = wanted
        .iter()
        .filter_map(|(_, instance)| *instance)
        .filter(|instance| instance.standing == Standing::Failed)
        .filter_map(|instance| instance.last_operation_id.as_deref())
        .filter(|id| id.starts_with(OPERATION_PREFIX));
    for id in failed {
        let known = |ids: &[String]| ids.iter().any(|known| known == id);
        if !known(&attempts.before) && !known(&attempts.failed) {
            let list = if first_look { &mut attempts.before } else { &mut attempts.failed };
            list.push(id.to_owned());
        }
    }
    attempts
}

/// An operation of a stack set, as AWS listed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its id.
    pub id: String,
    /// `RUNNING`, `QUEUED`, `STOPPING`, or one of the ends.
    pub status: String,
    /// When it was asked for.
    pub created: Option<Timestamp>,
}

/// What the log of operations allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Log {
    /// An enrolment is on its way: its end is worth waiting for, a second one is not.
    Busy {
        /// Its id.
        operation_id: String,
    },
    /// Nothing of ours is on its way.
    Free {
        /// The id that the next enrolment has to carry.
        operation_id: String,
    },
}

/// Reads the log of operations, newest first.
///
/// The next id is a hash of the newest id: a compare-and-swap on the log. All who look at the
/// same log choose the same id and one of them wins; who looks at an older log chooses an id that
/// is taken.
pub fn read_log(operations: &[Operation]) -> Log {
    let busy = operations.iter().find(|operation| {
        operation.id.starts_with(OPERATION_PREFIX)
            && matches!(operation.status.as_str(), "RUNNING" | "QUEUED" | "STOPPING")
    });
    if let Some(operation) = busy {
        return Log::Busy { operation_id: operation.id.clone() };
    }
    Log::Free { operation_id: operation_id(operations.first().map(|newest| newest.id.as_str())) }
}

/// The id of the enrolment that follows `newest`, within AWS's `[a-zA-Z0-9][-a-zA-Z0-9]*`.
pub fn operation_id(newest: Option<&str>) -> String {
    let digest = Sha256::digest(newest.unwrap_or("none").as_bytes());
    let mut id = String::from(OPERATION_PREFIX);
    for byte in digest.iter().take(16) {
        id.push_str(&format!("{byte:02x}"));
    }
    id
}

#[cfg(test)]
mod tests;
