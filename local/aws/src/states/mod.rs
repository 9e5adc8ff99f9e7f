//! Step Functions: machines and their executions, run by `local-states`.
//!
//! Standard machines in JSONata. Executions act with their machine's role, so a policy that
//! lacks something fails the task as on AWS. The newest thousand executions that succeeded, and
//! all others, keep the inputs and outputs in their histories; older ones keep the events.

mod access;
mod executions;
mod history;
mod hooks;
mod host;
mod machines;
mod map_runs;
mod model;
mod run;
mod sdk;
mod started;
mod tasks;
mod tokens;
mod usage;

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use crate::{Aws, AwsError, Call};
pub(crate) use access::access;
pub use hooks::ExecutionView;
use model::{Execution, MapRun, StateMachine};
pub(crate) use run::let_go;
use started::Started;
use tokens::Waiting;
pub use usage::MachineUsage;

/// The service's state.
#[derive(Debug, Default)]
pub(crate) struct States {
    /// By ARN.
    machines: BTreeMap<String, StateMachine>,
    /// By ARN.
    executions: BTreeMap<String, Execution>,
    /// The executions of each machine and map run.
    started: BTreeMap<String, Started>,
    /// By ARN.
    map_runs: BTreeMap<String, MapRun>,
    /// Tasks that wait for their token.
    waiting: BTreeMap<String, Waiting>,
    /// Executions that succeeded and still have inputs and outputs in their histories.
    complete_histories: VecDeque<String>,
    /// By machine name.
    usage: BTreeMap<String, MachineUsage>,
}

/// Performs a call.
pub(crate) async fn handle(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    match call.operation.as_str() {
        "CreateStateMachine"
        | "UpdateStateMachine"
        | "DescribeStateMachine"
        | "DescribeStateMachineForExecution"
        | "ListStateMachines"
        | "DeleteStateMachine"
        | "ValidateStateMachineDefinition"
        | "TagResource"
        | "UntagResource"
        | "ListTagsForResource" => machines::handle(aws, call),
        "StartExecution" | "DescribeExecution" | "ListExecutions" | "StopExecution"
        | "RedriveExecution" => executions::handle(aws, call),
        "GetExecutionHistory" => history::get(aws, call),
        "SendTaskSuccess" | "SendTaskFailure" | "SendTaskHeartbeat" => tokens::handle(aws, call),
        "ListMapRuns" | "DescribeMapRun" => map_runs::handle(aws, call),
        other => Err(AwsError::unknown_operation("states", other)),
    }
}

/// One page of a list; the token is the index at which the next one starts.
fn page(call: &Call, all: Vec<Value>, member: &str) -> Result<Value, AwsError> {
    let start = match call.opt_text("nextToken") {
        None => 0,
        Some(token) => token
            .parse::<usize>()
            .map_err(|_| AwsError::new("InvalidToken", format!("Invalid Token: '{token}'")))?,
    };
    let size = match call.opt_int("maxResults")?.unwrap_or(100) {
        0 => 100,
        size @ 1..=1000 => usize::try_from(size).unwrap_or(100),
        size => {
            return Err(AwsError::validation(format!("maxResults: {size} is not 0 to 1000")));
        }
    };
    let more = all.len() > start + size;
    let shown: Vec<Value> = all.into_iter().skip(start).take(size).collect();
    let mut answer = serde_json::json!({ member: shown });
    if more {
        answer["nextToken"] = serde_json::json!((start + size).to_string());
    }
    Ok(answer)
}
