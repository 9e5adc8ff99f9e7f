//! AWS's cron expressions, whole: six fields, over IANA time zones.
//!
//! One evaluation for all that Landlord schedules: the account gate's maintenance windows, and the
//! stand-in's EventBridge Scheduler. What AWS documents, what it leaves open and how that is read
//! here, stands in `docs/cron.md`.
//!
//! - [`Cron`] is an expression: a set of readings of a wall clock.
//! - [`ZonedCron`] is an expression on the clock of a time zone: moments.

mod cron;
mod field;
mod zoned;

pub use cron::Cron;
pub use field::InvalidCron;
pub use zoned::{ClockChanges, Fold, Gap, ZonedCron};
