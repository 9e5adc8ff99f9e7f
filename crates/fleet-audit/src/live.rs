//! What a live account lacks, and has too much: the difference of `crates/convergence`, and the
//! statuses of its instances.

use std::collections::BTreeMap;

use convergence::{Has, Kind, Live, Should, Step, difference, unit_of};
use lifecycle::retirement::AccountTags;
use lifecycle::{
    Admission, BaselineStackSet, OuId, RegionName, StackSetName, TenantDocument, TenantId, Tier,
    TierName, tags,
};
use serde_json::Map;

use crate::class::{Class, Finding};
use crate::find::finding;
use crate::mend;
use crate::seen::{Account, Ground, Instance, Recorded};

/// An instance by its stack set and Region.
type Spot = (StackSetName, RegionName);

/// The tier's name: what events have said, else what the account's tag says, else the only tier
/// whose baseline the account was given.
pub(crate) fn tier_of(account: &Account, ground: &Ground) -> Option<TierName> {
    let recorded = account.record.as_ref().and_then(Option::as_ref);
    if let Some(said) = recorded.and_then(|record| record.tier.clone()) {
        return Some(said);
    }
    match account.tag(tags::TIER) {
        Some(tier) => tier.parse().ok(),
        None => given_tier(account, ground),
    }
}

/// The only tier whose baseline the account was given.
fn given_tier(account: &Account, ground: &Ground) -> Option<TierName> {
    let given = account.tag(tags::BASELINE)?;
    let recorded = account.record.as_ref().and_then(Option::as_ref);
    let own = recorded.map(|record| record.parameters.clone()).unwrap_or_default();
    let hash = |tier: &Tier| lifecycle::Baseline::new(tier.baseline_with(&own)).hash;
    let mut fit = ground.tiers.as_ref()?.iter().filter(|(_, tier)| hash(tier) == given);
    match (fit.next(), fit.next()) {
        (Some((name, _)), None) => Some(name.clone()),
        _ => None,
    }
}

/// The Regions in which a tenant of this account should have each stack set; nothing when its tier
/// is not known.
pub fn wanted_regions(account: &Account, ground: &Ground) -> Option<Vec<BaselineStackSet>> {
    let name = tier_of(account, ground)?;
    let own = account.record.as_ref().and_then(Option::as_ref).map(|it| it.parameters.clone());
    Some(ground.tiers.as_ref()?.get(&name)?.baseline_with(&own.unwrap_or_default()))
}

/// All that is wrong with the account of a live tenant.
pub(crate) fn live(
    account: &Account,
    tenant: &TenantId,
    (tags, unit): (&AccountTags, &OuId),
    ground: &Ground,
) -> Vec<Finding> {
    let mut found = record(account, tenant);
    let none = Recorded::default();
    let recorded = account.record.as_ref().and_then(Option::as_ref).unwrap_or(&none);
    let (tier, document) = match should(account, tenant, (tags, recorded), ground) {
        Ok(Some(should)) => should,
        Ok(None) => {
            found.extend(statuses(account, tenant, None, ground));
            return found;
        }
        Err(finding) => {
            found.push(*finding);
            found.extend(statuses(account, tenant, None, ground));
            return found;
        }
    };
    let stack_sets = &document.baseline.stack_sets;
    let home = &document.home_organizational_unit.id;
    let should = Should {
        tier: &document.tier,
        unit: unit_of(&tier, &ground.units, Some(unit), home),
        tags: &document.tags,
        stack_sets,
        quotas: &[],
    };
    let has = Has {
        unit: Some(unit.clone()),
        tags: tags.clone(),
        instances: instances(account, stack_sets, ground),
    };
    let steps = difference(&should, &has);
    found.extend(steps.iter().filter_map(|step| of_step(step, account, tenant, ground)));
    found.extend(statuses(account, tenant, Some(stack_sets), ground));
    found
}

