#![doc = include_str!("../README.md")]

mod class;
mod find;
mod live;
mod mend;
mod seen;
#[cfg(test)]
mod tests;

pub use class::{Class, Finding};
pub use find::{findings, tenant_of, two_accounts};
pub use live::wanted_regions;
pub use mend::Events;
pub use seen::{Account, Ground, Instance, Recorded, Standing, UnderWay};
