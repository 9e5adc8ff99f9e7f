#![doc = include_str!("../README.md")]

mod check;
mod config;
mod decide;
mod deleting;
mod ending;
mod error;
mod handler;
mod order;
mod overrides;
mod stack_sets;
mod work;

pub use config::Config;
pub use error::{ERROR_NAMES, Error};
pub use handler::{App, Request, Withdrawn, handle};
pub use order::Pattern;
