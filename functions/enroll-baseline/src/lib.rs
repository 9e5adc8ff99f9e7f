#![doc = include_str!("../README.md")]

mod attempts;
mod candidates;
mod config;
pub mod decide;
mod error;
mod handler;
mod log;
mod stack_sets;
mod state;
mod step;

pub use config::Config;
pub use error::Error;
pub use handler::{App, Enrolled, InstanceStatus, Request, Response, handle};
