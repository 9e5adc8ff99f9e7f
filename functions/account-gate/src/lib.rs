#![doc = include_str!("../README.md")]

mod answer;
mod checks;
mod config;
mod decide;
mod handler;
mod https;
mod windows;

pub use answer::Answer;
pub use config::{AlarmFilter, AlarmPattern, Config, Precondition};
pub use decide::{Check, FailMode, Finding, Status, Verdict};
pub use handler::{App, BUDGET, handle};
pub use windows::{Freeze, InvalidWindow, Window};
