//! A tenant's executions of `onboard-tenant`.

use aws_sdk_sfn::types::ExecutionStatus;
use jiff::Timestamp;
use lifecycle::{Fault, OnboardingOutcome, TenantDocument, TenantId};
use serde_json::Value;

use crate::decide::{Execution, Standing, execution_name};
use crate::error::{Call, Error, words};
use crate::handler::App;

const DESCRIBE: Call = Call { service: "states", name: "DescribeExecution" };
const START: Call = Call { service: "states", name: "StartExecution" };

/// An execution as Step Functions describes it.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) execution: Execution,
    arn: String,
    input: String,
    output: Option<String>,
    started: aws_smithy_types::DateTime,
    stopped: Option<aws_smithy_types::DateTime>,
    /// How often it was redriven, and Step Functions' word for how it stands.
    redrives: i32,
    status: String,
}

impl Found {
    /// The tenant's id as the signup system writes it; nothing when its input says nothing.
    pub(crate) fn original(&self) -> Option<String> {
        let input: Value = serde_json::from_str(&self.input).ok()?;
        let id = input.get("originalTenantId").filter(|id| !id.is_null());
        Some(id.or_else(|| input.get("tenantId"))?.as_str()?.to_owned())
    }

    /// What it was started with; nothing when its input is no document.
    pub(crate) fn document(&self) -> Option<TenantDocument> {
        serde_json::from_str(&self.input).ok()
    }

    /// What was said of its end, if it has been said: `announce-outcome` keeps it.
    pub(crate) async fn announced_failure(&self, app: &App) -> Result<Option<Value>, Error> {
        let name = execution_name_of(&self.arn);
        let key = format!("announced/{name}/{}-{}", self.redrives, self.status);
        let note: Option<Value> = Box::pin(app.files.read_json(&key)).await?;
        Ok(note.and_then(|mut note| note.get_mut("detail").map(Value::take)))
    }

    /// What it said when it succeeded.
    pub(crate) fn outcome(&self) -> Result<OnboardingOutcome, Error> {
        let read = || {
            let ended = self.stopped.as_ref().ok_or_else(|| Fault::missing("stopDate"))?;
            OnboardingOutcome::of_execution(
                &self.input,
                self.output.as_deref().unwrap_or("null"),
                &self.arn,
                timestamp(&self.started)?,
                timestamp(ended)?,
            )
        };
        let execution_arn = self.arn.clone();
        read().map_err(|fault| Error::OutcomeUnreadable { execution_arn, fault })
    }
}

/// All executions of the tenant that Step Functions remembers. It forgets a name 90 days after
/// its execution ended, so one name that is not there does not mean that the next is not.
pub(crate) async fn find_all(app: &App, tenant: &TenantId) -> Result<Vec<Found>, Error> {
    let mut all = Vec::new();
    let (mut number, mut missing) = (1, 0);
    while missing < 2 {
        match find(app, tenant, number).await? {
            Some(found) => {
                missing = 0;
                all.push(found);
            }
            None => missing += 1,
        }
        number += 1;
    }
    Ok(all)
}

async fn find(app: &App, tenant: &TenantId, number: u32) -> Result<Option<Found>, Error> {
    let arn = app.config.execution_arn(&execution_name(tenant, number));
    let found = match app.states.describe_execution().execution_arn(&arn).send().await {
        Ok(found) => found,
        Err(error) => {
            let service = error.as_service_error();
            return match service {
                Some(service) if service.is_execution_does_not_exist() => Ok(None),
                _ => Err(DESCRIBE.error(&error)),
            };
        }
    };
    let standing = match found.status() {
        ExecutionStatus::Succeeded => Standing::Succeeded,
        ExecutionStatus::Failed | ExecutionStatus::TimedOut | ExecutionStatus::Aborted => {
            Standing::Failed
        }
        _ => Standing::Running,
    };
    let (redrives, status) =
        (found.redrive_count().unwrap_or(0), found.status().as_str().to_owned());
    let input = found.input.unwrap_or_default();
    let event_id = event_id(&input);
    Ok(Some(Found {
        execution: Execution { number, standing, event_id },
        arn,
        input,
        output: found.output,
        started: found.start_date,
        stopped: found.stop_date,
        redrives,
        status,
    }))
}

/// The name that an execution's ARN ends with.
fn execution_name_of(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or_default()
}

fn event_id(input: &str) -> Option<String> {
    let input: Value = serde_json::from_str(input).ok()?;
    Some(input.get("eventId")?.as_str()?.to_owned())
}

fn timestamp(date: &aws_smithy_types::DateTime) -> Result<Timestamp, Fault> {
    Timestamp::new(date.secs(), i32::try_from(date.subsec_nanos()).unwrap_or(0))
        .map_err(|error| Fault::of("date", date.secs(), format!("is no time: {error}")))
}

/// What came of starting an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Started {
    /// This call started it, or the same call whose answer was lost a moment ago.
    Now,
    /// It had been started for the same event before.
    Before,
}

/// Starts the execution, or finds that it was started for the same event.
pub(crate) async fn start(
    app: &App,
    name: &str,
    document: &TenantDocument,
) -> Result<Started, Error> {
    let refused = |message: String| Error::ExecutionRefused { name: name.to_owned(), message };
    let input = serde_json::to_string(document).map_err(|error| refused(error.to_string()))?;
    let answer = app
        .states
        .start_execution()
        .state_machine_arn(&app.config.state_machine_arn)
        .name(name)
        .input(input)
        .send()
        .await;
    let Err(error) = answer else { return Ok(Started::Now) };
    match error.as_service_error() {
        Some(service) if service.is_execution_already_exists() => {
            let arn = app.config.execution_arn(name);
            let found = app.states.describe_execution().execution_arn(arn).send().await;
            let found = found.map_err(|error| DESCRIBE.error(&error))?;
            if event_id(found.input().unwrap_or_default()).as_ref() == Some(&document.event_id) {
                Ok(Started::Before)
            } else {
                Err(START.try_again(format!("{name} was taken by another signup")))
            }
        }
        Some(service)
            if service.is_invalid_execution_input()
                || service.is_invalid_name()
                || service.is_validation_exception() =>
        {
            Err(refused(words(&error)))
        }
        // A million open executions: some of them end.
        Some(service) if service.is_execution_limit_exceeded() => {
            Err(START.try_again("ExecutionLimitExceeded"))
        }
        _ => Err(START.error(&error)),
    }
}
