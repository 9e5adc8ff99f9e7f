//! What a simulated onboarding came to.

use std::collections::BTreeMap;

use serde::Serialize;

use super::prices::{Cost, Prices};

/// The outcome of a simulated onboarding. Serialises to the document that
/// `landlord simulate onboard --json` prints; the same seed gives the same document.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Signups.
    pub tenants: usize,
    /// Tenants that are ready.
    pub ready: usize,
    /// Executions that failed.
    pub failed: usize,
    /// Signups that were rejected.
    pub rejected: usize,
    /// Signups of which nothing was heard in time.
    pub open: usize,
    /// Messages among the dead letters.
    pub dead_letters: usize,
    /// Why executions failed, and how many.
    pub errors: BTreeMap<String, usize>,
    /// How long a creation takes, in seconds.
    pub creation_seconds: f64,
    /// What Organizations allows sustained, in accounts a second: the smaller of 0.1, and 5 in
    /// progress over the time that a creation takes.
    pub allowed_per_second: f64,
    /// Tenants that became ready in a second, from the first to the last.
    pub ready_per_second: f64,
    /// `readyPerSecond` as a share of `allowedPerSecond`.
    pub share_of_allowed: f64,
    /// Accounts that were created in a second, from the first to the last.
    pub created_per_second: f64,
    /// The most creations that were in progress at any moment.
    pub most_creations_in_progress: usize,
    /// From the first signup to the last tenant that is ready, in seconds.
    pub duration_seconds: f64,
    /// What AWS itself takes for one tenant that waits for no other and for no quota, in seconds:
    /// creating its account, letting its role be assumed, and one operation of a stack set.
    pub aws_bound_seconds: f64,
    /// The shortest time from a signup until its tenant was ready, in seconds.
    pub shortest_seconds: f64,
    /// From a tenant's signup until it is ready, in seconds, the wait in the queue included.
    pub signup_to_ready_seconds: Spread,
    /// From a tenant's admission until it is ready, in seconds.
    pub admission_to_ready_seconds: Spread,
    /// The stack sets' operations.
    pub stack_set_operations: Operations,
    /// API calls of the functions and machines for one tenant.
    pub calls_per_tenant: ApiCalls,
    /// Calls that AWS refused for their rate, by action.
    pub throttles: BTreeMap<String, u64>,
    /// State transitions for one tenant, retries included.
    pub transitions_per_tenant: f64,
    /// Invocations of functions for one tenant, by function.
    pub invocations_per_tenant: BTreeMap<String, f64>,
    /// The longest invocation, in seconds, by function.
    pub longest_invocation_seconds: BTreeMap<String, f64>,
    /// API calls of an invocation on average, by function.
    pub calls_per_invocation: BTreeMap<String, f64>,
    /// Accounts that stood in the root before.
    pub accounts_in_root: usize,
    /// Tenants that waited in Onboarding before.
    pub waiting: usize,
    /// The longest history of an execution, in events.
    pub longest_history: u64,
    /// The largest data that a state took or gave, in bytes.
    pub largest_state_bytes: usize,
    /// What a tenant costs, in US dollars.
    pub cost_per_tenant: Cost,
    /// At these prices.
    pub prices: Prices,
}

/// The same signups twice, of the same seed. Serialises to the document that
/// `landlord simulate onboard --enrol-one-by-one --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// With one stack set operation for all accounts that wait.
    pub together: Report,
    /// With a stack set operation for each account.
    pub one_by_one: Report,
    /// The tenants a second of `together`, over those of `one_by_one`. No number, in JSON null,
    /// where fewer than two became ready one by one.
    pub gain: f64,
}

impl Comparison {
    /// Compares the two.
    #[must_use]
    pub fn of(together: Report, one_by_one: Report) -> Self {
        let gain = together.ready_per_second / one_by_one.ready_per_second;
        Self { together, one_by_one, gain }
    }
}

/// Operations of the stack sets.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Operations {
    /// How many there were.
    pub count: usize,
    /// Accounts for each of them, on average.
    pub accounts_each: f64,
}

/// API calls for one tenant.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiCalls {
    /// All of them.
    pub total: f64,
    /// By action.
    pub by_action: BTreeMap<String, f64>,
}

/// A distribution.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Spread {
    /// Half are below.
    pub p50: f64,
    /// Nineteen of twenty are below.
    pub p95: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// The spread of these numbers; zeros when there are none.
    pub(super) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |percent: usize| {
            let rank = (values.len() * percent).div_ceil(100).max(1);
            values.get(rank - 1).copied().unwrap_or_default()
        };
        Self { p50: at(50), p95: at(95), max: at(100) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_takes_the_nearest_rank() {
        let hundred = (1..=100).map(f64::from).rev().collect();
        assert_eq!(Spread::of(hundred), Spread { p50: 50.0, p95: 95.0, max: 100.0 });
        assert_eq!(Spread::of(vec![7.0]), Spread { p50: 7.0, p95: 7.0, max: 7.0 });
        assert_eq!(Spread::of(Vec::new()), Spread::default());
    }
}
