//! What a stack set says of itself.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::{
    OperationResultFilter, OperationResultFilterName, PermissionModels,
    StackSetOperationResultSummary,
};
use jiff::Timestamp;
use lifecycle::rollout::{OperationName, taken_over};
use lifecycle::{AccountId, RegionName};
use sha2::{Digest, Sha256};
use stack_set_reasons::{Account, Class, Told, classify, is_gate_hole, needs_witness};

use super::StackSet;
use crate::cut::Instance;
use crate::error::{Error, Stop};
use crate::manifest::Manifest;
use crate::standing::Row;

/// The most that AWS lists in a page.
const PAGE: i32 = 100;
/// The most pages of the log that are read: ten thousand operations are months of enrolments.
const MOST_LOG_PAGES: usize = 100;

/// A stack set as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Described {
    /// The template's text.
    pub template: String,
    /// Its parameters' values; what is not to be seen reads `****`.
    pub parameters: BTreeMap<String, String>,
    /// What the template may do.
    pub capabilities: Vec<String>,
    /// Its description.
    pub description: Option<String>,
    /// The role by which it works, of self-managed sets.
    pub administration_role_arn: Option<String>,
    /// The role in the accounts, of self-managed sets.
    pub execution_role_name: Option<String>,
    /// Whether AWS manages its permissions.
    pub service_managed: bool,
    /// Whether AWS deploys to accounts by itself as they enter the set's OUs.
    pub auto_deployment: bool,
}

impl Described {
    /// Told by template and parameters: changes when anybody changes them.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.template.as_bytes());
        for (key, value) in &self.parameters {
            hash.update(format!("\n{key}={value}").as_bytes());
        }
        hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// An instance in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Which one.
    pub instance: Instance,
    /// Whether it is deployed from the set's present template and parameters.
    pub current: bool,
    /// How the last operation ended here: `SUCCEEDED`, `FAILED`, ….
    pub detailed: String,
    /// The last operation that was about it.
    pub last_operation: Option<String>,
    /// AWS's reason.
    pub reason: Option<String>,
}

/// An operation in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// Its id.
    pub id: String,
    /// Whether it has ended.
    pub ended: bool,
    /// When it was asked for.
    pub created: Option<Timestamp>,
}

/// How an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationStatus {
    /// It waits for its turn.
    Queued,
    /// It works; or AWS says something new.
    Running,
    /// It was stopped, and what had begun goes on.
    Stopping,
    /// It was stopped.
    Stopped,
    /// It came to its end, within its tolerance or beyond.
    Ended,
}

/// An operation as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// How it is.
    pub status: OperationStatus,
    /// When it ended.
    pub ended: Option<Timestamp>,
}

/// The results of an operation, as far as they are there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Results {
    /// Those that have ended.
    pub rows: Vec<Row>,
    /// Those that have not.
    pub unsettled: usize,
}

fn ended(status: Option<&str>) -> bool {
    matches!(status, Some("SUCCEEDED" | "FAILED" | "STOPPED"))
}

fn moment(at: Option<&aws_smithy_types::DateTime>) -> Option<Timestamp> {
    at.and_then(|at| Timestamp::from_nanosecond(at.as_nanos()).ok())
}

impl StackSet {
    fn missing(&self) -> Stop {
        Stop::Failed(Error::StackSetMissing { stack_set: self.name.clone() })
    }

