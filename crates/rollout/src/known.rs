//! Accounts that failed the same way before: what fails in them again says nothing about a change.
//!
//! One file for each stack set, below `rollouts/known-offenders/` in the runs bucket, which people
//! may read and edit: `finish-rollout` writes it, `plan-rollout` reads it. Only a rollout whose
//! change the others took adds to it, and whatever takes a change leaves it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lifecycle::{AccountId, RegionName, StackSetName};
use serde::{Deserialize, Serialize};
use stack_set_reasons::{Class, normalized};

use crate::stack_set::Listed;
use crate::standing::Row;

/// The name of the file of a rollout with those that were known when it was planned.
pub const KNOWN: &str = "planning/known.json";
/// What CloudFormation says of a stack that no update can reach any more.
const STUCK: &str = "rollback_failed state";

/// The whole key of a stack set's file.
pub fn known_key(stack_set: &StackSetName) -> String {
    format!("rollouts/known-offenders/{stack_set}.json")
}

/// A stack set's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KnownFile {
    /// 1.
    pub version: u32,
    /// One for each account and Region.
    pub offenders: Vec<Known>,
}

impl Default for KnownFile {
    fn default() -> Self {
        Self { version: 1, offenders: Vec::new() }
    }
}

/// An instance that failed, or vetoed, before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Known {
    /// The account.
    pub account: AccountId,
    /// The Region.
    pub region: RegionName,
    /// How its last operation ended.
    pub class: Class,
    /// AWS's words, as they were.
    #[serde(default)]
    pub reason: String,
    /// When it was so for the first time; nothing when it was found so by a plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The rollout in which it was so last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<String>,
}

impl Known {
    /// An instance whose last operation, before any of this rollout, failed. Nothing for others.
    pub fn of_listed(listed: &Listed) -> Option<Self> {
        let failed = !listed.current && listed.detailed == "FAILED";
        let reason = listed.reason.as_deref().filter(|reason| failed && !reason.is_empty())?;
        let told = stack_set_reasons::Told {
            status: "FAILED",
            reason,
            ..stack_set_reasons::Told::default()
        };
        let class = stack_set_reasons::classify(told)?;
        class.policy().is_failure().then(|| Self {
            account: listed.instance.account.clone(),
            region: listed.instance.region.clone(),
            class,
            reason: reason.to_owned(),
            since: None,
            execution: None,
        })
    }
}

/// Those that are known, for looking up.
#[derive(Debug, Clone, Default)]
pub struct Offenders(BTreeMap<(AccountId, RegionName), Vec<(Class, String)>>);

impl Offenders {
    /// Those of a list. A veto is no failure: it is kept for its date only.
    pub fn of<'a>(known: impl IntoIterator<Item = &'a Known>) -> Self {
        let mut all = Self::default();
        for one in known.into_iter().filter(|one| one.class.policy().is_failure()) {
            let ways = all.0.entry((one.account.clone(), one.region.clone())).or_default();
            ways.push((one.class, normalized(&one.reason)));
        }
        all
    }

    /// Whether a result is a failure that was there before: of the same account and Region, and in
    /// the same way. Another failure of the same account counts.
    pub fn knows(&self, row: &Row) -> bool {
        let place = (row.account.clone(), row.region.clone());
        let Some(ways) = self.0.get(&place).filter(|_| row.class.policy().is_failure()) else {
            return false;
        };
        let reason = row.reason.as_deref().unwrap_or_default();
        // No update reaches such a stack, so it is so from before.
        let stuck = reason.to_lowercase().contains(STUCK);
        let words = normalized(reason);
        let without_role = |class: Class| class == Class::RoleMissing && row.class == class;
        stuck || ways.iter().any(|(class, known)| *known == words || without_role(*class))
    }

    /// Marks the results that were so before.
    pub fn mark(&self, rows: &mut [Row]) {
        for row in rows {
            row.known = self.knows(row);
        }
    }

    /// How many of the accounts and Regions are known: AWS's tolerance has room for them.
    pub fn among(&self, batch: &crate::Batch) -> usize {
        let known = self.0.keys();
        known
            .filter(|(account, region)| {
                batch.accounts.contains(account) && batch.regions.contains(region)
            })
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Instance;

    fn known(account: u64, class: Class, reason: &str) -> Known {
        Known {
            account: format!("{account:012}").parse().unwrap(),
            region: "eu-central-1".parse().unwrap(),
            class,
            reason: reason.to_owned(),
            since: None,
            execution: None,
        }
    }

    fn row(account: u64, class: Class, reason: &str) -> Row {
        let known = known(account, class, reason);
        Row::new(known.account, known.region, class, reason)
    }

    #[test]
    fn the_same_failure_of_the_same_account_is_known_and_no_other() {
        let taken = "UPDATE_FAILED: bucket logs-12 is taken";
        let offenders = Offenders::of(&[
            known(1, Class::Failed, taken),
            known(2, Class::RoleMissing, "Account 2 should have 'R' role with trust relationship"),
            known(3, Class::Vetoed, "returned FAILED"),
        ]);
        for (account, class, reason, is_known) in [
            (1, Class::Failed, "UPDATE_FAILED: bucket logs-99 is taken", true),
            (1, Class::Failed, "UPDATE_FAILED: the key is gone", false),
            (1, Class::Failed, "Stack:x is in UPDATE_ROLLBACK_FAILED state and can not be", true),
            (9, Class::Failed, "Stack:x is in UPDATE_ROLLBACK_FAILED state and can not be", false),
            (9, Class::Failed, taken, false),
            (2, Class::RoleMissing, "Account 2 should have another role", true),
            (3, Class::Vetoed, "returned FAILED", false),
            (1, Class::Transient, taken, false),
        ] {
            let row = row(account, class, reason);
            assert_eq!(offenders.knows(&row), is_known, "{account} {reason}");
        }
    }

    #[test]
    fn an_instance_that_failed_before_the_plan_is_known_by_its_words() {
        let listed = |current, detailed: &str, reason: &str| Listed {
            instance: Instance {
                account: "000000000001".parse().unwrap(),
                region: "eu-central-1".parse().unwrap(),
                inoperable: false,
                unit: None,
            },
            current,
            detailed: detailed.to_owned(),
            last_operation: None,
            reason: Some(reason.to_owned()),
        };
        let found = Known::of_listed(&listed(false, "FAILED", "UPDATE_FAILED: no")).unwrap();
        assert_eq!((found.class, found.since), (Class::Failed, None));
        assert_eq!(Known::of_listed(&listed(true, "SUCCEEDED", "UPDATE_FAILED: no")), None);
        assert_eq!(Known::of_listed(&listed(false, "FAILED", "Rate exceeded")), None);
        assert_eq!(Known::of_listed(&listed(false, "FAILED", "")), None);
    }
}
