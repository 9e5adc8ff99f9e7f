//! What the instances of one stack set mean for the tenant: wait, operate, mend, or give up.
//!
//! The truth is each instance's own status, never an operation's: an operation may succeed while
//! it tolerates my failure, and fail because of another account's. Nothing here talks to AWS.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lifecycle::RegionName;

pub use crate::attempts::Attempts;
pub use crate::log::{Log, Operation, next_id, operation_id, read_log};

/// How the ids of the operations that enrol accounts begin.
pub const OPERATION_PREFIX: &str = "enrol-";

/// Parameters of an instance that differ from those of its stack set, by key.
pub type Overrides = BTreeMap<String, String>;

/// How AWS shows a value that must not be shown.
const MASKED: &str = "****";

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

/// What to do about one stack set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Every Region is current. Whether with this tenant's parameters is to be seen.
    Current,
    /// An operation is at work on it.
    Wait {
        /// The Regions that are not settled.
        regions: Vec<RegionName>,
    },
    /// It failed, and is left alone until then.
    Pause {
        /// Where it failed.
        region: RegionName,
        /// AWS's reason.
        reason: String,
        /// When it is tried again.
        until: Timestamp,
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
/// `attempts` is what earlier calls counted (nothing on the first look). After `limit` failures
/// that a person has to mend it gives up. Instances in other Regions are none of the tier's
/// business.
pub fn judge(
    regions: &[RegionName],
    instances: &[Instance],
    attempts: Option<Attempts>,
    limit: u32,
    now: Timestamp,
) -> (Next, Attempts) {
    let wanted: Vec<(&RegionName, Option<&Instance>)> = regions
        .iter()
        .map(|region| (region, instances.iter().find(|instance| instance.region == *region)))
        .collect();
    let present: Vec<&Instance> = wanted.iter().filter_map(|(_, instance)| *instance).collect();
    let attempts = Attempts::count(attempts, &present, now);
    let next = next(&wanted, &attempts, limit, now);
    (next, attempts)
}

fn next(
    wanted: &[(&RegionName, Option<&Instance>)],
    attempts: &Attempts,
    limit: u32,
    now: Timestamp,
) -> Next {
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
    if let Some(instance) = find(Standing::Failed) {
        if attempts.are_exhausted(limit) {
            return give_up(instance);
        }
        if let Some(until) = attempts.pause_until().filter(|until| *until > now) {
            let (region, reason) = (instance.region.clone(), reason_of(instance));
            return Next::Pause { region, reason, until };
        }
    }
    let needed = regions_where(wanted, |standing| standing != Some(Standing::Current));
    if needed.is_empty() {
        return Next::Current;
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
    Next::GiveUp { region: instance.region.clone(), reason: reason_of(instance) }
}

fn reason_of(instance: &Instance) -> String {
    match (&instance.reason, instance.standing) {
        (Some(reason), _) if !reason.is_empty() => reason.clone(),
        (_, Standing::Inoperable) => "the stack instance is INOPERABLE".to_owned(),
        (_, Standing::Suspended) => "SKIPPED_SUSPENDED_ACCOUNT".to_owned(),
        _ => "AWS gave no reason".to_owned(),
    }
}

/// Whether an instance has the tenant's parameters. A value that AWS masks can't be compared: it
/// counts as it stands.
pub fn has_overrides(found: &Overrides, wanted: &Overrides) -> bool {
    found.len() == wanted.len()
        && wanted.iter().all(|(key, value)| {
            found.get(key).is_some_and(|found| found == value || found == MASKED)
        })
}

#[cfg(test)]
mod tests;
