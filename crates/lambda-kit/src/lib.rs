#![doc = include_str!("../README.md")]

pub mod clock;
pub mod config;
pub mod error;
pub mod metrics;
pub mod run;
#[cfg(feature = "sdk")]
pub mod sdk;

pub use clock::Clock;
pub use config::{Lookup, environment};
pub use error::{Named, chain, diagnostic};
pub use lambda_runtime::Diagnostic;
pub use metrics::{Metric, Metrics};
pub use run::{call, run};
