//! One visit to one state: enter it, do what its type does, leave it.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::Engine;
use super::leave::Seen;
use super::retry::Retries;
use crate::checkpoint::{Position, Slot};
use crate::context::MapItem;
use crate::data::{Data, Variables};
use crate::definition::{After, Catcher, Choice, Handling, Kind, State, Wait};
use crate::errors::{DATA_LIMIT, Fault, NO_CHOICE_MATCHED, RUNTIME};
use crate::expression::Program;
use crate::history::{EventKind, FailureDetails};

/// The most seconds that a Wait state or a time-out may last.
const MAX_SECONDS: f64 = 99_999_999.0;
/// How far a Wait state's `Timestamp` may lie ahead: as far as 31 bits count seconds, which AWS
/// does not document and a recording shows.
const FARTHEST: Duration = Duration::from_secs(i32::MAX as u64);

pub(super) struct Visit<'a> {
    pub(super) engine: &'a Engine,
    pub(super) slot: &'a Slot,
    pub(super) state: &'a State,
    pub(super) at: &'a Position,
    pub(super) item: Option<&'a MapItem>,
    /// Whether a redrive goes on in this state, which was entered before.
    pub(super) is_resumed: bool,
}

pub(super) enum Moved {
    To { state: String, input: Data, variables: Variables },
    Done(Data),
}

