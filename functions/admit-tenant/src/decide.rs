//! What a message is, what the executions of a tenant mean for its signup, and what becomes of
//! the message. Nothing here talks to AWS.

use std::collections::BTreeSet;

use jiff::Timestamp;
use lifecycle::{TenantId, TenantSignedUp};
use serde_json::Value;

pub mod checks;
mod fate;

pub use fate::{
    Blame, Class, Fate, Finding, Group, Lane, MOST_RECEIVES, MOST_TRIES, Reason, fate, wait_seconds,
};

/// The longest event id, in characters. EventBridge's own are UUIDs.
pub const LONGEST_EVENT_ID: usize = 256;

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
    if id.chars().count() > LONGEST_EVENT_ID {
        return Err(format!("its id has more than {LONGEST_EVENT_ID} characters"));
    }
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
    /// The event started the execution of this number: its own answer is repeated.
    Repeated(u32),
    /// The execution of this number runs, for another event.
    InHand(u32),
    /// The execution of this number is to be started. It looks at what is there.
    Start {
        /// First, second, …
        number: u32,
        /// Whether it will want a new account.
        room: Room,
    },
}

/// Whether an execution needs one of the few creations that AWS allows at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// No account of the tenant is known.
    Needed,
    /// The tenant was onboarded before, so it has an account. Where that is closed and the event
    /// brings another address, one more creation waits than was counted, which is harmless.
    NotNeeded,
}

/// What the event means. A repeated event repeats its own answer; while the newest execution
/// runs, another event is a duplicate; after its end, whichever it was, another event starts the
/// next one: what is said of a tenant has just been seen.
pub fn meaning(event_id: &str, executions: &[Execution]) -> Meaning {
    let same = |execution: &&Execution| execution.event_id.as_deref() == Some(event_id);
    if let Some(same) = executions.iter().find(same) {
        return Meaning::Repeated(same.number);
    }
    let Some(newest) = executions.iter().max_by_key(|execution| execution.number) else {
        return Meaning::Start { number: 1, room: Room::Needed };
    };
    match newest.standing {
        Standing::Running => Meaning::InHand(newest.number),
        Standing::Succeeded | Standing::Failed => {
            let was_ready = executions.iter().any(|it| it.standing == Standing::Succeeded);
            Meaning::Start {
                number: newest.number.saturating_add(1),
                room: if was_ready { Room::NotNeeded } else { Room::Needed },
            }
        }
    }
}

/// The tenants of running executions, each once, in the order of the list. Executions that
/// Landlord did not name have none.
pub fn tenants(running: &[String]) -> Vec<TenantId> {
    let mut seen = BTreeSet::new();
    running
        .iter()
        .filter_map(|name| tenant_of(name))
        .filter(|tenant| seen.insert(tenant.clone()))
        .collect()
}

#[cfg(test)]
mod tests;
