//! What an onboarding costs, at prices that the caller gives.

use serde::Serialize;

/// Prices in US dollars. The defaults are list prices of us-east-1 as far as they are known, with
/// nothing taken off for a free tier; check them before you rely on a sum.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Prices {
    /// A million state transitions of standard machines. <https://aws.amazon.com/step-functions/pricing/>
    pub million_transitions: f64,
    /// A million invocations of functions. <https://aws.amazon.com/lambda/pricing/>
    pub million_invocations: f64,
    /// A gigabyte-second of functions on arm64.
    pub gigabyte_second: f64,
    /// A million requests to FIFO queues. <https://aws.amazon.com/sqs/pricing/>
    pub million_queue_requests: f64,
    /// A million events on a bus of one's own. <https://aws.amazon.com/eventbridge/pricing/>
    pub million_events: f64,
}

impl Default for Prices {
    fn default() -> Self {
        Self {
            million_transitions: 25.0,
            million_invocations: 0.2,
            gigabyte_second: 0.000_013_333_4,
            million_queue_requests: 0.5,
            million_events: 1.0,
        }
    }
}

/// What one tenant's onboarding costs, in US dollars.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cost {
    /// State transitions.
    pub transitions: f64,
    /// Invocations and memory of functions.
    pub functions: f64,
    /// Requests to queues.
    pub queues: f64,
    /// Events.
    pub events: f64,
    /// All of them.
    pub total: f64,
}

/// What is paid for, for one tenant.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Used {
    pub(super) transitions: f64,
    pub(super) invocations: f64,
    pub(super) gigabyte_seconds: f64,
    pub(super) queue_requests: f64,
    pub(super) events: f64,
}

impl Prices {
    pub(super) fn of(&self, used: Used) -> Cost {
        let million = |count: f64, price: f64| count * price / 1e6;
        let transitions = million(used.transitions, self.million_transitions);
        let functions = million(used.invocations, self.million_invocations)
            + used.gigabyte_seconds * self.gigabyte_second;
        let queues = million(used.queue_requests, self.million_queue_requests);
        let events = million(used.events, self.million_events);
        let total = transitions + functions + queues + events;
        Cost { transitions, functions, queues, events, total }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_what_was_used_times_its_price() {
        let used = Used {
            transitions: 400.0,
            invocations: 100.0,
            gigabyte_seconds: 30.0,
            queue_requests: 200.0,
            events: 4.0,
        };
        let cost = Prices::default().of(used);
        assert!((cost.transitions - 0.01).abs() < 1e-12);
        assert!((cost.functions - (0.000_02 + 0.000_400_002)).abs() < 1e-9);
        assert!((cost.total - (0.01 + 0.000_420_002 + 0.000_1 + 0.000_004)).abs() < 1e-9);
    }
}
