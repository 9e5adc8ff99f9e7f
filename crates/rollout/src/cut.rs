//! Cuts the instances of a stack set into waves, and waves into operations.

use std::collections::{BTreeMap, BTreeSet};

use lifecycle::{AccountId, Fault, Faults, OuName, RegionName, rollout::point_of};
use serde::{Deserialize, Serialize};

use crate::plan::{Plan, Selection};

/// Accounts that all have instances in the same Regions: naming an account and a Region in which
/// it has none would refuse the whole operation, for AWS multiplies accounts by Regions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    /// The Regions of each of them.
    pub regions: Vec<RegionName>,
    /// The accounts.
    pub accounts: Vec<AccountId>,
}

impl Batch {
    /// Its instances.
    pub fn instances(&self) -> usize {
        self.regions.len() * self.accounts.len()
    }
}

/// Accounts with their Regions, as batches of at most `size` accounts.
pub fn batches(of: BTreeMap<AccountId, BTreeSet<RegionName>>, size: usize) -> Vec<Batch> {
    let mut groups: BTreeMap<BTreeSet<RegionName>, Vec<AccountId>> = BTreeMap::new();
    for (account, regions) in of {
        groups.entry(regions).or_default().push(account);
    }
    groups
        .into_iter()
        .flat_map(|(regions, accounts)| {
            let regions: Vec<RegionName> = regions.into_iter().collect();
            let cut: Vec<Batch> = accounts
                .chunks(size.max(1))
                .map(|some| Batch { regions: regions.clone(), accounts: some.to_vec() })
                .collect();
            cut
        })
        .collect()
}

/// One instance of the stack set, as it was before the roll-out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Instance {
    /// The account.
    pub account: AccountId,
    /// The Region.
    pub region: RegionName,
    /// A deletion failed here: no update reaches it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inoperable: bool,
    /// The unit through which AWS reaches it, of service-managed stack sets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// Who stands in a unit: the account, and the tenant's id, or the account's own where it has no
/// tenant.
pub type Members = BTreeMap<OuName, Vec<(AccountId, String)>>;

/// Accounts of each wave, with the Regions of their instances, and who is in no wave at all.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// As many as the plan has waves.
    pub waves: Vec<BTreeMap<AccountId, BTreeSet<RegionName>>>,
    /// Accounts with instances that no wave takes.
    pub left_out: usize,
    /// Instances that no update reaches.
    pub inoperable: usize,
    /// Accounts with instances that the plan excepts.
    pub excepted: Vec<AccountId>,
}

/// Cuts the instances into the plan's waves. An account is in the first wave that takes it;
/// accounts without an instance are in none. `tagged` are the accounts with a tag that the plan
/// excepts; `salt` makes the order within a unit a secret, or is empty.
///
/// # Errors
/// Accounts that the plan names and that have no instance, or are excepted.
pub fn cut(
    plan: &Plan,
    instances: &[Instance],
    members: &Members,
    tagged: &BTreeSet<AccountId>,
    salt: &str,
) -> Result<Cut, Faults> {
    let mut faults = Faults::new();
    let of_units = plan.except.units.iter().filter_map(|unit| members.get(unit)).flatten();
    let excepted: BTreeSet<&AccountId> =
        plan.except.accounts.iter().chain(tagged).chain(of_units.map(|(id, _)| id)).collect();
    let mut excepted_here: BTreeSet<AccountId> = BTreeSet::new();
    let mut left: BTreeMap<AccountId, BTreeSet<RegionName>> = BTreeMap::new();
    for one in instances.iter().filter(|one| !one.inoperable) {
        if excepted.contains(&one.account) {
            excepted_here.insert(one.account.clone());
            continue;
        }
        left.entry(one.account.clone()).or_default().insert(one.region.clone());
    }
    let known: BTreeSet<AccountId> = left.keys().cloned().collect();
    let mut waves = Vec::with_capacity(plan.waves.len());
    for (index, wave) in plan.waves.iter().enumerate() {
        let chosen: Vec<AccountId> = match &wave.accounts {
            Selection::Unit(unit) => of_unit(members, &known, unit, salt, |_, _| true),
            Selection::Percent(unit, percent) => {
                let below = percent.saturating_mul(100);
                of_unit(members, &known, unit, salt, |_, point| point < below)
            }
            Selection::Count(unit, count) => {
                let most = usize::try_from(*count).unwrap_or(usize::MAX);
                of_unit(members, &known, unit, salt, |place, _| place < most)
            }
            Selection::Accounts(ids) => {
                for id in ids.iter().filter(|id| !known.contains(*id)) {
                    let field = format!("plan.waves[{index}].accounts.accountIds");
                    let rule = if excepted_here.contains(id) {
                        "must not be excepted as well"
                    } else {
                        "must have an instance of the stack set"
                    };
                    faults.push(Fault::new(field, id.as_str(), rule));
                }
                ids.clone()
            }
            Selection::Rest => left.keys().cloned().collect(),
        };
        waves.push(chosen.into_iter().filter_map(|id| left.remove_entry(&id)).collect());
    }
    let inoperable = instances.iter().filter(|one| one.inoperable).count();
    faults.none_or(Some(Cut {
        waves,
        left_out: left.len(),
        inoperable,
        excepted: excepted_here.into_iter().collect(),
    }))
}

