//! The host: processes by function, warm ones first, never more at once than allowed.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;

use crate::faults::{Fault, FaultPoint, Faults};
use crate::logs::{Kept, LogLine};
use crate::outcome::{MAX_REQUEST_BYTES, Outcome};
use crate::process::{Ended, Leash, Limits, Process};
use crate::spec::FunctionSpec;

/// The limits of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Invocations that run at the same time, of all functions together; more of them wait.
    pub max_concurrent: usize,
    /// Processes that are kept warm while they have nothing to do; the oldest goes first.
    pub max_idle: usize,
    /// How long a process may take from its start to its first request for work. Lambda allows
    /// 10 seconds.
    pub init_timeout: Duration,
    /// Lines of output kept per function.
    pub log_lines: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_concurrent: 16,
            max_idle: 32,
            init_timeout: Duration::from_secs(10),
            log_lines: 2_000,
        }
    }
}

/// A process that was killed on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Killed {
    /// The function whose process it was.
    pub function: String,
}

/// Runs functions as real processes over the Lambda Runtime API.
///
/// A clone is the same host. When the last one is dropped, the processes are killed.
#[derive(Clone)]
pub struct Host(Arc<Inner>);

struct Inner {
    settings: Settings,
    faults: Option<Arc<dyn Faults>>,
    slots: Semaphore,
    idle: Mutex<VecDeque<Process>>,
    leashes: Mutex<Vec<Weak<Leash>>>,
    started: AtomicU64,
    closed: AtomicBool,
    kept: Arc<Kept>,
}

impl Host {
    /// A host with no process yet.
    pub fn new(settings: Settings) -> Self {
        Self::build(settings, None)
    }

    /// A host that asks `faults` at each [`FaultPoint`] of each invocation.
    pub fn with_faults(settings: Settings, faults: Arc<dyn Faults>) -> Self {
        Self::build(settings, Some(faults))
    }

    fn build(settings: Settings, faults: Option<Arc<dyn Faults>>) -> Self {
        Self(Arc::new(Inner {
            settings,
            faults,
            slots: Semaphore::new(settings.max_concurrent.max(1)),
            idle: Mutex::default(),
            leashes: Mutex::default(),
            started: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            kept: Arc::new(Kept::new(settings.log_lines)),
        }))
    }

    /// Invokes the function and waits for its end, as a `RequestResponse` invocation does.
    ///
    /// A warm process takes it, else a new one is started. Dropping the future kills the process.
    /// Needs a tokio runtime with I/O and time enabled, in real time.
    pub async fn invoke(&self, spec: &FunctionSpec, payload: Bytes, request_id: String) -> Outcome {
        if payload.len() > MAX_REQUEST_BYTES {
            return Outcome::request_too_large();
        }
        let Ok(_slot) = self.0.slots.acquire().await else { return Outcome::shut_down() };
        if self.0.breaks(FaultPoint::BeforeStart, spec, &request_id).await {
            return Outcome::crashed(&request_id, "signal: killed".to_owned());
        }
        let kill_after = match self.0.fault(FaultPoint::Started, spec, &request_id) {
            Fault::Pass | Fault::Wait(_) => None,
            Fault::Kill => Some(Duration::ZERO),
            Fault::KillAfter(time) => Some(time),
        };
        let limits =
            Limits { timeout: spec.timeout, init: self.0.settings.init_timeout, kill_after };
        loop {
            let mut process = match self.0.process_for(spec).await {
                Ok(process) => process,
                Err(_) if self.0.closed.load(Ordering::SeqCst) => return Outcome::shut_down(),
                Err(error) => {
                    let binary = spec.binary.display().to_string();
                    return Outcome::not_started(&request_id, &binary, &error);
                }
            };
            let ended = process.invoke(&request_id, payload.clone(), limits).await;
            match ended {
                Ended::NotTaken => {}
                Ended::Over { outcome, reusable } => {
                    return self.0.deliver(process, outcome, reusable, spec, &request_id).await;
                }
            }
        }
    }

    /// Kills one process chosen by `seed`, busy or idle, and waits until it is gone; nothing when
    /// there is none. An invocation that it was working on ends as a crash.
    pub async fn kill_one(&self, seed: u64) -> Option<Killed> {
        let living = self.0.living();
        let leash = fastrand::Rng::with_seed(seed).choice(living.iter())?;
        leash.kill();
        leash.ended().await;
        Some(Killed { function: leash.function.clone() })
    }

