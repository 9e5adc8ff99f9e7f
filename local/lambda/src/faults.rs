//! Where a test or a simulation may break the host.

use std::time::Duration;

/// A moment in an invocation at which the host asks whether something shall go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultPoint {
    /// Before a process is chosen: the function never hears of the invocation.
    BeforeStart,
    /// While the function works. [`Fault::KillAfter`] counts from here.
    Started,
    /// The function has answered, and the caller has not heard of it: its effects are there, its
    /// answer can still be lost.
    BeforeAnswer,
    /// The answer is delivered; what is broken now is the next invocation's warm process.
    AfterAnswer,
}

/// What goes wrong at a [`FaultPoint`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    Pass,
    /// The host waits. It has no effect at [`FaultPoint::Started`], where nothing waits for it.
    Wait(Duration),
    /// The process is killed. Before the answer is delivered, the caller sees a crash.
    Kill,
    /// The process is killed after the given time.
    KillAfter(Duration),
}

/// Decides what goes wrong. Asked once per point and invocation, from several tasks at once.
pub trait Faults: Send + Sync {
    /// The fault at `point` of the invocation `request_id` of the function called `function`.
    fn at(&self, point: FaultPoint, function: &str, request_id: &str) -> Fault;
}
