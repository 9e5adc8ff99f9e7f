//! What is seen of a tenant's account: in the organization, in StackSets, and in the account itself.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use simulation::deployment::Deployment;
use simulation::rollout::fleet::inside;

use super::Error;

/// The parameter that holds what a tenant of each tier gets.
const TIERS: &str = "/landlord/tiers";

/// An instance of a stack set in the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Instance {
    pub(super) stack_set: String,
    pub(super) region: String,
    pub(super) status: String,
    pub(super) overrides: BTreeMap<String, String>,
}

/// An account, as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) account: String,
    pub(super) email: String,
    /// `ACTIVE`, `CLOSED`, …
    pub(super) state: String,
    /// The unit in which it stands: name and id.
    pub(super) unit: (String, String),
    pub(super) tags: BTreeMap<String, String>,
    pub(super) instances: Vec<Instance>,
    /// What the account knows of its tenant, by Region; without those where it knows nothing.
    pub(super) labels: BTreeMap<String, Value>,
    /// All accounts that carry the tenant's tag, and their states.
    pub(super) accounts: BTreeMap<String, String>,
}

impl Seen {
    /// Looks at an account of a tenant now.
    pub(super) async fn look(
        deployment: &Deployment,
        tenant: &str,
        account: &str,
        regions: &[String],
    ) -> Result<Self, Error> {
        let aws = deployment.aws();
        let of_tenant = aws
            .accounts()
            .into_iter()
            .filter(|it| it.tags.get(lifecycle::tags::TENANT).map(String::as_str) == Some(tenant));
        let accounts = of_tenant.map(|it| (it.id, it.state.to_owned())).collect();
        let Some(found) = aws.account(account) else {
            return Ok(Self { accounts, ..Self::default() });
        };
        let mut labels = BTreeMap::new();
        for region in regions {
            let input = json!({ "Name": "/landlord/tenant" });
            // What cannot be read, as in a closed account, is no label.
            let read = inside(aws, (account, region), ("ssm", "GetParameter"), input).await;
            let text =
                read.ok().and_then(|it| it["Parameter"]["Value"].as_str().map(str::to_owned));
            let label = text.and_then(|text| serde_json::from_str(&text).ok());
            labels.extend(label.map(|label| (region.clone(), label)));
        }
        Ok(Self {
            account: found.id,
            email: found.email,
            state: found.state.to_owned(),
            unit: (found.parent_name, found.parent),
            tags: found.tags,
            instances: instances(deployment, account).await?,
            labels,
            accounts,
        })
    }

    /// For people: `ACTIVE in General, 2 stacks`.
    pub(super) fn words(&self) -> String {
        let stacks = match self.instances.len() {
            0 => "no stacks".to_owned(),
            1 => "1 stack".to_owned(),
            many => format!("{many} stacks"),
        };
        format!("{} {} in {}, {stacks}", self.account, self.state, self.unit.0)
    }

    /// The same with everything, for programs.
    pub(super) fn json(&self) -> Value {
        let instances: Vec<Value> = self.instances.iter().map(Instance::json).collect();
        json!({
            "accountId": self.account, "rootEmail": self.email, "state": self.state,
            "organizationalUnit": self.unit.0, "organizationalUnitId": self.unit.1,
            "tags": self.tags, "instances": instances, "labels": self.labels,
            "accountsOfTheTenant": self.accounts,
        })
    }
}

impl Instance {
    fn json(&self) -> Value {
        json!({
            "stackSet": self.stack_set, "region": self.region, "status": self.status,
            "parameterOverrides": self.overrides,
        })
    }
}

/// The instances of all stack sets in an account, with their own parameters.
pub(super) async fn instances(
    deployment: &Deployment,
    account: &str,
) -> Result<Vec<Instance>, Error> {
    let service = "cloudformation";
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let sets = deployment.ask(service, "ListStackSets", json!({ "Status": "ACTIVE" })).await?;
    let mut found = Vec::new();
    for set in sets["Summaries"].as_array().into_iter().flatten() {
        let set = &set["StackSetName"];
        let input = json!({ "StackSetName": set, "StackInstanceAccount": account });
        let listed = deployment.ask(service, "ListStackInstances", input).await?;
        for row in listed["Summaries"].as_array().into_iter().flatten() {
            let region = &row["Region"];
            let input = json!({
                "StackSetName": set, "StackInstanceAccount": account, "StackInstanceRegion": region,
            });
            let shown = deployment.ask(service, "DescribeStackInstance", input).await;
            // It may be gone since it was listed.
            let Ok(shown) = shown else { continue };
            let shown = &shown["StackInstance"];
            let overrides = shown["ParameterOverrides"].as_array().into_iter().flatten();
            found.push(Instance {
                stack_set: text(set),
                region: text(region),
                status: text(&shown["Status"]),
                overrides: overrides
                    .map(|it| (text(&it["ParameterKey"]), text(&it["ParameterValue"])))
                    .collect(),
            });
        }
    }
    Ok(found)
}

/// What the tiers say now.
pub(super) async fn tiers(deployment: &Deployment) -> Result<Value, Error> {
    let read = deployment.ask("ssm", "GetParameter", json!({ "Name": TIERS })).await?;
    let text = read["Parameter"]["Value"].as_str().unwrap_or_default();
    serde_json::from_str(text).map_err(|_| Error::Tiers(TIERS))
}

/// An operator writes the tiers anew.
pub(super) async fn write_tiers(deployment: &Deployment, text: &str) -> Result<(), Error> {
    let input = json!({ "Name": TIERS, "Value": text, "Overwrite": true });
    deployment.ask("ssm", "PutParameter", input).await?;
    Ok(())
}
