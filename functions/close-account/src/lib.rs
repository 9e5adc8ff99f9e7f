#![doc = include_str!("../README.md")]

mod closing;
mod config;
mod decide;
mod error;
mod handler;
mod mark;

pub use config::Config;
pub use error::{ERROR_NAMES, Error};
pub use handler::{App, Close, Request, Settled, handle};
pub use mark::{ClosingEvent, Mark, Marked};
