//! Landlord's command line, as a user runs it.

#![allow(clippy::unwrap_used, reason = "tests")]

mod demo;
mod operator;
mod simulate_operation;
