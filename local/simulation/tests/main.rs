//! Worlds in virtual time.

mod offboarding;
mod onboarding;
mod proof;
mod retirement;
mod rollout;
mod world;
