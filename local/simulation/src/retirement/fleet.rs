//! Fleets that were there before the simulation began.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lifecycle::tags;
use local_aws::organizations::AccountSeed;
use serde_json::json;

use crate::deployment::{Deployment, Error};

/// The role by which StackSets enters accounts, as the template has it by default.
const EXECUTION_ROLE: &str = "AWSCloudFormationStackSetExecutionRole";

/// How many accounts there are, and how many of them are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fleet {
    /// Accounts of tenants, all of them.
    pub accounts: usize,
    /// Those of them that stand in Retiring and may be closed.
    pub due: usize,
}

/// The tags of a tenant's account that was retired at a moment, as `retire-tenant` writes them,
/// with the time from which on it may be closed.
pub fn retired_tags(
    tenant: &str,
    home: &str,
    retired: Timestamp,
    retire_after: Timestamp,
) -> BTreeMap<String, String> {
    let mut tags = tenant_tags(tenant);
    let second = |at: Timestamp| Timestamp::from_second(at.as_second()).unwrap_or(at).to_string();
    for (key, value) in [
        (tags::LIFECYCLE, "RETIRING".to_owned()),
        (tags::LIFECYCLE_AT, second(retired)),
        (tags::RETIRE_AFTER, second(retire_after)),
        (tags::RETIRE_REASON, "the contract ended".to_owned()),
        (tags::RETIRE_BY, format!("saas.signup 111122223333 {tenant}")),
        (tags::HOME, home.to_owned()),
        (tags::RETIRING_AT, second(retired)),
    ] {
        tags.insert(key.to_owned(), value);
    }
    tags
}

fn tenant_tags(tenant: &str) -> BTreeMap<String, String> {
    [
        (tags::TENANT, tenant),
        (tags::TIER, "standard"),
        (tags::NAME, "A tenant"),
        (tags::BASELINE, "0123456789abcdef"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

/// A tenant's account, standing in a unit.
fn seed(tenant: &str, parent: &str, tags: BTreeMap<String, String>, role: bool) -> AccountSeed {
    AccountSeed {
        name: format!("tenant-{tenant}"),
        email: format!("aws+{tenant}@accounts.example.com"),
        parent: parent.to_owned(),
        tags,
        role: role.then(|| EXECUTION_ROLE.to_owned()),
    }
}

/// Puts a fleet into the world: live tenants in their homes, the due ones in Retiring, a month
/// after their tenants had left. Answers the ids of those that are due.
///
/// # Errors
/// When the units cannot be read.
pub async fn seed_tenants(deployment: &Deployment, fleet: Fleet) -> Result<Vec<String>, Error> {
    let units = deployment.units().await?;
    let unit = |name: &str| units.get(name).cloned().unwrap_or_default();
    let homes = [unit("Canary"), unit("Early"), unit("General"), unit("General")];
    let retiring = unit("Retiring");
    let now = deployment.aws().now();
    let live = fleet.accounts.saturating_sub(fleet.due);
    let live = (0..live).zip(homes.iter().cycle()).map(|(number, home)| {
        let tenant = format!("live-{number}");
        seed(&tenant, home, tenant_tags(&tenant), false)
    });
    deployment.aws().seed_accounts(live);
    let due = (0..fleet.due).zip(homes.iter().cycle()).map(|(number, home)| {
        let tenant = format!("left-{number}");
        // One after the other, so that the plan has an order to keep.
        let later = SignedDuration::from_secs(i64::try_from(number).unwrap_or_default());
        let before = |days: i64| {
            let passed = SignedDuration::from_hours(24 * days);
            now.checked_sub(passed).and_then(|at| at.checked_add(later)).unwrap_or(now)
        };
        let tags = retired_tags(&tenant, home, before(40), before(10));
        seed(&tenant, &retiring, tags, true)
    });
    Ok(deployment.aws().seed_accounts(due))
}

/// Gives accounts their instances of the tenants' baseline, by one operation as an operator
/// would start it.
///
/// # Errors
/// When CloudFormation refuses it.
pub(super) async fn enrol(deployment: &Deployment, accounts: &[String]) -> Result<(), Error> {
    let set = deployment.output("TenantBaselineStackSetName")?;
    let region = deployment.aws().settings().home_region.clone();
    for some in accounts.chunks(500) {
        let input = json!({
            "StackSetName": set, "Accounts": some, "Regions": [region],
            "OperationPreferences": { "MaxConcurrentPercentage": 100, "ConcurrencyMode": "SOFT_FAILURE_TOLERANCE" },
        });
        let made = deployment.ask("cloudformation", "CreateStackInstances", input).await?;
        let operation = json!({ "StackSetName": set, "OperationId": made["OperationId"] });
        loop {
            deployment.aws().sleep(std::time::Duration::from_secs(60)).await;
            let ask =
                deployment.ask("cloudformation", "DescribeStackSetOperation", operation.clone());
            let status = ask.await?["StackSetOperation"]["Status"].clone();
            if !["RUNNING", "QUEUED"].contains(&status.as_str().unwrap_or_default()) {
                break;
            }
        }
    }
    Ok(())
}
