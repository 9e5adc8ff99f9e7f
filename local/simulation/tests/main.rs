//! Worlds in virtual time.

mod observed;
mod offboarding;
mod onboarding;
mod proof;
mod retirement;
mod rollout;
mod world;
