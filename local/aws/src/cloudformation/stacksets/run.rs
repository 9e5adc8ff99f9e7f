//! One task per running operation: it starts what the scheduler lets start, takes the ends, and
//! begins what waits afterwards.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::errors::{invalid_operation, operation_not_found};
use super::instance::{self, End, Work};
use super::model::{
    Action, Instance, Operation, Phase, Place, Run, SetKey, StackSet, Status, cancel_reason,
};
use super::{find_mut, key_of, queue, show};
use crate::cloudformation::scheduler::{InstanceKey, InstanceState, OperationStatus, Outcome};
use crate::{Aws, AwsError, Call};

/// Ends within this time count as one moment: all are taken before anything starts.
const MOMENT: Duration = Duration::from_millis(1);

type Flying = FuturesUnordered<BoxFuture<'static, End>>;

/// Drives an operation in a task of its own.
pub(super) fn launch(aws: &Aws, key: &SetKey, id: Arc<str>, stop: Arc<Notify>) {
    let (world, key) = (aws.clone(), key.clone());
    aws.spawn(async move {
        drive(&world, &key, &id, &stop).await;
        conclude(&world, &key, &id);
        queue::advance(&world, &key);
    });
}

async fn drive(aws: &Aws, key: &SetKey, id: &Arc<str>, stop: &Notify) {
    let mut flying = Flying::new();
    loop {
        for work in start(aws, key, id) {
            flying.push(Box::pin(instance::run(aws.clone(), work)));
        }
        if flying.is_empty() {
            return;
        }
        let first = tokio::select! {
            biased;
            end = flying.next() => end,
            () = stop.notified() => None,
        };
        let Some(first) = first else { continue };
        let mut ends = vec![first];
        gather(&mut flying, &mut ends).await;
        ends.sort_by_key(|end| end.key);
        for end in ends {
            take(aws, key, id, end);
        }
    }
}

/// Waits for what ends at the same moment.
async fn gather(flying: &mut Flying, ends: &mut Vec<End>) {
    let moment = tokio::time::sleep(MOMENT);
    tokio::pin!(moment);
    while !flying.is_empty() {
        tokio::select! {
            biased;
            Some(end) = flying.next() => ends.push(end),
            () = &mut moment => return,
        }
    }
}

fn with<T>(
    aws: &Aws,
    key: &SetKey,
    id: &str,
    change: impl FnOnce(&mut StackSet, &mut Operation) -> T,
) -> Option<T> {
    let mut state = aws.lock();
    let set = state.cloudformation.stack_sets.sets.get_mut(key)?;
    // Out of the map for a moment: the set and its operation are changed together.
    let (index, _, mut operation) = set.operations.swap_remove_full(id)?;
    let result = change(set, &mut operation);
    let (last, _) = set.operations.insert_full(id.to_owned(), operation);
    set.operations.swap_indices(index, last);
    Some(result)
}

/// Starts what may start now.
fn start(aws: &Aws, key: &SetKey, id: &str) -> Vec<Work> {
    let now = aws.now();
    let started = with(aws, key, id, |set, operation| {
        let Some(scheduler) = &mut operation.scheduler else { return Vec::new() };
        let starts = scheduler.startable();
        cancelled(operation, now);
        starts.into_iter().filter_map(|one| begin(set, operation, one, now)).collect()
    });
    let started = started.unwrap_or_default();
    for (work, instance) in &started {
        show::announce_instance(aws, (key, &work.arn), work.action.as_str(), instance);
    }
    started.into_iter().map(|(work, _)| work).collect()
}

fn begin(
    set: &mut StackSet,
    operation: &mut Operation,
    key: InstanceKey,
    now: Timestamp,
) -> Option<(Work, Instance)> {
    let place = place(operation, key)?;
    let run = Run { started: now, ended: None, reason: None, gate: None };
    operation.regions.get_mut(key.region)?.runs.push(run);
    let (arn, uuid, service_managed) = (set.arn(), set.uuid.clone(), set.service_managed);
    let (administrator, name) = (set.key.0.clone(), set.key.2.clone());
    let home = set.key.1.clone();
    // Gone only if somebody took it by another operation; its name is then of no use.
    let instance = set.instances.get_mut(&place)?;
    instance.detailed = "RUNNING";
    let work = Work {
        key,
        arn,
        uuid,
        set: name,
        administrator,
        home,
        service_managed,
        action: operation.request.action,
        retain: operation.request.retain == Some(true),
        place,
        stack_name: instance.stack_name.clone(),
        overrides: instance.overrides.clone(),
        definition: operation.definition.clone(),
    };
    Some((work, instance.clone()))
}

fn place(operation: &Operation, key: InstanceKey) -> Option<Place> {
    let (region, accounts) = operation.request.targets.get(key.region)?;
    Some((accounts.get(key.instance)?.clone(), region.clone()))
}

