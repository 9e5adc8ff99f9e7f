//! An execution ended: find out how, say so once, and note that it was said.

use std::time::Duration;

use lambda_kit::sdk::{Trouble, Wire};
use lambda_kit::{Clock, Lookup, client};
use lifecycle::{
    AccountId, Fault, OnboardingOutcome, TenantId, TenantLeft, TenantReady,
    TenantSignupContradicted,
};
use serde::{Deserialize, Serialize};
use tenant_records::TenantRecords;

use crate::announcement::{Announcement, TenantOnboardingFailed};
use crate::config::Config;
use crate::error::{Call, Error};
use crate::execution::{Execution, read_failure};

/// Lambda tries an event three times within minutes and then gives it up, so that throttles that
/// come back can outlast all three. One attempt outlasts them by itself.
const PATIENCE: Duration = Duration::from_secs(150);

/// The function, ready to be called.
#[derive(Debug, Clone)]
pub struct App {
    pub(crate) config: Config,
    pub(crate) states: aws_sdk_sfn::Client,
    pub(crate) events: aws_sdk_eventbridge::Client,
    pub(crate) topics: aws_sdk_sns::Client,
    pub(crate) objects: aws_sdk_s3::Client,
    pub(crate) records: TenantRecords,
    pub(crate) clock: Clock,
}

impl App {
    /// The function on a wire of one's choice.
    pub fn new(wire: &Wire, config: Config, clock: Clock) -> Self {
        let wire = &wire.patient(PATIENCE);
        Self {
            records: TenantRecords::new(wire, config.runs_bucket.clone()),
            config,
            states: client!(aws_sdk_sfn, wire),
            events: client!(aws_sdk_eventbridge, wire),
            topics: client!(aws_sdk_sns, wire),
            objects: client!(aws_sdk_s3, wire),
            clock,
        }
    }

    /// The function in Lambda.
    ///
    /// # Errors
    /// Names the variable that is missing or wrong.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, lambda_kit::config::Error> {
        Ok(Self::new(&Wire::load(lookup)?, Config::load(lookup)?, Clock::system()))
    }
}

/// Step Functions' event `Step Functions Execution Status Change`, as far as it matters here:
/// <https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html>.
#[derive(Debug, Clone, Deserialize)]
pub struct Request {
    /// What happened to which execution.
    pub detail: Detail,
}

/// What happened to which execution.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Detail {
    /// The execution.
    pub execution_arn: String,
    /// How it ended.
    pub status: Status,
    /// How often it had been redriven. Events from before AWS had redrives lack it.
    #[serde(default)]
    pub redrive_count: Option<i32>,
}

/// How an execution ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// It has an outcome: the tenant is ready, or what was expected came of it.
    Succeeded,
    /// A step failed.
    Failed,
    /// The machine's own time was over.
    TimedOut,
    /// Somebody stopped it.
    Aborted,
}

impl Status {
    /// The word of Step Functions.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Aborted => "ABORTED",
        }
    }

    pub(crate) fn of(word: &str) -> Option<Self> {
        [Self::Succeeded, Self::Failed, Self::TimedOut, Self::Aborted]
            .into_iter()
            .find(|status| status.as_str() == word)
    }
}

/// What was ensured: the outcome has been announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename = "DONE")]
pub struct Response {
    /// Whether this call did it. False when an earlier one did, and when the execution has been
    /// redriven since: then its next end is announced.
    pub announced: bool,
    /// The event; nothing when the execution was redriven since.
    pub event: Option<EventName>,
}

/// The events that this function sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventName {
    /// The tenant's account is ready.
    TenantReady,
    /// The tenant left while it was being onboarded.
    TenantLeft,
    /// The signup contradicts what is there.
    TenantSignupContradicted,
    /// Onboarding needs a person.
    TenantOnboardingFailed,
    /// A change of a live tenant needs a person.
    TenantChangeFailed,
}

impl EventName {
    /// The event's detail type.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TenantReady => TenantReady::DETAIL_TYPE,
            Self::TenantLeft => TenantLeft::DETAIL_TYPE,
            Self::TenantSignupContradicted => TenantSignupContradicted::DETAIL_TYPE,
            Self::TenantOnboardingFailed => TenantOnboardingFailed::DETAIL_TYPE,
            Self::TenantChangeFailed => "TenantChangeFailed",
        }
    }
}

impl EventName {
    fn of(outcome: &OnboardingOutcome) -> Self {
        match outcome {
            OnboardingOutcome::Ready(_) => Self::TenantReady,
            OnboardingOutcome::Left(_) => Self::TenantLeft,
            OnboardingOutcome::Contradicted(_) => Self::TenantSignupContradicted,
        }
    }
}

