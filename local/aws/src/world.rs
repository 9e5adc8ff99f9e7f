//! The world: its clock, its lock, its tasks, its journal, and the way a call takes through it.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::{
    Access, Answer, AwsError, Call, Fault, Faults, FunctionHost, NoFaults, Settings, State,
};

/// A world. Cheap to clone; the last clone to go ends its tasks.
#[derive(Clone)]
pub struct Aws(Arc<Inner>);

struct Inner {
    settings: Settings,
    started: Instant,
    start: Timestamp,
    state: Mutex<State>,
    random: Mutex<fastrand::Rng>,
    tasks: Mutex<JoinSet<()>>,
    functions: Mutex<Option<Arc<dyn FunctionHost>>>,
    faults: Mutex<Arc<dyn Faults>>,
    journal: Mutex<Journal>,
}

/// What is left of a world when it was let go.
#[derive(Debug, Clone)]
pub struct Remains(Weak<Inner>);

impl Remains {
    /// Whether it is all gone.
    pub fn are_gone(&self) -> bool {
        self.0.strong_count() == 0
    }
}

#[derive(Default)]
struct Journal {
    counts: BTreeMap<(String, String, String), u64>,
    entries: Vec<JournalEntry>,
}

/// One call in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// When it was answered.
    pub at: Timestamp,
    /// The caller's ARN.
    pub caller: String,
    /// The IAM action of the call: `organizations:CreateAccount`.
    pub action: String,
    /// The account it acted in.
    pub account: String,
    /// The Region it was sent to.
    pub region: String,
    /// `OK` or the error's code.
    pub outcome: String,
}

impl std::fmt::Debug for Aws {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Aws").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Aws {
    /// A new world with nothing in it but its organization. Needs a tokio runtime.
    pub fn new(settings: Settings) -> Self {
        let start = settings.start.unwrap_or_else(Timestamp::now);
        let aws = Self(Arc::new(Inner {
            started: Instant::now(),
            start,
            state: Mutex::new(State::default()),
            random: Mutex::new(fastrand::Rng::with_seed(settings.seed)),
            tasks: Mutex::new(JoinSet::new()),
            functions: Mutex::default(),
            faults: Mutex::new(Arc::new(NoFaults)),
            journal: Mutex::new(Journal::default()),
            settings,
        }));
        crate::organizations::found(&aws);
        aws
    }

    /// Tells later whether the world still takes up memory.
    pub fn remains(&self) -> Remains {
        Remains(Arc::downgrade(&self.0))
    }

    /// The world's settings.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The world's time. Real time runs with the machine's clock, virtual time with tokio's.
    pub fn now(&self) -> Timestamp {
        let passed = self.0.started.elapsed();
        self.0.start.checked_add(passed).unwrap_or(Timestamp::MAX)
    }

