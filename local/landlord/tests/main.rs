//! Landlord's command line, as a user runs it.

mod demo;
mod simulate_operation;
