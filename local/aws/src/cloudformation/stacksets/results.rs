//! Operations and their results as readers see them: `DescribeStackSetOperation` is fresh, the
//! two lists lag behind.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::errors::{operation_not_found, validation};
use super::model::{Gate, Operation, StackSet, cancel_reason};
use super::{find, page, show};
use crate::cloudformation::scheduler::{InstanceKey, InstanceState};
use crate::{Aws, AwsError, Call};

const STATUSES: [&str; 5] = ["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"];

fn operation<'a>(call: &Call, set: &'a StackSet) -> Result<&'a Operation, AwsError> {
    let id = call.text("OperationId")?;
    set.operations.get(id).ok_or_else(|| operation_not_found(id, set.name()))
}

/// `DescribeStackSetOperation`.
pub(super) fn describe_operation(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let state = aws.lock();
    let set = find(call, &state)?;
    Ok(json!({ "StackSetOperation": show::operation(set, operation(call, set)?) }))
}

/// `ListStackSetOperations`: newest first.
pub(super) fn list_operations(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let seen = aws.lagging();
    let state = aws.lock();
    let set = find(call, &state)?;
    let known = set.operations.values().rev();
    let known = known.filter_map(|operation| Some((operation, operation.status_at(seen)?)));
    page(call, "Summaries", known, |(operation, phase)| show::operation_summary(operation, phase))
}

/// The status that is asked for.
fn filter(call: &Call) -> Result<Option<&str>, AwsError> {
    let list = call.list("Filters");
    let Some(filter) = list.first() else { return Ok(None) };
    if list.len() > 1 {
        return Err(validation(format!("Filters: {} are more than 1", list.len())));
    }
    match (filter["Name"].as_str(), filter["Values"].as_str()) {
        (Some("OPERATION_RESULT_STATUS"), Some(status)) if STATUSES.contains(&status) => {
            Ok(Some(status))
        }
        (Some("OPERATION_RESULT_STATUS"), status) => Err(validation(format!(
            "Filters: OPERATION_RESULT_STATUS: \"{}\" is not one of {}",
            status.unwrap_or_default(),
            STATUSES.join(", ")
        ))),
        (name, _) => Err(validation(format!(
            "Filters: \"{}\" is not OPERATION_RESULT_STATUS",
            name.unwrap_or_default()
        ))),
    }
}

/// `ListStackSetOperationResults`.
pub(super) fn list_results(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let wanted = filter(call)?;
    let seen = aws.lagging();
    let state = aws.lock();
    let set = find(call, &state)?;
    let operation = operation(call, set)?;
    let targets = operation.request.targets.iter().enumerate();
    let rows = targets.flat_map(|(region, (name, accounts))| {
        accounts.iter().enumerate().map(move |(instance, account)| {
            let key = InstanceKey { region, instance };
            (name, account, observed(operation, key, seen))
        })
    });
    let fitting = rows.filter(|(_, _, (status, ..))| wanted.is_none_or(|wanted| wanted == *status));
    page(call, "Summaries", fitting, |(region, account, (status, reason, gate))| {
        json!({
            "Account": account.as_ref(),
            "Region": region.as_ref(),
            "Status": status,
            "StatusReason": reason,
            "AccountGateResult": gate.map(|gate| json!({
                "Status": gate.status,
                "StatusReason": gate.reason.as_deref(),
            })),
            "OrganizationalUnitId": operation.request.units.get(account).map(AsRef::as_ref),
        })
    })
}

/// A result as it stood at a moment.
fn observed(
    operation: &Operation,
    key: InstanceKey,
    seen: Timestamp,
) -> (&'static str, Option<&str>, Option<&Gate>) {
    let waits = ("PENDING", None, None);
    let Some(region) = operation.regions.get(key.region) else { return waits };
    let state = operation.scheduler.as_ref().and_then(|scheduler| scheduler.state(key));
    match region.runs.get(key.instance) {
        Some(run) if run.ended.is_some_and(|ended| ended <= seen) => {
            let status = state.map_or("PENDING", InstanceState::as_str);
            (status, run.reason.as_deref(), run.gate.as_ref())
        }
        Some(run) if run.started <= seen => ("RUNNING", None, None),
        None if region.cancelled.is_some_and(|cancelled| cancelled <= seen) => {
            let state = state.filter(|state| matches!(state, InstanceState::Cancelled(_)));
            state.map_or(waits, |state| (state.as_str(), cancel_reason(state), None))
        }
        // A queued operation that was stopped has no scheduler.
        None if operation.scheduler.is_none()
            && operation.status_at(seen).is_some_and(|phase| phase.is_final()) =>
        {
            ("CANCELLED", Some("Cancelled since the operation was stopped"), None)
        }
        _ => waits,
    }
}
