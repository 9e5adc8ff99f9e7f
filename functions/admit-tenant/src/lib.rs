#![doc = include_str!("../README.md")]

mod admission;
mod answers;
mod behind;
mod checks;
mod config;
mod day;
pub mod decide;
mod error;
mod executions;
mod handler;
mod queue;
mod room;

pub use answers::{TenantAdmitted, TenantRejected};
pub use config::Config;
pub use error::Error;
pub use handler::{
    App, Attributes, BatchItemFailure, HEAD_WAITING, NAMESPACE, Record, Request, Response, handle,
};
