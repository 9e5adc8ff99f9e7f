//! What single instances override: parameters that the rollout changes, for the change does not
//! reach them; and settings of the gate, which the gate has to understand. Only each instance
//! itself tells its overrides, so they are read only where they matter.

use std::collections::{BTreeMap, BTreeSet};

use futures::{FutureExt, StreamExt, stream};
use gate_rules::{PARAMETERS, check_parameters};
use lifecycle::{AccountId, Fault, Faults, RegionName};
use rollout::manifest::{OVERRIDES, Overriding};
use rollout::{Files, StackSet, Stop};
use serde::{Deserialize, Serialize};

/// Instances that are read in a call.
const IN_CALL: usize = 400;
/// Instances that are read at the same time.
const AT_A_TIME: usize = 10;
/// How many settings that the gate could not read are named; AWS cuts an error's cause.
const NAMED: usize = 20;
/// The file with the settings that a gate could not read.
const UNREADABLE: &str = "planning/unreadable-settings.json";

/// Which overrides matter.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    /// The parameters that the rollout changes.
    pub(crate) changed: BTreeSet<String>,
    /// Of the gate's stack set: the values that the set will have. An instance's own go over them.
    pub(crate) gate: Option<BTreeMap<String, String>>,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Instances that override what changes.
    pub(crate) overriding: Vec<Overriding>,
    /// Settings of single instances that their gates could not read.
    pub(crate) unreadable: Vec<Unreadable>,
}

/// A setting of a single instance that its gate could not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Unreadable {
    account: AccountId,
    region: RegionName,
    field: String,
    value: String,
    rule: String,
}

impl Found {
    /// The settings that could not be read, as faults of the plan: the first few, and how many
    /// there are beyond.
    pub(crate) fn refuse(&self, faults: &mut Faults) {
        for one in self.unreadable.iter().take(NAMED) {
            let Unreadable { account, region, field, value, rule } = one;
            let field = format!("instances.{account}.{region}.parameterOverrides.{field}");
            let (value, rule) = (value.clone(), rule.clone());
            faults.push(Fault { field, value, rule });
        }
        let more = self.unreadable.len().saturating_sub(NAMED);
        if more > 0 {
            let rule = "are other overrides that the account gate could not read";
            faults.push(Fault::of("instances", format!("{more} more"), rule));
        }
    }
}

/// How far the reading is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Reading {
    /// Instances that are read.
    read: usize,
    /// Whether these are all.
    done: bool,
}

impl Reading {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Reads on, of the instances in the waves. All of them, once everything is read.
    pub(crate) async fn go_on(
        &mut self,
        files: &Files,
        set: &StackSet,
        waves: &[BTreeMap<AccountId, BTreeSet<RegionName>>],
        asked: &Asked,
    ) -> Result<Option<Found>, Stop> {
        if asked.changed.is_empty() && asked.gate.is_none() {
            return Ok(Some(Found::default()));
        }
        let mut found = match self.read {
            0 => Found::default(),
            _ => Found {
                overriding: files.read(OVERRIDES).await?,
                unreadable: files.read(UNREADABLE).await?,
            },
        };
        if self.done {
            return Ok(Some(found));
        }
        let all = waves.iter().flatten();
        let all = all.flat_map(|(account, regions)| regions.iter().map(move |one| (account, one)));
        let some: Vec<_> = all.skip(self.read).take(IN_CALL).collect();
        // Boxed, and in a list: the SDK's futures lie deep within each other.
        let reads: Vec<_> = some
            .iter()
            .map(|(account, region)| set.overrides_of(account, region).boxed())
            .collect();
        let answers: Vec<_> = stream::iter(reads).buffered(AT_A_TIME).collect().await;
        // What an earlier try of this call wrote is written again.
        found.overriding.retain(|one| !some.contains(&(&one.account, &one.region)));
        found.unreadable.retain(|one| !some.contains(&(&one.account, &one.region)));
        for (place, answer) in some.iter().zip(answers) {
            found.add(*place, &answer?, asked);
        }
        files.write(OVERRIDES, &found.overriding).await?;
        files.write(UNREADABLE, &found.unreadable).await?;
        self.read += some.len();
        self.done = some.len() < IN_CALL;
        Ok(self.done.then_some(found))
    }
}

impl Found {
    /// Adds what one instance overrides.
    fn add(
        &mut self,
        (account, region): (&AccountId, &RegionName),
        overrides: &BTreeMap<String, String>,
        asked: &Asked,
    ) {
        let parameters: Vec<String> =
            overrides.keys().filter(|key| asked.changed.contains(*key)).cloned().collect();
        if !parameters.is_empty() {
            let (account, region) = (account.clone(), region.clone());
            self.overriding.push(Overriding { account, region, parameters });
        }
        let Some(set) = &asked.gate else { return };
        for fault in unreadable(set, overrides) {
            let Fault { field, value, rule } = fault;
            let (account, region) = (account.clone(), region.clone());
            self.unreadable.push(Unreadable { account, region, field, value, rule });
        }
    }
}

/// The faults of the settings that an instance's gate gets, as far as its own overrides make them:
/// what the set itself has is checked for all instances at once.
fn unreadable(set: &BTreeMap<String, String>, overrides: &BTreeMap<String, String>) -> Vec<Fault> {
    let is_setting = |key: &str| PARAMETERS.iter().any(|(name, _)| *name == key);
    if !overrides.keys().any(|key| is_setting(key)) {
        return Vec::new();
    }
    let mut values = set.clone();
    values.extend(overrides.clone());
    let faults = check_parameters(&values).err().into_iter().flatten();
    faults.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(some: &[(&str, &str)]) -> BTreeMap<String, String> {
        some.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn overrides_are_read_together_with_what_the_set_has() {
        let set = pairs(&[("AlarmsIgnore", &"alarm-name,".repeat(300)), ("FailMode", "open")]);
        let faults = |some: &[(&str, &str)]| unreadable(&set, &pairs(some));
        assert_eq!(faults(&[]), []);
        assert_eq!(faults(&[("MemorySize", "many")]), [], "no setting of the gate");
        assert_eq!(faults(&[("FailMode", "closed"), ("FreezePeriods", "")]), []);
        assert_eq!(faults(&[("FailMode", "ajar")])[0].field, "FailMode");
        let long = "other-name,".repeat(100);
        let faults = faults(&[("AlarmsInclude", &long)]);
        assert!(faults[0].rule.contains("Lambda's limit"), "each is short enough: {faults:?}");
    }

    #[test]
    fn twenty_are_named_and_the_others_counted() {
        let one = |n: usize| Unreadable {
            account: format!("{n:012}").parse().unwrap(),
            region: "eu-central-1".parse().unwrap(),
            field: "FailMode".to_owned(),
            value: "\"ajar\"".to_owned(),
            rule: "must be closed or open".to_owned(),
        };
        let found = Found { unreadable: (0..6_000).map(one).collect(), ..Found::default() };
        let mut faults = Faults::new();
        found.refuse(&mut faults);
        let reasons = faults.reasons();
        assert_eq!(reasons.len(), 21);
        assert_eq!(
            reasons[0],
            "instances.000000000000.eu-central-1.parameterOverrides.FailMode: \"ajar\" must be \
             closed or open"
        );
        assert!(reasons[20].starts_with("instances: 5980 more"), "{}", reasons[20]);
    }
}
