//! The least time that a roll-out can take, from its plan alone.
//!
//! Nothing here is shared with the functions, with the machines or with the stand-in's scheduler:
//! a bound that is computed by the code that it judges is none. The formula stands in
//! `docs/performance.md`, too:
//!
//! ```text
//! in flight of a wave and Region   c = max(1, ⌊percentage · n⌋) or the count; at most n;
//!                                  with STRICT at most failures tolerated + 1; at most 10,000
//! a Region of a wave               t = ⌈n / c⌉ · m
//! a wave                           T = p · (Σ t over its Regions one after another, max t at once)
//! the roll-out                     Σ (T + dwell) over its waves
//! ```
//!
//! `n` are the instances that are worked on (one that its gate refuses takes no time), `m` is
//! what one takes, `p` is 2 where the plan wants the gates to answer afterwards, else 1. Polling, starting, reading results and telling are all above the bound.
//!
//! The second bound is about a change that fails everywhere: how many accounts it may reach before
//! its wave has ended. AWS stops an operation once more than `f + v` of its instances failed, and
//! those in flight still come to their end:
//!
//! ```text
//! failures that the wave tolerates   f
//! overshoot                          v + c,  v = min(vetoes tolerated, max(⌊a / 10⌋, 5))
//! ```
//!
//! `a` are the accounts of the wave's largest operation. Landlord, which tells failures from vetoes,
//! stops it earlier when it looks in time; and the first operation of a roll-out is no larger than
//! `c`, so that what fails everywhere reaches `c` accounts, unless nearly all of those had a veto.

use std::time::Duration;

/// Instances in flight in a Region of an administrator account, AWS's quota.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>
const QUOTA: u64 = 10_000;

/// A number of accounts, or a share of those of a Region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// So many.
    Count(u64),
    /// So many of a hundred, rounded down.
    Percentage(u64),
}

impl Amount {
    /// The number that it is of so many.
    #[must_use]
    pub fn of(self, accounts: u64) -> u64 {
        match self {
            Self::Count(count) => count,
            Self::Percentage(percentage) => accounts * percentage / 100,
        }
    }
}

/// What the plan says about the operations of a wave, as far as time depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Instances of a Region in flight at once.
    pub most_in_flight: Amount,
    /// Instances of a Region that may fail; bounds what is in flight when `strict`.
    pub tolerated: Amount,
    /// `STRICT_FAILURE_TOLERANCE`.
    pub strict: bool,
    /// All Regions at once, or one after another.
    pub regions_at_once: bool,
}

/// One wave as it meets the fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wave {
    /// For each Region: the accounts with an instance there, and how many of those are worked on
    /// (their gate lets them).
    pub regions: Vec<(u64, u64)>,
    /// How it may go.
    pub pace: Pace,
    /// How often its operations go through its accounts.
    pub passes: u32,
    /// How long it is watched afterwards.
    pub dwell: Duration,
}

/// The least time for one wave, its dwell time included, when an instance takes `instance`.
#[must_use]
pub fn of_wave(wave: &Wave, instance: Duration) -> Duration {
    let rounds = wave.regions.iter().map(|(accounts, worked)| {
        let mut at_once = wave.pace.most_in_flight.of(*accounts);
        if wave.pace.strict {
            at_once = at_once.min(wave.pace.tolerated.of(*accounts) + 1);
        }
        worked.div_ceil(at_once.clamp(1, QUOTA))
    });
    let rounds = if wave.pace.regions_at_once { rounds.max().unwrap_or(0) } else { rounds.sum() };
    let rounds = u32::try_from(rounds).unwrap_or(u32::MAX).saturating_mul(wave.passes);
    instance.saturating_mul(rounds).saturating_add(wave.dwell)
}

/// The least time for all of them.
#[must_use]
pub fn of_waves(waves: &[Wave], instance: Duration) -> Duration {
    waves.iter().fold(Duration::ZERO, |sum, wave| sum.saturating_add(of_wave(wave, instance)))
}

/// What a wave says about failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How its operations may go.
    pub pace: Pace,
    /// Instances that may be vetoed.
    pub vetoes: Amount,
    /// The most accounts of an operation, where the plan says it.
    pub operation_accounts: Option<u64>,
}

