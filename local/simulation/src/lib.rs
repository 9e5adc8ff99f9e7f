//! simulation.

pub mod operation;
