#![doc = include_str!("../README.md")]

mod config;
mod error;
mod handler;
mod report;
mod role;
mod session;

pub use config::Config;
pub use error::{ERROR_NAMES, Error};
pub use handler::{App, Equipped, Request, handle};
