//! The `landlord` command line: Landlord on one machine, and what-if questions about a fleet.
//!
//! Exit status: 0 when the command did what was asked, 1 when it could not, 2 for a usage fault; what
//! operators do has its own, see the crate `operator`.
//!
//! Without the feature `local` there is nothing in here: the binary is the operators' command alone.

#![cfg(feature = "local")]
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a command line: it has a clock, and talks to people"
)]

mod adopt;
mod bench;
mod change;
mod comeback;
mod demo;
mod drill;
mod fleet;
mod gate;
mod pace;
mod place;
mod processes;
mod retire;
mod rollout;
pub mod simulate;
mod up;

use std::error::Error;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

/// An AWS account per tenant, on one machine.
#[derive(Debug, Parser)]
#[command(name = "landlord", version, about, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Onboard tenants on this machine, with the real functions, and show how they fare
    Demo(demo::Demo),
    /// Serve Landlord on a local AWS endpoint, for the AWS CLI and SDKs
    Up(up::Up),
    /// Run something in virtual time and say what would happen
    #[command(subcommand)]
    Simulate(simulate::Simulate),
    #[command(subcommand)]
    Bench(bench::Bench),
    #[command(subcommand)]
    Drill(drill::Drill),
    #[command(flatten)]
    Operator(operator::Command),
}

impl Cli {
    /// Performs the command. Results go to standard output, everything else to standard error.
    #[must_use]
    pub fn run(self) -> ExitCode {
        match self.command {
            Command::Demo(demo) => in_real_time(demo.run()),
            Command::Up(up) => in_real_time(up.run()),
            Command::Simulate(simulate) => simulate.run(),
            Command::Bench(bench) => in_real_time(bench.run()),
            Command::Drill(drill) => in_real_time(drill.run()),
            Command::Operator(operator) => operator.run(Cli::command()),
        }
    }
}

/// The exit status of a usage fault.
const USAGE: u8 = 2;

fn in_real_time(work: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime.block_on(work),
        Err(error) => failed(&error),
    }
}

/// Says what went wrong, causes included.
fn failed(error: &dyn Error) -> ExitCode {
    eprintln!("landlord: {}", lambda_kit::chain(error));
    ExitCode::FAILURE
}

/// Writes a result to standard output; a reader that went away is no error.
fn say(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}
