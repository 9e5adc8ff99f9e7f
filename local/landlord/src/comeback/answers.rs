//! An event, the answer to it, and what is seen in the tenant's account at that moment.

use std::time::Duration;

use lifecycle::{TenantId, TierName, TiersConfig, home_unit};
use serde_json::{Value, json};

use super::Error;
use super::judge::{Due, untrue};
use super::story::{Story, TENANT, TIER};
use super::world::{self, Seen};
use crate::retire::Announced;

/// Every answer to a signup.
pub(super) const ENDS: [&str; 5] = [
    "TenantReady",
    "TenantOnboardingFailed",
    "TenantLeft",
    "TenantSignupContradicted",
    "TenantRejected",
];
/// Every answer to a tenant that leaves or comes back.
const TURNS: [&str; 4] =
    ["TenantRetiring", "TenantRestored", "TenantUnchanged", "TenantOffboardingRejected"];

/// Something that happened, what Landlord said, and what was seen then.
#[derive(Debug)]
pub(super) struct Chapter {
    pub(super) what: &'static str,
    pub(super) name: String,
    pub(super) detail: Value,
    pub(super) seen: Seen,
    pub(super) differences: Vec<String>,
}

impl Chapter {
    /// Something that has to hold besides.
    pub(super) fn must(&mut self, holds: bool, what: impl Into<String>) {
        if !holds {
            self.differences.push(what.into());
        }
    }
}

impl Story<'_> {
    /// A signup event, and the answer to it.
    pub(super) async fn signs_up(
        &mut self,
        what: &'static str,
        expected: &'static str,
        address: Option<&str>,
    ) -> Result<Value, Error> {
        let mut detail = json!({ "tenantId": TENANT, "tenantName": "Acme, Inc.", "tier": TIER });
        if let Some(address) = address {
            detail["rootEmail"] = json!(address);
        }
        let since = self.watcher.heard().len();
        let id = self.watcher.put("TenantSignedUp", detail).await?;
        let answers = |name: &str, it: &Value| ENDS.contains(&name) && it["eventId"] == *id;
        let answer = self.watcher.first_of("a signup is answered", since, answers).await?;
        self.answered(what, expected, answer).await
    }

    /// The tenant leaves or comes back, and the answer to it.
    pub(super) async fn turns(
        &mut self,
        what: &'static str,
        event: &str,
        expected: &'static str,
    ) -> Result<Value, Error> {
        // Of two events in the same second, coming back wins.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let mut detail = json!({ "tenantId": TENANT, "occurredAt": self.deployment.aws().now() });
        if event == "TenantOffboarded" {
            detail["reason"] = json!("the contract ended");
        }
        let since = self.watcher.heard().len();
        let id = self.watcher.put(event, detail).await?;
        let answers = |name: &str, it: &Value| TURNS.contains(&name) && it["eventId"] == *id;
        let answer = self.watcher.first_of("an event is answered", since, answers).await?;
        self.answered(what, expected, answer).await
    }

    async fn answered(
        &mut self,
        what: &'static str,
        expected: &'static str,
        answer: Announced,
    ) -> Result<Value, Error> {
        let detail = answer.1.clone();
        // A refusal need not name an account: then the one of before is looked at.
        let before = self.chapters.last().map(|chapter| chapter.seen.account.clone());
        let account = detail["accountId"].as_str().map(str::to_owned).or(before);
        self.record(what, expected, answer, &account.unwrap_or_default()).await?;
        Ok(detail)
    }

    /// Looks at the account right now, and holds the answer against what is seen.
    pub(super) async fn record(
        &mut self,
        what: &'static str,
        expected: &'static str,
        (name, detail): Announced,
        account: &str,
    ) -> Result<(), Error> {
        let tiers = world::tiers(self.deployment).await?;
        let home = home(&tiers).ok_or(Error::Tiers("the tier of the tenant"))?;
        let document = &tiers["tiers"][TIER];
        let due = Due { tenant: TENANT, tier: TIER, document, home: &home };
        let seen = Seen::look(self.deployment, TENANT, account, &due.regions()).await?;
        self.watcher.tell("world", &seen.words());
        let mut differences = untrue(&name, &detail, &seen, &due);
        let surprise = (name != expected).then(|| format!("{name}, not {expected}: {detail}"));
        differences.extend(surprise.clone());
        self.chapters.push(Chapter { what, name, detail, seen, differences });
        surprise.map_or(Ok(()), |surprise| Err(Error::Surprise(what, surprise)))
    }

    pub(super) fn last(&mut self, look: impl FnOnce(&mut Chapter)) {
        if let Some(chapter) = self.chapters.last_mut() {
            look(chapter);
        }
    }
}

/// The unit in which the tenant is at home, by the tiers.
fn home(tiers: &Value) -> Option<String> {
    let tiers: TiersConfig = tiers.to_string().parse().ok()?;
    let tier = tiers.get(&TIER.parse::<TierName>().ok()?)?;
    let unit = home_unit(&TENANT.parse::<TenantId>().ok()?, &tier.organizational_units)?;
    Some(unit.name.to_string())
}

pub(super) fn text(detail: &Value, member: &str) -> String {
    detail[member].as_str().unwrap_or_default().to_owned()
}
