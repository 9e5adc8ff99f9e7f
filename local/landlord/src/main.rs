//! The `landlord` binary; everything is in the library.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    landlord::Cli::parse().run()
}
