//! What Step Functions knows of the execution.

use aws_sdk_sfn::types::HistoryEvent;
use jiff::Timestamp;
use lifecycle::{AccountId, Fault, OnboardingOutcome, TenantChanged, TenantSignedUp};
use serde_json::{Value, json};

use crate::announcement::TenantOnboardingFailed;
use crate::decide::{Event, account_id, failed_step, last_step, readable};
use crate::error::{Call, Error};
use crate::handler::{App, Status};

const PAGE: i32 = 200;
/// A day of waiting makes fewer than 2,000 events; what matters for a failure is at their end.
const MOST_PAGES: usize = 10;

/// An execution as Step Functions describes it.
#[derive(Debug)]
pub(crate) struct Execution {
    arn: String,
    /// How it ended; nothing while it runs.
    status: Option<Status>,
    pub(crate) redrive_count: i32,
    input: String,
    output: Option<String>,
    error: Option<String>,
    cause: Option<String>,
    started_at: Timestamp,
    stopped_at: Option<Timestamp>,
}

impl Execution {
    /// Reads the execution.
    pub(crate) async fn read(app: &App, arn: &str) -> Result<Self, Error> {
        let call = Call { service: "states", name: "DescribeExecution", execution_arn: arn };
        let found = app
            .states
            .describe_execution()
            .execution_arn(arn)
            .send()
            .await
            .map_err(|error| call.error(&error))?;
        Ok(Self {
            arn: arn.to_owned(),
            status: Status::of(found.status().as_str()),
            redrive_count: found.redrive_count().unwrap_or(0),
            started_at: timestamp("startDate", found.start_date())?,
            stopped_at: found.stop_date().map(|date| timestamp("stopDate", date)).transpose()?,
            input: found.input.unwrap_or_default(),
            output: found.output,
            error: found.error,
            cause: found.cause,
        })
    }

    /// Whether the execution is still where the event left it; false when it went on since.
    pub(crate) fn is_at(&self, status: Status, redrive_count: Option<i32>) -> Result<bool, Error> {
        if redrive_count.is_some_and(|count| count < self.redrive_count) {
            return Ok(false);
        }
        match self.status {
            Some(found) => Ok(found == status),
            // DescribeExecution may lag behind the event; a redrive would have counted.
            None => {
                let call =
                    Call { service: "states", name: "DescribeExecution", execution_arn: &self.arn };
                Err(call.try_again("the execution is not seen to have ended yet"))
            }
        }
    }

    /// Whether it carries out a change of a live tenant: its input is that event, as the bus
    /// delivered it, and no document.
    pub(crate) fn is_change(&self) -> bool {
        self.input().get("detail-type").and_then(Value::as_str) == Some(TenantChanged::DETAIL_TYPE)
    }

    fn input(&self) -> Value {
        serde_json::from_str(&self.input).unwrap_or(Value::Null)
    }

    /// What an execution that succeeded has to tell.
    pub(crate) fn outcome(&self) -> Result<OnboardingOutcome, Fault> {
        let output = self.output.as_deref().unwrap_or("null");
        let ended = self.stopped_at.ok_or_else(|| Fault::missing("stopDate"))?;
        OnboardingOutcome::of_execution(&self.input, output, &self.arn, self.started_at, ended)
    }
}

/// What an execution that did not succeed has to tell.
pub(crate) async fn read_failure(
    app: &App,
    execution: &Execution,
    status: Status,
    name: &str,
) -> Result<TenantOnboardingFailed, Error> {
    let (step, account_id) = read_history(app, &execution.arn, status).await?;
    let input = of_event(execution.input());
    let text = |field: &str| input.get(field).and_then(Value::as_str).map(ToOwned::to_owned);
    let by_name = || name.split_once('_').map_or(name, |(tenant, _)| tenant).to_owned();
    let (error, cause) = match status {
        Status::TimedOut => (
            Some("States.Timeout".to_owned()),
            Some("The execution ran longer than the machine allows.".to_owned()),
        ),
        Status::Aborted => (None, Some("The execution was stopped.".to_owned())),
        Status::Failed | Status::Succeeded => (None, None),
    };
    Ok(TenantOnboardingFailed {
        // A document that is no signup's was started by hand; its name is all that is known.
        tenant_id: text("tenantId").unwrap_or_else(by_name),
        account_id,
        event_id: text("eventId"),
        execution_arn: execution.arn.clone(),
        status,
        step,
        error: execution.error.clone().or(error),
        cause: execution.cause.as_deref().map(readable).or(cause),
        metadata: input.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default(),
        original_tenant_id: text("originalTenantId"),
    })
}

/// The input in the words of a document, where it is an event.
fn of_event(input: Value) -> Value {
    let Some(detail) = input.get("detail") else { return input };
    let tenant = TenantSignedUp::tenant_id_in(detail);
    json!({
        "tenantId": tenant.as_ref().map(|(tenant, _)| tenant),
        "originalTenantId": tenant.as_ref().and_then(|(_, original)| original.as_ref()),
        "eventId": input.get("id"),
        "metadata": TenantSignedUp::metadata_in(detail),
    })
}

/// The step and the account. The history is read from its end, as far as it takes to know both.
async fn read_history(
    app: &App,
    arn: &str,
    status: Status,
) -> Result<(Option<String>, Option<AccountId>), Error> {
    let call = Call { service: "states", name: "GetExecutionHistory", execution_arn: arn };
    let mut events: Vec<Event> = Vec::new();
    let mut token = None;
    for _ in 0..MOST_PAGES {
        let page = app
            .states
            .get_execution_history()
            .execution_arn(arn)
            .reverse_order(true)
            .include_execution_data(true)
            .max_results(PAGE)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| call.error(&error))?;
        events.extend(page.events().iter().map(event));
        token = page.next_token.filter(|token| !token.is_empty());
        let known = last_step(&events).is_some() && account_id(&events).is_some();
        if known || token.is_none() {
            break;
        }
    }
    let step = match status {
        Status::Failed | Status::Succeeded => failed_step(&events),
        Status::TimedOut | Status::Aborted => last_step(&events),
    };
    Ok((step, account_id(&events)))
}

fn event(found: &HistoryEvent) -> Event {
    let entered = found.state_entered_event_details();
    let exited = found.state_exited_event_details();
    let query = found.evaluation_failed_event_details();
    let mut data = Vec::new();
    data.extend(found.task_scheduled_event_details().map(|task| task.parameters().to_owned()));
    data.extend(found.task_succeeded_event_details().and_then(|task| task.output.clone()));
    if let Some(exited) = exited {
        data.extend(exited.output.clone());
        let variables = exited.assigned_variables().into_iter().flatten();
        let mut variables: Vec<_> = variables.collect();
        variables.sort();
        data.extend(variables.into_iter().map(|(_, value)| value.clone()));
    }
    let name = entered
        .map(|details| details.name())
        .or_else(|| exited.map(|details| details.name()))
        .or_else(|| query.map(|details| details.state()));
    Event {
        id: found.id(),
        previous_id: found.previous_event_id(),
        kind: found.r#type().as_str().to_owned(),
        state: name.map(ToOwned::to_owned),
        data,
    }
}

fn timestamp(field: &str, date: &aws_smithy_types::DateTime) -> Result<Timestamp, Fault> {
    let nanosecond = i32::try_from(date.subsec_nanos()).unwrap_or(0);
    Timestamp::new(date.secs(), nanosecond)
        .map_err(|error| Fault::of(field, date.secs(), format!("is no time: {error}")))
}
