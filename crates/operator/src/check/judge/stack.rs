//! The stack, and what must be there before it can be made: roles that are named, the gate's code.

use super::super::plan::Plan;
use super::super::read::role_name;
use super::super::world::World;
use super::Findings;

/// States in which a stack can only be deleted. SAM takes them for stacks that are there.
const ONLY_DELETED: [&str; 4] =
    ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"];

/// What is wrong with them.
pub(super) fn judge(plan: Plan<'_>, world: &World, found: &mut Findings) {
    for (region, look) in &world.stacks {
        let what = format!("the stack {} in {region}", plan.name);
        let Some(Some(state)) = found.seen(&what, look) else { continue };
        if let Some((wrong, todo)) = in_the_way(plan.name, region, state) {
            found.add("StackState", what, wrong, todo);
        }
    }
    roles(plan, world, found);
    for (region, look) in &world.artifacts {
        let (bucket, key) = (plan.gate_bucket(region), plan.gate_key().unwrap_or_default());
        let what = format!("the gate's code in {region}");
        if found.seen(&what, look) == Some(&false) {
            let wrong = format!("s3://{bucket}/{key} is not there, so no account gets its gate");
            let todo = "make publish-gate, and set GateArtifactKey to what it prints; before the first \
                        time, deploy with GateRegions and without a key";
            found.add("GateArtifact", what, wrong, todo);
        }
    }
}

/// What has to be done before a stack in this state can be deployed.
fn in_the_way(stack: &str, region: &str, state: &str) -> Option<(String, String)> {
    let aws = format!("aws cloudformation --region {region}");
    if ONLY_DELETED.contains(&state) {
        let wrong = format!("it is in {state}, and can only be deleted: a deploy of it failed");
        let todo = format!(
            "read why ({aws} describe-stack-events --stack-name {stack}), then {aws} delete-stack \
             --stack-name {stack}"
        );
        return Some((wrong, todo));
    }
    if state == "UPDATE_ROLLBACK_FAILED" {
        let wrong = format!("it is in {state}: a deploy failed, and so did its way back");
        let todo =
            format!("see its events, then {aws} continue-update-rollback --stack-name {stack}");
        return Some((wrong, todo));
    }
    let at_work = state.ends_with("_IN_PROGRESS") && state != "REVIEW_IN_PROGRESS";
    at_work.then(|| {
        let wrong = format!("it is in {state}: something is at work on it");
        (wrong, format!("wait until it is done: {aws} describe-stacks --stack-name {stack}"))
    })
}

fn roles(plan: Plan<'_>, world: &World, found: &mut Findings) {
    let arn = plan.value("AdministrationRoleArn");
    let todo = "name the role by which StackSets works here, or leave AdministrationRoleArn empty";
    match role_name(arn, plan.account) {
        _ if arn.is_empty() => {}
        None => {
            let wrong = format!("{arn} is of another account than this one, {}", plan.account);
            found.add("Role", "AdministrationRoleArn", wrong, todo);
        }
        Some(name) => {
            match world.roles.get(name).map(|look| found.seen("AdministrationRoleArn", look)) {
                Some(Some(None)) => {
                    let wrong = format!("there is no role {name} in this account");
                    found.add("Role", "AdministrationRoleArn", wrong, todo);
                }
                Some(Some(Some(role))) if !role.trusts_cloudformation => {
                    let wrong =
                        format!("the role {name} does not trust cloudformation.amazonaws.com");
                    found.add("RoleTrust", "AdministrationRoleArn", wrong, todo);
                }
                _ => {}
            }
        }
    }
    for arn in plan.list("DeliveryRoleArns") {
        let Some(name) = role_name(&arn, plan.account) else { continue };
        if let Some(Some(None)) =
            world.roles.get(name).map(|look| found.seen("DeliveryRoleArns", look))
        {
            let wrong = format!("there is no role {name} in this account: IAM refuses to trust it");
            found.add("Role", "DeliveryRoleArns", wrong, "make it before, or take it out");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_stands_in_the_way_as_long_as_it_cannot_be_deployed() {
        let said = |state| in_the_way("landlord", "eu-central-1", state).unwrap().1;
        for state in ONLY_DELETED {
            assert!(said(state).contains("delete-stack"), "{state}");
        }
        assert!(said("UPDATE_ROLLBACK_FAILED").contains("continue-update-rollback"));
        assert!(said("UPDATE_IN_PROGRESS").contains("wait"));
        for fine in
            ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"]
        {
            assert_eq!(in_the_way("landlord", "eu-central-1", fine), None);
        }
    }
}
