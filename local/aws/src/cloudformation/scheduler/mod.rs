//! The rules of a StackSet operation: which instance may start when, what a failure does, when a
//! Region or the whole operation ends.
//!
//! Pure: no clock, no storage, no wire format, no account ids. Whoever drives it says how many
//! instances each Region has, starts what [`Scheduler::startable`] names, and reports each end
//! with [`Scheduler::finished`]. Between two reports nothing changes, so a driver may run in real
//! time, on a paused clock, or over a heap of events.
//!
//! What AWS documents is followed
//! (<https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackSetOperationPreferences.html>,
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/concurrency-mode.html>); what
//! it leaves open is a choice in [`Options`]. `docs/stacksets.md` lists both, with their tests.

mod preferences;
mod region;
mod run;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use preferences::{
    ConcurrencyMode, FailureTolerance, InvalidOperation, MaxConcurrent, Preferences,
    PreferencesRequest, RegionConcurrency,
};
pub use region::{CancelReason, InstanceState, RegionProgress};
pub use run::{
    InstanceKey, OperationStatus, Options, OutOfTurn, Outcome, ParallelExcess, RegionTargets,
    Scheduler,
};