/// What the tenant's record does not know.
fn record(account: &Account, tenant: &TenantId) -> Vec<Finding> {
    let Some(record) = &account.record else { return Vec::new() };
    let (class, because) = match record.as_ref().map(|record| record.account.as_ref()) {
        None => (Class::RecordMissing, format!("there is no record of {tenant}")),
        Some(None) => (Class::RecordMissing, format!("the record of {tenant} knows no account")),
        Some(Some(other)) if *other != account.id => {
            let because = format!("the record of {tenant} says that its account is {other}");
            (Class::RecordContradicts, because)
        }
        Some(Some(_)) => return Vec::new(),
    };
    vec![finding(class, account, Some(tenant), None, because, vec![mend::converge(tenant)])]
}

/// What the tenant should have; nothing when the tiers were not read.
fn should(
    account: &Account,
    tenant: &TenantId,
    (tags, recorded): (&AccountTags, &Recorded),
    ground: &Ground,
) -> Result<Option<(Tier, TenantDocument)>, Box<Finding>> {
    let Some(tiers) = &ground.tiers else { return Ok(None) };
    let unknown = |because: String, mend: Vec<String>| {
        Box::new(finding(Class::TierUnknown, account, Some(tenant), None, because, mend))
    };
    let Some(name) = tier_of(account, ground) else {
        let has = tags.get(tags::TIER).map_or("has no tag".to_owned(), |it| format!("is {it:?}"));
        let because = format!("its tier cannot be told: {} {has}", tags::TIER);
        return Err(unknown(because, vec![mend::tag(&account.id, tags::TIER, "TIER")]));
    };
    let Some(tier) = tiers.get(&name) else {
        let check = "landlord config check".to_owned();
        // Where an event has said the tier, a tag changes nothing.
        let given = given_tier(account, ground).filter(|_| recorded.tier.is_none());
        let (because, mend) = match (tiers.faults_of(&name), given) {
            (Some(faults), _) => (format!("its tier {name} has faults: {faults}"), check),
            (None, Some(given)) => (
                format!("there is no tier {name}; it was given the baseline of {given}"),
                mend::tag(&account.id, tags::TIER, given.as_str()),
            ),
            (None, None) => (format!("there is no tier {name}"), check),
        };
        return Err(unknown(because, vec![mend]));
    };
    let live = Live {
        tenant,
        tier: name.as_str(),
        name: recorded.name.as_deref(),
        tags,
        own_tags: recorded.tags.iter().map(|(key, it)| (key.as_str(), it.as_str())).collect(),
        own_parameters: &recorded.parameters,
        metadata: &Map::new(),
        event_id: "audit",
    };
    let admission =
        Admission { tiers, naming: &ground.naming, units: &ground.units, deadline_seconds: 86_400 };
    match live.document(admission) {
        Ok(document) => Ok(Some((tier.clone(), document))),
        Err(faults) => {
            let because = format!("what its tags and its record say is no tenant's: {faults}");
            Err(unknown(because, vec![mend::look(tenant)]))
        }
    }
}

/// Its instances, as the difference takes them. Overrides that were not read are as they should be,
/// and so is the instance of a stack set that was not read.
fn instances(
    account: &Account,
    stack_sets: &[BaselineStackSet],
    ground: &Ground,
) -> BTreeMap<Spot, BTreeMap<String, String>> {
    let wanted = |spot: &Spot| {
        let found = stack_sets.iter().find(|it| it.name == spot.0);
        found.map(|it| it.parameter_overrides.clone()).unwrap_or_default()
    };
    let mut all = BTreeMap::new();
    for stack_set in stack_sets {
        if account.instances.is_none() || ground.unread_sets.contains(&stack_set.name) {
            for region in &stack_set.regions {
                let spot = (stack_set.name.clone(), region.clone());
                all.insert(spot, stack_set.parameter_overrides.clone());
            }
        }
    }
    for instance in account.instances.iter().flatten() {
        let spot = (instance.stack_set.clone(), instance.region.clone());
        let overrides = instance.overrides.clone().unwrap_or_else(|| wanted(&spot));
        all.insert(spot, overrides);
    }
    all
}

