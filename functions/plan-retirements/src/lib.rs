#![doc = include_str!("../README.md")]

mod budget;
mod config;
mod decide;
mod error;
mod handler;
mod listing;
mod lock;
mod ranking;
mod report;
mod tagged;
mod work;

pub use budget::{Budget, Forecast, Limits};
pub use config::Config;
pub use decide::Verdict;
pub use error::{ERROR_NAMES, Error};
pub use handler::{Action, App, Request, Response, handle};
pub use report::{Attention, Reported, RetirementSweepFinished};
pub use work::{PlanOutcome, Planned, VerdictLine};
