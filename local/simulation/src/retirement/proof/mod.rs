//! The promise of retirement, tried on random fleets: no account is ever closed that did not, at
//! the moment of the call, stand in Suspended after Retiring, tagged, cooled off, not held and not
//! protected. None that AWS Support reopened is closed or called anything but reopened, unless its
//! tenant leaves once more; and after the switch nothing is emptied or closed.
//!
//! The shipped machines, functions, roles and policies; fleets of a few accounts, one after the
//! other in worlds of their own; and people, crashes, lost answers and states that flap in between.
//! [`guards`] says what may be closed without a look at the functions' own guards.

mod changes;
mod faults;
mod fleet;
mod guards;
mod run;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Serialize;

use crate::virtual_time;
use run::world;

pub use run::Error;

/// How many fleets live in one world, one after the other.
const FLEETS: usize = 40;

/// What is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// The first world's seed; the next ones have the numbers that follow.
    pub seed: u64,
    /// How many fleets.
    pub fleets: usize,
    /// How many worlds at a time.
    pub threads: usize,
}

/// An account that was closed and must not have been.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Violation {
    /// The seed of its world: the first fleets of a proof with this seed are this world's.
    pub seed: u64,
    /// The fleet in its world, counted from 1.
    pub fleet: usize,
    /// The account.
    pub account: String,
    /// What was wrong with it.
    pub because: String,
}

/// A sweep that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FailedSweep {
    /// The seed of its world.
    pub seed: u64,
    /// The fleet in its world, counted from 1.
    pub fleet: usize,
    /// The execution's error.
    pub error: String,
    /// And its cause.
    pub cause: String,
}

/// What happened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Fleets.
    pub fleets: usize,
    /// Accounts of all fleets.
    pub accounts: usize,
    /// Accounts that Landlord closed.
    pub closed: usize,
    /// Closings that AWS took while somebody changed the account between the last look at it and
    /// the call; what AWS itself checks in the call had not changed.
    pub overtaken: usize,
    /// Accounts that AWS Support had reopened, and that were refused for it.
    pub reopened: usize,
    /// Calls to close an account that AWS refused.
    pub refused_calls: usize,
    /// Sweeps.
    pub sweeps: usize,
    /// Sweeps that failed: where a fault hits a task again and again, its machine gives it up.
    pub failed_sweeps: Vec<FailedSweep>,
    /// What people did while sweeps ran.
    pub changes: BTreeMap<&'static str, usize>,
    /// What went wrong with calls and functions.
    pub faults: BTreeMap<&'static str, usize>,
    /// Why the accounts that were not closed were not, by the code of the outcome or the verdict.
    pub left_alone: BTreeMap<String, usize>,
    /// There must be none.
    pub violations: Vec<Violation>,
}

impl Summary {
    fn add(&mut self, other: Self) {
        let Self { fleets, accounts, closed, overtaken, refused_calls, .. } = other;
        self.fleets += fleets;
        self.accounts += accounts;
        self.closed += closed;
        self.overtaken += overtaken;
        self.refused_calls += refused_calls;
        self.reopened += other.reopened;
        self.sweeps += other.sweeps;
        self.failed_sweeps.extend(other.failed_sweeps);
        for (name, count) in other.changes {
            *self.changes.entry(name).or_default() += count;
        }
        for (name, count) in other.faults {
            *self.faults.entry(name).or_default() += count;
        }
        for (name, count) in other.left_alone {
            *self.left_alone.entry(name).or_default() += count;
        }
        self.violations.extend(other.violations);
    }
}

/// Tries it; `progress` hears how many fleets are done.
///
/// # Errors
/// A world that cannot be made, or a thread that cannot be had.
pub fn prove(proof: Proof, progress: &(dyn Fn(usize) + Sync)) -> Result<Summary, Error> {
    let worlds = proof.fleets.div_ceil(FLEETS);
    let next = AtomicUsize::new(0);
    let sum = Mutex::new(Ok(Summary::default()));
    std::thread::scope(|scope| {
        for _ in 0..proof.threads.clamp(1, worlds.max(1)) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= worlds {
                        return;
                    }
                    let fleets = FLEETS.min(proof.fleets - number * FLEETS);
                    let seed = proof.seed.wrapping_add(number as u64);
                    let ended = virtual_time::run(seed, move || world(seed, fleets))
                        .map_err(|source| Error::Thread { seed, source })
                        .and_then(|ended| ended);
                    let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
                    match (sum.as_mut(), ended) {
                        (Ok(sum), Ok(ended)) => {
                            sum.add(ended);
                            progress(sum.fleets);
                        }
                        (Ok(_), Err(error)) => {
                            *sum = Err(error);
                            return;
                        }
                        (Err(_), _) => return,
                    }
                }
            });
        }
    });
    sum.into_inner().unwrap_or_else(PoisonError::into_inner)
}
