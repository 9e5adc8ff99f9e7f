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

/// The seconds to wait: an eighth of `elapsed`, brought between `floor` and `ceiling`, and up to a
/// quarter more. That quarter is drawn from `seed` and `elapsed`, so that tenants that began
/// together don't ask together, and the same call always gets the same answer.
pub fn retry_after(floor: u32, ceiling: u32, elapsed: SignedDuration, seed: &str) -> u32 {
    let elapsed = u32::try_from(elapsed.as_secs().max(0)).unwrap_or(u32::MAX);
    let base = (elapsed / 8).min(ceiling).max(floor).max(1);
    let draw = first_eight_bytes(format!("{seed}/{elapsed}").as_bytes());
    let jitter = draw % (u64::from(base / 4) + 1);
    base.saturating_add(u32::try_from(jitter).unwrap_or(0)).min(86_400)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn polls_of_a_day(floor: u32, ceiling: u32, seed: &str) -> u32 {
        let (mut elapsed, mut polls) = (0_i64, 0);
        while elapsed < 86_400 {
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
            floor in 1_u32..100, more in 0_u32..2_000, elapsed in -10_i64..1_000_000, seed in ".*",
        ) {
            let ceiling = floor + more;
            let elapsed = SignedDuration::from_secs(elapsed);
            let wait = retry_after(floor, ceiling, elapsed, &seed);
            prop_assert!(wait >= floor && wait <= ceiling + ceiling / 4);
            prop_assert_eq!(wait, retry_after(floor, ceiling, elapsed, &seed));
        }
    }
}
