#![doc = include_str!("../README.md")]

mod live;

use std::collections::{BTreeMap, BTreeSet};

use lifecycle::{
    BaselineStackSet, OrganizationalUnits, OuId, RegionName, StackSetName, Tags, Tier, TierName,
    WantedQuota, tags,
};
use serde::{Deserialize, Serialize};

pub use live::Live;

/// How AWS shows the value of a NoEcho parameter.
const MASKED: &str = "****";

/// What a tenant should have.
#[derive(Debug, Clone)]
pub struct Should<'a> {
    /// Its tier's name.
    pub tier: &'a TierName,
    /// Where it should stand.
    pub unit: &'a OuId,
    /// Tags of its account, besides which it may have others.
    pub tags: &'a Tags,
    /// Its stack sets, with its own parameters.
    pub stack_sets: &'a [BaselineStackSet],
    /// Its quotas.
    pub quotas: &'a [WantedQuota],
}

/// What its account has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Has {
    /// Where it stands; nothing when that is no unit.
    pub unit: Option<OuId>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its instances of all stack sets that any tier has, with their parameter overrides.
    pub instances: BTreeMap<(StackSetName, RegionName), BTreeMap<String, String>>,
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Kind {
    /// Writes a tag.
    Tag,
    /// Moves the account to another unit.
    Move,
    /// Writes the account's label.
    Label,
    /// Makes a stack instance.
    Enrol,
    /// Gives a stack instance other parameters.
    Override,
    /// Asks for a quota.
    Quota,
    /// Takes a stack instance away.
    Withdraw,
}

/// What a step may do to a tenant that is at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Effect {
    /// Nothing that it has changes.
    Safe,
    /// Something that it has changes.
    Disruptive,
    /// Something that it has is gone.
    Destructive,
}

impl Kind {
    /// What a step of this kind may do.
    pub fn effect(self) -> Effect {
        match self {
            Self::Tag | Self::Label | Self::Enrol | Self::Quota => Effect::Safe,
            Self::Move | Self::Override => Effect::Disruptive,
            Self::Withdraw => Effect::Destructive,
        }
    }
}

/// One step from what is to what should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What it does.
    pub kind: Kind,
    /// What that may do to the tenant.
    pub effect: Effect,
    /// To what.
    pub subject: String,
    /// Why, in words.
    pub because: String,
}

impl Step {
    fn new(kind: Kind, subject: impl Into<String>, because: impl Into<String>) -> Self {
        Self { kind, effect: kind.effect(), subject: subject.into(), because: because.into() }
    }

    /// Whether it is taken without a plan that somebody approved.
    pub fn is_taken(&self) -> bool {
        self.effect != Effect::Destructive
    }
}

/// The unit in which a tenant of this tier stands: where it stands, if the tier has that unit, or
/// else its `home` there.
pub fn unit_of<'a>(
    tier: &Tier,
    units: &'a OrganizationalUnits,
    stands_in: Option<&'a OuId>,
    home: &'a OuId,
) -> &'a OuId {
    let names: BTreeSet<_> = tier.organizational_units.iter().map(|unit| &unit.name).collect();
    match stands_in {
        Some(unit) if units.name_of(unit).is_some_and(|name| names.contains(name)) => unit,
        _ => home,
    }
}

/// The steps from what a tenant has to what it should have, in the order in which they are taken.
/// None when nothing differs.
pub fn difference(should: &Should<'_>, has: &Has) -> Vec<Step> {
    let mut steps = Vec::new();
    for (key, value) in should.tags.iter() {
        match has.tags.get(key) {
            Some(found) if found == value => {}
            Some(found) => {
                steps.push(Step::new(Kind::Tag, key, format!("{found:?} is to be {value:?}")));
            }
            None => steps.push(Step::new(Kind::Tag, key, format!("is to be {value:?}"))),
        }
    }
    if has.unit.as_ref() != Some(should.unit) {
        let from = has.unit.as_ref().map_or("the root", OuId::as_str);
        let because = format!("tier {} has no unit {from}", should.tier);
        steps.push(Step::new(Kind::Move, should.unit.as_str(), because));
    }
    steps.extend(label(should, has));
    for stack_set in should.stack_sets {
        for region in &stack_set.regions {
            let subject = format!("{} in {region}", stack_set.name);
            match has.instances.get(&(stack_set.name.clone(), region.clone())) {
                None => {
                    let because = format!("tier {} has it there", should.tier);
                    steps.push(Step::new(Kind::Enrol, subject, because));
                }
                Some(found) => {
                    let differ = differing(found, &stack_set.parameter_overrides);
                    if !differ.is_empty() {
                        let because = format!("other parameters: {}", differ.join(", "));
                        steps.push(Step::new(Kind::Override, subject, because));
                    }
                }
            }
        }
    }
    if has.tags.get(tags::TIER).map(String::as_str) != Some(should.tier.as_str()) {
        for quota in should.quotas {
            let subject =
                format!("{} {} in {}", quota.service_code, quota.quota_code, quota.region);
            let because = format!(
                "asked for where it is below {}: tier {}",
                quota.desired.get(),
                should.tier
            );
            steps.push(Step::new(Kind::Quota, subject, because));
        }
    }
    for (stack_set, region) in beyond(should, has) {
        let because = format!("tier {} does not have it there", should.tier);
        steps.push(Step::new(Kind::Withdraw, format!("{stack_set} in {region}"), because));
    }
    steps
}

/// The instances that the account has and the tenant should not have.
pub fn beyond<'a>(
    should: &Should<'_>,
    has: &'a Has,
) -> impl Iterator<Item = (&'a StackSetName, &'a RegionName)> {
    let wanted: BTreeSet<(StackSetName, RegionName)> = should
        .stack_sets
        .iter()
        .flat_map(|stack_set| {
            let name = &stack_set.name;
            stack_set.regions.iter().map(move |region| (name.clone(), region.clone()))
        })
        .collect();
    let all = has.instances.keys();
    all.filter(move |instance| !wanted.contains(*instance)).map(|(name, region)| (name, region))
}

/// The label names the tier, and stands in each Region of it. What it says is in the account; that
/// it has to be written shows in the tags and the instances.
fn label(should: &Should<'_>, has: &Has) -> Option<Step> {
    let tier = has.tags.get(tags::TIER).map(String::as_str);
    if tier != Some(should.tier.as_str()) {
        let because = format!("names tier {}", should.tier);
        return Some(Step::new(Kind::Label, "/landlord/tenant", because));
    }
    let had: BTreeSet<_> = has.instances.keys().map(|(_, region)| region).collect();
    let regions = should.stack_sets.iter().flat_map(|stack_set| &stack_set.regions);
    let new: BTreeSet<_> = regions.filter(|region| !had.contains(region)).collect();
    (!new.is_empty()).then(|| {
        let new: Vec<_> = new.into_iter().map(RegionName::as_str).collect();
        Step::new(Kind::Label, "/landlord/tenant", format!("new in {}", new.join(", ")))
    })
}

/// The names of the parameters that differ. A value that AWS masks counts as it stands.
fn differing<'a>(
    found: &'a BTreeMap<String, String>,
    wanted: &'a BTreeMap<String, String>,
) -> Vec<&'a str> {
    let names: BTreeSet<&String> = found.keys().chain(wanted.keys()).collect();
    let same = |name: &String| match (found.get(name), wanted.get(name)) {
        (Some(found), Some(wanted)) => found == wanted || found == MASKED,
        _ => false,
    };
    names.into_iter().filter(|name| !same(name)).map(String::as_str).collect()
}

#[cfg(test)]
mod tests;
