//! How the instances of a wave stand, operation after operation, and what that means.

use std::collections::{BTreeMap, BTreeSet};

use lifecycle::{AccountId, RegionName};
use serde::{Deserialize, Serialize};
use stack_set_reasons::{Again, Class, normalized};

use crate::cut::Batch;

/// The longest reason that is kept of one instance, in characters.
const LONGEST_REASON: usize = 300;
/// How many instances an answer names: the rest is in a file.
const NAMED: usize = 20;

/// As much of a reason as is kept.
pub(crate) fn shortened(reason: &str) -> String {
    reason.chars().take(LONGEST_REASON).collect()
}

/// One instance in the results of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The account.
    pub account: AccountId,
    /// The Region.
    pub region: RegionName,
    /// How it stands.
    pub class: Class,
    /// AWS's reason, cut when it is long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether its account has no gate that answers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gate_hole: bool,
    /// Whether it failed the same way before this rollout: counted apart.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub known: bool,
    /// Whether Organizations has to say how the account stands before the class is final.
    #[serde(skip)]
    pub needs_witness: bool,
}

impl Row {
    /// A row; an empty reason is none.
    pub fn new(account: AccountId, region: RegionName, class: Class, reason: &str) -> Self {
        let short = shortened(reason);
        let reason = (!short.is_empty()).then_some(short);
        let (gate_hole, known, needs_witness) = (false, false, false);
        Self { account, region, class, reason, gate_hole, known, needs_witness }
    }

    /// Whether it counts as a failure of the change, as soon as it is seen.
    pub fn is_failure(&self) -> bool {
        !self.known && self.class.policy().is_failure()
    }

    /// Whether it counts as a failure of the change once nothing more is tried.
    pub fn fails_in_the_end(&self) -> bool {
        !self.known && self.class.policy().fails_in_the_end()
    }
}

/// Instances by class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Counts {
    /// Deployed.
    pub succeeded: usize,
    /// Vetoed by their gates.
    pub vetoed: usize,
    /// Failed for a reason that passes.
    pub transient: usize,
    /// In accounts that are suspended or closing.
    pub suspended: usize,
    /// Failed by the change.
    pub failed: usize,
    /// Failed for a reason that nobody foresaw.
    pub unclassified: usize,
    /// Never begun.
    pub cancelled: usize,
    /// Failed the same way before this rollout; in none of the others.
    pub known_offenders: usize,
    /// Deployed, and keeping a value of their own for a parameter that changed, where nothing else
    /// did; told at the end.
    pub overriding: usize,
    /// Deployed, and outdated by others since; told at the end.
    pub outdated: usize,
    /// Without a gate that answers; they are also in one of the others.
    pub gate_holes: usize,
}

impl Counts {
    /// Real failures.
    pub fn real_failures(&self) -> usize {
        self.failed + self.unclassified
    }

    /// All instances.
    pub fn all(&self) -> usize {
        self.succeeded
            + self.vetoed
            + self.transient
            + self.suspended
            + self.failed
            + self.unclassified
            + self.cancelled
            + self.known_offenders
            + self.overriding
            + self.outdated
    }

    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.succeeded += other.succeeded;
        self.vetoed += other.vetoed;
        self.transient += other.transient;
        self.suspended += other.suspended;
        self.failed += other.failed;
        self.unclassified += other.unclassified;
        self.cancelled += other.cancelled;
        self.known_offenders += other.known_offenders;
        self.overriding += other.overriding;
        self.outdated += other.outdated;
        self.gate_holes += other.gate_holes;
    }

    fn of(&mut self, row: &Row) -> &mut usize {
        if row.known {
            return &mut self.known_offenders;
        }
        match row.class {
            Class::Succeeded => &mut self.succeeded,
            Class::Vetoed => &mut self.vetoed,
            Class::Transient | Class::NotYet => &mut self.transient,
            Class::Suspended => &mut self.suspended,
            Class::Cancelled => &mut self.cancelled,
            Class::Failed | Class::RoleMissing | Class::MissingDependency => &mut self.failed,
            Class::Unclassified => &mut self.unclassified,
        }
    }
}

/// How all instances stand that a wave's operations were about so far: the newest word on each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Standing {
    /// Deployed.
    pub succeeded: usize,
    /// Whether their accounts' gates did not answer; deployed ones too.
    pub gate_holes: usize,
    /// The others, by account and Region.
    pub open: Vec<Row>,
}

