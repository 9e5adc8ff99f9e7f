//! The calls to CloudFormation about one stack set.

use aws_sdk_cloudformation::types::{
    AccountFilterType, ConcurrencyMode, DeploymentTargets, Parameter, RegionConcurrencyType,
    StackInstanceSummary, StackSetOperationAction, StackSetOperationPreferences,
    StackSetOperationStatus,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use jiff::Timestamp;
use lambda_kit::sdk::code;
use lifecycle::{AccountId, BaselineStackSet, OuId, PermissionModel, RegionName, StackSetSettings};

use crate::decide::{Instance, Operation, Overrides, Standing};
use crate::error::{Call, Error, Stop};
use crate::handler::App;
use crate::log::reaches_an_enrolment;

/// The most that AWS lists in a page.
const PAGE: i32 = 100;

/// One stack set that the account needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Enrolment<'a> {
    pub(crate) app: &'a App,
    /// The tenant's account.
    pub(crate) account_id: &'a AccountId,
    /// The OU in which it stands.
    pub(crate) unit: &'a OuId,
    pub(crate) stack_set: &'a BaselineStackSet,
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Makes instances, or deploys those again that are not current.
    Create,
    /// Gives instances that are there the tenant's parameters.
    Update,
}

impl Enrolment<'_> {
    fn call(&self, name: &'static str) -> Call<'_> {
        Call { service: "cloudformation", name, account_id: self.account_id }
    }

    fn missing(&self) -> Stop {
        Stop::Failed(Error::StackSetMissing {
            stack_set: self.stack_set.name.clone(),
            account_id: self.account_id.clone(),
        })
    }

    /// The instances of the stack set in an account, in all Regions.
    pub(crate) async fn instances_of(&self, account: &AccountId) -> Result<Vec<Instance>, Stop> {
        let mut instances = Vec::new();
        let mut token = None;
        loop {
            let page = self
                .app
                .cloudformation
                .list_stack_instances()
                .stack_set_name(self.stack_set.name.as_str())
                .stack_instance_account(account.as_str())
                .max_results(PAGE)
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| match error.as_service_error() {
                    Some(service) if service.is_stack_set_not_found_exception() => self.missing(),
                    _ => self.call("ListStackInstances").stop(&error),
                })?;
            instances.extend(page.summaries().iter().filter_map(instance));
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(instances);
            }
        }
    }

    /// The newest operations, newest first: one page, and more until there is an enrolment among
    /// them. AWS lists the newest first, and what is older than a hundred operations is not on its
    /// way any more.
    pub(crate) async fn operations(&self) -> Result<Vec<Operation>, Stop> {
        let (mut token, mut operations) = (None, Vec::new());
        loop {
            let page = self
                .app
                .cloudformation
                .list_stack_set_operations()
                .stack_set_name(self.stack_set.name.as_str())
                .max_results(PAGE)
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| match error.as_service_error() {
                    Some(service) if service.is_stack_set_not_found_exception() => self.missing(),
                    _ => self.call("ListStackSetOperations").stop(&error),
                })?;
            let mut summaries: Vec<_> = page.summaries().iter().collect();
            summaries.sort_by_key(|summary| {
                std::cmp::Reverse(summary.creation_timestamp().map(|at| at.as_nanos()))
            });
            operations.extend(summaries.into_iter().filter_map(|summary| {
                Some(Operation {
                    id: summary.operation_id()?.to_owned(),
                    status: summary.status()?.as_str().to_owned(),
                    created: summary
                        .creation_timestamp()
                        .and_then(|at| Timestamp::from_nanosecond(at.as_nanos()).ok()),
                })
            }));
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() || reaches_an_enrolment(&operations) {
                return Ok(operations);
            }
        }
    }

    /// A deletion of instances that is queued or runs, of whatever accounts.
    pub(crate) async fn deletion(&self) -> Result<Option<String>, Stop> {
        let listed = self
            .app
            .cloudformation
            .list_stack_set_operations()
            .stack_set_name(self.stack_set.name.as_str())
            .max_results(PAGE)
            .send()
            .await
            .map_err(|error| self.call("ListStackSetOperations").stop(&error))?;
        let is_on_its_way = |status: Option<&StackSetOperationStatus>| {
            matches!(
                status,
                Some(
                    StackSetOperationStatus::Queued
                        | StackSetOperationStatus::Running
                        | StackSetOperationStatus::Stopping
                )
            )
        };
        let mut deletions = listed.summaries().iter().filter(|summary| {
            summary.action() == Some(&StackSetOperationAction::Delete)
                && is_on_its_way(summary.status())
        });
        Ok(deletions.find_map(|summary| Some(summary.operation_id()?.to_owned())))
    }

    /// Who deploys the stack set's instances.
    ///
    /// Settings with which the instance would not outlive the onboarding are an error.
    pub(crate) async fn permission_model(&self) -> Result<PermissionModel, Stop> {
        let answer = self
            .app
            .cloudformation
            .describe_stack_set()
            .stack_set_name(self.stack_set.name.as_str())
            .send()
            .await
            .map_err(|error| match error.as_service_error() {
                Some(service) if service.is_stack_set_not_found_exception() => self.missing(),
                _ => self.call("DescribeStackSet").stop(&error),
            })?;
        let stack_set = answer.stack_set();
        let settings = StackSetSettings {
            permission_model: stack_set
                .and_then(|found| found.permission_model())
                .map(|model| model.as_str()),
            deploys_automatically: stack_set
                .and_then(|found| found.auto_deployment())
                .and_then(|auto| auto.enabled())
                .unwrap_or(false),
        };
        settings.judge().map_err(|reason| {
            Stop::Failed(Error::StackSetUnsuitable {
                stack_set: self.stack_set.name.clone(),
                account_id: self.account_id.clone(),
                reason,
            })
        })
    }

    /// The parameters of the account's instance that differ from those of the stack set; nothing
    /// when the instance is gone.
    pub(crate) async fn overrides_in(
        &self,
        region: &RegionName,
    ) -> Result<Option<Overrides>, Stop> {
        let answer = self
            .app
            .cloudformation
            .describe_stack_instance()
            .stack_set_name(self.stack_set.name.as_str())
            .stack_instance_account(self.account_id.as_str())
            .stack_instance_region(region.as_str())
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                return match error.as_service_error() {
                    Some(service) if service.is_stack_instance_not_found_exception() => Ok(None),
                    Some(service) if service.is_stack_set_not_found_exception() => {
                        Err(self.missing())
                    }
                    _ => Err(self.call("DescribeStackInstance").stop(&error)),
                };
            }
        };
        let overrides = answer.stack_instance().map(|instance| instance.parameter_overrides());
        let pair = |parameter: &Parameter| {
            Some((parameter.parameter_key()?.into(), parameter.parameter_value()?.into()))
        };
        Ok(overrides.map(|overrides| overrides.iter().filter_map(pair).collect()))
    }

    /// Starts the operation, and says so; what AWS answers to a lost race is a wait.
    ///
    /// The SDK may send it again when an answer is lost: the operation's id is its idempotency,
    /// and the second time is at worst `OperationIdAlreadyExists`.
    pub(crate) async fn start(
        &self,
        work: Work,
        operation_id: &str,
        model: PermissionModel,
        accounts: &[AccountId],
        regions: &[RegionName],
    ) -> Result<String, Stop> {
        let ids: Vec<String> = accounts.iter().map(ToString::to_string).collect();
        let regions = Some(regions.iter().map(ToString::to_string).collect());
        let (accounts_alone, targets) = match model {
            PermissionModel::SelfManaged => (Some(ids), None),
            PermissionModel::ServiceManaged => (None, Some(self.targets_within_the_unit(ids))),
        };
        let name = self.stack_set.name.as_str();
        let refused = match work {
            Work::Create => {
                let answer = self
                    .app
                    .cloudformation
                    .create_stack_instances()
                    .stack_set_name(name)
                    .operation_id(operation_id)
                    .operation_preferences(preferences())
                    .set_regions(regions)
                    .set_accounts(accounts_alone)
                    .set_deployment_targets(targets)
                    .set_parameter_overrides(self.parameter_overrides())
                    .send()
                    .await;
                answer.err().map(|error| self.refused("CreateStackInstances", &error))
            }
            Work::Update => {
                let answer = self
                    .app
                    .cloudformation
                    .update_stack_instances()
                    .stack_set_name(name)
                    .operation_id(operation_id)
                    .operation_preferences(preferences())
                    .set_regions(regions)
                    .set_accounts(accounts_alone)
                    .set_deployment_targets(targets)
                    // A list without a parameter sets it back; no list at all would keep all.
                    .set_parameter_overrides(Some(self.parameter_overrides().unwrap_or_default()))
                    .send()
                    .await;
                answer.err().map(|error| self.refused("UpdateStackInstances", &error))
            }
        };
        refused.unwrap_or_else(|| Ok(format!("{operation_id} deploys {} accounts", accounts.len())))
    }

    /// What a refusal to start an operation means: a lost race is a wait.
    fn refused<E>(
        &self,
        call: &'static str,
        error: &SdkError<E, HttpResponse>,
    ) -> Result<String, Stop>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        Ok(match code(error) {
            Some("StackSetNotFoundException") => return Err(self.missing()),
            Some("OperationIdAlreadyExistsException") => {
                "the next operation was started by another account".to_owned()
            }
            Some("OperationInProgressException") => "another operation is in progress".to_owned(),
            Some("StaleRequestException") => "another operation came between".to_owned(),
            Some("StackInstanceNotFoundException") => "an instance is gone meanwhile".to_owned(),
            Some("LimitExceededException") => {
                "CloudFormation's limit on stack instances or queued operations is reached".into()
            }
            _ => return Err(self.call(call).stop(error)),
        })
    }

    /// The accounts, cut with the OU in which they stand: the one filter that names accounts and
    /// deploys to nothing else.
    fn targets_within_the_unit(&self, ids: Vec<String>) -> DeploymentTargets {
        DeploymentTargets::builder()
            .organizational_unit_ids(self.unit.as_str())
            .set_accounts(Some(ids))
            .account_filter_type(AccountFilterType::Intersection)
            .build()
    }

    fn parameter_overrides(&self) -> Option<Vec<Parameter>> {
        let overrides = &self.stack_set.parameter_overrides;
        (!overrides.is_empty()).then(|| {
            overrides
                .iter()
                .map(|(key, value)| {
                    Parameter::builder().parameter_key(key).parameter_value(value).build()
                })
                .collect()
        })
    }
}

/// One bad account stops nobody: any number may fail, all deploy at once, in all Regions.
fn preferences() -> StackSetOperationPreferences {
    StackSetOperationPreferences::builder()
        .failure_tolerance_percentage(100)
        .max_concurrent_percentage(100)
        .concurrency_mode(ConcurrencyMode::SoftFailureTolerance)
        .region_concurrency_type(RegionConcurrencyType::Parallel)
        .build()
}

fn instance(summary: &StackInstanceSummary) -> Option<Instance> {
    let detailed = summary.stack_instance_status().and_then(|status| status.detailed_status());
    Some(Instance {
        region: summary.region()?.parse().ok()?,
        standing: Standing::of(
            summary.status().map(|status| status.as_str()),
            detailed.map(|status| status.as_str()),
        ),
        last_operation_id: summary.last_operation_id().map(ToOwned::to_owned),
        reason: summary.status_reason().map(ToOwned::to_owned),
    })
}
