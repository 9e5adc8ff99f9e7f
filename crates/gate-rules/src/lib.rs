//! What the account gate knows without asking anybody: its settings, its maintenance windows and
//! freezes, and what follows from what its checks found.
//!
//! Pure: no AWS, no runtime, no clock. The gate decides with it, and whatever hands settings to a
//! gate checks them with it before they reach an account: `landlord gate check` at a deployment,
//! `plan-rollout` for a rollout of the gate's stack set, `admit-tenant` for the tiers.

mod clock;
mod explanation;
mod freeze;
mod moment;
mod parameters;
mod settings;
mod verdict;
mod window;

pub use clock::look_at_clock;
pub use explanation::{Explanation, Proof};
pub use freeze::Freeze;
pub use parameters::{PARAMETERS, check_parameters, check_tiers, faults_of_tiers, is_gate_set};
pub use settings::{AlarmFilter, AlarmPattern, Precondition, Settings, read_fail_mode};
pub use verdict::{Check, FailMode, Finding, Status, Verdict, decide, vetoes};
pub use window::{Span, Window};