    /// The set itself.
    ///
    /// # Errors
    /// `StackSetMissing`, a wait, or what AWS refuses.
    pub async fn describe(&self) -> Result<Described, Stop> {
        let request = self.client.describe_stack_set().stack_set_name(self.name.as_str());
        let answer = request.send().await.map_err(|error| match error.as_service_error() {
            Some(service) if service.is_stack_set_not_found_exception() => self.missing(),
            _ => Stop::of("cloudformation", "DescribeStackSet", self.about(), &error),
        })?;
        let Some(set) = answer.stack_set() else {
            return Err(Stop::Later(format!("{}: AWS described nothing", self.about())));
        };
        let parameters = set.parameters().iter().filter_map(|one| {
            Some((one.parameter_key()?.to_owned(), one.parameter_value()?.to_owned()))
        });
        Ok(Described {
            template: set.template_body().unwrap_or_default().to_owned(),
            parameters: parameters.collect(),
            capabilities: set.capabilities().iter().map(|one| one.as_str().to_owned()).collect(),
            description: set.description().map(str::to_owned),
            administration_role_arn: set.administration_role_arn().map(str::to_owned),
            execution_role_name: set.execution_role_name().map(str::to_owned),
            service_managed: set.permission_model() == Some(&PermissionModels::ServiceManaged),
            auto_deployment: set.auto_deployment().and_then(|auto| auto.enabled()) == Some(true),
        })
    }

    /// One page of instances, and the token of the next.
    ///
    /// # Errors
    /// `StackSetMissing`, a wait, or what AWS refuses.
    pub async fn instances(
        &self,
        token: Option<String>,
    ) -> Result<(Vec<Listed>, Option<String>), Stop> {
        let request = self.client.list_stack_instances().stack_set_name(self.name.as_str());
        let answer = request.max_results(PAGE).set_next_token(token).send().await;
        let page = answer.map_err(|error| match error.as_service_error() {
            Some(service) if service.is_stack_set_not_found_exception() => self.missing(),
            _ => Stop::of("cloudformation", "ListStackInstances", self.about(), &error),
        })?;
        let listed = page.summaries().iter().filter_map(|one| {
            let status = one.status().map(|status| status.as_str());
            let detailed = one.stack_instance_status().and_then(|status| status.detailed_status());
            Some(Listed {
                instance: Instance {
                    account: one.account()?.parse().ok()?,
                    region: one.region()?.parse().ok()?,
                    inoperable: status == Some("INOPERABLE"),
                    unit: one.organizational_unit_id().map(str::to_owned),
                },
                current: status == Some("CURRENT"),
                detailed: detailed.map(|one| one.as_str()).unwrap_or_default().to_owned(),
                last_operation: one.last_operation_id().map(str::to_owned),
                reason: one.status_reason().map(str::to_owned),
            })
        });
        let listed = listed.collect();
        Ok((listed, page.next_token.filter(|token| !token.is_empty())))
    }

    /// The newest hundred operations, newest first.
    ///
    /// # Errors
    /// `StackSetMissing`, a wait, or what AWS refuses.
    pub async fn log(&self) -> Result<Vec<Logged>, Stop> {
        self.log_back_to(|_| true).await
    }

    /// The operations, newest first, page by page until one of a page is what is looked for, or
    /// the log's end: enrolments may have put a rollout's operations far back.
    ///
    /// # Errors
    /// `StackSetMissing`, a wait, or what AWS refuses.
    pub async fn log_back_to(&self, found: impl Fn(&Logged) -> bool) -> Result<Vec<Logged>, Stop> {
        let mut log: Vec<Logged> = Vec::new();
        let mut token = None;
        for _ in 0..MOST_LOG_PAGES {
            let request =
                self.client.list_stack_set_operations().stack_set_name(self.name.as_str());
            let answer = request.max_results(PAGE).set_next_token(token).send().await;
            let page = answer.map_err(|error| match error.as_service_error() {
                Some(service) if service.is_stack_set_not_found_exception() => self.missing(),
                _ => Stop::of("cloudformation", "ListStackSetOperations", self.about(), &error),
            })?;
            let logged = page.summaries().iter().filter_map(|one| {
                let ended = ended(one.status().map(|status| status.as_str()));
                let created = moment(one.creation_timestamp());
                Some(Logged { id: one.operation_id()?.to_owned(), ended, created })
            });
            let before = log.len();
            log.extend(logged);
            token = page.next_token.filter(|token| !token.is_empty());
            let seen = log.get(before..).unwrap_or_default().iter().any(&found);
            if seen || token.is_none() {
                break;
            }
        }
        // Stable: what was asked for in the same second stays as AWS listed it.
        log.sort_by_key(|one| std::cmp::Reverse(one.created));
        Ok(log)
    }

