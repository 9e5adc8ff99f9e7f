//! The `landlord` command line: Landlord on one machine, and what-if questions about a fleet.
//!
//! Exit status: 0 when the command did what was asked, 1 when it could not, 2 for a usage fault.

pub mod simulate;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// An AWS account per tenant, on one machine.
#[derive(Debug, Parser)]
#[command(name = "landlord", version, about, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run something in virtual time and say what would happen
    #[command(subcommand)]
    Simulate(simulate::Simulate),
}

impl Cli {
    /// Performs the command. Results go to standard output, everything else to standard error.
    #[must_use]
    pub fn run(self) -> ExitCode {
        match self.command {
            Command::Simulate(simulate) => simulate.run(),
        }
    }
}
