//! A tenant that waits long for what it cannot start without: said once, and again when it changes.

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use jiff::{SignedDuration, Timestamp};
use lifecycle::{AccountId, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::handler::{App, Request, WaitFor};

/// How much of the reasons is said and remembered, in characters: the machine keeps it.
const LONGEST: usize = 2_000;

/// The detail of the event `TenantWaiting`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantWaiting {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The tenant's id as the signup system writes it, when that is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_tenant_id: Option<String>,
    /// Its account.
    pub account_id: AccountId,
    /// The signup event; nothing when the execution was started by hand.
    pub event_id: Option<String>,
    /// The required values that are not reached, and how their requests stand.
    pub waiting_for: Vec<String>,
    /// The same in one text.
    pub because: String,
    /// Since when it is onboarded.
    pub since: Timestamp,
    /// How long it is waited for.
    pub deadline: Timestamp,
    /// What the signup wants to be told again.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
}

impl TenantWaiting {
    /// The event's detail type.
    pub const DETAIL_TYPE: &'static str = "TenantWaiting";
}

/// The signup, for events that are about it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Signup {
    /// Its event.
    pub event_id: Option<String>,
    /// The tenant's id as the signup system writes it, when that is another.
    pub original_tenant_id: Option<String>,
    /// What it wants to be told again.
    pub metadata: Option<Map<String, Value>>,
}

/// What is kept from one call to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct State {
    /// What operators were told last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) told: Option<String>,
}

/// Whether it is time to say something, and it is news. While something could not be read it is not
/// known what changed.
pub(crate) fn is_news(
    state: &State,
    because: &str,
    elapsed: SignedDuration,
    after: SignedDuration,
    is_all_read: bool,
) -> bool {
    elapsed >= after && is_all_read && !because.is_empty() && state.told.as_deref() != Some(because)
}

impl App {
    /// Says what a tenant waits for. What the bus does not take is said at the next call.
    pub(crate) async fn tell(
        &self,
        request: &Request,
        state: &mut State,
        waiting_for: &[String],
        is_all_read: bool,
        now: Timestamp,
    ) {
        let because: String = waiting_for.join("; ").chars().take(LONGEST).collect();
        let elapsed = request.execution.elapsed(now);
        let after = self.config.notice_after;
        let is_asked = request.wait_for == WaitFor::Required;
        if !is_asked || !is_news(state, &because, elapsed, after, is_all_read) {
            return;
        }
        let since = now.checked_sub(elapsed).unwrap_or(now);
        let detail = TenantWaiting {
            tenant_id: request.tenant_id.clone(),
            original_tenant_id: request.signup.original_tenant_id.clone(),
            account_id: request.account_id.clone(),
            event_id: request.signup.event_id.clone(),
            waiting_for: waiting_for.iter().take(20).cloned().collect(),
            because: because.clone(),
            since,
            deadline: request.execution.deadline(request.deadline_seconds).at(),
            metadata: request.signup.metadata.clone().unwrap_or_default(),
        };
        match self.put(&detail).await {
            Ok(()) => state.told = Some(because),
            Err(why) => tracing::warn!(
                tenant.id = %request.tenant_id,
                "that it waits is not said yet: {why}"
            ),
        }
    }

    async fn put(&self, detail: &TenantWaiting) -> Result<(), String> {
        let text = serde_json::to_string(detail).map_err(|error| error.to_string())?;
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.config.event_bus)
            .source("landlord")
            .detail_type(TenantWaiting::DETAIL_TYPE)
            .detail(text)
            .build();
        let sent = Box::pin(self.events.put_events().entries(entry).send()).await;
        let answer = sent.map_err(|error| lambda_kit::chain(&error))?;
        let refused = answer.entries().iter().find_map(|entry| entry.error_code());
        refused.map_or(Ok(()), |code| Err(code.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_after_a_while_once_and_again_when_it_changes() {
        let (day, hour) = (SignedDuration::from_hours(24), SignedDuration::from_hours(1));
        let told = |text: &str| State { told: Some(text.to_owned()) };
        for (state, because, elapsed, is_all_read, expected) in [
            (State::default(), "a", day - hour, true, false),
            (State::default(), "a", day, true, true),
            (State::default(), "", day, true, false),
            (told("a"), "a", day * 100, true, false),
            (told("a"), "b", day * 2, true, true),
            (told("a"), "b", day * 2, false, false),
        ] {
            let found = is_news(&state, because, elapsed, day, is_all_read);
            assert_eq!(found, expected, "{state:?} {because} {elapsed}");
        }
    }
}
