#![doc = include_str!("../README.md")]

mod answer;
mod checks;
mod config;
mod handler;
mod https;

pub use answer::Answer;
pub use gate_rules::{Check, FailMode, Finding, Status, Verdict};
pub use handler::{App, BUDGET, handle};
