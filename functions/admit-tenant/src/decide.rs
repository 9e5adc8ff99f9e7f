//! What a message is, what the executions of a tenant mean for its signup, and how long to wait.
//! Nothing here talks to AWS.

use std::collections::BTreeSet;

use jiff::Timestamp;
use lifecycle::{AccountName, Naming, TenantId, TenantSignedUp};
use serde_json::Value;

/// Receives after which a waiting message is sent again, to count from one: the queue takes a
/// message for a dead letter after 1,000.
pub const MOST_RECEIVES: u32 = 900;
/// The first wait of a message, in seconds; it grows by as much with each receive.
pub const SHORTEST_WAIT_SECONDS: u32 = 10;
/// The longest wait of a message, in seconds.
pub const LONGEST_WAIT_SECONDS: u32 = 300;

/// How long a message waits that was received this many times.
pub fn wait_seconds(receives: u32) -> u32 {
    receives
        .saturating_mul(SHORTEST_WAIT_SECONDS)
        .clamp(SHORTEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS)
}

/// An event of the bus that says that a tenant signed up, its detail unread.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The event's id.
    pub id: String,
    /// When it was sent.
    pub time: Timestamp,
    /// The replay that sent it again, if one did.
    pub replay: Option<String>,
    /// What it says.
    pub detail: Value,
}

/// Reads a message's body.
///
/// # Errors
/// In words, why it is no event that anybody could be answered about.
pub fn read_event(body: &str) -> Result<Event, String> {
    let event: Value =
        serde_json::from_str(body).map_err(|error| format!("it is not JSON: {error}"))?;
    let text = |field: &str| event.get(field).and_then(Value::as_str);
    match text("detail-type") {
        Some(TenantSignedUp::DETAIL_TYPE) => {}
        Some(other) => {
            let wanted = TenantSignedUp::DETAIL_TYPE;
            return Err(format!("its detail-type is {other:?}, not {wanted}"));
        }
        None => return Err("it has no detail-type".to_owned()),
    }
    let id = text("id").filter(|id| !id.is_empty()).ok_or("it has no id")?;
    let time = text("time").ok_or("it has no time")?;
    let time = time.parse().map_err(|error| format!("its time is {time:?}: {error}"))?;
    let detail = event.get("detail").filter(|detail| detail.is_object());
    Ok(Event {
        id: id.to_owned(),
        time,
        replay: text("replay-name").map(ToOwned::to_owned),
        detail: detail.ok_or("it has no detail that is an object")?.clone(),
    })
}

/// The name of a tenant's first, second, … execution. An underscore can't occur in a tenant id.
pub fn execution_name(tenant: &TenantId, number: u32) -> String {
    match number {
        0 | 1 => tenant.to_string(),
        more => format!("{tenant}_{more}"),
    }
}

/// The tenant of an execution, by its name; nothing for one that Landlord did not name.
pub fn tenant_of(execution_name: &str) -> Option<TenantId> {
    let (tenant, number) = execution_name.split_once('_').unwrap_or((execution_name, "1"));
    number.parse::<u32>().ok()?;
    tenant.parse().ok()
}

/// How an execution stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It runs, or is about to.
    Running,
    /// The tenant is ready.
    Succeeded,
    /// It failed, ran out of time or was stopped.
    Failed,
}

/// One of a tenant's executions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// First, second, …
    pub number: u32,
    /// How it stands.
    pub standing: Standing,
    /// The signup event that started it, if it says so.
    pub event_id: Option<String>,
}

/// What a signup event means, given the tenant's executions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The tenant is to be onboarded, by the execution of this number.
    Start(u32),
    /// The execution of this number has it in hand, or had, for the same event.
    Duplicate(u32),
    /// The tenant is ready; the execution of this number tells how.
    Ready(u32),
}

/// What the event means. The newest execution speaks for the tenant; only after a failure a new
/// event starts another, and an event that started one before starts nothing again.
pub fn meaning(event_id: &str, executions: &[Execution]) -> Meaning {
    let Some(newest) = executions.iter().max_by_key(|execution| execution.number) else {
        return Meaning::Start(1);
    };
    match newest.standing {
        Standing::Running => Meaning::Duplicate(newest.number),
        Standing::Succeeded => Meaning::Ready(newest.number),
        Standing::Failed => executions
            .iter()
            .find(|execution| execution.event_id.as_deref() == Some(event_id))
            .map_or(Meaning::Start(newest.number.saturating_add(1)), |same| {
                Meaning::Duplicate(same.number)
            }),
    }
}

/// What the event of a tenant that is ready means. An account that came back without its stacks
/// stands in Onboarding again: a new event onboards it once more, with what it has.
pub fn when_ready(
    event_id: &str,
    executions: &[Execution],
    number: u32,
    stands_in_onboarding: bool,
) -> Meaning {
    let is_old = executions.iter().any(|it| it.event_id.as_deref() == Some(event_id));
    if stands_in_onboarding && !is_old {
        Meaning::Start(number.saturating_add(1))
    } else {
        Meaning::Ready(number)
    }
}

/// How many of the running executions have no account yet. Executions that Landlord did not name
/// have none to wait for.
pub fn without_account(running: &[String], accounts: &BTreeSet<String>, naming: &Naming) -> usize {
    running
        .iter()
        .filter_map(|name| tenant_of(name))
        .filter_map(|tenant| naming.account_name(&tenant).ok())
        .filter(|name: &AccountName| !accounts.contains(name.as_str()))
        .count()
}

#[cfg(test)]
mod tests;
