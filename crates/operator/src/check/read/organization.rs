//! The organization: features, types of policies, trusted access, the policies that are there.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_organizations::types::{OrganizationFeatureSet, PolicyType};
use lambda_kit::client;
use lambda_kit::sdk::Wire;

use super::super::world::{Look, Organization, Root};
use super::{look, unless_missing};

const SERVICE: &str = "organizations";

/// The types of policies that the template makes, as AWS calls them.
const TYPES: [(&str, PolicyType); 2] = [
    ("SERVICE_CONTROL_POLICY", PolicyType::ServiceControlPolicy),
    ("RESOURCE_CONTROL_POLICY", PolicyType::ResourceControlPolicy),
];

/// The organization of the caller's account, when it is in one.
pub(super) async fn organization(wire: &Wire) -> Look<Option<Organization>> {
    let answer = client!(aws_sdk_organizations, wire.global()).describe_organization().send().await;
    let answer = look(SERVICE, "DescribeOrganization", answer);
    let answer = unless_missing(answer, &["AWSOrganizationsNotInUseException"])?;
    Ok(answer.and_then(|answer| answer.organization).map(|it| Organization {
        has_all_features: it.feature_set() == Some(&OrganizationFeatureSet::All),
        management: it.master_account_id.unwrap_or_default(),
    }))
}

/// The root.
pub(super) async fn root(wire: &Wire) -> Look<Root> {
    let client = client!(aws_sdk_organizations, wire.global());
    let roots = items!(SERVICE, "ListRoots", client.list_roots(), roots)?;
    let root = roots.into_iter().next();
    let types = root.iter().flat_map(|root| root.policy_types());
    let types = types.filter_map(|it| {
        Some((it.r#type()?.as_str().to_owned(), it.status()?.as_str().to_owned()))
    });
    let types = types.collect();
    Ok(Root { types, id: root.and_then(|root| root.id).unwrap_or_default() })
}

/// The services with trusted access.
pub(super) async fn services(wire: &Wire) -> Look<BTreeSet<String>> {
    let client = client!(aws_sdk_organizations, wire.global());
    let request = client.list_aws_service_access_for_organization();
    let call = "ListAWSServiceAccessForOrganization";
    let services = items!(SERVICE, call, request, enabled_service_principals)?;
    Ok(services.into_iter().filter_map(|it| it.service_principal).collect())
}

/// The ids of all policies of the template's types, by type and name.
pub(super) async fn policies(wire: &Wire) -> Look<BTreeMap<(&'static str, String), String>> {
    let client = client!(aws_sdk_organizations, wire.global());
    let mut all = BTreeMap::new();
    for (name, kind) in TYPES {
        let request = client.list_policies().filter(kind);
        for policy in items!(SERVICE, "ListPolicies", request, policies)? {
            let id = policy.id().unwrap_or_default().to_owned();
            all.insert((name, policy.name.unwrap_or_default()), id);
        }
    }
    Ok(all)
}

/// The ids of the policies attached to a unit, by type.
pub(super) async fn attached(wire: &Wire, unit: &str) -> Look<BTreeMap<&'static str, Vec<String>>> {
    let client = client!(aws_sdk_organizations, wire.global());
    let mut all = BTreeMap::new();
    for (name, kind) in TYPES {
        let request = client.list_policies_for_target().target_id(unit).filter(kind);
        let found = items!(SERVICE, "ListPoliciesForTarget", request, policies)?;
        all.insert(name, found.into_iter().filter_map(|policy| policy.id).collect());
    }
    Ok(all)
}
