//! Many seeds over a few threads, one world at a time on each, and the tables of what was hit.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::aim::Aim;
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
    /// What chance did not hit is aimed at afterwards, in worlds that reached the site.
    pub aims: bool,
}

/// So many worlds are played once more for a fault that chance did not bring, until it comes.
const TRIES: usize = 12;

/// A schedule that was played.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Played {
    /// Its seed.
    pub seed: u64,
    /// The fault that it was aimed at, besides those of the seed.
    pub aim: Option<Aim>,
}

impl fmt::Display for Played {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.aim {
            Some(aim) => write!(f, "seed {} --aim '{aim}'", self.seed),
            None => write!(f, "seed {}", self.seed),
        }
    }
}

/// What many seeds came to.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Seeds that were run.
    pub schedules: u64,
    /// Those that were played once more, aimed at a fault that had not come.
    pub aimed: u64,
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
    /// What did not hold.
    pub violations: BTreeMap<Played, Vec<String>>,
    /// A few of the seeds in which each site was reached, the smallest.
    pub reached: BTreeMap<Site, BTreeSet<u64>>,
    /// How long it took.
    pub took: Duration,
}

impl Summary {
    fn add(&mut self, outcome: Outcome, aim: Option<Aim>) {
        let seed = outcome.schedule.seed;
        if aim.is_some() {
            self.aimed += 1;
        } else {
            self.schedules += 1;
            *self.kinds.entry(outcome.schedule.kind).or_default() += 1;
        }
        for (site, count) in outcome.record.sites {
            let seeds = self.reached.entry(site.clone()).or_default();
            seeds.insert(seed);
            if seeds.len() > TRIES {
                seeds.pop_last();
            }
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
            self.violations.insert(Played { seed, aim }, outcome.violations);
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
    if site.action.is_empty() {
        return InvocationFault::ALL.map(InvocationFault::name).to_vec();
    }
    CallFault::ALL.iter().filter(|kind| kind.fits(site)).map(|kind| kind.name()).collect()
}

/// Runs the seeds. `progress` hears of each that is done, and of its violations.
///
/// # Errors
/// When a world could not be founded or panicked; the message says which seed.
pub fn prove(
    proof: Proof,
    progress: &(dyn Fn(u64, &Played, &[String]) + Sync),
) -> io::Result<Summary> {
    let began = Instant::now();
    let run = Run {
        summary: Mutex::default(),
        failures: Mutex::default(),
        is_over: AtomicBool::new(false),
        proof,
        progress,
    };
    let next = AtomicU64::new(0);
    run.on_threads(&|| {
        while !run.is_over.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= proof.schedules {
                break;
            }
            run.play(Played { seed: proof.from + index, aim: None });
        }
    });
    // A world that is aimed at may reach what no other did, so there may be more to aim at.
    let mut tried = BTreeSet::new();
    while proof.aims && !run.is_over.load(Ordering::Relaxed) {
        let missed = locked(&run.summary).missed();
        let missed: VecDeque<_> =
            missed.into_iter().filter(|pair| tried.insert(pair.clone())).collect();
        if missed.is_empty() {
            break;
        }
        let waiting = Mutex::new(missed);
        run.on_threads(&|| {
            while !run.is_over.load(Ordering::Relaxed) {
                let Some((site, kind)) = locked(&waiting).pop_front() else { break };
                run.aim_at(&Aim { site, kind });
            }
        });
    }
    let failures = std::mem::take(&mut *locked(&run.failures));
    if let Some((played, error)) = failures.into_iter().next() {
        return Err(io::Error::other(format!("{played}: {error}")));
    }
    let mut summary = std::mem::take(&mut *locked(&run.summary));
    summary.took = began.elapsed();
    Ok(summary)
}

/// What the threads of a proof share.
struct Run<'a> {
    summary: Mutex<Summary>,
    failures: Mutex<BTreeSet<(Played, String)>>,
    is_over: AtomicBool,
    proof: Proof,
    progress: &'a (dyn Fn(u64, &Played, &[String]) + Sync),
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Run<'_> {
    fn on_threads(&self, work: &(dyn Fn() + Sync)) {
        std::thread::scope(|scope| {
            for _ in 0..self.proof.threads.max(1) {
                scope.spawn(work);
            }
        });
    }

    fn play(&self, played: Played) {
        let part = Part { aim: played.aim.clone(), ..Part::default() };
        match run_part(played.seed, &part, false) {
            Ok(outcome) => {
                let violations = outcome.violations.clone();
                let done = {
                    let mut summary = locked(&self.summary);
                    summary.add(outcome, played.aim.clone());
                    summary.schedules + summary.aimed
                };
                (self.progress)(done, &played, &violations);
                if self.proof.until_violated && !violations.is_empty() {
                    self.is_over.store(true, Ordering::Relaxed);
                }
            }
            Err(error) => {
                locked(&self.failures).insert((played, error.to_string()));
                self.is_over.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Plays worlds that reached the site once more, until the fault has come there.
    fn aim_at(&self, aim: &Aim) {
        let seeds = locked(&self.summary).reached.get(&aim.site).cloned().unwrap_or_default();
        let pair = (aim.site.clone(), aim.kind);
        for seed in seeds {
            let has_come = locked(&self.summary).hits.contains_key(&pair);
            if has_come || self.is_over.load(Ordering::Relaxed) {
                return;
            }
            self.play(Played { seed, aim: Some(aim.clone()) });
        }
    }
}
