//! `landlord config`: the configuration, from a folder to AWS.

use std::process::ExitCode;

use clap::Subcommand;
use configuration::Check;

use crate::failure::Exit;
use crate::say;

/// The configuration: tiers and the catalogue of services
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say whether the configuration in a folder is in order, offline: everything that is wrong, each
    /// with file, line, field, value and rule
    Check(Check),
}

impl Command {
    pub(crate) fn run(self) -> ExitCode {
        match self {
            Self::Check(check) => checked(check),
        }
    }
}

fn checked(check: Check) -> ExitCode {
    let wants_a_document = check.json;
    match check.perform() {
        Ok(text) => {
            say(&text);
            return ExitCode::SUCCESS;
        }
        Err(document) if wants_a_document => say(&document),
        Err(faults) => eprintln!("{faults}"),
    }
    Exit::Refused.into()
}
