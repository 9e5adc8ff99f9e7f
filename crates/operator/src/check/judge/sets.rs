//! What the tiers name: whether AWS has it, and whether Landlord may work with it. As `admit-tenant`
//! sees it before it lets a tenant in.

use tier_check::{Roles, StackSetSeen, quota_fault, stack_set_fault};

use super::super::plan::Plan;
use super::super::read::quota_key;
use super::super::world::World;
use super::Findings;

/// What is wrong with them.
pub(super) fn judge(plan: Plan<'_>, world: &World, found: &mut Findings) {
    let Ok(configuration) = &plan.files.configuration else { return };
    let made = plan.stack_sets();
    let roles = Roles {
        administration: Some(plan.administration_role()),
        execution: Some(plan.value("ExecutionRoleName").to_owned()),
    };
    let mut judged = Vec::new();
    for (tier, it) in configuration.tiers.iter() {
        for wanted in &it.baseline {
            let name = wanted.name.as_str();
            let Some(look) = world.stack_sets.get(name) else { continue };
            let what = format!("the stack set {name}");
            // Of one that several tiers name, the same is said once.
            if judged.contains(&what) {
                continue;
            }
            judged.push(what.clone());
            let Some(set) = found.seen(&what, look) else { continue };
            let is_made = made.iter().any(|made| made == name);
            if is_made && matches!(set.seen, StackSetSeen::Missing | StackSetSeen::Deleted) {
                continue;
            }
            if let Some(rule) = stack_set_fault(wanted, &set.seen, &roles) {
                let wrong = format!("tier {tier} has it; it {rule}");
                let todo = "make the stack set fit, or name another in tiers.json: its tenants wait until \
                            then";
                found.add("StackSet", what, wrong, todo);
            } else if !set.has_managed_execution {
                let wrong = "it has no managed execution: an enrolment and a rollout refuse each other \
                             instead of waiting";
                let todo = format!(
                    "aws cloudformation update-stack-set --stack-set-name {name} --managed-execution \
                     Active=true"
                );
                found.add("ManagedExecution", what, wrong, todo);
            }
        }
        for wanted in &it.quotas {
            let Some(look) = world.quotas.get(&quota_key(wanted)) else { continue };
            let (service, code) = (&wanted.service_code, &wanted.quota_code);
            let what = format!("the quota {code} of {service} in {}", wanted.region);
            let Some(seen) = found.seen(&what, look) else { continue };
            if let Some(rule) = quota_fault(wanted, seen) {
                let holds = match wanted.required {
                    Some(_) => "; it is required, so every tenant of the tier would wait",
                    None => "",
                };
                let wrong = format!("tier {tier} wants it; it {rule}{holds}");
                let todo = "correct it in tiers.json: aws service-quotas \
                            list-aws-default-service-quotas shows the codes";
                found.add("Quota", what, wrong, todo);
            }
        }
    }
}
