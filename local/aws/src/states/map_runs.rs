//! Map runs, as far as their child executions tell.

use serde_json::{Value, json};

use super::model::{Execution, MapRun, Status};
use super::page;
use super::started::Started;
use crate::wire::timestamp;
use crate::{Aws, AwsError, Call, State};

/// `ListMapRuns` and `DescribeMapRun`.
pub(super) fn handle(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let state = aws.lock();
    if call.operation == "ListMapRuns" {
        let execution = call.text("executionArn")?;
        let all = state
            .states
            .map_runs
            .values()
            .filter(|run| run.execution == execution)
            .map(|run| summary(&state, run))
            .collect();
        return page(call, all, "mapRuns");
    }
    let arn = call.text("mapRunArn")?;
    let run =
        state.states.map_runs.get(arn).ok_or_else(|| {
            AwsError::new("ResourceNotFound", format!("Resource not found: '{arn}'"))
        })?;
    let children = children(&state, run);
    let count = |status: Status| children.iter().filter(|one| one.status == status).count();
    let counts = json!({
        "pending": 0,
        "running": count(Status::Running),
        "succeeded": count(Status::Succeeded),
        "failed": count(Status::Failed),
        "timedOut": count(Status::TimedOut),
        "aborted": count(Status::Aborted),
        "total": children.len(),
        "resultsWritten": 0,
    });
    let mut shown = summary(&state, run);
    shown["status"] = json!(status(&state, run));
    shown["executionCounts"] = counts.clone();
    shown["itemCounts"] = counts;
    Ok(shown)
}

fn children<'s>(state: &'s State, run: &MapRun) -> Vec<&'s Execution> {
    let started = state.states.started.get(&run.arn);
    let arns = started.into_iter().flat_map(Started::all);
    arns.filter_map(|arn| state.states.executions.get(arn)).collect()
}

/// A map run stands as the execution that it belongs to, once its children have ended.
fn status(state: &State, run: &MapRun) -> &'static str {
    let children = children(state, run);
    let running = children.iter().any(|child| child.status == Status::Running);
    let parent = state.states.executions.get(&run.execution).map(|parent| parent.status);
    match parent {
        _ if running => "RUNNING",
        Some(Status::Aborted) => "ABORTED",
        Some(Status::Failed | Status::TimedOut)
            if children.iter().any(|child| child.status != Status::Succeeded) =>
        {
            "FAILED"
        }
        _ => "SUCCEEDED",
    }
}

fn summary(state: &State, run: &MapRun) -> Value {
    let mut summary = json!({
        "mapRunArn": run.arn,
        "executionArn": run.execution,
        "stateMachineArn": run.machine,
        "startDate": timestamp(run.started),
    });
    let children = children(state, run);
    if children.iter().all(|child| child.stopped.is_some())
        && let Some(last) = children.iter().filter_map(|child| child.stopped).max()
    {
        summary["stopDate"] = timestamp(last);
    }
    summary
}
