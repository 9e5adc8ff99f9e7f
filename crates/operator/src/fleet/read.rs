//! The fleet, read in bulk: units, tags, instances, records, and who is worked on.

use std::collections::{BTreeMap, BTreeSet};

use fleet_audit::{Account, Finding, Ground, Recorded, findings, tenant_of, two_accounts};
use fleet_reads::read_records;
use lambda_kit::Clock;
use lambda_kit::sdk::{Pace, Wire};
use lifecycle::retirement::AccountTags;
use lifecycle::{AccountId, OuId, ParentId, StackSetName, TenantId};

use crate::failure::Failure;
use crate::ground::{Reading, Unread};
use crate::page::progress;
use crate::patience::patiently;

/// How many accounts are read one by one, which the lists do not tell all of.
const MOST_SINGLE: usize = 200;
/// AWS allows ten of these a second, for everybody in the organization.
const SINGLE_PER_SECOND: u32 = 5;

/// The fleet as it was seen.
pub(super) struct Seen {
    pub(super) ground: Ground,
    pub(super) accounts: BTreeMap<AccountId, Account>,
    pub(super) findings: BTreeMap<AccountId, Vec<Finding>>,
    pub(super) unread: Vec<Unread>,
}

pub(super) async fn read(wire: &Wire, stack: &str, clock: &Clock) -> Result<Seen, Failure> {
    progress("reading the stack, the tiers and what runs");
    let mut reading = Box::pin(Reading::begin(wire, stack, clock)).await?;
    let mut accounts = Box::pin(units(&mut reading)).await;
    Box::pin(tags(&mut reading, &mut accounts)).await;
    Box::pin(instances(&mut reading, &mut accounts)).await;
    Box::pin(records(&mut reading, &mut accounts)).await;
    if reading.ground.under_way.is_some() {
        // Who ended meanwhile may have been seen half done, and who began as well.
        Box::pin(reading.under_way()).await;
    }
    let findings = judge(&accounts, &reading.ground);
    Ok(Seen { ground: reading.ground, accounts, findings, unread: reading.unread })
}

/// The accounts that stand in Landlord's units.
async fn units(reading: &mut Reading) -> BTreeMap<AccountId, Account> {
    let ground = &reading.ground;
    let mut all: Vec<(String, OuId)> =
        ground.units.iter().map(|(name, id)| (name.to_string(), id.clone())).collect();
    all.push(("Onboarding".to_owned(), ground.onboarding.clone()));
    all.push(("Retiring".to_owned(), ground.retiring.clone()));
    all.push(("Suspended".to_owned(), ground.suspended.clone()));
    let reads = reading.reads.clone();
    let mut accounts = BTreeMap::new();
    for (name, unit) in all {
        let what = format!("the accounts in {name}");
        progress(&format!("reading {what}"));
        let listed = reading.pages(&what, |token| reads.read_accounts(&unit, token)).await;
        for shown in listed.into_iter().flatten() {
            let account = Account {
                name: shown.name,
                joined: shown.joined,
                parent: Some(ParentId::Ou(unit.clone())),
                ..Account::new(shown.id.clone(), shown.state)
            };
            accounts.insert(shown.id, account);
        }
    }
    accounts
}

/// The tags of all accounts of tenants, those included that stand elsewhere.
async fn tags(reading: &mut Reading, accounts: &mut BTreeMap<AccountId, Account>) {
    progress("reading the tags of all accounts of tenants");
    let reads = reading.reads.clone();
    let marked = reading.pages("the accounts' tags", |token| reads.read_marked(token)).await;
    let Some(marked) = marked else { return };
    let mut marked: BTreeMap<AccountId, AccountTags> = marked.into_iter().collect();
    for (id, account) in accounts.iter_mut() {
        account.tags = marked.remove(id);
    }
    // The index lags: who is not in it is read afresh, and so is who stands in none of the units.
    let unmarked = accounts.values().filter(|it| it.tags.is_none() && !it.is_gone());
    let unmarked: Vec<AccountId> = unmarked.map(|it| it.id.clone()).collect();
    let single: Vec<AccountId> = unmarked.iter().chain(marked.keys()).cloned().collect();
    let mut pace = Pace::per_second(SINGLE_PER_SECOND);
    let before = reading.unread.len();
    for id in single.iter().take(MOST_SINGLE) {
        // What is refused for one is refused for all.
        if reading.unread.len() > before {
            break;
        }
        pace.turn().await;
        if let Some(account) = Box::pin(reading.account(id)).await {
            accounts.insert(id.clone(), account);
        }
    }
    if single.len() > MOST_SINGLE {
        reading.unread.push(Unread {
            what: format!(
                "{} accounts whose tags or place the lists do not tell",
                single.len() - MOST_SINGLE
            ),
            said: format!("{MOST_SINGLE} of such accounts are read one by one"),
            advice: "mend what is found of the others first, then look again".to_owned(),
        });
    }
    let tenants: BTreeSet<TenantId> = accounts.values().filter_map(tenant_of).collect();
    for account in accounts.values_mut().filter(|it| tenant_of(it).is_none()) {
        let named = account.name.as_deref().and_then(|it| reading.ground.naming.tenant_of(it));
        account.is_named_after_another = named.is_some_and(|named| tenants.contains(&named));
    }
}