    /// Waits for an AWS duration, at the world's pace.
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(self.paced(duration)).await;
    }

    /// An AWS duration at the world's pace.
    pub fn paced(&self, duration: Duration) -> Duration {
        duration.div_f64(self.0.settings.pace.max(f64::MIN_POSITIVE))
    }

    /// The moment at which something that takes `duration` is over.
    pub fn after(&self, duration: Duration) -> Timestamp {
        self.now().checked_add(self.paced(duration)).unwrap_or(Timestamp::MAX)
    }

    /// Waits until a moment of the world's time (not scaled).
    pub async fn sleep_until(&self, moment: Timestamp) {
        let wait = Duration::try_from(moment.duration_since(self.now())).unwrap_or_default();
        tokio::time::sleep(wait).await;
    }

    /// The state, locked. Never hold it across an await, never call back into [`Aws`] methods
    /// that lock while holding it.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        locked(&self.0.state)
    }

    /// A random choice, reproducible by the world's seed.
    pub fn random<T>(&self, choose: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        choose(&mut locked(&self.0.random))
    }

    /// A random version-4 UUID in AWS's spelling, reproducible by the world's seed.
    pub fn uuid(&self) -> String {
        let mut bytes: [u8; 16] = self.random(|random| random.u128(..)).to_be_bytes();
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        // One for each call: written digit by digit, it is no part of what a simulation costs.
        let mut text = String::with_capacity(36);
        for (index, byte) in bytes.iter().enumerate() {
            if [4, 6, 8, 10].contains(&index) {
                text.push('-');
            }
            for digit in [byte >> 4, byte & 0x0f] {
                text.push(char::from_digit(digit.into(), 16).unwrap_or('0'));
            }
        }
        text
    }

    /// Runs a task of the world; it ends with the world.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = locked(&self.0.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    /// Ends all tasks of the world, and lets go of who runs its functions, makes its calls fail,
    /// and follows its executions: they know the world, and it would never be freed.
    pub fn shut_down(&self) {
        locked(&self.0.tasks).abort_all();
        crate::states::let_go(self);
        let functions = locked(&self.0.functions).take();
        let faults = std::mem::replace(&mut *locked(&self.0.faults), Arc::new(NoFaults));
        // They may ask the world something as they go: no lock is held here.
        drop((functions, faults));
    }

    /// Says who runs functions.
    pub fn set_functions(&self, functions: Arc<dyn FunctionHost>) {
        *locked(&self.0.functions) = Some(functions);
    }

    /// Who runs functions, if anybody does.
    pub fn functions(&self) -> Option<Arc<dyn FunctionHost>> {
        locked(&self.0.functions).clone()
    }

    /// Says which calls fail from now on.
    pub fn set_faults(&self, faults: Arc<dyn Faults>) {
        *locked(&self.0.faults) = faults;
    }

    /// How often each (caller, action, outcome) was seen.
    pub fn counts(&self) -> BTreeMap<(String, String, String), u64> {
        locked(&self.0.journal).counts.clone()
    }

    /// Every call since the start, if the settings keep them.
    pub fn journal(&self) -> Vec<JournalEntry> {
        locked(&self.0.journal).entries.clone()
    }

    /// Answers one HTTP request as AWS would, the fault hook included.
    pub async fn serve(&self, request: http::Request<Bytes>) -> Answer {
        let decoded = match crate::wire::decode(self, &request) {
            Ok(decoded) => decoded,
            Err(refusal) => return Answer::Response(refusal),
        };
        let call = &decoded.call;
        let (there, back) = self.distance();
        self.travel(there).await;
        let result = self.happen(call).await;
        self.travel(back).await;
        match result {
            Some(result) => Answer::Response(decoded.encode(self, result)),
            None => Answer::ConnectionLost,
        }
    }

    /// Performs a call as the fault hook will have it. Nothing when the answer got lost.
    pub(crate) async fn happen(&self, call: &Call) -> Option<Result<Value, AwsError>> {
        let faults = locked(&self.0.faults).clone();
        let result = match faults.fault(call) {
            Some(Fault::Refuse(error)) => {
                self.record(call, &Err(error.clone()));
                return Some(Err(error));
            }
            Some(Fault::Answer(answer)) => return Some(Ok(answer)),
            Some(Fault::LoseAnswer) => {
                let _ = self.perform(call).await;
                return None;
            }
            Some(Fault::Instead(input)) => {
                let call = Call { input, ..call.clone() };
                self.perform(&call).await
            }
            Some(Fault::Twice) => {
                let _ = self.perform(call).await;
                self.perform(call).await
            }
            Some(Fault::DelayBefore(delay)) => self.perform_later(call, delay).await?,
            Some(Fault::DelayAfter(delay)) => {
                let result = self.perform(call).await;
                self.sleep(delay).await;
                result
            }
            None => self.perform(call).await,
        };
        faults.answered(call, &result);
        Some(result)
    }

    /// Performs a call after some time, whether its caller still waits or not.
    async fn perform_later(&self, call: &Call, delay: Duration) -> Option<Result<Value, AwsError>> {
        let (tell, told) = tokio::sync::oneshot::channel();
        let (aws, call) = (self.clone(), call.clone());
        self.spawn(async move {
            aws.sleep(delay).await;
            let _ = tell.send(aws.perform(&call).await);
        });
        told.await.ok()
    }

    /// How long a call takes to get here, and its answer to get back.
    fn distance(&self) -> (Duration, Duration) {
        let whole = self.settings().durations.call;
        if whole.is_zero() {
            return (whole, whole);
        }
        let (factor, slow) = self.random(|random| (random.f64() + 0.5, random.u8(..50) == 0));
        let way = whole.mul_f64(if slow { factor * 5.0 } else { factor }) / 2;
        (way, way)
    }

    async fn travel(&self, way: Duration) {
        if !way.is_zero() {
            self.sleep(way).await;
        }
    }

    /// Performs one decoded call: throttle, permissions, effect. The journal hears of it.
    pub async fn perform(&self, call: &Call) -> Result<Value, AwsError> {
        let result = self.attempt(call).await;
        self.record(call, &result);
        let faults = locked(&self.0.faults).clone();
        faults.performed(call, &result);
        result
    }

    async fn attempt(&self, call: &Call) -> Result<Value, AwsError> {
        crate::iam::throttle(self, call)?;
        let accesses = {
            let state = self.lock();
            access(&state, call)
        };
        crate::iam::authorize(self, call, &accesses)?;
        handle(self, call).await
    }

    fn record(&self, call: &Call, result: &Result<Value, AwsError>) {
        let action = format!("{}:{}", call.service, call.operation);
        let outcome = result.as_ref().map_or_else(|error| error.code.clone(), |_| "OK".to_owned());
        let mut journal = locked(&self.0.journal);
        *journal
            .counts
            .entry((call.caller.arn.clone(), action.clone(), outcome.clone()))
            .or_default() += 1;
        if self.0.settings.full_journal {
            journal.entries.push(JournalEntry {
                at: self.now(),
                caller: call.caller.arn.clone(),
                action,
                account: call.account.clone(),
                region: call.region.clone(),
                outcome,
            });
        }
    }
}

