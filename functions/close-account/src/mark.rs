//! Closings that were made by hand: Organizations tells of them, and their accounts are marked
//! like those that a sweep closes, so that they are counted in the window of 30 days.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use lambda_kit::sdk::Trouble;
use lifecycle::retirement::tag_time;
use lifecycle::{AccountId, tags};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Halt, halt};
use crate::handler::App;

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
    /// The account has its mark now.
    Marked,
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
    if !tags.contains_key(tags::TENANT) {
        return Ok(Marked::NotATenant);
    }
    if tags.contains_key(tags::CLOSING_REQUESTED_AT) {
        return Ok(Marked::AlreadyMarked);
    }
    let requested = status.requested_timestamp.as_deref().and_then(spoken);
    let at = requested.or(event.detail.event_time).unwrap_or_else(|| app.clock.now());
    let mark = [(tags::CLOSING_REQUESTED_AT, tag_time(at))];
    app.accounts.tag(account, mark).await.map_err(fail)?;
    Ok(Marked::Marked)
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
