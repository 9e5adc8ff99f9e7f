//! What the tiers name: stack sets and quotas.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudformation::types::{PermissionModels, StackSetStatus};
use lambda_kit::client;
use lambda_kit::sdk::Wire;
use lifecycle::WantedQuota;
use tier_check::{QuotaSeen, Roles, StackSetSeen};

use super::super::plan::Plan;
use super::super::world::{Look, Set};
use super::{look, unless_missing};

/// The stack sets of the tiers, and those that the template would make.
pub(super) async fn stack_sets(wire: &Wire, plan: Plan<'_>) -> BTreeMap<String, Look<Set>> {
    let mut names: BTreeSet<String> = plan.stack_sets().into_iter().collect();
    if let Ok(configuration) = &plan.files.configuration {
        names.extend(configuration.stack_sets().into_iter().map(ToString::to_string));
    }
    let client = client!(aws_sdk_cloudformation, wire);
    let mut all = BTreeMap::new();
    for name in names {
        let answer = client.describe_stack_set().stack_set_name(&name).send().await;
        let answer = look("cloudformation", "DescribeStackSet", answer);
        let answer = unless_missing(answer, &["StackSetNotFoundException"]);
        let set = answer.map(|answer| set(answer.and_then(|answer| answer.stack_set)));
        all.insert(name, set);
    }
    all
}

fn set(set: Option<aws_sdk_cloudformation::types::StackSet>) -> Set {
    let Some(set) = set else {
        return Set { seen: StackSetSeen::Missing, has_managed_execution: false };
    };
    let managed = set.managed_execution().and_then(|it| it.active()).unwrap_or(false);
    let seen = match set.permission_model() {
        _ if set.status() == Some(&StackSetStatus::Deleted) => StackSetSeen::Deleted,
        None | Some(PermissionModels::SelfManaged) => StackSetSeen::SelfManaged(Roles {
            administration: set.administration_role_arn().map(ToOwned::to_owned),
            execution: set.execution_role_name().map(ToOwned::to_owned),
        }),
        Some(PermissionModels::ServiceManaged) => StackSetSeen::ServiceManaged {
            automatic: set.auto_deployment().and_then(|auto| auto.enabled()).unwrap_or(false),
        },
        Some(other) => StackSetSeen::Unknown(other.as_str().to_owned()),
    };
    Set { seen, has_managed_execution: managed }
}

/// What a quota is called in what was seen: Region, service, code.
pub(in super::super) fn quota_key(wanted: &WantedQuota) -> (String, String, String) {
    let WantedQuota { region, service_code, quota_code, .. } = wanted;
    (region.to_string(), service_code.to_string(), quota_code.to_string())
}

/// The quotas of the tiers.
pub(super) async fn quotas(
    wire: &Wire,
    plan: Plan<'_>,
) -> BTreeMap<(String, String, String), Look<QuotaSeen>> {
    let mut all = BTreeMap::new();
    let Ok(configuration) = &plan.files.configuration else { return all };
    for wanted in configuration.tiers.iter().flat_map(|(_, tier)| &tier.quotas) {
        let key = quota_key(wanted);
        if all.contains_key(&key) {
            continue;
        }
        let client = client!(aws_sdk_servicequotas, wire.in_region(&*key.0));
        let call = client.get_aws_default_service_quota();
        let answer = call.service_code(&key.1).quota_code(&key.2).send().await;
        let answer = look("servicequotas", "GetAWSDefaultServiceQuota", answer);
        let answer = unless_missing(answer, &["NoSuchResourceException"]);
        let seen = answer.map(|answer| match answer.and_then(|answer| answer.quota) {
            None => QuotaSeen::Missing,
            Some(quota) => QuotaSeen::Known {
                global: quota.global_quota(),
                adjustable: quota.adjustable(),
                default: quota.value(),
            },
        });
        all.insert(key, seen);
    }
    all
}
