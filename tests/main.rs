//! What no crate can check alone: that the parts of the workspace agree with each other.
//!
//! `contracts`: names, placeholders, variables and events mean the same on both sides.
//! `architecture`: who may depend on what, and what a function consists of. `templates`: what is
//! deployed loads, starts and asks for no more than it needs. `thieves`: what a stolen role could
//! do. `lifecycle`: what is repeated, killed or
//! made to fail ends as if nothing had happened.
//!
//! Each rule is a function from files to faults with a test over the real files; where a rule is
//! easily made toothless, a second test gives it something broken and looks at the fault.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests fail by panicking, their helpers too"
)]

mod architecture;
mod contracts;
mod lifecycle;
mod templates;
mod thieves;
mod workspace;
