//! The operations of one stage, one after another.

use jiff::{SignedDuration, Timestamp};
use lifecycle::Deadline;
use lifecycle::rollout::{OperationName, Stage};
use rollout::manifest::{JOINED, PREVIOUS_TEMPLATE, StageResult, folder};
use rollout::plan::{ConcurrencyMode, RegionConcurrency, WavePlan};
use rollout::stack_set::{OperationStatus, Pace, Started};
use rollout::{
    Batch, Class, Files, Header, Manifest, Offenders, Reason, ReasonCode, Row, StackSet, Stop,
    alarms,
};
use stack_set_reasons::Counting;

use crate::decide::{
    Tolerances, are_settled, gates_fail, judge, judge_end, judge_joined, next_look,
    nothing_is_known,
};
use crate::definition::Changed;
use crate::gates;
use crate::handler::{App, Deployed, Verdict};
use crate::results::{complete, stop_requested, stopped_by_others};
use crate::rounds::nobody_took_it;
use crate::state::{Open, State};

/// A free stack set is asked soon, a busy one after a while.
const WAIT_AFTER_START: u32 = 5;
const WAIT_WHILE_BUSY: u32 = 20;
/// Between two calls that open gates.
const WAIT_FOR_GATES: u32 = 1;
/// Between two calls that ask Organizations.
const WAIT_FOR_WITNESSES: u32 = 1;

/// What comes after a step.
pub(crate) enum Next {
    /// Ask again.
    Wait { seconds: u32, because: String },
    /// The stage is over.
    Done(Box<Deployed>),
}

fn wait(seconds: u32, because: impl Into<String>) -> Next {
    Next::Wait { seconds, because: because.into() }
}

/// One stage of a roll-out, and what it needs.
pub(crate) struct Run<'a> {
    pub(crate) app: &'a App,
    pub(crate) header: &'a Header,
    pub(crate) manifest: Manifest,
    pub(crate) files: Files,
    pub(crate) set: StackSet,
    pub(crate) stage: Stage,
    pub(crate) deadline: Deadline,
    /// What failed the same way before this rollout.
    pub(crate) offenders: Offenders,
}

