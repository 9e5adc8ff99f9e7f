//! The permissions that StackSets' calls need.
//!
//! Where AWS's pages differ in an ARN's form, each form is asked for, and a policy has to allow
//! all of them: which one AWS checks is then of no matter.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html>

use std::collections::BTreeSet;

use super::find;
use super::model::StackSet;
use crate::{Access, Call, State};

/// Calls that need permissions for the targets and the resource types too.
const DEPLOYS: [&str; 4] =
    ["CreateStackInstances", "UpdateStackInstances", "DeleteStackInstances", "UpdateStackSet"];

/// Calls about no stack set.
const GENERAL: [&str; 4] = [
    "ListStackSets",
    "ActivateOrganizationsAccess",
    "DeactivateOrganizationsAccess",
    "DescribeOrganizationsAccess",
];

/// The permissions that a call needs.
pub(crate) fn access(state: &State, call: &Call) -> Vec<Access> {
    let action = format!("cloudformation:{}", call.operation);
    if GENERAL.contains(&call.operation.as_str()) {
        return vec![Access::to(action, "*")];
    }
    let set = find(call, state).ok();
    let arn = |kind: &str, rest: &str| {
        format!("arn:aws:cloudformation:{}:{}:{kind}/{rest}", call.region, call.account)
    };
    let name = call.opt_text("StackSetName").unwrap_or_default();
    let id = set.map_or_else(|| format!("{name}:*"), StackSet::id);
    let mut accesses = vec![conditions(Access::to(&action, arn("stackset", &id)), call)];
    if let Some(set) = set.filter(|_| DEPLOYS.contains(&call.operation.as_str())) {
        for target in targets(call) {
            // The reference prints the Region, AWS's examples and service policies leave it out.
            for region in [call.region.as_str(), ""] {
                let resource = format!(
                    "arn:aws:cloudformation:{region}:{}:stackset-target/{id}/{target}",
                    call.account
                );
                accesses.push(conditions(Access::to(&action, resource), call));
            }
        }
        // Of the Region of the stack set, or of those that the stacks go to.
        let mut regions: BTreeSet<String> = call.texts("Regions").into_iter().collect();
        regions.insert(call.region.clone());
        for kind in &set.definition.types {
            let kind = kind.replace("::", "-");
            for region in &regions {
                let resource = format!("arn:aws:cloudformation:{region}::type/resource/{kind}");
                accesses.push(conditions(Access::to(&action, resource), call));
            }
        }
    }
    let uses_role =
        DEPLOYS.contains(&call.operation.as_str()) || call.operation == "CreateStackSet";
    let role = call
        .opt_text("AdministrationRoleARN")
        .map(str::to_owned)
        .or_else(|| set.and_then(|set| set.definition.administration_role.clone()));
    if let Some(role) = role.filter(|_| uses_role) {
        // AWS's example has both:
        // https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-prereqs-self-managed.html
        accesses.push(Access::to("iam:GetRole", role.clone()));
        let pass = Access::to("iam:PassRole", role);
        accesses.push(pass.with("iam:PassedToService", "cloudformation.amazonaws.com"));
    }
    accesses
}

/// Accounts and units that the call names.
fn targets(call: &Call) -> BTreeSet<String> {
    let mut targets: BTreeSet<String> = call.texts("Accounts").into_iter().collect();
    if let Some(given) = call.input.get("DeploymentTargets") {
        let units = given["OrganizationalUnitIds"].as_array().into_iter().flatten();
        targets.extend(units.filter_map(|unit| unit.as_str()).map(str::to_owned));
    }
    targets
}

fn conditions(mut access: Access, call: &Call) -> Access {
    for region in call.texts("Regions") {
        access = access.with("cloudformation:TargetRegion", region);
    }
    if let Some(role) = call.opt_text("AdministrationRoleARN") {
        access = access.with("cloudformation:RoleArn", role);
    }
    if let Some(url) = call.opt_text("TemplateURL") {
        access = access.with("cloudformation:TemplateUrl", url);
    }
    for tag in call.list("Tags") {
        if let (Some(key), Some(value)) = (tag["Key"].as_str(), tag["Value"].as_str()) {
            access = access.with("aws:TagKeys", key).with(format!("aws:RequestTag/{key}"), value);
        }
    }
    access
}
