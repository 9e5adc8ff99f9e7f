//! Tenants that were there before a world's story begins: they leave, come back, are held, and a
//! change rolls out to them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use local_aws::Aws;
use serde_json::{Value, json};

use super::harm::DEADLINE;
use super::schedule::{STANDING, Schedule, tenant_id};
use super::script::account_name;
use crate::deployment::{Deployment, Error};
use crate::rollout::fleet::{self, Fleet, Tenant};
use crate::rollout::{BAD_WORDS, Change, EXECUTION, bad_resource, changed, file, tiers};

/// Events that come late were sent this long before the first that was heard of.
const LATE: SignedDuration = SignedDuration::from_mins(5);

/// What a tenant's lifecycle events said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// It leaves.
    Leave,
    /// It comes back.
    Return,
}

/// The tenants that were there, and what their signup system said of them.
#[derive(Debug)]
pub(super) struct Standing {
    deployment: Deployment,
    fleet: Fleet,
    /// By tenant: when it happened, and what.
    wishes: BTreeMap<usize, Vec<(Timestamp, Wish)>>,
}

impl Standing {
    /// Settles them, with gates where a change is to roll out.
    pub(super) async fn settle(
        deployment: &Deployment,
        schedule: &Schedule,
        gates: bool,
    ) -> Result<Self, Error> {
        let tiers = tiers(&file("tiers.json")?)?;
        let tenants: Vec<Tenant> = STANDING
            .map(|number| Tenant {
                id: tenant_id(number).to_owned(),
                tier: if (schedule.seed >> 3).is_multiple_of(3) && number % 2 == 0 {
                    "premium"
                } else {
                    "standard"
                },
                in_alarm: false,
            })
            .collect();
        let fleet = Fleet::settle(deployment, &tiers, &tenants, gates).await?;
        Ok(Self { deployment: deployment.clone(), fleet, wishes: BTreeMap::new() })
    }

    /// The newest of what the tenant's events said; of two of the same moment, coming back.
    pub(super) fn newest(&self, tenant: usize) -> Option<(Timestamp, Wish)> {
        let wishes = self.wishes.get(&tenant)?;
        wishes.iter().copied().max_by_key(|(at, wish)| (*at, *wish == Wish::Return))
    }

    pub(super) async fn leaves(&mut self, tenant: usize, late: bool) -> Result<bool, Error> {
        let mut at = self.deployment.aws().now();
        if late {
            let Some((first, _)) = self.wishes.get(&tenant).and_then(|all| all.first()) else {
                return Ok(false);
            };
            at = first.checked_sub(LATE).unwrap_or(*first);
        }
        let (name, detail) = Self::said(tenant, at, true);
        self.deployment.put(name, &detail).await?;
        self.wished(tenant, at, true);
        Ok(true)
    }

    /// The event that says that a tenant left or came back: its detail type and detail.
    pub(super) fn said(tenant: usize, at: Timestamp, leaves: bool) -> (&'static str, Value) {
        let mut detail = json!({ "tenantId": tenant_id(tenant), "occurredAt": at.to_string() });
        if !leaves {
            return ("TenantReinstated", detail);
        }
        detail["retireAfterDays"] = json!(1);
        detail["reason"] = json!("the contract ended");
        ("TenantOffboarded", detail)
    }

    /// Such an event was sent.
    pub(super) fn wished(&mut self, tenant: usize, at: Timestamp, leaves: bool) {
        let wish = if leaves { Wish::Leave } else { Wish::Return };
        self.wishes.entry(tenant).or_default().push((at, wish));
    }

    pub(super) async fn returns(&mut self, tenant: usize) -> Result<bool, Error> {
        let at = self.deployment.aws().now();
        let (name, detail) = Self::said(tenant, at, false);
        self.deployment.put(name, &detail).await?;
        self.wished(tenant, at, false);
        Ok(true)
    }

    /// A change begins to roll out, through short waves.
    pub(super) async fn roll_out(&self, bad: bool) -> Result<bool, Error> {
        if bad {
            self.deployment.aws().set_resource_rules(vec![bad_resource(BAD_WORDS)]);
        }
        let wave = |name: &str, accounts: Value| {
            json!({
                "name": name, "accounts": accounts, "dwellSeconds": 120,
                "preferences": {
                    "concurrencyMode": "SOFT_FAILURE_TOLERANCE",
                    "regionConcurrencyType": "PARALLEL", "maxConcurrentPercentage": 100,
                    "failureToleranceCount": 0,
                },
            })
        };
        let plan = json!({ "base": "routine", "waves": [
            wave("general", json!({ "organizationalUnit": "General" })),
            wave("rest", json!({ "rest": true })),
        ] });
        self.start(bad, &plan).await
    }

    /// A change begins to roll out by a plan that bears one account that fails, and has a deadline.
    pub(super) async fn roll_out_among_harm(
        &self,
        bad: bool,
        approval: bool,
    ) -> Result<bool, Error> {
        let wave = |name: &str, accounts: Value, approval: bool| {
            json!({
                "name": name, "accounts": accounts, "dwellSeconds": 300, "approval": approval,
                "preferences": {
                    "concurrencyMode": "SOFT_FAILURE_TOLERANCE",
                    "regionConcurrencyType": "PARALLEL", "maxConcurrentPercentage": 100,
                    "failureToleranceCount": 1,
                },
            })
        };
        let plan = json!({ "base": "routine", "deadlineSeconds": DEADLINE, "waves": [
            wave("general", json!({ "organizationalUnit": "General" }), false),
            wave("rest", json!({ "rest": true }), approval),
        ] });
        self.start(bad, &plan).await
    }

    async fn start(&self, bad: bool, plan: &Value) -> Result<bool, Error> {
        let change = if bad { Change::Bad } else { Change::Good };
        let template = changed(&file("stacksets/tenant-baseline.yaml")?, change);
        let url = fleet::upload(&self.deployment, "templates/change-2.yaml", &template).await?;
        let input = json!({
            "version": 1, "stackSet": self.fleet.stack_set, "templateUrl": url, "plan": plan,
        });
        let start = json!({
            "stateMachineArn": self.deployment.output("RollOutStateMachineArn")?,
            "name": EXECUTION, "input": input.to_string(),
        });
        self.deployment.ask("states", "StartExecution", start).await?;
        Ok(true)
    }

    pub(super) async fn alarm(&self, tenant: usize, state: &str) -> Result<bool, Error> {
        let member = self.fleet.members.iter().find(|it| it.tenant == tenant_id(tenant));
        if let Some(member) = member {
            fleet::set_alarm(self.deployment.aws(), member, state).await?;
        }
        Ok(member.is_some())
    }

    /// Whether everybody is where the newest event wants it, as far as time alone can bring it.
    pub(super) fn is_settled(&self, aws: &Aws) -> bool {
        let accounts = aws.accounts();
        STANDING.filter_map(|tenant| Some((tenant, self.newest(tenant)?.1))).all(
            |(tenant, wish)| {
                let name = account_name(tenant);
                accounts.iter().filter(|account| account.name == name).all(|account| {
                    let is_held = account.tags.contains_key("landlord:hold")
                        || account.tags.contains_key("landlord:protected");
                    match wish {
                        Wish::Leave => account.state == "CLOSED" || is_held,
                        Wish::Return => !account.tags.contains_key("landlord:retire-after"),
                    }
                })
            },
        )
    }
}
