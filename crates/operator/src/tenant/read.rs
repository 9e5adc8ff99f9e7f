//! One tenant, read to the ground: its record, every account that carries its mark, its instances with
//! their parameters, its executions.

use std::collections::BTreeMap;

use fleet_audit::{Account, Finding, Ground, findings, tenant_of};
use lambda_kit::Clock;
use lambda_kit::sdk::Wire;
use lifecycle::{AccountId, TenantId};
use organization_accounts::TenantAccounts;
use tenant_records::TenantRecord;

use super::executions::{self, Execution};
use crate::failure::{Exit, Failure};
use crate::fleet::{of_several, stack_sets};
use crate::ground::{Reading, Unread};
use crate::patience::patiently;

/// What is known of a tenant.
pub(super) struct Seen {
    pub(super) tenant: Option<TenantId>,
    pub(super) ground: Ground,
    pub(super) accounts: Vec<Account>,
    pub(super) record: Option<TenantRecord>,
    pub(super) executions: Vec<Execution>,
    pub(super) findings: Vec<Finding>,
    pub(super) unread: Vec<Unread>,
}

pub(super) async fn read(
    id: &str,
    wire: &Wire,
    stack: &str,
    clock: &Clock,
) -> Result<Seen, Failure> {
    let mut reading = Box::pin(Reading::begin(wire, stack, clock)).await?;
    let (tenant, mut accounts) = match id.parse::<AccountId>() {
        Ok(account) => Box::pin(by_account(&mut reading, &account)).await?,
        Err(_) => (Some(parsed(id)?), BTreeMap::new()),
    };
    let mut record = None;
    let mut executions = Vec::new();
    if let Some(tenant) = &tenant {
        record = Box::pin(of_tenant(&mut reading, wire, tenant, &mut accounts)).await;
        executions = Box::pin(executions::read(&mut reading, wire, tenant)).await;
    }
    if accounts.is_empty() && record.is_none() && executions.is_empty() && reading.unread.is_empty()
    {
        let advice = "look at the id; `landlord fleet` lists all tenants. A signup that waits in \
                      its queue is in none of these: see the runbook, \"A tenant is stuck\"";
        let said = "no account carries its mark, there is no record of it, and no execution";
        return Err(Failure::new(format!("find tenant {id}"), said, advice).exits(Exit::Failed));
    }
    for account in accounts.values_mut() {
        Box::pin(instances(&mut reading, account)).await;
    }
    let mut accounts: Vec<Account> = accounts.into_values().collect();
    // The one that is not closed first.
    accounts.sort_by_key(|account| (account.is_gone(), account.id.clone()));
    let findings = judge(tenant.as_ref(), &accounts, &reading.ground);
    let Reading { ground, unread, .. } = reading;
    Ok(Seen { tenant, ground, accounts, record, executions, findings, unread })
}

fn parsed(id: &str) -> Result<TenantId, Failure> {
    TenantId::of_original(id).map(|(tenant, _)| tenant).map_err(|fault| {
        let advice = "give a tenant's id, or an account's of twelve digits";
        Failure::new("read the id", fault.to_string(), advice).exits(Exit::Usage)
    })
}

async fn by_account(
    reading: &mut Reading,
    id: &AccountId,
) -> Result<(Option<TenantId>, BTreeMap<AccountId, Account>), Failure> {
    let Some(account) = Box::pin(reading.account(id)).await else {
        let said = match reading.unread.first() {
            Some(unread) => unread.said.clone(),
            None => "it is not in the organization".to_owned(),
        };
        let advice = "look at the id, and at CloudTrail: an account may have left the organization";
        return Err(Failure::new(format!("find account {id}"), said, advice));
    };
    let tenant = tenant_of(&account);
    Ok((tenant, BTreeMap::from([(id.clone(), account)])))
}

/// Its record, and all accounts that the index of tags, or the record, say are its.
async fn of_tenant(
    reading: &mut Reading,
    wire: &Wire,
    tenant: &TenantId,
    accounts: &mut BTreeMap<AccountId, Account>,
) -> Option<TenantRecord> {
    let records = reading.records.clone();
    let read = patiently(format!("read the record of {tenant}"), || records.read(tenant)).await;
    let read = reading.said(&format!("the record of {tenant}"), read);
    let record = read.clone().flatten();
    let index = TenantAccounts::new(wire);
    let what = format!("the accounts that carry the mark of {tenant}");
    let found = patiently(format!("find {what}"), || index.indexed(tenant)).await;
    let mut ids = reading.said(&what, found).unwrap_or_default();
    ids.extend(record.as_ref().and_then(|it| it.account_id.clone()));
    for id in ids {
        if !accounts.contains_key(&id)
            && let Some(account) = Box::pin(reading.account(&id)).await
        {
            accounts.insert(id, account);
        }
    }
    let recorded = read.map(|record| record.as_ref().map(fleet_reads::recorded));
    for account in accounts.values_mut() {
        account.record = recorded.clone();
    }
    record
}

/// Its instances of every stack set that a tier has, with their parameters.
async fn instances(reading: &mut Reading, account: &mut Account) {
    if reading.ground.tiers.is_none() {
        return;
    }
    let reads = reading.reads.clone();
    let mut all = Vec::new();
    for name in stack_sets(&reading.ground) {
        let what = format!("the instances of {name}");
        // An account has one in each Region: they fit on a page.
        let page = patiently(format!("read {what}"), || {
            reads.read_instances(&name, Some(&account.id), None)
        });
        let page = page.await;
        match reading.said(&what, page) {
            None => drop(reading.ground.unread_sets.insert(name)),
            Some(None) => drop(reading.ground.missing_sets.insert(name)),
            Some(Some(page)) => all.extend(page.rows.into_iter().map(|(_, instance)| instance)),
        }
    }
    for instance in &mut all {
        let what = format!("the parameters of {} in {}", instance.stack_set, instance.region);
        let before = instance.clone();
        let read = patiently(format!("read {what}"), || async {
            let mut read = before.clone();
            reads.read_overrides(&account.id, &mut read).await.map(|()| read)
        });
        let read = read.await;
        if let Some(read) = reading.said(&what, read) {
            *instance = read;
        }
    }
    account.instances = Some(all);
}

/// What is wrong, the gravest first.
fn judge(tenant: Option<&TenantId>, accounts: &[Account], ground: &Ground) -> Vec<Finding> {
    let open: Vec<&Account> = accounts
        .iter()
        .filter(|it| !it.is_gone() && tenant.is_some() && tenant_of(it).as_ref() == tenant)
        .collect();
    let mut all = match tenant {
        Some(tenant) => of_several(tenant, &open, ground),
        None => Vec::new(),
    };
    let others: Vec<_> = all.iter().map(|it| it.account_id.clone()).collect();
    for account in accounts.iter().filter(|it| !others.contains(&it.id)) {
        all.extend(findings(account, ground));
    }
    all.sort_by_key(|finding| finding.class);
    all
}
