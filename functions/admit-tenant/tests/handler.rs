//! The function through its public API: the real SDK on a scripted wire.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails the test")]

#[path = "handler/admission.rs"]
mod admission;
#[path = "handler/behind.rs"]
mod behind;
#[path = "handler/checks.rs"]
mod checks;
#[path = "handler/hostile.rs"]
mod hostile;
#[path = "handler/lanes.rs"]
mod lanes;
#[path = "handler/support.rs"]
mod support;
