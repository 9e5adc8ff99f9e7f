//! Creating and updating a stack.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use serde_json::Value;

use super::model::{Stack, StackOutput, StackResource, status};
use super::rules::{self, Place};
use super::{StackError, StackOrder, delete, inert, parallel, rollback};
use crate::cloudformation::resources::{self, Context};
use crate::cloudformation::template::{
    DeletionPolicy, Made, Pseudo, Resource, Scope, Template, TemplateError, needed, order, public,
    resolve,
};
use crate::{Aws, Call, Caller};

/// A template on its way to become a stack.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) account: String,
    pub(super) region: String,
    pub(super) name: String,
    pub(super) text: Arc<str>,
    pub(super) template: Arc<Template>,
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) caller: Caller,
    /// How long it takes at least.
    pub(super) duration: Duration,
    pub(super) rolls_back: bool,
}

/// What was begun: the stack is in progress.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) job: Job,
    pub(super) id: String,
    parameters: IndexMap<String, Value>,
    /// The values of SSM to which the template's texts refer.
    resolved: BTreeMap<String, String>,
    /// The stack as it was; none when it is created.
    before: Option<Stack>,
}

/// One change that was made, to be undone by a rollback.
#[derive(Debug)]
pub(super) enum Change {
    /// The resource is new.
    Created(String),
    /// The resource was changed in place.
    Updated(String),
    /// The resource was made anew; the old one still stands.
    Replaced(String),
}

/// A resource that failed.
#[derive(Debug, Clone)]
pub(super) struct Failed {
    pub(super) resource: String,
    pub(super) kind: String,
    pub(super) reason: String,
}

/// Creates or updates the stack of a job and answers its id.
pub(super) async fn deploy(aws: &Aws, job: Job) -> Result<String, StackError> {
    let begun = begin(aws, job).await?;
    finish(aws, begun).await
}

/// Checks parameters and state, and puts the stack in progress.
pub(super) async fn begin(aws: &Aws, job: Job) -> Result<Begun, StackError> {
    let looked_up = look_up(aws, &job).await;
    let parameters = resolve(&job.template, &job.parameters, |name| looked_up.get(name).cloned())?;
    let mut resolved = BTreeMap::new();
    for name in &job.template.dynamic {
        if let Some(value) = stored(aws, &job, name).await {
            resolved.insert(name.clone(), value);
        }
    }
    let now = aws.now();
    let uuid = aws.uuid();
    let mut state = aws.lock();
    let stacks = &mut state.cloudformation.stacks;
    let key = (job.account.clone(), job.region.clone(), job.name.clone());
    let existing = stacks.living.get(&key).and_then(|id| stacks.by_id.get_mut(id));
    if let Some(stack) = existing {
        let updatable = matches!(
            stack.status,
            status::CREATE_COMPLETE | status::UPDATE_COMPLETE | status::UPDATE_ROLLBACK_COMPLETE
        );
        if !updatable {
            return Err(StackError::Refused {
                stack: job.name.clone(),
                reason: format!("it is in {} state and can not be updated.", stack.status),
            });
        }
        let before = stack.clone();
        stack.set_status(status::UPDATE_IN_PROGRESS, None, now);
        stack.updated = Some(now);
        let id = stack.id.clone();
        return Ok(Begun { job, id, parameters, resolved, before: Some(before) });
    }
    let id =
        format!("arn:aws:cloudformation:{}:{}:stack/{}/{uuid}", job.region, job.account, job.name);
    let mut stack = Stack {
        id: id.clone(),
        name: job.name.clone(),
        account: job.account.clone(),
        region: job.region.clone(),
        description: job.template.description.clone(),
        status: status::CREATE_IN_PROGRESS,
        reason: None,
        text: job.text.clone(),
        given: job.parameters.clone(),
        parameters: IndexMap::new(),
        tags: job.tags.clone(),
        resources: IndexMap::new(),
        outputs: IndexMap::new(),
        imports: Default::default(),
        events: Vec::new(),
        created: now,
        updated: None,
        deleted: None,
        protected: false,
    };
    stack.set_status(status::CREATE_IN_PROGRESS, None, now);
    stacks.living.insert(key, id.clone());
    stacks.by_id.insert(id.clone(), stack);
    Ok(Begun { job, id, parameters, resolved, before: None })
}

