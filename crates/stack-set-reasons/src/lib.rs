#![doc = include_str!("../README.md")]

mod class;
mod patterns;
mod policy;

pub use class::{Account, Class, Told, classify, is_gate_hole, needs_witness};
pub use patterns::normalized;
pub use policy::{Again, Counting, Enrolment, Policy};
