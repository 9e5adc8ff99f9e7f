#![doc = include_str!("../README.md")]

mod config;
mod decide;
mod error;
mod handler;

pub use config::Config;
pub use error::{ERROR_NAMES, Error};
pub use handler::{App, Found, Request, handle};
