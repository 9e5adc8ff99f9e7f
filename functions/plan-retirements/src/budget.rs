//! How many accounts may be closed, and when the others will be: AWS's quota, what is used of it in
//! the last thirty days, and the same thought for every sweep to come.
//!
//! The count only plans and forecasts. AWS's own quota error decides.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The window of AWS's quota for closing accounts:
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>.
pub(crate) const WINDOW: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How many sweeps the forecast looks ahead; ten years of days.
const MOST_SWEEPS: u32 = 3_650;
const SECONDS_OF_AN_HOUR: i64 = 3_600;

/// How many things happen in each hour, by the hours since 1970.
pub(crate) type Hours = BTreeMap<i64, u64>;

/// The hour in which a moment lies.
pub(crate) fn hour(at: Timestamp) -> i64 {
    at.as_second().div_euclid(SECONDS_OF_AN_HOUR)
}

/// What AWS allows, and what is wanted of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The quota's share of the organization's accounts.
    pub percent: u64,
    /// The quota at least.
    pub floor: u64,
    /// The quota at most.
    pub ceiling: u64,
    /// What is left for closings by hand.
    pub reserve: u64,
    /// How many accounts a sweep closes at most.
    pub at_most: u64,
    /// The time between two sweeps, for the forecast.
    pub interval: SignedDuration,
}

/// What a sweep may close, and why not more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Budget {
    /// What AWS allows within thirty days, by the configured formula.
    pub quota: u64,
    /// What of it is left alone.
    pub reserve: u64,
    /// What of it was used in the last thirty days.
    pub closed_in_window: u64,
    /// How many accounts a sweep closes at most.
    pub close_at_most: u64,
    /// What this sweep may close.
    pub allowed: u64,
}

/// When the backlog will be empty, if nobody else leaves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Forecast {
    /// How many accounts are due now.
    pub due: u64,
    /// How many cool off.
    pub waiting: u64,
    /// When those that are due now will be closed; nothing when that is not in sight.
    pub due_empty_at: Option<Timestamp>,
    /// When those that cool off will be closed as well.
    pub empty_at: Option<Timestamp>,
}

impl Limits {
    /// What AWS allows within thirty days in an organization of this size. A part of an account
    /// counts for nothing.
    pub(crate) fn quota(&self, accounts: u64) -> u64 {
        (accounts.saturating_mul(self.percent) / 100).max(self.floor).min(self.ceiling)
    }

    /// What a sweep may close now.
    pub(crate) fn budget(&self, fleet: u64, closings: &Hours, now: Timestamp) -> Budget {
        let quota = self.quota(fleet);
        let closed_in_window = closed_since(closings, now);
        let left = quota.saturating_sub(self.reserve).saturating_sub(closed_in_window);
        Budget {
            quota,
            reserve: self.reserve,
            closed_in_window,
            close_at_most: self.at_most,
            allowed: left.min(self.at_most),
        }
    }
}

/// The closings that count at this moment. An hour counts until its end has left the window.
fn closed_since(closings: &Hours, now: Timestamp) -> u64 {
    let start = now.checked_sub(WINDOW).unwrap_or(Timestamp::MIN);
    closings.range(hour(start)..).map(|(_, count)| count).sum()
}

/// The sweeps to come: how many accounts each will close, from this one on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// The sweep's time, and how many accounts are closed when it is over.
    sweeps: Vec<(Timestamp, u64)>,
    pub(crate) forecast: Forecast,
}

impl Schedule {
    /// Plays the sweeps that follow, with what is known now.
    pub(crate) fn play(
        limits: &Limits,
        fleet: u64,
        closings: &Hours,
        due: u64,
        waiting: &Hours,
        now: Timestamp,
    ) -> Self {
        let all_waiting: u64 = waiting.values().sum();
        let mut closings = closings.clone();
        let mut sweeps = Vec::new();
        let (mut closed, mut at) = (0_u64, now);
        let mut forecast =
            Forecast { due, waiting: all_waiting, due_empty_at: None, empty_at: None };
        for _ in 0..MOST_SWEEPS {
            let ready: u64 = waiting.range(..hour(at)).map(|(_, count)| count).sum();
            let allowed = limits.budget(fleet.saturating_sub(closed), &closings, at).allowed;
            let closes = (due + ready).saturating_sub(closed).min(allowed);
            closed += closes;
            if closes > 0 {
                *closings.entry(hour(at)).or_default() += closes;
                sweeps.push((at, closed));
            }
            if closed >= due && forecast.due_empty_at.is_none() {
                forecast.due_empty_at = Some(at);
            }
            if closed >= due + all_waiting {
                forecast.empty_at = Some(at);
                break;
            }
            let Ok(next) = at.checked_add(limits.interval) else { break };
            at = next;
        }
        Self { sweeps, forecast }
    }

