//! The calls to CloudFormation.

use std::collections::BTreeSet;

use aws_sdk_cloudformation::error::SdkError;
use aws_sdk_cloudformation::operation::delete_stack_instances::DeleteStackInstancesError;
use aws_sdk_cloudformation::types::{
    AccountFilterType, ConcurrencyMode, DeploymentTargets, PermissionModels, RegionConcurrencyType,
    StackInstanceStatus, StackInstanceSummary, StackSetOperationPreferences,
    StackSetOperationStatus, StackSetStatus,
};
use lambda_kit::sdk::{HttpResponse, Trouble, code};
use lifecycle::AccountId;

use crate::decide::Instance;
use crate::handler::App;
use crate::order::{Dependences, dependences, is_withdrawn, level};
use crate::work::{Group, SetEntry, SetWork, Sets};

/// The most that AWS lists in a page.
const PAGE: i32 = 100;
/// With fewer accounts than this, each is asked for by itself; with more, all pages are read.
const FEW: usize = 30;

/// How a deletion was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Received {
    /// It is on its way, by this call or an earlier one.
    Started,
    /// The stack set is busy.
    Busy,
    /// What was found is not there any more: look again.
    Outdated,
}

impl App {
    /// What the tiers say of the order in which stack sets depend on each other; nothing when there
    /// are none that can be read.
    async fn dependences(&self) -> Result<Option<Dependences>, Trouble> {
        let Some(parameter) = &self.config.tiers_parameter else { return Ok(None) };
        let read = self.ssm.get_parameter().name(parameter).send().await;
        let read = read.map_err(|error| Trouble::of("ssm", "GetParameter", &error))?;
        let text = read.parameter.and_then(|parameter| parameter.value).unwrap_or_default();
        let read = dependences(&text).inspect_err(|error| {
            tracing::warn!("the tiers in {parameter} say nothing of an order: {error}");
        });
        Ok(read.ok())
    }

