//! Runs a machine: one future for the whole execution, branches and iterations included, so
//! dropping it stops everything and nothing runs behind anybody's back.

mod abort;
mod branches;
mod distributed;
mod leave;
mod reader;
mod retry;
mod task;
mod visit;
mod writer;

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value;

use crate::checkpoint::{Checkpoint, Position, Slot};
use crate::context::{Execution, MapItem};
use crate::data::{Data, Variables};
use crate::definition::{Flow, Machine};
use crate::errors::{DATA_LIMIT, Fault, RUNTIME};
use crate::history::{EventKind, FailureDetails, HistoryEvent, MAX_EVENTS};
use crate::host::Host;
use visit::{Moved, Visit};

/// How an execution ended. What did not succeed can be redriven from its checkpoint.
#[derive(Clone, Debug)]
pub enum Ended {
    /// It succeeded.
    Succeeded {
        /// Its output.
        output: Value,
    },
    /// A state failed, or the execution broke a limit.
    Failed {
        /// The error name; a Fail state may have none.
        error: Option<String>,
        /// The cause; a Fail state may have none.
        cause: Option<String>,
        /// Where a redrive goes on.
        checkpoint: Checkpoint,
    },
    /// It ran longer than the machine's `TimeoutSeconds`.
    TimedOut {
        /// Where a redrive goes on.
        checkpoint: Checkpoint,
    },
}

/// An execution under way: a future that resolves when it has ended. Dropping it stops it.
#[must_use = "an execution runs only while it is polled"]
pub struct Running {
    future: BoxFuture<'static, Ended>,
    progress: Progress,
}

impl Running {
    /// A handle on where the execution stands, which outlives it.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }
}

impl Future for Running {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended> {
        self.future.as_mut().poll(cx)
    }
}

/// Where an execution stands; to be kept by whoever may have to stop it.
#[derive(Clone)]
pub struct Progress {
    root: Slot,
    journal: Arc<Journal>,
}

impl Progress {
    /// Where a redrive would go on now.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint { root: self.root.snapshot(), last_event: self.journal.lock().last }
    }

    /// Closes the history of a stopped execution with `ExecutionAborted`, unless it has ended by
    /// itself before, and says where a redrive would go on. Drop the [`Running`] as well.
    pub fn abort(&self, error: Option<String>, cause: Option<String>) -> Checkpoint {
        self.journal
            .close(&self.root, EventKind::ExecutionAborted(FailureDetails { error, cause }));
        self.checkpoint()
    }
}

/// Runs an execution of a machine, or goes on with one from a checkpoint.
///
/// A redrive (`resume`) takes the same machine and execution, with
/// [`Execution::redrive_count`] and [`Execution::redrive_time`] set, and continues its history.
pub fn run(
    machine: Arc<Machine>,
    execution: Execution,
    host: Arc<dyn Host>,
    resume: Option<Checkpoint>,
) -> Running {
    let is_redriven = resume.is_some();
    let (root, last) = match resume {
        Some(checkpoint) => (checkpoint.root.snapshot(), checkpoint.last_event),
        None => (Slot::default(), 0),
    };
    let ledger = Ledger { last, is_closed: false };
    let journal = Arc::new(Journal { host: Arc::clone(&host), ledger: Mutex::new(ledger) });
    let progress = Progress { root: root.clone(), journal: Arc::clone(&journal) };
    let engine = Engine { machine, execution, host, journal, progress: progress.clone() };
    let future = async move { engine.execute(&root, is_redriven).await }.boxed();
    Running { future, progress }
}

/// Writes the history: ids without gaps, in order, none after the end.
struct Journal {
    host: Arc<dyn Host>,
    ledger: Mutex<Ledger>,
}

struct Ledger {
    last: u64,
    is_closed: bool,
}

impl Journal {
    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes an event that the next one of its sequence follows; answers its id.
    fn emit(&self, slot: &Slot, kind: EventKind) -> Result<u64, Fault> {
        self.emit_after(slot, kind, None, true)
    }

    /// Writes an event that nothing follows: the next one of its sequence names the same
    /// `previousEventId`. So AWS writes the start of an execution, the end of an iteration and the
    /// success of a Parallel or Map state.
    fn emit_aside(&self, slot: &Slot, kind: EventKind) -> Result<u64, Fault> {
        self.emit_after(slot, kind, None, false)
    }

