//! Events in the JSON of the `GetExecutionHistory` answer.

use serde_json::{Map, Value, json};

use super::{EventKind, FailureDetails, HistoryEvent, Iteration, StateType, TaskResource};

impl HistoryEvent {
    /// The event's type as AWS names it, for instance `TaskStateEntered`.
    pub fn event_type(&self) -> &'static str {
        self.kind.event_type()
    }

    /// The event as `GetExecutionHistory` answers it; the timestamp in seconds since the epoch,
    /// as awsJson writes timestamps. Without execution data, as with
    /// `includeExecutionData=false`, inputs, outputs and variables are left out.
    pub fn to_api(&self, include_execution_data: bool) -> Value {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit an f64")]
        let seconds = self.timestamp.as_millisecond() as f64 / 1000.0;
        let mut event = Map::new();
        event.insert("timestamp".to_owned(), json!(seconds));
        event.insert("type".to_owned(), json!(self.event_type()));
        event.insert("id".to_owned(), json!(self.id));
        event.insert("previousEventId".to_owned(), json!(self.previous_event_id));
        if let Some((member, mut details)) = self.kind.details() {
            if !include_execution_data {
                for field in DATA_FIELDS {
                    details.remove(field);
                }
            }
            event.insert(member.to_owned(), Value::Object(details));
        }
        Value::Object(event)
    }
}

const DATA_FIELDS: [&str; 6] =
    ["input", "inputDetails", "output", "outputDetails", "assignedVariables", "parameters"];