impl Run<'_> {
    /// When the stage of late comers ends.
    pub(crate) fn deadline(&self, _: &State) -> Deadline {
        self.deadline
    }

    fn plan(&self) -> Option<&WavePlan> {
        match self.stage {
            Stage::Late | Stage::Leave | Stage::Back { number: JOINED } => {
                self.manifest.plan.waves.last()
            }
            Stage::Wave { number, .. } | Stage::Back { number } => self.manifest.wave(number),
        }
    }

    /// What the stage tolerates. Only a wave stops by failures: late comers hold up nobody, and
    /// the way back is gone to its end.
    fn tolerances(&self) -> Option<Tolerances> {
        let Stage::Wave { number, .. } = self.stage else { return None };
        let size = self.manifest.size(number)?;
        Some(Tolerances::of(self.manifest.wave(number)?, size.accounts, size.instances))
    }

    fn is_first_wave(&self) -> bool {
        match self.stage {
            Stage::Wave { number, .. } => self.manifest.first_wave() == Some(number),
            Stage::Late | Stage::Back { .. } | Stage::Leave => false,
        }
    }

    /// What earlier waves have measured.
    pub(crate) async fn recall(&self, state: &mut State) -> Result<(), Stop> {
        let number = match self.stage {
            Stage::Wave { number, .. } => number.saturating_sub(1),
            Stage::Back { number } => number,
            Stage::Late | Stage::Leave => self.header.waves,
        };
        if state.operations > 0 || state.seconds_per_round.is_some() || number == 0 {
            return Ok(());
        }
        let name = format!("waves/{number:02}/result.json");
        let result: Option<StageResult> = self.files.find(&name).await?;
        state.seconds_per_round = result.and_then(|result| result.seconds_per_round);
        Ok(())
    }

    /// Takes one step.
    pub(crate) async fn go_on(&self, state: &mut State, now: Timestamp) -> Result<Next, Stop> {
        if let Some(open) = state.open.clone()
            && let Some(next) = self.observe(state, open, now).await?
        {
            return Ok(next);
        }
        if self.stops_on_request() && state.reason.is_none() && self.files.controls().await?.stop()
        {
            state.reason = Some(stop_requested());
        }
        if state.reason.is_some() {
            return self.done(state).await;
        }
        if let Some(at) = state.not_before.filter(|at| now < *at) {
            return Ok(self.pause(at, now));
        }
        if self.stage == Stage::Late && !state.gathering.done {
            self.gather_late(state).await?;
            return Ok(wait(1, "the late comers are gathered"));
        }
        if self.stage == (Stage::Back { number: JOINED }) && !state.gathering.done {
            return Ok(match self.gather_joined(state, now).await? {
                Some(because) => wait(WAIT_WHILE_BUSY, because),
                None => wait(1, "those that were enrolled meanwhile are gathered"),
            });
        }
        let operations = self.operations(state).await?;
        if let Some(batch) = operations.operations.get(state.next) {
            let first = state.round == 0 && state.next == 0;
            let restores = first && (operations.restores || self.must_restore().await?);
            return self.start(state, batch, restores, now).await;
        }
        self.after_round(state, now).await
    }

    /// The way back is not stopped half-way.
    fn stops_on_request(&self) -> bool {
        !matches!(self.stage, Stage::Back { .. } | Stage::Leave)
    }

    /// A round waits for its time, and looks for an operator's wish every half hour.
    fn pause(&self, at: Timestamp, now: Timestamp) -> Next {
        let seconds = at.duration_since(now).as_secs().clamp(1, 1_800);
        let because = format!("what is left over is tried again at {at}");
        wait(u32::try_from(seconds).unwrap_or(1), because)
    }

    /// Looks at the operation on its way; nothing when it is over and settled.
    async fn observe(
        &self,
        state: &mut State,
        mut open: Open,
        now: Timestamp,
    ) -> Result<Option<Next>, Stop> {
        let id = open.id.clone();
        let Some(seen) = self.set.operation(&id).await? else {
            // It was asked for, and never came to be.
            state.open = None;
            return Ok(None);
        };
        match seen.status {
            OperationStatus::Queued | OperationStatus::Running => {
                if seen.status == OperationStatus::Running && open.runs_since.is_none() {
                    let soon = now.duration_since(open.asked_at).as_secs()
                        <= i64::from(WAIT_AFTER_START) + 1;
                    open.runs_since = Some(if soon { open.asked_at } else { now });
                }
                state.open = Some(open.clone());
                self.watch(state, &open, seen.status, now).await.map(Some)
            }
            OperationStatus::Stopping => {
                if state.reason.is_none() {
                    state.reason = Some(stopped_by_others(&id));
                }
                Ok(Some(wait(next_look(state, now).min(60), format!("{id} is stopping"))))
            }
            OperationStatus::Stopped | OperationStatus::Ended => {
                if seen.status == OperationStatus::Stopped && state.reason.is_none() {
                    state.reason = Some(stopped_by_others(&id));
                }
                self.settle(state, open, seen.ended, now).await
            }
        }
    }

    /// Looks at an operation that works: whether it must stop.
    async fn watch(
        &self,
        state: &mut State,
        open: &Open,
        status: OperationStatus,
        now: Timestamp,
    ) -> Result<Next, Stop> {
        let id = &open.id;
        if state.reason.is_none() {
            state.reason = self.alarm(state, open, status).await?;
        }
        if state.reason.is_some() {
            self.set.stop(id).await?;
            return Ok(wait(WAIT_AFTER_START, format!("{id} is being stopped")));
        }
        if let Stage::Back { .. } = self.stage {
            self.renew_gates(state, now).await?;
        }
        // One that waits for its turn has changed nothing yet.
        if status == OperationStatus::Running {
            self.remember_definition(state).await?;
        }
        let because = match status {
            OperationStatus::Queued => format!("{id} waits for its turn"),
            _ => format!("{id} deploys {} instances", open.instances),
        };
        Ok(wait(next_look(state, now), because))
    }

    async fn renew_gates(&self, state: &mut State, now: Timestamp) -> Result<(), Stop> {
        let operations = self.operations(state).await?;
        let Some(batch) = operations.operations.get(state.next) else { return Ok(()) };
        if !gates::are_open(state, batch, now) {
            let rounds = self.rounds(batch);
            gates::open(self.app, self.header, state, (batch, rounds), now).await?;
        }
        Ok(())
    }

    /// Why the operation on its way must stop, if it must.
    async fn alarm(
        &self,
        state: &State,
        open: &Open,
        status: OperationStatus,
    ) -> Result<Option<Reason>, Stop> {
        if !self.stops_on_request() {
            return Ok(None);
        }
        if self.files.controls().await?.stop() {
            return Ok(Some(stop_requested()));
        }
        let Some(tolerances) = self.tolerances() else { return Ok(None) };
        if status != OperationStatus::Running {
            return Ok(None);
        }
        let mut failed = self.set.results(&open.id, true).await?;
        // What no witness was heard about yet counts at the next look.
        self.hear_witnesses(&open.id, &mut failed.rows).await?;
        failed.rows.retain(|row| !row.needs_witness);
        self.offenders.mark(&mut failed.rows);
        if !failed.rows.is_empty() && !state.proves {
            // What is tried again counts once: as it is now.
            let standing = self.standing(state).await?.with(&failed.rows);
            if let Some(reason) = judge(&tolerances, &standing) {
                return Ok(Some(reason));
            }
        }
        self.red().await
    }

    async fn red(&self) -> Result<Option<Reason>, Stop> {
        let health = &self.manifest.plan.health;
        let ignored = &self.manifest.red_before;
        let red = alarms::red(&self.app.cloudwatch, health, ignored).await?;
        let text = alarms::in_words(&red);
        Ok((!red.is_empty()).then_some(Reason { code: ReasonCode::Unhealthy, text }))
    }

    /// Takes the results of an operation that has ended, once they are there.
    async fn settle(
        &self,
        state: &mut State,
        mut open: Open,
        ended: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Option<Next>, Stop> {
        let ended_at = *open.ended_at.get_or_insert(ended.unwrap_or(now));
        let mut results = self.set.results(&open.id, false).await?;
        let since = now.duration_since(ended_at).max(SignedDuration::ZERO);
        if !are_settled(results.rows.len(), results.unsettled, open.instances, since) {
            let because = format!(
                "{} has ended, and {} of its {} results are there",
                open.id,
                results.rows.len(),
                open.instances
            );
            state.open = Some(open);
            return Ok(Some(wait(WAIT_AFTER_START, because)));
        }
        let unheard = self.hear_witnesses(&open.id, &mut results.rows).await?;
        if unheard > 0 {
            state.open = Some(open);
            let because = format!("Organizations is asked about {unheard} more accounts");
            return Ok(Some(wait(WAIT_FOR_WITNESSES, because)));
        }
        self.offenders.mark(&mut results.rows);
        let operations = self.operations(state).await?;
        let batch = operations.operations.get(state.next);
        let rows = complete(results.rows, batch);
        self.learn(state, &open, ended_at, &rows);
        self.files.write(&format!("{}/{}.json", folder(self.stage), open.id), &rows).await?;
        if state.proves {
            state.reason = state.reason.take().or_else(|| gates_fail(&rows));
        } else if !(std::mem::take(&mut state.marks)
            && rows.iter().all(|row| row.class == Class::Succeeded))
        {
            // An instance that only marked the end had the change already, unless its gate said no
            // to that: then it has to get it once more.
            let standing = self.standing(state).await?.with(&rows);
            if let Some(tolerances) = self.tolerances() {
                let joined = self.watch_joined().await?;
                let reason = || {
                    judge(&tolerances, &standing)
                        .or_else(|| judge_joined(&tolerances, &standing, &joined))
                };
                state.reason = state.reason.take().or_else(reason);
            }
            let name = format!("{}/standing-{}.json", folder(self.stage), state.settled + 1);
            self.files.write(&name, &standing).await?;
            state.settled += 1;
        }
        state.open = None;
        state.next += 1;
        state.gates_open = 0;
        state.gates_until = None;
        Ok(None)
    }

    /// How long a round took, when the operation was gone through to its end.
    fn learn(&self, state: &mut State, open: &Open, ended: Timestamp, rows: &[Row]) {
        let whole = rows.iter().all(|row| row.class != Class::Cancelled);
        let Some(since) = open.runs_since.filter(|_| whole && open.rounds > 0) else { return };
        let rounds = u32::try_from(open.rounds).unwrap_or(u32::MAX);
        let seconds = ended.duration_since(since).as_secs_f64() / f64::from(rounds);
        // A few vetoed accounts that answer at once say nothing about a wave.
        if seconds > 1.0 && (state.seconds_per_round.is_none() || state.round == 0) {
            state.seconds_per_round = Some(seconds);
        }
    }

    fn concurrent(&self, batch: &Batch) -> usize {
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

    fn rounds(&self, batch: &Batch) -> usize {
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
    async fn start(
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
        if !changes && !restores {
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
            Started::InstanceGone => self.shrink(state, batch, restores || changes, now).await,
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

    /// Goes on without the accounts of the batch whose instances were withdrawn meanwhile.
    async fn shrink(
        &self,
        state: &mut State,
        batch: &Batch,
        first: bool,
        now: Timestamp,
    ) -> Result<Next, Stop> {
        let left = self.still_there(batch).await?;
        let gone: Vec<Row> = batch
            .accounts
            .iter()
            .filter(|account| !left.iter().any(|batch| batch.accounts.contains(*account)))
            .flat_map(|account| batch.regions.iter().map(move |region| (account, region)))
            .map(|(account, region)| {
                let why = "its stack instance was withdrawn";
                Row::new(account.clone(), region.clone(), Class::Suspended, why)
            })
            .collect();
        if gone.is_empty() {
            return Ok(wait(WAIT_WHILE_BUSY, "an instance is not to be found"));
        }
        let mut operations = self.operations(state).await?;
        let place = state.next;
        match left.into_iter().next() {
            Some(smaller) => operations.operations[place] = smaller,
            None if first => {
                let text = "no account of the first operation has an instance any more";
                let reason = Reason { code: ReasonCode::StepFailed, text: text.to_owned() };
                state.reason = Some(reason);
                return self.done(state).await;
            }
            None => {
                operations.operations.remove(place);
            }
        }
        let name = match state.round {
            0 => format!("{}.json", folder(self.stage)),
            round => format!("{}/round-{round}.json", folder(self.stage)),
        };
        let standing = self.standing(state).await?.with(&gone);
        let settled = format!("{}/standing-{}.json", folder(self.stage), state.settled + 1);
        self.files.write(&settled, &standing).await?;
        // Last: who reads the smaller file finds the standing written.
        self.files.write(&name, &operations).await?;
        state.settled += 1;
        let _ = now;
        Ok(wait(1, format!("{} instances were withdrawn", gone.len())))
    }

    /// Nothing of the round is left: another round, or the end.
    async fn after_round(&self, state: &mut State, now: Timestamp) -> Result<Next, Stop> {
        let standing = self.standing(state).await?;
        if !state.proves && self.next_round(state, &standing, now).await? {
            let Some(at) = state.not_before else { return Ok(wait(1, "a new round")) };
            return Ok(self.pause(at, now));
        }
        if self.stage == Stage::Late && self.mark_the_end(state).await? {
            return Ok(wait(1, "the end is marked"));
        }
        if let Some(tolerances) = self.tolerances() {
            state.reason = judge_end(&tolerances, &standing).or_else(|| {
                nobody_took_it(&standing).then(|| Reason {
                    code: ReasonCode::TooManyVetoes,
                    text: "nobody in the wave took the change before the plan's deadline: every \
                           gate said no"
                        .to_owned(),
                })
            });
            if self.is_first_wave() {
                state.reason = state.reason.take().or_else(|| nothing_is_known(&standing));
            }
            let proves = self.plan().is_some_and(|plan| plan.prove_gate);
            if proves && let Some(next) = self.prove(state, &standing).await? {
                return Ok(next);
            }
        }
        if matches!(self.stage, Stage::Back { .. }) && !standing.open.is_empty() {
            let excused = |row: &&Row| row.class.policy().counting == Counting::Excused;
            let open = standing.open.iter().filter(|row| !excused(row)).count();
            state.reason = (open > 0).then(|| Reason {
                code: ReasonCode::RollbackIncomplete,
                text: format!("{open} instances did not come back to the old template"),
            });
        }
        self.done(state).await
    }

    async fn done(&self, state: &State) -> Result<Next, Stop> {
        let standing = self.standing(state).await?;
        let now = state.started_at.unwrap_or_default();
        let reason = match &state.reason {
            Some(reason) => Some(self.with_failures(reason, &standing).await?),
            None => None,
        };
        Ok(Next::Done(Box::new(Deployed {
            verdict: if state.reason.is_some() { Verdict::Stop } else { Verdict::Go },
            reason,
            counts: standing.counts(),
            not_current: standing.named(),
            result_key: String::new(),
            operations: state.operations,
            started_at: now,
            finished_at: now,
            expected_end: None,
        })))
    }

    /// When the roll-out will be through, after a wave: rounds and dwell times of those to come.
    pub(crate) fn expected_end(
        &self,
        state: &State,
        number: u32,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let Stage::Wave { .. } = self.stage else { return None };
        let per_round = state.seconds_per_round?;
        let later = self.manifest.waves.iter().filter(|wave| wave.number > number);
        let rounds: usize = later.clone().map(|wave| wave.rounds).sum();
        let here = self.manifest.size(number).into_iter();
        let dwell: u32 = later
            .chain(here)
            .filter(|wave| wave.accounts > 0)
            .map(|wave| wave.dwell_seconds)
            .fold(0, u32::saturating_add);
        let rounds = u32::try_from(rounds).unwrap_or(u32::MAX);
        let seconds = per_round * f64::from(rounds) + f64::from(dwell);
        now.checked_add(SignedDuration::try_from_secs_f64(seconds).ok()?).ok()
    }
}
