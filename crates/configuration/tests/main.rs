//! Configurations as people write them: what is in order, and what is said of what is not.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod faults;
mod folder;
mod whole;
