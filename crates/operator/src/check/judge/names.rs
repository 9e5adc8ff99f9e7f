//! Names that are taken: what is left of an earlier stack, or is somebody else's. CloudFormation refuses
//! to make them a second time, after it has made half of the rest.

use std::collections::BTreeSet;

use super::super::plan::Plan;
use super::super::world::World;
use super::Findings;
use tier_check::StackSetSeen;

const LEFT: &str = "it is left of an earlier stack";

/// What is wrong with them.
pub(super) fn judge(plan: Plan<'_>, world: &World, found: &mut Findings) {
    let Some(owned) = found.seen("the stack's resources", &world.owned) else { return };
    units(plan, world, owned, found);
    roles(plan, world, owned, found);
    if let Some(policies) = found.seen("the organization's policies", &world.policies) {
        for policy in plan.stack.resources("AWS::Organizations::Policy") {
            let (Some(kind), Some(name)) = (policy.text("Type"), policy.text("Name")) else {
                continue;
            };
            let taken = policies.iter().find(|((k, n), _)| *k == kind && *n == name);
            let Some((_, id)) = taken.filter(|(_, id)| !owned.contains(*id)) else { continue };
            let wrong =
                format!("there is a policy {name} ({id}) that the stack does not own: {LEFT}");
            let todo = format!(
                "import it (docs/deploy.md, \"What stays\"), or detach and delete it, which takes its \
                 protection away: aws organizations delete-policy --policy-id {id}"
            );
            found.add("NameTaken", "the organization's policies", wrong, todo);
        }
    }
    for name in plan.stack_sets() {
        let Some(Ok(set)) = world.stack_sets.get(&name) else { continue };
        let is_there = !matches!(set.seen, StackSetSeen::Missing | StackSetSeen::Deleted);
        let is_own = owned.iter().any(|id| *id == name || id.starts_with(&format!("{name}:")));
        if is_there && !is_own {
            let wrong = format!("there is a stack set {name} that the stack does not own: {LEFT}");
            let todo = format!(
                "import it (docs/deploy.md, \"What stays\"), or delete it when it has no instances: aws \
                 cloudformation delete-stack-set --stack-set-name {name}"
            );
            found.add("NameTaken", "the stack sets", wrong, todo);
        }
    }
}

fn units(plan: Plan<'_>, world: &World, owned: &BTreeSet<String>, found: &mut Findings) {
    let Ok(Some(parent)) = &world.parent else { return };
    for unit in plan.stack.resources("AWS::Organizations::OrganizationalUnit") {
        let Some(name) = unit.text("Name") else { continue };
        let Some(id) = parent.units.get(&name).filter(|id| !owned.contains(*id)) else { continue };
        let at = plan.value("ParentId");
        let wrong =
            format!("{at} has a unit {name} ({id}) already, and names in it differ: {LEFT}");
        let todo = format!("set {name}OuId to {id} if it is Landlord's, or rename it");
        found.add("NameTaken", "the units", wrong, todo);
    }
}

fn roles(plan: Plan<'_>, world: &World, owned: &BTreeSet<String>, found: &mut Findings) {
    for role in plan.stack.resources("AWS::IAM::Role") {
        let Some(name) = role.text("RoleName") else { continue };
        let Some(look) = world.roles.get(&name) else { continue };
        let what = format!("the role {name}");
        if !matches!(found.seen(&what, look), Some(Some(_))) || owned.contains(&name) {
            continue;
        }
        let wrong = "there is such a role, which the stack does not own";
        let todo = if role.name == "AdministrationRole" {
            format!(
                "set AdministrationRoleArn to {}: then it is used as it is",
                plan.administration_role()
            )
        } else {
            format!("delete it: aws iam delete-role --role-name {name}")
        };
        found.add("NameTaken", what, wrong, todo);
    }
}
