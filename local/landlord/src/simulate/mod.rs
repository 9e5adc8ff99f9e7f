//! `landlord simulate …`: what would happen, in virtual time.

pub mod onboard;
pub mod operation;
pub mod prove_retire;
pub mod retire;
pub mod roll_out;

use std::process::ExitCode;

use clap::Subcommand;

/// What can be simulated.
#[derive(Debug, Subcommand)]
pub enum Simulate {
    /// What a StackSet operation with these preferences would do to a fleet
    Operation(operation::Operation),
    /// How fast tenants are onboarded against AWS's published limits, and what it costs
    Onboard(onboard::Onboard),
    /// How a backlog of accounts is closed within AWS's limits, day by day
    Retire(retire::Retire),
    /// Whether anybody is closed who must not be: random fleets, people and faults
    ProveRetire(prove_retire::ProveRetire),
    /// How a change would roll out to a whole fleet, with the shipped machines and functions
    RollOut(roll_out::RollOut),
}

impl Simulate {
    /// Runs the simulation and prints what came of it.
    #[must_use]
    pub fn run(self) -> ExitCode {
        match self {
            Self::Operation(operation) => operation.run(),
            Self::Onboard(onboard) => onboard.run(),
            Self::Retire(retire) => retire.run(),
            Self::ProveRetire(prove) => prove.run(),
            Self::RollOut(roll_out) => roll_out.run(),
        }
    }
}
