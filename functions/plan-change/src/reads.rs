//! What is read for a plan: the tiers, whether an onboarding is at work, and what the account has.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudformation::types::Parameter;
use aws_sdk_sfn::types::ExecutionStatus;
use lambda_kit::sdk::{Trouble, code};
use lifecycle::{AccountId, RegionName, StackSetName, TenantId, TiersConfig};

use crate::error::{Halt, halt};
use crate::handler::{App, subject};

const PAGE: i32 = 100;

/// The instances of an account, by stack set and Region, with their parameter overrides.
pub(crate) type Instances = BTreeMap<(StackSetName, RegionName), BTreeMap<String, String>>;

impl App {
    /// The tiers, each in order or known by its faults.
    pub(crate) async fn read_tiers(&self) -> Result<TiersConfig, Halt> {
        let name = &self.config.tiers_parameter;
        let answer = self.parameters.get_parameter().name(name).send().await;
        let answer =
            answer.map_err(|error| halt(name, Trouble::of("ssm", "GetParameter", &error)))?;
        let text = answer.parameter().and_then(|found| found.value()).unwrap_or_default();
        let mut tiers = TiersConfig::tolerant(text, &self.config.units)
            .map_err(|faults| Halt::Wait(format!("the tiers in {name} have faults: {faults}")))?;
        // What the gate could not read would veto everything.
        for (name, faults) in gate_rules::faults_of_tiers(&tiers) {
            tiers.hold(&name, faults);
        }
        Ok(tiers)
    }

    /// Whether an onboarding of the tenant is at work. Step Functions forgets a name 90 days after
    /// its execution ended, so one name that is not there does not mean that the next is not.
    pub(crate) async fn is_being_onboarded(&self, tenant: &TenantId) -> Result<bool, Halt> {
        let (mut number, mut missing) = (1, 0);
        while missing < 2 {
            let arn = self.config.execution_arn(tenant.as_str(), number);
            match self.states.describe_execution().execution_arn(arn).send().await {
                Ok(found) => {
                    missing = 0;
                    if *found.status() == ExecutionStatus::Running {
                        return Ok(true);
                    }
                }
                Err(error) if code(&error) == Some("ExecutionDoesNotExist") => missing += 1,
                Err(error) => {
                    let trouble = Trouble::of("states", "DescribeExecution", &error);
                    return Err(halt(&subject(tenant), trouble));
                }
            }
            number += 1;
        }
        Ok(false)
    }

    /// What the account has of the stack sets that any tier has.
    pub(crate) async fn read_instances(
        &self,
        account: &AccountId,
        tiers: &TiersConfig,
    ) -> Result<Instances, Halt> {
        let names = tiers.iter().flat_map(|(_, tier)| &tier.baseline).map(|it| &it.name);
        let names: BTreeSet<&StackSetName> = names.collect();
        let mut instances = Instances::new();
        for name in names {
            for region in Box::pin(self.regions_of(account, name)).await? {
                let overrides = Box::pin(self.overrides(account, name, &region)).await?;
                instances.extend(overrides.map(|it| ((name.clone(), region), it)));
            }
        }
        Ok(instances)
    }

    async fn regions_of(
        &self,
        account: &AccountId,
        stack_set: &StackSetName,
    ) -> Result<Vec<RegionName>, Halt> {
        let mut regions = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let page = self
                .cloudformation
                .list_stack_instances()
                .stack_set_name(stack_set.as_str())
                .stack_instance_account(account.as_str())
                .max_results(PAGE)
                .set_next_token(token)
                .send()
                .await;
            let page = match page {
                Ok(page) => page,
                // Whoever enrols says so, if the tenant should have it.
                Err(error) if code(&error) == Some("StackSetNotFoundException") => {
                    return Ok(Vec::new());
                }
                Err(error) => {
                    let trouble = Trouble::of("cloudformation", "ListStackInstances", &error);
                    return Err(halt(&format!("account {account}"), trouble));
                }
            };
            let found = page.summaries().iter().filter_map(|it| it.region()?.parse().ok());
            regions.extend(found);
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(regions);
            }
        }
    }

    /// Nothing when the instance is gone meanwhile.
    async fn overrides(
        &self,
        account: &AccountId,
        stack_set: &StackSetName,
        region: &RegionName,
    ) -> Result<Option<BTreeMap<String, String>>, Halt> {
        let answer = self
            .cloudformation
            .describe_stack_instance()
            .stack_set_name(stack_set.as_str())
            .stack_instance_account(account.as_str())
            .stack_instance_region(region.as_str())
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if code(&error) == Some("StackInstanceNotFoundException") => {
                return Ok(None);
            }
            Err(error) => {
                let trouble = Trouble::of("cloudformation", "DescribeStackInstance", &error);
                return Err(halt(&format!("account {account}"), trouble));
            }
        };
        let pair = |parameter: &Parameter| {
            Some((parameter.parameter_key()?.into(), parameter.parameter_value()?.into()))
        };
        let overrides = answer.stack_instance().map(|instance| instance.parameter_overrides());
        Ok(overrides.map(|overrides| overrides.iter().filter_map(pair).collect()))
    }
}
