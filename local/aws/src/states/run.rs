//! From an execution's start to its end, and the events about both.

use std::sync::Arc;

use jiff::Timestamp;
use local_states::{Checkpoint, Ended};
use serde_json::{Value, json};

use super::executions::not_found;
use super::history;
use super::host::ExecutionHost;
use super::model::{Execution, Status};
use crate::{Aws, AwsError};

/// Inputs and outputs larger than this together are left out of events.
const LARGEST_EVENT_DATA: usize = 248 * 1024;

/// Runs an execution in the background, from its start or from a checkpoint.
pub(super) fn begin(aws: &Aws, arn: &str, resume: Option<Checkpoint>) {
    announce(aws, arn);
    let Some((running, stop)) = prepare(aws, arn, resume) else { return };
    let (world, arn) = (aws.clone(), arn.to_owned());
    aws.spawn(async move {
        tokio::select! {
            biased;
            () = stop.notified() => {}
            ended = running => finish(&world, &arn, ended),
        }
    });
}

/// The engine of an execution that stands in the state.
fn prepare(
    aws: &Aws,
    arn: &str,
    resume: Option<Checkpoint>,
) -> Option<(local_states::Running, Arc<tokio::sync::Notify>)> {
    let (machine, execution, role, stop) = {
        let state = aws.lock();
        let execution = state.states.executions.get(arn)?;
        (
            execution.machine.clone(),
            context(execution),
            execution.role.clone(),
            execution.stop.clone(),
        )
    };
    let host = Arc::new(ExecutionHost::new(aws, arn, &role));
    let running = local_states::run(machine, execution, host, resume);
    let progress = running.progress();
    aws.lock().states.executions.get_mut(arn)?.progress = Some(progress);
    Some((running, stop))
}

/// Lets go of the engines of executions that run.
pub(crate) fn let_go(aws: &Aws) {
    let mut state = aws.lock();
    let executions = state.states.executions.values_mut();
    let engines: Vec<_> = executions.map(|execution| execution.progress.take()).collect();
    drop(state);
    drop(engines);
}

fn context(execution: &Execution) -> local_states::Execution {
    local_states::Execution {
        arn: execution.arn.clone(),
        name: execution.name.clone(),
        input: serde_json::from_str(&execution.input).unwrap_or(Value::Null),
        role_arn: execution.role.clone(),
        start_time: execution.started,
        redrive_count: execution.redrives,
        redrive_time: execution.redriven,
        machine_arn: execution.machine_arn.clone(),
        machine_name: execution.machine_name.clone(),
    }
}

/// Writes down how an execution ended, unless somebody stopped it before.
pub(super) fn finish(aws: &Aws, arn: &str, ended: Ended) {
    let (now, lean) = (aws.now(), aws.settings().lean);
    {
        let mut state = aws.lock();
        let Some(execution) = state.states.executions.get_mut(arn) else { return };
        if execution.status != Status::Running {
            return;
        }
        match ended {
            Ended::Succeeded { output } => {
                execution.status = Status::Succeeded;
                execution.output = Some(output.to_string().into());
                execution.checkpoint = None;
            }
            Ended::Failed { error, cause, checkpoint } => {
                execution.status = Status::Failed;
                (execution.error, execution.cause) = (error, cause);
                execution.checkpoint = Some(checkpoint);
            }
            Ended::TimedOut { checkpoint } => {
                execution.status = Status::TimedOut;
                execution.checkpoint = Some(checkpoint);
            }
        }
        close(execution, now);
        if execution.status == Status::Succeeded {
            history::trim_old(&mut state.states, arn, lean);
        }
    }
    announce(aws, arn);
}

fn close(execution: &mut Execution, now: Timestamp) {
    execution.stopped = Some(now);
    execution.progress = None;
    execution.ended.notify_waiters();
}

/// Stops an execution; one that has ended stays as it is.
pub(super) fn stop(
    aws: &Aws,
    arn: &str,
    error: Option<String>,
    cause: Option<String>,
) -> Result<Timestamp, AwsError> {
    let now = aws.now();
    let progress = {
        let mut state = aws.lock();
        let execution = state.states.executions.get_mut(arn).ok_or_else(|| not_found(arn))?;
        if execution.status != Status::Running {
            return Ok(execution.stopped.unwrap_or(now));
        }
        execution.status = Status::Aborted;
        execution.error.clone_from(&error);
        execution.cause.clone_from(&cause);
        execution.progress.clone()
    };
    // Without the lock: the engine records the last event.
    let checkpoint = progress.map(|progress| progress.abort(error, cause));
    {
        let mut state = aws.lock();
        if let Some(execution) = state.states.executions.get_mut(arn) {
            execution.checkpoint = checkpoint;
            close(execution, now);
            execution.stop.notify_one();
        }
    }
    announce(aws, arn);
    Ok(now)
}

/// Tells the default bus how an execution stands. Child executions of map runs tell nobody.
fn announce(aws: &Aws, arn: &str) {
    let now = aws.now();
    let (detail, (metric, machine), (account, region)) = {
        let state = aws.lock();
        let Some(execution) = state.states.executions.get(arn) else { return };
        if execution.map_run.is_some() {
            return;
        }
        let published = match execution.status {
            Status::Running => "ExecutionsStarted",
            Status::Succeeded => "ExecutionsSucceeded",
            Status::Failed => "ExecutionsFailed",
            Status::TimedOut => "ExecutionsTimedOut",
            Status::Aborted => "ExecutionsAborted",
        };
        let published = (published, execution.machine_arn.clone());
        let place = (execution.account.clone(), execution.region.clone());
        (detail(execution, now), published, place)
    };
    let dimensions = [("StateMachineArn", machine.as_str())];
    aws.put_metric((&account, &region), ("AWS/States", metric), &dimensions, 1.0);
    crate::events::announce(
        aws,
        (&account, &region),
        "aws.states",
        "Step Functions Execution Status Change",
        json!([arn]),
        detail,
    );
}

/// The event's detail.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html>
fn detail(execution: &Execution, now: Timestamp) -> Value {
    let output = execution.output.as_deref();
    let fits = execution.input.len() + output.map_or(0, str::len) <= LARGEST_EVENT_DATA;
    let included = |given: bool| if given { json!({ "included": fits }) } else { Value::Null };
    let reason = execution.not_redrivable(now);
    json!({
        "executionArn": execution.arn,
        "stateMachineArn": execution.machine_arn,
        "name": execution.name,
        "status": execution.status.text(),
        "startDate": execution.started.as_millisecond(),
        "stopDate": execution.stopped.map(Timestamp::as_millisecond),
        "input": fits.then_some(execution.input.as_ref()),
        "output": output.filter(|_| fits),
        "inputDetails": included(true),
        "outputDetails": included(output.is_some()),
        "error": execution.error,
        "cause": execution.cause,
        "stateMachineVersionArn": null,
        "stateMachineAliasArn": null,
        "redriveCount": execution.redrives,
        "redriveDate": execution.redriven.map(Timestamp::as_millisecond),
        "redriveStatus": if reason.is_none() { "REDRIVABLE" } else { "NOT_REDRIVABLE" },
        "redriveStatusReason": reason,
    })
}
