//! `landlord converge`: a live tenant is looked at anew, and given what it should have, by the machine
//! that does so after each of its events.

use clap::Args;
use lambda_kit::Clock;
use lambda_kit::client;
use lambda_kit::sdk::{Trouble, Wire, code};
use lifecycle::{TenantChanged, TenantId};
use serde_json::json;

use crate::connection::{Connection, Surroundings};
use crate::deployment::{Deployment, Which};
use crate::failure::{Exit, Failure};

/// Look at live tenants anew, and give them what they should have. Nothing is taken away
#[derive(Debug, Args)]
pub struct Converge {
    /// The tenants
    #[arg(value_name = "TENANT", required = true)]
    pub tenants: Vec<String>,
    /// Only say what would be started
    #[arg(long)]
    pub dry_run: bool,
    /// Answer one JSON document
    #[arg(long)]
    pub json: bool,
    /// Landlord's stack.
    #[command(flatten)]
    pub which: Which,
    /// The way to AWS.
    #[command(flatten)]
    pub connection: Connection,
}

impl Converge {
    /// Performs it against AWS.
    pub(crate) async fn perform(self) -> Result<String, Failure> {
        let wire = self.connection.wire(&Surroundings::real()).await?;
        Box::pin(self.on(&wire, &Clock::system())).await
    }

    /// Performs it on a wire, and answers what is to be printed.
    ///
    /// # Errors
    /// An id that is none, and what AWS refused.
    pub async fn on(self, wire: &Wire, clock: &Clock) -> Result<String, Failure> {
        let mut tenants = Vec::new();
        for id in &self.tenants {
            let (tenant, original) = TenantId::of_original(id).map_err(|fault| {
                let advice = "give the ids of tenants";
                Failure::new("read a tenant's id", fault.to_string(), advice).exits(Exit::Usage)
            })?;
            tenants.push((tenant, original.unwrap_or_else(|| id.clone())));
        }
        let deployment = Deployment::read(wire, &self.which.stack).await?;
        let machine = deployment.output("ConvergeTenantStateMachineArn")?;
        let now = clock.now();
        let client = client!(aws_sdk_sfn, wire);
        let mut started = Vec::new();
        for (tenant, original) in tenants {
            let name = format!("converge-{tenant}-{}", now.as_second());
            // It says nothing new of the tenant, so no event of its own is older.
            let event = json!({
                "id": name, "detail-type": TenantChanged::DETAIL_TYPE,
                "source": "landlord.operator",
                "detail": { "tenantId": original, "occurredAt": now },
            });
            if !self.dry_run {
                let start = client
                    .start_execution()
                    .state_machine_arn(machine)
                    .name(&name)
                    .input(event.to_string())
                    .send()
                    .await;
                match start {
                    Ok(_) => {}
                    Err(error) if code(&error) == Some("ExecutionAlreadyExists") => {}
                    Err(error) => {
                        let trouble = Trouble::of("states", "StartExecution", &error);
                        return Err(Failure::aws(format!("converge {tenant}"), &trouble));
                    }
                }
            }
            started.push((tenant, name));
        }
        Ok(self.told(&started))
    }

    fn told(&self, started: &[(TenantId, String)]) -> String {
        if self.json {
            let all =
                started.iter().map(|(tenant, name)| json!({"tenantId": tenant, "execution": name}));
            return json!({ "dryRun": self.dry_run, "started": all.collect::<Vec<_>>() })
                .to_string();
        }
        let word = if self.dry_run { "would be looked at anew" } else { "is looked at anew" };
        let lines = started
            .iter()
            .map(|(tenant, _)| format!("{tenant} {word}; how far it is: landlord tenant {tenant}"));
        lines.collect::<Vec<_>>().join("\n")
    }
}
