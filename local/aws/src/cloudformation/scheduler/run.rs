//! One operation over its Regions.

use std::fmt;

use super::preferences::{InvalidOperation, Preferences, RegionConcurrency};
use super::region::{CancelReason, InstanceState, RegionProgress, RegionWindow};

/// A Region of the operation and how many instances it has there.
///
/// Instances are numbered from 0 in the order in which they are to start; which account is which
/// number, the driver knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionTargets {
    /// The Region's name.
    pub region: String,
    /// How many accounts the operation touches there.
    pub instances: usize,
}

impl RegionTargets {
    /// `instances` accounts in `region`.
    pub fn new(region: impl Into<String>, instances: usize) -> Self {
        Self { region: region.into(), instances }
    }
}

/// One instance: places in what the driver handed in, both from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceKey {
    /// The Region's place in the list given to [`Scheduler::new`] (not in the order of running).
    pub region: usize,
    /// The account's place among the Region's accounts.
    pub instance: usize,
}

impl fmt::Display for InstanceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "instance {} of Region {}", self.instance, self.region)
    }
}

/// How an instance ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Deployed.
    Succeeded,
    /// Not deployed: its stack failed, or its gate refused. Counts towards the tolerance.
    Failed,
    /// The account is suspended: counts as nothing.
    Skipped,
}

/// The operation's status. `QUEUED` is a matter of the stack set's queue, before an operation has
/// a scheduler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationStatus {
    /// Instances wait or are in flight.
    Running,
    /// Everything ended, no Region exceeded its tolerance. There may be failures within it.
    Succeeded,
    /// A Region exceeded its tolerance, and what was in flight has ended.
    Failed,
    /// A stop was asked for; what was in flight still runs.
    Stopping,
    /// Stopped, nothing in flight.
    Stopped,
}

impl OperationStatus {
    /// As AWS spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Stopping => "STOPPING",
            Self::Stopped => "STOPPED",
        }
    }

    /// Whether nothing will change any more.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Stopped)
    }
}

/// With Regions in parallel: what happens to the others when one exceeds its tolerance. AWS says
/// only that the operation stops in that Region and does not begin in later ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ParallelExcess {
    /// The others have begun and go on to their own end; the operation is `FAILED` after that.
    #[default]
    OthersGoOn,
    /// Nothing more starts in any Region.
    AllStop,
}

/// Choices where AWS is silent, and the quota that bounds every operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// What an excess does to Regions that run at the same time.
    pub parallel_excess: ParallelExcess,
    /// Instances in flight in one Region, whatever the preferences say: AWS's quota is 10,000.
    pub instances_in_flight_per_region: usize,
}

impl Options {
    /// AWS's quota of concurrent stack instance operations per Region and administrator account.
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>
    pub const INSTANCES_IN_FLIGHT_PER_REGION: usize = 10_000;
}

impl Default for Options {
    fn default() -> Self {
        Self {
            parallel_excess: ParallelExcess::default(),
            instances_in_flight_per_region: Self::INSTANCES_IN_FLIGHT_PER_REGION,
        }
    }
}

/// A report or request that does not fit where the operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutOfTurn {
    /// The end of an instance that was never started, has ended already, or does not exist.
    #[error("{0} is not running: only what was started can end, and only once")]
    NotRunning(InstanceKey),
    /// A stop of an operation that has ended.
    #[error("the operation is {}: only an operation that has not ended can be stopped", .0.as_str())]
    AlreadyEnded(OperationStatus),
}

/// One operation. Deterministic: the same reports in the same order give the same run.
#[derive(Debug, Clone)]
pub struct Scheduler {
    region_concurrency: RegionConcurrency,
    parallel_excess: ParallelExcess,
    regions: Vec<RegionWindow>,
    /// Places in `regions`, in the order of running.
    order: Vec<usize>,
    /// How many of `order` have ended: those before the Region that is on (sequential only).
    done: usize,
    stopped: bool,
}

impl Scheduler {
    /// An operation with these preferences over these Regions, nothing started yet. An operation
    /// without instances has succeeded.
    ///
    /// # Errors
    /// [`InvalidOperation`] for a Region given twice, or a `RegionOrder` that does not fit.
    pub fn new(
        preferences: &Preferences,
        targets: &[RegionTargets],
    ) -> Result<Self, InvalidOperation> {
        Self::with_options(preferences, targets, Options::default())
    }

    /// As [`Scheduler::new`], with other choices.
    ///
    /// # Errors
    /// As [`Scheduler::new`].
    pub fn with_options(
        preferences: &Preferences,
        targets: &[RegionTargets],
        options: Options,
    ) -> Result<Self, InvalidOperation> {
        let order = running_order(&preferences.region_order, targets)?;
        let regions = targets
            .iter()
            .map(|target| {
                RegionWindow::new(
                    target.instances,
                    preferences.failure_tolerance.of(target.instances),
                    preferences
                        .max_concurrent
                        .of(target.instances)
                        .min(options.instances_in_flight_per_region.max(1)),
                    preferences.mode,
                )
            })
            .collect();
        Ok(Self {
            region_concurrency: preferences.region_concurrency,
            parallel_excess: options.parallel_excess,
            regions,
            order,
            done: 0,
            stopped: false,
        })
    }

