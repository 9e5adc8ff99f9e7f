//! Worlds in virtual time.

mod adoption;
mod alarms;
mod brakes;
mod canary;
mod changes;
mod check;
mod coming_back;
mod fleet;
mod observed;
mod offboarding;
mod onboarding;
mod proof;
mod retirement;
mod rollout;
mod uninstall;
mod waiting;
mod world;