/// Notes when Regions were cancelled.
fn cancelled(operation: &mut Operation, now: Timestamp) {
    let Some(scheduler) = &operation.scheduler else { return };
    for (index, region) in operation.regions.iter_mut().enumerate() {
        let gone = scheduler.progress(index).is_some_and(|progress| progress.cancelled > 0);
        if gone && region.cancelled.is_none() {
            region.cancelled = Some(now);
        }
    }
}

/// Takes the end of an instance.
fn take(aws: &Aws, key: &SetKey, id: &str, end: End) {
    let now = aws.now();
    let changed = with(aws, key, id, |set, operation| {
        let place = place(operation, end.key)?;
        let run = operation
            .regions
            .get_mut(end.key.region)
            .and_then(|region| region.runs.get_mut(end.key.instance))?;
        run.ended = Some(now);
        run.reason.clone_from(&end.reason);
        run.gate = Some(end.gate.clone());
        if let Some(scheduler) = &mut operation.scheduler
            && let Err(error) = scheduler.finished(end.key, end.outcome)
        {
            tracing::error!(%error, "an instance ended out of turn");
        }
        cancelled(operation, now);
        let action = operation.request.action;
        let deleted = action == Action::Delete && end.outcome == Outcome::Succeeded;
        let instance = set.instances.get_mut(&place)?;
        settle(instance, action, &end);
        let shown = (action, instance.clone(), set.arn());
        if deleted {
            set.instances.remove(&place);
        }
        Some(shown)
    });
    if let Some(Some((action, instance, arn))) = changed {
        show::announce_instance(aws, (key, &arn), action.as_str(), &instance);
    }
}

/// What an end makes of the instance.
fn settle(instance: &mut Instance, action: Action, end: &End) {
    instance.reason.clone_from(&end.reason);
    if let Some(id) = &end.stack_id {
        instance.stack_id = Some(id.clone());
    }
    match end.outcome {
        Outcome::Succeeded => {
            instance.detailed = "SUCCEEDED";
            if action != Action::Delete {
                instance.status = Status::Current;
            }
        }
        Outcome::Skipped => instance.detailed = "SKIPPED_SUSPENDED_ACCOUNT",
        // A deletion that went wrong half-way leaves a stack that no update can reach.
        Outcome::Failed if action == Action::Delete && end.touched => {
            instance.status = Status::Inoperable;
            instance.detailed = "INOPERABLE";
        }
        Outcome::Failed => instance.detailed = "FAILED",
    }
}

/// Ends an operation: what did not start is cancelled.
fn conclude(aws: &Aws, key: &SetKey, id: &str) {
    let now = aws.now();
    let ended = with(aws, key, id, |set, operation| {
        let scheduler = operation.scheduler.as_ref()?;
        for (one, state) in scheduler.results() {
            let started = operation
                .regions
                .get(one.region)
                .is_some_and(|region| one.instance < region.runs.len());
            if let (InstanceState::Cancelled(_), false) = (state, started)
                && let Some(place) = place(operation, one)
                && let Some(instance) = set.instances.get_mut(&place)
            {
                instance.detailed = "CANCELLED";
                instance.reason = cancel_reason(state).map(Arc::from);
            }
        }
        let phase = Phase::Begun(scheduler.status());
        operation.history.push((now, phase));
        Some((set.arn(), phase))
    });
    if let Some(Some((arn, phase))) = ended {
        show::announce_operation(aws, key, &arn, id, phase);
    }
}

/// `StopStackSetOperation`: what has not started never will, what runs ends by itself.
pub(super) fn stop(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let id = call.text("OperationId")?.to_owned();
    let now = aws.now();
    let (key, arn, phase) = {
        let mut state = aws.lock();
        let key = key_of(call, &state)?;
        let set = find_mut(call, &mut state)?;
        let arn = set.arn();
        let operation =
            set.operations.get_mut(&id).ok_or_else(|| operation_not_found(&id, &key.2))?;
        let before = operation.status();
        if before.is_final() {
            return Err(invalid_operation(format!(
                "Operation {id} is in status {} and can not be stopped",
                before.as_str()
            )));
        }
        let phase = match &mut operation.scheduler {
            Some(scheduler) => {
                scheduler.stop().map_err(|error| invalid_operation(error.to_string()))?;
                Phase::Begun(OperationStatus::Stopping)
            }
            // It never began: there is nothing to wait for.
            None => Phase::Begun(OperationStatus::Stopped),
        };
        cancelled(operation, now);
        if phase == before {
            return Ok(json!({}));
        }
        operation.history.push((now, phase));
        operation.stop.notify_one();
        if phase.is_final() {
            abandon(set, &id);
        }
        (key, arn, phase)
    };
    show::announce_operation(aws, &key, &arn, &id, phase);
    queue::advance(aws, &key);
    Ok(json!({}))
}

/// Cancels the instances that waited for an operation which was stopped before it began.
fn abandon(set: &mut StackSet, id: &str) {
    for instance in set.instances.values_mut() {
        if instance.last_operation.as_ref() == id {
            instance.detailed = "CANCELLED";
            instance.reason = Some("Cancelled since the operation was stopped".into());
        }
    }
}
