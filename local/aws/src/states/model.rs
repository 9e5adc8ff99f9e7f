//! What a machine, an execution and a map run are.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use local_states::{Checkpoint, HistoryEvent, Machine, Progress};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::wire::timestamp;

/// A state machine.
#[derive(Debug, Clone)]
pub(super) struct StateMachine {
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) account: String,
    pub(super) region: String,
    pub(super) role: String,
    pub(super) definition: Arc<str>,
    pub(super) machine: Arc<Machine>,
    pub(super) created: Timestamp,
    pub(super) revision: String,
    pub(super) logging: Value,
    pub(super) tracing: Value,
    pub(super) tags: BTreeMap<String, String>,
}

/// How an execution stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Running,
    Succeeded,
    Failed,
    TimedOut,
    Aborted,
}

impl Status {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Aborted => "ABORTED",
        }
    }
}

/// An execution.
pub(super) struct Execution {
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) account: String,
    pub(super) region: String,
    pub(super) machine_arn: String,
    pub(super) machine_name: String,
    pub(super) role: String,
    pub(super) machine: Arc<Machine>,
    pub(super) definition: Arc<str>,
    pub(super) map_run: Option<String>,
    pub(super) input: Arc<str>,
    pub(super) output: Option<Arc<str>>,
    pub(super) error: Option<String>,
    pub(super) cause: Option<String>,
    pub(super) status: Status,
    pub(super) started: Timestamp,
    pub(super) stopped: Option<Timestamp>,
    pub(super) redrives: u64,
    pub(super) redriven: Option<Timestamp>,
    pub(super) history: Vec<HistoryEvent>,
    /// The most bytes that one event's input or output, or all variables of one, had.
    pub(super) largest: usize,
    /// Whether the history has lost its inputs and outputs.
    pub(super) trimmed: bool,
    /// Where a redrive goes on.
    pub(super) checkpoint: Option<Checkpoint>,
    /// Where it stands while it runs.
    pub(super) progress: Option<Progress>,
    /// Ends the engine.
    pub(super) stop: Arc<Notify>,
    /// Tells who waits that it has ended.
    pub(super) ended: Arc<Notify>,
}

impl std::fmt::Debug for Execution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Execution")
            .field("arn", &self.arn)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// How long after its end an execution can be redriven.
const REDRIVABLE_DAYS: i64 = 14;

impl Execution {
    /// Why it cannot be redriven, if it cannot.
    pub(super) fn not_redrivable(&self, now: Timestamp) -> Option<&'static str> {
        let ended = self.stopped.unwrap_or(now);
        match self.status {
            Status::Running => Some("Execution is RUNNING and cannot be redriven"),
            Status::Succeeded => Some("Execution is SUCCEEDED and cannot be redriven"),
            _ if self.map_run.is_some() => Some("Child executions are redriven with their map run"),
            _ if now.duration_since(ended).as_hours() >= REDRIVABLE_DAYS * 24 => {
                Some("Execution has exceeded the redrivable period")
            }
            _ if self.checkpoint.is_none() => Some("Execution has no state to go on from"),
            _ => None,
        }
    }

    /// The execution as `DescribeExecution` answers it.
    pub(super) fn shown(&self, now: Timestamp, with_data: bool) -> Value {
        let mut shown = json!({
            "executionArn": self.arn,
            "stateMachineArn": self.machine_arn,
            "name": self.name,
            "status": self.status.text(),
            "startDate": timestamp(self.started),
        });
        if let Some(stopped) = self.stopped {
            shown["stopDate"] = timestamp(stopped);
        }
        if with_data {
            shown["input"] = json!(self.input.as_ref());
            shown["inputDetails"] = json!({ "included": true });
            if let Some(output) = &self.output {
                shown["output"] = json!(output.as_ref());
                shown["outputDetails"] = json!({ "included": true });
            }
        }
        if let Some(map_run) = &self.map_run {
            shown["mapRunArn"] = json!(map_run);
        }
        for (member, value) in [("error", &self.error), ("cause", &self.cause)] {
            if let Some(value) = value {
                shown[member] = json!(value);
            }
        }
        shown["redriveCount"] = json!(self.redrives);
        if let Some(redriven) = self.redriven {
            shown["redriveDate"] = timestamp(redriven);
        }
        match self.not_redrivable(now) {
            None => shown["redriveStatus"] = json!("REDRIVABLE"),
            Some(reason) => {
                shown["redriveStatus"] = json!("NOT_REDRIVABLE");
                shown["redriveStatusReason"] = json!(reason);
            }
        }
        shown
    }

    /// The execution in a list.
    pub(super) fn summary(&self) -> Value {
        let mut summary = json!({
            "executionArn": self.arn,
            "stateMachineArn": self.machine_arn,
            "name": self.name,
            "status": self.status.text(),
            "startDate": timestamp(self.started),
            "redriveCount": self.redrives,
        });
        if let Some(stopped) = self.stopped {
            summary["stopDate"] = timestamp(stopped);
        }
        if let Some(redriven) = self.redriven {
            summary["redriveDate"] = timestamp(redriven);
        }
        if let Some(map_run) = &self.map_run {
            summary["mapRunArn"] = json!(map_run);
        }
        summary
    }
}

/// A run of a distributed Map state.
#[derive(Debug, Clone)]
pub(super) struct MapRun {
    pub(super) arn: String,
    pub(super) execution: String,
    pub(super) machine: String,
    pub(super) started: Timestamp,
}
