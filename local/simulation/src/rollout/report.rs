//! What a roll-out cost, and how it came out.

use std::collections::BTreeMap;

use serde::Serialize;

/// The outcome of a simulated roll-out. Serialises to the document that
/// `landlord simulate roll-out --json` prints; times are in minutes of the world's clock.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// `SUCCEEDED`, `INCOMPLETE`, `LEFT`, `ROLLED_BACK`, `ROLLBACK_FAILED`, `NOTHING_CHANGED`, or
    /// how the execution ended if it did not get so far.
    pub outcome: String,
    /// The execution's status, as Step Functions has it.
    pub status: String,
    /// Why it stopped.
    pub reason: Option<String>,
    /// The accounts of the fleet.
    pub accounts: usize,
    /// From the start to the end of the last wave, its dwell time included; without what was
    /// retried later.
    pub minutes_to_last_wave: Option<f64>,
    /// The least that the plan allows for the waves that ran.
    pub lower_bound_minutes: f64,
    /// How far above the bound, as a share of it; none for a roll-out that stopped.
    pub above_bound: Option<f64>,
    /// From the start to the end of the execution.
    pub minutes: f64,
    /// What became of each wave, in the order of their ends.
    pub waves: Vec<Wave>,
    /// In how many accounts a change that fails everywhere may fail by the plan, when the roll-out
    /// was stopped in a wave.
    pub most_failures: Option<u64>,
    /// Waves that were approved, within half a minute each.
    pub approvals: usize,
    /// Operations that the roll-out started.
    pub operations: usize,
    /// States entered, all executions of the roll-out together.
    pub state_transitions: usize,
    /// Events of the longest history.
    pub largest_history: usize,
    /// Bytes of the largest input, output or variable.
    pub largest_state: usize,
    /// Calls that the roll-out's functions made, by action.
    pub calls: BTreeMap<String, u64>,
    /// Those of them that AWS throttled, by action.
    pub throttled: BTreeMap<String, u64>,
    /// The fleet at the end.
    pub fleet: Standing,
    /// Signups during the roll-out.
    pub signups: Signups,
}

impl Report {
    /// Whether the change failed in no more accounts than the plan allows.
    #[must_use]
    pub fn within_failures(&self) -> bool {
        let failed = u64::try_from(self.fleet.failed).unwrap_or(u64::MAX);
        self.most_failures.map_or(failed == 0, |most| failed <= most)
    }

    /// The wave in which it stopped.
    #[must_use]
    pub fn stopped_in(&self) -> Option<&Wave> {
        self.waves.iter().find(|wave| wave.stage == "WAVE" && wave.verdict == "STOP")
    }
}

/// One wave.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Wave {
    /// `WAVE`, `LATE` or `BACK`.
    pub stage: String,
    /// Its name in the plan.
    pub name: String,
    /// `GO` or `STOP`.
    pub verdict: String,
    /// Instances by class.
    pub counts: BTreeMap<String, u64>,
    /// When it was told, since the roll-out's start.
    pub told_at_minute: f64,
    /// The least time for it.
    pub lower_bound_minutes: f64,
    /// Accounts in which a change may fail before the wave must stop.
    pub failures_tolerated: u64,
    /// Accounts in which it may fail beyond that, until the wave has stopped.
    pub overshoot: u64,
}

/// How many accounts stand where at the end, read from their own stacks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// With the new template in every Region.
    pub new: usize,
    /// With the old one in every Region.
    pub old: usize,
    /// With both, or neither.
    pub mixed: usize,
    /// Accounts in which the change was tried and failed, at least once, vetoes left out.
    pub failed: usize,
    /// Accounts that vetoed, at least once.
    pub vetoed: usize,
}

/// What became of signups that came while the roll-out ran.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Signups {
    /// How many came.
    pub sent: usize,
    /// How many tenants are ready.
    pub ready: usize,
    /// How many of them have the template that was proven in the end.
    pub with_proven_template: usize,
    /// Enrolments in the first wave and within the time for which new tenants wait: must be none.
    pub enrolled_too_soon: usize,
    /// Ready tenants an hour, from the rollout's start to the last tenant.
    pub ready_per_hour: f64,
    /// How long it took until they were ready.
    pub to_ready: Times,
    /// The same in a world in which nothing rolled out, with the same fleet and as many signups.
    pub without_a_rollout: Times,
}

/// Times from the signup to the ready tenant, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Times {
    /// Half of the tenants took no longer.
    pub p50: f64,
    /// Nineteen of twenty took no longer.
    pub p95: f64,
    /// The slowest.
    pub max: f64,
}

impl Times {
    /// Of a list in any order: the nearest rank.
    #[must_use]
    pub fn of(mut seconds: Vec<f64>) -> Self {
        seconds.sort_by(f64::total_cmp);
        let rank = |percent: usize| {
            let place = (seconds.len() * percent).div_ceil(100).max(1) - 1;
            seconds.get(place).copied().unwrap_or_default()
        };
        Self { p50: rank(50), p95: rank(95), max: rank(100) }
    }

    /// How many times as long nineteen of twenty took, beside these without a rollout.
    #[must_use]
    pub fn p95_ratio(&self, without: &Self) -> Option<f64> {
        (without.p95 > 0.0).then(|| self.p95 / without.p95)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_nearest_rank() {
        let times = Times::of((1..=20).rev().map(f64::from).collect());
        assert_eq!((times.p50, times.p95, times.max), (10.0, 19.0, 20.0));
        assert_eq!(Times::of(vec![7.0]), Times { p50: 7.0, p95: 7.0, max: 7.0 });
        assert_eq!(Times::of(Vec::new()).p95_ratio(&Times::default()), None);
        let twice = Times { p95: 38.0, ..times };
        assert_eq!(twice.p95_ratio(&times), Some(2.0));
    }
}
