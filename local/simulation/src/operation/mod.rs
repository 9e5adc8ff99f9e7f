//! What a StackSet operation would do to a fleet: the question before every deployment.
//!
//! The rules are those of the stand-in's own scheduler ([`local_aws::cloudformation::scheduler`]);
//! here is only the fleet (how long instances take, which of them fail) and a run over a heap of
//! moments, so a day of deploying takes milliseconds. What an instance will do is drawn from the
//! seed, its Region and its place alone: other preferences meet the same fleet.

mod fleet;
mod plot;
mod report;
mod run;

#[cfg(test)]
mod tests;

pub use fleet::{Failures, Fleet, InvalidFleet, Minutes, Rate};
pub use plot::{Plot, sparkline};
pub use report::{RegionReport, Report, Sample};
pub use run::{Error, compare, simulate};
