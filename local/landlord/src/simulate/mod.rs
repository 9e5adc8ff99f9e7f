//! `landlord simulate …`: what would happen, in virtual time.

pub mod onboard;
pub mod operation;
pub mod prove;
pub mod replay;

use std::process::ExitCode;

use clap::Subcommand;

/// What can be simulated.
#[derive(Debug, Subcommand)]
pub enum Simulate {
    /// What a StackSet operation with these preferences would do to a fleet
    Operation(operation::Operation),
    /// How fast tenants are onboarded against AWS's published limits, and what it costs
    Onboard(onboard::Onboard),
    /// Whether what must hold holds under random faults, in thousands of worlds
    Prove(prove::Prove),
    /// What happens in one of these worlds, as a story
    Replay(replay::Replay),
}

impl Simulate {
    /// Runs the simulation and prints what came of it.
    #[must_use]
    pub fn run(self) -> ExitCode {
        match self {
            Self::Operation(operation) => operation.run(),
            Self::Onboard(onboard) => onboard.run(),
            Self::Prove(prove) => prove.run(),
            Self::Replay(replay) => replay.run(),
        }
    }
}
