//! The calls about stacks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::deploy::{self, Job};
use super::instance::declared;
use super::model::{Stack, StackResource};
use super::{StackError, delete, read_template};
use crate::cloudformation::stacksets::{template_at, template_of_set};
use crate::wire::timestamp;
use crate::{Aws, AwsError, Call};

/// The operations that are about stacks, not stack sets.
pub(crate) const OPERATIONS: [&str; 14] = [
    "CreateStack",
    "UpdateStack",
    "DeleteStack",
    "DescribeStacks",
    "ListStacks",
    "DescribeStackEvents",
    "DescribeStackResource",
    "DescribeStackResources",
    "ListStackResources",
    "GetTemplate",
    "GetTemplateSummary",
    "ValidateTemplate",
    "UpdateTerminationProtection",
    "ListExports",
];

const PAGE: usize = 100;

/// Performs a call.
pub(super) async fn handle(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    match call.operation.as_str() {
        "CreateStack" => create(aws, call).await,
        "UpdateStack" => update(aws, call).await,
        "DeleteStack" => delete_stack(aws, call),
        "DescribeStacks" => describe(aws, call),
        "ListStacks" => list(aws, call),
        "DescribeStackEvents" => events(aws, call),
        "DescribeStackResource" => resource(aws, call),
        "DescribeStackResources" => {
            let stack = find(aws, call)?;
            let wanted = call.opt_text("LogicalResourceId");
            let resources: Vec<Value> = stack
                .resources
                .iter()
                .filter(|(id, _)| wanted.is_none_or(|wanted| wanted == id.as_str()))
                .map(|(id, resource)| shown_resource(&stack, id, resource, "Timestamp"))
                .collect();
            Ok(json!({ "StackResources": resources }))
        }
        "ListStackResources" => {
            let stack = find(aws, call)?;
            let shown = stack
                .resources
                .iter()
                .map(|(id, one)| shown_resource(&stack, id, one, "LastUpdatedTimestamp"))
                .collect();
            page(call, shown, "StackResourceSummaries")
        }
        "GetTemplate" => {
            let stack = find(aws, call)?;
            Ok(json!({
                "TemplateBody": stack.text.as_ref(),
                "StagesAvailable": ["Original", "Processed"],
            }))
        }
        "GetTemplateSummary" | "ValidateTemplate" => summary(aws, call).await,
        "UpdateTerminationProtection" => protect(aws, call),
        "ListExports" => exports(aws, call),
        other => Err(AwsError::unknown_operation("cloudformation", other)),
    }
}

fn validation(error: &StackError) -> AwsError {
    AwsError::validation(error.to_string())
}

/// A job from a call; `previous` gives what the call leaves as it is.
fn job(aws: &Aws, call: &Call, previous: Option<&Stack>) -> Result<Job, AwsError> {
    let name = previous.map_or_else(|| call.text("StackName"), |stack| Ok(&stack.name))?.to_owned();
    let text: Arc<str> = match (call.opt_text("TemplateBody"), call.opt_text("TemplateURL")) {
        (Some(text), None) => text.into(),
        (None, Some(url)) => {
            return Err(AwsError::validation(format!(
                "TemplateURL: \"{url}\": the local AWS reads templates from TemplateBody only"
            )));
        }
        (None, None) => match previous {
            Some(stack) if call.opt_bool("UsePreviousTemplate")? == Some(true) => {
                stack.text.clone()
            }
            _ => {
                let message = "Either Template URL or Template Body must be specified.";
                return Err(AwsError::validation(message));
            }
        },
        (Some(_), Some(_)) => {
            return Err(AwsError::validation(
                "Template URL and Template Body are mutually exclusive.",
            ));
        }
    };
    if text.len() > 51_200 {
        return Err(AwsError::validation(format!(
            "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: \
             Member must have length less than or equal to 51200, not {}",
            text.len()
        )));
    }
    let template =
        read_template(aws, &text).map_err(|error| AwsError::validation(error.to_string()))?;
    let mut parameters = BTreeMap::new();
    for given in call.list("Parameters") {
        let key = member(given, "ParameterKey")?;
        let keep = given
            .get("UsePreviousValue")
            .is_some_and(|keep| keep.as_bool() == Some(true) || keep.as_str() == Some("true"));
        let value = match previous.filter(|_| keep).and_then(|stack| stack.given.get(&key)) {
            Some(value) => value.clone(),
            None if keep => continue,
            None => member(given, "ParameterValue")?,
        };
        parameters.insert(key, value);
    }
    let mut tags = BTreeMap::new();
    for tag in call.list("Tags") {
        tags.insert(member(tag, "Key")?, member(tag, "Value")?);
    }
    if let (true, Some(stack)) = (call.input.get("Tags").is_none(), previous) {
        tags.clone_from(&stack.tags);
    }
    needs_capabilities(call, &template)?;
    let failure = call.opt_text("OnFailure").unwrap_or("ROLLBACK");
    Ok(Job {
        account: call.account.clone(),
        region: call.region.clone(),
        name,
        text,
        template,
        parameters,
        tags,
        caller: call.caller.clone(),
        duration: Duration::ZERO,
        rolls_back: failure != "DO_NOTHING" && call.opt_bool("DisableRollback")? != Some(true),
    })
}

