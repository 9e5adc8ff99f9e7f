//! The function's final errors: those that all functions of a roll-out have.

pub use rollout::Error;