    /// When the account with this rank among the due ones will be closed, counted from 0.
    pub(crate) fn date(&self, rank: u64) -> Option<Timestamp> {
        let place = self.sweeps.partition_point(|(_, closed)| *closed <= rank);
        self.sweeps.get(place).map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn limits(at_most: u64) -> Limits {
        Limits {
            percent: 20,
            floor: 250,
            ceiling: 1_000,
            reserve: 10,
            at_most,
            interval: SignedDuration::from_hours(24),
        }
    }

    const NOW: &str = "2026-11-21T10:00:00Z";

    #[test]
    fn the_quota_follows_the_formula() {
        for (accounts, quota) in
            [(0, 250), (1_249, 250), (1_254, 250), (1_255, 251), (4_999, 999), (50_000, 1_000)]
        {
            assert_eq!(limits(50).quota(accounts), quota, "{accounts}");
        }
    }

    #[test]
    fn what_was_closed_in_thirty_days_and_the_reserve_are_not_to_be_had() {
        let day = |days: i64| at(NOW) - SignedDuration::from_hours(24 * days);
        let closings: Hours =
            [(hour(day(31)), 500), (hour(day(29)), 100), (hour(day(0)), 40)].into();
        let budget = limits(1_000).budget(1_000, &closings, at(NOW));
        assert_eq!((budget.quota, budget.closed_in_window, budget.allowed), (250, 140, 100));
        assert_eq!(limits(30).budget(1_000, &closings, at(NOW)).allowed, 30);
        let full: Hours = [(hour(day(1)), 300)].into();
        assert_eq!(limits(30).budget(1_000, &full, at(NOW)).allowed, 0);
    }

    #[test]
    fn a_backlog_is_closed_sweep_by_sweep() {
        let schedule =
            Schedule::play(&limits(50), 1_000, &Hours::new(), 120, &Hours::new(), at(NOW));
        let date = |rank| schedule.date(rank).map(|at| at.to_string());
        assert_eq!(date(0).as_deref(), Some(NOW));
        assert_eq!(date(49).as_deref(), Some(NOW));
        assert_eq!(date(50).as_deref(), Some("2026-11-22T10:00:00Z"));
        assert_eq!(date(119).as_deref(), Some("2026-11-23T10:00:00Z"));
        assert_eq!(date(120), None);
        assert_eq!(schedule.forecast.due_empty_at, Some(at("2026-11-23T10:00:00Z")));
        assert_eq!(schedule.forecast.empty_at, Some(at("2026-11-23T10:00:00Z")));
    }

    #[test]
    fn a_used_up_quota_is_waited_for_until_it_leaves_the_window() {
        let schedule =
            Schedule::play(&limits(1_000), 1_000, &Hours::new(), 300, &Hours::new(), at(NOW));
        assert_eq!(schedule.date(239).unwrap(), at(NOW));
        let later = schedule.date(240).unwrap();
        assert_eq!(later, at("2026-12-22T10:00:00Z"));
    }

    #[test]
    fn those_that_cool_off_are_closed_when_they_are_due() {
        let waiting: Hours = [(hour(at("2026-12-01T00:00:00Z")), 7)].into();
        let forecast =
            Schedule::play(&limits(50), 1_000, &Hours::new(), 0, &waiting, at(NOW)).forecast;
        assert_eq!((forecast.due, forecast.waiting), (0, 7));
        assert_eq!(forecast.due_empty_at, Some(at(NOW)));
        assert_eq!(forecast.empty_at, Some(at("2026-12-01T10:00:00Z")));
    }

    #[test]
    fn what_is_not_in_sight_has_no_date() {
        let forecast =
            Schedule::play(&limits(0), 1_000, &Hours::new(), 5, &Hours::new(), at(NOW)).forecast;
        assert_eq!((forecast.due_empty_at, forecast.empty_at), (None, None));
    }
}
