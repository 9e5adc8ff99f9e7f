//! Roll-outs in virtual time: a fleet that stands, the shipped machine and functions, and how close
//! they come to the least time that the plan allows.

pub mod bound;
