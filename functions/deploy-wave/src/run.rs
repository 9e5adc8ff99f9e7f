//! The operations of one stage, one after another.

use jiff::{SignedDuration, Timestamp};
use lifecycle::Deadline;
use lifecycle::rollout::Stage;
use rollout::manifest::{JOINED, Looked, StageResult};
use rollout::plan::WavePlan;
use rollout::stack_set::OperationStatus;
use rollout::{
    Files, Header, Manifest, Offenders, Reason, ReasonCode, Row, StackSet, Stop, alarms,
};
use stack_set_reasons::Counting;

use crate::decide::{Tolerances, expected_left, judge, judge_end, next_look, nothing_is_known};
use crate::gates;
use crate::handler::{App, Deployed, Verdict};
use crate::house::LOOK_SECONDS;
use crate::results::{stop_requested, stopped_by_others};
use crate::rounds::nobody_took_it;
use crate::state::{Open, State};

/// A free stack set is asked soon, a busy one after a while.
pub(crate) const WAIT_AFTER_START: u32 = 5;
pub(crate) const WAIT_WHILE_BUSY: u32 = 20;
/// Between two calls that look at accounts.
pub(crate) const WAIT_FOR_LOOKS: u32 = 1;

/// What comes after a step.
pub(crate) enum Next {
    /// Ask again.
    Wait { seconds: u32, because: String },
    /// The stage is over.
    Done(Box<Deployed>),
}

pub(crate) fn wait(seconds: u32, because: impl Into<String>) -> Next {
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

    pub(crate) fn plan(&self) -> Option<&WavePlan> {
        match self.stage {
            Stage::Late | Stage::Leave | Stage::Back { number: JOINED } => {
                self.manifest.plan.waves.last()
            }
            Stage::Wave { number, .. } | Stage::Back { number } => self.manifest.wave(number),
        }
    }

    /// What the stage tolerates. Only a wave stops by failures: late comers hold up nobody, and
    /// the way back is gone to its end.
    pub(crate) fn tolerances(&self) -> Option<Tolerances> {
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

    /// What earlier waves have measured, and have looked at.
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
        let Some(result) = result else { return Ok(()) };
        state.seconds_per_round = result.seconds_per_round;
        if matches!(self.stage, Stage::Wave { .. }) && state.checked.is_default() {
            state.checked = Looked { next_wave: false, ..result.looked.unwrap_or_default() };
        }
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
            if let Some(at) = self.retry_first(state, &operations, now).await? {
                return Ok(self.pause(at, now));
            }
            if state.reason.is_some() {
                return self.done(state).await;
            }
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
        // Not shortly before its end, which would be seen late.
        let in_time = expected_left(state, now).is_none_or(|left| left > LOOK_SECONDS);
        let more = in_time && self.look_ahead(state, now).await?;
        // One that waits for its turn has changed nothing yet.
        if status == OperationStatus::Running {
            self.remember_definition(state).await?;
        }
        let because = match status {
            OperationStatus::Queued => format!("{id} waits for its turn"),
            _ => format!("{id} deploys {} instances", open.instances),
        };
        let seconds = next_look(state, now);
        Ok(wait(if more { seconds.min(WAIT_FOR_LOOKS) } else { seconds }, because))
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

    pub(crate) async fn done(&self, state: &State) -> Result<Next, Stop> {
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
