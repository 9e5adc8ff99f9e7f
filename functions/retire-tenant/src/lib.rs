#![doc = include_str!("../README.md")]

mod answer;
mod config;
mod decide;
mod error;
mod handler;

pub use answer::{OutcomeKind, Settled};
pub use config::Config;
pub use decide::Action;
pub use error::{ERROR_NAMES, Error};
pub use handler::{App, Request, handle};
