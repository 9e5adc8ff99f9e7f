//! Each account of a tenant is judged as the page with its tags comes by: with what the table knows of
//! it, and with its tenant's record.

use std::collections::BTreeMap;

use fleet_audit::{Account, Ground, Instance, Recorded, findings, tenant_of};
use fleet_reads::read_records;
use lambda_kit::sdk::Pace;
use lifecycle::retirement::AccountTags;
use lifecycle::{AccountId, ParentId, TenantId, tags};

use crate::error::Halt;
use crate::handler::{Call, Lines, Step, Worked};
use crate::lists::is_stale;
use crate::table::Row;
use crate::work::{Phase, Progress};

const PAGES_PER_SECOND: u32 = 8;

/// The records of the tenants of a page.
type Records = BTreeMap<TenantId, Option<Recorded>>;

impl Call<'_> {
    /// Reads pages of tags while there is time. Whether all were read.
    pub(crate) async fn judge(&self, progress: &mut Progress, ground: &Ground) -> Step {
        // Who began since the first time is under way, too.
        if progress.list == 0 {
            if let Err(halt) = self.read_under_way(progress).await {
                return Ok(Err(halt));
            }
            progress.list = 1;
        }
        let ground = self.seen(progress, ground);
        let mut pace = Pace::per_second(PAGES_PER_SECOND);
        let mut lines = Lines::default();
        let ended: Worked = loop {
            if self.is_over() {
                break Ok(false);
            }
            pace.turn().await;
            let page = Box::pin(self.app.reads.read_marked(progress.token.clone())).await;
            let page = match page {
                Ok(page) => page,
                Err(trouble) if is_stale(&trouble, progress.token.as_ref()) => {
                    *progress = Progress::default();
                    return Ok(Ok(false));
                }
                Err(trouble) => break Err(self.halt(trouble)),
            };
            let tenants = page.rows.iter();
            let tenants: Vec<TenantId> =
                tenants.filter_map(|(_, tags)| tags.get(tags::TENANT)?.parse().ok()).collect();
            let records = match Box::pin(read_records(&self.app.records, tenants)).await {
                Ok(records) => records,
                Err(trouble) => break Err(self.halt(trouble)),
            };
            progress.pages += 1;
            for (id, tags) in page.rows {
                self.judge_one((id, tags), &records, progress, &mut lines, &ground).await?;
            }
            progress.token = page.next;
            if progress.token.is_none() {
                progress.list = 0;
                progress.phase = Phase::Single;
                break Ok(true);
            }
        };
        self.flush(progress, &mut lines).await?;
        Ok(ended)
    }

    async fn judge_one(
        &self,
        (id, tags): (AccountId, AccountTags),
        records: &Records,
        progress: &mut Progress,
        lines: &mut Lines,
        ground: &Ground,
    ) -> Result<(), Halt> {
        let Some(row) = progress.table.find(&id) else {
            progress.apart.push(id);
            return Ok(());
        };
        if !progress.table.see(row) {
            return Ok(());
        }
        let mut account = self.packed(&id, row, progress);
        account.tags = Some(tags);
        let tenant = tenant_of(&account);
        account.record = tenant.as_ref().and_then(|tenant| records.get(tenant).cloned());
        count(progress, &account, ground);
        let Some(tenant) = tenant else {
            let found = findings(&account, ground);
            return self.keep(progress, lines, found).await;
        };
        note_tenant(progress, &account, &tenant);
        let recorded = account.record.as_ref().and_then(Option::as_ref);
        let named = recorded.and_then(|it| it.account.as_ref());
        if !account.is_gone() && named.is_some_and(|named| *named != id) {
            // Perhaps there is another account of the tenant: that is known when all were seen.
            progress.apart.push(id);
            return Ok(());
        }
        let found = findings(&account, ground);
        self.keep(progress, lines, found).await
    }

    /// What the table knows of the account.
    pub(crate) fn packed(&self, id: &AccountId, row: Row, progress: &Progress) -> Account {
        let unit = self.app.config.listed().get(row.unit).map(|unit| ParentId::Ou((*unit).clone()));
        let instances = progress.table.statuses(row).filter_map(|(spot, status)| {
            let (stack_set, region) = spot.split_once(" in ")?;
            let reason = progress.reasons.get(&format!("{id} {spot}")).cloned();
            let (detail, reason) = reason.unwrap_or_default();
            Some(Instance {
                stack_set: stack_set.parse().ok()?,
                region: region.parse().ok()?,
                status: status.to_owned(),
                detail,
                reason,
                overrides: None,
            })
        });
        Account {
            parent: unit,
            instances: Some(instances.collect()),
            ..Account::new(id.clone(), row.state)
        }
    }
}

/// Counts the account by where it is in its life.
pub(crate) fn count(progress: &mut Progress, account: &Account, ground: &Ground) {
    let standing = ground.standing(account);
    let state = if account.is_gone() { "CLOSED" } else { standing.as_str() };
    *progress.states.entry(state.to_owned()).or_default() += 1;
}

/// Notes the tenant's account, and that it has another.
pub(crate) fn note_tenant(progress: &mut Progress, account: &Account, tenant: &TenantId) {
    if account.is_gone() {
        return;
    }
    if let Some(other) = progress.table.take(tenant.as_str(), &account.id) {
        let twins = progress.twins.entry(tenant.to_string()).or_default();
        twins.extend([other, account.id.clone()]);
    }
}
