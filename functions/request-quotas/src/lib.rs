#![doc = include_str!("../README.md")]

mod config;
pub mod decide;
mod error;
mod handler;
mod notice;
mod session;

pub use config::Config;
pub use error::{Error, QuotaName};
pub use handler::{App, QuotaReport, Request, Response, WaitFor, handle};
pub use notice::{Signup, TenantWaiting};
