//! One signup from its message to its answer.

use lifecycle::{Admission, Fault, SignupEvent, TenantDocument, TenantSignedUp, TiersConfig};

use crate::answers::{TenantAdmitted, TenantRejected, send_admitted, send_outcome, send_rejected};
use crate::decide::{Event, Meaning, execution_name, meaning, read_event, when_ready};
use crate::error::{Call, Error};
use crate::executions::{Started, find_all, start};
use crate::handler::{App, Outcome, Record};
use crate::room::{accounts_in, lack_of_room};

/// Answers the signup, unless there is no room for it.
pub(crate) async fn admit(app: &App, record: &Record) -> Result<Outcome, Error> {
    let event = read_event(&record.body).map_err(Error::NotAnEvent)?;
    if let Some(replay) = event.replay.as_deref().filter(|_| !app.config.admit_replays) {
        let rule = "must not be there: events that are replayed are not admitted";
        let reasons = vec![Fault::new("replay-name", replay, rule).to_string()];
        return reject(app, &event, reasons).await;
    }
    let tiers = Box::pin(read_tiers(app)).await?;
    let signup = SignupEvent { id: &event.id, time: event.time, detail: &event.detail };
    let admission = Admission {
        tiers: &tiers,
        naming: &app.config.naming,
        units: &app.config.units,
        deadline_seconds: app.config.deadline_seconds,
    };
    let document = match TenantDocument::resolve(signup, admission) {
        Ok(document) => document,
        Err(faults) => return reject(app, &event, faults.reasons()).await,
    };
    onboard(app, &event, &document).await
}

async fn onboard(app: &App, event: &Event, document: &TenantDocument) -> Result<Outcome, Error> {
    let tenant_id = &document.tenant_id;
    let found = Box::pin(find_all(app, tenant_id)).await?;
    let executions: Vec<_> = found.iter().map(|found| found.execution.clone()).collect();
    let mut meant = meaning(&event.id, &executions);
    if let Meaning::Ready(number) = meant {
        let unready = Box::pin(accounts_in(app, app.config.onboarding.as_str())).await?;
        let came_back = unready.contains(document.account_name.as_str());
        meant = when_ready(&event.id, &executions, number, came_back);
    }
    let (number, duplicate) = match meant {
        Meaning::Ready(number) => {
            let ready = found.iter().find(|found| found.execution.number == number);
            if let Some(ready) = ready {
                send_outcome(app, &ready.outcome()?).await?;
                tracing::info!(tenant.id = %tenant_id, event.id, "the tenant is ready already");
            }
            return Ok(Outcome::Answered);
        }
        Meaning::Duplicate(number) => (number, true),
        Meaning::Start(number) => {
            if let Some(because) = Box::pin(lack_of_room(app)).await? {
                return Ok(Outcome::NoRoom(because));
            }
            let started =
                Box::pin(start(app, &execution_name(tenant_id, number), document)).await?;
            (number, started == Started::Before)
        }
    };
    let execution_arn = app.config.execution_arn(&execution_name(tenant_id, number));
    tracing::info!(
        tenant.id = %tenant_id,
        event.id,
        execution.arn = execution_arn,
        duplicate,
        "the tenant is admitted"
    );
    let answer = TenantAdmitted {
        tenant_id: tenant_id.clone(),
        event_id: event.id.clone(),
        execution_arn,
        duplicate,
    };
    send_admitted(app, &answer).await?;
    Ok(Outcome::Answered)
}

/// Characters of a faulty tenant id that a rejection repeats.
const LONGEST_ID_SHOWN: usize = 256;

async fn reject(app: &App, event: &Event, reasons: Vec<String>) -> Result<Outcome, Error> {
    let tenant_id = TenantSignedUp::tenant_id_in(&event.detail);
    tracing::info!(
        tenant.id = tenant_id.as_ref().map(ToString::to_string),
        event.id,
        faults = reasons.len(),
        "the signup is rejected"
    );
    // As it was given, so that the sender knows its signup again; a reason says what is wrong.
    let given = event.detail.get("tenantId").and_then(|id| id.as_str());
    let tenant_id = given.map(|id| id.chars().take(LONGEST_ID_SHOWN).collect());
    let answer = TenantRejected { tenant_id, event_id: event.id.clone(), reasons };
    send_rejected(app, &answer).await?;
    Ok(Outcome::Answered)
}

/// The tiers, checked whole: a fault in any of them is an operator's, and no reason to reject.
async fn read_tiers(app: &App) -> Result<TiersConfig, Error> {
    let parameter = &app.config.tiers_parameter;
    let call = Call { service: "ssm", name: "GetParameter" };
    let answer = app
        .parameters
        .get_parameter()
        .name(parameter)
        .send()
        .await
        .map_err(|error| call.error(&error))?;
    let text = answer.parameter().and_then(|found| found.value()).unwrap_or_default();
    let invalid = |faults| Error::TiersInvalid { parameter: parameter.clone(), faults };
    let tiers: TiersConfig = text.parse().map_err(invalid)?;
    tiers.check_units(&app.config.units).map_err(invalid)?;
    Ok(tiers)
}
