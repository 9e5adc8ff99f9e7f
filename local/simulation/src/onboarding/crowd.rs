//! Who is there before the signups that are measured: accounts of the organization's own in the root, and
//! tenants that wait in Onboarding for a quota that AWS decides about in a month.
//!
//! The accounts stand there from the beginning, which spares the hours of their creation; the waiting
//! tenants then go the whole way of an onboarding up to that quota.

use std::time::Duration;

use local_aws::organizations::Settled;
use serde_json::{Value, json};

use crate::deployment::Error;
use crate::world::World;

/// How many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Crowd {
    /// Accounts that stand in the root and are nobody's tenant.
    pub accounts_in_root: usize,
    /// Tenants that wait in Onboarding.
    pub waiting: usize,
}

/// Long after the last of those that wait was admitted, all of them are equipped but for the quota.
const EQUIPPED: Duration = Duration::from_secs(4 * 3_600);
/// AWS's decision about the quota that they wait for: beyond all that is measured.
pub(super) const A_MONTH: Duration = Duration::from_secs(30 * 86_400);
/// How many are admitted before more sign up: no more than fit on the way.
const AT_A_TIME: usize = 50;

const ROLE: &str = "AWSCloudFormationStackSetExecutionRole";

impl Crowd {
    /// Whether anybody is there.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// The tiers: a tenant of `slow` waits for its quota, all others have wishes only.
    pub(super) fn tiers(text: &str) -> String {
        let mut document: Value = serde_json::from_str(text).unwrap_or_default();
        let slow = document["tiers"]["standard"].clone();
        for quota in document["tiers"]["standard"]["quotas"].as_array_mut().into_iter().flatten() {
            quota.as_object_mut().map(|members| members.remove("required"));
        }
        document["tiers"]["slow"] = slow;
        document.to_string()
    }

    /// Lets all of them in, and time go by until those that wait have everything else.
    pub(super) async fn settle(
        self,
        world: &mut World,
        progress: &mut dyn FnMut(usize, Duration),
    ) -> Result<(), Error> {
        let root = world.deployment.root().await?;
        let units = world.deployment.units().await?;
        let onboarding = units.get("Onboarding").cloned().unwrap_or_default();
        let account = |name: String, parent: &str, tags: Vec<(String, String)>| Settled {
            email: format!("{name}@settled.example.com"),
            name,
            parent: parent.to_owned(),
            role: Some(ROLE.to_owned()),
            tags,
        };
        let mut accounts: Vec<Settled> = (0..self.accounts_in_root)
            .map(|index| account(format!("internal-{index:05}"), &root, Vec::new()))
            .collect();
        accounts.extend((0..self.waiting).map(|index| {
            let tag = ("landlord:tenant".to_owned(), waiting(index));
            account(format!("tenant-{}", waiting(index)), &onboarding, vec![tag])
        }));
        world.aws().settle_accounts(&accounts).map_err(|message| Error::Call {
            call: "the accounts that are there".to_owned(),
            source: local_aws::AwsError::new("Settled", message),
        })?;
        let mut admitted = 0;
        for index in 0..self.waiting {
            let detail =
                json!({ "tenantId": waiting(index), "tenantName": "It waits", "tier": "slow" });
            world.deployment.sign_up(&detail).await?;
            while index >= admitted + AT_A_TIME || (index + 1 == self.waiting && admitted <= index)
            {
                let heard = world.hear().await?;
                admitted += heard.iter().filter(|it| it.name == "TenantAdmitted").count();
                progress(admitted, Duration::ZERO);
            }
        }
        if self.waiting > 0 {
            world.aws().sleep(EQUIPPED).await;
        }
        world.drain().await?;
        world.forget();
        Ok(())
    }
}

fn waiting(index: usize) -> String {
    format!("waiting-{index:05}")
}
