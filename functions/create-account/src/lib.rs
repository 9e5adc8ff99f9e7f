#![doc = include_str!("../README.md")]

mod config;
mod decide;
mod error;
mod handler;
mod state;

pub use config::Config;
pub use decide::Standing;
pub use error::{ERROR_NAMES, Error};
pub use handler::{App, CREATIONS_HELD, Ensured, NAMESPACE, Request, handle};
