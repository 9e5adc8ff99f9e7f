//! Accounts: how many may still be made, and those that the parameters name.

use super::super::plan::Plan;
use super::super::world::World;
use super::Findings;

/// How many functions an onboarding asks at a time: baseline, quotas and label run beside each other.
const BESIDE_EACH_OTHER: f64 = 3.0;

/// What is wrong with them.
pub(super) fn judge(plan: Plan<'_>, world: &World, found: &mut Findings) {
    room(plan, world, found);
    named(plan, world, found);
    let Some(limit) = found.seen("Lambda's concurrency", &world.concurrency) else { return };
    let wanted = BESIDE_EACH_OTHER * plan.number("AdmissionWindow");
    if *limit < wanted {
        let wrong = format!(
            "{limit} functions may run at a time in this account and Region; {wanted} is what \
             AdmissionWindow tenants ask for"
        );
        let todo = "aws service-quotas request-service-quota-increase --service-code lambda \
                    --quota-code L-B99A9384 --desired-value 1000, or set a smaller AdmissionWindow";
        found.add("LambdaConcurrency", "Lambda's concurrency", wrong, todo);
    }
}

fn room(plan: Plan<'_>, world: &World, found: &mut Findings) {
    let accounts = found.seen("the organization's accounts", &world.accounts);
    let quota = found.seen("the quota of accounts", &world.account_quota);
    let (Some(accounts), Some(quota)) = (accounts, quota) else { return };
    let Some(quota) = quota else {
        let wrong = "Service Quotas knows no such quota, so nobody can say how many may be made";
        let todo =
            "look it up in the console of Service Quotas (AWS Organizations), and accept this";
        found.add("AccountQuota", "the quota of accounts", wrong, todo);
        return;
    };
    let count = accounts.len();
    let left = (quota - count as f64).max(0.0);
    let wanted = plan.number("AdmissionWindow");
    if left < wanted {
        let wrong = format!(
            "the organization has {count} accounts and may have {quota}: {left} are left, closed ones \
             count until they are gone, and a signup for which none is left waits"
        );
        let todo = "ask for as many as there will be tenants, which takes days: aws service-quotas \
                    request-service-quota-increase --region us-east-1 --service-code organizations \
                    --quota-code L-E619E033 --desired-value …";
        found.add("AccountQuota", "the quota of accounts", wrong, todo);
    }
}

fn named(plan: Plan<'_>, world: &World, found: &mut Findings) {
    if let Ok(accounts) = &world.accounts {
        for id in plan.list("ProtectedAccountIds") {
            if !accounts.contains(&id) {
                let wrong =
                    format!("{id} is no account of the organization, so this protects nobody");
                let todo = "correct it, or take it out";
                found.add("ProtectedAccount", "ProtectedAccountIds", wrong, todo);
            }
        }
    }
    let Some(tenants) = found.seen("the accounts of tenants", &world.tenants) else { return };
    for parameter in ["SignupAccountIds", "OffboardingAccountIds"] {
        for id in plan.list(parameter).iter().filter(|id| tenants.contains(*id)) {
            let wrong = format!("{id} is a tenant's account: it could sign up and offboard others");
            found.add("TenantMayAsk", parameter, wrong, format!("take {id} out"));
        }
    }
}
