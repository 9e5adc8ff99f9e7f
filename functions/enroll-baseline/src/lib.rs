#![doc = include_str!("../README.md")]

mod candidates;
mod config;
pub mod decide;
mod error;
mod handler;
mod stack_sets;

pub use config::Config;
pub use error::Error;
pub use handler::{App, Enrolled, InstanceStatus, Request, Response, handle};
