//! Who leaves, who comes back, and who must not be closed.

use jiff::Timestamp;
use lifecycle::tags;
use serde_json::json;
use simulation::rollout::fleet::{Fleet, Member, Tenant};
use simulation::rollout::tiers;

use super::{Error, Watcher};
use crate::place::Place;

/// A tenant, and what happens to it.
pub(super) struct Part {
    /// Its id.
    pub(super) tenant: &'static str,
    /// What happens, for people.
    pub(super) story: &'static str,
    /// The verdicts that it has to get; nothing when the sweep does not look at it.
    pub(super) verdict: Option<&'static str>,
    /// A word of the reason.
    pub(super) reason: &'static str,
    /// Where it has to stand in the end.
    pub(super) ends: Ends,
}

/// Where an account stands in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// In its home unit, active.
    Home,
    /// In Retiring, active, with its stacks.
    Retiring,
    /// In Suspended, closed, without stacks.
    Closed,
}

const fn part(
    tenant: &'static str,
    story: &'static str,
    verdict: Option<&'static str>,
    reason: &'static str,
    ends: Ends,
) -> Part {
    Part { tenant, story, verdict, reason, ends }
}

/// All of them.
pub(super) const PARTS: [Part; 7] = [
    part("acme", "left, with an alarm still red", Some("WITHDRAW"), "due since", Ends::Closed),
    part("globex", "left", Some("WITHDRAW"), "due since", Ends::Closed),
    part("initech", "left, and is held", Some("HOLD"), "a lawsuit", Ends::Retiring),
    part("umbrella", "left, and is protected", Some("REFUSE"), "protected", Ends::Retiring),
    part("stark", "left a moment ago", Some("WAIT"), "cools off", Ends::Retiring),
    part("hooli", "left, and came back", None, "", Ends::Home),
    part("wayne", "stays", None, "", Ends::Home),
];

/// Those that are closed, in any order.
pub(super) const CLOSES: [&str; 2] = ["acme", "globex"];

const LEAVE_FIRST: [&str; 5] = ["acme", "globex", "initech", "umbrella", "hooli"];

/// The fleet, and its story.
pub(super) struct Story<'a> {
    place: &'a Place,
    fleet: Fleet,
    began: Timestamp,
}

impl<'a> Story<'a> {
    /// Lets the tenants' accounts stand, with baseline and gate.
    pub(super) async fn begin(place: &'a Place, tiers_text: &str) -> Result<Self, Error> {
        let tenants = PARTS.map(|part| Tenant {
            id: part.tenant.to_owned(),
            tier: "standard",
            in_alarm: part.tenant == "acme",
        });
        let deployment = &place.deployment;
        let fleet = Fleet::settle(deployment, &tiers(tiers_text)?, &tenants, true).await?;
        Ok(Self { place, fleet, began: deployment.aws().now() })
    }

    pub(super) fn summary(&self) -> String {
        format!("{} accounts with their baseline, each with a gate", self.fleet.members.len())
    }

    /// The stack set that all of them have.
    pub(super) fn stack_set(&self) -> &str {
        &self.fleet.stack_set
    }

    /// The account of a tenant.
    pub(super) fn member(&self, tenant: &str) -> Option<&Member> {
        self.fleet.members.iter().find(|member| member.tenant == tenant)
    }

    /// Five leave.
    pub(super) async fn farewells(&self, watcher: &mut Watcher) -> Result<(), Error> {
        for tenant in LEAVE_FIRST {
            self.leave(watcher, tenant).await?;
        }
        watcher.until("five tenants leave", "TenantRetiring", LEAVE_FIRST.len()).await
    }

    async fn leave(&self, watcher: &Watcher, tenant: &str) -> Result<(), Error> {
        let reason = "the contract ended";
        let detail = json!({ "tenantId": tenant, "occurredAt": self.began, "reason": reason });
        watcher.put("TenantOffboarded", detail).await.map(drop)
    }

    /// One comes back, one is held, one is protected, one more leaves; and a farewell comes twice.
    pub(super) async fn second_thoughts(&self, watcher: &mut Watcher) -> Result<(), Error> {
        let aws = self.place.deployment.aws();
        let comes = json!({ "tenantId": "hooli", "occurredAt": aws.now() });
        watcher.put("TenantReinstated", comes).await?;
        watcher.until("a tenant comes back", "TenantRestored", 1).await?;
        for (tenant, key, value) in [
            ("initech", tags::HOLD, "a lawsuit, ask legal"),
            ("umbrella", tags::PROTECTED, "holds the shared domain"),
        ] {
            watcher.tell("operator", &format!("tags the account of {tenant}: {key} = {value}"));
            if let Some(member) = self.member(tenant) {
                aws.tag_account_by_hand(&member.account, key, Some(value));
            }
        }
        self.leave(watcher, "stark").await?;
        // Its first farewell once more: the reinstatement is newer.
        self.leave(watcher, "hooli").await?;
        watcher.until("a tenant leaves", "TenantRetiring", LEAVE_FIRST.len() + 1).await?;
        watcher.until("a late event is answered", "TenantUnchanged", 1).await?;
        // A plan reads the index of tags. What it lacks is found by the looks that follow, right
        // before anything happens, but a person is not told of it beforehand.
        aws.sleep(2 * aws.settings().durations.tag_lag).await;
        Ok(())
    }
}