/// Those of a unit's accounts that have an instance and are wanted, in the order of their
/// tenants' points.
fn of_unit(
    members: &Members,
    known: &BTreeSet<AccountId>,
    unit: &OuName,
    salt: &str,
    wanted: impl Fn(usize, u32) -> bool,
) -> Vec<AccountId> {
    let here = members.get(unit).into_iter().flatten();
    let here = here.filter(|(account, _)| known.contains(account));
    let mut here: Vec<(u32, &AccountId)> =
        here.map(|(account, tenant)| (point_of(tenant, salt), account)).collect();
    here.sort();
    let wanted = here.into_iter().enumerate().filter(|(place, (point, _))| wanted(*place, *point));
    wanted.map(|(_, (_, account))| account.clone()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::Input;

    fn id(number: usize) -> AccountId {
        format!("{number:012}").parse().unwrap()
    }

    fn plan(selections: serde_json::Value) -> Plan {
        let waves: Vec<_> = selections
            .as_array()
            .unwrap()
            .iter()
            .enumerate()
            .map(|(n, one)| json!({"name": format!("w{n}"), "accounts": one}))
            .collect();
        let input = json!({"stackSet": "s", "usePreviousTemplate": true, "plan": {"waves": waves}});
        Input::read(&input).unwrap().plan
    }

    fn fleet(accounts: usize, regions: &[&str]) -> Vec<Instance> {
        (0..accounts)
            .flat_map(|n| {
                regions.iter().map(move |region| Instance {
                    account: id(n),
                    region: region.parse().unwrap(),
                    inoperable: false,
                    unit: None,
                })
            })
            .collect()
    }

    fn members(unit: &str, accounts: std::ops::Range<usize>) -> (OuName, Vec<(AccountId, String)>) {
        (unit.parse().unwrap(), accounts.map(|n| (id(n), format!("tenant-{n}"))).collect())
    }

    #[test]
    fn an_account_is_in_the_first_wave_that_takes_it() {
        let plan = plan(json!([
            {"organizationalUnit": "A", "count": 2}, {"organizationalUnit": "A"},
            {"organizationalUnit": "B", "percent": 10}, {"organizationalUnit": "B", "percent": 50},
            {"accountIds": [id(1_500).as_str()]}, {"rest": true}]));
        let members = Members::from([members("A", 0..20), members("B", 20..1_520)]);
        let cut =
            cut(&plan, &fleet(2_000, &["eu-central-1"]), &members, &BTreeSet::new(), "").unwrap();
        let sizes: Vec<usize> = cut.waves.iter().map(BTreeMap::len).collect();
        assert_eq!(sizes[0], 2);
        assert_eq!(sizes[1], 18);
        assert!((120..180).contains(&sizes[2]), "{sizes:?}");
        assert!((690..810).contains(&(sizes[2] + sizes[3])), "{sizes:?}");
        assert_eq!(sizes.iter().sum::<usize>(), 2_000);
        assert_eq!(cut.left_out, 0);
    }

    #[test]
    fn a_named_account_without_an_instance_is_a_fault() {
        let plan = plan(json!([{"accountIds": [id(1).as_str(), id(7).as_str()]}]));
        let faults =
            cut(&plan, &fleet(2, &["eu-central-1"]), &Members::new(), &BTreeSet::new(), "")
                .unwrap_err();
        assert_eq!(faults.reasons().len(), 1);
        assert!(faults.reasons()[0].contains("000000000007"));
    }

    #[test]
    fn what_no_update_reaches_and_what_no_wave_takes_is_counted() {
        let mut instances = fleet(3, &["eu-central-1", "us-east-1"]);
        instances[0].inoperable = true;
        let plan = plan(json!([{"accountIds": [id(0).as_str(), id(1).as_str()]}]));
        let cut = cut(&plan, &instances, &Members::new(), &BTreeSet::new(), "").unwrap();
        assert_eq!((cut.inoperable, cut.left_out), (1, 1));
        assert_eq!(cut.waves[0][&id(0)].len(), 1, "its other Region is updated");
    }

    #[test]
    fn what_the_plan_excepts_is_in_no_wave_and_is_named() {
        let mut plan = plan(json!([{"organizationalUnit": "A", "count": 2}, {"rest": true}]));
        plan.except.accounts = vec![id(1), id(90)];
        plan.except.units = vec!["B".parse().unwrap()];
        let members = Members::from([members("A", 0..10), members("B", 10..15)]);
        let tagged = BTreeSet::from([id(20)]);
        let cut = cut(&plan, &fleet(30, &["eu-central-1"]), &members, &tagged, "").unwrap();
        let taken: Vec<_> = cut.waves.iter().flat_map(BTreeMap::keys).collect();
        assert_eq!(taken.len(), 30 - 1 - 5 - 1);
        assert_eq!(cut.excepted.len(), 7, "account 90 has no instance");
        for excepted in &cut.excepted {
            assert!(!taken.contains(&excepted));
        }
        assert_eq!(cut.waves[0].len(), 2, "others take the place of an excepted canary");
        plan.waves[0].accounts = Selection::Accounts(vec![id(1)]);
        let faults = super::cut(&plan, &fleet(30, &["eu-central-1"]), &members, &tagged, "");
        assert!(faults.unwrap_err().reasons()[0].contains("excepted"));
    }

    #[test]
    fn a_salt_draws_other_canaries_and_none_keeps_the_order() {
        let plan = plan(json!([{"organizationalUnit": "A", "count": 20}, {"rest": true}]));
        let members = Members::from([members("A", 0..2_000)]);
        let fleet = fleet(2_000, &["eu-central-1"]);
        let canaries = |salt: &str| -> BTreeSet<AccountId> {
            let cut = cut(&plan, &fleet, &members, &BTreeSet::new(), salt).unwrap();
            cut.waves[0].keys().cloned().collect()
        };
        let (none, one, other) = (canaries(""), canaries("secret"), canaries("another"));
        assert_eq!(canaries("secret"), one);
        assert!(none.intersection(&one).count() < 5);
        assert!(one.intersection(&other).count() < 5);
    }

    proptest! {
        #[test]
        fn batches_hold_every_instance_once_and_no_other(
            given in prop::collection::btree_map(
                0_usize..300, prop::collection::btree_set(0_usize..3, 1..3), 0..120),
            size in 1_usize..50,
        ) {
            let names = ["eu-central-1", "eu-west-1", "us-east-1"];
            let of: BTreeMap<_, BTreeSet<RegionName>> = given
                .iter()
                .map(|(n, regions)| (id(*n), regions.iter().map(|r| names[*r].parse().unwrap()).collect()))
                .collect();
            let mut seen: BTreeMap<AccountId, BTreeSet<RegionName>> = BTreeMap::new();
            for batch in batches(of.clone(), size) {
                prop_assert!((1..=size).contains(&batch.accounts.len()));
                for account in batch.accounts {
                    let regions: BTreeSet<_> = batch.regions.iter().cloned().collect();
                    prop_assert!(seen.insert(account, regions).is_none());
                }
            }
            prop_assert_eq!(seen, of);
        }
    }
}