/// Announces the end of an execution, once for each time that it ended.
///
/// The note that it was announced is written last: a call that breaks off in between announces
/// again, which a reader of events has to bear anyway, and never stays silent.
///
/// # Errors
/// See [`Error`]. Lambda repeats the call.
pub async fn handle(app: &App, request: Request) -> Result<Response, Error> {
    let Detail { execution_arn, status, redrive_count } = request.detail;
    let name = execution_name(&execution_arn)?;
    let execution = Box::pin(Execution::read(app, &execution_arn)).await?;
    if !execution.is_at(status, redrive_count)? {
        tracing::info!(
            execution.arn = execution_arn,
            "{} is not announced: the execution has been redriven since",
            status.as_str()
        );
        return Ok(Response { announced: false, event: None });
    }
    let announcement = Announcement {
        app,
        execution_arn: &execution_arn,
        note: format!("announced/{name}/{}-{}", execution.redrive_count, status.as_str()),
    };
    let is_change = execution.is_change();
    let outcome = match status {
        // The machine itself has told it.
        Status::Succeeded if is_change => return Ok(Response { announced: false, event: None }),
        Status::Succeeded => Some(execution.outcome()?),
        Status::Failed | Status::TimedOut | Status::Aborted => None,
    };
    let failure =
        if is_change { EventName::TenantChangeFailed } else { EventName::TenantOnboardingFailed };
    let event = outcome.as_ref().map_or(failure, EventName::of);
    if Box::pin(announcement.is_noted()).await? {
        return Ok(Response { announced: false, event: Some(event) });
    }
    let (tenant_id, failed) = match outcome {
        Some(mut outcome) => {
            if let OnboardingOutcome::Left(left) = &mut outcome
                && left.account_id.is_none()
            {
                left.account_id =
                    Box::pin(recorded_account(app, &left.tenant_id, &execution_arn)).await?;
            }
            announcement.send(event, &outcome).await?;
            (outcome.tenant_id().to_string(), None)
        }
        None => {
            let mut failed = Box::pin(read_failure(app, &execution, status, name)).await?;
            // An onboarding that met the account and ended there has no step that answered with it.
            if let (None, Ok(tenant)) = (&failed.account_id, failed.tenant_id.parse()) {
                failed.account_id =
                    Box::pin(recorded_account(app, &tenant, &execution_arn)).await?;
            }
            announcement.send(event, &failed).await?;
            Box::pin(announcement.tell_operators(event, &failed)).await?;
            (failed.tenant_id.clone(), Some(failed))
        }
    };
    Box::pin(announcement.note(event, failed.as_ref())).await?;
    tracing::info!(
        tenant.id = tenant_id,
        execution.arn = execution_arn,
        "announced {}",
        event.as_str()
    );
    Ok(Response { announced: true, event: Some(event) })
}

/// The account that the tenant's record names.
async fn recorded_account(
    app: &App,
    tenant: &TenantId,
    execution_arn: &str,
) -> Result<Option<AccountId>, Error> {
    match app.records.read(tenant).await {
        Ok(record) => Ok(record.and_then(|record| record.account_id)),
        Err(Trouble::Passing(refusal)) => {
            let call = Call { service: "s3", name: "GetObject", execution_arn };
            Err(call.try_again(&refusal.to_string()))
        }
        // What cannot be known is left out, and the rest is told.
        Err(Trouble::Refused(refusal)) => {
            tracing::warn!(tenant.id = %tenant, "its record is not read: {refusal}");
            Ok(None)
        }
    }
}

fn execution_name(arn: &str) -> Result<&str, Fault> {
    let mut parts = arn.splitn(8, ':').skip(5);
    match (parts.next(), parts.next(), parts.next()) {
        (Some("execution"), Some(_), Some(name)) if !name.is_empty() && !name.contains(':') => {
            Ok(name)
        }
        _ => Err(Fault::new("detail.executionArn", arn, "must be the ARN of an execution")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_last_part_of_an_executions_arn() {
        let arn = "arn:aws:states:eu-central-1:111122223333:execution:onboard-tenant:acme_2";
        assert_eq!(execution_name(arn).unwrap(), "acme_2");
        for wrong in [
            "",
            "acme",
            "arn:aws:states:eu-central-1:111122223333:stateMachine:onboard-tenant",
            "arn:aws:states:eu-central-1:111122223333:express:onboard-tenant:acme:1",
            "arn:aws:states:eu-central-1:111122223333:execution:onboard-tenant:",
        ] {
            assert!(execution_name(wrong).is_err(), "{wrong}");
        }
    }
}
