//! Histories: kept, trimmed and answered.

use std::sync::Arc;

use local_states::{EventKind, HistoryEvent};
use serde_json::{Value, json};

use super::States;
use super::executions::not_found;
use crate::{Aws, AwsError, Call};

/// How many executions that succeeded keep the inputs and outputs in their histories.
const COMPLETE_HISTORIES: usize = 1_000;
/// How many of them keep any history in a lean world.
const LEAN_HISTORIES: usize = 100;

/// `GetExecutionHistory`.
pub(super) fn get(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let arn = call.text("executionArn")?;
    let reverse = call.opt_bool("reverseOrder")?.unwrap_or_default();
    let with_data = call.opt_bool("includeExecutionData")?.unwrap_or(true);
    let state = aws.lock();
    let execution = state.states.executions.get(arn).ok_or_else(|| not_found(arn))?;
    let with_data = with_data && !execution.trimmed;
    let start = match call.opt_text("nextToken") {
        None => 0,
        Some(token) => token
            .parse::<usize>()
            .map_err(|_| AwsError::new("InvalidToken", format!("Invalid Token: '{token}'")))?,
    };
    let size = match call.opt_int("maxResults")?.unwrap_or(100) {
        0 => 100,
        size @ 1..=1000 => usize::try_from(size).unwrap_or(100),
        size => return Err(AwsError::validation(format!("maxResults: {size} is not 0 to 1000"))),
    };
    let events = &execution.history;
    let shown: Vec<Value> = if reverse {
        events.iter().rev().skip(start).take(size).map(|event| event.to_api(with_data)).collect()
    } else {
        events.iter().skip(start).take(size).map(|event| event.to_api(with_data)).collect()
    };
    let mut answer = json!({ "events": shown });
    if events.len() > start + size {
        answer["nextToken"] = json!((start + size).to_string());
    }
    Ok(answer)
}

/// Notes that an execution succeeded, and takes inputs and outputs out of the history that is
/// the oldest of too many.
pub(super) fn trim_old(states: &mut States, arn: &str, lean: bool) {
    states.complete_histories.push_back(arn.to_owned());
    let most = if lean { LEAN_HISTORIES } else { COMPLETE_HISTORIES };
    while states.complete_histories.len() > most {
        let Some(oldest) = states.complete_histories.pop_front() else { return };
        if let Some(execution) = states.executions.get_mut(&oldest) {
            if lean {
                execution.history.clear();
            } else {
                execution.history.iter_mut().for_each(trim);
            }
            execution.history.shrink_to_fit();
            execution.trimmed = true;
        }
    }
}

fn trim(event: &mut HistoryEvent) {
    let nothing = || Arc::<str>::from("");
    match &mut event.kind {
        EventKind::ExecutionStarted { input, .. } | EventKind::StateEntered { input, .. } => {
            *input = nothing();
        }
        EventKind::ExecutionSucceeded { output }
        | EventKind::TaskSubmitted { output, .. }
        | EventKind::TaskSucceeded { output, .. } => *output = nothing(),
        EventKind::StateExited { output, assigned, .. } => {
            *output = nothing();
            assigned.clear();
        }
        EventKind::TaskScheduled { parameters, .. } => *parameters = nothing(),
        _ => {}
    }
}

/// The bytes of the largest text of an event: an input, an output, a task's parameters, or the
/// variables that it assigned.
pub(super) fn data_bytes(event: &HistoryEvent) -> usize {
    match &event.kind {
        EventKind::ExecutionStarted { input, .. } | EventKind::StateEntered { input, .. } => {
            input.len()
        }
        EventKind::ExecutionSucceeded { output }
        | EventKind::TaskSubmitted { output, .. }
        | EventKind::TaskSucceeded { output, .. } => output.len(),
        EventKind::StateExited { output, assigned, .. } => {
            output.len().max(assigned.values().map(|value| value.len()).sum())
        }
        EventKind::TaskScheduled { parameters, .. } => parameters.len(),
        _ => 0,
    }
}
