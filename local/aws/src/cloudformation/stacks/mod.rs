//! Stacks: templates deployed into one account and Region, resource by resource.
//!
//! A resource is made by its service's own call, with the permissions of who asked. Resources
//! are made one after another in the order of their references, or as unkindly as
//! CloudFormation may ([`StackOrder`]); a failure rolls back. How long a resource takes, and
//! whether it fails, can be set by [`ResourceRule`]s.

mod api;
mod delete;
mod deploy;
mod inert;
mod instance;
mod model;
mod parallel;
mod rollback;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::TemplateError;
use super::template::Template;
use crate::{Access, Aws, AwsError, Call, Caller, Principal};
pub(crate) use api::{OPERATIONS, needs_capabilities};
pub(crate) use instance::{
    InstanceRequest, TemplateParameter, apply_instance, check_template, declared, remove_instance,
};
use model::Stack;
pub use rules::ResourceRule;

/// The outputs of a stack, by name.
pub type Outputs = BTreeMap<String, String>;

/// All stacks, and the hook that makes their resources slow or fail.
#[derive(Debug, Default)]
pub(crate) struct Stacks {
    /// By id; deleted ones stay, emptied.
    by_id: BTreeMap<String, Stack>,
    /// The living ones: (account, Region, name) to id.
    living: BTreeMap<(String, String, String), String>,
    rules: Vec<ResourceRule>,
    order: StackOrder,
    /// Templates that were read, by their text: thousands of instances share a few.
    templates: BTreeMap<Arc<str>, Arc<Template>>,
}

impl Stacks {
    /// The living stacks of an account in a Region.
    fn living_in(&self, account: &str, region: &str) -> impl Iterator<Item = &Stack> {
        let first = (account.to_owned(), region.to_owned(), String::new());
        let here = (first.0.clone(), first.1.clone());
        self.living
            .range(first..)
            .take_while(move |((account, region, _), _)| (account, region) == (&here.0, &here.1))
            .filter_map(|(_, id)| self.by_id.get(id))
    }

    /// What the stacks of an account export in a Region: name to the stack's id and the value.
    fn exports(&self, account: &str, region: &str) -> BTreeMap<String, (String, String)> {
        let outputs = self
            .living_in(account, region)
            .flat_map(|stack| stack.outputs.values().map(move |output| (stack, output)));
        outputs
            .filter_map(|(stack, output)| {
                Some((output.export.clone()?, (stack.id.clone(), output.value.clone())))
            })
            .collect()
    }

    /// The name of another stack that imports what a stack exports.
    fn importer(&self, id: &str, export: &str) -> Option<String> {
        let stack = self.by_id.get(id)?;
        let mut others = self.living_in(&stack.account, &stack.region);
        let user = others.find(|other| other.id != id && other.imports.contains(export))?;
        Some(user.name.clone())
    }
}

/// In which order the resources of a stack are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StackOrder {
    /// One after another, as their references and the template's text have them.
    #[default]
    AsDeclared,
    /// All that can begin at once, the last declared first; and with the rates of the services and
    /// the retries of CloudFormation's own resource providers, which are not the same for each call.
    Unkind,
}

/// A template to be deployed as a stack.
#[derive(Debug, Clone)]
pub struct StackRequest {
    /// The stack's name.
    pub name: String,
    /// The template's text.
    pub template: String,
    /// The template's folder, for the files that it names (`DefinitionUri`, `TemplateURL`).
    pub base_dir: Option<PathBuf>,
    /// Values of its parameters.
    pub parameters: BTreeMap<String, String>,
    /// The stack's tags.
    pub tags: BTreeMap<String, String>,
    /// The account in which it is made.
    pub account: String,
    /// The Region in which it is made.
    pub region: String,
}

