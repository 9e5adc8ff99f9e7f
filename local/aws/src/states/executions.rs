//! Starting, reading, stopping and redriving executions.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Notify;

use super::machines::check_name;
use super::model::{Execution, Status};
use super::{States, page, run};
use crate::wire::timestamp;
use crate::{Aws, AwsError, Call};

const LONGEST_INPUT: usize = 262_144;

/// Performs a call about executions.
pub(super) fn handle(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    match call.operation.as_str() {
        "StartExecution" => start(aws, call),
        "DescribeExecution" => {
            let arn = call.text("executionArn")?;
            let with_data = call.opt_text("includedData") != Some("METADATA_ONLY");
            let now = aws.now();
            let state = aws.lock();
            let execution = state.states.executions.get(arn).ok_or_else(|| not_found(arn))?;
            Ok(execution.shown(now, with_data))
        }
        "ListExecutions" => list(aws, call),
        "StopExecution" => stop(aws, call),
        _ => redrive(aws, call),
    }
}

/// The error for an execution that does not exist.
pub(super) fn not_found(arn: &str) -> AwsError {
    AwsError::new("ExecutionDoesNotExist", format!("Execution Does Not Exist: '{arn}'"))
}

fn start(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let machine_arn = call.text("stateMachineArn")?;
    let name = match call.opt_text("name") {
        Some(name) => name.to_owned(),
        None => aws.uuid(),
    };
    check_name(&name)?;
    let input = call.opt_text("input").unwrap_or("{}");
    if input.len() > LONGEST_INPUT {
        return Err(AwsError::new(
            "InvalidExecutionInput",
            format!(
                "Invalid State Machine Execution Input: {} bytes, at most {LONGEST_INPUT}",
                input.len()
            ),
        ));
    }
    if let Err(error) = serde_json::from_str::<Value>(input) {
        return Err(AwsError::new(
            "InvalidExecutionInput",
            format!("Invalid State Machine Execution Input: '{error}'"),
        ));
    }
    let now = aws.now();
    let arn = {
        let mut state = aws.lock();
        let states = &mut state.states;
        let machine = states
            .machines
            .get(machine_arn)
            .ok_or_else(|| super::machines::not_found(machine_arn))?;
        let arn = format!(
            "arn:aws:states:{}:{}:execution:{}:{name}",
            machine.region, machine.account, machine.name
        );
        if let Some(existing) = states.executions.get(&arn) {
            if existing.status == Status::Running && existing.input.as_ref() == input {
                let started = timestamp(existing.started);
                return Ok(json!({ "executionArn": arn, "startDate": started }));
            }
            return Err(AwsError::new(
                "ExecutionAlreadyExists",
                format!("Execution Already Exists: '{arn}'"),
            ));
        }
        let execution = Execution {
            arn: arn.clone(),
            name,
            account: machine.account.clone(),
            region: machine.region.clone(),
            machine_arn: machine.arn.clone(),
            machine_name: machine.name.clone(),
            role: machine.role.clone(),
            machine: machine.machine.clone(),
            definition: machine.definition.clone(),
            map_run: None,
            input: input.into(),
            output: None,
            error: None,
            cause: None,
            status: Status::Running,
            started: now,
            stopped: None,
            redrives: 0,
            redriven: None,
            history: Vec::new(),
            largest: 0,
            trimmed: false,
            checkpoint: None,
            progress: None,
            stop: Arc::new(Notify::new()),
            ended: Arc::new(Notify::new()),
        };
        states.started.entry(machine_arn.to_owned()).or_default().starts(arn.clone());
        states.executions.insert(arn.clone(), execution);
        arn
    };
    run::begin(aws, &arn, None);
    Ok(json!({ "executionArn": arn, "startDate": timestamp(now) }))
}

fn list(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let Some(parent) = call.opt_text("mapRunArn").or(call.opt_text("stateMachineArn")) else {
        return Err(AwsError::validation("stateMachineArn or mapRunArn has to be given"));
    };
    let wanted = call.opt_text("statusFilter");
    let redriven = match call.opt_text("redriveFilter") {
        None => None,
        Some("REDRIVEN") => Some(true),
        Some("NOT_REDRIVEN") => Some(false),
        Some(other) => {
            return Err(AwsError::validation(format!(
                "redriveFilter: \"{other}\" is not REDRIVEN or NOT_REDRIVEN"
            )));
        }
    };
    // The list is eventually consistent: what was just started is not in it yet.
    let lag = aws.paced(aws.settings().durations.list_lag);
    let until = aws.now().checked_sub(lag).unwrap_or_default();
    let mut state = aws.lock();
    let States { machines, executions, started, .. } = &mut state.states;
    if call.opt_text("mapRunArn").is_none() && !machines.contains_key(parent) {
        return Err(super::machines::not_found(parent));
    }
    let running = Status::Running;
    let arns = match started.get_mut(parent) {
        None => Vec::new(),
        Some(started) if wanted == Some(running.text()) => started.running(|arn| {
            executions.get(arn).is_some_and(|execution| execution.status == running)
        }),
        Some(started) => started.all().collect(),
    };
    let all = arns
        .into_iter()
        .rev()
        .filter_map(|arn| executions.get(arn))
        .filter(|one| one.started <= until)
        .filter(|one| wanted.is_none_or(|wanted| wanted == one.status.text()))
        .filter(|one| redriven.is_none_or(|redriven| redriven == (one.redrives > 0)))
        .map(Execution::summary)
        .collect();
    page(call, all, "executions")
}

fn stop(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let arn = call.text("executionArn")?;
    let text = |member: &str| call.opt_text(member).map(str::to_owned);
    let stopped = run::stop(aws, arn, text("error"), text("cause"))?;
    Ok(json!({ "stopDate": timestamp(stopped) }))
}

fn redrive(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let arn = call.text("executionArn")?;
    let now = aws.now();
    let checkpoint = {
        let mut state = aws.lock();
        let execution = state.states.executions.get_mut(arn).ok_or_else(|| not_found(arn))?;
        if let Some(reason) = execution.not_redrivable(now) {
            return Err(AwsError::new(
                "ExecutionNotRedrivable",
                format!("Execution is not redrivable: '{arn}': {reason}"),
            ));
        }
        execution.status = Status::Running;
        execution.stopped = None;
        execution.error = None;
        execution.cause = None;
        execution.redrives += 1;
        execution.redriven = Some(now);
        execution.stop = Arc::new(Notify::new());
        let (checkpoint, machine) = (execution.checkpoint.take(), execution.machine_arn.clone());
        state.states.started.entry(machine).or_default().runs_again(arn);
        checkpoint
    };
    run::begin(aws, arn, checkpoint);
    Ok(json!({ "redriveDate": timestamp(now) }))
}
