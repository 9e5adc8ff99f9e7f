//! The executions of a tenant: where each stands, and what it waits for.

use jiff::Timestamp;
use lambda_kit::client;
use lambda_kit::sdk::{Trouble, Wire, code};
use lifecycle::TenantId;
use serde::Serialize;
use serde_json::Value;

use crate::failure::Failure;
use crate::ground::Reading;
use crate::patience::patiently;

/// How many executions of a machine are asked whether they are the tenant's.
const ASKED: usize = 200;
/// How much of a history is read, from its end.
const EVENTS: i32 = 100;

/// One execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Execution {
    pub(super) machine: &'static str,
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) status: String,
    pub(super) began: Option<Timestamp>,
    pub(super) ended: Option<Timestamp>,
    /// The error and its cause, when it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    /// The state in which it is, or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<String>,
    /// What it waits for, in the function's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) because: Option<String>,
}

/// The newest onboarding, and the changes and offboardings that run.
pub(super) async fn read(reading: &mut Reading, wire: &Wire, tenant: &TenantId) -> Vec<Execution> {
    let client = client!(aws_sdk_sfn, wire);
    let mut all = Vec::new();
    let read = Box::pin(onboarding(&client, &reading.machines.onboarding, tenant)).await;
    all.extend(reading.said("the tenant's onboardings", read).flatten());
    for (machine, word) in [
        (reading.machines.changes.clone(), "converge-tenant"),
        (reading.machines.offboarding.clone(), "offboard-tenant"),
    ] {
        let read = Box::pin(running(&client, reading, (&machine, word), tenant)).await;
        all.extend(
            reading.said(&format!("the executions of {word} that run"), read).into_iter().flatten(),
        );
    }
    for one in &mut all {
        let read = Box::pin(history(&client, one)).await;
        reading.said(&format!("the history of {}", one.name), read);
    }
    all
}

/// The newest onboarding: `acme`, `acme_2`, … Step Functions forgets a name after 90 days.
async fn onboarding(
    client: &aws_sdk_sfn::Client,
    machine: &str,
    tenant: &TenantId,
) -> Result<Option<Execution>, Failure> {
    let base = machine.replacen(":stateMachine:", ":execution:", 1);
    let (mut newest, mut number, mut missing) = (None, 1, 0);
    while missing < 2 {
        let arn = match number {
            1 => format!("{base}:{tenant}"),
            number => format!("{base}:{tenant}_{number}"),
        };
        match describe(client, "onboard-tenant", &arn).await? {
            Some(found) => (newest, missing) = (Some(found), 0),
            None => missing += 1,
        }
        number += 1;
    }
    Ok(newest)
}

async fn running(
    client: &aws_sdk_sfn::Client,
    reading: &Reading,
    (machine, word): (&str, &'static str),
    tenant: &TenantId,
) -> Result<Vec<Execution>, Failure> {
    let (mut found, mut token, mut asked) = (Vec::new(), None, 0);
    loop {
        let page = patiently(format!("list what runs of {word}"), || {
            reading.reads.read_running(machine, token.clone())
        });
        let page = page.await?;
        for one in page.rows {
            if asked == ASKED {
                return Ok(found);
            }
            asked += 1;
            let input = patiently(format!("read execution {}", one.name), || {
                reading.reads.read_input(&one.arn)
            });
            let Some(input) = input.await? else { continue };
            let about = input["detail"]["tenantId"].as_str().unwrap_or_default();
            let is_it = TenantId::of_original(about).is_ok_and(|(about, _)| about == *tenant);
            if is_it {
                found.extend(describe(client, word, &one.arn).await?);
            }
        }
        token = page.next;
        if token.is_none() {
            return Ok(found);
        }
    }
}

async fn describe(
    client: &aws_sdk_sfn::Client,
    machine: &'static str,
    arn: &str,
) -> Result<Option<Execution>, Failure> {
    let read = patiently(format!("read execution {arn}"), || async {
        match client.describe_execution().execution_arn(arn).send().await {
            Ok(shown) => Ok(Some(shown)),
            Err(error) if code(&error) == Some("ExecutionDoesNotExist") => Ok(None),
            Err(error) => Err(Trouble::of("states", "DescribeExecution", &error)),
        }
    });
    let Some(shown) = read.await? else { return Ok(None) };
    let error = shown.error().map(|error| match shown.cause() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_owned(),
    });
    let at = |at: &aws_sdk_sfn::primitives::DateTime| Timestamp::from_second(at.secs()).ok();
    Ok(Some(Execution {
        machine,
        name: shown.name().unwrap_or_default().to_owned(),
        arn: arn.to_owned(),
        status: shown.status().as_str().to_owned(),
        began: at(shown.start_date()),
        ended: shown.stop_date().and_then(at),
        error,
        state: None,
        because: None,
    }))
}

/// Where it is, and what it waits for: the last state that it entered, and the last answer of a
/// function that was not done.
async fn history(client: &aws_sdk_sfn::Client, one: &mut Execution) -> Result<(), Failure> {
    if one.status == "SUCCEEDED" {
        return Ok(());
    }
    let arn = one.arn.clone();
    let read = patiently(format!("read the history of {}", one.name), || async {
        let read = client
            .get_execution_history()
            .execution_arn(&arn)
            .max_results(EVENTS)
            .reverse_order(true)
            .include_execution_data(true)
            .send();
        read.await.map_err(|error| Trouble::of("states", "GetExecutionHistory", &error))
    });
    let page = read.await?;
    for event in page.events() {
        if let (None, Some(entered)) = (&one.state, event.state_entered_event_details()) {
            one.state = Some(entered.name().to_owned());
        }
        let output = event.task_succeeded_event_details().and_then(|it| it.output());
        if let (None, Some(output)) = (&one.because, output) {
            let answer: Value = serde_json::from_str(output).unwrap_or_default();
            let answer = answer.get("Payload").unwrap_or(&answer);
            if answer["status"] == "PENDING" {
                one.because = answer["because"].as_str().map(str::to_owned);
            }
            break;
        }
    }
    Ok(())
}
