#![doc = include_str!("../README.md")]

mod change;
mod checks;
mod config;
mod constraints;
pub mod decide;
mod error;
mod floor;
mod gather;
mod handler;
mod house;
mod maker;
mod overrides;
mod predecessor;

pub use config::Config;
pub use error::Error;
pub use floor::Floor;
pub use handler::{App, Planned, Request, Summary, handle};
pub use house::Outside;
