//! `landlord gate` alone, without the stand-in: what `make validate` and `make deploy` check with.

use std::process::ExitCode;

use clap::Parser;

/// The account gate's settings: when they let changes pass, and whether the gate understands them.
#[derive(Debug, Parser)]
#[command(name = "landlord-gate", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    gate: gate_console::Gate,
}

fn main() -> ExitCode {
    Cli::parse().gate.run()
}
