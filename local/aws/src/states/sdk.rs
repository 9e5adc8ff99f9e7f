//! `aws-sdk:<service>:<action>`: any call of a service that the local AWS has.

use local_states::TaskFailure;
use serde_json::{Value, json};

use super::host::Place;
use super::tasks::{failure, moments_as_text};
use crate::wire::body;
use crate::{Aws, AwsError};

/// A service: how resources name it, how calls do, and how its errors start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Service {
    resource: &'static str,
    name: &'static str,
    prefix: &'static str,
}

const fn known(resource: &'static str, name: &'static str, prefix: &'static str) -> Service {
    Service { resource, name, prefix }
}

const SERVICES: [Service; 15] = [
    known("cloudformation", "cloudformation", "CloudFormation"),
    known("cloudwatch", "cloudwatch", "CloudWatch"),
    known("eventbridge", "events", "EventBridge"),
    known("iam", "iam", "Iam"),
    known("lambda", "lambda", "Lambda"),
    known("organizations", "organizations", "Organizations"),
    known("resourcegroupstaggingapi", "tag", "ResourceGroupsTaggingApi"),
    known("s3", "s3", "S3"),
    known("scheduler", "scheduler", "Scheduler"),
    known("servicequotas", "servicequotas", "ServiceQuotas"),
    known("sfn", "states", "Sfn"),
    known("sns", "sns", "Sns"),
    known("sqs", "sqs", "Sqs"),
    known("ssm", "ssm", "Ssm"),
    known("sts", "sts", "Sts"),
];

/// A service by the name in the resource.
pub(super) fn service(resource: &str) -> Option<Service> {
    SERVICES.into_iter().find(|service| service.resource == resource)
}

/// Performs the call as the machine's role.
pub(super) async fn call(
    aws: &Aws,
    place: &Place,
    service: Service,
    action: &str,
    arguments: Value,
) -> Result<Value, TaskFailure> {
    let operation = upper_first(action);
    let is_states = service.name == "states";
    let mut input = if is_states { renamed(arguments, lower_first) } else { arguments };
    if let ("s3", Some(content)) = (service.name, input.get("Body").cloned()) {
        let text = content.as_str().map_or_else(|| content.to_string(), str::to_owned);
        input["$body"] = crate::wire::blob(text.as_bytes());
    }
    let fail = |error: AwsError| failure(aws, service.prefix, &error);
    let call = place.call(service.name, &operation, input).map_err(fail)?;
    let answer = moments_as_text(aws.perform(&call).await.map_err(fail)?);
    Ok(if is_states { upper_keys(answer) } else { without_transport(answer) })
}

/// The answer's own members: a body becomes `Body`, headers and status are left out.
fn without_transport(mut answer: Value) -> Value {
    let content = answer.get("$body").map(|_| body(&answer));
    if let Some(members) = answer.as_object_mut() {
        members.retain(|name, _| !name.starts_with('$'));
        if let Some(content) = content {
            members.insert("Body".to_owned(), json!(String::from_utf8_lossy(&content)));
        }
    }
    answer
}

fn upper_first(name: &str) -> String {
    let mut name = name.to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    name
}

fn lower_first(name: &str) -> String {
    let mut name = name.to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    name
}

/// The members as Step Functions shows those of its own API.
pub(super) fn upper_keys(value: Value) -> Value {
    renamed(value, upper_first)
}

fn renamed(value: Value, rename: fn(&str) -> String) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (rename(&name), renamed(value, rename)))
            .collect(),
        Value::Array(items) => items.into_iter().map(|item| renamed(item, rename)).collect(),
        other => other,
    }
}
