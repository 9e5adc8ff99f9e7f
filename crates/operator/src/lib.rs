#![doc = include_str!("../README.md")]
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a command line: it has a clock and an environment, and talks to people"
)]

pub mod adopt;
pub mod canary;
pub mod check;
pub mod config;
mod connection;
pub mod converge;
mod credentials;
mod deployment;
mod failure;
pub mod fleet;
mod ground;
mod manual;
mod page;
mod patience;
pub mod stop;
pub mod tenant;
pub mod uninstall;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
pub use connection::{Connection, Surroundings};
pub use credentials::Export;
pub use deployment::{Deployment, STACK, Which};
pub use failure::{Exit, Failure};

/// An AWS account per tenant: the operators' command.
#[derive(Debug, Parser)]
#[command(name = "landlord", version, about, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What operators do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say what stands in the way of a deploy, and what to set or run for it
    Check(check::Check),
    /// Send a signup that has to be rejected, and hear its answer; no account is made
    Canary(canary::Canary),
    /// The switch that stops everything irreversible: emptying and closing accounts
    #[command(subcommand)]
    Stop(stop::Command),
    /// All accounts of tenants: who is not ready and why, what is wrong and what mends it
    Fleet(fleet::Fleet),
    /// All that is known of one tenant: what is wrong and what mends it comes first
    Tenant(tenant::Tenant),
    /// Look at live tenants anew, and give them what they should have
    Converge(converge::Converge),
    /// Accounts that are there become tenants', by a plan first; and the way back
    #[command(subcommand)]
    Adopt(adopt::Command),
    /// The configuration: tiers and the catalogue of services
    #[command(subcommand)]
    Config(config::Command),
    /// The account gate's settings: when they let changes pass, and whether the gate understands them
    #[command(subcommand)]
    Gate(gate_console::Gate),
    /// Take the stack away; refused while tenants live, unless their protection stays
    Uninstall(uninstall::Uninstall),
    /// Print a shell's completions of this command
    Completions(manual::Completions),
    /// Write the manual's pages of this command
    Man(manual::Man),
}

impl Cli {
    /// Performs the command. Results go to standard output, everything else to standard error.
    #[must_use]
    pub fn run(self) -> ExitCode {
        self.command.run(Self::command())
    }
}

impl Command {
    /// Performs the command. Results go to standard output, everything else to standard error. `whole` is
    /// the command line that it is a part of.
    #[must_use]
    pub fn run(self, whole: clap::Command) -> ExitCode {
        match self {
            Self::Check(check) => answered(check.perform()),
            Self::Canary(canary) => performed(canary.perform()),
            Self::Stop(stop) => performed(stop.perform()),
            Self::Fleet(fleet) => answered(fleet.perform()),
            Self::Tenant(tenant) => answered(tenant.perform()),
            Self::Converge(converge) => performed(converge.perform()),
            Self::Adopt(adopt) => performed(adopt.perform()),
            Self::Config(config) => config.run(),
            Self::Gate(gate) => gate.run(),
            Self::Uninstall(uninstall) => performed(uninstall.perform()),
            Self::Completions(completions) => completions.run(whole),
            Self::Man(man) => man.run(whole),
        }
    }
}

/// What a command that looks at something prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The text, or the document.
    pub text: String,
    /// Whether what was looked at has faults.
    pub has_findings: bool,
}

/// Runs what looks at something; the exit status says whether it has faults.
fn answered(work: impl Future<Output = Result<Answer, Failure>>) -> ExitCode {
    let mut has_findings = false;
    let told = performed(async {
        let answer = work.await?;
        has_findings = answer.has_findings;
        Ok(answer.text)
    });
    if has_findings { Exit::Refused.into() } else { told }
}

/// Runs what asks AWS, on one thread: calls wait for each other's answers anyway.
fn performed(work: impl Future<Output = Result<String, Failure>>) -> ExitCode {
    let done = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(work),
        Err(error) => Err(Failure::new("start", error.to_string(), "see what the system lacks")),
    };
    match done {
        Ok(text) => {
            say(&text);
            ExitCode::SUCCESS
        }
        Err(failure) => failed(&failure),
    }
}

fn failed(failure: &Failure) -> ExitCode {
    eprintln!("landlord: {failure}");
    failure.exit.into()
}

/// Writes a result to standard output; a reader that went away is no error.
fn say(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout().lock(), "{}", text.trim_end());
}
