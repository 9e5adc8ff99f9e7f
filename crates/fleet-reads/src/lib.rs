#![doc = include_str!("../README.md")]

mod executions;
mod records;

use aws_sdk_organizations::types::Account as Listed;
use aws_sdk_resourcegroupstagging::types::TagFilter;
use fleet_audit::Instance;
use jiff::Timestamp;
use lambda_kit::client;
use lambda_kit::sdk::{Refusal, Trouble, Wire, code};
use lifecycle::retirement::{AccountState, AccountTags};
use lifecycle::{AccountId, OrganizationalUnits, OuId, StackSetName, TiersConfig, tags};

pub use executions::{Machines, Running};
pub use records::{read_records, recorded};

/// The most that the tagging API and StackSets list in a page.
const PAGE: i32 = 100;

/// One page of a list, and where the next begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// Its rows.
    pub rows: Vec<T>,
    /// The next page's token; nothing at the end.
    pub next: Option<String>,
}

/// An account as a unit's list has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its id.
    pub id: AccountId,
    /// Its name.
    pub name: Option<String>,
    /// Its state.
    pub state: AccountState,
    /// When it joined the organization.
    pub joined: Option<Timestamp>,
}

/// The lists.
#[derive(Debug, Clone)]
pub struct FleetReads {
    organizations: aws_sdk_organizations::Client,
    tagging: aws_sdk_resourcegroupstagging::Client,
    cloudformation: aws_sdk_cloudformation::Client,
    states: aws_sdk_sfn::Client,
    parameters: aws_sdk_ssm::Client,
}

impl FleetReads {
    /// On this wire.
    pub fn new(wire: &Wire) -> Self {
        Self {
            organizations: client!(aws_sdk_organizations, wire.global()),
            tagging: client!(aws_sdk_resourcegroupstagging, wire.global()),
            cloudformation: client!(aws_sdk_cloudformation, wire),
            states: client!(aws_sdk_sfn, wire),
            parameters: client!(aws_sdk_ssm, wire),
        }
    }

