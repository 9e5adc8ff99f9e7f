//! What the engine needs from the world around it: a clock, chance, tasks, a place for the
//! history, and the files of distributed maps. One host serves one execution.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{Notify, oneshot};

use crate::checkpoint::Checkpoint;
use crate::context::Execution;
use crate::definition::Machine;
use crate::errors::TaskFailure;
use crate::history::HistoryEvent;
use crate::interpreter::Ended;
use crate::resource::Resource;

/// The world around one execution.
///
/// Everything that is not a pure function of the definition and the input comes from here, so a
/// host with a virtual clock and a seeded [`Host::random`] gives identical runs for a seed.
pub trait Host: Send + Sync + 'static {
    /// The time now, as timestamps and the context object show it.
    fn now(&self) -> Timestamp;

    /// Resolves when this much time has passed for the machine: Wait states and retry delays. A
    /// host may scale it.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;

    /// Resolves when work has taken so long that it counts as lost: `TimeoutSeconds` of a task
    /// and of the machine, heartbeats. A host that scales waits scales these only where the work
    /// is scaled as well; `person` says that what is awaited is a task token, so no work.
    fn time_out(&self, duration: Duration, person: bool) -> BoxFuture<'static, ()> {
        let _ = person;
        self.sleep(duration)
    }

    /// The next number in `0.0..1.0`: jitter, `$random`, `$uuid`, `$shuffle`, task tokens.
    fn random(&self) -> f64;

    /// Runs one task to its result, in the shape that the service integration answers with
    /// (`lambda:invoke`: `{"ExecutedVersion", "Payload", "StatusCode"}`). Dropping the future
    /// means that the machine no longer waits: a time-out, a sibling branch that failed, a stop.
    fn task(&self, request: TaskRequest) -> BoxFuture<'static, Result<Value, TaskFailure>>;

    /// Takes the next event of the history. Called in order of [`HistoryEvent::id`].
    fn record(&self, event: HistoryEvent);

    /// Runs one child execution of a distributed Map state, with a host of its own, by
    /// [`run`](crate::run).
    fn start_child(&self, child: ChildRequest) -> BoxFuture<'static, Ended>;

    /// Reads an object for an `ItemReader`.
    fn read_object(&self, object: S3Object) -> BoxFuture<'static, Result<Vec<u8>, TaskFailure>>;

    /// Lists the objects under a prefix for an `ItemReader`, all pages, each as
    /// `{"Etag", "Key", "LastModified", "Size", "StorageClass"}`.
    fn list_objects(
        &self,
        bucket: String,
        prefix: String,
    ) -> BoxFuture<'static, Result<Vec<Value>, TaskFailure>>;

    /// Writes an object for a `ResultWriter`.
    fn write_object(
        &self,
        object: S3Object,
        body: Vec<u8>,
    ) -> BoxFuture<'static, Result<(), TaskFailure>>;
}

/// The address of an object in S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Object {
    /// The bucket's name.
    pub bucket: String,
    /// The object's key.
    pub key: String,
}

/// One call of a Task state.
#[derive(Clone, Debug)]
pub struct TaskRequest {
    /// What to call.
    pub resource: Resource,
    /// The evaluated `Arguments`, or the state's input when it has none.
    pub arguments: Value,
    /// The role of the state's `Credentials`, evaluated.
    pub role_arn: Option<String>,
    /// For `.waitForTaskToken`: the token that the call carries in its arguments. The host's
    /// future resolves when somebody completes the token.
    pub task_token: Option<String>,
    /// The state that calls.
    pub state: String,
    /// The execution that calls.
    pub execution_arn: String,
    /// How often this state was retried before: 0 on the first attempt.
    pub retry_count: u64,
    /// `TimeoutSeconds`, which the engine enforces itself.
    pub timeout: Option<Duration>,
    /// For `.waitForTaskToken` with `HeartbeatSeconds`: to be beaten by `SendTaskHeartbeat`.
    pub heartbeat: Option<Heartbeat>,
    /// For `.sync` and `.waitForTaskToken`: to be told the service's first answer.
    pub submitted: Submitted,
}

/// Keeps a task that waits for its token alive; the engine enforces the interval.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    /// `HeartbeatSeconds`.
    pub interval: Duration,
    beats: Arc<Notify>,
}

impl Heartbeat {
    pub(crate) fn new(interval: Duration) -> Self {
        Self { interval, beats: Arc::new(Notify::new()) }
    }

    /// Starts the interval anew.
    pub fn beat(&self) {
        self.beats.notify_one();
    }

    pub(crate) async fn beaten(&self) {
        self.beats.notified().await;
    }
}

/// Tells the engine what the called service answered at once, which the history shows as
/// `TaskSubmitted`.
#[derive(Clone, Debug)]
pub struct Submitted(Arc<Mutex<Option<oneshot::Sender<Value>>>>);

impl Submitted {
    pub(crate) fn channel() -> (Self, oneshot::Receiver<Value>) {
        let (sender, receiver) = oneshot::channel();
        (Self(Arc::new(Mutex::new(Some(sender)))), receiver)
    }

    /// Reports the answer; only the first one counts.
    pub fn report(&self, answer: Value) {
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sender) = sender {
            // Nobody listens any more when the task timed out meanwhile.
            let _ = sender.send(answer);
        }
    }
}

/// One child execution that a distributed Map state starts.
#[derive(Clone, Debug)]
pub struct ChildRequest {
    /// The item processor as a machine of its own.
    pub machine: Arc<Machine>,
    /// The child's execution, with its ARN, name and input.
    pub execution: Execution,
    /// The map run that the child belongs to.
    pub map_run_arn: String,
    /// Where the child goes on when the map run is redriven.
    pub resume: Option<Checkpoint>,
}
