//! Roll-outs in virtual time: a fleet that stands, the shipped machines and functions, and how
//! close they come to the least time that the plan allows.

pub mod bound;
pub mod fleet;
mod measure;
pub mod plan;
mod report;
mod run;
mod signups;
mod turns;

pub(crate) use measure::{BAD_WORDS, bad_resource};
pub use report::{Report, Signups, Standing, Times, Wave};
pub(crate) use run::file;
pub use run::{Change, EXECUTION, Scenario, Scene, changed, simulate, tiers};
pub use turns::{Turns, turns};
