//! The operators' commands, as they answer, against a scripted wire.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod stop;