    fn emit_after(
        &self,
        slot: &Slot,
        kind: EventKind,
        after: Option<u64>,
        is_followed: bool,
    ) -> Result<u64, Fault> {
        let mut ledger = self.lock();
        if ledger.is_closed {
            return Ok(ledger.last);
        }
        if ledger.last + 1 >= MAX_EVENTS {
            // The last place belongs to the event that ends the execution.
            let cause = format!(
                "The execution reached the maximum number of history events ({MAX_EVENTS})."
            );
            return Err(Fault::new(RUNTIME, cause));
        }
        self.write(&mut ledger, slot, kind, after, is_followed);
        Ok(ledger.last)
    }

    /// Writes the last event. What ends an execution from outside follows no event.
    fn close(&self, slot: &Slot, kind: EventKind) {
        let mut ledger = self.lock();
        if !ledger.is_closed {
            let is_from_outside =
                matches!(kind, EventKind::ExecutionAborted(_) | EventKind::ExecutionTimedOut(_));
            self.write(&mut ledger, slot, kind, is_from_outside.then_some(0), true);
            ledger.is_closed = true;
        }
    }

    fn write(
        &self,
        ledger: &mut Ledger,
        slot: &Slot,
        kind: EventKind,
        after: Option<u64>,
        is_followed: bool,
    ) {
        ledger.last += 1;
        let mut frame = slot.lock();
        let previous_event_id = after.unwrap_or(frame.last_event);
        if is_followed {
            frame.last_event = ledger.last;
        }
        drop(frame);
        let timestamp = self.host.now();
        self.host.record(HistoryEvent { id: ledger.last, previous_event_id, timestamp, kind });
    }
}

struct Engine {
    machine: Arc<Machine>,
    execution: Execution,
    host: Arc<dyn Host>,
    journal: Arc<Journal>,
    progress: Progress,
}

impl Engine {
    async fn execute(&self, root: &Slot, is_redriven: bool) -> Ended {
        let input = Data::new(self.execution.input.clone());
        let opening = if is_redriven {
            EventKind::ExecutionRedriven { redrive_count: self.execution.redrive_count }
        } else {
            EventKind::ExecutionStarted {
                input: Arc::clone(input.text()),
                role_arn: self.execution.role_arn.clone(),
            }
        };
        let work = async {
            if is_redriven {
                self.journal.emit(root, opening)?;
            } else {
                self.journal.emit_aside(root, opening)?;
            }
            if input.is_too_large() {
                return Err(Fault::new(DATA_LIMIT, "The execution's input is too large."));
            }
            self.flow(&self.machine.flow, root.clone(), input, Variables::new(), None).await
        };
        let result = match self.machine.timeout {
            None => work.await,
            Some(limit) => tokio::select! {
                biased;
                result = work => result,
                () = self.host.time_out(limit, false) => return self.timed_out(root),
            },
        };
        match result {
            Ok(output) => {
                let text = Arc::clone(output.text());
                self.journal.close(root, EventKind::ExecutionSucceeded { output: text });
                Ended::Succeeded { output: output.into_value() }
            }
            Err(Fault { error, cause, .. }) => {
                let failure = FailureDetails { error: error.clone(), cause: cause.clone() };
                self.journal.close(root, EventKind::ExecutionFailed(failure));
                Ended::Failed { error, cause, checkpoint: self.progress.checkpoint() }
            }
        }
    }

    fn timed_out(&self, root: &Slot) -> Ended {
        let failure = FailureDetails::default();
        self.journal.close(root, EventKind::ExecutionTimedOut(failure));
        Ended::TimedOut { checkpoint: self.progress.checkpoint() }
    }

    /// Runs a sequence of states to its end, from where its slot says it stands.
    fn flow<'a>(
        &'a self,
        flow: &'a Flow,
        slot: Slot,
        input: Data,
        variables: Variables,
        item: Option<MapItem>,
    ) -> BoxFuture<'a, Result<Data, Fault>> {
        async move {
            let stood = slot.lock().at.clone();
            let mut is_resumed = stood.is_some();
            let entered = self.host.now();
            let mut at = stood.unwrap_or_else(|| Position {
                state: flow.start_at.clone(),
                input,
                variables,
                entered,
            });
            loop {
                let Some(state) = flow.states.get(&at.state) else {
                    let cause = format!("The checkpoint's state '{}' does not exist.", at.state);
                    return Err(Fault::new(RUNTIME, cause));
                };
                let visit = Visit {
                    engine: self,
                    slot: &slot,
                    state,
                    at: &at,
                    item: item.as_ref(),
                    is_resumed,
                };
                if !is_resumed {
                    visit.enter()?;
                }
                match visit.run().await? {
                    Moved::To { state, input, variables } => {
                        at = Position { state, input, variables, entered: self.host.now() };
                    }
                    Moved::Done(output) => {
                        slot.lock().output = Some(output.clone());
                        return Ok(output);
                    }
                }
                is_resumed = false;
            }
        }
        .boxed()
    }
}
