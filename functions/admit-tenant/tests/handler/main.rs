//! The function through its public API: the real SDK on a scripted wire.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails the test")]

mod admission;
mod lanes;
mod support;
