#![doc = include_str!("../README.md")]

mod config;
pub mod decide;
mod error;
mod handler;
mod offenders;
mod reading;

pub use config::Config;
pub use error::Error;
pub use handler::{App, Finished, Request, handle};
pub use offenders::LongVeto;
