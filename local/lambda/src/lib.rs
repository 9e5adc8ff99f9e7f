#![doc = include_str!("../README.md")]
#![allow(
    clippy::disallowed_methods,
    reason = "this crate is Lambda itself: its deadlines are the wall clock's and it does wait"
)]

pub mod binaries;
mod environment;
pub mod faults;
pub mod host;
pub mod logs;
pub mod outcome;
mod process;
mod runtime_api;
pub mod spec;

pub use binaries::{BuildError, Functions, MissingFunctions, build_functions, functions_in};
pub use faults::{Fault, FaultPoint, Faults};
pub use host::{Host, Killed, Settings};
pub use logs::{LogLine, LogSink, Stream};
pub use outcome::Outcome;
pub use spec::FunctionSpec;
