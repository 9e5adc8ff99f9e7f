//! How a withdrawal ends: with the accounts that may be closed, those that are stuck and are
//! remembered, or because time is over or everything irreversible is stopped.

use std::collections::{BTreeMap, BTreeSet};

use lifecycle::retirement::sweep::{
    CLOSABLE, Candidate, LEFT, STOPPED, STUCK, STUCK_BEFORE, Stuck, StuckCode, UNREAD, Unread,
};
use lifecycle::{AccountId, TenantId};
use stop_switch::Stop;

use crate::error::Halt;
use crate::handler::{Withdrawal, Withdrawn};
use crate::work::{Checked, Phase, StuckBefore, StuckSince, left_key};

impl Withdrawal<'_> {
    /// Keeps the stop where the report finds it, however soon the switch is taken away.
    pub(crate) async fn note_stop(&self, stop: &Stop) -> Result<(), Halt> {
        let key = self.request.sweep.key(STOPPED);
        let written = self.app.files.write_json(&key, stop).await;
        written.map_err(|trouble| self.halt(trouble))
    }

    /// Everything irreversible is stopped: no account of this sweep goes on.
    pub(crate) async fn stop(&mut self, stop: Stop) -> Result<Withdrawn, Halt> {
        self.note_stop(&stop).await?;
        let stopped = self.checked().await?.into_iter().map(|account| Stuck {
            account_id: account.candidate.account_id,
            tenant_id: account.candidate.tenant_id,
            stack_set: None,
            region: None,
            code: StuckCode::Stopped,
            reason: stop.to_string(),
        });
        let stopped: Vec<Stuck> = stopped.collect();
        self.finish(&stopped, Some(stop)).await
    }

    /// Time is over: whoever has instances left is stuck.
    pub(crate) async fn give_up(&mut self, because: &str) -> Result<Withdrawn, Halt> {
        let tenants: BTreeMap<AccountId, TenantId> = self
            .checked()
            .await?
            .into_iter()
            .map(|account| (account.candidate.account_id, account.candidate.tenant_id))
            .collect();
        let mut late = Vec::new();
        // What was not looked at is not known to be empty.
        let is_known = self.state.phase != Phase::Find;
        for (account_id, tenant_id) in tenants {
            let stuck = Stuck {
                account_id,
                tenant_id,
                stack_set: None,
                region: None,
                code: StuckCode::OutOfTime,
                reason: because.to_owned(),
            };
            late.push(stuck);
        }
        if is_known {
            let works = self.works().await?;
            let left: BTreeSet<_> = works
                .iter()
                .flat_map(|work| work.groups.iter().flat_map(|group| &group.accounts))
                .collect();
            late.retain(|stuck| left.contains(&stuck.account_id));
        }
        self.finish(&late, None).await
    }

    pub(crate) async fn finish(
        &mut self,
        late: &[Stuck],
        stopped: Option<Stop>,
    ) -> Result<Withdrawn, Halt> {
        let checked = self.checked().await?;
        let mut works = self.works_so_far().await?;
        if !checked.is_empty() {
            works.extend(self.works().await?);
        }
        let mut stuck: Vec<Stuck> = late.to_vec();
        let mut unread = Vec::new();
        for work in works {
            let stack_set = work.stack_set;
            unread.extend(work.unread.map(|reason| Unread { stack_set, reason }));
            stuck.extend(work.stuck);
        }
        stuck.retain(|stuck| !self.state.back.contains(&stuck.account_id));
        let ids: BTreeSet<&AccountId> = stuck.iter().map(|stuck| &stuck.account_id).collect();
        let closable: Vec<&Candidate> = checked
            .iter()
            .map(|account| &account.candidate)
            .filter(|candidate| !ids.contains(&candidate.account_id))
            .collect();
        let sweep = &self.request.sweep;
        let (closable_key, stuck_key) = (sweep.key(CLOSABLE), sweep.key(STUCK));
        let files = &self.app.files;
        // An account that the switch stopped before it was marked is among the refused.
        let stopped = match stopped {
            None if self.state.refused > 0 => {
                let noted = files.read_json(&sweep.key(STOPPED)).await;
                noted.map_err(|trouble| self.halt(trouble))?
            }
            stopped => stopped,
        };
        let withdrawn = Withdrawn {
            closable: closable.len(),
            stuck: ids.len(),
            refused: self.state.refused,
            unread: unread.len(),
            stopped,
            closable_key: closable_key.clone(),
            stuck_key: stuck_key.clone(),
        };
        files.write_lines(&stuck_key, &stuck).await.map_err(|trouble| self.halt(trouble))?;
        let left = self.left_behind().await?;
        if !left.is_empty() {
            let written = files.write_lines(&sweep.key(LEFT), &left).await;
            written.map_err(|trouble| self.halt(trouble))?;
        }
        if !unread.is_empty() {
            let written = files.write_lines(&sweep.key(UNREAD), &unread).await;
            written.map_err(|trouble| self.halt(trouble))?;
        }
        self.remember(&checked, &stuck).await?;
        let written = files.write_lines(&closable_key, closable).await;
        written.map_err(|trouble| self.halt(trouble))?;
        tracing::info!(
            sweep = sweep.name,
            closable = withdrawn.closable,
            stuck = withdrawn.stuck,
            refused = withdrawn.refused,
            "the stacks are withdrawn"
        );
        Ok(withdrawn)
    }

    /// The stacks that were left behind, at whatever look.
    async fn left_behind(&self) -> Result<Vec<Stuck>, Halt> {
        let mut left = Vec::new();
        for attempt in &self.state.left {
            let key = left_key(&self.request.sweep, *attempt);
            let read = self.app.files.read_lines::<Stuck>(&key).await;
            left.extend(read.map_err(|trouble| self.halt(trouble))?);
        }
        Ok(left)
    }

    /// Remembers who is stuck, for the next plans; one sweep runs at a time.
    async fn remember(&self, checked: &[Checked], stuck: &[Stuck]) -> Result<(), Halt> {
        let read = self.app.files.read_json(STUCK_BEFORE).await;
        let before: StuckBefore = read.map_err(|trouble| self.halt(trouble))?.unwrap_or_default();
        let mut after = before.clone();
        for account in checked {
            after.remove(&account.candidate.account_id);
        }
        // What was stopped is not stuck: it keeps its turn.
        for one in stuck.iter().filter(|one| one.code != StuckCode::Stopped) {
            let known = before.get(&one.account_id).map(|known| known.since);
            let since = known.unwrap_or_else(|| self.app.clock.now());
            let reason = format!("{:?}: {}", one.code, one.reason);
            after.insert(one.account_id.clone(), StuckSince { since, reason });
        }
        if after == before {
            return Ok(());
        }
        let written = self.app.files.write_json(STUCK_BEFORE, &after).await;
        written.map_err(|trouble| self.halt(trouble))
    }
}
