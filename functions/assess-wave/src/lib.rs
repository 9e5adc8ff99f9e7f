#![doc = include_str!("../README.md")]

mod config;
pub mod decide;
mod error;
mod handler;

pub use config::Config;
pub use error::Error;
pub use handler::{App, Assessed, Request, handle};