/// The accounts that a wave with a change that fails everywhere may fail in: what it tolerates,
/// and how many more. `accounts` and `instances` are the wave's.
#[must_use]
pub fn failures(limits: &Limits, accounts: u64, instances: u64) -> (u64, u64) {
    let at_once = limits.pace.most_in_flight.of(accounts).clamp(1, accounts.max(1));
    let size = limits.operation_accounts.unwrap_or_else(|| (10 * at_once).clamp(100, 2_000));
    let room = (size.min(accounts) / 10).max(5).min(limits.vetoes.of(instances));
    let tolerated = limits.pace.tolerated.of(instances);
    (tolerated.min(accounts), (room + at_once).min(accounts.saturating_sub(tolerated)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn wave(accounts: u64, most: Amount, tolerated: Amount) -> Wave {
        Wave {
            regions: vec![(accounts, accounts)],
            pace: Pace { most_in_flight: most, tolerated, strict: false, regions_at_once: false },
            passes: 1,
            dwell: Duration::ZERO,
        }
    }

    #[test]
    fn a_wave_takes_as_many_rounds_as_its_window_needs() {
        let ten_percent = wave(4_500, Amount::Percentage(10), Amount::Count(0));
        assert_eq!(of_wave(&ten_percent, 3 * MINUTE), 30 * MINUTE);
        let one_more = wave(4_501, Amount::Percentage(10), Amount::Count(0));
        assert_eq!(of_wave(&one_more, 3 * MINUTE), 33 * MINUTE);
        let few = wave(5, Amount::Percentage(10), Amount::Count(0));
        assert_eq!(of_wave(&few, 3 * MINUTE), 15 * MINUTE, "at least one is in flight");
    }

    #[test]
    fn strict_tolerance_bounds_what_is_in_flight() {
        let mut strict = wave(100, Amount::Count(50), Amount::Percentage(4));
        strict.pace.strict = true;
        assert_eq!(of_wave(&strict, MINUTE), 20 * MINUTE);
    }

    #[test]
    fn regions_add_up_one_after_another_and_the_longest_counts_at_once() {
        let mut two = wave(100, Amount::Count(10), Amount::Count(0));
        two.regions.push((40, 40));
        assert_eq!(of_wave(&two, MINUTE), 14 * MINUTE);
        two.pace.regions_at_once = true;
        assert_eq!(of_wave(&two, MINUTE), 10 * MINUTE);
    }

    #[test]
    fn what_a_gate_refuses_takes_no_time_but_counts_for_percentages() {
        let mut vetoed = wave(100, Amount::Percentage(10), Amount::Count(0));
        vetoed.regions = vec![(100, 90)];
        assert_eq!(of_wave(&vetoed, MINUTE), 9 * MINUTE);
    }

    #[test]
    fn gates_that_have_to_answer_are_asked_by_a_second_pass() {
        let mut twice = wave(10, Amount::Count(5), Amount::Count(0));
        (twice.passes, twice.dwell) = (2, MINUTE);
        assert_eq!(of_wave(&twice, MINUTE), 5 * MINUTE);
    }

    #[test]
    fn dwell_times_add_to_it() {
        let mut waves = vec![wave(10, Amount::Count(10), Amount::Count(0)); 3];
        waves[0].dwell = 30 * MINUTE;
        assert_eq!(of_waves(&waves, MINUTE), 33 * MINUTE);
    }

    #[test]
    fn a_bad_change_reaches_no_more_than_what_is_tolerated_expected_as_vetoes_and_in_flight() {
        let mut limits = Limits {
            pace: wave(0, Amount::Count(25), Amount::Count(3)).pace,
            vetoes: Amount::Percentage(100),
            operation_accounts: None,
        };
        assert_eq!(failures(&limits, 300, 300), (3, 25 + 25), "250 accounts in an operation");
        assert_eq!(failures(&limits, 10, 10), (3, 7), "never more than there are");
        limits.vetoes = Amount::Count(0);
        assert_eq!(failures(&limits, 300, 300), (3, 25));
    }
}
