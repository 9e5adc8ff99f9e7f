//! Retirement in virtual time: a fleet of which some accounts are due to be closed, the shipped
//! sweep on its schedule, and what came of it day by day.
//!
//! Nothing in [`Expected`] looks at the functions: it is arithmetic from AWS's published limits
//! and the sweep's own, held against what the machine did.

mod expected;
mod fleet;
mod report;
mod run;

pub use expected::{Expected, Limits};
pub use fleet::{Fleet, retired_tags, seed_tenants};
pub use report::{Day, Report};
pub use run::{Error, Question, simulate};
