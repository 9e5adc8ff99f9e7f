//! The calls to CloudFormation about one stack set.

use aws_sdk_cloudformation::types::{
    AccountFilterType, ConcurrencyMode, DeploymentTargets, Parameter, PermissionModels,
    RegionConcurrencyType, StackInstanceSummary, StackSetOperationPreferences,
};
use jiff::Timestamp;
use lifecycle::{AccountId, BaselineStackSet, RegionName};

use crate::decide::{Instance, Operation, Standing};
use crate::error::{Call, Error, Stop};
use crate::handler::App;

/// The most that AWS lists in a page.
const PAGE: i32 = 100;

/// One stack set that the account needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Enrolment<'a> {
    pub(crate) app: &'a App,
    /// The tenant's account.
    pub(crate) account_id: &'a AccountId,
    pub(crate) stack_set: &'a BaselineStackSet,
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

    /// The newest operations, newest first. One page of them: AWS lists the newest first, and
    /// what is older than a hundred operations is neither the newest nor still on its way.
    pub(crate) async fn operations(&self) -> Result<Vec<Operation>, Stop> {
        let mut token = None;
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
            let operations: Vec<Operation> = summaries
                .into_iter()
                .filter_map(|summary| {
                    Some(Operation {
                        id: summary.operation_id()?.to_owned(),
                        status: summary.status()?.as_str().to_owned(),
                        created: summary
                            .creation_timestamp()
                            .and_then(|at| Timestamp::from_nanosecond(at.as_nanos()).ok()),
                    })
                })
                .collect();
            token = page.next_token.filter(|token| !token.is_empty());
            if !operations.is_empty() || token.is_none() {
                return Ok(operations);
            }
        }
    }

    /// Who deploys the stack set's instances. It can't change while there are any.
    pub(crate) async fn permission_model(&self) -> Result<PermissionModels, Stop> {
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
        match answer.stack_set().and_then(|stack_set| stack_set.permission_model()) {
            None => Ok(PermissionModels::SelfManaged),
            Some(known @ (PermissionModels::SelfManaged | PermissionModels::ServiceManaged)) => {
                Ok(known.clone())
            }
            Some(unknown) => Err(Stop::Failed(Error::AwsRefused {
                service: "cloudformation",
                call: "DescribeStackSet",
                account_id: self.account_id.clone(),
                code: unknown.as_str().to_owned(),
                message: format!(
                    "stack set {} has a permission model that is not supported",
                    self.stack_set.name
                ),
            })),
        }
    }

    /// Starts the operation, and says so; what AWS answers to a lost race is a wait.
    ///
    /// The SDK may send it again when an answer is lost: the operation's id is its idempotency,
    /// and the second time is at worst `OperationIdAlreadyExists`.
    pub(crate) async fn start(
        &self,
        operation_id: &str,
        model: PermissionModels,
        accounts: &[AccountId],
        regions: &[RegionName],
    ) -> Result<String, Stop> {
        let ids: Vec<String> = accounts.iter().map(ToString::to_string).collect();
        let mut request = self
            .app
            .cloudformation
            .create_stack_instances()
            .stack_set_name(self.stack_set.name.as_str())
            .operation_id(operation_id)
            .operation_preferences(preferences())
            .set_regions(Some(regions.iter().map(ToString::to_string).collect()))
            .set_parameter_overrides(self.parameter_overrides());
        request = match model {
            PermissionModels::ServiceManaged => {
                request.deployment_targets(self.targets_within_onboarding(ids))
            }
            _ => request.set_accounts(Some(ids)),
        };
        let error = match request.send().await {
            Ok(_) => return Ok(format!("{operation_id} deploys {} accounts", accounts.len())),
            Err(error) => error,
        };
        let Some(service) = error.as_service_error() else {
            return Err(self.call("CreateStackInstances").stop(&error));
        };
        if service.is_stack_set_not_found_exception() {
            Err(self.missing())
        } else if service.is_operation_id_already_exists_exception() {
            Ok(format!("{operation_id} was started by another account"))
        } else if service.is_operation_in_progress_exception() {
            Ok("another operation is in progress".to_owned())
        } else if service.is_stale_request_exception() {
            Ok("another operation came between".to_owned())
        } else if service.is_limit_exceeded_exception() {
            Ok("CloudFormation's limit on stack instances or queued operations is reached".into())
        } else {
            Err(self.call("CreateStackInstances").stop(&error))
        }
    }

    /// The accounts, cut with the unit in which they stand: the one filter that names accounts
    /// and deploys to nothing else.
    fn targets_within_onboarding(&self, ids: Vec<String>) -> DeploymentTargets {
        DeploymentTargets::builder()
            .organizational_unit_ids(self.app.config.onboarding.as_str())
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
