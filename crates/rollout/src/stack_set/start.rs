//! Starting and stopping operations. An id belongs to one operation for ever, so every call may
//! be sent twice.

use aws_sdk_cloudformation::types::{
    AccountFilterType, Capability, ConcurrencyMode, DeploymentTargets, Parameter,
    RegionConcurrencyType, StackSetOperationPreferences,
};
use lambda_kit::sdk::code;
use lifecycle::RegionName;

use super::StackSet;
use crate::cut::Batch;
use crate::error::Stop;
use crate::input::Template;
use crate::manifest::{Definition, Keeps};
use crate::plan;

/// The largest template that fits into a request: 51,200 bytes.
pub(super) const LARGEST_BODY: usize = 51_200;

/// How an operation goes through its accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pace {
    /// Accounts at a time in each Region.
    pub concurrent: usize,
    /// Failures that AWS tolerates in each Region, vetoes included.
    pub tolerance: usize,
    /// What failures do to it.
    pub mode: plan::ConcurrencyMode,
    /// Whether Regions follow one another.
    pub regions: plan::RegionConcurrency,
    /// Which Regions come first.
    pub region_order: Vec<RegionName>,
}

/// What came of the wish to start an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// It is there: started now, or by an earlier call.
    Yes,
    /// Another operation comes first.
    Busy(String),
    /// An account of it has no instance any more.
    InstanceGone,
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

impl Pace {
    fn preferences(&self) -> StackSetOperationPreferences {
        StackSetOperationPreferences::builder()
            .max_concurrent_count(count(self.concurrent.max(1)))
            .failure_tolerance_count(count(self.tolerance))
            .concurrency_mode(match self.mode {
                plan::ConcurrencyMode::SoftFailureTolerance => {
                    ConcurrencyMode::SoftFailureTolerance
                }
                plan::ConcurrencyMode::StrictFailureTolerance => {
                    ConcurrencyMode::StrictFailureTolerance
                }
            })
            .region_concurrency_type(match self.regions {
                plan::RegionConcurrency::Sequential => RegionConcurrencyType::Sequential,
                plan::RegionConcurrency::Parallel => RegionConcurrencyType::Parallel,
            })
            .set_region_order(
                (!self.region_order.is_empty())
                    .then(|| self.region_order.iter().map(ToString::to_string).collect()),
            )
            .build()
    }
}

/// The accounts of a batch, as each permission model wants them named.
struct Targets {
    accounts: Option<Vec<String>>,
    deployment_targets: Option<DeploymentTargets>,
    regions: Vec<String>,
}

fn targets(batch: &Batch, keeps: &Keeps) -> Targets {
    let accounts: Vec<String> = batch.accounts.iter().map(ToString::to_string).collect();
    let regions = batch.regions.iter().map(ToString::to_string).collect();
    if keeps.units.is_empty() {
        return Targets { accounts: Some(accounts), deployment_targets: None, regions };
    }
    let targets = DeploymentTargets::builder()
        .set_organizational_unit_ids(Some(keeps.units.clone()))
        .set_accounts(Some(accounts))
        .account_filter_type(AccountFilterType::Intersection)
        .build();
    Targets { accounts: None, deployment_targets: Some(targets), regions }
}

