//! What has to come out, by arithmetic alone.

/// The limits that the closings keep to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Closings in one sweep, at most.
    pub at_most: usize,
    /// How many of AWS's closings are left to people.
    pub reserve: usize,
}

/// AWS's quota of closings in 30 days, by the number of member accounts: the higher of 250 and
/// 20 %, and 1,000 at most.
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>
pub(super) fn quota(accounts: usize) -> usize {
    (accounts / 5).clamp(250, 1_000)
}

/// Days in which a closing counts against the next ones. A sweep plans at the same time of the
/// day, some minutes before its first closing: so those of thirty days ago still count.
const COUNTING_DAYS: usize = 30;

/// How the backlog goes down when there is a sweep a day and nothing goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Closings of each day, from the first sweep on, until nothing is left.
    pub closings: Vec<usize>,
}

impl Expected {
    /// Works it out, for `days` at most.
    pub fn of(accounts: usize, due: usize, limits: Limits, days: usize) -> Self {
        let mut closings: Vec<usize> = Vec::new();
        let mut left = due;
        while left > 0 && closings.len() < days {
            let closed: usize = closings.iter().sum();
            let recent: usize = closings.iter().rev().take(COUNTING_DAYS).sum();
            let allowed = quota(accounts - closed).saturating_sub(limits.reserve + recent);
            let today = left.min(limits.at_most).min(allowed);
            closings.push(today);
            left -= today;
        }
        Self { closings }
    }

    /// The day, counted from 1, on which the last account is closed; none within the days.
    pub fn empty_on(&self, due: usize) -> Option<usize> {
        (self.closings.iter().sum::<usize>() == due).then_some(self.closings.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_table_gives_the_quota() {
        let table = [(10, 250), (1_249, 250), (2_003, 400), (5_000, 1_000), (6_000, 1_000)];
        for (accounts, allowed) in table {
            assert_eq!(quota(accounts), allowed, "{accounts} accounts");
        }
    }

    #[test]
    fn a_backlog_above_the_quota_waits_for_the_window_to_move() {
        let limits = Limits { at_most: 100, reserve: 50 };
        let expected = Expected::of(1_000, 400, limits, 120);
        // 200 of 250 are allowed: two days, thirty days of waiting, two days.
        let closings: Vec<(usize, usize)> =
            expected.closings.iter().copied().enumerate().filter(|(_, n)| *n > 0).collect();
        assert_eq!(closings, [(0, 100), (1, 100), (31, 100), (32, 100)]);
        assert_eq!(expected.empty_on(400), Some(33));
        assert_eq!(Expected::of(1_000, 400, limits, 20).empty_on(400), None);
    }
}
