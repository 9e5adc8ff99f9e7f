//! Accounts that failed the same way before: what fails in them again says nothing about a change.
//!
//! One file for each stack set, below `rollouts/known-offenders/` in the runs bucket, which people
//! may read and edit: `finish-rollout` writes it, `plan-rollout` reads it. A rollout adds to it
//! where the others took its change, and whatever takes a change leaves it.
//!
//! A rollout that passed is a proof: its change works, so what failed by it is to blame. One that
//! was stopped is none, or the same bad change would pass at the second try. What failed there is
//! written down with the change, and is excused from another one only.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lifecycle::{AccountId, RegionName, StackSetName};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use stack_set_reasons::{Class, normalized};

use crate::stack_set::{Described, Listed};
use crate::standing::{Row, shortened};

/// The name of the file of a rollout with those that were known when it was planned.
pub const KNOWN: &str = "planning/known.json";
/// What CloudFormation says of a stack that no update can reach any more.
const STUCK: &str = "rollback_failed state";
/// The reason by which people excuse every failure of an account.
pub const ANY_REASON: &str = "*";
/// How many broken entries are named.
const NAMED: usize = 20;

/// The whole key of a stack set's file.
pub fn known_key(stack_set: &StackSetName) -> String {
    format!("rollouts/known-offenders/{stack_set}.json")
}

/// By what a change is told from another one: the template's text and all values.
pub fn change_of(template: &str, parameters: &BTreeMap<String, String>) -> String {
    let (template, parameters) = (template.to_owned(), parameters.clone());
    Described { template, parameters, ..Described::default() }.fingerprint()
}

/// A stack set's file. What cannot be understood in it is named, excuses nothing, and stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownFile {
    /// One for each account, Region and way to fail.
    pub offenders: Vec<Known>,
    /// Entries that could not be understood, as they are.
    broken: Vec<Value>,
    /// The other members of the document, as they are.
    others: Map<String, Value>,
    /// What could not be understood, in words.
    faults: Vec<String>,
    /// Whether that is the whole file.
    damaged: bool,
}

impl KnownFile {
    /// Those, and nothing else.
    pub fn of(offenders: Vec<Known>) -> Self {
        Self { offenders, ..Self::default() }
    }

    /// Reads a file that people may have edited.
    pub fn read(text: &str) -> Self {
        let damaged =
            |fault: String| Self { faults: vec![fault], damaged: true, ..Self::default() };
        let mut others = match serde_json::from_str(text) {
            Ok(Value::Object(members)) => members,
            Ok(_) => return damaged("it is no object".to_owned()),
            Err(error) => return damaged(format!("it is not JSON: {error}")),
        };
        if others.get("version").and_then(Value::as_u64) != Some(1) {
            return damaged("its version is not 1".to_owned());
        }
        let Some(Value::Array(entries)) = others.remove("offenders") else {
            return damaged("it has no list `offenders`".to_owned());
        };
        let mut file = Self { others, ..Self::default() };
        for (index, entry) in entries.into_iter().enumerate() {
            match Known::deserialize(&entry) {
                Ok(known) => file.offenders.push(known),
                Err(error) => {
                    file.faults.push(format!("offenders[{index}]: {error}"));
                    file.broken.push(entry);
                }
            }
        }
        file
    }

    /// The file's text. Whoever writes it asks first whether it is damaged.
    pub fn text(&self) -> String {
        let known = self.offenders.iter().map(|one| json!(one));
        let offenders: Vec<Value> = known.chain(self.broken.iter().cloned()).collect();
        let mut document = self.others.clone();
        document.insert("version".to_owned(), json!(1));
        document.insert("offenders".to_owned(), Value::Array(offenders));
        format!("{:#}\n", Value::Object(document))
    }

    /// What could not be understood, twenty at most.
    pub fn faults(&self) -> &[String] {
        self.faults.get(..NAMED.min(self.faults.len())).unwrap_or_default()
    }

    /// Whether nothing of it could be understood: then it is left as it is, for whoever edited it.
    pub fn is_damaged(&self) -> bool {
        self.damaged
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
    /// AWS's words, as they were; `*`: any.
    #[serde(default)]
    pub reason: String,
    /// When it was so for the first time; nothing when it was found so by a plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The rollout in which it was so last; nothing when people wrote it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<String>,
    /// The change that was stopped when it failed by it: it may be to blame, so the failure is
    /// excused from another change only. Nothing when the change was proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// What people wrote beside it.
    #[serde(flatten)]
    pub more: Map<String, Value>,
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
            change: None,
            more: Map::new(),
        })
    }

    /// Whether it excuses the same failure by this change; by one that is not known, if it excuses
    /// it from every change.
    pub fn excuses_from(&self, change: Option<&str>) -> bool {
        let failed_by = self.change.as_deref();
        failed_by.is_none_or(|failed_by| change.is_some_and(|change| change != failed_by))
    }

    /// Whether this is the same way to fail.
    pub fn is_same_way(&self, other: &Self) -> bool {
        let words = |one: &Self| normalized(&shortened(&one.reason));
        words(self) == words(other) && (self.reason == ANY_REASON) == (other.reason == ANY_REASON)
    }
}

/// A way in which an account fails.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Words {
    /// With whatever words.
    Any,
    /// With these.
    These(String),
}

/// Those that are known, for looking up.
#[derive(Debug, Clone, Default)]
pub struct Offenders(BTreeMap<(AccountId, RegionName), Vec<(Class, Words)>>);

impl Offenders {
    /// Those of a list. A veto is no failure: it is kept for its date only.
    pub fn of<'a>(known: impl IntoIterator<Item = &'a Known>) -> Self {
        let mut all = Self::default();
        for one in known.into_iter().filter(|one| one.class.policy().is_failure()) {
            let ways = all.0.entry((one.account.clone(), one.region.clone())).or_default();
            let words = match one.reason.as_str() {
                ANY_REASON => Words::Any,
                // A result's reason is cut, so these are.
                reason => Words::These(normalized(&shortened(reason))),
            };
            ways.push((one.class, words));
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
        stuck
            || ways.iter().any(|(class, known)| match known {
                Words::Any => true,
                Words::These(known) => *known == words || without_role(*class),
            })
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
mod tests;
