#![doc = include_str!("../README.md")]

mod config;
mod decide;
mod error;
mod handler;
mod reads;

pub use config::Config;
pub use decide::{Kept, Unchanged};
pub use error::{ERROR_NAMES, Error};
pub use handler::{Answer, Answered, App, Request, handle};
