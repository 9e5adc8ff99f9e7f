//! What goes wrong: faults of a definition, found when it is loaded, and errors of a run, by
//! the names that the Amazon States Language gives them.

use std::fmt;

use serde_json::{Value, json};

/// One fault of a definition: where it is, and which rule it breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinitionError {
    /// The path of the fault in the definition, for instance
    /// `States.PlaceAccount.Retry[0].MaxAttempts`; empty for the definition itself.
    pub location: String,
    /// What is wrong there, with the value and the rule.
    pub problem: String,
}

impl fmt::Display for DefinitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.location.is_empty() {
            f.write_str(&self.problem)
        } else {
            write!(f, "{}: {}", self.location, self.problem)
        }
    }
}

/// All faults of a definition, in the order in which they stand in it. Never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", list(.0))]
pub struct DefinitionErrors(pub Vec<DefinitionError>);

fn list(errors: &[DefinitionError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// A task that failed: the error name that `Retry` and `Catch` match, and the cause for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {cause}")]
pub struct TaskFailure {
    /// The error name, for instance `AccountLimitReached` or `Lambda.TooManyRequestsException`;
    /// empty for none, as a task token may be failed.
    pub error: String,
    /// The cause; for a Lambda function that failed, its error document as JSON text. Empty for
    /// none.
    pub cause: String,
}

impl TaskFailure {
    /// A failure with this name and cause.
    pub fn new(error: impl Into<String>, cause: impl Into<String>) -> Self {
        Self { error: error.into(), cause: cause.into() }
    }
}

/// Matches every error but [`RUNTIME`].
pub const ALL: &str = "States.ALL";
/// A task failed; as a matcher, any error but a time-out.
pub const TASK_FAILED: &str = "States.TaskFailed";
/// A task or the execution ran longer than its `TimeoutSeconds`.
pub const TIMEOUT: &str = "States.Timeout";
/// As a matcher, a task that sent no heartbeat within `HeartbeatSeconds`; its error is
/// [`TIMEOUT`].
pub const HEARTBEAT_TIMEOUT: &str = "States.HeartbeatTimeout";
/// An expression could not be evaluated, or not to a value that its field takes.
pub const QUERY_EVALUATION: &str = "States.QueryEvaluationError";
/// A value was larger than [`MAX_DATA_BYTES`](crate::MAX_DATA_BYTES).
pub const DATA_LIMIT: &str = "States.DataLimitExceeded";
/// The execution broke a rule of the service itself; nothing catches it.
pub const RUNTIME: &str = "States.Runtime";
/// No rule of a Choice state matched and it has no default.
pub const NO_CHOICE_MATCHED: &str = "States.NoChoiceMatched";
/// More items of a Map state failed than it tolerates.
pub const TOLERATED_FAILURES: &str = "States.ExceedToleratedFailureThreshold";
/// The items of a distributed Map state could not be read.
pub const ITEM_READER: &str = "States.ItemReaderFailed";
/// The results of a distributed Map state could not be written.
pub const RESULT_WRITER: &str = "States.ResultWriterFailed";

/// An error on its way through states that may retry or catch it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fault {
    pub(crate) error: Option<String>,
    pub(crate) cause: Option<String>,
    /// Whether a heartbeat was missed: a `States.Timeout` that has a name of its own to be caught
    /// by.
    pub(crate) is_heartbeat: bool,
    /// Whether the state had done its work, and failed in its `Output` or `Assign`.
    pub(crate) is_after_the_work: bool,
}

impl Fault {
    pub(crate) fn new(error: &str, cause: impl Into<String>) -> Self {
        Self { error: Some(error.to_owned()), cause: Some(cause.into()), ..Self::default() }
    }

    /// The value of `$states.errorOutput`. What is not known is null; a time-out's cause is empty.
    pub(crate) fn output(&self) -> Value {
        let nothing = if self.error.as_deref() == Some(TIMEOUT) { json!("") } else { Value::Null };
        let cause = self.cause.as_ref().map_or(nothing, |cause| json!(cause));
        json!({ "Error": self.error, "Cause": cause })
    }

    /// Whether a name in `ErrorEquals` matches this error.
    ///
    /// A missed heartbeat is a `States.Timeout` that `States.HeartbeatTimeout` matches as well.
    pub(crate) fn is_matched_by(&self, name: &str) -> bool {
        let error = self.error.as_deref().unwrap_or_default();
        match name {
            _ if error == RUNTIME => false,
            _ if name == error => true,
            ALL => true,
            TASK_FAILED => !matches!(error, DATA_LIMIT | TIMEOUT),
            HEARTBEAT_TIMEOUT => self.is_heartbeat,
            _ => false,
        }
    }
}

impl From<TaskFailure> for Fault {
    fn from(failure: TaskFailure) -> Self {
        // A task token may be failed without a word.
        let given = |text: String| (!text.is_empty()).then_some(text);
        Self { error: given(failure.error), cause: given(failure.cause), ..Self::default() }
    }
}
