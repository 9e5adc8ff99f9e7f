#![doc = include_str!("../README.md")]

mod decide;
mod error;
mod handler;

pub use decide::Origin;
pub use error::{ERROR_NAMES, Error};
pub use handler::{App, Placed, Request, handle};
