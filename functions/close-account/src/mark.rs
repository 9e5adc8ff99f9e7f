//! Closings that were made by hand: Organizations tells of them, and their accounts are marked
//! like those that a sweep closes, so that they are counted in the window of 30 days. That of a live
//! tenant is announced, for somebody has to act within 90 days.

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use lambda_kit::sdk::{Refusal, Trouble};
use lifecycle::retirement::{Place, tag_time};
use lifecycle::{AccountId, tags};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::error::{Error, Halt, halt};
use crate::handler::App;

/// A closing whose event comes later than this after its mark is another one.
const SAME_CLOSING: SignedDuration = SignedDuration::from_hours(24);

/// Organizations' service event, as far as it matters here:
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_cloudtrail-integration.html>.
#[derive(Debug, Clone, Deserialize)]
pub struct ClosingEvent {
    /// What CloudTrail recorded.
    pub detail: Detail,
}

/// What CloudTrail recorded.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Detail {
    /// `CloseAccountResult`.
    pub event_name: String,
    /// When it was recorded.
    #[serde(default)]
    pub event_time: Option<Timestamp>,
    /// What it is about.
    pub service_event_details: Details,
}

/// What the event is about.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Details {
    /// The closing.
    pub close_account_status: CloseAccountStatus,
}

/// A closing that ended.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CloseAccountStatus {
    /// The account.
    pub account_id: AccountId,
    /// `SUCCEEDED`, or how it failed.
    pub state: String,
    /// When it was asked for, as CloudTrail writes it: `Sep 16, 2020 9:20:50 PM`.
    #[serde(default)]
    pub requested_timestamp: Option<String>,
}

/// What was ensured of the mark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mark {
    /// How it ended.
    pub outcome: Marked,
    /// The account.
    pub account_id: AccountId,
}

/// How it ended with a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Marked {
    /// The account has its mark now. It was retiring: the next sweep finishes it.
    Marked,
    /// The account has its mark now. It was a live tenant's: operators hear of it.
    LiveAccount,
    /// It had one.
    AlreadyMarked,
    /// It is no tenant's account, or not in the organization: untouchable.
    NotATenant,
    /// The closing failed: there is nothing to count.
    NotClosed,
}

/// Marks the account of the event.
///
/// # Errors
/// `TryAgain`, and what AWS refuses for good.
pub(crate) async fn mark(app: &App, event: &ClosingEvent) -> Result<Mark, Error> {
    let status = &event.detail.service_event_details.close_account_status;
    let account_id = status.account_id.clone();
    let outcome = match Box::pin(ensure(app, event, &account_id)).await {
        Ok(outcome) => outcome,
        Err(Halt::Wait(because)) => {
            return Err(Error::TryAgain { subject: format!("account {account_id}"), because });
        }
        Err(Halt::Fail(error)) => return Err(error),
    };
    tracing::info!(account.id = %account_id, "the account was closed: {outcome:?}");
    Ok(Mark { outcome, account_id })
}

async fn ensure(app: &App, event: &ClosingEvent, account: &AccountId) -> Result<Marked, Halt> {
    let status = &event.detail.service_event_details.close_account_status;
    if event.detail.event_name != "CloseAccountResult" || status.state != "SUCCEEDED" {
        return Ok(Marked::NotClosed);
    }
    let fail = |trouble: Trouble| halt(&format!("account {account}"), trouble);
    let tags = app.accounts.tags(account).await.map_err(fail)?.unwrap_or_default();
    let Some(tenant) = tags.get(tags::TENANT) else { return Ok(Marked::NotATenant) };
    let requested = status.requested_timestamp.as_deref().and_then(spoken);
    let at = requested.or(event.detail.event_time).unwrap_or_else(|| app.clock.now());
    let marked = tags.get(tags::CLOSING_REQUESTED_AT).and_then(|mark| mark.parse().ok());
    // A mark from long before is of a closing that was undone since.
    if marked.is_some_and(|marked: Timestamp| at.duration_since(marked) < SAME_CLOSING) {
        return Ok(Marked::AlreadyMarked);
    }
    let parent = app.accounts.parent(account).await.map_err(fail)?;
    let is_live = parent.as_ref().is_some_and(|it| app.config.units.place(it) == Place::Elsewhere);
    if is_live {
        // Before the mark: a call that breaks off in between says it twice rather than never.
        let mut said = json!({
            "tenantId": tenant, "accountId": account, "organizationalUnitId": parent,
            "closedAt": at,
        });
        if let Some(original) = tags.get(tags::ORIGINAL_ID) {
            said["originalTenantId"] = json!(original);
        }
        Box::pin(announce(app, account, &said)).await?;
    }
    let mark = [(tags::CLOSING_REQUESTED_AT, tag_time(at))];
    app.accounts.tag(account, mark).await.map_err(fail)?;
    Ok(if is_live { Marked::LiveAccount } else { Marked::Marked })
}

/// Puts the event on the bus by which operators hear that a live tenant lost its account.
async fn announce(app: &App, account: &AccountId, said: &serde_json::Value) -> Result<(), Halt> {
    let subject = format!("account {account}");
    let entry = PutEventsRequestEntry::builder()
        .event_bus_name(&app.config.event_bus)
        .source("landlord")
        .detail_type("TenantAccountClosed")
        .detail(said.to_string())
        .build();
    let answer = Box::pin(app.events.put_events().entries(entry).send())
        .await
        .map_err(|error| halt(&subject, Trouble::of("events", "PutEvents", &error)))?;
    let refused = answer.entries().iter().find_map(|entry| {
        let message = entry.error_message().unwrap_or_default();
        Some(Refusal {
            service: "events",
            call: "PutEvents",
            code: entry.error_code()?.into(),
            message: message.into(),
        })
    });
    match refused {
        None => Ok(()),
        // Lambda repeats the call, and what stays refused is set aside where an alarm sees it.
        Some(refusal) => Err(halt(&subject, Trouble::Passing(refusal))),
    }
}

/// A time as CloudTrail writes it in these events, in UTC.
fn spoken(text: &str) -> Option<Timestamp> {
    let time = DateTime::strptime("%b %d, %Y %I:%M:%S %p", text).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_cloud_trail_writes_them() {
        let read = |text| spoken(text).map(|at| at.to_string());
        assert_eq!(read("Sep 16, 2020 9:20:50 PM").as_deref(), Some("2020-09-16T21:20:50Z"));
        assert_eq!(read("Nov 1, 2026 12:00:01 AM").as_deref(), Some("2026-11-01T00:00:01Z"));
        assert_eq!(read("2020-09-16T21:20:50Z"), None);
    }
}
