#![doc = include_str!("../README.md")]

mod accounts;
mod blame;
mod config;
pub mod decide;
mod definition;
mod error;
mod gates;
mod handler;
mod house;
mod joined;
mod proof;
mod results;
mod rounds;
mod run;
mod settle;
mod start;
mod state;
mod witness;

pub use config::Config;
pub use error::Error;
pub use handler::{App, Deployed, Request, StageName, Verdict, handle};
