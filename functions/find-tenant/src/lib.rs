#![doc = include_str!("../README.md")]

mod brake;
mod config;
mod decide;
mod error;
mod event;
mod fleet;
mod handler;

pub use config::{Config, DECISION_PARAMETER};
pub use error::{ERROR_NAMES, Error};
pub use event::LifecycleEvent;
pub use handler::{Answer, Answered, App, Request, handle};