impl EventKind {
    /// The event type as AWS names it.
    pub fn event_type(&self) -> &'static str {
        match self {
            Self::ExecutionStarted { .. } => "ExecutionStarted",
            Self::ExecutionSucceeded { .. } => "ExecutionSucceeded",
            Self::ExecutionFailed(_) => "ExecutionFailed",
            Self::ExecutionTimedOut(_) => "ExecutionTimedOut",
            Self::ExecutionAborted(_) => "ExecutionAborted",
            Self::ExecutionRedriven { .. } => "ExecutionRedriven",
            Self::StateEntered { state, .. } => entered(*state),
            Self::StateExited { state, .. } => exited(*state),
            Self::TaskScheduled { resource, .. } => {
                task_or_function(resource, "TaskScheduled", "LambdaFunctionScheduled")
            }
            Self::TaskStarted(resource) => {
                task_or_function(resource, "TaskStarted", "LambdaFunctionStarted")
            }
            Self::TaskSubmitted { .. } => "TaskSubmitted",
            Self::TaskSucceeded { resource, .. } => {
                task_or_function(resource, "TaskSucceeded", "LambdaFunctionSucceeded")
            }
            Self::TaskFailed(resource, _) => {
                task_or_function(resource, "TaskFailed", "LambdaFunctionFailed")
            }
            Self::TaskTimedOut(resource, _) => {
                task_or_function(resource, "TaskTimedOut", "LambdaFunctionTimedOut")
            }
            Self::StateAborted { state } => aborted(*state),
            Self::ParallelStateStarted => "ParallelStateStarted",
            Self::ParallelStateSucceeded => "ParallelStateSucceeded",
            Self::ParallelStateFailed => "ParallelStateFailed",
            Self::MapStateStarted { .. } => "MapStateStarted",
            Self::MapStateSucceeded => "MapStateSucceeded",
            Self::MapStateFailed => "MapStateFailed",
            Self::MapIterationStarted(_) => "MapIterationStarted",
            Self::MapIterationSucceeded(_) => "MapIterationSucceeded",
            Self::MapIterationFailed(_) => "MapIterationFailed",
            Self::MapIterationAborted(_) => "MapIterationAborted",
            Self::MapRunStarted { .. } => "MapRunStarted",
            Self::MapRunRedriven { .. } => "MapRunRedriven",
            Self::MapRunSucceeded => "MapRunSucceeded",
            Self::MapRunFailed(_) => "MapRunFailed",
            Self::EvaluationFailed { .. } => "EvaluationFailed",
        }
    }

    /// The member of `HistoryEvent` that carries the details, and the details.
    fn details(&self) -> Option<(&'static str, Map<String, Value>)> {
        let (member, details) = match self {
            Self::ExecutionStarted { input, role_arn } => (
                "executionStartedEventDetails",
                with_data("input", input, json!({"roleArn": role_arn})),
            ),
            Self::ExecutionSucceeded { output } => {
                ("executionSucceededEventDetails", with_data("output", output, json!({})))
            }
            Self::ExecutionFailed(failure) => {
                ("executionFailedEventDetails", failed(failure, json!({})))
            }
            Self::ExecutionTimedOut(failure) => {
                ("executionTimedOutEventDetails", failed(failure, json!({})))
            }
            Self::ExecutionAborted(failure) => {
                ("executionAbortedEventDetails", failed(failure, json!({})))
            }
            Self::ExecutionRedriven { redrive_count } => {
                ("executionRedrivenEventDetails", json!({"redriveCount": redrive_count}))
            }
            Self::StateEntered { name, input, .. } => (
                "stateEnteredEventDetails",
                with_data("input", input, json!({"name": name.as_ref()})),
            ),
            Self::StateExited { name, output, assigned, .. } => {
                let mut details = with_data("output", output, json!({"name": name.as_ref()}));
                if !assigned.is_empty() {
                    let variables: Map<_, _> =
                        assigned.iter().map(|(k, v)| (k.clone(), json!(v.as_ref()))).collect();
                    details["assignedVariables"] = Value::Object(variables);
                    details["assignedVariablesDetails"] = json!({"truncated": false});
                }
                ("stateExitedEventDetails", details)
            }
            Self::TaskScheduled { .. }
            | Self::TaskStarted(_)
            | Self::TaskSubmitted { .. }
            | Self::TaskSucceeded { .. }
            | Self::TaskFailed(..)
            | Self::TaskTimedOut(..) => self.task_details()?,
            Self::MapStateStarted { length } => {
                ("mapStateStartedEventDetails", json!({"length": length}))
            }
            Self::MapIterationStarted(of) => ("mapIterationStartedEventDetails", iteration(of)),
            Self::MapIterationSucceeded(of) => ("mapIterationSucceededEventDetails", iteration(of)),
            Self::MapIterationFailed(of) => ("mapIterationFailedEventDetails", iteration(of)),
            Self::MapIterationAborted(of) => ("mapIterationAbortedEventDetails", iteration(of)),
            Self::MapRunStarted { map_run_arn } => {
                ("mapRunStartedEventDetails", json!({"mapRunArn": map_run_arn}))
            }
            Self::MapRunRedriven { map_run_arn, redrive_count } => (
                "mapRunRedrivenEventDetails",
                json!({"mapRunArn": map_run_arn, "redriveCount": redrive_count}),
            ),
            Self::MapRunFailed(failure) => ("mapRunFailedEventDetails", failed(failure, json!({}))),
            Self::EvaluationFailed { state, location, failure } => {
                let mut details = failed(failure, json!({"state": state.as_ref()}));
                if let Some(location) = location {
                    details["location"] = json!(location);
                }
                ("evaluationFailedEventDetails", details)
            }
            Self::StateAborted { .. }
            | Self::ParallelStateStarted
            | Self::ParallelStateSucceeded
            | Self::ParallelStateFailed
            | Self::MapStateSucceeded
            | Self::MapStateFailed
            | Self::MapRunSucceeded => return None,
        };
        match details {
            Value::Object(details) => Some((member, details)),
            _ => None,
        }
    }

    fn task_details(&self) -> Option<(&'static str, Value)> {
        Some(match self {
            Self::TaskScheduled { resource, parameters, timeout_seconds, role_arn, .. }
                if resource.is_function =>
            {
                let mut details =
                    with_data("input", parameters, json!({"resource": resource.resource}));
                if let Some(seconds) = timeout_seconds {
                    details["timeoutInSeconds"] = json!(seconds);
                }
                if let Some(role) = role_arn {
                    details["taskCredentials"] = json!({"roleArn": role});
                }
                ("lambdaFunctionScheduledEventDetails", details)
            }
            Self::TaskStarted(resource) if resource.is_function => return None,
            Self::TaskSucceeded { resource, output } if resource.is_function => {
                ("lambdaFunctionSucceededEventDetails", with_data("output", output, json!({})))
            }
            Self::TaskFailed(resource, failure) if resource.is_function => {
                ("lambdaFunctionFailedEventDetails", failed(failure, json!({})))
            }
            Self::TaskTimedOut(resource, failure) if resource.is_function => {
                ("lambdaFunctionTimedOutEventDetails", failed(failure, json!({})))
            }
            Self::TaskScheduled {
                resource,
                region,
                parameters,
                timeout_seconds,
                heartbeat_seconds,
                role_arn,
            } => {
                let mut details = task(resource);
                details["region"] = json!(region);
                details["parameters"] = json!(parameters.as_ref());
                if let Some(seconds) = timeout_seconds {
                    details["timeoutInSeconds"] = json!(seconds);
                }
                if let Some(seconds) = heartbeat_seconds {
                    details["heartbeatInSeconds"] = json!(seconds);
                }
                if let Some(role) = role_arn {
                    details["taskCredentials"] = json!({"roleArn": role});
                }
                ("taskScheduledEventDetails", details)
            }
            Self::TaskStarted(resource) => ("taskStartedEventDetails", task(resource)),
            Self::TaskSubmitted { resource, output } => {
                ("taskSubmittedEventDetails", with_data("output", output, task(resource)))
            }
            Self::TaskSucceeded { resource, output } => {
                ("taskSucceededEventDetails", with_data("output", output, task(resource)))
            }
            Self::TaskFailed(resource, failure) => {
                ("taskFailedEventDetails", failed(failure, task(resource)))
            }
            Self::TaskTimedOut(resource, failure) => {
                ("taskTimedOutEventDetails", failed(failure, task(resource)))
            }
            _ => return None,
        })
    }
}

