//! Stack sets, instances and operations as answers and events say them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::model::{Instance, Operation, Phase, Place, SetKey, StackSet};
use super::sets::regions;
use crate::Aws;
use crate::wire::timestamp;

fn pairs(map: &BTreeMap<String, String>, key: &str, value: &str) -> Vec<Value> {
    map.iter().map(|(name, text)| json!({ key: name, value: text })).collect()
}

fn auto(set: &StackSet) -> Value {
    set.auto.map_or(Value::Null, |auto| {
        let mut shown = json!({ "Enabled": auto.enabled });
        if auto.enabled {
            shown["RetainStacksOnAccountRemoval"] = json!(auto.retain);
        }
        shown
    })
}

fn permission_model(set: &StackSet) -> &'static str {
    if set.service_managed { "SERVICE_MANAGED" } else { "SELF_MANAGED" }
}

/// A stack set in full.
pub(super) fn set(set: &StackSet) -> Value {
    let definition = &set.definition;
    let parameters: Vec<Value> = definition
        .declared
        .iter()
        .filter_map(|one| {
            let value = definition.parameters.get(&one.name).or(one.default.as_ref())?;
            let value = if one.no_echo { "****" } else { value.as_str() };
            Some(json!({ "ParameterKey": one.name, "ParameterValue": value }))
        })
        .collect();
    let roles = !set.service_managed;
    let default_role =
        format!("arn:aws:iam::{}:role/AWSCloudFormationStackSetAdministrationRole", set.key.0);
    let administration = definition.administration_role.as_ref().unwrap_or(&default_role);
    json!({
        "StackSetName": set.name(),
        "StackSetId": set.id(),
        "Description": definition.description,
        "Status": "ACTIVE",
        "TemplateBody": definition.template.as_ref(),
        "Parameters": parameters,
        "Capabilities": definition.capabilities,
        "Tags": pairs(&definition.tags, "Key", "Value"),
        "StackSetARN": set.arn(),
        "AdministrationRoleARN": roles.then_some(administration),
        "ExecutionRoleName": roles.then_some(&definition.execution_role),
        "StackSetDriftDetectionDetails": { "DriftStatus": "NOT_CHECKED", "TotalStackInstancesCount": set.instances.len() },
        "AutoDeployment": auto(set),
        "PermissionModel": permission_model(set),
        "OrganizationalUnitIds": set.auto_targets.keys().collect::<Vec<_>>(),
        "ManagedExecution": { "Active": set.managed },
        "Regions": regions(set),
    })
}

/// A stack set in a list.
pub(super) fn set_summary(set: &StackSet, status: &str) -> Value {
    json!({
        "StackSetName": set.name(),
        "StackSetId": set.id(),
        "Description": set.definition.description,
        "Status": status,
        "AutoDeployment": auto(set),
        "PermissionModel": permission_model(set),
        "DriftStatus": "NOT_CHECKED",
        "ManagedExecution": { "Active": set.managed },
    })
}

/// An instance in a list.
pub(super) fn instance_summary(set: &StackSet, place: &Place, instance: &Instance) -> Value {
    json!({
        "StackSetId": set.id(),
        "Region": place.1.as_ref(),
        "Account": place.0.as_ref(),
        "StackId": instance.stack_id,
        "Status": instance.status.as_str(),
        "StatusReason": instance.reason.as_deref(),
        "StackInstanceStatus": { "DetailedStatus": instance.detailed },
        "OrganizationalUnitId": instance.unit.as_deref(),
        "DriftStatus": "NOT_CHECKED",
        "LastOperationId": instance.last_operation.as_ref(),
    })
}

/// An instance in full.
pub(super) fn instance(set: &StackSet, place: &Place, instance: &Instance) -> Value {
    let mut shown = instance_summary(set, place, instance);
    let overrides = pairs(&instance.overrides, "ParameterKey", "ParameterValue");
    shown["ParameterOverrides"] = json!(overrides);
    shown
}

