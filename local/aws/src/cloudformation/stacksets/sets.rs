//! Stack sets: made, changed, shown, deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::errors::{in_progress, limit, validation};
use super::model::{Action, AutoDeployment, Change, Definition, StackSet};
use super::template::{self, Checked};
use super::{auto, find, find_mut, key_of, organization, page, queue, request, show, targets};
use crate::{Aws, AwsError, Call};

const EXECUTION_ROLE: &str = "AWSCloudFormationStackSetExecutionRole";

/// `AutoDeployment` as a call gives it.
fn auto_deployment(call: &Call) -> Result<Option<AutoDeployment>, AwsError> {
    let Some(given) = call.input.get("AutoDeployment").filter(|given| given.is_object()) else {
        return Ok(None);
    };
    if given.get("DependsOn").is_some_and(|list| list.as_array().is_some_and(|l| !l.is_empty())) {
        return Err(validation(
            "AutoDeployment.DependsOn: the local AWS does not order stack sets by dependencies",
        ));
    }
    let flag = |name: &str| -> Result<Option<bool>, AwsError> {
        let inner = Call { input: given.clone(), ..call.clone() };
        inner.opt_bool(name)
    };
    let enabled = flag("Enabled")?.unwrap_or(false);
    let retain = flag("RetainStacksOnAccountRemoval")?;
    if !enabled && retain.is_some_and(|retain| retain) {
        return Err(validation(
            "AutoDeployment: RetainStacksOnAccountRemoval is only for enabled automatic deployment",
        ));
    }
    Ok(Some(AutoDeployment { enabled, retain: retain.unwrap_or(false) }))
}

fn managed_execution(call: &Call) -> Result<Option<bool>, AwsError> {
    let Some(given) = call.input.get("ManagedExecution").filter(|given| given.is_object()) else {
        return Ok(None);
    };
    Call { input: given.clone(), ..call.clone() }.opt_bool("Active")
}

fn service_managed(call: &Call) -> Result<bool, AwsError> {
    match call.opt_text("PermissionModel") {
        None | Some("SELF_MANAGED") => Ok(false),
        Some("SERVICE_MANAGED") => Ok(true),
        Some(other) => Err(validation(format!(
            "1 validation error detected: Value '{other}' at 'permissionModel' failed to satisfy \
             constraint: Member must satisfy enum value set: [SERVICE_MANAGED, SELF_MANAGED]"
        ))),
    }
}

fn legal_name(name: &str) -> Result<(), AwsError> {
    let legal = name.len() <= 128
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if legal {
        return Ok(());
    }
    Err(validation(format!(
        "1 validation error detected: Value '{name}' at 'stackSetName' failed to satisfy \
         constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
    )))
}

/// `CreateStackSet`.
pub(super) async fn create(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("StackSetName")?.to_owned();
    legal_name(&name)?;
    let service_managed = service_managed(call)?;
    let auto = auto_deployment(call)?;
    organization::check_model(aws, call, service_managed, auto.is_some())?;
    if call.opt_text("StackId").is_some() {
        return Err(validation("StackId: the local AWS does not import stacks into stack sets"));
    }
    let Some(Checked { text, declared, types }) =
        template::given(aws, call, service_managed).await?
    else {
        return Err(validation("Either Template URL or Template Body must be specified."));
    };
    let given = template::parameters(call, "Parameters")?.unwrap_or_default();
    let parameters = template::values(&declared, &given, &BTreeMap::new())?;
    let managed = managed_execution(call)?.unwrap_or(false);
    let definition = Definition {
        description: call.opt_text("Description").map(str::to_owned),
        template: text,
        declared,
        types,
        parameters,
        capabilities: call.texts("Capabilities"),
        tags: template::tags(call)?.unwrap_or_default(),
        administration_role: call.opt_text("AdministrationRoleARN").map(str::to_owned),
        execution_role: call.opt_text("ExecutionRoleName").unwrap_or(EXECUTION_ROLE).to_owned(),
    };
    let uuid = aws.uuid();
    let key = (call.account.clone(), call.region.clone(), name.clone());
    let set = StackSet {
        key: key.clone(),
        uuid,
        definition: Arc::new(definition),
        service_managed,
        auto,
        managed,
        auto_targets: BTreeMap::new(),
        instances: BTreeMap::new(),
        operations: IndexMap::new(),
    };
    let (id, arn) = (set.id(), set.arn());
    {
        let mut state = aws.lock();
        let stack_sets = &mut state.cloudformation.stack_sets;
        if stack_sets.sets.contains_key(&key) {
            let message = format!("StackSet with name {name} already exists");
            return Err(AwsError::new("NameAlreadyExistsException", message).status(409));
        }
        let own = |known: &&super::SetKey| known.0 == key.0 && known.1 == key.1;
        let most = stack_sets.options.most_sets;
        if stack_sets.sets.keys().filter(own).count() >= most {
            return Err(limit(format!("The account has its {most} stack sets already")));
        }
        stack_sets.sets.insert(key.clone(), set);
    }
    if service_managed {
        auto::listen(aws);
    }
    show::announce_set(aws, &key, &arn, "ACTIVE");
    Ok(json!({ "StackSetId": id }))
}

