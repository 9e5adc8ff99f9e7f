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
use crate::errors::{DATA_LIMIT, Fault, NO_CHOICE_MATCHED};
use crate::expression::Program;
use crate::history::{EventKind, FailureDetails};

/// The most seconds that a Wait state or a time-out may last.
const MAX_SECONDS: f64 = 99_999_999.0;

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
        self.emit(EventKind::StateEntered {
            state: self.state.kind.state_type(),
            name: self.state.name.clone(),
            input: self.at.input.text().clone(),
        })
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
            Kind::Fail { error, cause } => {
                Err(Fault { error: self.text(error.as_ref())?, cause: self.text(cause.as_ref())? })
            }
        }
    }

    pub(super) fn emit(&self, kind: EventKind) -> Result<(), Fault> {
        self.engine.journal.emit(self.slot, kind)
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

    async fn attempt(&self, retry_count: u64) -> Result<Moved, Fault> {
        let is_resumed = self.is_resumed && retry_count == 0;
        let result = match &self.state.kind {
            Kind::Task(task) => self.call(task, retry_count).await?,
            Kind::Parallel(parallel) => self.branch(parallel, retry_count, is_resumed).await?,
            Kind::Map(map) => self.map(map, retry_count, is_resumed).await?,
            // The other types do not fail in a way that can be handled.
            _ => self.at.input.clone(),
        };
        if result.is_too_large() {
            return Err(self.too_large("result"));
        }
        let seen = Seen { result: Some(&result), retry_count, ..Seen::default() };
        let state = self.state;
        self.leave(&state.assign, state.output.as_ref(), result.clone(), &state.after, seen)
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
                other => return Err(self.misfit(&rule.condition, &other, "true or false")),
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
                let until = value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
                let until =
                    until.ok_or_else(|| self.misfit(program, &value, "an RFC 3339 timestamp"))?;
                // A moment that has passed is waited for no longer.
                let left = self.engine.host.now().duration_until(until);
                Duration::try_from(left).unwrap_or_default()
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
            other => Err(self.misfit(program, &other, "a string")),
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

    pub(super) fn too_large(&self, what: &str) -> Fault {
        let cause = format!(
            "The {what} of the state '{}' has more than the most bytes allowed, {}.",
            self.state.name,
            crate::MAX_DATA_BYTES
        );
        Fault::new(DATA_LIMIT, cause)
    }

    pub(super) fn failure(fault: &Fault) -> FailureDetails {
        FailureDetails { error: fault.error.clone(), cause: fault.cause.clone() }
    }
}
