//! When what was last seen to hold of an account, by the stand-in's own state. An answer rests on
//! reads of a moment ago: it is true if what it says held at some moment since then.

use std::collections::BTreeMap;

use jiff::Timestamp;
use local_aws::Aws;
use local_aws::cloudformation::StackInstanceView;
use local_aws::organizations::AccountView;
use serde_json::{Value, json};

use super::promises::{Promise, Promises};

/// The units in which nobody is served.
const RETIREMENT: [&str; 2] = ["Retiring", "Suspended"];

/// The last moments at which things held of one account; nothing where they never did.
#[derive(Debug, Clone, Default)]
pub(super) struct Moments {
    /// It was active in a tenants' unit, and nobody had begun to take anything from it.
    pub(super) in_service: Option<Timestamp>,
    /// It had every stack of its tier, in each Region, with the tier's parameters: by the number of
    /// the configuration.
    pub(super) deployed: BTreeMap<usize, Timestamp>,
    /// It knew its tenant and its tier in each Region.
    pub(super) labelled: Option<Timestamp>,
    /// Each quota that its tier requires was at its value.
    pub(super) raised: Option<Timestamp>,
    /// It stood in a unit of retirement, or its tenant's leaving was marked.
    pub(super) leaving: Option<Timestamp>,
    /// It stood in neither, nor was to be closed.
    pub(super) staying: Option<Timestamp>,
    /// It was closed, closing or suspended.
    pub(super) inactive: Option<Timestamp>,
    /// It carried the mark that its stacks were withdrawn.
    pub(super) withdrawn: Option<Timestamp>,
    /// It did not.
    pub(super) whole: Option<Timestamp>,
}

/// Whether it held at some moment since then.
pub(super) fn held_since(moment: Option<Timestamp>, since: Timestamp) -> bool {
    moment.is_some_and(|moment| moment >= since)
}

impl Moments {
    /// Takes in what the account is now.
    pub(super) fn see(
        &mut self,
        aws: &Aws,
        promises: &Promises,
        account: &AccountView,
        instances: &[StackInstanceView],
    ) {
        let now = aws.now();
        let note = |moment: &mut Option<Timestamp>, holds: bool| {
            if holds {
                *moment = Some(now);
            }
        };
        let has = |key: &str| account.tags.contains_key(key);
        let is_active = account.state == "ACTIVE";
        let is_out = RETIREMENT.contains(&account.parent_name.as_str());
        let is_left = account.tags.get("landlord:lifecycle").is_some_and(|it| it == "RETIRING");
        let is_withdrawn = has("landlord:withdrawn-at");
        let is_home = promises.is_home(&account.parent_name);
        let in_service =
            is_active && is_home && !is_withdrawn && !has("landlord:closing-requested-at");
        note(&mut self.in_service, in_service);
        note(&mut self.leaving, is_out || is_left);
        note(&mut self.staying, !is_out && !has("landlord:retire-after"));
        note(&mut self.inactive, !is_active);
        note(&mut self.withdrawn, is_withdrawn);
        note(&mut self.whole, !is_withdrawn);
        let tag = |key: &str| account.tags.get(key).map(String::as_str).unwrap_or_default();
        let (tenant, tier) = (tag("landlord:tenant"), tag("landlord:tier"));
        let Some(promise) = promises.tier(tier) else { return };
        for (number, promise) in promises.each(tier) {
            if is_deployed(&promise, account, instances) {
                self.deployed.insert(number, now);
            }
        }
        note(&mut self.labelled, is_labelled(aws, &promise, account, (tenant, tier)));
        note(&mut self.raised, is_raised(aws, &promise, account));
    }
}

/// Whether every instance is current, with the tier's parameters and no others.
fn is_deployed(promise: &Promise, account: &AccountView, all: &[StackInstanceView]) -> bool {
    promise.baseline.iter().all(|set| {
        set.regions.iter().all(|region| {
            all.iter().any(|it| {
                it.account == account.id
                    && it.stack_set == set.name
                    && it.region == *region
                    && it.status == "CURRENT"
                    && it.overrides == set.overrides
            })
        })
    })
}

fn is_labelled(
    aws: &Aws,
    promise: &Promise,
    account: &AccountView,
    (tenant, tier): (&str, &str),
) -> bool {
    promise.regions().into_iter().all(|region| {
        let text = aws.parameter_value((&account.id, region), "/landlord/tenant");
        let label: Value = text.and_then(|it| serde_json::from_str(&it).ok()).unwrap_or_default();
        label == json!({ "tenantId": tenant, "tier": tier })
    })
}

fn is_raised(aws: &Aws, promise: &Promise, account: &AccountView) -> bool {
    promise.required.iter().all(|quota| {
        let region = quota.region.as_deref().unwrap_or("us-east-1");
        let value = aws.quota_value((&account.id, region), &quota.service, &quota.code);
        value.is_some_and(|value| value >= quota.value)
    })
}