/// The values of those SSM parameters that template parameters name.
async fn look_up(aws: &Aws, job: &Job) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (name, parameter) in &job.template.parameters {
        if !parameter.kind.starts_with("AWS::SSM::Parameter::Value<") {
            continue;
        }
        let Some(stored_name) = job.parameters.get(name).or(parameter.default.as_ref()) else {
            continue;
        };
        if let Some(value) = stored(aws, job, stored_name).await {
            found.insert(stored_name.clone(), value);
        }
    }
    found
}

/// The value of a parameter of SSM in the stack's account and Region.
async fn stored(aws: &Aws, job: &Job, name: &str) -> Option<String> {
    if let Some(value) = public(name) {
        return Some(value);
    }
    let call = Call {
        service: "ssm",
        operation: "GetParameter".to_owned(),
        input: serde_json::json!({ "Name": name }),
        caller: job.caller.clone(),
        account: job.account.clone(),
        region: job.region.clone(),
    };
    let answer = aws.perform(&call).await.ok()?;
    Some(answer.pointer("/Parameter/Value")?.as_str()?.to_owned())
}

/// Makes the resources; rolls back when one fails.
pub(super) async fn finish(aws: &Aws, begun: Begun) -> Result<String, StackError> {
    if !begun.job.duration.is_zero() {
        aws.sleep(begun.job.duration).await;
    }
    let mut changes = Vec::new();
    let failure = match make_all(aws, &begun, &mut changes).await {
        Ok(()) => {
            complete(aws, &begun, &changes).await;
            return Ok(begun.id);
        }
        Err(failure) => failure,
    };
    let failed = match failure {
        Failure::Template(error) => Failed {
            resource: begun.job.name.clone(),
            kind: "AWS::CloudFormation::Stack".to_owned(),
            reason: error.to_string(),
        },
        Failure::Resource(failed) => failed,
    };
    let status = rollback::roll_back(aws, &begun, &changes, &failed).await;
    Err(StackError::Failed {
        stack: begun.job.name.clone(),
        resource: failed.resource,
        kind: failed.kind,
        reason: failed.reason,
        status: status.to_owned(),
    })
}

/// Why a stack was not made.
#[derive(Debug)]
pub(super) enum Failure {
    Template(TemplateError),
    Resource(Failed),
}

impl From<TemplateError> for Failure {
    fn from(error: TemplateError) -> Self {
        Self::Template(error)
    }
}

async fn make_all(aws: &Aws, begun: &Begun, changes: &mut Vec<Change>) -> Result<(), Failure> {
    let job = &begun.job;
    let pseudo = pseudo(aws, begun);
    let template = &job.template;
    let mut scope = Scope::new(template, &begun.parameters, &pseudo)?;
    let stands = |id: &str| {
        template.resources.get(id).is_some_and(|one| scope.holds(one.condition.as_deref()))
    };
    let ids = order(template, stands)?;
    if aws.lock().cloudformation.stacks.order == StackOrder::Unkind {
        parallel::make(aws, begun, &mut scope, &ids, changes).await?;
        return outputs(aws, begun, &scope);
    }
    for id in &ids {
        let Some(resource) = template.resources.get(id) else { continue };
        let path = format!("Resources.{id}.Properties");
        let properties = scope.value(&resource.properties, &path)?;
        let (made, change) = make(aws, begun, resource, properties, &ids).await?;
        changes.extend(change);
        scope.add(id, made);
    }
    outputs(aws, begun, &scope)
}

