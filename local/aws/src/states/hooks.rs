//! What tests and simulations ask about executions.

use jiff::Timestamp;

use crate::Aws;

/// An execution, child executions of distributed maps among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionView {
    /// Its ARN.
    pub arn: String,
    /// The machine's name.
    pub machine: String,
    /// Whether a distributed map started it.
    pub is_child: bool,
    /// `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`.
    pub status: &'static str,
    /// The error's name, if it failed with one.
    pub error: Option<String>,
    /// When it began.
    pub started: Timestamp,
    /// When it ended, if it has.
    pub stopped: Option<Timestamp>,
    /// How often it was redriven.
    pub redrives: u64,
    /// How many events its history has.
    pub events: usize,
    /// The most bytes that an input, an output or a state's variables had.
    pub largest_bytes: usize,
}

impl Aws {
    /// All executions of a machine, by its name, child executions included.
    pub fn executions(&self, machine: &str) -> Vec<ExecutionView> {
        let state = self.lock();
        let all = state.states.executions.values();
        let of_machine =
            all.filter(|execution| execution.machine_name.split('/').next() == Some(machine));
        of_machine
            .map(|execution| ExecutionView {
                arn: execution.arn.clone(),
                machine: execution.machine_name.clone(),
                is_child: execution.map_run.is_some(),
                status: execution.status.text(),
                error: execution.error.clone(),
                started: execution.started,
                stopped: execution.stopped,
                redrives: execution.redrives,
                events: execution.history.len(),
                largest_bytes: execution.largest,
            })
            .collect()
    }
}