/// `UpdateStackSet`.
pub(super) async fn update(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let (service_managed, before, auto_before) = {
        let state = aws.lock();
        let set = find(call, &state)?;
        (set.service_managed, set.definition.clone(), set.auto)
    };
    if call.opt_text("PermissionModel").is_some() && self::service_managed(call)? != service_managed
    {
        return Err(validation(
            "PermissionModel: the local AWS does not change the permission model of a stack set",
        ));
    }
    let auto = auto_deployment(call)?;
    if auto.is_some() && !service_managed {
        return Err(validation(
            "AutoDeployment is only for stack sets with service-managed permissions",
        ));
    }
    let targeted = ["Accounts", "DeploymentTargets", "Regions"]
        .iter()
        .any(|member| call.input.get(member).is_some_and(|given| !given.is_null()));
    if auto.is_some() && auto != auto_before && targeted {
        return Err(validation(
            "With AutoDeployment, DeploymentTargets and Regions can not be specified",
        ));
    }
    let keeps = call.opt_bool("UsePreviousTemplate")? == Some(true);
    let template = template::given(aws, call, service_managed).await?;
    let (text, declared, types) = match (&template, keeps) {
        (Some(_), true) => {
            return Err(validation("UsePreviousTemplate and a template exclude each other"));
        }
        (Some(new), false) => (new.text.clone(), new.declared.clone(), new.types.clone()),
        (None, true) => (before.template.clone(), before.declared.clone(), before.types.clone()),
        (None, false) => {
            return Err(validation("Either Template URL or Template Body must be specified."));
        }
    };
    let given = template::parameters(call, "Parameters")?;
    let managed = managed_execution(call)?;
    {
        let state = aws.lock();
        let changes = managed.is_some() && managed != Some(find(call, &state)?.managed);
        if changes && (template.is_some() || given.is_some()) {
            let message = "ManagedExecution can not be updated together with other properties";
            return Err(AwsError::new("InvalidOperationException", message));
        }
    }
    // A previous value is the one that the stacks have: also where it was the old default.
    let mut previous = template::defaults(&before.declared);
    previous.extend(before.parameters.clone());
    let parameters = template::values(&declared, given.as_deref().unwrap_or_default(), &previous)?;
    let capabilities = match call.texts("Capabilities") {
        none if none.is_empty() && keeps => before.capabilities.clone(),
        given => given,
    };
    let text_or = |member: &str, kept: &Option<String>| {
        call.opt_text(member).map(str::to_owned).or_else(|| kept.clone())
    };
    let definition = Definition {
        description: text_or("Description", &before.description),
        template: text,
        declared,
        types,
        parameters,
        capabilities,
        tags: template::tags(call)?.unwrap_or_else(|| before.tags.clone()),
        administration_role: text_or("AdministrationRoleARN", &before.administration_role),
        execution_role: call
            .opt_text("ExecutionRoleName")
            .unwrap_or(&before.execution_role)
            .to_owned(),
    };
    let change = Change {
        definition: Arc::new(definition),
        outdates: template.is_some() || given.is_some(),
        auto,
        managed,
    };
    let id = {
        let mut state = aws.lock();
        if change.managed.is_some() {
            let set = find(call, &state)?;
            if change.managed != Some(set.managed)
                && let Some(open) = set.open().next()
            {
                return Err(in_progress(set, &open.id));
            }
        }
        let targets = targets::of_update(&state, call, targeted)?;
        let mut request = request::of(call, Action::Update, targets)?;
        request.change = Some(change);
        queue::accept(aws, &mut state, call, request)?
    };
    queue::advance(aws, &{
        let state = aws.lock();
        key_of(call, &state)?
    });
    if auto.is_some() {
        auto::listen(aws);
    }
    Ok(json!({ "OperationId": id }))
}

/// `DescribeStackSet`.
pub(super) fn describe(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let state = aws.lock();
    Ok(json!({ "StackSet": show::set(find(call, &state)?) }))
}

/// `ListStackSets`: those of the caller's account and Region, deleted ones too.
pub(super) fn list(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let wanted = call.opt_text("Status");
    if let Some(other) = wanted.filter(|one| !["ACTIVE", "DELETED"].contains(one)) {
        return Err(validation(format!("Status: \"{other}\" is not ACTIVE or DELETED")));
    }
    let state = aws.lock();
    let stack_sets = &state.cloudformation.stack_sets;
    let active = stack_sets
        .sets
        .values()
        .filter(|set| set.key.0 == call.account && set.key.1 == call.region)
        .map(|set| show::set_summary(set, "ACTIVE"));
    let deleted = stack_sets
        .deleted
        .iter()
        .filter(|(account, region, _)| *account == call.account && *region == call.region)
        .map(|(_, _, summary)| summary.clone());
    let all =
        active.chain(deleted).filter(|set| wanted.is_none_or(|status| set["Status"] == status));
    page(call, "Summaries", all, |summary| summary)
}

/// `DeleteStackSet`: only one without instances. One that does not exist is fine.
pub(super) fn delete(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    call.text("StackSetName")?;
    let (key, arn) = {
        let mut state = aws.lock();
        let Ok(set) = find_mut(call, &mut state) else { return Ok(json!({})) };
        if let Some(open) = set.open().next() {
            return Err(in_progress(set, &open.id));
        }
        if !set.instances.is_empty() {
            return Err(
                AwsError::new("StackSetNotEmptyException", "StackSet is not empty").status(409)
            );
        }
        let (key, arn) = (set.key.clone(), set.arn());
        let stack_sets = &mut state.cloudformation.stack_sets;
        if let Some(set) = stack_sets.sets.remove(&key) {
            let summary = show::set_summary(&set, "DELETED");
            stack_sets.deleted.push((key.0.clone(), key.1.clone(), summary));
        }
        (key, arn)
    };
    show::announce_set(aws, &key, &arn, "DELETED");
    Ok(json!({}))
}

/// The Regions in which a set has instances, in order.
pub(super) fn regions(set: &StackSet) -> BTreeSet<&str> {
    set.instances.keys().map(|(_, region)| region.as_ref()).collect()
}