/// The stack in which the template is evaluated, with what the other stacks beside it export.
fn pseudo(aws: &Aws, begun: &Begun) -> Pseudo {
    let job = &begun.job;
    let state = aws.lock();
    let exports = state.cloudformation.stacks.exports(&job.account, &job.region);
    Pseudo {
        account: job.account.clone(),
        region: job.region.clone(),
        stack_id: begun.id.clone(),
        stack_name: job.name.clone(),
        exports: exports.into_iter().map(|(name, (_, value))| (name, value)).collect(),
        resolved: begun.resolved.clone(),
    }
}

/// Gives the stack its outputs. A name is exported once in an account and Region, and keeps its value
/// as long as somebody imports it.
fn outputs(aws: &Aws, begun: &Begun, scope: &Scope<'_>) -> Result<(), Failure> {
    let mut outputs = IndexMap::new();
    for (name, output) in &begun.job.template.outputs {
        if !scope.holds(output.condition.as_deref()) {
            continue;
        }
        let path = format!("Outputs.{name}");
        let export = output.export.as_ref().map(|export| scope.text(export, &path)).transpose()?;
        let value = scope.text(&output.value, &path)?;
        let description = output.description.clone();
        outputs.insert(name.clone(), StackOutput { value, description, export });
    }
    let imports = scope.imports()?;
    let at = |message: String| Failure::Template(TemplateError::at(0, "Outputs", message));
    let mut state = aws.lock();
    let stacks = &mut state.cloudformation.stacks;
    let others = stacks.exports(&begun.job.account, &begun.job.region);
    let own = |output: &StackOutput| Some((output.export.clone()?, output.value.clone()));
    let exported: BTreeMap<String, String> = outputs.values().filter_map(own).collect();
    for name in exported.keys() {
        if let Some((stack, _)) = others.get(name).filter(|(stack, _)| *stack != begun.id) {
            let message = format!("Export with name {name} is already exported by stack {stack}");
            return Err(at(message));
        }
    }
    for (name, (_, value)) in others.iter().filter(|(_, (stack, _))| *stack == begun.id) {
        if exported.get(name) != Some(value)
            && let Some(user) = stacks.importer(&begun.id, name)
        {
            let verb = if exported.contains_key(name) { "update" } else { "delete" };
            return Err(at(format!("Cannot {verb} export {name} as it is in use by {user}")));
        }
    }
    if let Some(stack) = stacks.by_id.get_mut(&begun.id) {
        stack.outputs = outputs;
        stack.imports = imports;
    }
    Ok(())
}

