//! `landlord gate`: what the account gate would do with its settings, offline, in the gate's own
//! code (`gate-rules`).
//!
//! Exit status: 0 when the command did what was asked, 1 when the settings are not understood or
//! cannot be read, 2 for a usage fault.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a command line: it has a clock, and talks to people"
)]

mod batch;
mod check;
mod explain;
mod picture;
mod preview;
mod source;
mod times;

use std::process::ExitCode;

use clap::Subcommand;

/// The account gate's settings: when they let changes pass, and whether the gate understands them
#[derive(Debug, Subcommand)]
pub enum Gate {
    /// Show openings and freezes of a span of time, as a table and as a picture of the week
    Preview(preview::Preview),
    /// Say which check of the gate would say what at a moment
    Explain(explain::Explain),
    /// Read settings with the gate's own parser: a deployment's parameters, tiers, a template's
    Check(check::Check),
}

/// Why a command did not come to its end.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{file} cannot be read: {error}")]
    Unreadable {
        file: String,
        #[source]
        error: std::io::Error,
    },
    #[error("{file}: {fault}")]
    Shape { file: String, fault: String },
    #[error("{}", .faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Settings { faults: Vec<lifecycle::Fault> },
    #[error("{0}")]
    Usage(String),
}

impl Gate {
    /// Performs the command. Results go to standard output, everything else to standard error.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let done = match self {
            Self::Preview(preview) => preview.perform(),
            Self::Explain(explain) => explain.perform(),
            Self::Check(check) => check.perform(),
        };
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("landlord: {error}");
                ExitCode::from(if matches!(error, Error::Usage(_)) { 2 } else { 1 })
            }
        }
    }
}

/// Writes a result to standard output; a reader that went away is no error.
fn say(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}
