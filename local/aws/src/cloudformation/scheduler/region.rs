//! One Region of an operation: a window that slides over the Region's instances.
//!
//! Instances start in the order in which the driver lists them, so the window is a number, and
//! what has not been started needs no entry: 100,000 waiting instances cost nothing.

use super::preferences::ConcurrencyMode;
use super::run::Outcome;

/// Where one instance stands in the operation. Each is in exactly one state at any time, and all
/// but `Pending` and `Running` are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceState {
    /// Waits for its turn.
    Pending,
    /// Started and not yet ended.
    Running,
    /// Ended well.
    Succeeded,
    /// Ended badly, or was refused by its account's gate.
    Failed,
    /// Will not be, or was not, deployed.
    Cancelled(CancelReason),
}

impl InstanceState {
    /// The status of the operation's result, as AWS spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Cancelled(_) => "CANCELLED",
        }
    }
}

/// Why an instance was not deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelReason {
    /// The failure tolerance was exceeded, here or in a Region before.
    ToleranceExceeded,
    /// The operation was stopped.
    Stopped,
    /// The account is suspended: skipped, neither a success nor a failure.
    SuspendedAccount,
}

/// How far a Region is. `pending + running + succeeded + failed + skipped + cancelled` is the
/// number of its instances, at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RegionProgress {
    /// Not started, may start yet.
    pub pending: usize,
    /// In flight.
    pub running: usize,
    /// Ended well.
    pub succeeded: usize,
    /// Ended badly, vetoes of a gate included.
    pub failed: usize,
    /// Suspended accounts.
    pub skipped: usize,
    /// Never started and never will be.
    pub cancelled: usize,
    /// How many may be in flight now.
    pub allowed: usize,
}

/// The window over one Region's instances.
#[derive(Debug, Clone)]
pub(super) struct RegionWindow {
    instances: usize,
    tolerance: usize,
    max_concurrent: usize,
    mode: ConcurrencyMode,
    /// States of what was started; its length is where the window stands.
    started: Vec<InstanceState>,
    running: usize,
    succeeded: usize,
    failed: usize,
    skipped: usize,
    cancelled: Option<CancelReason>,
}

impl RegionWindow {
    pub(super) fn new(
        instances: usize,
        tolerance: usize,
        max_concurrent: usize,
        mode: ConcurrencyMode,
    ) -> Self {
        Self {
            instances,
            tolerance,
            max_concurrent,
            mode,
            started: Vec::new(),
            running: 0,
            succeeded: 0,
            failed: 0,
            skipped: 0,
            cancelled: None,
        }
    }

    pub(super) fn instances(&self) -> usize {
        self.instances
    }

    pub(super) fn pending(&self) -> usize {
        if self.cancelled.is_some() { 0 } else { self.instances - self.started.len() }
    }

    pub(super) fn exceeded(&self) -> bool {
        self.failed > self.tolerance
    }

    pub(super) fn ended(&self) -> bool {
        self.running == 0 && self.pending() == 0
    }

    /// How many may be in flight.
    ///
    /// Strict keeps `running + failed <= tolerance + 1`, the documented promise: concurrency is
    /// the ceiling until the failures that are left are fewer. Were it lowered by every failure
    /// from the ceiling on, an operation with a ceiling below its tolerance would come to a halt
    /// inside its tolerance.
    pub(super) fn allowed(&self) -> usize {
        match self.mode {
            ConcurrencyMode::Soft => self.max_concurrent,
            ConcurrencyMode::Strict => self
                .max_concurrent
                .min(self.tolerance.saturating_add(1).saturating_sub(self.failed)),
        }
    }

    /// Starts what may start; answers the range of instances.
    pub(super) fn start(&mut self) -> std::ops::Range<usize> {
        let room = self.allowed().saturating_sub(self.running).min(self.pending());
        let first = self.started.len();
        self.started.resize(first + room, InstanceState::Running);
        self.running += room;
        first..first + room
    }

    /// Takes the end of an instance; false if it was not running.
    pub(super) fn finish(&mut self, instance: usize, outcome: Outcome) -> bool {
        let Some(state) = self.started.get_mut(instance) else { return false };
        if *state != InstanceState::Running {
            return false;
        }
        self.running -= 1;
        *state = match outcome {
            Outcome::Succeeded => {
                self.succeeded += 1;
                InstanceState::Succeeded
            }
            Outcome::Failed => {
                self.failed += 1;
                InstanceState::Failed
            }
            Outcome::Skipped => {
                self.skipped += 1;
                InstanceState::Cancelled(CancelReason::SuspendedAccount)
            }
        };
        true
    }

    /// Cancels what has not been started; the first reason stays.
    pub(super) fn cancel(&mut self, reason: CancelReason) {
        self.cancelled.get_or_insert(reason);
    }

    pub(super) fn state(&self, instance: usize) -> Option<InstanceState> {
        if instance >= self.instances {
            return None;
        }
        let waiting = self.cancelled.map_or(InstanceState::Pending, InstanceState::Cancelled);
        Some(self.started.get(instance).copied().unwrap_or(waiting))
    }

    pub(super) fn progress(&self) -> RegionProgress {
        let pending = self.pending();
        RegionProgress {
            pending,
            running: self.running,
            succeeded: self.succeeded,
            failed: self.failed,
            skipped: self.skipped,
            cancelled: self.instances - self.started.len() - pending,
            allowed: if self.cancelled.is_some() { 0 } else { self.allowed() },
        }
    }
}