/// Makes one resource, or changes it, or leaves it as it is.
pub(super) async fn make(
    aws: &Aws,
    begun: &Begun,
    resource: &Resource,
    properties: Value,
    standing: &[String],
) -> Result<(Made, Option<Change>), Failure> {
    let id = resource.id.as_str();
    let old = begun.before.as_ref().and_then(|stack| stack.resources.get(id));
    let code = code_of(resource);
    let needs = needs(resource, standing)?;
    if let Some(old) = old
        && old.kind == resource.kind
        && old.properties == properties
        && old.code == code
    {
        let policy = resource.deletion_policy;
        with_stack(aws, &begun.id, |stack| {
            if let Some(resource) = stack.resources.get_mut(id) {
                resource.deletion_policy = policy;
                resource.needs = needs;
            }
        });
        return Ok((old.made.clone(), None));
    }
    let replaces = old.is_none_or(|old| is_replaced(old, resource, &properties));
    let (doing, done, failed) = if replaces && old.is_none() {
        (status::CREATE_IN_PROGRESS, status::CREATE_COMPLETE, status::CREATE_FAILED)
    } else {
        (status::UPDATE_IN_PROGRESS, status::UPDATE_COMPLETE, status::UPDATE_FAILED)
    };
    let physical = old.map(|old| old.made.physical_id.clone()).unwrap_or_default();
    log(aws, begun, (id, &resource.kind, &physical), doing, None);
    let context = context(aws, &begun.job, id, code.clone());
    let place = Place {
        account: &begun.job.account,
        region: &begun.job.region,
        stack: &begun.job.name,
        resource: id,
    };
    let result = match (rules::apply(aws, place).await, old.filter(|_| !replaces)) {
        (Err(reason), _) => Err(reason),
        (Ok(()), _) if resource.is_inert() => {
            Ok(inert::made(&context, resource, &properties, &begun.job.template))
        }
        (Ok(()), Some(old)) => {
            resources::update(&context, &resource.kind, &old.made, &old.properties, &properties)
                .await
                .map_err(|error| error.to_string())
        }
        (Ok(()), None) => resources::create(&context, &resource.kind, &properties)
            .await
            .map_err(|error| error.to_string()),
    };
    let made = match result {
        Ok(made) => made,
        Err(reason) => {
            let what = (id, resource.kind.as_str(), physical.as_str());
            log(aws, begun, what, failed, Some(reason.clone()));
            let kind = resource.kind.clone();
            return Err(Failure::Resource(Failed { resource: id.to_owned(), kind, reason }));
        }
    };
    let change = match (old, replaces) {
        (None, _) => Change::Created(id.to_owned()),
        (Some(_), true) => Change::Replaced(id.to_owned()),
        (Some(_), false) => Change::Updated(id.to_owned()),
    };
    let now = aws.now();
    let standing = StackResource {
        kind: resource.kind.clone(),
        made: made.clone(),
        properties,
        needs,
        inert: resource.is_inert(),
        code,
        deletion_policy: resource.deletion_policy,
        status: done,
        reason: None,
        changed: now,
    };
    with_stack(aws, &begun.id, |stack| {
        stack.resources.insert(id.to_owned(), standing);
    });
    let warning =
        resource.unmodelled.as_ref().map(|what| format!("inert in the local AWS: {what}"));
    log(aws, begun, (id, &resource.kind, &made.physical_id), done, warning);
    Ok((made, Some(change)))
}

/// The logical ids that a resource needs, of those that stand.
pub(super) fn needs(
    resource: &Resource,
    standing: &[String],
) -> Result<Vec<String>, TemplateError> {
    let mut needs = needed(resource)?;
    needs.retain(|name| standing.contains(name));
    needs.sort();
    needs.dedup();
    Ok(needs)
}

/// Which code a function runs, as the template's metadata says.
fn code_of(resource: &Resource) -> Option<String> {
    let code = resource.local_metadata()?.get("code")?;
    code.as_text().map(str::to_owned)
}

/// Whether the change can only be made by a new resource.
fn is_replaced(old: &StackResource, resource: &Resource, properties: &Value) -> bool {
    if old.kind != resource.kind || old.inert != resource.is_inert() || old.inert {
        return true;
    }
    let Some(kind) = resources::kind(&resource.kind) else { return true };
    kind.properties.iter().any(|(name, property)| {
        property.replaces && old.properties.get(name) != properties.get(name)
    })
}

