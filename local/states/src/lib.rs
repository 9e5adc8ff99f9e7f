#![doc = include_str!("../README.md")]

mod checkpoint;
mod context;
mod data;
mod definition;
mod errors;
mod expression;
mod history;
mod host;
mod interpreter;
mod resource;

pub use checkpoint::Checkpoint;
pub use context::Execution;
pub use data::{Data, MAX_DATA_BYTES, MAX_VARIABLE_BYTES};
pub use definition::Machine;
pub use errors::{
    ALL, DATA_LIMIT, DefinitionError, DefinitionErrors, HEARTBEAT_TIMEOUT, ITEM_READER,
    NO_CHOICE_MATCHED, QUERY_EVALUATION, RESULT_WRITER, RUNTIME, TASK_FAILED, TIMEOUT,
    TOLERATED_FAILURES, TaskFailure,
};
pub use history::{
    EventKind, FailureDetails, HistoryEvent, Iteration, MAX_EVENTS, StateType, TaskResource,
};
pub use host::{ChildRequest, Heartbeat, Host, S3Object, Submitted, TaskRequest};
pub use interpreter::{Ended, Progress, Running, run};
pub use resource::{Pattern, Resource};
