//! Slots for those whose turn it is, dates for the others, a verdict for everybody.

use std::collections::{BTreeMap, BinaryHeap};

use lifecycle::retirement::Place;
use lifecycle::retirement::sweep::{CLOSING, Candidate};

use crate::budget::{Forecast, Hours, Limits, Schedule};
use crate::decide::{Assessed, Standing, Turn, TurnClass, Verdict, is_a_mistake};
use crate::error::Halt;
use crate::handler::{Call, StuckBefore};
use crate::work::{PlanOutcome, Planned, Progress, VerdictLine, summary_key, verdicts_key};

/// The accounts that have a slot, by their turns.
type Slots = BTreeMap<Turn, Option<Candidate>>;

/// Who comes before whom, among those that are due: how many are before each hour.
struct Ranks {
    before: Hours,
    emptied: u64,
    ordinary: u64,
    stuck: u64,
}

impl Ranks {
    fn new(progress: &Progress) -> Self {
        let mut sum = progress.emptied;
        let mut before = Hours::new();
        for (hour, count) in &progress.due_since {
            before.insert(*hour, sum);
            sum += count;
        }
        Self { before, emptied: 0, ordinary: sum, stuck: sum }
    }

    /// The next rank of this turn's class and hour, counted from 0.
    fn next(&mut self, turn: &Turn) -> u64 {
        let counter = match turn.class {
            TurnClass::Emptied => &mut self.emptied,
            TurnClass::StuckBefore => &mut self.stuck,
            TurnClass::Ordinary => {
                let hour = turn.since.div_euclid(3_600);
                self.before.entry(hour).or_insert(self.ordinary)
            }
        };
        let rank = *counter;
        *counter += 1;
        rank
    }
}

impl Call<'_> {
    /// Gives slots, and writes everybody's verdict.
    pub(crate) async fn rank(&self, progress: &Progress) -> Result<Planned, Halt> {
        let config = &self.app.config;
        let limits = Limits {
            at_most: self.request.close_at_most.unwrap_or(config.limits.at_most),
            ..config.limits.clone()
        };
        let fleet = progress.tagged.saturating_sub(progress.closed);
        let Progress { due, closings, waiting, .. } = progress;
        let mut budget = limits.budget(fleet, closings, self.now);
        let is_open = is_a_mistake(*due, fleet, config.breaker_percent, config.breaker_floor);
        // Read afresh at the end of the plan, which may have taken an hour.
        let stopped = self.app.switch.read().await.map_err(|trouble| self.halt(trouble))?;
        if let Some(stop) = &stopped {
            budget.allowed = 0;
            tracing::error!("{stop}");
        }
        if is_open {
            budget.allowed = 0;
            let breaker_percent = config.breaker_percent;
            tracing::error!(
                due,
                fleet,
                breaker_percent,
                "breaker: so many accounts are due at once that nothing is closed"
            );
        }
        let schedule = Schedule::play(&limits, fleet, closings, *due, waiting, self.now);
        let stuck = Box::pin(self.stuck_before()).await?;
        let slots = Box::pin(self.slots(progress, &stuck, budget.allowed)).await?;
        let outcome = match (&stopped, is_open) {
            (Some(_), _) => PlanOutcome::Stopped,
            (None, true) => PlanOutcome::BreakerOpen,
            (None, false) => PlanOutcome::Planned,
        };
        // While nothing may close, no date is true.
        let forecast = if outcome == PlanOutcome::Planned {
            schedule.forecast.clone()
        } else {
            Forecast { due_empty_at: None, empty_at: None, ..schedule.forecast.clone() }
        };
        let mut planned = Planned {
            outcome,
            dry_run: self.request.dry_run,
            counts: Verdict::ALL.map(|verdict| (verdict, 0)).into(),
            fleet,
            closing: 0,
            closing_key: self.request.sweep.key(CLOSING),
            budget,
            forecast,
            planned_at: self.now,
            verdict_files: progress.assessed,
            stopped,
        };
        Box::pin(self.decide(progress, &stuck, slots, &schedule, &mut planned)).await?;
        let key = summary_key(&self.request.sweep);
        let written = self.app.files.write_json(&key, &planned).await;
        written.map_err(|trouble| self.halt(trouble))?;
        Ok(planned)
    }

    /// The turns that get a slot.
    async fn slots(
        &self,
        progress: &Progress,
        stuck: &StuckBefore,
        allowed: u64,
    ) -> Result<Slots, Halt> {
        let allowed = usize::try_from(allowed).unwrap_or(usize::MAX);
        let mut first = BinaryHeap::new();
        for file in 0..progress.assessed {
            if allowed == 0 {
                break;
            }
            for assessed in self.assessed(file).await? {
                if assessed.standing != Standing::Due || assessed.tenant_id.is_none() {
                    continue;
                }
                first.push(Turn::of(&assessed, stuck.contains_key(&assessed.account_id)));
                if first.len() > allowed {
                    first.pop();
                }
            }
        }
        Ok(first.into_iter().map(|turn| (turn, None)).collect())
    }

    async fn decide(
        &self,
        progress: &Progress,
        stuck: &StuckBefore,
        mut slots: Slots,
        schedule: &Schedule,
        planned: &mut Planned,
    ) -> Result<(), Halt> {
        let mut ranks = Ranks::new(progress);
        let blocked = match planned.outcome {
            PlanOutcome::Planned | PlanOutcome::AlreadyRunning => None,
            PlanOutcome::BreakerOpen => Some("too much of the fleet is due at once".to_owned()),
            PlanOutcome::Stopped => planned.stopped.as_ref().map(ToString::to_string),
        };
        let mut finishing = Vec::new();
        let most_finished = self.request.close_at_most.unwrap_or(self.app.config.limits.at_most);
        for file in 0..progress.assessed {
            let mut lines = Vec::new();
            for assessed in self.assessed(file).await? {
                let turn = Turn::of(&assessed, stuck.contains_key(&assessed.account_id));
                let slot = slots.get_mut(&turn).filter(|_| assessed.standing == Standing::Due);
                let has_slot = slot.is_some();
                if let (Some(slot), Some(tenant), Some(at)) =
                    (slot, &assessed.tenant_id, assessed.at)
                {
                    *slot = Some(Candidate {
                        account_id: assessed.account_id.clone(),
                        tenant_id: tenant.clone(),
                        place: assessed.place,
                        retire_after: at,
                        closed_by_hand: false,
                        leaving: assessed.leaving.clone(),
                    });
                }
                // It was closed by hand while it cooled off: the sweep moves it to Suspended, takes
                // its instances out of the stack sets and says that it is closed. No slot is needed.
                let is_left_behind = assessed.standing == Standing::Closed
                    && assessed.place == Place::Retiring
                    && blocked.is_none()
                    && (finishing.len() as u64) < most_finished;
                let is_finished = is_left_behind && assessed.tenant_id.is_some();
                if let (true, Some(tenant)) = (is_left_behind, &assessed.tenant_id) {
                    finishing.push(Candidate {
                        account_id: assessed.account_id.clone(),
                        tenant_id: tenant.clone(),
                        place: assessed.place,
                        retire_after: self.now,
                        closed_by_hand: true,
                        leaving: assessed.leaving.clone(),
                    });
                }
                let expected = (assessed.standing == Standing::Due)
                    .then(|| ranks.next(&turn))
                    .filter(|_| !has_slot && blocked.is_none())
                    .and_then(|rank| schedule.date(rank));
                let line = verdict(assessed, has_slot || is_finished, blocked.as_deref(), expected);
                *planned.counts.entry(line.verdict).or_default() += 1;
                lines.push(line);
            }
            let key = verdicts_key(&self.request.sweep, file);
            let written = self.app.files.write_lines(&key, &lines).await;
            written.map_err(|trouble| self.halt(trouble))?;
        }
        let mut closing: Vec<Candidate> = slots.into_values().flatten().collect();
        closing.extend(finishing);
        planned.closing = closing.len() as u64;
        let written = self.app.files.write_lines(&planned.closing_key, &closing).await;
        written.map_err(|trouble| self.halt(trouble))
    }
}

