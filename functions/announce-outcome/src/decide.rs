//! What an execution's history tells of its failure: the step, the account, the words.

use lifecycle::AccountId;
use serde_json::Value;

/// An event of the history, as far as it matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// Its number, from one.
    pub id: i64,
    /// The number of the event that led to it.
    pub previous_id: i64,
    /// Its type: `TaskStateEntered`, `ExecutionFailed`, …
    pub kind: String,
    /// The state that it names.
    pub state: Option<String>,
    /// JSON texts in which the account may stand.
    pub data: Vec<String>,
}

/// Types that end the whole execution, or a state that only contains others.
const CONTAINERS: [&str; 5] = ["Execution", "ParallelState", "MapState", "MapIteration", "MapRun"];

/// The state in which a failed execution failed, from its history, newest event first.
///
/// The chain of causes leads from the end of the execution back to the state that was entered
/// last; where a Parallel state stands at its end, the newest failure inside of it is followed
/// instead. An expression that failed names its state, and its chain leads past it: AWS writes it
/// as following what came before the state was entered.
pub fn failed_step(events: &[Event]) -> Option<String> {
    let end = events.iter().find(|event| event.kind == "ExecutionFailed");
    let by_end = end.and_then(|event| entered(events, event));
    match by_end {
        Some(event) if !is_container(&event.kind) => event.state.clone(),
        container => {
            let since = container.map_or(0, |event| event.id);
            let failure = events.iter().find(|event| {
                event.id > since && is_failure(&event.kind) && !is_container(&event.kind)
            });
            failure
                .and_then(|event| {
                    event.state.clone().or_else(|| entered(events, event)?.state.clone())
                })
                .or_else(|| container.and_then(|event| event.state.clone()))
                .or_else(|| last_step(events))
        }
    }
}

/// The state that was entered last: where an execution that was cut off had got to.
pub fn last_step(events: &[Event]) -> Option<String> {
    events.iter().find(|event| is_entry(&event.kind))?.state.clone()
}

fn entered<'a>(events: &'a [Event], from: &'a Event) -> Option<&'a Event> {
    let mut event = from;
    while !is_entry(&event.kind) && event.kind != "EvaluationFailed" {
        let previous = event.previous_id;
        // Causes come before their effects, so the walk ends whatever the history says.
        event = events.iter().find(|other| other.id == previous && previous < event.id)?;
    }
    Some(event)
}

fn is_entry(kind: &str) -> bool {
    kind.ends_with("StateEntered")
}

fn is_failure(kind: &str) -> bool {
    kind.ends_with("Failed") || kind.ends_with("TimedOut")
}

fn is_container(kind: &str) -> bool {
    CONTAINERS.iter().any(|container| kind.starts_with(container))
}

/// The tenant's account, if any step knew it: what functions are asked, answer, and what the
/// machine remembers, newest first.
pub fn account_id(events: &[Event]) -> Option<AccountId> {
    const PLACES: [&str; 3] = ["/accountId", "/Payload/accountId", "/account/accountId"];
    events.iter().flat_map(|event| &event.data).find_map(|text| {
        let value: Value = serde_json::from_str(text).ok()?;
        PLACES.iter().find_map(|place| value.pointer(place)?.as_str()?.parse().ok())
    })
}

/// A cause for people: the message, where Lambda wraps it into JSON.
pub fn readable(cause: &str) -> String {
    let message = serde_json::from_str::<Value>(cause)
        .ok()
        .and_then(|value| Some(value.get("errorMessage")?.as_str()?.to_owned()));
    message.unwrap_or_else(|| cause.to_owned())
}

#[cfg(test)]
mod tests;
