//! Many seeds over a few threads, one world at a time on each, and the tables of what was hit.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::injector::Site;
use super::kinds::{CallFault, InvocationFault};
use super::run::{Outcome, Part};
use super::schedule::Kind;
use super::shrink::run_part;

/// Which seeds are run, and how.
#[derive(Debug, Clone, Copy)]
pub struct Proof {
    /// The first seed.
    pub from: u64,
    /// How many.
    pub schedules: u64,
    /// Worlds at a time.
    pub threads: usize,
    /// Ends at the first violation.
    pub until_violated: bool,
}

/// What many seeds came to.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Seeds that were run.
    pub schedules: u64,
    /// What their worlds were about.
    pub kinds: BTreeMap<Kind, u64>,
    /// How often each site was reached.
    pub sites: BTreeMap<Site, u64>,
    /// How often each kind came at each site.
    pub hits: BTreeMap<(Site, &'static str), u64>,
    /// Seeds in which each thing happened from outside.
    pub outside: BTreeMap<&'static str, u64>,
    /// Tenants by how they ended.
    pub ends: BTreeMap<String, u64>,
    /// The faults that came, all together.
    pub faults: u64,
    /// Violations by seed.
    pub violations: BTreeMap<u64, Vec<String>>,
    /// How long it took.
    pub took: Duration,
}

impl Summary {
    fn add(&mut self, outcome: Outcome) {
        self.schedules += 1;
        *self.kinds.entry(outcome.schedule.kind).or_default() += 1;
        for (site, count) in outcome.record.sites {
            *self.sites.entry(site).or_default() += count;
        }
        for (hit, count) in outcome.record.hits {
            *self.hits.entry(hit).or_default() += count;
        }
        for name in outcome.outside {
            *self.outside.entry(name).or_default() += 1;
        }
        for end in outcome.ends.into_values() {
            let last = end.rsplit(", ").next().unwrap_or_default().to_owned();
            *self.ends.entry(last).or_default() += 1;
        }
        self.faults += u64::try_from(outcome.record.happened.len()).unwrap_or(0);
        if !outcome.violations.is_empty() {
            self.violations.insert(outcome.schedule.seed, outcome.violations);
        }
    }

    /// The sites and kinds that fit each other and were never brought together.
    pub fn missed(&self) -> Vec<(Site, &'static str)> {
        let mut missed = Vec::new();
        for site in self.sites.keys() {
            for kind in kinds_of(site) {
                if !self.hits.contains_key(&(site.clone(), kind)) {
                    missed.push((site.clone(), kind));
                }
            }
        }
        missed
    }
}

/// The names of the kinds that fit a site.
pub fn kinds_of(site: &Site) -> Vec<&'static str> {
    match site.action.split_once(':') {
        None => InvocationFault::ALL.map(InvocationFault::name).to_vec(),
        Some((service, operation)) => CallFault::ALL
            .iter()
            .filter(|kind| kind.fits(service, operation))
            .map(|kind| kind.name())
            .collect(),
    }
}

/// Runs the seeds. `progress` hears of each that is done, and of its violations.
///
/// # Errors
/// When a world could not be founded or panicked; the message says which seed.
pub fn prove(proof: Proof, progress: &(dyn Fn(u64, u64, &[String]) + Sync)) -> io::Result<Summary> {
    let began = Instant::now();
    let summary = Mutex::new(Summary::default());
    let (next, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let failures = Mutex::new(BTreeSet::new());
    let work = || {
        while !is_over.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= proof.schedules {
                break;
            }
            let seed = proof.from + index;
            match run_part(seed, &Part::default(), false) {
                Ok(outcome) => {
                    let violations = outcome.violations.clone();
                    let done = {
                        let mut summary = summary.lock().unwrap_or_else(PoisonError::into_inner);
                        summary.add(outcome);
                        summary.schedules
                    };
                    progress(done, seed, &violations);
                    if proof.until_violated && !violations.is_empty() {
                        is_over.store(true, Ordering::Relaxed);
                    }
                }
                Err(error) => {
                    let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
                    failures.insert((seed, error.to_string()));
                    is_over.store(true, Ordering::Relaxed);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..proof.threads.max(1) {
            scope.spawn(work);
        }
    });
    let failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some((seed, error)) = failures.into_iter().next() {
        return Err(io::Error::other(format!("seed {seed}: {error}")));
    }
    let mut summary = summary.into_inner().unwrap_or_else(PoisonError::into_inner);
    summary.took = began.elapsed();
    Ok(summary)
}