/// The instances of every stack set that a tier has.
async fn instances(reading: &mut Reading, accounts: &mut BTreeMap<AccountId, Account>) {
    for account in accounts.values_mut() {
        account.instances = reading.ground.tiers.is_some().then(Vec::new);
    }
    let reads = reading.reads.clone();
    for name in stack_sets(&reading.ground) {
        let what = format!("the instances of {name}");
        progress(&format!("reading {what}"));
        let mut token = None;
        loop {
            let page = patiently(format!("read {what}"), || {
                reads.read_instances(&name, None, token.clone())
            });
            let page = page.await;
            let Some(page) = reading.said(&what, page) else {
                reading.ground.unread_sets.insert(name.clone());
                break;
            };
            let Some(page) = page else {
                reading.ground.missing_sets.insert(name.clone());
                break;
            };
            for (id, instance) in page.rows {
                let known = accounts.get_mut(&id).and_then(|it| it.instances.as_mut());
                known.into_iter().for_each(|known| known.push(instance.clone()));
            }
            token = page.next;
            if token.is_none() {
                break;
            }
        }
    }
}

/// The stack sets of all tiers.
pub(crate) fn stack_sets(ground: &Ground) -> BTreeSet<StackSetName> {
    let tiers = ground.tiers.iter().flat_map(|tiers| tiers.iter());
    tiers.flat_map(|(_, tier)| &tier.baseline).map(|it| it.name.clone()).collect()
}

async fn records(reading: &mut Reading, accounts: &mut BTreeMap<AccountId, Account>) {
    progress("reading the tenants' records");
    let tenants: BTreeSet<TenantId> = accounts.values().filter_map(tenant_of).collect();
    let records = reading.records.clone();
    let read =
        patiently("read the tenants' records", || read_records(&records, tenants.iter().cloned()));
    let read = read.await;
    let Some(all) = reading.said("the tenants' records", read) else { return };
    for account in accounts.values_mut() {
        account.record = tenant_of(account).and_then(|tenant| all.get(&tenant).cloned());
    }
}

/// What is wrong, by account.
fn judge(
    accounts: &BTreeMap<AccountId, Account>,
    ground: &Ground,
) -> BTreeMap<AccountId, Vec<Finding>> {
    let mut all: BTreeMap<AccountId, Vec<Finding>> = BTreeMap::new();
    let mut open: BTreeMap<TenantId, Vec<&Account>> = BTreeMap::new();
    for account in accounts.values() {
        let found = findings(account, ground);
        all.entry(account.id.clone()).or_default().extend(found);
        if let Some(tenant) = tenant_of(account).filter(|_| !account.is_gone()) {
            open.entry(tenant).or_default().push(account);
        }
    }
    for (tenant, accounts) in open {
        for finding in of_several(&tenant, &accounts, ground) {
            let found = all.entry(finding.account_id.clone()).or_default();
            // Whatever else is wrong with it is another tenant's, or nobody's.
            found.clear();
            found.push(finding);
        }
    }
    all
}

/// What is wrong when several accounts carry the tenant's mark.
pub(crate) fn of_several(
    tenant: &TenantId,
    accounts: &[&Account],
    ground: &Ground,
) -> Vec<Finding> {
    let places: Vec<_> = accounts.iter().map(|it| (it.id.clone(), it.parent.clone())).collect();
    let mut records = accounts.iter().filter_map(|it| it.record.as_ref());
    let record: Option<Recorded> = records.next().cloned().flatten();
    two_accounts(tenant, &places, record.as_ref(), ground)
}
