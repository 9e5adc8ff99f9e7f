//! `landlord simulate …`: what would happen, in virtual time.

pub mod audit;
pub mod onboard;
pub mod operation;
pub mod prove;
pub mod prove_retire;
pub mod replay;
pub mod retire;
pub mod roll_out;

use std::process::ExitCode;
use std::time::Instant;

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
    /// Whether what must hold holds under random faults, in thousands of worlds
    Prove(prove::Prove),
    /// What happens in one of these worlds, as a story
    Replay(replay::Replay),
    /// What the nightly audit of a whole fleet takes: calls beside the pages that have to be read
    Audit(audit::Audit),
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
            Self::Prove(prove) => prove.run(),
            Self::Replay(replay) => replay.run(),
            Self::Audit(audit) => audit.run(),
            Self::RollOut(roll_out) => roll_out.run(),
        }
    }
}

/// Says on standard error how long a simulation took, and the most memory that this process held
/// at any time, where the system tells.
fn tell_effort(began: Instant) {
    let memory = peak_memory().map_or(String::new(), |peak| format!(", {peak} MB at most"));
    eprintln!("simulated in {:.1} s{memory}", began.elapsed().as_secs_f64());
}

fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes / 1024)
}
