#![doc = include_str!("../README.md")]

pub mod alarms;
pub mod cut;
pub mod error;
mod fields;
pub mod files;
pub mod house;
pub mod input;
pub mod known;
pub mod manifest;
pub mod plan;
mod read_plan;
pub mod stack_set;
pub mod standing;

pub use cut::{Batch, Instance};
pub use error::{Error, Stop};
pub use files::Files;
pub use house::{House, Objection, StackSets};
pub use input::{DEFAULT_PLANS, Input, Template, whole_plan};
pub use known::{Known, KnownFile, Offenders};
pub use manifest::{Header, Manifest, Reason, ReasonCode};
pub use plan::Plan;
pub use stack_set::StackSet;
pub use stack_set_reasons::Class;
pub use standing::{Counts, Row, Standing};