    /// The operation by which another rollout has taken the set over since this one was planned.
    ///
    /// # Errors
    /// `StackSetMissing`, a wait, or what AWS refuses.
    pub async fn taken_over(&self, manifest: &Manifest) -> Result<Option<OperationName>, Stop> {
        let planned = manifest.planned_at;
        let is_older = |one: &Logged| one.created.is_some_and(|created| created < planned);
        let log = self.log_back_to(is_older).await?;
        Ok(taken_over(log.iter().map(|one| one.id.as_str()), &manifest.header.hash()))
    }

    /// An operation; nothing when there is none of that id.
    ///
    /// # Errors
    /// `StackSetMissing`, a wait, or what AWS refuses.
    pub async fn operation(&self, id: &str) -> Result<Option<Seen>, Stop> {
        let request = self.client.describe_stack_set_operation();
        let request = request.stack_set_name(self.name.as_str()).operation_id(id);
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => match error.as_service_error() {
                Some(service) if service.is_operation_not_found_exception() => return Ok(None),
                Some(service) if service.is_stack_set_not_found_exception() => {
                    return Err(self.missing());
                }
                _ => {
                    let call = "DescribeStackSetOperation";
                    return Err(Stop::of("cloudformation", call, self.about(), &error));
                }
            },
        };
        let Some(one) = answer.stack_set_operation() else { return Ok(None) };
        let status = match one.status().map(|status| status.as_str()) {
            Some("QUEUED") => OperationStatus::Queued,
            Some("STOPPING") => OperationStatus::Stopping,
            Some("STOPPED") => OperationStatus::Stopped,
            Some("SUCCEEDED" | "FAILED") => OperationStatus::Ended,
            _ => OperationStatus::Running,
        };
        Ok(Some(Seen { status, ended: moment(one.end_timestamp()) }))
    }

    /// All results of an operation; the failed ones only, if so asked.
    ///
    /// # Errors
    /// A wait, or what AWS refuses.
    pub async fn results(&self, id: &str, failed_only: bool) -> Result<Results, Stop> {
        let mut results = Results::default();
        let mut token = None;
        let filter = failed_only.then(|| {
            let filter = OperationResultFilter::builder();
            filter.name(OperationResultFilterName::OperationResultStatus).values("FAILED").build()
        });
        loop {
            let page = self
                .client
                .list_stack_set_operation_results()
                .stack_set_name(self.name.as_str())
                .operation_id(id)
                .set_filters(filter.clone().map(|filter| vec![filter]))
                .max_results(PAGE)
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| {
                    let call = "ListStackSetOperationResults";
                    Stop::of("cloudformation", call, format!("operation {id}"), &error)
                })?;
            for summary in page.summaries() {
                match row(summary) {
                    Some(row) => results.rows.push(row),
                    None => results.unsettled += 1,
                }
            }
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(results);
            }
        }
    }
}

fn row(summary: &StackSetOperationResultSummary) -> Option<Row> {
    let gate = summary.account_gate_result();
    let gate_reason = gate.and_then(|gate| gate.status_reason()).unwrap_or_default();
    let told = Told {
        status: summary.status().map(|status| status.as_str()).unwrap_or_default(),
        reason: summary.status_reason().unwrap_or_default(),
        gate: gate.and_then(|gate| gate.status()).map(|one| one.as_str()).unwrap_or_default(),
        gate_reason,
        // Whoever takes the results asks, where it matters.
        account: Account::NotAsked,
    };
    let account: AccountId = summary.account()?.parse().ok()?;
    let region: RegionName = summary.region()?.parse().ok()?;
    let class = classify(told)?;
    let reason = match class {
        Class::Succeeded => "",
        Class::Vetoed if !gate_reason.is_empty() => gate_reason,
        _ => told.reason,
    };
    let mut row = Row::new(account, region, class, reason);
    row.gate_hole = is_gate_hole(told);
    row.needs_witness = needs_witness(told);
    Some(row)
}
