//! Worlds in virtual time: the shipped machines and the shipped function libraries over the
//! local AWS, in one process, on tokio's paused clock.

pub mod adoption;
pub mod audit;
pub mod deployment;
pub mod library;
pub mod onboarding;
pub mod operation;
pub mod paste;
pub mod privileges;
pub mod proof;
pub mod retirement;
pub mod rollout;
pub mod virtual_time;
pub mod world;
