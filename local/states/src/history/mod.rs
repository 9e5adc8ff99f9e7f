//! The history of an execution, in the event types of `GetExecutionHistory`.
//! <https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html>

mod api;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

/// The most events that a history may have; an execution that reaches it fails.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>
pub const MAX_EVENTS: u64 = 25_000;

/// One event of an execution's history.
#[derive(Clone, Debug)]
pub struct HistoryEvent {
    /// Counts from 1, without gaps.
    pub id: u64,
    /// The event that led to this one; 0 for the first.
    pub previous_event_id: u64,
    /// When it happened.
    pub timestamp: Timestamp,
    /// What happened.
    pub kind: EventKind,
}

/// The type of a state, as event types spell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateType {
    /// A Task state.
    Task,
    /// A Choice state.
    Choice,
    /// A Wait state.
    Wait,
    /// A Pass state.
    Pass,
    /// A Parallel state.
    Parallel,
    /// A Map state.
    Map,
    /// A Succeed state.
    Succeed,
    /// A Fail state.
    Fail,
}

/// A task's resource, as task events name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskResource {
    /// The integration, for instance `lambda`.
    pub resource_type: String,
    /// The action with its pattern, for instance `invoke.waitForTaskToken`; of a function that is
    /// named by its ARN, the ARN.
    pub resource: String,
    /// Whether it is a function named by its ARN, whose events have names of their own.
    pub is_function: bool,
}

impl TaskResource {
    /// The resource as AWS names it in a sentence.
    pub(crate) fn in_words(&self) -> &str {
        if self.is_function { &self.resource } else { &self.resource_type }
    }
}

/// The error and cause of an event that reports a failure. Either may be missing, as a Fail
/// state may leave them out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailureDetails {
    /// The error name.
    pub error: Option<String>,
    /// The cause.
    pub cause: Option<String>,
}

/// What an event reports. Texts of inputs and outputs are compact JSON.
#[derive(Clone, Debug)]
pub enum EventKind {
    /// The execution began.
    ExecutionStarted {
        /// The execution's input.
        input: Arc<str>,
        /// The role that it runs as.
        role_arn: String,
    },
    /// The execution ended well.
    ExecutionSucceeded {
        /// The execution's output.
        output: Arc<str>,
    },
    /// The execution failed.
    ExecutionFailed(FailureDetails),
    /// The execution ran longer than the machine's `TimeoutSeconds`.
    ExecutionTimedOut(FailureDetails),
    /// The execution was stopped.
    ExecutionAborted(FailureDetails),
    /// The execution goes on after it had ended badly.
    ExecutionRedriven {
        /// How often, this time included.
        redrive_count: u64,
    },
    /// A state was entered.
    StateEntered {
        /// The state's type.
        state: StateType,
        /// The state's name.
        name: Arc<str>,
        /// The state's input.
        input: Arc<str>,
    },
    /// A state was left.
    StateExited {
        /// The state's type.
        state: StateType,
        /// The state's name.
        name: Arc<str>,
        /// The state's output.
        output: Arc<str>,
        /// The variables that it assigned, each as JSON text.
        assigned: BTreeMap<String, Arc<str>>,
    },
    /// A task was scheduled.
    TaskScheduled {
        /// What is called.
        resource: TaskResource,
        /// The Region of the execution.
        region: String,
        /// The evaluated arguments.
        parameters: Arc<str>,
        /// `TimeoutSeconds`.
        timeout_seconds: Option<u64>,
        /// `HeartbeatSeconds`.
        heartbeat_seconds: Option<u64>,
        /// The role of the state's `Credentials`.
        role_arn: Option<String>,
    },
    /// A task was started.
    TaskStarted(TaskResource),
    /// The called service took the request; the task goes on.
    TaskSubmitted {
        /// What was called.
        resource: TaskResource,
        /// The service's answer.
        output: Arc<str>,
    },
    /// A task succeeded.
    TaskSucceeded {
        /// What was called.
        resource: TaskResource,
        /// The task's result.
        output: Arc<str>,
    },
    /// A task failed.
    TaskFailed(TaskResource, FailureDetails),
    /// A task ran longer than it may, or missed a heartbeat.
    TaskTimedOut(TaskResource, FailureDetails),
    /// The branches of a Parallel state start.
    ParallelStateStarted,
    /// All branches succeeded.
    ParallelStateSucceeded,
    /// A branch failed, and the others were given up.
    ParallelStateFailed,
    /// A Map state starts.
    MapStateStarted {
        /// How many items it has; 0 for one that reads them later.
        length: u64,
    },
    /// A Map state's items are done.
    MapStateSucceeded,
    /// Too many items failed.
    MapStateFailed,
    /// An iteration starts.
    MapIterationStarted(Iteration),
    /// An iteration succeeded.
    MapIterationSucceeded(Iteration),
    /// An iteration failed.
    MapIterationFailed(Iteration),
    /// An iteration was given up because another failed.
    MapIterationAborted(Iteration),
    /// A distributed map starts its child executions.
    MapRunStarted {
        /// The map run.
        map_run_arn: String,
    },
    /// A map run goes on after a redrive.
    MapRunRedriven {
        /// The map run.
        map_run_arn: String,
        /// How often, this time included.
        redrive_count: u64,
    },
    /// The child executions are done.
    MapRunSucceeded,
    /// The map run failed.
    MapRunFailed(FailureDetails),
    /// A state under way was given up with the branch or iteration that it is in.
    StateAborted {
        /// The state's type: Task, Wait, Parallel or Map.
        state: StateType,
    },
    /// An expression could not be evaluated.
    EvaluationFailed {
        /// The state.
        state: Arc<str>,
        /// The field, for instance `Arguments/Payload`; none where the state's input does not do.
        location: Option<String>,
        /// The error and its cause.
        failure: FailureDetails,
    },
}

/// One iteration of an inline Map state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Iteration {
    /// The Map state's name.
    pub name: Arc<str>,
    /// The item's index.
    pub index: u64,
}