impl Visit<'_> {
    pub(super) fn enter(&self) -> Result<(), Fault> {
        {
            let mut frame = self.slot.lock();
            frame.at = Some(self.at.clone());
            frame.children.clear();
            frame.map_run = None;
        }
        let before = self.slot.lock().last_event;
        let entered = self.engine.journal.emit(
            self.slot,
            EventKind::StateEntered {
                state: self.state.kind.state_type(),
                name: self.state.name.clone(),
                input: self.at.input.text().clone(),
            },
        )?;
        self.slot.lock().entered = (entered, before);
        Ok(())
    }

    pub(super) async fn run(&self) -> Result<Moved, Fault> {
        let state = self.state;
        let input = || self.at.input.clone();
        let plain = |default| {
            self.leave(&state.assign, state.output.as_ref(), default, &state.after, Seen::default())
        };
        match &state.kind {
            Kind::Task(task) => self.handled(&task.handling).await,
            Kind::Parallel(parallel) => self.handled(&parallel.handling).await,
            Kind::Map(map) => self.handled(&map.handling).await,
            Kind::Choice(choice) => self.choose(choice),
            Kind::Wait(wait) => {
                self.wait(wait).await?;
                plain(input())
            }
            Kind::Pass | Kind::Succeed => plain(input()),
            Kind::Fail { error, cause } => Err(Fault {
                error: self.text(error.as_ref())?,
                cause: self.text(cause.as_ref())?,
                ..Fault::default()
            }),
        }
    }

    pub(super) fn emit(&self, kind: EventKind) -> Result<(), Fault> {
        self.engine.journal.emit(self.slot, kind).map(|_| ())
    }

    /// Writes an event that the next one does not follow.
    pub(super) fn emit_aside(&self, kind: EventKind) -> Result<u64, Fault> {
        self.engine.journal.emit_aside(self.slot, kind)
    }

    /// Attempts a state that may fail, again and again as its retriers say, and then asks its
    /// catchers.
    async fn handled(&self, handling: &Handling) -> Result<Moved, Fault> {
        let mut retries = Retries::new(&handling.retry);
        let mut count = 0;
        loop {
            let fault = match self.attempt(count).await {
                Ok(moved) => return Ok(moved),
                Err(fault) => fault,
            };
            if let Some(delay) = retries.next_delay(&fault, self.engine.host.as_ref()) {
                self.engine.host.sleep(delay).await;
                let mut frame = self.slot.lock();
                frame.children.clear();
                frame.map_run = None;
                count += 1;
                continue;
            }
            // Said once, when nothing is tried again: a retry starts the state without it.
            if let Some(failed) = self.failed_for_good(&fault) {
                self.emit(failed)?;
            }
            let catcher = handling
                .catch
                .iter()
                .find(|catcher| catcher.errors.iter().any(|name| fault.is_matched_by(name)));
            return match catcher {
                Some(catcher) => self.caught(catcher, &fault, count),
                None => Err(fault),
            };
        }
    }

    /// The event that says of a Parallel or Map state that it failed. None for one that did its
    /// work and failed in what it makes of the result.
    fn failed_for_good(&self, fault: &Fault) -> Option<EventKind> {
        match &self.state.kind {
            _ if fault.is_after_the_work || fault.error.as_deref() == Some(RUNTIME) => None,
            Kind::Parallel(_) => Some(EventKind::ParallelStateFailed),
            Kind::Map(_) => Some(EventKind::MapStateFailed),
            _ => None,
        }
    }

    async fn attempt(&self, retry_count: u64) -> Result<Moved, Fault> {
        let is_resumed = self.is_resumed && retry_count == 0;
        let result = match &self.state.kind {
            Kind::Task(task) => self.call(task, retry_count).await,
            Kind::Parallel(parallel) => self.branch(parallel, retry_count, is_resumed).await,
            Kind::Map(map) => self.map(map, retry_count, is_resumed).await,
            // The other types do not fail in a way that can be handled.
            _ => Ok(self.at.input.clone()),
        };
        // Where a state inside this one stood when it failed says nothing about this one.
        let result = result.map_err(|fault| Fault { is_after_the_work: false, ..fault })?;
        if result.is_too_large() {
            return Err(self.too_large(&self.state.name));
        }
        let seen = Seen { result: Some(&result), retry_count, ..Seen::default() };
        let state = self.state;
        self.leave(&state.assign, state.output.as_ref(), result.clone(), &state.after, seen)
            .map_err(|fault| Fault { is_after_the_work: true, ..fault })
    }

    fn caught(&self, catcher: &Catcher, fault: &Fault, retry_count: u64) -> Result<Moved, Fault> {
        let output = fault.output();
        let seen = Seen { error_output: Some(&output), retry_count, ..Seen::default() };
        let after = After::Next(catcher.next.clone());
        let default = Data::new(output.clone());
        self.leave(&catcher.assign, catcher.output.as_ref(), default, &after, seen)
    }

    fn choose(&self, choice: &Choice) -> Result<Moved, Fault> {
        let state = self.state;
        let input = self.at.input.clone();
        for rule in &choice.rules {
            match self.evaluate(&rule.condition, Seen::default())? {
                Value::Bool(false) => {}
                Value::Bool(true) => {
                    let after = After::Next(rule.next.clone());
                    let output = rule.output.as_ref();
                    return self.leave(&rule.assign, output, input, &after, Seen::default());
                }
                other => return Err(self.misfit(&rule.condition, &other, "boolean")),
            }
        }
        match &choice.default {
            Some(next) => {
                let after = After::Next(next.clone());
                self.leave(&state.assign, state.output.as_ref(), input, &after, Seen::default())
            }
            None => Err(Fault::new(
                NO_CHOICE_MATCHED,
                format!("No rule of the state '{}' matched, and it has no default.", state.name),
            )),
        }
    }

    async fn wait(&self, wait: &Wait) -> Result<(), Fault> {
        let duration = match wait {
            Wait::Seconds(program) => Duration::from_secs_f64(self.number(
                program,
                (0.0, MAX_SECONDS),
                Seen::default(),
            )?),
            Wait::Timestamp(program) => {
                let value = self.evaluate(program, Seen::default())?;
                let text = value.as_str().ok_or_else(|| self.misfit(program, &value, "string"))?;
                let until = text.parse::<Timestamp>().map_err(|_| {
                    let problem = format!(
                        "The Timestamp field cannot be parsed as an ISO-8601 extended offset \
                         date-time format string: {text}"
                    );
                    self.unfit(Some(&program.location), &problem, true)
                })?;
                // A moment that has passed is waited for no longer.
                let left = self.engine.host.now().duration_until(until);
                let left = Duration::try_from(left).unwrap_or_default();
                if left > FARTHEST {
                    let cause = self.while_executing("Wait state delay is too long.");
                    return Err(Fault::new(RUNTIME, cause));
                }
                left
            }
        };
        if !duration.is_zero() {
            self.engine.host.sleep(duration).await;
        }
        Ok(())
    }

    fn text(&self, program: Option<&Program>) -> Result<Option<String>, Fault> {
        let Some(program) = program else { return Ok(None) };
        match self.evaluate(program, Seen::default())? {
            Value::String(text) => Ok(Some(text)),
            other => Err(self.misfit(program, &other, "string")),
        }
    }

    /// A duration of whole seconds that a state may set.
    pub(super) fn seconds(
        &self,
        program: Option<&Program>,
        seen: Seen<'_>,
    ) -> Result<Option<Duration>, Fault> {
        let Some(program) = program else { return Ok(None) };
        let seconds = self.number(program, (1.0, MAX_SECONDS), seen)?;
        Ok(Some(Duration::from_secs_f64(seconds)))
    }

    /// What this state or its task answers is larger than [`MAX_DATA_BYTES`](crate::MAX_DATA_BYTES).
    pub(super) fn too_large(&self, state_or_task: &str) -> Fault {
        let cause = format!(
            "The state/task '{state_or_task}' returned a result with a size exceeding the maximum \
             number of bytes service limit."
        );
        Fault::new(DATA_LIMIT, cause)
    }

    pub(super) fn failure(fault: &Fault) -> FailureDetails {
        FailureDetails { error: fault.error.clone(), cause: fault.cause.clone() }
    }
}
