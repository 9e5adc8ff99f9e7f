//! Saying it: the event on the bus, the message to operators, the note that it was said.

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_s3::primitives::ByteStream;
use lambda_kit::sdk::code;
use lifecycle::{AccountId, Fault};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::error::{Call, Error};
use crate::handler::{App, EventName, Status};

const SOURCE: &str = "landlord";
/// SNS takes 256 KiB; a cause is 32 KiB at most, and nobody reads that much of a message.
const MOST_OF_A_CAUSE: usize = 4_000;

/// The detail of the event `TenantOnboardingFailed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantOnboardingFailed {
    /// The tenant.
    pub tenant_id: String,
    /// Its account, if there is one already.
    pub account_id: Option<AccountId>,
    /// The signup event, if a signup started the execution.
    pub event_id: Option<String>,
    /// The execution.
    pub execution_arn: String,
    /// How it ended.
    pub status: Status,
    /// The state in which it failed, or had got to.
    pub step: Option<String>,
    /// The error's name; nothing when it was stopped without one.
    pub error: Option<String>,
    /// What happened, in words.
    pub cause: Option<String>,
    /// What the signup wants to be told again.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// The tenant's id as the signup system writes it, when that is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_tenant_id: Option<String>,
}

impl TenantOnboardingFailed {
    /// The event's detail type.
    pub const DETAIL_TYPE: &'static str = "TenantOnboardingFailed";

    fn subject(&self, event: EventName) -> String {
        // Subjects are printable ASCII of at most 100 characters.
        let tenant: String =
            self.tenant_id.chars().filter(char::is_ascii_graphic).take(60).collect();
        let what = match event {
            EventName::TenantChangeFailed => "change",
            EventName::TenantReady
            | EventName::TenantLeft
            | EventName::TenantSignupContradicted
            | EventName::TenantOnboardingFailed => "onboarding",
        };
        format!("Landlord: {what} of {tenant} failed")
    }

    fn message(&self, event: EventName) -> String {
        let sent_again = match event {
            EventName::TenantChangeFailed => "change",
            EventName::TenantReady
            | EventName::TenantLeft
            | EventName::TenantSignupContradicted
            | EventName::TenantOnboardingFailed => "signup",
        };
        let or_unknown = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".into());
        let account =
            self.account_id.as_ref().map_or("none yet".to_owned(), |account| account.to_string());
        let cause: String = or_unknown(&self.cause).chars().take(MOST_OF_A_CAUSE).collect();
        format!(
            "Tenant:    {}\nAccount:   {account}\nStep:      {}\nError:     {}\nCause:     {cause}\n\
             Status:    {}\nExecution: {}\n\nThe runbook has an entry for each error. When its cause \
             is gone, redrive the execution, or send a new {sent_again} event for the tenant.\n",
            self.tenant_id,
            or_unknown(&self.step),
            or_unknown(&self.error),
            self.status.as_str(),
            self.execution_arn,
        )
    }
}

/// One announcement and where it is noted.
#[derive(Debug)]
pub(crate) struct Announcement<'a> {
    pub(crate) app: &'a App,
    pub(crate) execution_arn: &'a str,
    /// The key of the note.
    pub(crate) note: String,
}

impl Announcement<'_> {
    fn call(&self, service: &'static str, name: &'static str) -> Call<'_> {
        Call { service, name, execution_arn: self.execution_arn }
    }

    /// Whether it was announced before.
    pub(crate) async fn is_noted(&self) -> Result<bool, Error> {
        let found = self
            .app
            .objects
            .get_object()
            .bucket(&self.app.config.runs_bucket)
            .key(&self.note)
            .send()
            .await;
        match found {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_no_such_key()) => Ok(false),
            Err(error) => Err(self.call("s3", "GetObject").error(&error)),
        }
    }

    /// Notes that it is announced, and what a failure said, so that an event that comes again is
    /// told the same. Another call may have done so meanwhile.
    pub(crate) async fn note(
        &self,
        event: EventName,
        failed: Option<&TenantOnboardingFailed>,
    ) -> Result<(), Error> {
        let body = json!({
            "event": event,
            "executionArn": self.execution_arn,
            "announcedAt": self.app.clock.now(),
            "detail": failed,
        });
        let written = self
            .app
            .objects
            .put_object()
            .bucket(&self.app.config.runs_bucket)
            .key(&self.note)
            .if_none_match("*")
            .content_type("application/json")
            .body(ByteStream::from(body.to_string().into_bytes()))
            .send()
            .await;
        match written {
            Ok(_) => Ok(()),
            Err(error) if code(&error) == Some("PreconditionFailed") => Ok(()),
            Err(error) => Err(self.call("s3", "PutObject").error(&error)),
        }
    }

    /// Puts the event on the bus.
    pub(crate) async fn send<T: Serialize>(
        &self,
        event: EventName,
        detail: &T,
    ) -> Result<(), Error> {
        let detail = serde_json::to_string(detail)
            .map_err(|error| Fault::of("detail", "the event's", error.to_string()))?;
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.app.config.event_bus)
            .source(SOURCE)
            .detail_type(event.as_str())
            .detail(detail)
            .resources(self.execution_arn)
            .build();
        let call = self.call("events", "PutEvents");
        let answer = Box::pin(self.app.events.put_events().entries(entry).send())
            .await
            .map_err(|error| call.error(&error))?;
        let refused = answer.entries().iter().find(|entry| entry.error_code().is_some());
        match refused.and_then(|entry| entry.error_code()) {
            None => Ok(()),
            Some(code @ ("ThrottlingException" | "InternalFailure" | "InternalException")) => {
                Err(call.try_again(code))
            }
            Some(code) => {
                let message = refused.and_then(|entry| entry.error_message()).unwrap_or_default();
                Err(call.refused(code, message.to_owned()))
            }
        }
    }

    /// Tells the operators of a failure.
    pub(crate) async fn tell_operators(
        &self,
        event: EventName,
        failed: &TenantOnboardingFailed,
    ) -> Result<(), Error> {
        let call = self.call("sns", "Publish");
        self.app
            .topics
            .publish()
            .topic_arn(&self.app.config.topic_arn)
            .subject(failed.subject(event))
            .message(failed.message(event))
            .send()
            .await
            .map_err(|error| call.error(&error))?;
        Ok(())
    }
}
