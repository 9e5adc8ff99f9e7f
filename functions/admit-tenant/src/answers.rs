//! The events by which signups are answered.

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use lifecycle::{Fault, OnboardingOutcome, TenantId};
use serde::{Deserialize, Serialize};

use crate::error::{Call, Error};
use crate::handler::App;

const SOURCE: &str = "landlord";
const CALL: Call = Call { service: "events", name: "PutEvents" };

/// The detail of the event `TenantAdmitted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantAdmitted {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The event that is answered.
    pub event_id: String,
    /// The execution that has the tenant in hand.
    pub execution_arn: String,
    /// Whether the execution was there before.
    pub duplicate: bool,
}

/// The detail of the event `TenantRejected`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantRejected {
    /// The tenant's id as it was given, its first 256 characters; nothing when it was no text.
    pub tenant_id: Option<String>,
    /// The event that is answered.
    pub event_id: String,
    /// Every fault: field, value and rule.
    pub reasons: Vec<String>,
}

pub(crate) async fn send_admitted(app: &App, answer: &TenantAdmitted) -> Result<(), Error> {
    send(app, "TenantAdmitted", answer).await
}

pub(crate) async fn send_rejected(app: &App, answer: &TenantRejected) -> Result<(), Error> {
    send(app, "TenantRejected", answer).await
}

pub(crate) async fn send_outcome(app: &App, answer: &OnboardingOutcome) -> Result<(), Error> {
    send(app, answer.detail_type(), answer).await
}

async fn send<T: Serialize>(app: &App, detail_type: &str, detail: &T) -> Result<(), Error> {
    let detail = serde_json::to_string(detail)
        .map_err(|error| Fault::of("detail", detail_type, error.to_string()))?;
    let entry = PutEventsRequestEntry::builder()
        .event_bus_name(&app.config.event_bus)
        .source(SOURCE)
        .detail_type(detail_type)
        .detail(detail)
        .build();
    let answer = Box::pin(app.events.put_events().entries(entry).send())
        .await
        .map_err(|error| CALL.error(&error))?;
    // The call succeeds although the bus took nothing: each entry has a code of its own.
    let refused = answer.entries().iter().find_map(|entry| entry.error_code());
    refused.map_or(Ok(()), |code| Err(CALL.try_again(code)))
}
