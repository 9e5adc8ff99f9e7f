#![doc = include_str!("../README.md")]

mod config;
mod decide;
mod error;
mod event;
mod handler;

pub use config::Config;
pub use error::{ERROR_NAMES, Error};
pub use event::LifecycleEvent;
pub use handler::{Answer, App, Request, handle};
