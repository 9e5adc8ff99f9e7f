//! The function through its public API: the real SDK on a scripted wire.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails the test")]

#[path = "handler/admission.rs"]
mod admission;
#[path = "handler/checks.rs"]
mod checks;
#[path = "handler/lanes.rs"]
mod lanes;
#[path = "handler/support.rs"]
mod support;
