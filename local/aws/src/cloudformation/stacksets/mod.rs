//! StackSets: one template in many accounts and Regions, by operations that run per account
//! and Region, with preferences, gates and results.
//!
//! The rules of an operation are [`scheduler`](super::scheduler)'s; here are the calls, what is
//! stored, and one task per running operation that drives its scheduler. Instances are stacks
//! of [`stacks`](super::stacks), made with the execution role's permissions.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/what-is-cfnstacksets.html>
//!
//! `docs/stacksets.md` says which test holds which documented behaviour, and what was chosen
//! where AWS is silent. Drift, import and delegated administrators are not supported: such
//! calls are refused by name.

mod access;
mod auto;
mod errors;
mod gate;
mod instance;
mod model;
mod options;
mod organization;
mod queue;
mod read;
mod request;
mod results;
mod run;
mod sets;
mod show;
mod targets;
mod template;
mod views;

use serde_json::{Value, json};

use crate::{Aws, AwsError, Call, State};
pub(crate) use access::access;
use errors::{set_not_found, validation};
pub(crate) use model::StackSets;
use model::{SetKey, StackSet};
pub use options::{InstanceRule, StackSetOptions};
pub(crate) use template::read as template_at;
pub use views::{StackInstanceView, StackSetOperationView};

/// Performs a call.
pub(crate) async fn handle(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    if let Some(other) = call.opt_text("CallAs").filter(|call_as| *call_as != "SELF") {
        return Err(validation(format!(
            "CallAs: \"{other}\": the local AWS has no delegated administrators of StackSets"
        )));
    }
    match call.operation.as_str() {
        "CreateStackSet" => sets::create(aws, call).await,
        "UpdateStackSet" => sets::update(aws, call).await,
        "DescribeStackSet" => sets::describe(aws, call),
        "ListStackSets" => sets::list(aws, call),
        "DeleteStackSet" => sets::delete(aws, call),
        "CreateStackInstances" => request::create(aws, call),
        "UpdateStackInstances" => request::update(aws, call),
        "DeleteStackInstances" => request::delete(aws, call),
        "DescribeStackInstance" => read::describe_instance(aws, call),
        "ListStackInstances" => read::list_instances(aws, call),
        "ListStackSetOperations" => results::list_operations(aws, call),
        "DescribeStackSetOperation" => results::describe_operation(aws, call),
        "ListStackSetOperationResults" => results::list_results(aws, call),
        "StopStackSetOperation" => run::stop(aws, call),
        "ActivateOrganizationsAccess" => organization::activate(aws, call, true).await,
        "DeactivateOrganizationsAccess" => organization::activate(aws, call, false).await,
        "DescribeOrganizationsAccess" => Ok(organization::describe(aws)),
        "ListStackSetAutoDeploymentTargets" => read::list_auto_targets(aws, call),
        other => Err(AwsError::unknown_operation("cloudformation", other)),
    }
}

/// The key of the stack set that a call names: by name, by `<name>:<uuid>` or by ARN.
fn key_of(call: &Call, state: &State) -> Result<SetKey, AwsError> {
    let given = call.text("StackSetName")?;
    let own = given.rsplit('/').next().unwrap_or(given);
    let (name, uuid) = match own.split_once(':') {
        Some((name, uuid)) => (name, Some(uuid)),
        None => (own, None),
    };
    let key = (call.account.clone(), call.region.clone(), name.to_owned());
    let known = state.cloudformation.stack_sets.sets.get(&key);
    match known {
        Some(set) if uuid.is_none_or(|uuid| uuid == set.uuid) => Ok(key),
        _ => Err(set_not_found(given)),
    }
}

/// The stack set that a call names.
fn find<'a>(call: &Call, state: &'a State) -> Result<&'a StackSet, AwsError> {
    let key = key_of(call, state)?;
    state.cloudformation.stack_sets.sets.get(&key).ok_or_else(|| set_not_found(&key.2))
}

/// The template of the stack set that a call names.
pub(crate) fn template_of_set(aws: &Aws, call: &Call) -> Result<std::sync::Arc<str>, AwsError> {
    find(call, &aws.lock()).map(|set| set.definition.template.clone())
}

/// The same, to be changed.
fn find_mut<'a>(call: &Call, state: &'a mut State) -> Result<&'a mut StackSet, AwsError> {
    let key = key_of(call, state)?;
    state.cloudformation.stack_sets.sets.get_mut(&key).ok_or_else(|| set_not_found(&key.2))
}

/// The most that a page holds.
const LARGEST_PAGE: i64 = 100;

/// One page: from the place that the token says, as many as asked for. Only what is on it is
/// shown: lists have up to a hundred thousand items.
fn page<T>(
    call: &Call,
    member: &str,
    items: impl Iterator<Item = T>,
    show: impl Fn(T) -> Value,
) -> Result<Value, AwsError> {
    let limit = call.opt_int("MaxResults")?.unwrap_or(LARGEST_PAGE);
    if !(1..=LARGEST_PAGE).contains(&limit) {
        return Err(validation(format!(
            "1 validation error detected: Value '{limit}' at 'maxResults' failed to satisfy \
             constraint: Member must have value between 1 and {LARGEST_PAGE}"
        )));
    }
    let start: usize = match call.opt_text("NextToken") {
        None | Some("") => 0,
        Some(token) => token
            .strip_prefix(&format!("{}-", call.operation))
            .and_then(|place| place.parse().ok())
            .ok_or_else(|| validation(format!("NextToken: \"{token}\" is not valid")))?,
    };
    let limit = usize::try_from(limit).unwrap_or(1);
    let mut rest = items.skip(start);
    let shown: Vec<Value> = rest.by_ref().take(limit).map(show).collect();
    let mut answer = json!({});
    answer[member] = Value::Array(shown);
    if rest.next().is_some() {
        answer["NextToken"] = json!(format!("{}-{}", call.operation, start + limit));
    }
    Ok(answer)
}