/// One account's verdict, with its reason. `has_slot`: whether this sweep deals with it.
fn verdict(
    assessed: Assessed,
    has_slot: bool,
    blocked: Option<&str>,
    expected_at: Option<jiff::Timestamp>,
) -> VerdictLine {
    let since = assessed.at.map(|at| at.to_string()).unwrap_or_default();
    let why = assessed.leaving.as_ref().map(|leaving| format!("; {leaving}")).unwrap_or_default();
    let (verdict, reason, code) = match (assessed.standing, has_slot) {
        (Standing::Closed, true) => {
            let reason = "it was closed by hand: it is moved, and its instances are given up";
            (Verdict::Closed, reason.to_owned(), None)
        }
        (Standing::Closed, false) if assessed.place == Place::Retiring => {
            let why = blocked.unwrap_or("this sweep finishes as many as it may");
            (
                Verdict::Closed,
                format!("it was closed by hand, and is not finished yet: {why}"),
                None,
            )
        }
        (Standing::Closed | Standing::Closing, _) => (Verdict::Closed, assessed.reason, None),
        (Standing::Refuse, _) => (Verdict::Refuse, assessed.reason, assessed.code),
        (Standing::Hold, _) => {
            (Verdict::Hold, format!("it is held: {}", assessed.reason), assessed.code)
        }
        (Standing::Wait, _) => (Verdict::Wait, format!("{}{why}", assessed.reason), assessed.code),
        (Standing::Due, true) if assessed.place == Place::Suspended => {
            (Verdict::Close, format!("it is due since {since}, and emptied{why}"), None)
        }
        (Standing::Due, true) => {
            (Verdict::Withdraw, format!("it is due since {since}: its stacks go first{why}"), None)
        }
        (Standing::Due, false) => {
            let when = expected_at
                .map_or("no date is in sight".to_owned(), |at| format!("expected at {at}"));
            let wait = match blocked {
                Some(blocked) => format!("; {blocked}"),
                None => format!(", and has no slot: {when}"),
            };
            (Verdict::Defer, format!("it is due since {since}{wait}{why}"), None)
        }
    };
    VerdictLine {
        account_id: assessed.account_id,
        tenant_id: assessed.tenant_id,
        verdict,
        reason,
        code: code.map(|code| code.to_string()),
        place: assessed.place,
        retire_after: assessed.at,
        expected_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::hour;

    #[test]
    fn ranks_go_by_class_then_hour() {
        let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
        let (old, new) = (at("2026-11-01T00:10:00Z"), at("2026-11-02T00:10:00Z"));
        let progress = Progress {
            emptied: 1,
            stuck: 1,
            due_since: [(hour(old), 2), (hour(new), 3)].into(),
            ..Progress::default()
        };
        let mut ranks = Ranks::new(&progress);
        let turn =
            |class, since: jiff::Timestamp| Turn { class, since: since.as_second(), account: 0 };
        assert_eq!(ranks.next(&turn(TurnClass::Ordinary, new)), 3);
        assert_eq!(ranks.next(&turn(TurnClass::Ordinary, old)), 1);
        assert_eq!(ranks.next(&turn(TurnClass::Ordinary, old)), 2);
        assert_eq!(ranks.next(&turn(TurnClass::Emptied, new)), 0);
        assert_eq!(ranks.next(&turn(TurnClass::StuckBefore, old)), 6);
    }
}