/// Why a stack could not be deployed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StackError {
    /// The template, or a parameter's value, is at fault.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A resource failed; the stack was rolled back.
    #[error("stack {stack}: {resource} failed: {reason} (the stack is {status})")]
    Failed {
        /// The stack's name.
        stack: String,
        /// The logical id of the resource that failed.
        resource: String,
        /// The resource's type.
        kind: String,
        /// Its service's error.
        reason: String,
        /// The stack's status after the rollback.
        status: String,
    },
    /// The stack is in a state in which this cannot be done.
    #[error("stack {stack}: {reason}")]
    Refused {
        /// The stack's name.
        stack: String,
        /// AWS's reason.
        reason: String,
    },
}

impl Aws {
    /// Deploys a template: creates the stack, or updates the one of that name. Answers the
    /// outputs once everything stands.
    ///
    /// # Errors
    /// A fault of the template, a resource that failed (the stack is rolled back then), or a
    /// stack that is being changed by somebody else.
    pub async fn deploy_stack(&self, request: StackRequest) -> Result<Outputs, StackError> {
        let template = Template::parse(
            &request.template,
            request.base_dir.as_deref(),
            self.settings().inert_resources,
        )?;
        let job = deploy::Job {
            account: request.account,
            region: request.region,
            name: request.name,
            text: request.template.into(),
            template: Arc::new(template),
            parameters: request.parameters,
            tags: request.tags,
            caller: service(),
            duration: std::time::Duration::ZERO,
            rolls_back: true,
        };
        let id = deploy::deploy(self, job).await?;
        let state = self.lock();
        let outputs = state.cloudformation.stacks.by_id.get(&id).map(Stack::output_values);
        Ok(outputs.unwrap_or_default())
    }

    /// Deletes a stack by its name; one that does not exist is fine.
    ///
    /// # Errors
    /// Termination protection, or a resource that could not be deleted.
    pub async fn delete_stack(
        &self,
        account: &str,
        region: &str,
        name: &str,
    ) -> Result<(), StackError> {
        delete::delete(self, account, region, name, &service(), std::time::Duration::ZERO).await
    }

    /// Says which resources of which stacks are slow or fail, from now on. The first rule that
    /// fits decides.
    pub fn set_resource_rules(&self, rules: Vec<ResourceRule>) {
        self.lock().cloudformation.stacks.rules = rules;
    }

    /// The logical ids of the resources that stand in a stack; none when there is no such stack.
    pub fn stack_resources(&self, account: &str, region: &str, name: &str) -> Vec<String> {
        let state = self.lock();
        let stacks = &state.cloudformation.stacks;
        let key = (account.to_owned(), region.to_owned(), name.to_owned());
        let stack = stacks.living.get(&key).and_then(|id| stacks.by_id.get(id));
        stack.map(|stack| stack.resources.keys().cloned().collect()).unwrap_or_default()
    }

    /// Says in which order the resources of stacks are made, from now on.
    pub fn set_stack_order(&self, order: StackOrder) {
        self.lock().cloudformation.stacks.order = order;
    }
}

/// CloudFormation itself, whose permissions nobody checks: who deploys Landlord is the
/// management account's administrator.
fn service() -> Caller {
    let principal = "cloudformation.amazonaws.com".to_owned();
    Caller {
        account: String::new(),
        arn: principal.clone(),
        principal: Principal::Service(principal),
    }
}

/// A template by its text, read once.
fn read_template(aws: &Aws, text: &Arc<str>) -> Result<Arc<Template>, TemplateError> {
    if let Some(template) = aws.lock().cloudformation.stacks.templates.get(text) {
        return Ok(template.clone());
    }
    let template = Arc::new(Template::parse(text, None, aws.settings().inert_resources)?);
    aws.lock().cloudformation.stacks.templates.insert(text.clone(), template.clone());
    Ok(template)
}

/// The permissions that a call needs.
pub(crate) fn access(call: &Call) -> Vec<Access> {
    let resource = match call.opt_text("StackName") {
        Some(arn) if arn.starts_with("arn:") => arn.to_owned(),
        Some(name) => {
            format!("arn:aws:cloudformation:{}:{}:stack/{name}/*", call.region, call.account)
        }
        None => "*".to_owned(),
    };
    vec![Access::to(format!("cloudformation:{}", call.operation), resource)]
}

/// Performs a call.
pub(crate) async fn handle(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    api::handle(aws, call).await
}