/// The permissions that a call needs, by its service.
fn access(state: &State, call: &Call) -> Vec<Access> {
    match call.service {
        "cloudformation" => crate::cloudformation::access(state, call),
        "cloudtrail" => crate::cloudtrail::access(state, call),
        "cloudwatch" => crate::cloudwatch::access(state, call),
        "events" => crate::events::access(state, call),
        "iam" => crate::iam::access(state, call),
        "lambda" => crate::lambda::access(state, call),
        "organizations" => crate::organizations::access(state, call),
        "s3" => crate::s3::access(state, call),
        "scheduler" => crate::scheduler::access(state, call),
        "servicequotas" => crate::servicequotas::access(state, call),
        "sns" => crate::sns::access(state, call),
        "sqs" => crate::sqs::access(state, call),
        "ssm" => crate::ssm::access(state, call),
        "states" => crate::states::access(state, call),
        "sts" => crate::sts::access(state, call),
        "tag" => crate::tagging::access(state, call),
        _ => Vec::new(),
    }
}

/// The call's effect, by its service.
fn handle<'a>(aws: &'a Aws, call: &'a Call) -> BoxFuture<'a, Result<Value, AwsError>> {
    Box::pin(async move {
        match call.service {
            "cloudformation" => crate::cloudformation::handle(aws, call).await,
            "cloudtrail" => crate::cloudtrail::handle(aws, call).await,
            "cloudwatch" => crate::cloudwatch::handle(aws, call).await,
            "events" => crate::events::handle(aws, call).await,
            "iam" => crate::iam::handle(aws, call).await,
            "lambda" => crate::lambda::handle(aws, call).await,
            "organizations" => crate::organizations::handle(aws, call).await,
            "s3" => crate::s3::handle(aws, call).await,
            "scheduler" => crate::scheduler::handle(aws, call).await,
            "servicequotas" => crate::servicequotas::handle(aws, call).await,
            "sns" => crate::sns::handle(aws, call).await,
            "sqs" => crate::sqs::handle(aws, call).await,
            "ssm" => crate::ssm::handle(aws, call).await,
            "states" => crate::states::handle(aws, call).await,
            "sts" => crate::sts::handle(aws, call).await,
            "tag" => crate::tagging::handle(aws, call).await,
            other => Err(AwsError::unknown_operation(other, &call.operation)),
        }
    })
}