/// Removes what the new template no longer has, and says that the stack is complete.
async fn complete(aws: &Aws, begun: &Begun, changes: &[Change]) {
    let now = aws.now();
    let job = &begun.job;
    let parameters = shown_parameters(&job.template, &begun.parameters);
    with_stack(aws, &begun.id, |stack| {
        stack.text = job.text.clone();
        stack.description.clone_from(&job.template.description);
        stack.given.clone_from(&job.parameters);
        stack.parameters = parameters;
        stack.tags.clone_from(&job.tags);
        if begun.before.is_some() {
            stack.set_status(status::UPDATE_CLEANUP, None, now);
        } else {
            stack.set_status(status::CREATE_COMPLETE, None, now);
        }
    });
    let Some(before) = &begun.before else { return };
    let kept = |id: &str| still_stands(aws, begun, id);
    let replaced = |id: &str| {
        changes.iter().any(|change| matches!(change, Change::Replaced(changed) if changed == id))
    };
    for id in delete::order(&before.resources) {
        let Some(old) = before.resources.get(&id) else { continue };
        if replaced(&id) {
            let policy = job.template.resources.get(&id).map(|resource| resource.replace_policy);
            if policy.unwrap_or(DeletionPolicy::Delete) == DeletionPolicy::Delete {
                // A clean-up that fails leaves the old resource behind, as on AWS.
                let _ = delete_one(aws, job, &id, old).await;
            }
        } else if !kept(&id) {
            let what = (id.as_str(), old.kind.as_str(), old.made.physical_id.as_str());
            if old.deletion_policy == DeletionPolicy::Delete {
                log(aws, begun, what, status::DELETE_IN_PROGRESS, None);
                match delete_one(aws, job, &id, old).await {
                    Ok(()) => log(aws, begun, what, status::DELETE_COMPLETE, None),
                    Err(reason) => log(aws, begun, what, status::DELETE_FAILED, Some(reason)),
                }
            } else {
                log(aws, begun, what, status::DELETE_SKIPPED, None);
            }
            with_stack(aws, &begun.id, |stack| stack.resources.shift_remove(&id));
        }
    }
    let now = aws.now();
    with_stack(aws, &begun.id, |stack| stack.set_status(status::UPDATE_COMPLETE, None, now));
}

/// Whether the new template has a resource, and its condition holds.
fn still_stands(aws: &Aws, begun: &Begun, id: &str) -> bool {
    let pseudo = pseudo(aws, begun);
    let Ok(scope) = Scope::new(&begun.job.template, &begun.parameters, &pseudo) else {
        return false;
    };
    begun
        .job
        .template
        .resources
        .get(id)
        .is_some_and(|resource| scope.holds(resource.condition.as_deref()))
}

fn shown_parameters(
    template: &Template,
    values: &IndexMap<String, Value>,
) -> IndexMap<String, String> {
    values
        .iter()
        .map(|(name, value)| {
            let hidden = template.parameters.get(name).is_some_and(|parameter| parameter.no_echo);
            let text = match value {
                _ if hidden => "****".to_owned(),
                Value::Array(items) => {
                    items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")
                }
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            (name.clone(), text)
        })
        .collect()
}

/// Where and as whom the job's resources are made.
pub(super) fn context<'a>(
    aws: &'a Aws,
    job: &'a Job,
    id: &'a str,
    code: Option<String>,
) -> Context<'a> {
    Context {
        aws,
        by_provider: aws.lock().cloudformation.stacks.order == StackOrder::Unkind,
        account: &job.account,
        region: &job.region,
        stack_name: &job.name,
        id,
        caller: &job.caller,
        code,
    }
}

/// Deletes one resource as it stood.
pub(super) async fn delete_one(
    aws: &Aws,
    job: &Job,
    id: &str,
    resource: &StackResource,
) -> Result<(), String> {
    if resource.inert {
        return Ok(());
    }
    let context = context(aws, job, id, resource.code.clone());
    resources::delete(&context, &resource.kind, &resource.made, &resource.properties)
        .await
        .map_err(|error| error.to_string())
}

/// Changes a stack, if it is there.
pub(super) fn with_stack<T>(
    aws: &Aws,
    id: &str,
    change: impl FnOnce(&mut Stack) -> T,
) -> Option<T> {
    aws.lock().cloudformation.stacks.by_id.get_mut(id).map(change)
}

/// Says in the stack's events what happened to a resource.
pub(super) fn log(
    aws: &Aws,
    begun: &Begun,
    what: (&str, &str, &str),
    status: &'static str,
    reason: Option<String>,
) {
    let now = aws.now();
    with_stack(aws, &begun.id, |stack| stack.log(what, status, reason, now));
}

impl Begun {
    /// The stack as it was before an update.
    pub(super) fn before(&self) -> Option<&Stack> {
        self.before.as_ref()
    }
}
