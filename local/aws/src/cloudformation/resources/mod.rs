//! Resource types: what properties they have, and how each is made, changed and deleted by its
//! service's own calls.
//!
//! `AWS::Logs::LogGroup` is the one type without a service behind it here: a log group is a
//! name, nothing writes to it.

mod alarms;
mod context;
mod events;
mod functions;
mod logs;
mod machines;
mod organization;
mod parameters;
mod providers;
mod queues;
mod roles;
mod schedules;
mod stack_sets;
mod storage;
mod topics;

use std::sync::LazyLock;

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::template::{Made, Properties, properties};
use crate::AwsError;
pub(crate) use context::Context;
pub(crate) use machines::placeholders;

/// A resource type.
#[derive(Debug)]
pub(crate) struct ResourceKind {
    /// Its properties.
    pub(crate) properties: Properties,
    /// What `Fn::GetAtt` may ask for.
    pub(crate) attributes: Vec<&'static str>,
}

impl ResourceKind {
    /// Whether `Fn::GetAtt` may ask for this.
    pub(crate) fn has_attribute(&self, name: &str) -> bool {
        self.attributes.contains(&name)
    }
}

/// The notation of a type: its name, properties (see the template's schema) and attributes.
type Notation = (&'static str, &'static str, &'static str);

/// A type by its name.
pub(crate) fn kind(name: &str) -> Option<&'static ResourceKind> {
    static KINDS: LazyLock<IndexMap<&'static str, ResourceKind>> = LazyLock::new(|| {
        let all: [&[Notation]; 13] = [
            &alarms::KINDS,
            &events::KINDS,
            &functions::KINDS,
            &logs::KINDS,
            &machines::KINDS,
            &organization::KINDS,
            &parameters::KINDS,
            &queues::KINDS,
            &roles::KINDS,
            &schedules::KINDS,
            &stack_sets::KINDS,
            &storage::KINDS,
            &topics::KINDS,
        ];
        all.into_iter()
            .flatten()
            .map(|(name, notation, attributes)| {
                let attributes = attributes.split_whitespace().collect();
                (*name, ResourceKind { properties: properties(notation), attributes })
            })
            .collect()
    });
    KINDS.get(name)
}

/// Makes a resource.
pub(crate) async fn create(
    context: &Context<'_>,
    kind: &str,
    properties: &Value,
) -> Result<Made, AwsError> {
    match kind {
        "AWS::CloudWatch::Alarm" => alarms::put(context, None, properties).await,
        "AWS::CloudWatch::CompositeAlarm" => alarms::put_composite(context, None, properties).await,
        "AWS::Events::EventBus" => events::create_bus(context, properties).await,
        "AWS::Events::EventBusPolicy" => events::put_policy(context, properties).await,
        "AWS::Events::Archive" => events::create_archive(context, properties).await,
        "AWS::Events::Rule" => events::put_rule(context, None, properties).await,
        "AWS::Lambda::Function" => functions::create(context, properties).await,
        "AWS::Lambda::Permission" => functions::add_permission(context, properties).await,
        "AWS::Lambda::EventSourceMapping" => functions::create_mapping(context, properties).await,
        "AWS::Lambda::EventInvokeConfig" => functions::put_config(context, properties).await,
        "AWS::Logs::LogGroup" => logs::create(context, properties),
        "AWS::StepFunctions::StateMachine" => machines::create(context, properties).await,
        "AWS::Organizations::OrganizationalUnit" => {
            organization::create_unit(context, properties).await
        }
        "AWS::Organizations::Policy" => organization::create_policy(context, properties).await,
        "AWS::SSM::Parameter" => parameters::put(context, None, properties).await,
        "AWS::SQS::Queue" => queues::create(context, properties).await,
        "AWS::SQS::QueuePolicy" => queues::put_policy(context, properties).await,
        "AWS::IAM::Role" => roles::create(context, properties).await,
        "AWS::IAM::Policy" => roles::put_policy(context, None, properties).await,
        "AWS::IAM::ManagedPolicy" => roles::create_managed(context, properties).await,
        "AWS::Scheduler::Schedule" => schedules::put(context, None, properties).await,
        "AWS::CloudFormation::StackSet" => stack_sets::create(context, properties).await,
        "AWS::S3::Bucket" => storage::create_bucket(context, properties).await,
        "AWS::S3::BucketPolicy" => storage::put_policy(context, properties).await,
        "AWS::SNS::Topic" => topics::create(context, properties).await,
        "AWS::SNS::TopicPolicy" => topics::put_policy(context, properties).await,
        "AWS::SNS::Subscription" => topics::subscribe(context, properties).await,
        other => Err(unsupported(other)),
    }
}