impl Standing {
    /// With the results of one more operation, which are newer.
    #[must_use]
    pub fn with(mut self, rows: &[Row]) -> Self {
        let place = |row: &Row| (row.account.clone(), row.region.clone());
        let newer: BTreeSet<_> = rows.iter().map(place).collect();
        // Only what did not succeed is ever tried again, so nothing is counted twice.
        self.open.retain(|row| !newer.contains(&place(row)));
        self.succeeded += rows.iter().filter(|row| row.class == Class::Succeeded).count();
        self.gate_holes += rows.iter().filter(|row| row.gate_hole).count();
        self.open.extend(rows.iter().filter(|row| row.class != Class::Succeeded).cloned());
        self.open.sort_by_key(place);
        self
    }

    /// Instances by class.
    pub fn counts(&self) -> Counts {
        let mut counts =
            Counts { succeeded: self.succeeded, gate_holes: self.gate_holes, ..Counts::default() };
        for row in &self.open {
            *counts.of(row) += 1;
        }
        counts
    }

    /// The instances that are to be tried again, as batches of identical Region sets: those whose
    /// class says so for the place that asks.
    pub fn again(&self, wanted: impl Fn(Again) -> bool, size: usize) -> Vec<Batch> {
        let mut regions: BTreeMap<AccountId, BTreeSet<RegionName>> = BTreeMap::new();
        for row in self.open.iter().filter(|row| wanted(row.class.policy().again)) {
            regions.entry(row.account.clone()).or_default().insert(row.region.clone());
        }
        crate::cut::batches(regions, size)
    }

    /// The first few that are not deployed, real failures first.
    pub fn named(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = self.open.clone();
        rows.sort_by_key(|row| std::cmp::Reverse(row.class));
        rows.truncate(NAMED);
        rows
    }
}

/// The error that most accounts have in common among real failures: its accounts, and its words.
pub fn most_common_error<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Option<(usize, String)> {
    let mut errors: BTreeMap<String, (BTreeSet<&AccountId>, &str)> = BTreeMap::new();
    for row in rows {
        let Some(reason) = row.reason.as_deref().filter(|_| row.is_failure()) else {
            continue;
        };
        errors
            .entry(normalized(reason))
            .or_insert_with(|| (BTreeSet::new(), reason))
            .0
            .insert(&row.account);
    }
    let most = errors.into_values().max_by_key(|(accounts, _)| accounts.len());
    most.map(|(accounts, reason)| (accounts.len(), reason.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(account: u64, class: Class) -> Row {
        let account = format!("{account:012}").parse().unwrap();
        Row::new(account, "eu-central-1".parse().unwrap(), class, "Bucket 12 is taken")
    }

    #[test]
    fn a_newer_result_takes_the_place_of_an_older_one() {
        let first = [row(1, Class::Succeeded), row(2, Class::Transient), row(3, Class::Vetoed)];
        let standing = Standing::default().with(&first).with(&[row(2, Class::Succeeded)]);
        let counts = standing.counts();
        assert_eq!((counts.succeeded, counts.vetoed, counts.transient), (2, 1, 0));
    }

    #[test]
    fn only_what_failed_is_tried_again_in_batches_of_the_same_regions() {
        let mut other = row(2, Class::Transient);
        other.region = "us-east-1".parse().unwrap();
        let rows = [
            row(1, Class::Transient),
            row(2, Class::Transient),
            other,
            row(3, Class::Succeeded),
            row(4, Class::Failed),
        ];
        let batches = Standing::default().with(&rows).again(|again| again.wave, 100);
        let shown: Vec<_> = batches.iter().map(|b| (b.accounts.len(), b.regions.len())).collect();
        assert_eq!(shown, [(1, 1), (1, 2)]);
    }

    #[test]
    fn the_same_error_is_counted_by_accounts() {
        let rows = [row(1, Class::Failed), row(2, Class::Unclassified), row(3, Class::Vetoed)];
        assert_eq!(most_common_error(&rows), Some((2, "Bucket 12 is taken".to_owned())));
        assert_eq!(most_common_error(&[row(3, Class::Vetoed)]), None);
    }

    #[test]
    fn real_failures_are_named_first() {
        let rows = [row(1, Class::Vetoed), row(2, Class::Failed)];
        assert_eq!(Standing::default().with(&rows).named()[0].class, Class::Failed);
    }
}
