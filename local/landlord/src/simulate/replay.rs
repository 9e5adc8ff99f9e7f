//! `landlord simulate replay`: one seed of the proof, told as a story.
//!
//! Exit status: 0 when everything held, 1 when something did not.

use std::process::ExitCode;

use clap::Args;
use simulation::proof::{Aim, Part, run_part, shrink, story};

/// The flags of `landlord simulate replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// The seed, as the proof printed it
    #[arg(value_name = "SEED")]
    seed: u64,
    /// With this fault besides, as the proof printed it: 'KIND at CALLER ACTION'
    #[arg(long, value_name = "FAULT")]
    aim: Option<Aim>,
    /// Tell all of it, and leave nothing out
    #[arg(long)]
    whole: bool,
    /// Every call, invocation and announcement instead, one a line: the same each time
    #[arg(long, conflicts_with = "whole")]
    trace: bool,
}

impl Replay {
    /// Plays the seed, and shrinks it when something did not hold.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let whole = Part { aim: self.aim.clone(), ..Part::default() };
        let outcome = match run_part(self.seed, &whole, self.trace) {
            Ok(outcome) => outcome,
            Err(error) => return crate::failed(&error),
        };
        let holds = outcome.violations.is_empty();
        if self.trace {
            crate::say(&outcome.trace);
        } else if holds || self.whole {
            crate::say(&story(&whole, &outcome));
        } else {
            eprintln!("seed {} fails; leaving out what it fails without", self.seed);
            let mut progress = |left: usize| eprintln!("{left} faults left");
            match shrink(&outcome, self.aim.as_ref(), &mut progress) {
                Ok((part, outcome)) => crate::say(&story(&part, &outcome)),
                Err(error) => return crate::failed(&error),
            }
        }
        if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
