//! The run: a heap of ends, moment after moment, over the scheduler.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use local_aws::cloudformation::scheduler::{
    InstanceKey, InvalidOperation, Options, OutOfTurn, Outcome, Preferences, RegionTargets,
    Scheduler,
};

use super::fleet::{Fleet, InvalidFleet, Minutes};
use super::report::{RegionReport, Report, Sample};

/// Why there is nothing to report.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The fleet cannot be.
    #[error(transparent)]
    Fleet(#[from] InvalidFleet),
    /// The preferences do not fit the Regions.
    #[error(transparent)]
    Operation(#[from] InvalidOperation),
    /// The run and its scheduler disagree about what is in flight: a fault in this program.
    #[error(transparent)]
    OutOfTurn(#[from] OutOfTurn),
}

/// Runs one operation over the whole fleet, to its end.
///
/// All ends of one moment are taken before anything starts: instances that take equally long stay
/// in step, as in published examples.
///
/// # Errors
/// [`Error`], for a fleet or preferences that cannot be.
pub fn simulate(
    fleet: &Fleet,
    preferences: &Preferences,
    options: Options,
) -> Result<Report, Error> {
    fleet.check()?;
    let targets: Vec<_> = fleet
        .regions
        .iter()
        .map(|region| RegionTargets::new(region.as_str(), fleet.accounts))
        .collect();
    let scheduler = Scheduler::with_options(preferences, &targets, options)?;
    let mut run = Run::new(fleet, scheduler);
    run.start(Minutes::default());
    while let Some(Reverse(next)) = run.ends.peek() {
        let now = next.at;
        while let Some(end) = run.ending_at(now) {
            run.finish(end)?;
        }
        run.start(now);
    }
    Ok(run.report())
}

/// Runs one operation for each of the preferences, on the same fleet with the same fates.
///
/// # Errors
/// As [`simulate`].
pub fn compare(
    fleet: &Fleet,
    candidates: Vec<(String, Preferences)>,
    options: Options,
) -> Result<Vec<(String, Report)>, Error> {
    candidates
        .into_iter()
        .map(|(name, preferences)| Ok((name, simulate(fleet, &preferences, options)?)))
        .collect()
}

/// An end that will come. Ends of one moment come in the order of their starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct End {
    at: Minutes,
    start: usize,
    key: InstanceKey,
    failed: bool,
    vetoed: bool,
}

/// What the scheduler does not keep.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    vetoed: usize,
    started: Option<Minutes>,
    ended: Option<Minutes>,
}

struct Run<'a> {
    fleet: &'a Fleet,
    scheduler: Scheduler,
    ends: BinaryHeap<Reverse<End>>,
    starts: usize,
    failed: usize,
    peak: usize,
    tallies: Vec<Tally>,
    timeline: Vec<Sample>,
}

impl<'a> Run<'a> {
    fn new(fleet: &'a Fleet, scheduler: Scheduler) -> Self {
        Self {
            fleet,
            scheduler,
            ends: BinaryHeap::new(),
            starts: 0,
            failed: 0,
            peak: 0,
            tallies: vec![Tally::default(); fleet.regions.len()],
            timeline: Vec::new(),
        }
    }

    /// Starts what may start and notes how things stand from `now` on.
    fn start(&mut self, now: Minutes) {
        let mut batch = (usize::MAX, 0);
        for key in self.scheduler.startable() {
            let in_batch = if batch.0 == key.region { batch.1 + 1 } else { 0 };
            batch = (key.region, in_batch);
            let fate = self.fleet.fate(key, in_batch);
            let at = now.milliseconds() + fate.duration.milliseconds();
            self.ends.push(Reverse(End {
                at: Minutes::from_milliseconds(at),
                start: self.starts,
                key,
                failed: fate.outcome == Outcome::Failed,
                vetoed: fate.vetoed,
            }));
            self.starts += 1;
            self.tallies[key.region].started.get_or_insert(now);
        }
        let sample = Sample { minute: now, in_flight: self.ends.len(), failed: self.failed };
        self.peak = self.peak.max(sample.in_flight);
        let same =
            |last: &Sample| (last.in_flight, last.failed) == (sample.in_flight, sample.failed);
        if !self.timeline.last().is_some_and(same) {
            self.timeline.push(sample);
        }
    }

    fn ending_at(&mut self, now: Minutes) -> Option<End> {
        if self.ends.peek().is_some_and(|Reverse(end)| end.at == now) {
            self.ends.pop().map(|Reverse(end)| end)
        } else {
            None
        }
    }

    fn finish(&mut self, end: End) -> Result<(), OutOfTurn> {
        let outcome = if end.failed { Outcome::Failed } else { Outcome::Succeeded };
        self.scheduler.finished(end.key, outcome)?;
        self.failed += usize::from(end.failed);
        let tally = &mut self.tallies[end.key.region];
        tally.vetoed += usize::from(end.vetoed);
        tally.ended = Some(end.at);
        Ok(())
    }

    fn report(self) -> Report {
        let regions = self.fleet.regions.iter().zip(&self.tallies).enumerate();
        let regions = regions
            .map(|(place, (region, tally))| {
                let progress = self.scheduler.progress(place).unwrap_or_default();
                RegionReport {
                    region: region.clone(),
                    deployed: progress.succeeded + progress.failed,
                    succeeded: progress.succeeded,
                    failed: progress.failed,
                    vetoed: tally.vetoed,
                    cancelled: progress.cancelled,
                    started: tally.started,
                    ended: tally.ended,
                }
            })
            .collect();
        Report {
            status: self.scheduler.status().as_str(),
            duration_minutes: self
                .tallies
                .iter()
                .filter_map(|tally| tally.ended)
                .max()
                .unwrap_or_default(),
            regions,
            timeline: self.timeline,
            peak_in_flight: self.peak,
        }
    }
}