    /// The stack sets of this account and Region that are the sweep's business.
    pub(crate) async fn stack_sets(&self) -> Result<Sets, Trouble> {
        let tiers = Box::pin(self.dependences()).await?;
        // Without tiers nobody knows which ones are the tenants': all may be.
        let is_own = |name: &str| tiers.as_ref().is_none_or(|tiers| tiers.contains_key(name));
        let dependences = tiers.clone().unwrap_or_default();
        let mut sets = Sets::new();
        let mut token = None;
        loop {
            let page = self
                .cloudformation
                .list_stack_sets()
                .status(StackSetStatus::Active)
                .max_results(PAGE)
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| Trouble::of("cloudformation", "ListStackSets", &error))?;
            sets.extend(page.summaries().iter().filter_map(|set| {
                let service_managed =
                    set.permission_model() == Some(&PermissionModels::ServiceManaged);
                let name = set.stack_set_name()?;
                is_withdrawn(name, &self.config.withdraw, &self.config.leave).then(|| SetEntry {
                    name: name.to_owned(),
                    service_managed,
                    level: level(name, &dependences),
                    own: is_own(name),
                })
            }));
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                sets.sort();
                return Ok(sets);
            }
        }
    }

    /// The instances of these accounts.
    pub(crate) async fn instances(
        &self,
        stack_set: &str,
        accounts: &BTreeSet<AccountId>,
    ) -> Result<Vec<Instance>, Trouble> {
        if accounts.len() > FEW {
            let mut all = self.pages_of(stack_set, None).await?;
            all.retain(|instance| accounts.contains(&instance.account));
            return Ok(all);
        }
        let mut found = Vec::new();
        for account in accounts {
            found.extend(self.pages_of(stack_set, Some(account)).await?);
        }
        Ok(found)
    }

    async fn pages_of(
        &self,
        stack_set: &str,
        account: Option<&AccountId>,
    ) -> Result<Vec<Instance>, Trouble> {
        let mut instances = Vec::new();
        let mut token = None;
        loop {
            let page = self
                .cloudformation
                .list_stack_instances()
                .stack_set_name(stack_set)
                .set_stack_instance_account(account.map(ToString::to_string))
                .max_results(PAGE)
                .set_next_token(token)
                .send()
                .await;
            let page = match page {
                Ok(page) => page,
                // It was deleted since; then it has no instances.
                Err(error) if code(&error) == Some("StackSetNotFoundException") => {
                    return Ok(Vec::new());
                }
                Err(error) => {
                    return Err(Trouble::of("cloudformation", "ListStackInstances", &error));
                }
            };
            instances.extend(page.summaries().iter().filter_map(instance));
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(instances);
            }
        }
    }

    /// Whether the operation has ended, however.
    pub(crate) async fn has_ended(&self, stack_set: &str, id: &str) -> Result<bool, Trouble> {
        let described = self
            .cloudformation
            .describe_stack_set_operation()
            .stack_set_name(stack_set)
            .operation_id(id)
            .send()
            .await;
        match described {
            Ok(output) => {
                let operation = output.stack_set_operation();
                let status = operation.and_then(|operation| operation.status());
                Ok(!matches!(
                    status,
                    Some(
                        StackSetOperationStatus::Running
                            | StackSetOperationStatus::Queued
                            | StackSetOperationStatus::Stopping
                    )
                ))
            }
            Err(error)
                if matches!(
                    code(&error),
                    Some("StackSetNotFoundException" | "OperationNotFoundException")
                ) =>
            {
                Ok(true)
            }
            Err(error) => Err(Trouble::of("cloudformation", "DescribeStackSetOperation", &error)),
        }
    }

    /// Starts a deletion. The SDK may send it again when an answer is lost: the operation's id is
    /// its idempotency.
    pub(crate) async fn delete(
        &self,
        work: &SetWork,
        group: &Group,
        id: &str,
    ) -> Result<Received, Trouble> {
        let ids: Vec<String> = group.accounts.iter().map(ToString::to_string).collect();
        let mut request = self
            .cloudformation
            .delete_stack_instances()
            .stack_set_name(&work.stack_set)
            .operation_id(id)
            .operation_preferences(preferences())
            .set_regions(Some(group.regions.clone()))
            .retain_stacks(group.retain);
        request = if work.service_managed {
            let units = &self.config.units;
            request.deployment_targets(
                DeploymentTargets::builder()
                    .organizational_unit_ids(units.retiring.as_str())
                    .organizational_unit_ids(units.suspended.as_str())
                    .set_accounts(Some(ids))
                    .account_filter_type(AccountFilterType::Intersection)
                    .build(),
            )
        } else {
            request.set_accounts(Some(ids))
        };
        match request.send().await {
            Ok(_) => Ok(Received::Started),
            Err(error) => received(&error),
        }
    }
}

fn received(
    error: &SdkError<DeleteStackInstancesError, HttpResponse>,
) -> Result<Received, Trouble> {
    match code(error) {
        Some("OperationIdAlreadyExistsException") => Ok(Received::Started),
        Some("OperationInProgressException" | "StaleRequestException") => Ok(Received::Busy),
        Some(
            "StackSetNotFoundException"
            | "StackInstanceNotFoundException"
            | "InvalidOperationException"
            | "ValidationError",
        ) => Ok(Received::Outdated),
        _ => Err(Trouble::of("cloudformation", "DeleteStackInstances", error)),
    }
}

/// One bad account stops nobody: any number may fail, all at once, in all Regions.
fn preferences() -> StackSetOperationPreferences {
    StackSetOperationPreferences::builder()
        .failure_tolerance_percentage(100)
        .max_concurrent_percentage(100)
        .concurrency_mode(ConcurrencyMode::SoftFailureTolerance)
        .region_concurrency_type(RegionConcurrencyType::Parallel)
        .build()
}

fn instance(summary: &StackInstanceSummary) -> Option<Instance> {
    Some(Instance {
        account: summary.account()?.parse().ok()?,
        region: summary.region()?.to_owned(),
        inoperable: summary.status() == Some(&StackInstanceStatus::Inoperable),
        reason: summary.status_reason().unwrap_or("AWS gives no reason").to_owned(),
    })
}
