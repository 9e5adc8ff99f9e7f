//! The next operation of a stage: what it is about, how it may go, and what AWS says to it.

use jiff::Timestamp;
use lifecycle::rollout::{OperationName, Stage};
use rollout::manifest::PREVIOUS_TEMPLATE;
use rollout::plan::{ConcurrencyMode, RegionConcurrency};
use rollout::stack_set::{Pace, Started};
use rollout::{Batch, Manifest, Stop};

use crate::definition::Changed;
use crate::gates;
use crate::house::{Look, Place, without};
use crate::rounds::nobody_took_it;
use crate::run::{Next, Run, WAIT_AFTER_START, WAIT_FOR_LOOKS, WAIT_WHILE_BUSY, wait};
use crate::state::{Open, State};

/// Between two calls that open gates.
const WAIT_FOR_GATES: u32 = 1;

impl Run<'_> {
    pub(crate) fn concurrent(&self, batch: &Batch) -> usize {
        let here = batch.accounts.len().max(1);
        match (self.stage, self.plan()) {
            // Of the whole wave, not of what is left of it.
            (Stage::Wave { number, .. }, Some(plan)) => {
                let all = self.manifest.size(number).map_or(here, |size| size.accounts);
                plan.concurrent(all).min(here)
            }
            (_, Some(plan)) => plan.concurrent(self.largest_wave()).min(here),
            (_, None) => 1,
        }
    }

    fn largest_wave(&self) -> usize {
        self.manifest.waves.iter().map(|wave| wave.accounts).max().unwrap_or(1)
    }

    pub(crate) fn rounds(&self, batch: &Batch) -> usize {
        batch.accounts.len().div_ceil(self.concurrent(batch).max(1))
    }

    fn pace(&self, batch: &Batch, counts: &rollout::Counts) -> Pace {
        let tolerance = match self.tolerances() {
            Some(tolerances) => {
                tolerances.for_aws(counts, batch.accounts.len(), self.offenders.among(batch))
            }
            None => batch.accounts.len(),
        };
        let plan = self.plan();
        let (mode, regions) = match plan.filter(|_| self.tolerances().is_some()) {
            Some(plan) => (plan.preferences.concurrency_mode, plan.preferences.region_concurrency),
            None => (ConcurrencyMode::SoftFailureTolerance, RegionConcurrency::Parallel),
        };
        let region_order = plan.map(|plan| Manifest::region_order(plan, batch)).unwrap_or_default();
        Pace { concurrent: self.concurrent(batch), tolerance, mode, regions, region_order }
    }

    /// Starts the operation about the batch.
    pub(crate) async fn start(
        &self,
        state: &mut State,
        batch: &Batch,
        restores: bool,
        now: Timestamp,
    ) -> Result<Next, Stop> {
        if matches!(self.stage, Stage::Back { .. }) && !gates::are_open(state, batch, now) {
            let rounds = self.rounds(batch);
            gates::open(self.app, self.header, state, (batch, rounds), now).await?;
            if !gates::are_open(state, batch, now) {
                let because = format!("{} gates are open", state.gates_open);
                return Ok(wait(WAIT_FOR_GATES, because));
            }
        }
        let changes = self.changes_the_set(state);
        match self.look_at(state, Place::Here(state.next), batch, now).await? {
            Look::Clear => {}
            Look::More(left) => {
                let because = format!("Organizations is asked about {left} more accounts");
                return Ok(wait(WAIT_FOR_LOOKS, because));
            }
            Look::Outside(outside) => {
                let (left, rows) = without(batch, &outside);
                return self.leave_out(state, left, rows, restores || changes).await;
            }
        }
        // The way back changes the set again and again; what it must not change is another rollout's.
        if (!changes && !restores) || matches!(self.stage, Stage::Back { .. }) {
            match self.changed_by_others(state, now).await? {
                Changed::No => {}
                Changed::Perhaps => {
                    let because = "the set reads otherwise than the roll-out made it";
                    return Ok(wait(WAIT_WHILE_BUSY, because));
                }
                Changed::Yes(reason) => {
                    state.reason = Some(reason);
                    return self.done(state).await;
                }
            }
        }
        let name = OperationName {
            rollout: self.header.hash(),
            stage: self.stage,
            number: u32::try_from(state.next).unwrap_or(u32::MAX),
            round: state.round,
        };
        let id = name.to_string();
        let started = self.ask(state, &id, batch, (changes, restores)).await?;
        match started {
            Started::Yes => {
                state.open = Some(Open {
                    id: id.clone(),
                    asked_at: now,
                    runs_since: None,
                    instances: batch.instances(),
                    rounds: self.rounds(batch),
                    ended_at: None,
                });
                state.operations += 1;
                tracing::info!(
                    operation.id = id,
                    accounts = batch.accounts.len(),
                    "an operation is started"
                );
                let accounts = batch.accounts.len();
                Ok(wait(WAIT_AFTER_START, format!("{id} deploys to {accounts} accounts")))
            }
            Started::Busy(because) => Ok(wait(WAIT_WHILE_BUSY, format!("{id}: {because}"))),
            Started::InstanceGone => self.shrink(state, batch, restores || changes).await,
        }
    }

    async fn ask(
        &self,
        state: &State,
        id: &str,
        batch: &Batch,
        (changes, restores): (bool, bool),
    ) -> Result<Started, Stop> {
        let standing = self.standing(state).await?;
        let mut counts = standing.counts();
        if nobody_took_it(&standing) {
            // Whoever was vetoed is asked again: none of their vetoes is used up.
            counts.vetoed = 0;
        }
        let (pace, keeps) = (self.pace(batch, &counts), &self.manifest.keeps);
        if restores {
            let body = self.files.read_text(PREVIOUS_TEMPLATE).await?;
            let definition = (&self.manifest.previous, Some(body.as_str()));
            return self.set.update_set(id, batch, &pace, definition, keeps).await;
        }
        if changes {
            return self.set.update_set(id, batch, &pace, (&self.manifest.next, None), keeps).await;
        }
        self.set.update_instances(id, batch, &pace, keeps).await
    }
}