    /// Starts everything that may start now and answers it, in the order of starting. Asking
    /// again without a report in between answers nothing.
    pub fn startable(&mut self) -> Vec<InstanceKey> {
        let mut keys = Vec::new();
        match self.region_concurrency {
            RegionConcurrency::Parallel => {
                for &region in &self.order {
                    start(&mut self.regions, region, &mut keys);
                }
            }
            RegionConcurrency::Sequential => {
                while let Some(&region) = self.order.get(self.done) {
                    start(&mut self.regions, region, &mut keys);
                    if !self.regions[region].ended() {
                        break;
                    }
                    self.done += 1;
                }
            }
        }
        keys
    }

    /// Takes the end of an instance that [`Scheduler::startable`] answered.
    ///
    /// # Errors
    /// [`OutOfTurn::NotRunning`]; the operation is then unchanged.
    pub fn finished(&mut self, key: InstanceKey, outcome: Outcome) -> Result<(), OutOfTurn> {
        let window = self.regions.get_mut(key.region).ok_or(OutOfTurn::NotRunning(key))?;
        let exceeded_before = window.exceeded();
        if !window.finish(key.instance, outcome) {
            return Err(OutOfTurn::NotRunning(key));
        }
        if window.exceeded() && !exceeded_before {
            self.cancel_after_excess(key.region);
        }
        Ok(())
    }

    fn cancel_after_excess(&mut self, region: usize) {
        let only_here = self.region_concurrency == RegionConcurrency::Parallel
            && self.parallel_excess == ParallelExcess::OthersGoOn;
        if only_here {
            self.regions[region].cancel(CancelReason::ToleranceExceeded);
        } else {
            self.cancel_all(CancelReason::ToleranceExceeded);
        }
    }

    fn cancel_all(&mut self, reason: CancelReason) {
        for window in &mut self.regions {
            window.cancel(reason);
        }
    }

    /// Stops the operation: nothing more starts, what is in flight runs to its end. A second stop
    /// changes nothing.
    ///
    /// # Errors
    /// [`OutOfTurn::AlreadyEnded`].
    pub fn stop(&mut self) -> Result<(), OutOfTurn> {
        let status = self.status();
        if status.is_final() {
            return Err(OutOfTurn::AlreadyEnded(status));
        }
        self.stopped = true;
        self.cancel_all(CancelReason::Stopped);
        Ok(())
    }

    /// The operation's status. Failed and stopped operations say so only when nothing is in
    /// flight any more; who stops an operation gets `STOPPED`, whatever failed.
    #[must_use]
    pub fn status(&self) -> OperationStatus {
        let ended = self.regions.iter().all(RegionWindow::ended);
        match (self.stopped, ended) {
            (true, true) => OperationStatus::Stopped,
            (true, false) => OperationStatus::Stopping,
            (false, false) => OperationStatus::Running,
            (false, true) if self.regions.iter().any(RegionWindow::exceeded) => {
                OperationStatus::Failed
            }
            (false, true) => OperationStatus::Succeeded,
        }
    }

    /// Where one instance stands; `None` if there is no such instance.
    #[must_use]
    pub fn state(&self, key: InstanceKey) -> Option<InstanceState> {
        self.regions.get(key.region)?.state(key.instance)
    }

    /// All instances with their states, in the order of the request.
    pub fn results(&self) -> impl Iterator<Item = (InstanceKey, InstanceState)> + '_ {
        self.regions.iter().enumerate().flat_map(|(region, window)| {
            (0..window.instances()).filter_map(move |instance| {
                Some((InstanceKey { region, instance }, window.state(instance)?))
            })
        })
    }

    /// How far a Region is, by its place in the request; `None` if there is no such Region.
    #[must_use]
    pub fn progress(&self, region: usize) -> Option<RegionProgress> {
        self.regions.get(region).map(RegionWindow::progress)
    }

    /// Failures in all Regions: what AWS calls `FailedStackInstancesCount`.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.regions.iter().map(|window| window.progress().failed).sum()
    }

    /// The Regions' places in the request, in the order in which they run.
    #[must_use]
    pub fn region_order(&self) -> &[usize] {
        &self.order
    }
}

fn start(regions: &mut [RegionWindow], region: usize, keys: &mut Vec<InstanceKey>) {
    keys.extend(regions[region].start().map(|instance| InstanceKey { region, instance }));
}

/// The Regions that the preferences name first, then the others as the request has them.
fn running_order(
    wanted: &[String],
    targets: &[RegionTargets],
) -> Result<Vec<usize>, InvalidOperation> {
    for (place, target) in targets.iter().enumerate() {
        if targets[..place].iter().any(|other| other.region == target.region) {
            let region = target.region.clone();
            return Err(InvalidOperation::RegionTwice { field: "Regions", region });
        }
    }
    let mut order = Vec::with_capacity(targets.len());
    for region in wanted {
        let place =
            targets.iter().position(|target| target.region == *region).ok_or_else(|| {
                let regions: Vec<_> = targets.iter().map(|target| target.region.as_str()).collect();
                InvalidOperation::RegionNotInOperation {
                    region: region.clone(),
                    regions: regions.join(", "),
                }
            })?;
        if order.contains(&place) {
            let region = region.clone();
            return Err(InvalidOperation::RegionTwice { field: "RegionOrder", region });
        }
        order.push(place);
    }
    let rest: Vec<_> = (0..targets.len()).filter(|place| !order.contains(place)).collect();
    order.extend(rest);
    Ok(order)
}
