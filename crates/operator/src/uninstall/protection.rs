//! What the stack leaves behind: what tenants live in and what protects them; and how it is taken away
//! when nobody lives in it.

use std::fmt;

use aws_sdk_organizations::error::ProvideErrorMetadata as _;
use lambda_kit::client;
use lambda_kit::sdk::{Trouble, Wire};

use crate::deployment::Deployment;
use crate::failure::Failure;
use crate::patience::{failed, patiently};

const POLICY: &str = "AWS::Organizations::Policy";
const UNIT: &str = "AWS::Organizations::OrganizationalUnit";
const SET: &str = "AWS::CloudFormation::StackSet";
const ROLE: &str = "AWS::IAM::Role";
const BUCKET: &str = "AWS::S3::Bucket";

/// The role by which StackSets works in tenants' accounts.
const ADMINISTRATION_ROLE: &str = "AdministrationRole";

/// A resource that stays when the stack goes.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) kind: String,
    pub(super) id: String,
    /// Its logical id in the template.
    pub(super) name: String,
}

impl Kept {
    /// Whether it may go when nobody lives there any more. The runs bucket holds the reports for auditors.
    pub(super) fn may_go(&self) -> bool {
        self.kind != BUCKET
    }

    /// Whether it is the role by which stack sets work.
    pub(super) fn is_role(&self) -> bool {
        self.kind == ROLE
    }

    fn order(&self) -> usize {
        // A unit goes after the policies on it, StackSets' role after the stack sets.
        [POLICY, UNIT, SET, ROLE, BUCKET].iter().position(|kind| *kind == self.kind).unwrap_or(9)
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind.as_str() {
            POLICY => "policy",
            UNIT => "unit",
            SET => "stack set",
            ROLE => "role",
            _ => "bucket",
        };
        write!(f, "{what} {} ({})", self.id, self.name)
    }
}

/// The resources that stay, in the order in which they would go.
pub(super) async fn read(wire: &Wire, deployment: &Deployment) -> Result<Vec<Kept>, Failure> {
    let client = client!(aws_sdk_cloudformation, wire);
    let pages = client.list_stack_resources().stack_name(&deployment.id).into_paginator();
    let found = pages.items().send().try_collect().await;
    let found = found.map_err(|error| Trouble::of("cloudformation", "ListStackResources", &error));
    let found: Vec<_> = found.map_err(failed("list what the stack has"))?;
    let kept = found.into_iter().filter_map(|it| {
        let kind = it.resource_type?;
        let name = it.logical_resource_id?;
        let stays = match kind.as_str() {
            POLICY | UNIT | SET => true,
            ROLE => name == ADMINISTRATION_ROLE,
            BUCKET => true,
            _ => false,
        };
        stays.then_some(Kept { id: it.physical_resource_id?, kind, name })
    });
    let mut kept: Vec<Kept> = kept.collect();
    kept.sort_by_key(|kept| (kept.order(), kept.name.clone()));
    Ok(kept)
}

/// Takes one away; answers whether it is gone. One that still holds something stays.
pub(super) async fn take_away(wire: &Wire, kept: &Kept) -> Result<bool, Failure> {
    match kept.kind.as_str() {
        POLICY => Box::pin(policy(wire, &kept.id)).await,
        UNIT => Box::pin(unit(wire, &kept.id)).await,
        SET => Box::pin(stack_set(wire, &kept.id)).await,
        ROLE => Box::pin(role(wire, &kept.id)).await,
        _ => Ok(false),
    }
}

async fn policy(wire: &Wire, id: &str) -> Result<bool, Failure> {
    let client = client!(aws_sdk_organizations, wire.global());
    let tried = || format!("delete the policy {id}");
    let targets = patiently(tried(), || async {
        let pages = client.list_targets_for_policy().policy_id(id).into_paginator().send();
        let pages = pages.try_collect().await;
        pages.map_err(|error| Trouble::of("organizations", "ListTargetsForPolicy", &error))
    });
    let pages: Vec<_> = targets.await?;
    let targets = pages.into_iter().flat_map(|page| page.targets.unwrap_or_default());
    for target in targets.filter_map(|target| target.target_id) {
        let detached = patiently(tried(), || async {
            let answer = client.detach_policy().policy_id(id).target_id(&target).send().await;
            match answer {
                Err(error) if error.code() == Some("PolicyNotAttachedException") => Ok(()),
                answer => answer
                    .map(drop)
                    .map_err(|error| Trouble::of("organizations", "DetachPolicy", &error)),
            }
        });
        detached.await?;
    }
    let deleted = patiently(tried(), || async {
        let answer = client.delete_policy().policy_id(id).send().await;
        answer.map_err(|error| Trouble::of("organizations", "DeletePolicy", &error))
    });
    deleted.await.map(|_| true)
}

async fn unit(wire: &Wire, id: &str) -> Result<bool, Failure> {
    let client = client!(aws_sdk_organizations, wire.global());
    patiently(format!("delete the unit {id}"), || async {
        match client.delete_organizational_unit().organizational_unit_id(id).send().await {
            Ok(_) => Ok(true),
            // Closed accounts stand in it until AWS has forgotten them.
            Err(error) if error.code() == Some("OrganizationalUnitNotEmptyException") => Ok(false),
            Err(error) => Err(Trouble::of("organizations", "DeleteOrganizationalUnit", &error)),
        }
    })
    .await
}

async fn stack_set(wire: &Wire, id: &str) -> Result<bool, Failure> {
    let client = client!(aws_sdk_cloudformation, wire);
    patiently(format!("delete the stack set {id}"), || async {
        match client.delete_stack_set().stack_set_name(id).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("StackSetNotEmptyException") => Ok(false),
            Err(error) => Err(Trouble::of("cloudformation", "DeleteStackSet", &error)),
        }
    })
    .await
}

async fn role(wire: &Wire, name: &str) -> Result<bool, Failure> {
    let client = client!(aws_sdk_iam, wire.global());
    let tried = || format!("delete the role {name}");
    let listed = client.list_role_policies().role_name(name).send().await;
    let listed = listed.map_err(|error| Trouble::of("iam", "ListRolePolicies", &error));
    for policy in listed.map_err(failed(tried()))?.policy_names() {
        let deleted = client.delete_role_policy().role_name(name).policy_name(policy).send().await;
        let deleted = deleted.map_err(|error| Trouble::of("iam", "DeleteRolePolicy", &error));
        deleted.map_err(failed(tried()))?;
    }
    let deleted = client.delete_role().role_name(name).send().await;
    let deleted = deleted.map_err(|error| Trouble::of("iam", "DeleteRole", &error));
    deleted.map_err(failed(tried()))?;
    Ok(true)
}
