//! Deleting a stack.

use std::time::Duration;

use indexmap::IndexMap;

use super::StackError;
use super::deploy::{Job, delete_one, with_stack};
use super::model::{Stack, StackResource, status};
use super::rules::{self, Place};
use crate::cloudformation::template::DeletionPolicy;
use crate::{Aws, Caller};

/// Resources in the order in which they can be deleted: each before those that it needs.
pub(super) fn order(resources: &IndexMap<String, StackResource>) -> Vec<String> {
    let mut left: Vec<&String> = resources.keys().collect();
    let mut ordered = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let needed = |id: &String| {
            left.iter().any(|other| *other != id && resources[*other].needs.contains(id))
        };
        // Needs have no circle: a template with one was refused.
        let index = left.iter().rposition(|id| !needed(id)).unwrap_or(left.len() - 1);
        ordered.push(left.remove(index).clone());
    }
    ordered
}

/// Puts a stack into deletion. None when there is no such stack.
pub(super) fn begin(
    aws: &Aws,
    account: &str,
    region: &str,
    name: &str,
) -> Result<Option<Stack>, StackError> {
    let now = aws.now();
    let mut state = aws.lock();
    let stacks = &mut state.cloudformation.stacks;
    let key = (account.to_owned(), region.to_owned(), name.to_owned());
    let id = if name.starts_with("arn:") {
        Some(name.to_owned())
    } else {
        stacks.living.get(&key).cloned()
    };
    let Some(stack) = id.and_then(|id| stacks.by_id.get_mut(&id)) else { return Ok(None) };
    if stack.status == status::DELETE_COMPLETE {
        return Ok(None);
    }
    let refuse = |reason: String| Err(StackError::Refused { stack: name.to_owned(), reason });
    if stack.protected {
        return refuse(format!(
            "Stack [{}] cannot be deleted while TerminationProtection is enabled",
            stack.name
        ));
    }
    if stack.is_busy() {
        let status = stack.status;
        return refuse(format!("it is in {status} state and can not be deleted."));
    }
    stack.set_status(status::DELETE_IN_PROGRESS, None, now);
    Ok(Some(stack.clone()))
}

/// Deletes a stack by its name or id and waits for the end.
pub(super) async fn delete(
    aws: &Aws,
    account: &str,
    region: &str,
    name: &str,
    caller: &Caller,
    duration: Duration,
) -> Result<(), StackError> {
    match begin(aws, account, region, name)? {
        Some(stack) => finish(aws, stack, caller, duration).await,
        None => Ok(()),
    }
}

/// Deletes the resources of a stack that is in deletion.
pub(super) async fn finish(
    aws: &Aws,
    stack: Stack,
    caller: &Caller,
    duration: Duration,
) -> Result<(), StackError> {
    if !duration.is_zero() {
        aws.sleep(duration).await;
    }
    let job = Job {
        account: stack.account.clone(),
        region: stack.region.clone(),
        name: stack.name.clone(),
        text: stack.text.clone(),
        template: std::sync::Arc::default(),
        parameters: Default::default(),
        tags: Default::default(),
        caller: caller.clone(),
        duration,
        rolls_back: false,
    };
    if let Some(reason) = in_use(aws, &stack) {
        let now = aws.now();
        with_stack(aws, &stack.id, |stack| {
            stack.set_status(status::DELETE_FAILED, Some(reason.clone()), now);
        });
        return Err(StackError::Failed {
            resource: stack.name.clone(),
            kind: "AWS::CloudFormation::Stack".to_owned(),
            stack: stack.name,
            reason,
            status: status::DELETE_FAILED.to_owned(),
        });
    }
    let mut failures: Vec<(String, String, String)> = Vec::new();
    for id in order(&stack.resources) {
        let Some(resource) = stack.resources.get(&id) else { continue };
        if let Err(reason) = delete_resource(aws, &stack, &job, &id, resource).await {
            failures.push((id, resource.kind.clone(), reason));
        }
    }
    let now = aws.now();
    let Some((resource, kind, reason)) = failures.first().cloned() else {
        let mut state = aws.lock();
        let stacks = &mut state.cloudformation.stacks;
        stacks.living.remove(&(stack.account.clone(), stack.region.clone(), stack.name.clone()));
        if let Some(stack) = stacks.by_id.get_mut(&stack.id) {
            stack.resources = IndexMap::new();
            stack.deleted = Some(now);
            stack.set_status(status::DELETE_COMPLETE, None, now);
        }
        return Ok(());
    };
    let names: Vec<&str> = failures.iter().map(|(id, ..)| id.as_str()).collect();
    let all = format!("The following resource(s) failed to delete: [{}]. ", names.join(", "));
    with_stack(aws, &stack.id, |stack| stack.set_status(status::DELETE_FAILED, Some(all), now));
    let status = status::DELETE_FAILED.to_owned();
    Err(StackError::Failed { stack: stack.name, resource, kind, reason, status })
}

/// Why a stack can not go as long as another one imports what it exports.
fn in_use(aws: &Aws, stack: &Stack) -> Option<String> {
    let state = aws.lock();
    let exported = stack.outputs.values().filter_map(|output| output.export.as_ref());
    exported.into_iter().find_map(|name| {
        let user = state.cloudformation.stacks.importer(&stack.id, name)?;
        Some(format!("Cannot delete export {name} as it is in use by {user}"))
    })
}

async fn delete_resource(
    aws: &Aws,
    stack: &Stack,
    job: &Job,
    id: &str,
    resource: &StackResource,
) -> Result<(), String> {
    let what = (id, resource.kind.as_str(), resource.made.physical_id.as_str());
    let now = aws.now();
    if resource.deletion_policy != DeletionPolicy::Delete {
        with_stack(aws, &stack.id, |stack| stack.log(what, status::DELETE_SKIPPED, None, now));
        return Ok(());
    }
    with_stack(aws, &stack.id, |stack| stack.log(what, status::DELETE_IN_PROGRESS, None, now));
    let place =
        Place { account: &stack.account, region: &stack.region, stack: &stack.name, resource: id };
    let deleted = match rules::apply(aws, place).await {
        Ok(()) => delete_one(aws, job, id, resource).await,
        Err(reason) => Err(reason),
    };
    let now = aws.now();
    with_stack(aws, &stack.id, |stack| match &deleted {
        Ok(()) => {
            stack.log(what, status::DELETE_COMPLETE, None, now);
            stack.resources.shift_remove(id);
        }
        Err(reason) => stack.log(what, status::DELETE_FAILED, Some(reason.clone()), now),
    });
    deleted
}
