//! The organization: whose it is, its features, its types of policies, trusted access, trails.

use std::collections::BTreeSet;

use tier_check::StackSetSeen;

use super::super::finding::Finding;
use super::super::plan::Plan;
use super::super::world::{Entrance, World};
use super::Findings;

/// By this name StackSets has trusted access.
const STACK_SETS: &str = "member.org.stacksets.cloudformation.amazonaws.com";

/// Whether there is anything more to be seen: from outside of the management account there is not.
pub(in super::super) fn may_enter(entrance: &Entrance) -> bool {
    match &entrance.organization {
        Ok(Some(organization)) => organization.management == entrance.account,
        Ok(None) => false,
        // Whoever may not ask for it may ask for other things.
        Err(_) => true,
    }
}

/// What is wrong with the credentials and the organization.
pub(in super::super) fn entrance(entrance: &Entrance) -> Vec<Finding> {
    let mut found = Findings::default();
    let account = &entrance.account;
    let Some(organization) = found.seen("the organization", &entrance.organization) else {
        return found.0;
    };
    let Some(organization) = organization else {
        let wrong = format!("account {account} is in no organization");
        let todo = "aws organizations create-organization --feature-set ALL, or other credentials";
        found.add("NoOrganization", "the organization", wrong, todo);
        return found.0;
    };
    let management = &organization.management;
    if management != account {
        let wrong = format!(
            "they are of account {account}, and Landlord stands in the management account, \
             {management}: only that makes and closes accounts. Nothing else was looked at"
        );
        let todo = format!("use credentials of account {management}, by --profile or AWS_PROFILE");
        found.add("NotTheManagementAccount", "the credentials", wrong, todo);
        return found.0;
    }
    if !organization.has_all_features {
        let wrong = "it has consolidated billing alone: no policies, and no closing of accounts";
        let todo = "aws organizations enable-all-features, and have every invited account agree";
        found.add("NotAllFeatures", "the organization's features", wrong, todo);
    }
    found.0
}

/// What is wrong inside.
pub(super) fn inside(plan: Plan<'_>, world: &World, found: &mut Findings) {
    policy_types(plan, world, found);
    trusted_access(plan, world, found);
    trails(world, found);
}

fn policy_types(plan: Plan<'_>, world: &World, found: &mut Findings) {
    let Some(root) = found.seen("the organization's root", &world.root) else { return };
    let wanted: BTreeSet<String> =
        plan.names("AWS::Organizations::Policy", "Type").into_iter().collect();
    for kind in wanted {
        let state = root.types.get(&kind).map_or("not there", String::as_str);
        if state == "ENABLED" {
            continue;
        }
        let wrong = format!("policies of the type {kind} are not enabled in the root: {state}");
        let todo = if state == "PENDING_ENABLE" {
            "wait: AWS enables a type behind its answer, within minutes".to_owned()
        } else {
            format!(
                "aws organizations enable-policy-type --root-id {} --policy-type {kind}",
                root.id
            )
        };
        found.add("PolicyType", "the root's types of policies", wrong, todo);
    }
}

/// Service-managed stack sets work by it alone.
fn trusted_access(plan: Plan<'_>, world: &World, found: &mut Findings) {
    let Some(services) = found.seen("trusted access of services", &world.services) else { return };
    if services.contains(STACK_SETS) {
        return;
    }
    let made = plan.names("AWS::CloudFormation::StackSet", "PermissionModel");
    let is_made = made.iter().any(|model| model == "SERVICE_MANAGED");
    let there = world.stack_sets.iter().find(|(_, set)| {
        matches!(set, Ok(set) if matches!(set.seen, StackSetSeen::ServiceManaged { .. }))
    });
    let who = match there {
        Some((name, _)) => format!("the stack set {name} is"),
        None if is_made => "a stack set of the template is".to_owned(),
        None => return,
    };
    let wrong = format!("{who} service-managed, and StackSets has no trusted access");
    let todo = "aws cloudformation activate-organizations-access";
    found.add("TrustedAccess", "trusted access of services", wrong, todo);
}

fn trails(world: &World, found: &mut Findings) {
    let Some(trails) = found.seen("CloudTrail's trails", &world.trails) else { return };
    if trails.iter().any(|trail| trail.is_logging && trail.takes_changes) {
        return;
    }
    let why = match trails.first() {
        None => "there is none".to_owned(),
        Some(trail) if !trail.is_logging => format!("{} does not log", trail.name),
        Some(trail) => format!("{} records no management events that change something", trail.name),
    };
    let wrong = format!(
        "no trail of this account records management events in us-east-1 ({why}): an account that is \
         closed by hand is noticed by nobody"
    );
    let todo = "have a trail of all Regions with management events, and start it: aws cloudtrail \
                create-trail --is-multi-region-trail …, aws cloudtrail start-logging";
    found.add("NoTrail", "CloudTrail's trails", wrong, todo);
}
