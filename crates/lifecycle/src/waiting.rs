//! How long to wait before asking again.
//!
//! A wait grows with the time already waited, so that something quick is noticed quickly and a
//! day of waiting costs few requests; each poll of a machine is about nine events of its history,
//! and a day has to stay below 2,000 of them.

use jiff::SignedDuration;

use crate::units::first_eight_bytes;

/// The ceiling of waits in a machine that waits for one thing at a time, in seconds.
pub const CEILING: u32 = 900;
/// The ceiling of waits in each of two branches that wait beside each other, in seconds.
pub const CEILING_IN_PARALLEL: u32 = 1_800;

/// A day of waiting, after which ceilings grow.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// How long an operation that failed is left alone before it is tried again: the pause doubles
/// with each failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    first: SignedDuration,
    longest: SignedDuration,
}

impl Backoff {
    /// Pauses from `first` to `longest` seconds.
    pub const fn new(first: i32, longest: i32) -> Self {
        Self {
            first: SignedDuration::from_secs(first as i64),
            longest: SignedDuration::from_secs(longest as i64),
        }
    }

    /// The pause after so many failures; none after none.
    pub fn pause(self, failures: u32) -> SignedDuration {
        let Some(doublings) = failures.checked_sub(1) else { return SignedDuration::ZERO };
        let factor = 1_i32.checked_shl(doublings).filter(|factor| *factor > 0);
        let pause = factor.and_then(|factor| self.first.checked_mul(factor));
        pause.map_or(self.longest, |pause| pause.min(self.longest))
    }
}

/// How often something is asked for: waits that grow with the time already waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Poll {
    /// The shortest wait, in seconds.
    pub floor: u32,
    /// The longest wait, in seconds.
    pub ceiling: u32,
    /// A wait is this part of what was waited so far: 8 is an eighth. What is asked more often is
    /// seen sooner, and costs more.
    pub part: u32,
}

impl Poll {
    /// The seconds to wait: a part of `elapsed`, brought between floor and ceiling, and up to a
    /// quarter more. That quarter is drawn from `seed` and `elapsed`, so that tenants that began
    /// together don't ask together, and the same call always gets the same answer.
    ///
    /// After a day the ceiling is at least a forty-eighth of `elapsed`: a tier's deadline may be
    /// most of a year, and a history ends at 25,000 events.
    pub fn after(self, elapsed: SignedDuration, seed: &str) -> u32 {
        let grown = if elapsed > DAY { elapsed / 48 } else { SignedDuration::ZERO };
        let ceiling = self.ceiling.max(u32::try_from(grown.as_secs()).unwrap_or(u32::MAX));
        let elapsed = u32::try_from(elapsed.as_secs().max(0)).unwrap_or(u32::MAX);
        let base = (elapsed / self.part.max(1)).min(ceiling).max(self.floor).max(1);
        let draw = first_eight_bytes(format!("{seed}/{elapsed}").as_bytes());
        let jitter = draw % (u64::from(base / 4) + 1);
        base.saturating_add(u32::try_from(jitter).unwrap_or(0)).min(86_400)
    }
}

/// The seconds to wait, an eighth of `elapsed`: see [`Poll::after`].
pub fn retry_after(floor: u32, ceiling: u32, elapsed: SignedDuration, seed: &str) -> u32 {
    Poll { floor, ceiling, part: 8 }.after(elapsed, seed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn polls_of_a_day(floor: u32, ceiling: u32, seed: &str) -> u32 {
        polls(86_400, floor, ceiling, seed)
    }

    fn polls(seconds: i64, floor: u32, ceiling: u32, seed: &str) -> u32 {
        let (mut elapsed, mut polls) = (0_i64, 0);
        while elapsed < seconds {
            let wait = retry_after(floor, ceiling, SignedDuration::from_secs(elapsed), seed);
            elapsed += i64::from(wait);
            polls += 1;
        }
        polls
    }

    #[test]
    fn a_day_of_waiting_stays_below_two_thousand_events() {
        for seed in ["acme", "globex", "initech"] {
            assert!(polls_of_a_day(5, CEILING, seed) * 9 < 2_000);
            assert!(polls_of_a_day(10, CEILING_IN_PARALLEL, seed) * 9 * 2 < 2_000);
        }
    }

    #[test]
    fn a_year_of_waiting_fits_into_a_history() {
        let year = 365 * 86_400;
        assert!(polls(year, 5, CEILING, "acme") * 9 < 20_000);
        assert!(polls(year, 10, CEILING_IN_PARALLEL, "acme") * 9 * 2 < 20_000);
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let backoff = Backoff::new(30, 1_800);
        let pauses: Vec<i64> = (0..9).map(|failures| backoff.pause(failures).as_secs()).collect();
        assert_eq!(pauses, [0, 30, 60, 120, 240, 480, 960, 1_800, 1_800]);
        assert_eq!(backoff.pause(u32::MAX).as_secs(), 1_800);
    }

    #[test]
    fn waits_begin_at_the_floor_and_differ_between_tenants() {
        let first = |seed| retry_after(20, 900, SignedDuration::ZERO, seed);
        let waits: std::collections::BTreeSet<_> =
            ["a", "b", "c", "d", "e", "f", "g", "h"].map(first).into();
        assert!(waits.len() > 1, "{waits:?}");
        assert!(waits.iter().all(|wait| (20..=25).contains(wait)), "{waits:?}");
    }

    proptest! {
        #[test]
        fn waits_stay_between_floor_and_ceiling_and_a_quarter(
            floor in 1_u32..100, more in 0_u32..2_000, elapsed in -10_i64..86_000, seed in ".*",
        ) {
            let ceiling = floor + more;
            let elapsed = SignedDuration::from_secs(elapsed);
            let wait = retry_after(floor, ceiling, elapsed, &seed);
            prop_assert!(wait >= floor && wait <= ceiling + ceiling / 4);
            prop_assert_eq!(wait, retry_after(floor, ceiling, elapsed, &seed));
        }
    }
}
