//! A signup for a tenant whose onboarding runs for an earlier one. It is told so at once, with what
//! it says otherwise, and waits in a group of its tenant until that onboarding has ended. Then it is
//! looked at like any other, so that it has an end of its own, which is true at that moment: the
//! tenant is ready, it contradicts what is there, or it does better where the earlier one failed.

use lifecycle::{CHANGE_WITH, TenantId, TenantSignedUp};

use crate::admission::admission_of;
use crate::answers::send_admitted;
use crate::decide::{Event, execution_name};
use crate::error::Error;
use crate::executions::Found;
use crate::handler::{App, Outcome};

/// Tells that the execution of this number has the tenant in hand, and what the signup says
/// otherwise than the one that started it.
///
/// What is told comes before the message moves: told twice is better than never.
pub(crate) async fn queue(
    app: &App,
    event: &Event,
    signup: &TenantSignedUp,
    found: &[Found],
    number: u32,
) -> Result<Outcome, Error> {
    let tenant_id = &signup.tenant_id;
    let running = found.iter().find(|found| found.execution.number == number);
    let execution_arn = app.config.execution_arn(&execution_name(tenant_id, number));
    let mut answer = admission_of(event, tenant_id, execution_arn, true);
    answer.behind_event_id = running.and_then(|running| running.execution.event_id.clone());
    if let Some(document) = running.and_then(Found::document) {
        answer.differences = document.differences(signup);
    }
    answer.change_with = (!answer.differences.is_empty()).then(|| CHANGE_WITH.to_owned());
    send_admitted(app, &answer).await?;
    tracing::info!(
        tenant.id = %tenant_id,
        event.id,
        execution.arn = answer.execution_arn,
        differences = answer.differences.len(),
        "the tenant is in hand for another signup"
    );
    Ok(waits(tenant_id, number))
}

/// The message waits for the end of the execution of this number.
pub(crate) fn waits(tenant_id: &TenantId, number: u32) -> Outcome {
    let because = format!("{} runs for another signup", execution_name(tenant_id, number));
    Outcome::InHand(tenant_id.clone(), because)
}