fn with_data(field: &str, text: &str, mut details: Value) -> Value {
    details[field] = json!(text);
    details[format!("{field}Details")] = json!({"truncated": false});
    details
}

fn failed(failure: &FailureDetails, mut details: Value) -> Value {
    if let Some(error) = &failure.error {
        details["error"] = json!(error);
    }
    if let Some(cause) = &failure.cause {
        details["cause"] = json!(cause);
    }
    details
}

fn task(resource: &TaskResource) -> Value {
    json!({"resourceType": resource.resource_type, "resource": resource.resource})
}

fn iteration(of: &Iteration) -> Value {
    json!({"name": of.name.as_ref(), "index": of.index})
}

fn task_or_function(
    resource: &TaskResource,
    task: &'static str,
    function: &'static str,
) -> &'static str {
    if resource.is_function { function } else { task }
}

fn aborted(state: StateType) -> &'static str {
    match state {
        StateType::Wait => "WaitStateAborted",
        StateType::Parallel => "ParallelStateAborted",
        StateType::Map => "MapStateAborted",
        // AWS has no such event for states that end at once.
        _ => "TaskStateAborted",
    }
}

fn entered(state: StateType) -> &'static str {
    match state {
        StateType::Task => "TaskStateEntered",
        StateType::Choice => "ChoiceStateEntered",
        StateType::Wait => "WaitStateEntered",
        StateType::Pass => "PassStateEntered",
        StateType::Parallel => "ParallelStateEntered",
        StateType::Map => "MapStateEntered",
        StateType::Succeed => "SucceedStateEntered",
        StateType::Fail => "FailStateEntered",
    }
}

fn exited(state: StateType) -> &'static str {
    match state {
        StateType::Task => "TaskStateExited",
        StateType::Choice => "ChoiceStateExited",
        StateType::Wait => "WaitStateExited",
        StateType::Pass => "PassStateExited",
        StateType::Parallel => "ParallelStateExited",
        StateType::Map => "MapStateExited",
        StateType::Succeed => "SucceedStateExited",
        // A Fail state is never left; AWS has no such event.
        StateType::Fail => "FailStateEntered",
    }
}
