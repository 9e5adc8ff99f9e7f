//! Undoing what was done when a resource fails.

use super::deploy::{Begun, Change, Failed, context, delete_one, log, with_stack};
use super::model::{StackResource, status};
use crate::Aws;
use crate::cloudformation::resources;
use crate::cloudformation::template::DeletionPolicy;

/// Undoes the changes, last first, and answers the stack's status afterwards.
pub(super) async fn roll_back(
    aws: &Aws,
    begun: &Begun,
    changes: &[Change],
    failed: &Failed,
) -> &'static str {
    let updating = begun.before().is_some();
    let verb = if updating { "update" } else { "create" };
    let reason = format!("The following resource(s) failed to {verb}: [{}]. ", failed.resource);
    let now = aws.now();
    if !begun.job.rolls_back {
        let status = if updating { status::UPDATE_FAILED } else { status::CREATE_FAILED };
        with_stack(aws, &begun.id, |stack| stack.set_status(status, Some(reason), now));
        return status;
    }
    let doing =
        if updating { status::UPDATE_ROLLBACK_IN_PROGRESS } else { status::ROLLBACK_IN_PROGRESS };
    with_stack(aws, &begun.id, |stack| stack.set_status(doing, Some(reason), now));
    let mut undone = true;
    for change in changes.iter().rev() {
        undone &= undo(aws, begun, change).await;
    }
    let status = match (updating, undone) {
        (true, true) => status::UPDATE_ROLLBACK_COMPLETE,
        (true, false) => status::UPDATE_ROLLBACK_FAILED,
        (false, true) => status::ROLLBACK_COMPLETE,
        (false, false) => status::ROLLBACK_FAILED,
    };
    let now = aws.now();
    with_stack(aws, &begun.id, |stack| {
        if let Some(before) = begun.before() {
            stack.outputs.clone_from(&before.outputs);
            stack.imports.clone_from(&before.imports);
        } else {
            stack.outputs.clear();
            stack.imports.clear();
        }
        stack.set_status(status, None, now);
    });
    status
}

/// Undoes one change; false when that failed.
async fn undo(aws: &Aws, begun: &Begun, change: &Change) -> bool {
    match change {
        Change::Created(id) => remove(aws, begun, id).await,
        Change::Replaced(id) => {
            let removed = remove(aws, begun, id).await;
            restore(aws, begun, id);
            removed
        }
        Change::Updated(id) => {
            let old = begun.before().and_then(|stack| stack.resources.get(id)).cloned();
            let new = current(aws, begun, id);
            let (Some(old), Some(new)) = (old, new) else { return true };
            let context = context(aws, &begun.job, id, old.code.clone());
            let reverted =
                resources::update(&context, &old.kind, &new.made, &new.properties, &old.properties)
                    .await;
            let what = (id.as_str(), old.kind.as_str(), old.made.physical_id.as_str());
            match reverted {
                Ok(_) => {
                    restore(aws, begun, id);
                    log(aws, begun, what, status::UPDATE_COMPLETE, None);
                    true
                }
                Err(error) => {
                    log(aws, begun, what, status::UPDATE_FAILED, Some(error.to_string()));
                    false
                }
            }
        }
    }
}

fn current(aws: &Aws, begun: &Begun, id: &str) -> Option<StackResource> {
    with_stack(aws, &begun.id, |stack| stack.resources.get(id).cloned()).flatten()
}

/// Deletes a resource that this operation made.
async fn remove(aws: &Aws, begun: &Begun, id: &str) -> bool {
    let Some(resource) = current(aws, begun, id) else { return true };
    let what = (id, resource.kind.as_str(), resource.made.physical_id.as_str());
    if resource.deletion_policy == DeletionPolicy::Retain {
        log(aws, begun, what, status::DELETE_SKIPPED, None);
        return true;
    }
    match delete_one(aws, &begun.job, id, &resource).await {
        Ok(()) => {
            log(aws, begun, what, status::DELETE_COMPLETE, None);
            with_stack(aws, &begun.id, |stack| stack.resources.shift_remove(id));
            true
        }
        Err(reason) => {
            log(aws, begun, what, status::DELETE_FAILED, Some(reason));
            false
        }
    }
}

/// Puts a resource back into the stack as it was before.
fn restore(aws: &Aws, begun: &Begun, id: &str) {
    let Some(old) = begun.before().and_then(|stack| stack.resources.get(id)).cloned() else {
        return;
    };
    with_stack(aws, &begun.id, |stack| stack.resources.insert(id.to_owned(), old));
}
