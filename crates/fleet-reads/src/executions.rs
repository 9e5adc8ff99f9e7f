//! Who is worked on right now: the executions that run, and what they are about.

use aws_sdk_sfn::types::ExecutionStatus;
use fleet_audit::UnderWay;
use lambda_kit::sdk::{Trouble, code};
use lifecycle::TenantId;
use serde_json::Value;

use crate::{FleetReads, Page, following};

/// How many executions are asked for what they are about.
const ASKED: usize = 200;

/// The machines that work on tenants, by their ARNs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machines {
    /// `onboard-tenant`, whose executions are named by their tenants.
    pub onboarding: String,
    /// `converge-tenant`.
    pub changes: String,
    /// `offboard-tenant`.
    pub offboarding: String,
    /// `roll-out`.
    pub rollouts: String,
}

/// An execution that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
}

impl FleetReads {
    /// A page of the machine's executions that run.
    ///
    /// # Errors
    /// Whatever AWS answers.
    pub async fn read_running(
        &self,
        machine: &str,
        token: Option<String>,
    ) -> Result<Page<Running>, Trouble> {
        let page = self
            .states
            .list_executions()
            .state_machine_arn(machine)
            .status_filter(ExecutionStatus::Running)
            .max_results(1_000)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| Trouble::of("states", "ListExecutions", &error))?;
        let rows = page.executions().iter().map(|one| Running {
            arn: one.execution_arn().to_owned(),
            name: one.name().to_owned(),
        });
        Ok(Page { rows: rows.collect(), next: following(page.next_token) })
    }

    /// What an execution was given; nothing when it is not there any more.
    ///
    /// # Errors
    /// Whatever AWS answers but that.
    pub async fn read_input(&self, execution: &str) -> Result<Option<Value>, Trouble> {
        match self.states.describe_execution().execution_arn(execution).send().await {
            Ok(shown) => Ok(shown.input().and_then(|text| serde_json::from_str(text).ok())),
            Err(error) if code(&error) == Some("ExecutionDoesNotExist") => Ok(None),
            Err(error) => Err(Trouble::of("states", "DescribeExecution", &error)),
        }
    }

    /// Who is worked on, and how many executions there are of which that is not known.
    ///
    /// # Errors
    /// Whatever AWS answers.
    pub async fn read_under_way(&self, machines: &Machines) -> Result<(UnderWay, usize), Trouble> {
        let mut under_way = UnderWay::default();
        for one in Box::pin(self.all_running(&machines.onboarding)).await? {
            if let Some(tenant) = tenant_of(&one.name) {
                under_way.tenants.insert(tenant, "onboard-tenant".to_owned());
            }
        }
        let (mut asked, mut unasked) = (0, 0);
        let others = [
            (&machines.changes, "converge-tenant"),
            (&machines.offboarding, "offboard-tenant"),
            (&machines.rollouts, "roll-out"),
        ];
        for (machine, word) in others {
            for one in Box::pin(self.all_running(machine)).await? {
                if asked == ASKED {
                    unasked += 1;
                    continue;
                }
                asked += 1;
                let Some(input) = Box::pin(self.read_input(&one.arn)).await? else { continue };
                if word == "roll-out" {
                    let set = input["stackSet"].as_str().and_then(|set| set.parse().ok());
                    under_way.rollouts.extend(set);
                } else if let Some(tenant) = about(&input) {
                    under_way.tenants.insert(tenant, word.to_owned());
                }
            }
        }
        Ok((under_way, unasked))
    }

    async fn all_running(&self, machine: &str) -> Result<Vec<Running>, Trouble> {
        let (mut all, mut token) = (Vec::new(), None);
        loop {
            let page = Box::pin(self.read_running(machine, token)).await?;
            all.extend(page.rows);
            token = page.next;
            if token.is_none() {
                return Ok(all);
            }
        }
    }
}

/// The tenant of an onboarding: an underscore begins the number, and cannot occur in an id.
fn tenant_of(name: &str) -> Option<TenantId> {
    name.split('_').next()?.parse().ok()
}

/// The tenant of an event, as the bus delivers it.
fn about(input: &Value) -> Option<TenantId> {
    let id = input["detail"]["tenantId"].as_str()?;
    TenantId::of_original(id).ok().map(|(tenant, _)| tenant)
}
