#![doc = include_str!("../README.md")]

mod change;
mod checks;
mod config;
mod constraints;
pub mod decide;
mod error;
mod gather;
mod handler;
mod maker;
mod overrides;
mod predecessor;

pub use config::Config;
pub use error::Error;
pub use handler::{App, Planned, Request, Summary, handle};
