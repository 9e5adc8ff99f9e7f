//! An expression on the clock of a time zone: which moments it means, also in the nights in which
//! clocks change.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::Cron;

/// How far the order of readings and the order of moments can differ, and a little: a zone that
/// went over the date line left out a whole day.
const DISORDER_HOURS: i64 = 26;

/// What a reading means that no clock shows, because clocks jumped ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// Nothing: it is left out.
    Skip,
    /// The end of the jump.
    EndOfJump,
}

/// What a reading means that a clock shows twice, because clocks went back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// The first time only.
    Once,
    /// The first time only; both times when the hours are `*` or a step, and so mean each hour.
    EachHour,
}

/// What happens when clocks change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockChanges {
    /// When they jump ahead.
    pub gap: Gap,
    /// When they go back.
    pub fold: Fold,
}

impl ClockChanges {
    /// As EventBridge Scheduler documents it: a time that does not exist is left out, and one that
    /// comes twice runs once.
    /// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time>
    pub const SCHEDULER: Self = Self { gap: Gap::Skip, fold: Fold::Once };
    /// As the account gate opens its windows. AWS does not say what maintenance windows do.
    pub const WINDOW: Self = Self { gap: Gap::EndOfJump, fold: Fold::EachHour };
}

/// An expression on the clock of a time zone.
#[derive(Debug, Clone)]
pub struct ZonedCron {
    cron: Cron,
    zone: TimeZone,
    changes: ClockChanges,
    days_later: i64,
}

impl ZonedCron {
    /// The expression on the zone's clock.
    pub fn new(cron: Cron, zone: TimeZone, changes: ClockChanges) -> Self {
        Self { cron, zone, changes, days_later: 0 }
    }

    /// The same, so many days later at the same time of the day: a maintenance window's
    /// `ScheduleOffset`.
    #[must_use]
    pub fn days_later(mut self, days: i64) -> Self {
        self.days_later = days;
        self
    }

    /// The first moment after `after`; nothing when none is left until 2199.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let disorder = DISORDER_HOURS.hours();
        let mut found: Option<(Timestamp, DateTime)> = None;
        for reading in self.readings(self.zone.to_datetime(after).saturating_sub(disorder)) {
            if found.is_some_and(|(_, limit)| reading > limit) {
                break;
            }
            let moments = self.moments(reading).into_iter().flatten();
            let Some(first) = moments.filter(|moment| *moment > after).min() else { continue };
            if found.is_none_or(|(best, _)| first < best) {
                let limit = self.zone.to_datetime(first).saturating_add(disorder);
                found = Some((first, limit));
            }
        }
        found.map(|(best, _)| best)
    }

    /// The last moment up to `now`, itself included, if it is less than `within` ago.
    pub fn latest(&self, now: Timestamp, within: SignedDuration) -> Option<Timestamp> {
        let from = now.checked_sub(within).unwrap_or(Timestamp::MIN);
        let moments = self.unordered(from, now);
        moments.filter(|moment| *moment <= now && *moment > from).max()
    }

    /// All moments from `from` on until just before `to`, in order.
    pub fn between(&self, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
        let moments = self.unordered(from, to);
        let mut found: Vec<_> = moments.filter(|one| (from..to).contains(one)).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// All moments of a time, and some before and after it.
    fn unordered(&self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = Timestamp> {
        let disorder = DISORDER_HOURS.hours();
        let first = self.zone.to_datetime(from).saturating_sub(disorder);
        let last = self.zone.to_datetime(to).saturating_add(disorder);
        self.readings(first)
            .take_while(move |reading| *reading <= last)
            .flat_map(|reading| self.moments(reading).into_iter().flatten())
    }

    /// The readings that are meant, from `from` on.
    fn readings(&self, from: DateTime) -> impl Iterator<Item = DateTime> {
        let later = self.days_later.days();
        let first = self.cron.next_reading(from.saturating_sub(later));
        let next = |reading: &DateTime| {
            let from = reading.checked_add(1.second()).ok()?;
            self.cron.next_reading(from)
        };
        std::iter::successors(first, next).map(move |reading| reading.saturating_add(later))
    }

    /// The moments at which a clock that shows this is meant: one, two in a repeated hour, or none.
    fn moments(&self, reading: DateTime) -> [Option<Timestamp>; 2] {
        let ambiguous = self.zone.to_ambiguous_timestamp(reading);
        match (ambiguous.offset(), self.changes.gap) {
            (AmbiguousOffset::Unambiguous { .. }, _) => [ambiguous.compatible().ok(), None],
            (AmbiguousOffset::Gap { .. }, Gap::Skip) => [None, None],
            (AmbiguousOffset::Gap { .. }, Gap::EndOfJump) => {
                // By the offset after the jump the reading lies before it.
                let before = ambiguous.earlier().ok();
                let jump = before.and_then(|before| self.zone.following(before).next());
                [jump.map(|transition| transition.timestamp()), None]
            }
            (AmbiguousOffset::Fold { .. }, _) => {
                let twice = match self.changes.fold {
                    Fold::Once => false,
                    Fold::EachHour => self.cron.means_each_hour(),
                };
                let again = twice.then(|| self.zone.to_ambiguous_timestamp(reading));
                [ambiguous.earlier().ok(), again.and_then(|again| again.later().ok())]
            }
        }
    }
}
