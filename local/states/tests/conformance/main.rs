//! The language's published rules, one test a rule, as a user of a machine sees them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "helpers of tests, which run on a paused clock"
)]

mod branches;
mod definitions;
mod distributed;
mod expressions;
mod failures;
mod history;
mod properties;
mod recorded;
mod redrive;
mod retirement;
mod shipped;
mod shipped_rollout;
mod states;
mod world;
