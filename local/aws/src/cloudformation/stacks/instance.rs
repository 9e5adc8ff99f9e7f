//! Stack instances: what StackSets asks of stacks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::deploy::{self, Job};
use super::model::status;
use super::{StackError, delete, read_template};
use crate::cloudformation::template::Template;
use crate::{Aws, Caller};

/// One stack instance to be made or changed.
#[derive(Debug, Clone)]
pub(crate) struct InstanceRequest {
    pub(crate) account: String,
    pub(crate) region: String,
    /// The stack's name, which stays the same over the instance's life.
    pub(crate) stack_name: String,
    /// The template's text.
    pub(crate) template: Arc<str>,
    /// The parameters that the stack set and the instance's overrides give.
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) tags: BTreeMap<String, String>,
    /// The execution role's session in the account: its permissions are checked.
    pub(crate) caller: Caller,
    /// How long it takes (an AWS duration: the world's pace applies).
    pub(crate) duration: Duration,
}

/// Creates the instance's stack, or updates it, and answers its id.
///
/// A stack whose creation failed stays `ROLLBACK_COMPLETE`; the next attempt deletes and makes
/// it anew. Nothing to change is fine. The error is the reason as StackSets reports it.
pub(crate) async fn apply_instance(aws: &Aws, request: InstanceRequest) -> Result<String, String> {
    let template = read_template(aws, &request.template).map_err(|error| error.to_string())?;
    let (account, region) = (request.account.as_str(), request.region.as_str());
    if must_go(aws, account, region, &request.stack_name) {
        let gone = delete::delete(
            aws,
            account,
            region,
            &request.stack_name,
            &request.caller,
            Duration::ZERO,
        );
        gone.await.map_err(|error| reason(&error))?;
    }
    let job = Job {
        account: request.account,
        region: request.region,
        name: request.stack_name,
        text: request.template,
        template,
        parameters: request.parameters,
        tags: request.tags,
        caller: request.caller,
        duration: request.duration,
        rolls_back: true,
    };
    deploy::deploy(aws, job).await.map_err(|error| reason(&error))
}

/// Whether a stack stands there that can only be deleted.
fn must_go(aws: &Aws, account: &str, region: &str, name: &str) -> bool {
    let state = aws.lock();
    let stacks = &state.cloudformation.stacks;
    let key = (account.to_owned(), region.to_owned(), name.to_owned());
    stacks.living.get(&key).and_then(|id| stacks.by_id.get(id)).is_some_and(|stack| {
        matches!(
            stack.status,
            status::ROLLBACK_COMPLETE
                | status::ROLLBACK_FAILED
                | status::CREATE_FAILED
                | status::DELETE_FAILED
        )
    })
}

/// Deletes an instance's stack, by its name or id. One that is gone is fine.
pub(crate) async fn remove_instance(
    aws: &Aws,
    account: &str,
    region: &str,
    stack: &str,
    caller: &Caller,
    duration: Duration,
) -> Result<(), String> {
    delete::delete(aws, account, region, stack, caller, duration)
        .await
        .map_err(|error| reason(&error))
}

/// The reason as StackSets reports it.
fn reason(error: &StackError) -> String {
    match error {
        StackError::Failed { resource, kind, reason, .. } => format!(
            "ResourceLogicalId:{resource}, ResourceType:{kind}, ResourceStatusReason:{}.",
            reason.trim_end_matches('.')
        ),
        other => other.to_string(),
    }
}

/// A parameter that a template declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TemplateParameter {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) default: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) no_echo: bool,
}

/// Checks a template's text; the error is `ValidationError`'s text.
pub(crate) fn check_template(aws: &Aws, text: &str) -> Result<Template, String> {
    Template::parse(text, None, aws.settings().inert_resources).map_err(|error| error.to_string())
}

/// The parameters of a template.
pub(crate) fn declared(template: &Template) -> Vec<TemplateParameter> {
    template
        .parameters
        .iter()
        .map(|(name, parameter)| TemplateParameter {
            name: name.clone(),
            kind: parameter.kind.clone(),
            default: parameter.default.clone(),
            description: parameter.description.clone(),
            no_echo: parameter.no_echo,
        })
        .collect()
}
