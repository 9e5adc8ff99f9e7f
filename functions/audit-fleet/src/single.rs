//! Accounts of which the lists do not tell all are read one by one, a bounded number of them: those
//! that stand in none of the units, those without a mark, those of which a tenant has several.

use std::collections::BTreeSet;

use fleet_audit::{Account, Finding, Ground, findings, tenant_of, two_accounts};
use fleet_reads::recorded;
use lambda_kit::sdk::{Pace, Trouble};
use lifecycle::{AccountId, TenantId};

use crate::handler::{Call, Lines, Step, Worked};
use crate::judge::{count, note_tenant};
use crate::table::Row;
use crate::work::{Phase, Progress, Unread};

/// How many accounts are read one by one in an audit.
const MOST: usize = 200;
/// AWS allows ten reads of tags a second, and five of places, for everybody in the organization.
const PER_SECOND: u32 = 3;
/// Retiring and Suspended, by their places among the units that are listed.
const LEAVING: [usize; 2] = [1, 2];

impl Call<'_> {
    /// Reads single accounts while there is time. Whether all were read that are.
    pub(crate) async fn read_single(&self, progress: &mut Progress, ground: &Ground) -> Step {
        let ground = self.seen(progress, ground);
        let mut lines = Lines::default();
        let mut pace = Pace::per_second(PER_SECOND);
        let ended: Worked = loop {
            if self.is_over() {
                break Ok(false);
            }
            let Some((id, is_apart)) = next(progress) else { break Ok(true) };
            if progress.single < MOST {
                pace.turn().await;
                match Box::pin(self.one(&id, is_apart, progress, &ground)).await {
                    Ok(found) => self.keep(progress, &mut lines, found).await?,
                    Err(trouble) => break Err(self.halt(trouble)),
                }
            }
            done(progress, is_apart);
        };
        if !matches!(ended, Ok(true)) {
            self.flush(progress, &mut lines).await?;
            return Ok(ended);
        }
        match Box::pin(self.twins(progress, &ground)).await {
            Ok(found) => self.keep(progress, &mut lines, found).await?,
            Err(trouble) => {
                self.flush(progress, &mut lines).await?;
                return Ok(Err(self.halt(trouble)));
            }
        }
        self.flush(progress, &mut lines).await?;
        if progress.single > MOST {
            progress.unread.push(Unread {
                what: format!("{} accounts without a mark or a place", progress.single - MOST),
                said: format!("{MOST} of such accounts are read one by one in an audit"),
            });
        }
        progress.phase = Phase::Report;
        Ok(Ok(true))
    }

    /// What is found of an account that is read afresh.
    async fn one(
        &self,
        id: &AccountId,
        is_apart: bool,
        progress: &mut Progress,
        ground: &Ground,
    ) -> Result<Vec<Finding>, Trouble> {
        let Some(mut account) = self.fresh(id, progress).await? else { return Ok(Vec::new()) };
        let tenant = tenant_of(&account);
        if let Some(tenant) = &tenant {
            let record = Box::pin(self.app.records.read(tenant)).await?;
            account.record = Some(record.as_ref().map(recorded));
            note_tenant(progress, &account, tenant);
        } else {
            let named = account.name.as_deref().and_then(|it| ground.naming.tenant_of(it));
            account.is_named_after_another =
                named.is_some_and(|named| progress.table.has(named.as_str()));
        }
        // Those whose record names another were counted when their tags came by.
        if !(is_apart && progress.table.find(id).is_some()) {
            count(progress, &account, ground);
        }
        let is_twin = tenant.is_some_and(|it| progress.twins.contains_key(it.as_str()));
        Ok(if is_twin { Vec::new() } else { findings(&account, ground) })
    }

    /// The account as it is now; nothing when it is not in the organization.
    async fn fresh(&self, id: &AccountId, progress: &Progress) -> Result<Option<Account>, Trouble> {
        let Some(shown) = Box::pin(self.app.reads.read_account(id)).await? else { return Ok(None) };
        let Some(tags) = Box::pin(self.app.accounts.tags(id)).await? else { return Ok(None) };
        let Some(parent) = Box::pin(self.app.accounts.parent(id)).await? else { return Ok(None) };
        let instances = match progress.table.find(id) {
            Some(row) => self.packed(id, row, progress).instances,
            None => {
                let mut all = Vec::new();
                for name in &progress.sets {
                    let read = self.app.reads.read_instances(name, Some(id), None);
                    let page = Box::pin(read).await?;
                    let rows = page.into_iter().flat_map(|page| page.rows);
                    all.extend(rows.map(|(_, instance)| instance));
                }
                Some(all)
            }
        };
        Ok(Some(Account {
            name: shown.name,
            joined: shown.joined,
            parent: Some(parent),
            tags: Some(tags),
            instances,
            ..Account::new(id.clone(), shown.state)
        }))
    }

    /// The tenants that have several accounts, each read afresh: the index of tags lags.
    async fn twins(&self, progress: &Progress, ground: &Ground) -> Result<Vec<Finding>, Trouble> {
        let mut all = Vec::new();
        for (tenant, accounts) in progress.twins.iter().take(MOST) {
            let Ok(tenant) = tenant.parse::<TenantId>() else { continue };
            let mut own = Vec::new();
            for id in accounts {
                let Some(account) = self.fresh(id, progress).await? else { continue };
                if tenant_of(&account).as_ref() == Some(&tenant) && !account.is_gone() {
                    own.push(account);
                }
            }
            let record = Box::pin(self.app.records.read(&tenant)).await?;
            let record = record.as_ref().map(recorded);
            let places: Vec<_> = own.iter().map(|it| (it.id.clone(), it.parent.clone())).collect();
            let found = two_accounts(&tenant, &places, record.as_ref(), ground);
            let spoken: BTreeSet<AccountId> =
                found.iter().map(|it| it.account_id.clone()).collect();
            all.extend(found);
            // Of those that were left for this, the tenant's own is judged like any other.
            let apart =
                |it: &&mut Account| !spoken.contains(&it.id) && progress.apart.contains(&it.id);
            for account in own.iter_mut().filter(apart) {
                account.record = Some(record.clone());
                all.extend(findings(account, ground));
            }
        }
        Ok(all)
    }
}

/// The next account that is read by itself, and whether it is one of those that were set apart.
fn next(progress: &Progress) -> Option<(AccountId, bool)> {
    if let Some(id) = progress.apart.get(progress.list) {
        return Some((id.clone(), true));
    }
    unseen(progress).map(|(id, _)| (id, false))
}

/// The next account whose tags the index does not have. What is closed, and stands where the sweeps
/// close, needs no mark any more.
fn unseen(progress: &Progress) -> Option<(AccountId, Row)> {
    let mut all = progress.table.unseen(progress.unseen_from);
    all.find(|(_, row)| !row.state.is_gone() || !LEAVING.contains(&row.unit))
}

/// Goes on behind it.
fn done(progress: &mut Progress, is_apart: bool) {
    progress.single += 1;
    if is_apart {
        progress.list += 1;
        return;
    }
    if let Some((_, row)) = unseen(progress) {
        progress.unseen_from = row.place + 1;
    }
}