/// `StatusDetails`: how many instances failed, once an operation has begun.
fn details(operation: &Operation) -> Value {
    operation
        .scheduler
        .as_ref()
        .map_or(Value::Null, |scheduler| json!({ "FailedStackInstancesCount": scheduler.failed() }))
}

/// An operation in full.
pub(super) fn operation(set: &StackSet, operation: &Operation) -> Value {
    let roles = !set.service_managed;
    json!({
        "OperationId": operation.id.as_ref(),
        "StackSetId": set.id(),
        "Action": operation.request.action.as_str(),
        "Status": operation.status().as_str(),
        "OperationPreferences": preferences(operation),
        "RetainStacks": operation.request.retain,
        "AdministrationRoleARN": operation.definition.administration_role.as_ref().filter(|_| roles),
        "ExecutionRoleName": roles.then_some(&operation.definition.execution_role),
        "CreationTimestamp": timestamp(operation.created),
        "EndTimestamp": operation.ended().map(timestamp),
        "DeploymentTargets": operation.request.deployment_targets,
        "StatusReason": reason(operation.status()),
        "StatusDetails": details(operation),
    })
}

fn preferences(operation: &Operation) -> Value {
    operation.request.shown_preferences.clone().unwrap_or_else(|| {
        json!({
            "RegionConcurrencyType": "SEQUENTIAL",
            "RegionOrder": [],
            "FailureToleranceCount": 0,
            "MaxConcurrentCount": 1,
            "ConcurrencyMode": "STRICT_FAILURE_TOLERANCE",
        })
    })
}

fn reason(phase: Phase) -> Option<&'static str> {
    (phase.as_str() == "FAILED").then_some("Failure tolerance has exceeded")
}

/// An operation in a list, with the status that the reader sees.
pub(super) fn operation_summary(operation: &Operation, phase: Phase) -> Value {
    let mut shown = json!({
        "OperationId": operation.id.as_ref(),
        "Action": operation.request.action.as_str(),
        "Status": phase.as_str(),
        "StatusReason": reason(phase),
    });
    shown["CreationTimestamp"] = timestamp(operation.created);
    if phase.is_final() {
        shown["EndTimestamp"] = operation.ended().map_or(Value::Null, timestamp);
        shown["StatusDetails"] = details(operation);
    }
    shown["OperationPreferences"] = preferences(operation);
    shown
}

fn announce(aws: &Aws, key: &SetKey, arn: &str, detail_type: &str, detail: Value) {
    let place = (key.0.as_str(), key.1.as_str());
    crate::events::announce(aws, place, "aws.cloudformation", detail_type, json!([arn]), detail);
}

/// The event of a stack set.
pub(super) fn announce_set(aws: &Aws, key: &SetKey, arn: &str, status: &str) {
    let detail = json!({ "stack-set-arn": arn, "status-details": { "status": status } });
    announce(aws, key, arn, "CloudFormation StackSet Status Change", detail);
}

/// The event of an operation.
pub(super) fn announce_operation(aws: &Aws, key: &SetKey, arn: &str, id: &str, phase: Phase) {
    let detail = json!({
        "stack-set-arn": arn,
        "stack-set-operation-id": id,
        "status-details": { "status": phase.as_str() },
    });
    announce(aws, key, arn, "CloudFormation StackSet Operation Status Change", detail);
}

/// The event of an instance.
pub(super) fn announce_instance(
    aws: &Aws,
    (key, arn): (&SetKey, &str),
    action: &str,
    instance: &Instance,
) {
    let mut status = Map::new();
    status.insert("status".to_owned(), json!(instance.status.as_str()));
    status.insert("detailed-status".to_owned(), json!(instance.detailed));
    if let Some(reason) = &instance.reason {
        status.insert("status-reason".to_owned(), json!(reason.as_ref()));
    }
    let detail = json!({
        "stack-set-arn": arn,
        "stack-id": instance.stack_id,
        "action": action,
        "status-details": status,
    });
    announce(aws, key, arn, "CloudFormation StackSet StackInstance Status Change", detail);
}
