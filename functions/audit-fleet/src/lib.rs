#![doc = include_str!("../README.md")]

mod config;
mod error;
mod handler;
mod judge;
mod lists;
mod report;
mod single;
mod table;
mod work;

pub use config::Config;
pub use error::{ERROR_NAMES, Error};
pub use handler::{App, Request, handle};
pub use report::{Audited, FleetAuditFinished};
pub use work::Unread;
