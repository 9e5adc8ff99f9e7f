//! The local AWS as its clients see it.

#![allow(missing_docs, unreachable_pub)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and waits on a paused clock"
)]

mod across;
mod cloudtrail;
mod events;
mod first_deploy;
mod fleet;
mod iam;
mod lambda;
mod organization;
mod organizations;
mod permissions;
mod scheduler;
mod stacksets;
mod stacksets_managed;
mod stacksets_operations;
mod stacksets_rules;
mod states;
mod states_by_sdk;
mod templates;
mod wire;
mod wire_clients;
mod world;