/// Changes a resource in place; what can only be replaced never comes here.
pub(crate) async fn update(
    context: &Context<'_>,
    kind: &str,
    made: &Made,
    old: &Value,
    new: &Value,
) -> Result<Made, AwsError> {
    match kind {
        "AWS::CloudWatch::Alarm" => alarms::put(context, Some(made), new).await,
        "AWS::CloudWatch::CompositeAlarm" => alarms::put_composite(context, Some(made), new).await,
        "AWS::Events::EventBus" => Ok(made.clone()),
        "AWS::Events::EventBusPolicy" => events::put_policy(context, new).await,
        "AWS::Events::Archive" => events::update_archive(context, made, new).await,
        "AWS::Events::Rule" => events::update_rule(context, made, old, new).await,
        "AWS::Lambda::Function" => functions::update(context, made, old, new).await,
        "AWS::Lambda::EventSourceMapping" => functions::update_mapping(context, made, new).await,
        "AWS::Lambda::EventInvokeConfig" => functions::put_config(context, new).await,
        "AWS::Logs::LogGroup" => Ok(made.clone()),
        "AWS::StepFunctions::StateMachine" => machines::update(context, made, new).await,
        "AWS::Organizations::OrganizationalUnit" => {
            organization::update_unit(context, made, new).await
        }
        "AWS::Organizations::Policy" => organization::update_policy(context, made, old, new).await,
        "AWS::SSM::Parameter" => parameters::put(context, Some(made), new).await,
        "AWS::SQS::Queue" => queues::update(context, made, new).await,
        "AWS::SQS::QueuePolicy" => queues::update_policy(context, made, old, new).await,
        "AWS::IAM::Role" => roles::update(context, made, old, new).await,
        "AWS::IAM::Policy" => roles::update_policy(context, made, old, new).await,
        "AWS::IAM::ManagedPolicy" => roles::update_managed(context, made, old, new).await,
        "AWS::Scheduler::Schedule" => schedules::put(context, Some(made), new).await,
        "AWS::CloudFormation::StackSet" => stack_sets::update(context, made, old, new).await,
        "AWS::S3::Bucket" => storage::update_bucket(context, made, new).await,
        "AWS::S3::BucketPolicy" => storage::put_policy(context, new).await,
        "AWS::SNS::Topic" => topics::update(context, made, new).await,
        "AWS::SNS::TopicPolicy" => topics::put_policy(context, new).await,
        "AWS::SNS::Subscription" => Ok(made.clone()),
        other => Err(unsupported(other)),
    }
}

