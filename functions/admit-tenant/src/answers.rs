//! The events by which signups are answered.

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use lambda_kit::sdk::code;
use lifecycle::{Difference, Fault, OnboardingOutcome, TenantId, TenantLeft};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Call, Error, words};
use crate::handler::App;

const SOURCE: &str = "landlord";
const CALL: Call = Call { service: "events", name: "PutEvents" };

/// The detail of the event `TenantAdmitted`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// The signup event whose onboarding runs; nothing when it is this one's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind_event_id: Option<String>,
    /// In what this signup contradicts that one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// The event for changes, where there are differences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_with: Option<String>,
    /// Members of the signup that mean nothing to Landlord.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<String>,
    /// What the signup wants to be told again.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// The tenant's id as the signup system writes it, where that is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_tenant_id: Option<String>,
}

/// The detail of the event `TenantRejected`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantRejected {
    /// The tenant's id as it was given, its first 256 characters; nothing when it was no text.
    pub tenant_id: Option<String>,
    /// The event that is answered.
    pub event_id: String,
    /// Every fault: field, value and rule. At most 20 of at most 500 characters, the last of which
    /// then says how many there are more.
    pub reasons: Vec<String>,
    /// What the signup wants to be told again; nothing when that is itself faulty.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
}

pub(crate) async fn send_admitted(app: &App, answer: &TenantAdmitted) -> Result<(), Error> {
    send(app, "TenantAdmitted", answer).await
}

pub(crate) async fn send_rejected(app: &App, answer: &TenantRejected) -> Result<(), Error> {
    send(app, "TenantRejected", answer).await
}

pub(crate) async fn send_left(app: &App, answer: &TenantLeft) -> Result<(), Error> {
    send(app, TenantLeft::DETAIL_TYPE, answer).await
}

/// Sends again what was said of an onboarding that failed.
pub(crate) async fn send_failure(app: &App, answer: &Value) -> Result<(), Error> {
    send(app, "TenantOnboardingFailed", answer).await
}

pub(crate) async fn send_outcome(app: &App, answer: &OnboardingOutcome) -> Result<(), Error> {
    send(app, answer.detail_type(), answer).await
}

async fn send<T: Serialize>(app: &App, detail_type: &'static str, detail: &T) -> Result<(), Error> {
    let detail = serde_json::to_string(detail)
        .map_err(|error| Fault::of("detail", detail_type, error.to_string()))?;
    let entry = PutEventsRequestEntry::builder()
        .event_bus_name(&app.config.event_bus)
        .source(SOURCE)
        .detail_type(detail_type)
        .detail(detail)
        .build();
    let refused = |code: &str, message: &str| Error::AnswerRefused {
        answer: detail_type,
        code: code.to_owned(),
        message: message.to_owned(),
    };
    let answer = match Box::pin(app.events.put_events().entries(entry).send()).await {
        Ok(answer) => answer,
        // For one, the entries are larger than EventBridge takes.
        Err(error) if code(&error) == Some("ValidationException") => {
            return Err(refused("ValidationException", &words(&error)));
        }
        Err(error) => return Err(CALL.error(&error)),
    };
    // The call succeeds although the bus took nothing: each entry has a code of its own.
    // https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html
    let entry = answer.entries().iter().find(|entry| entry.error_code().is_some());
    let Some(entry) = entry else { return Ok(()) };
    let message = entry.error_message().unwrap_or_default();
    Err(match entry.error_code().unwrap_or_default() {
        code @ ("InternalFailure" | "InternalException" | "ThrottlingException") => {
            CALL.try_again(code)
        }
        "AccessDeniedException"
        | "NotAuthorizedForSourceException"
        | "NotAuthorizedForDetailTypeException" => Error::AccessDenied {
            service: CALL.service,
            call: CALL.name,
            message: message.to_owned(),
        },
        code @ ("InvalidArgument" | "MalformedDetail") => refused(code, message),
        code => Error::AwsRefused {
            service: CALL.service,
            call: CALL.name,
            code: code.to_owned(),
            message: message.to_owned(),
        },
    })
}