fn of_step(step: &Step, account: &Account, tenant: &TenantId, ground: &Ground) -> Option<Finding> {
    let Step { subject, because, .. } = step;
    let converge = vec![mend::converge(tenant)];
    let (class, because, mend) = match step.kind {
        Kind::Tag if subject == tags::BASELINE => {
            let because = "it was given another baseline than its tier has now".to_owned();
            return Some(finding(
                Class::BehindConfiguration,
                account,
                Some(tenant),
                None,
                because,
                converge,
            ));
        }
        // Where no event has said the tier, the tag is all that says it.
        Kind::Tag if subject == tags::TIER && account.tag(tags::TIER).is_none() => {
            let tier = tier_of(account, ground)?;
            let tag = mend::tag(&account.id, tags::TIER, tier.as_str());
            (Class::TagDiffers, because.clone(), vec![tag, mend::converge(tenant)])
        }
        Kind::Tag => (Class::TagDiffers, because.clone(), converge),
        Kind::Move => (Class::WrongUnit, because.clone(), converge),
        Kind::Enrol => {
            let name = subject.split(" in ").next().unwrap_or_default();
            let is_no_set = ground.missing_sets.iter().any(|set| set.as_str() == name);
            let because = match is_no_set {
                true => format!("{because}, and there is no stack set of this name"),
                false => because.clone(),
            };
            (Class::InstanceMissing, because, converge)
        }
        Kind::Override => (Class::OverridesDiffer, because.clone(), converge),
        Kind::Withdraw => {
            let (name, region) = subject.split_once(" in ")?;
            let mend = mend::delete_instance(&account.id, (name, region), false);
            let because =
                format!("{because}; nothing takes it away by itself, and its data goes too");
            (Class::InstanceBeyond, because, vec![mend])
        }
        // Both stand in the account, which is not entered; they follow from what is found here.
        Kind::Label | Kind::Quota => return None,
    };
    Some(finding(class, account, Some(tenant), Some(subject.clone()), because, mend))
}

/// Instances that are there and not as they should be; all of them, where it is not known which
/// should be there.
fn statuses(
    account: &Account,
    tenant: &TenantId,
    stack_sets: Option<&[BaselineStackSet]>,
    ground: &Ground,
) -> Vec<Finding> {
    let is_wanted = |it: &&Instance| {
        let is_it =
            |set: &BaselineStackSet| set.name == it.stack_set && set.regions.contains(&it.region);
        stack_sets.is_none_or(|sets| sets.iter().any(is_it))
    };
    let all = account.instances.iter().flatten().filter(is_wanted);
    all.filter_map(|instance| status(instance, account, tenant, ground)).collect()
}

fn status(
    instance: &Instance,
    account: &Account,
    tenant: &TenantId,
    ground: &Ground,
) -> Option<Finding> {
    let Instance { stack_set, region, status, detail, reason, .. } = instance;
    let rollouts = ground.under_way.as_ref().map(|it| &it.rollouts);
    let is_rolled_out = rollouts.is_some_and(|sets| sets.contains(stack_set));
    let is_busy = matches!(detail.as_deref(), Some("PENDING" | "RUNNING"));
    let mut because = format!("it is {status}");
    if let Some(detail) = detail {
        because.push_str(&format!(", its last operation {detail}"));
    }
    if let Some(reason) = reason {
        because.push_str(&format!(": {reason}"));
    }
    let converge = mend::converge(tenant);
    let (class, mend) = match status.as_str() {
        "CURRENT" => return None,
        "INOPERABLE" => {
            because.push_str("; delete its stack in the account by hand between the two commands");
            let spot = (stack_set.as_str(), region.as_str());
            (
                Class::InstanceInoperable,
                vec![mend::delete_instance(&account.id, spot, true), converge],
            )
        }
        _ if is_rolled_out || is_busy => return None,
        _ => (Class::InstanceOutdated, vec![converge]),
    };
    let subject = Some(format!("{stack_set} in {region}"));
    Some(finding(class, account, Some(tenant), subject, because, mend))
}