fn member(value: &Value, name: &str) -> Result<String, AwsError> {
    value
        .get(name)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| AwsError::validation(format!("{name}: not given in {value}")))
}

/// Refuses a call that does not acknowledge the roles that its template makes, or its transform.
pub(crate) fn needs_capabilities(
    call: &Call,
    template: &crate::cloudformation::template::Template,
) -> Result<(), AwsError> {
    let given = call.texts("Capabilities");
    let has = |name: &str| given.iter().any(|one| one == name);
    let roles = template.resources.values().filter(|one| one.kind.starts_with("AWS::IAM::"));
    let mut needed = None;
    if template.transformed && !has("CAPABILITY_AUTO_EXPAND") {
        needed = Some("CAPABILITY_AUTO_EXPAND");
    }
    for role in roles {
        let named = ["RoleName", "ManagedPolicyName"]
            .iter()
            .any(|name| role.properties.get(name).is_some());
        if named && !has("CAPABILITY_NAMED_IAM") {
            needed = Some("CAPABILITY_NAMED_IAM");
        } else if !has("CAPABILITY_IAM") && !has("CAPABILITY_NAMED_IAM") {
            needed = needed.or(Some("CAPABILITY_IAM"));
        }
    }
    match needed {
        Some(name) => Err(AwsError::new(
            "InsufficientCapabilitiesException",
            format!("Requires capabilities : [{name}]"),
        )),
        None => Ok(()),
    }
}

async fn create(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("StackName")?;
    let legal = name.len() <= 128
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if !legal {
        return Err(AwsError::validation(format!(
            "1 validation error detected: Value '{name}' at 'stackName' failed to satisfy \
             constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
        )));
    }
    let key = (call.account.clone(), call.region.clone(), name.to_owned());
    if aws.lock().cloudformation.stacks.living.contains_key(&key) {
        return Err(AwsError::new(
            "AlreadyExistsException",
            format!("Stack [{name}] already exists"),
        ));
    }
    let begun =
        deploy::begin(aws, job(aws, call, None)?).await.map_err(|error| validation(&error))?;
    let id = begun.id.clone();
    let protected = call.opt_bool("EnableTerminationProtection")? == Some(true);
    deploy::with_stack(aws, &id, |stack| stack.protected = protected);
    run(aws, begun);
    Ok(json!({ "StackId": id }))
}

fn run(aws: &Aws, begun: deploy::Begun) {
    let world = aws.clone();
    aws.spawn(async move {
        // The outcome is the stack's status, which its readers see.
        if let Err(error) = deploy::finish(&world, begun).await {
            tracing::debug!(%error, "a stack failed");
        }
    });
}

async fn update(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let stack = find(aws, call)?;
    let job = job(aws, call, Some(&stack))?;
    let same = job.text == stack.text && job.parameters == stack.given && job.tags == stack.tags;
    if same {
        return Err(AwsError::validation("No updates are to be performed."));
    }
    let begun = deploy::begin(aws, job).await.map_err(|error| match error {
        StackError::Refused { reason, .. } => {
            AwsError::validation(format!("Stack:{}: {reason}", stack.id))
        }
        other => validation(&other),
    })?;
    run(aws, begun);
    Ok(json!({ "StackId": stack.id }))
}

fn delete_stack(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("StackName")?;
    let begun = delete::begin(aws, &call.account, &call.region, name)
        .map_err(|error| validation(&error))?;
    if let Some(stack) = begun {
        let (world, caller) = (aws.clone(), call.caller.clone());
        aws.spawn(async move {
            if let Err(error) = delete::finish(&world, stack, &caller, Duration::ZERO).await {
                tracing::debug!(%error, "a stack could not be deleted");
            }
        });
    }
    Ok(json!({}))
}

/// The stack that a call names, by name or id.
fn find(aws: &Aws, call: &Call) -> Result<Stack, AwsError> {
    let name = call.text("StackName")?;
    let state = aws.lock();
    let stacks = &state.cloudformation.stacks;
    let key = (call.account.clone(), call.region.clone(), name.to_owned());
    let id = stacks.living.get(&key).map_or(name, String::as_str);
    stacks
        .by_id
        .get(id)
        .filter(|stack| stack.account == call.account)
        .cloned()
        .ok_or_else(|| AwsError::validation(format!("Stack with id {name} does not exist")))
}

