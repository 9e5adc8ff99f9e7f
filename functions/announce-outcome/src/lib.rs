#![doc = include_str!("../README.md")]

mod announcement;
mod config;
pub mod decide;
mod error;
mod execution;
mod handler;

pub use announcement::TenantOnboardingFailed;
pub use config::Config;
pub use error::Error;
pub use handler::{App, Detail, EventName, Request, Response, Status, handle};