    /// A page of the accounts that stand in the unit.
    ///
    /// # Errors
    /// Whatever AWS answers.
    pub async fn read_accounts(
        &self,
        unit: &OuId,
        token: Option<String>,
    ) -> Result<Page<Standing>, Trouble> {
        let page = self
            .organizations
            .list_accounts_for_parent()
            .parent_id(unit.as_str())
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| Trouble::of("organizations", "ListAccountsForParent", &error))?;
        let rows = page.accounts().iter().filter_map(standing).collect();
        Ok(Page { rows, next: following(page.next_token) })
    }

    /// The account by itself, wherever it stands; nothing when it is not in the organization.
    ///
    /// # Errors
    /// Whatever AWS answers but that.
    pub async fn read_account(&self, id: &AccountId) -> Result<Option<Standing>, Trouble> {
        let answer = self.organizations.describe_account().account_id(id.as_str()).send().await;
        match answer {
            Ok(answer) => Ok(answer.account().and_then(standing)),
            Err(error) if code(&error) == Some("AccountNotFoundException") => Ok(None),
            Err(error) => Err(Trouble::of("organizations", "DescribeAccount", &error)),
        }
    }

    /// A page of the accounts that carry a tenant's mark, with all their tags. The index lags.
    ///
    /// # Errors
    /// Whatever AWS answers.
    pub async fn read_marked(
        &self,
        token: Option<String>,
    ) -> Result<Page<(AccountId, AccountTags)>, Trouble> {
        let filter = TagFilter::builder().key(tags::TENANT).build();
        let page = self
            .tagging
            .get_resources()
            .resource_type_filters("organizations:account")
            .tag_filters(filter)
            .resources_per_page(PAGE)
            .set_pagination_token(token)
            .send()
            .await
            .map_err(|error| Trouble::of("tag", "GetResources", &error))?;
        let rows = page.resource_tag_mapping_list().iter().filter_map(|found| {
            let id = found.resource_arn()?.rsplit('/').next()?.parse().ok()?;
            let tags = found.tags().iter().map(|tag| (tag.key().into(), tag.value().into()));
            Some((id, tags.collect()))
        });
        Ok(Page { rows: rows.collect(), next: following(page.pagination_token) })
    }

    /// A page of the instances of the stack set; nothing when there is no such set.
    ///
    /// # Errors
    /// Whatever AWS answers but that.
    pub async fn read_instances(
        &self,
        stack_set: &StackSetName,
        account: Option<&AccountId>,
        token: Option<String>,
    ) -> Result<Option<Page<(AccountId, Instance)>>, Trouble> {
        let page = self
            .cloudformation
            .list_stack_instances()
            .stack_set_name(stack_set.as_str())
            .set_stack_instance_account(account.map(|id| id.as_str().to_owned()))
            .max_results(PAGE)
            .set_next_token(token)
            .send()
            .await;
        let page = match page {
            Ok(page) => page,
            Err(error) if code(&error) == Some("StackSetNotFoundException") => return Ok(None),
            Err(error) => {
                return Err(Trouble::of("cloudformation", "ListStackInstances", &error));
            }
        };
        let rows = page.summaries().iter().filter_map(|found| {
            let detail = found.stack_instance_status().and_then(|it| it.detailed_status());
            let instance = Instance {
                stack_set: stack_set.clone(),
                region: found.region()?.parse().ok()?,
                status: found.status()?.as_str().to_owned(),
                detail: detail.map(|detail| detail.as_str().to_owned()),
                reason: found.status_reason().map(str::to_owned),
                overrides: None,
            };
            Some((found.account()?.parse().ok()?, instance))
        });
        Ok(Some(Page { rows: rows.collect(), next: following(page.next_token) }))
    }

    /// Reads the overrides of an instance into it; leaves it as it is when it is gone meanwhile.
    ///
    /// # Errors
    /// Whatever AWS answers but that.
    pub async fn read_overrides(
        &self,
        account: &AccountId,
        instance: &mut Instance,
    ) -> Result<(), Trouble> {
        let answer = self
            .cloudformation
            .describe_stack_instance()
            .stack_set_name(instance.stack_set.as_str())
            .stack_instance_account(account.as_str())
            .stack_instance_region(instance.region.as_str())
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if code(&error) == Some("StackInstanceNotFoundException") => return Ok(()),
            Err(error) => {
                return Err(Trouble::of("cloudformation", "DescribeStackInstance", &error));
            }
        };
        let overrides = answer.stack_instance().map(|found| {
            let all = found.parameter_overrides().iter().filter_map(|parameter| {
                let key = parameter.parameter_key()?.to_owned();
                Some((key, parameter.parameter_value()?.to_owned()))
            });
            all.collect()
        });
        instance.overrides = overrides;
        Ok(())
    }

    /// The tiers, each in order or known by its faults.
    ///
    /// # Errors
    /// Whatever AWS answers, and a document that is none.
    pub async fn read_tiers(
        &self,
        parameter: &str,
        units: &OrganizationalUnits,
    ) -> Result<TiersConfig, Trouble> {
        let answer = self.parameters.get_parameter().name(parameter).send().await;
        let answer = answer.map_err(|error| Trouble::of("ssm", "GetParameter", &error))?;
        let text = answer.parameter().and_then(|found| found.value()).unwrap_or_default();
        let mut tiers = TiersConfig::tolerant(text, units).map_err(|faults| {
            Trouble::Refused(Refusal {
                service: "ssm",
                call: "GetParameter",
                code: "TiersInvalid".into(),
                message: format!("the tiers in {parameter} have faults: {faults}").into(),
            })
        })?;
        // What the gate could not read would veto everything.
        for (name, faults) in gate_rules::faults_of_tiers(&tiers) {
            tiers.hold(&name, faults);
        }
        Ok(tiers)
    }
}

fn standing(account: &Listed) -> Option<Standing> {
    let state = account.state().map(|state| state.as_str());
    let status = account.status().map(|status| status.as_str());
    Some(Standing {
        id: account.id()?.parse().ok()?,
        name: account.name().map(str::to_owned),
        state: AccountState::of(state, status),
        joined: account.joined_timestamp().and_then(|at| Timestamp::from_second(at.secs()).ok()),
    })
}

fn following(token: Option<String>) -> Option<String> {
    token.filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests;
