//! What the executions of a machine used: what Step Functions would put on the bill, and how
//! near they came to its limits.

use std::collections::BTreeMap;

use local_states::{EventKind, HistoryEvent};

use super::States;
use crate::Aws;

/// What all executions of one machine used so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MachineUsage {
    /// States entered, which is what is paid for. Retries are not among them.
    pub transitions: u64,
    /// Tasks that failed, which is at least as often as they were tried again.
    pub failed_tasks: u64,
    /// The longest history, in events; AWS ends an execution at 25,000.
    pub longest_history: u64,
    /// The largest input, output or set of arguments, in bytes; AWS takes 262,144.
    pub largest_data: usize,
}

impl Aws {
    /// What the executions used, by the name of their machine.
    pub fn machine_usage(&self) -> BTreeMap<String, MachineUsage> {
        self.lock().states.usage.clone()
    }
}

/// Counts an event of an execution.
pub(super) fn count(states: &mut States, machine: &str, event: &HistoryEvent) {
    if !states.usage.contains_key(machine) {
        states.usage.insert(machine.to_owned(), MachineUsage::default());
    }
    let Some(usage) = states.usage.get_mut(machine) else { return };
    usage.longest_history = usage.longest_history.max(event.id);
    let data = match &event.kind {
        EventKind::StateEntered { input, .. } => {
            usage.transitions += 1;
            input.len()
        }
        EventKind::ExecutionStarted { input, .. } => input.len(),
        EventKind::ExecutionSucceeded { output }
        | EventKind::TaskSubmitted { output, .. }
        | EventKind::TaskSucceeded { output, .. }
        | EventKind::StateExited { output, .. } => output.len(),
        EventKind::TaskScheduled { parameters, .. } => parameters.len(),
        EventKind::TaskFailed(..) | EventKind::TaskTimedOut(..) => {
            usage.failed_tasks += 1;
            0
        }
        _ => 0,
    };
    usage.largest_data = usage.largest_data.max(data);
}