    /// Kills a process of the function called `function`, if one lives; otherwise as
    /// [`Host::kill_one`].
    pub async fn kill_one_of(&self, function: &str) -> Option<Killed> {
        let living = self.0.living();
        let leash = living.iter().find(|leash| leash.function == function)?;
        leash.kill();
        leash.ended().await;
        Some(Killed { function: leash.function.clone() })
    }

    /// How many processes live now, busy and idle.
    pub fn processes(&self) -> usize {
        self.0.living().len()
    }

    /// The ids by which the system knows the living processes of the function called `function`.
    pub fn process_ids(&self, function: &str) -> Vec<u32> {
        let living = self.0.living();
        living.iter().filter(|leash| leash.function == function).filter_map(|it| it.id).collect()
    }

    /// How many processes were started since the host was made: its cold starts.
    pub fn started(&self) -> u64 {
        self.0.started.load(Ordering::SeqCst)
    }

    /// The newest lines that the function called `function` wrote, oldest first.
    pub fn logs(&self, function: &str) -> Vec<LogLine> {
        self.0.kept.of(function)
    }

    /// Accepts no more invocations, kills every process and waits until all are gone.
    pub async fn shutdown(&self) {
        self.0.closed.store(true, Ordering::SeqCst);
        self.0.slots.close();
        self.0.lock_idle().clear();
        for leash in self.0.living() {
            leash.kill();
            leash.ended().await;
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Host")
            .field("settings", &self.0.settings)
            .field("processes", &self.processes())
            .finish_non_exhaustive()
    }
}

impl Inner {
    /// A warm process of the function, or a new one.
    async fn process_for(&self, spec: &FunctionSpec) -> std::io::Result<Process> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(shut_down());
        }
        if let Some(process) = self.take_idle(spec) {
            return Ok(process);
        }
        let number = self.started.fetch_add(1, Ordering::SeqCst);
        let process = Process::start(spec, number, Arc::clone(&self.kept)).await?;
        let mut leashes = self.leashes.lock().unwrap_or_else(PoisonError::into_inner);
        leashes.retain(|leash| leash.strong_count() > 0);
        leashes.push(Arc::downgrade(&process.leash));
        // A shutdown that began meanwhile has not seen this process.
        if self.closed.load(Ordering::SeqCst) { Err(shut_down()) } else { Ok(process) }
    }

    /// The youngest idle process that fits: it is the likeliest to be warm in every cache.
    fn take_idle(&self, spec: &FunctionSpec) -> Option<Process> {
        let mut idle = self.lock_idle();
        idle.retain(|process| !process.leash.has_ended());
        let position = idle.iter().rposition(|process| process.spec.shares_process_with(spec))?;
        idle.remove(position)
    }

    async fn deliver(
        &self,
        process: Process,
        outcome: Outcome,
        reusable: bool,
        spec: &FunctionSpec,
        request_id: &str,
    ) -> Outcome {
        let lost = self.breaks(FaultPoint::BeforeAnswer, spec, request_id).await;
        if lost {
            return Outcome::crashed(request_id, "signal: killed".to_owned());
        }
        let break_after = self.breaks(FaultPoint::AfterAnswer, spec, request_id).await;
        if reusable && !break_after && !self.closed.load(Ordering::SeqCst) {
            let mut idle = self.lock_idle();
            idle.push_back(process);
            while idle.len() > self.settings.max_idle {
                idle.pop_front();
            }
        }
        outcome
    }

    fn fault(&self, point: FaultPoint, spec: &FunctionSpec, request_id: &str) -> Fault {
        self.faults.as_ref().map_or(Fault::Pass, |faults| faults.at(point, &spec.name, request_id))
    }

    /// Waits as the fault says, and answers whether the process dies of it.
    async fn breaks(&self, point: FaultPoint, spec: &FunctionSpec, request_id: &str) -> bool {
        match self.fault(point, spec, request_id) {
            Fault::Pass => false,
            Fault::Kill => true,
            Fault::Wait(time) => {
                tokio::time::sleep(time).await;
                false
            }
            Fault::KillAfter(time) => {
                tokio::time::sleep(time).await;
                true
            }
        }
    }

    fn living(&self) -> Vec<Arc<Leash>> {
        let leashes = self.leashes.lock().unwrap_or_else(PoisonError::into_inner);
        leashes.iter().filter_map(Weak::upgrade).filter(|leash| !leash.has_ended()).collect()
    }

    fn lock_idle(&self) -> MutexGuard<'_, VecDeque<Process>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shut_down() -> std::io::Error {
    std::io::Error::other("the function host has been shut down")
}
