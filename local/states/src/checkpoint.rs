//! Where an execution stands: enough to go on after a failure, a time-out or a stop.
//!
//! Each sequence of states (the machine, a branch, an iteration) has a frame, and the frames
//! form a tree. A running engine writes into it all the time, so a stop that drops the engine
//! loses nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::Value;

use crate::data::{Data, Variables};

/// The place from which an execution can be redriven.
///
/// The failed state is entered again with its input and variables; of a Parallel or Map state,
/// only the branches, iterations and child executions that did not succeed.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    pub(crate) root: Slot,
    pub(crate) last_event: u64,
}

impl Checkpoint {
    /// The state that a redrive enters first, at the outermost level.
    pub fn state(&self) -> Option<String> {
        self.root.lock().at.as_ref().map(|at| at.state.clone())
    }

    /// The id of the last event in the history: a redrive continues after it.
    pub fn last_event_id(&self) -> u64 {
        self.last_event
    }
}

/// One frame, shared between the engine and whoever may take a checkpoint.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slot(Arc<Mutex<Frame>>);

#[derive(Clone, Debug, Default)]
pub(crate) struct Frame {
    /// The state being run; none before the first one.
    pub(crate) at: Option<Position>,
    /// The newest event of this sequence: the `previousEventId` of its next one.
    pub(crate) last_event: u64,
    /// The event that entered the state being run, and the one before it.
    pub(crate) entered: (u64, u64),
    /// The branches or iterations of the state being run.
    pub(crate) children: BTreeMap<usize, Slot>,
    /// The output, once the sequence has succeeded.
    pub(crate) output: Option<Data>,
    /// The map run of the distributed Map state being run.
    pub(crate) map_run: Option<MapRun>,
}

#[derive(Clone, Debug)]
pub(crate) struct Position {
    pub(crate) state: String,
    pub(crate) input: Data,
    pub(crate) variables: Variables,
    pub(crate) entered: Timestamp,
}

/// The state of a distributed map that outlives a failed attempt.
#[derive(Clone, Debug)]
pub(crate) struct MapRun {
    pub(crate) arn: String,
    pub(crate) redrives: u64,
    /// The input of each child execution.
    pub(crate) inputs: Arc<Vec<Value>>,
    pub(crate) items: usize,
    pub(crate) children: BTreeMap<usize, ChildRecord>,
}

/// What is known of one child execution that has ended.
#[derive(Clone, Debug)]
pub(crate) struct ChildRecord {
    pub(crate) arn: String,
    pub(crate) name: String,
    pub(crate) started: Timestamp,
    pub(crate) stopped: Timestamp,
    pub(crate) redrives: u64,
    pub(crate) outcome: ChildOutcome,
}

#[derive(Clone, Debug)]
pub(crate) enum ChildOutcome {
    Succeeded(Data),
    Failed {
        status: &'static str,
        error: Option<String>,
        cause: Option<String>,
        resume: Box<Checkpoint>,
    },
}

impl Slot {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Frame> {
        // No code can panic while it holds a frame half written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy that the running engine no longer writes to.
    pub(crate) fn snapshot(&self) -> Self {
        let mut frame = self.lock().clone();
        for child in frame.children.values_mut() {
            *child = child.snapshot();
        }
        Self(Arc::new(Mutex::new(frame)))
    }

    /// The frame of a branch or iteration, made when it is not there yet.
    pub(crate) fn child(&self, index: usize) -> Self {
        let mut frame = self.lock();
        let last_event = frame.last_event;
        frame
            .children
            .entry(index)
            .or_insert_with(|| Self(Arc::new(Mutex::new(Frame { last_event, ..Frame::default() }))))
            .clone()
    }
}