fn describe(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    if call.opt_text("StackName").is_some() {
        return Ok(json!({ "Stacks": [shown(&find(aws, call)?)] }));
    }
    let state = aws.lock();
    let stacks = &state.cloudformation.stacks;
    let mine = stacks
        .living
        .iter()
        .filter(|((account, region, _), _)| *account == call.account && *region == call.region);
    let all = mine.filter_map(|(_, id)| stacks.by_id.get(id)).map(shown).collect();
    page(call, all, "Stacks")
}

fn shown(stack: &Stack) -> Value {
    let mut value = json!({
        "StackId": stack.id,
        "StackName": stack.name,
        "StackStatus": stack.status,
        "CreationTime": timestamp(stack.created),
        "DisableRollback": false,
        "EnableTerminationProtection": stack.protected,
        "Capabilities": [],
        "Parameters": stack.parameters.iter().map(|(key, value)| {
            json!({ "ParameterKey": key, "ParameterValue": value })
        }).collect::<Vec<_>>(),
        "Outputs": stack.outputs.iter().map(|(name, output)| {
            let mut shown = json!({ "OutputKey": name, "OutputValue": output.value });
            if let Some(description) = &output.description {
                shown["Description"] = json!(description);
            }
            if let Some(export) = &output.export {
                shown["ExportName"] = json!(export);
            }
            shown
        }).collect::<Vec<_>>(),
        "Tags": stack.tags.iter().map(|(key, value)| {
            json!({ "Key": key, "Value": value })
        }).collect::<Vec<_>>(),
    });
    if let Some(description) = &stack.description {
        value["Description"] = json!(description);
    }
    if let Some(reason) = &stack.reason {
        value["StackStatusReason"] = json!(reason);
    }
    if let Some(updated) = stack.updated {
        value["LastUpdatedTime"] = timestamp(updated);
    }
    if let Some(deleted) = stack.deleted {
        value["DeletionTime"] = timestamp(deleted);
    }
    value
}

fn list(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let wanted = call.texts("StackStatusFilter");
    let state = aws.lock();
    let mut stacks: Vec<&Stack> = state
        .cloudformation
        .stacks
        .by_id
        .values()
        .filter(|stack| stack.account == call.account && stack.region == call.region)
        .filter(|stack| wanted.is_empty() || wanted.iter().any(|status| status == stack.status))
        .collect();
    stacks.sort_by_key(|stack| std::cmp::Reverse(stack.created));
    let summaries = stacks
        .into_iter()
        .map(|stack| {
            let mut summary = shown(stack);
            if let Some(members) = summary.as_object_mut() {
                for name in [
                    "Parameters",
                    "Outputs",
                    "Tags",
                    "Capabilities",
                    "DisableRollback",
                    "EnableTerminationProtection",
                ] {
                    members.shift_remove(name);
                }
                if let Some(description) = members.shift_remove("Description") {
                    members.insert("TemplateDescription".to_owned(), description);
                }
            }
            summary
        })
        .collect();
    page(call, summaries, "StackSummaries")
}

/// One page of a list; the token is the index at which the next one starts.
fn page(call: &Call, all: Vec<Value>, member: &str) -> Result<Value, AwsError> {
    let start: usize = match call.opt_text("NextToken") {
        None => 0,
        Some(token) => token
            .parse()
            .map_err(|_| AwsError::validation(format!("NextToken: \"{token}\" is not valid")))?,
    };
    let more = all.len() > start + PAGE;
    let shown: Vec<Value> = all.into_iter().skip(start).take(PAGE).collect();
    let mut answer = json!({ member: shown });
    if more {
        answer["NextToken"] = json!((start + PAGE).to_string());
    }
    Ok(answer)
}

fn events(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let stack = find(aws, call)?;
    let all = stack
        .events
        .iter()
        .enumerate()
        .rev()
        .map(|(index, event)| {
            let mut shown = json!({
                "StackId": stack.id,
                "StackName": stack.name,
                "EventId": format!("{}-{index:06}", event.resource),
                "LogicalResourceId": event.resource,
                "PhysicalResourceId": event.physical_id,
                "ResourceType": event.kind,
                "ResourceStatus": event.status,
                "Timestamp": timestamp(event.at),
            });
            if let Some(reason) = &event.reason {
                shown["ResourceStatusReason"] = json!(reason);
            }
            shown
        })
        .collect();
    page(call, all, "StackEvents")
}

fn shown_resource(stack: &Stack, id: &str, resource: &StackResource, when: &str) -> Value {
    let mut shown = json!({
        "LogicalResourceId": id,
        "PhysicalResourceId": resource.made.physical_id,
        "ResourceType": resource.kind,
        "ResourceStatus": resource.status,
    });
    shown[when] = timestamp(resource.changed);
    if when != "LastUpdatedTimestamp" || resource.reason.is_some() {
        if let Some(reason) = &resource.reason {
            shown["ResourceStatusReason"] = json!(reason);
        }
        shown["StackId"] = json!(stack.id);
        shown["StackName"] = json!(stack.name);
    }
    shown
}

