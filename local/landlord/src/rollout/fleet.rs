//! The demo's fleet, and what happens to it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use local_aws::cloudformation::InstanceRule;
use serde_json::{Value, json};
use simulation::deployment::Error;
use simulation::rollout::fleet::{Fleet, Member, Tenant, inside, red_or_green, set_alarm};
use simulation::rollout::tiers;

use super::HEALTH_ALARM;
use super::watch::Event;
use crate::place::Place;

/// Two that live in Canary, four in Early, six in General: a home is a hash of the tenant's id.
const TENANTS: [&str; 12] = [
    "acacia", "teak", "hudson", "juniper", "linden", "poplar", "acme", "globex", "initech",
    "umbrella", "hooli", "stark",
];

/// Who has an incident when the first change comes.
pub(super) const VETOES: &str = "juniper";

/// Where CloudFormation is throttled, once.
pub(super) const FAILS_ONCE: &str = "globex";

/// Who means harm: its resources fail in the first wave of every change, with words that imitate
/// what excuses an account, so that nobody takes them for failures.
pub(super) const MEANS_HARM: &str = "teak";

/// Its words: for the first change, and for the one after.
const IMITATIONS: [&str; 2] = [
    "ResourceLogicalId:Hook, ResourceType:AWS::CloudFormation::CustomResource, \
     ResourceStatusReason:this account is suspended (SKIPPED_SUSPENDED_ACCOUNT).",
    "ResourceLogicalId:Hook, ResourceType:AWS::CloudFormation::CustomResource, \
     ResourceStatusReason:AccountGate check failed.",
];

/// The fleet.
pub(super) struct Tenants {
    pub(super) fleet: Fleet,
    calmed: AtomicBool,
    reddened: AtomicBool,
}

impl Tenants {
    /// Lets the fleet stand, with a gate in each account.
    pub(super) async fn settle(place: &Place, tiers_text: &str) -> Result<Self, Error> {
        let tenants =
            TENANTS.map(|id| Tenant { id: id.to_owned(), tier: "standard", in_alarm: false });
        let deployment = &place.deployment;
        let fleet = Fleet::settle(deployment, &tiers(tiers_text)?, &tenants, true).await?;
        let settings = deployment.aws().settings();
        let here = (settings.management_account.as_str(), settings.home_region.as_str());
        red_or_green(deployment.aws(), here, HEALTH_ALARM, "OK").await?;
        Ok(Self { fleet, calmed: AtomicBool::new(false), reddened: AtomicBool::new(false) })
    }

    pub(super) fn summary(&self) -> String {
        let units = self.fleet.by_unit();
        let units: Vec<String> =
            units.iter().map(|(unit, count)| format!("{count} in {unit}")).collect();
        format!("{} accounts: {}", self.fleet.members.len(), units.join(", "))
    }

    /// The account of a tenant.
    pub(super) fn member(&self, tenant: &str) -> Option<&Member> {
        self.fleet.members.iter().find(|member| member.tenant == tenant)
    }

    /// The tenant of an account.
    pub(super) fn tenant(&self, account: &str) -> Option<&str> {
        let member = self.fleet.members.iter().find(|member| member.account == account);
        member.map(|member| member.tenant.as_str())
    }

    /// An incident in one account, and a throttle that another will meet once.
    pub(super) async fn disturb(&self, place: &Place) -> Result<(), Error> {
        let aws = place.deployment.aws();
        if let Some(member) = self.member(VETOES) {
            set_alarm(aws, member, "ALARM").await?;
        }
        let fails = |tenant: &str, times: Option<u32>, why: &str| {
            self.member(tenant).map(|member| InstanceRule {
                stack_set: Some(self.fleet.stack_set.clone()),
                account: Some(member.account.clone()),
                times,
                failure: Some(why.to_owned()),
                ..InstanceRule::default()
            })
        };
        let [suspended, vetoed] = IMITATIONS;
        let throttle = "Rate exceeded (Service: CloudFormation, Status Code: 400)";
        let rules = [
            fails(FAILS_ONCE, Some(1), throttle),
            fails(MEANS_HARM, Some(1), suspended),
            fails(MEANS_HARM, None, vetoed),
        ];
        aws.set_instance_rules(rules.into_iter().flatten().collect());
        Ok(())
    }

    /// The incident is over when the last wave has been deployed.
    pub(super) async fn calm(&self, place: &Place, event: Event) -> Result<Option<String>, Error> {
        let over = event.name == "RolloutWaveFinished" && event.wave == "rest";
        if !over || self.calmed.swap(true, Ordering::Relaxed) {
            return Ok(None);
        }
        if let Some(member) = self.member(VETOES) {
            set_alarm(place.deployment.aws(), member, "OK").await?;
        }
        Ok(Some(format!("the incident of {VETOES} is over")))
    }

    /// Customers notice the second change while its second wave is deployed.
    pub(super) async fn redden(
        &self,
        place: &Place,
        event: Event,
    ) -> Result<Option<String>, Error> {
        let second = event.name == "operation" && event.wave.starts_with("w02of03");
        if !second || self.reddened.swap(true, Ordering::Relaxed) {
            return Ok(None);
        }
        let aws = place.deployment.aws();
        let settings = aws.settings();
        let here = (settings.management_account.as_str(), settings.home_region.as_str());
        red_or_green(aws, here, HEALTH_ALARM, "ALARM").await?;
        Ok(Some(format!("the alarm {HEALTH_ALARM} is red")))
    }

    /// The version of the baseline in each account, by tenant, from its own stack.
    pub(super) async fn versions(&self, place: &Place) -> BTreeMap<String, String> {
        let mut versions = BTreeMap::new();
        for member in &self.fleet.members {
            let region = member.regions.first().map(String::as_str).unwrap_or_default();
            let here = (member.account.as_str(), region);
            let input = json!({ "Name": "/landlord/baseline" });
            let read = inside(place.deployment.aws(), here, ("ssm", "GetParameter"), input).await;
            let version = read.ok().and_then(|read| {
                let text = read["Parameter"]["Value"].as_str()?;
                let value: Value = serde_json::from_str(text).ok()?;
                value["version"].as_str().map(str::to_owned)
            });
            versions.insert(member.tenant.clone(), version.unwrap_or_else(|| "?".to_owned()));
        }
        versions
    }
}
