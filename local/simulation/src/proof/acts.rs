//! What happens from outside where events, people and configurations cross each other.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::schedule::{NEW_TIER, Other, tenant_id};
use super::script::{Outside, account_name};
use super::standing::Standing;
use crate::deployment::Error;

/// Where Landlord finds its tiers, and the switch that stops everything irreversible.
const TIERS: &str = "/landlord/tiers";
const STOP: &str = "/landlord/stop";
/// How many members a signup has that is made to be a nuisance.
const MEMBERS: usize = 20_000;
/// Of names that all but are known ones, fewer fit into an event.
const MISSPELT: usize = 9_000;

/// What is remembered from one act to the next.
#[derive(Debug, Default)]
pub(super) struct Acts {
    /// The newest leaving or return of each tenant: its detail type and detail.
    life: BTreeMap<usize, (&'static str, Value)>,
    /// The tiers as they were changed, until the watch has heard of it.
    pub(super) configured: Option<Value>,
    /// Whose live accounts were closed in the console.
    pub(super) closed_live: Vec<usize>,
}

impl Outside {
    /// An event says that a tenant left or came back, some time ago.
    pub(super) async fn life(
        &mut self,
        tenant: usize,
        leaves: bool,
        age: std::time::Duration,
    ) -> Result<bool, Error> {
        let Some(standing) = &mut self.standing else { return Ok(false) };
        let now = self.deployment.aws().now();
        let at = now.checked_sub(age).unwrap_or(now);
        let said = Standing::said(tenant, at, leaves);
        self.deployment.put(said.0, &said.1).await?;
        standing.wished(tenant, at, leaves);
        self.acts.life.insert(tenant, said);
        Ok(true)
    }

    /// The newest of these events comes once more, with another id.
    pub(super) async fn life_again(&self, tenant: usize) -> Result<bool, Error> {
        let Some((name, detail)) = self.acts.life.get(&tenant) else { return Ok(false) };
        self.deployment.put(name, detail).await?;
        Ok(true)
    }

    /// The tenant signs up with something else than others say of it.
    pub(super) async fn sign_up_other(
        &mut self,
        tenant: usize,
        other: Other,
    ) -> Result<bool, Error> {
        let id = tenant_id(tenant);
        let mut detail = json!({ "tenantId": id, "tenantName": "A tenant", "tier": "standard" });
        match other {
            Other::Tier => detail["tier"] = json!("premium"),
            Other::Name => detail["tenantName"] = json!("Another name"),
            Other::Address => {
                detail["rootEmail"] = json!(format!("root-{id}@accounts.example.com"));
            }
        }
        self.deployment.sign_up(&detail).await?;
        Ok(true)
    }

    /// Somebody closes the tenant's account in the console; AWS tells of it in an event.
    pub(super) async fn close_in_the_console(&mut self, tenant: usize) -> Result<bool, Error> {
        let all = self.deployment.aws().accounts();
        let mut mine = all.into_iter().filter(|it| it.name == account_name(tenant));
        let Some(account) = mine.find(|it| it.state == "ACTIVE") else { return Ok(false) };
        let input = json!({ "AccountId": account.id });
        self.deployment.ask("organizations", "CloseAccount", input).await?;
        if !["Retiring", "Suspended"].contains(&account.parent_name.as_str()) {
            self.acts.closed_live.push(tenant);
        }
        Ok(true)
    }

    /// What a tier gets changes: its stacks have another parameter.
    pub(super) async fn change_tiers(&mut self) -> Result<bool, Error> {
        let change = |tiers: &mut Map<String, Value>| {
            let overrides = json!({ "LogRetentionDays": "60" });
            tiers["standard"]["baseline"][0]["parameterOverrides"] = overrides;
        };
        self.configure(change).await
    }

    /// There is a new tier, whose stack set is not there, or is again.
    pub(super) async fn add_tier(&mut self, is_broken: bool) -> Result<bool, Error> {
        let change = |tiers: &mut Map<String, Value>| {
            let mut tier = tiers["standard"].clone();
            if is_broken {
                tier["baseline"][0]["stackSet"] = json!("landlord-not-there");
            }
            tiers.insert(NEW_TIER.to_owned(), tier);
        };
        self.configure(change).await
    }

    async fn configure(&mut self, change: impl Fn(&mut Map<String, Value>)) -> Result<bool, Error> {
        let got = self.deployment.ask("ssm", "GetParameter", json!({ "Name": TIERS })).await?;
        let text = got.pointer("/Parameter/Value").and_then(Value::as_str).unwrap_or("{}");
        let mut document: Value = serde_json::from_str(text).unwrap_or_default();
        let Some(tiers) = document["tiers"].as_object_mut() else { return Ok(false) };
        change(tiers);
        let input = json!({ "Name": TIERS, "Value": document.to_string(), "Overwrite": true });
        self.deployment.ask("ssm", "PutParameter", input).await?;
        self.acts.configured = Some(document);
        Ok(true)
    }

    /// A signup whose sender chose how long its answer would be.
    pub(super) async fn poison(&self, misspelt: bool) -> Result<bool, Error> {
        let mut detail =
            json!({ "tenantId": "nuisance", "tenantName": "A tenant", "tier": "standard" });
        let members = if misspelt { MISSPELT } else { MEMBERS };
        for number in 0..members {
            let name = if misspelt { misspelling(number) } else { format!("m{number:05}") };
            detail[name] = json!(1);
        }
        self.deployment.sign_up(&detail).await?;
        Ok(true)
    }

    /// Everything irreversible is stopped, or goes on.
    pub(super) async fn switch(&self, stopped: bool) -> Result<bool, Error> {
        let value = json!({ "stopped": stopped, "reason": "too many at once", "by": "operators" });
        let input = json!({
            "Name": STOP, "Value": value.to_string(), "Type": "String", "Overwrite": true,
        });
        self.deployment.ask("ssm", "PutParameter", input).await?;
        Ok(true)
    }
}

/// A name that differs from `tenantName` by its punctuation only, another one for each number.
fn misspelling(number: usize) -> String {
    let mut rest = number + 1;
    let mut name = String::new();
    for letter in "tenantName".chars() {
        name.push(letter);
        name.push_str(["", "-", "."][rest % 3]);
        rest /= 3;
    }
    name
}