fn resource(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let stack = find(aws, call)?;
    let id = call.text("LogicalResourceId")?;
    let resource = stack.resources.get(id).ok_or_else(|| {
        AwsError::validation(format!("Resource {id} does not exist for stack {}", stack.name))
    })?;
    let mut detail = shown_resource(&stack, id, resource, "LastUpdatedTimestamp");
    detail["StackId"] = json!(stack.id);
    detail["StackName"] = json!(stack.name);
    Ok(json!({ "StackResourceDetail": detail }))
}

async fn summary(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let given = ["TemplateBody", "TemplateURL", "StackSetName", "StackName"];
    let text: Arc<str> = match given.map(|member| call.opt_text(member)) {
        [Some(text), None, None, None] => text.into(),
        [None, Some(url), None, None] => template_at(aws, call, url).await?.into(),
        [None, None, Some(_), None] => template_of_set(aws, call)?,
        [None, None, None, _] => find(aws, call)?.text,
        _ => {
            return Err(AwsError::validation(
                "Only one of TemplateBody, TemplateURL, StackName and StackSetName can be given.",
            ));
        }
    };
    let template =
        read_template(aws, &text).map_err(|error| AwsError::validation(error.to_string()))?;
    let parameters: Vec<Value> = declared(&template)
        .into_iter()
        .map(|parameter| {
            let mut shown = json!({
                "ParameterKey": parameter.name,
                "ParameterType": parameter.kind,
                "NoEcho": parameter.no_echo,
            });
            if let Some(default) = parameter.default {
                shown["DefaultValue"] = json!(default);
            }
            if let Some(description) = parameter.description {
                shown["Description"] = json!(description);
            }
            shown
        })
        .collect();
    let mut types: Vec<&str> =
        template.resources.values().map(|resource| resource.kind.as_str()).collect();
    types.sort_unstable();
    types.dedup();
    let mut told = json!({
        "Parameters": parameters,
        "Description": template.description,
        "ResourceTypes": types,
    });
    let roles = template.resources.values().filter(|one| one.kind.starts_with("AWS::IAM::"));
    let named = |role: &crate::cloudformation::template::Resource| {
        ["RoleName", "ManagedPolicyName"].iter().any(|name| role.properties.get(name).is_some())
    };
    let capability = match roles.map(named).max() {
        Some(true) => Some("CAPABILITY_NAMED_IAM"),
        Some(false) => Some("CAPABILITY_IAM"),
        None => None,
    };
    if let Some(capability) = capability {
        told["Capabilities"] = json!([capability]);
        told["CapabilitiesReason"] = json!("The template has resources of IAM");
    }
    if let Some(transforms) = transforms_of(&text) {
        told["DeclaredTransforms"] = json!(transforms);
    }
    Ok(told)
}

/// The transforms that a template names, in YAML's block form or in JSON.
fn transforms_of(text: &str) -> Option<Vec<String>> {
    if let Ok(template) = serde_json::from_str::<Value>(text) {
        return match template.get("Transform")? {
            Value::String(one) => Some(vec![one.clone()]),
            Value::Array(list) => {
                Some(list.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect())
            }
            _ => None,
        };
    }
    let mut lines = text.lines().skip_while(|line| !line.starts_with("Transform:"));
    let first = lines.next()?.trim_start_matches("Transform:").trim();
    if !first.is_empty() {
        let list = first.trim_start_matches('[').trim_end_matches(']').split(',');
        return Some(list.map(|one| one.trim().trim_matches(['\'', '"']).to_owned()).collect());
    }
    let items = lines.map(str::trim).take_while(|line| line.starts_with('-'));
    let items = items.map(|line| line.trim_start_matches('-').trim().trim_matches(['\'', '"']));
    Some(items.map(str::to_owned).collect())
}

fn protect(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let stack = find(aws, call)?;
    let enabled = call.opt_bool("EnableTerminationProtection")?.unwrap_or_default();
    deploy::with_stack(aws, &stack.id, |stack| stack.protected = enabled);
    Ok(json!({ "StackId": stack.id }))
}

fn exports(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let state = aws.lock();
    let stacks = state.cloudformation.stacks.by_id.values();
    let mine = stacks.filter(|stack| {
        stack.account == call.account && stack.region == call.region && stack.deleted.is_none()
    });
    let all = mine
        .flat_map(|stack| {
            stack.outputs.values().filter_map(|output| {
                let name = output.export.as_ref()?;
                Some(json!({
                    "ExportingStackId": stack.id, "Name": name, "Value": output.value,
                }))
            })
        })
        .collect();
    page(call, all, "Exports")
}