/// What a template is given by: an address, its text, or the set itself.
enum Source<'a> {
    Url(&'a str),
    Body(&'a str),
    Previous,
}

impl StackSet {
    /// Brings the batch to the set's present template and parameters. Overrides are kept.
    ///
    /// # Errors
    /// A wait, or what AWS refuses.
    pub async fn update_instances(
        &self,
        id: &str,
        batch: &Batch,
        pace: &Pace,
        keeps: &Keeps,
    ) -> Result<Started, Stop> {
        let Targets { accounts, deployment_targets, regions } = targets(batch, keeps);
        let sent = self
            .client
            .update_stack_instances()
            .stack_set_name(self.name.as_str())
            .operation_id(id)
            .operation_preferences(pace.preferences())
            .set_accounts(accounts)
            .set_deployment_targets(deployment_targets)
            .set_regions(Some(regions))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(Started::Yes),
            Err(error) => self.started(id, code(&error)).await.unwrap_or_else(|| {
                Err(Stop::of("cloudformation", "UpdateStackInstances", self.about(), &error))
            }),
        }
    }

    /// Makes the definition the set's, and brings the batch to it. All other instances become
    /// `OUTDATED`. `body` is the template's text where the definition's address is a file of the
    /// roll-out that fits into the request.
    ///
    /// # Errors
    /// A wait, or what AWS refuses.
    pub async fn update_set(
        &self,
        id: &str,
        batch: &Batch,
        pace: &Pace,
        (definition, body): (&Definition, Option<&str>),
        keeps: &Keeps,
    ) -> Result<Started, Stop> {
        let source = match (&definition.template, body) {
            (_, Some(body)) if body.len() <= LARGEST_BODY => Source::Body(body),
            (Template::Url(url), _) => Source::Url(url),
            (Template::Previous, _) => Source::Previous,
        };
        let Targets { accounts, deployment_targets, regions } = targets(batch, keeps);
        let request = self.client.update_stack_set().stack_set_name(self.name.as_str());
        let request = match source {
            Source::Url(url) => request.template_url(url),
            Source::Body(body) => request.template_body(body),
            Source::Previous => request.use_previous_template(true),
        };
        let sent = request
            .operation_id(id)
            .operation_preferences(pace.preferences())
            .set_parameters(Some(parameters(definition)))
            .set_capabilities(Some(capabilities(definition)))
            .set_description(keeps.description.clone())
            .set_administration_role_arn(keeps.administration_role_arn.clone())
            .set_execution_role_name(keeps.execution_role_name.clone())
            .set_accounts(accounts)
            .set_deployment_targets(deployment_targets)
            .set_regions(Some(regions))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(Started::Yes),
            Err(error) => self.started(id, code(&error)).await.unwrap_or_else(|| {
                Err(Stop::of("cloudformation", "UpdateStackSet", self.about(), &error))
            }),
        }
    }

    /// What a refusal to start means, by its code; nothing when it has no meaning of its own.
    async fn started(&self, id: &str, code: Option<&str>) -> Option<Result<Started, Stop>> {
        match code? {
            "OperationIdAlreadyExistsException" => Some(Ok(Started::Yes)),
            // The id was used before something else: or something else came between.
            "StaleRequestException" => Some(match self.operation(id).await {
                Ok(Some(_)) => Ok(Started::Yes),
                Ok(None) => Ok(Started::Busy("another operation came between".to_owned())),
                Err(stop) => Err(stop),
            }),
            "OperationInProgressException" => {
                Some(Ok(Started::Busy("another operation is in progress".to_owned())))
            }
            "LimitExceededException" => {
                let limit = "CloudFormation's limit on queued operations is reached";
                Some(Ok(Started::Busy(limit.to_owned())))
            }
            "StackInstanceNotFoundException" => Some(Ok(Started::InstanceGone)),
            _ => None,
        }
    }

    /// Stops an operation: what has not begun never will. One that has ended is fine.
    ///
    /// # Errors
    /// A wait, or what AWS refuses.
    pub async fn stop(&self, id: &str) -> Result<(), Stop> {
        let request = self.client.stop_stack_set_operation();
        match request.stack_set_name(self.name.as_str()).operation_id(id).send().await {
            Ok(_) => Ok(()),
            Err(error) => match code(&error) {
                Some("InvalidOperationException" | "OperationNotFoundException") => Ok(()),
                _ => {
                    let call = "StopStackSetOperation";
                    Err(Stop::of("cloudformation", call, format!("operation {id}"), &error))
                }
            },
        }
    }
}

fn parameters(definition: &Definition) -> Vec<Parameter> {
    let parameter = |(key, value): (&String, &Option<String>)| {
        let parameter = Parameter::builder().parameter_key(key);
        match value {
            Some(value) => parameter.parameter_value(value).build(),
            None => parameter.use_previous_value(true).build(),
        }
    };
    definition.parameters.iter().map(parameter).collect()
}

fn capabilities(definition: &Definition) -> Vec<Capability> {
    definition.capabilities.iter().map(|one| Capability::from(one.as_str())).collect()
}