/// Deletes a resource. One that is gone already is fine.
pub(crate) async fn delete(
    context: &Context<'_>,
    kind: &str,
    made: &Made,
    properties: &Value,
) -> Result<(), AwsError> {
    let deleted = match kind {
        "AWS::CloudWatch::Alarm" | "AWS::CloudWatch::CompositeAlarm" => {
            alarms::delete(context, made).await
        }
        "AWS::Events::EventBus" => events::delete_bus(context, made).await,
        "AWS::Events::EventBusPolicy" => events::delete_policy(context, properties).await,
        "AWS::Events::Archive" => events::delete_archive(context, made).await,
        "AWS::Events::Rule" => events::delete_rule(context, properties, made).await,
        "AWS::Lambda::Function" => functions::delete(context, made).await,
        "AWS::Lambda::Permission" => functions::remove_permission(context, made, properties).await,
        "AWS::Lambda::EventSourceMapping" => functions::delete_mapping(context, made).await,
        "AWS::Lambda::EventInvokeConfig" => functions::delete_config(context, properties).await,
        "AWS::Logs::LogGroup" => logs::delete(context),
        "AWS::StepFunctions::StateMachine" => machines::delete(context, made).await,
        "AWS::Organizations::OrganizationalUnit" => organization::delete_unit(context, made).await,
        "AWS::Organizations::Policy" => {
            organization::delete_policy(context, made, properties).await
        }
        "AWS::SSM::Parameter" => parameters::delete(context, made).await,
        "AWS::SQS::Queue" => queues::delete(context, made).await,
        "AWS::SQS::QueuePolicy" => queues::delete_policy(context, properties).await,
        "AWS::IAM::Role" => roles::delete(context, made, properties).await,
        "AWS::IAM::Policy" => roles::delete_policy(context, made, properties).await,
        "AWS::IAM::ManagedPolicy" => roles::delete_managed(context, made, properties).await,
        "AWS::Scheduler::Schedule" => schedules::delete(context, made, properties).await,
        "AWS::CloudFormation::StackSet" => stack_sets::delete(context, made, properties).await,
        "AWS::S3::Bucket" => storage::delete_bucket(context, made).await,
        "AWS::S3::BucketPolicy" => storage::delete_policy(context, properties).await,
        "AWS::SNS::Topic" => topics::delete(context, made).await,
        "AWS::SNS::TopicPolicy" => Ok(()),
        "AWS::SNS::Subscription" => topics::unsubscribe(context, made).await,
        other => Err(unsupported(other)),
    };
    match deleted {
        Err(error) if is_gone(&error) => Ok(()),
        other => other,
    }
}

fn unsupported(kind: &str) -> AwsError {
    AwsError::validation(format!("the resource type {kind} is not supported"))
}

/// Whether an error says that there is nothing to delete.
fn is_gone(error: &AwsError) -> bool {
    let code = error.code.as_str();
    code.contains("NotFound")
        || code.contains("DoesNotExist")
        || code.starts_with("NoSuch")
        || code == "NonExistentQueue"
}

/// A resource that exists.
fn made<const N: usize>(physical_id: impl Into<String>, attributes: [(&str, Value); N]) -> Made {
    let attributes = attributes.into_iter().map(|(name, value)| (name.to_owned(), value));
    Made { physical_id: physical_id.into(), attributes: attributes.collect() }
}

/// A text property.
fn text<'v>(properties: &'v Value, name: &str) -> Option<&'v str> {
    properties.get(name).and_then(Value::as_str)
}

/// A property as text, whatever scalar it is.
fn scalar(properties: &Value, name: &str) -> Option<String> {
    match properties.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

/// A whole-number property, as a template may spell it.
fn integer(properties: &Value, name: &str) -> Option<i64> {
    scalar(properties, name)?.parse().ok()
}

/// A text property that has to be there.
fn required<'v>(properties: &'v Value, name: &str) -> Result<&'v str, AwsError> {
    text(properties, name)
        .ok_or_else(|| AwsError::validation(format!("Property {name} must be given as text")))
}

/// The texts of a list property, or of a single text.
fn texts(properties: &Value, name: &str) -> Vec<String> {
    match properties.get(name) {
        Some(Value::Array(items)) => {
            items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        Some(Value::String(text)) => vec![text.clone()],
        _ => Vec::new(),
    }
}

/// The items of a list property.
fn items<'v>(properties: &'v Value, name: &str) -> &'v [Value] {
    properties.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A JSON document as the text that APIs take, from a map or from text.
fn document(properties: &Value, name: &str) -> Option<String> {
    match properties.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

/// Tags as a map.
fn tag_map(properties: &Value) -> Value {
    let tags = items(properties, "Tags").iter().filter_map(|tag| {
        Some((text(tag, "Key")?.to_owned(), json!(scalar(tag, "Value").unwrap_or_default())))
    });
    Value::Object(tags.collect())
}

/// The members of a call: those properties that are there, under the same names.
fn picked(properties: &Value, names: &[&str]) -> Map<String, Value> {
    names
        .iter()
        .filter_map(|name| {
            let value = properties.get(name).filter(|value| !value.is_null())?;
            Some(((*name).to_owned(), value.clone()))
        })
        .collect()
}

/// The answer's text member.
fn answered(answer: &Value, path: &str) -> Result<String, AwsError> {
    answer.pointer(path).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| {
        AwsError::new("InternalFailure", format!("the answer has no {path}: {answer}")).status(500)
    })
}
