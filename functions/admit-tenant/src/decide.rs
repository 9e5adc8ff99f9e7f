//! What a message is, what the executions of a tenant mean for its signup, and what becomes of
//! the message. Nothing here talks to AWS.

use std::collections::BTreeSet;

use lifecycle::TenantId;

pub mod checks;
mod event;
mod fate;

pub use event::{Event, LONGEST_EVENT_ID, read_event};
pub use fate::{
    Blame, Class, Fate, Finding, Group, Lane, MOST_RECEIVES, MOST_RECEIVES_BEHIND, MOST_TRIES,
    Reason, fate, wait_seconds,
};

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
/// runs, another event waits for its end; after it, whichever it was, another event starts the
/// next one: what is said of a tenant has just been seen, and each event has an end of its own.
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
