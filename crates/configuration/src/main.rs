//! `landlord config check` alone: what `make validate` and `make deploy` check with, in seconds.

use std::process::ExitCode;

use clap::Parser;

/// Whether the configuration in a folder is in order. Exit status: 0 when it is, 3 when it has faults.
#[derive(Debug, Parser)]
#[command(name = "landlord-config", version)]
struct Cli {
    #[command(flatten)]
    check: configuration::Check,
}

#[allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to people")]
fn main() -> ExitCode {
    let check = Cli::parse().check;
    let wants_a_document = check.json;
    match check.perform() {
        Ok(text) => println!("{text}"),
        Err(document) if wants_a_document => {
            println!("{document}");
            return ExitCode::from(3);
        }
        Err(faults) => {
            eprintln!("{faults}");
            return ExitCode::from(3);
        }
    }
    ExitCode::SUCCESS
}
