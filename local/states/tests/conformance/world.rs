//! A world for one machine: a virtual clock, seeded chance, scripted tasks, files in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use local_states::{
    Checkpoint, ChildRequest, Ended, Execution, HistoryEvent, Host, Machine, Running, S3Object,
    TaskFailure, TaskRequest, run,
};
use serde_json::{Value, json};
use tokio::time::Instant;

type Answer = BoxFuture<'static, Result<Value, TaskFailure>>;
type Script = dyn Fn(TaskRequest) -> Answer + Send + Sync;

pub(crate) struct World {
    script: Arc<Script>,
    start: Instant,
    chance: Arc<Mutex<fastrand::Rng>>,
    pub(crate) objects: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    /// When each task was called, in milliseconds, with its state.
    pub(crate) calls: Arc<Mutex<Vec<(u128, String)>>>,
    pub(crate) children: Arc<Mutex<Vec<ChildRequest>>>,
    pub(crate) history: Mutex<Vec<HistoryEvent>>,
}

impl World {
    pub(crate) fn with(
        script: impl Fn(TaskRequest) -> Answer + Send + Sync + 'static,
    ) -> Arc<Self> {
        Self::seeded(7, script)
    }

    pub(crate) fn seeded(
        seed: u64,
        script: impl Fn(TaskRequest) -> Answer + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            script: Arc::new(script),
            start: Instant::now(),
            chance: Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))),
            objects: Arc::default(),
            calls: Arc::default(),
            children: Arc::default(),
            history: Mutex::default(),
        })
    }

    /// A world whose tasks answer with their arguments.
    pub(crate) fn echo() -> Arc<Self> {
        Self::with(|request| answer(Ok(request.arguments)))
    }

    pub(crate) fn start(
        self: &Arc<Self>,
        definition: &Value,
        input: Value,
        resume: Option<Checkpoint>,
    ) -> Running {
        let machine = Machine::parse(&definition.to_string()).expect("the machine is valid");
        let mut execution = execution(input);
        if resume.is_some() {
            execution.redrive_count = 1;
            execution.redrive_time = Some(self.now());
        }
        run(Arc::new(machine), execution, self.clone(), resume)
    }

    pub(crate) async fn run(self: &Arc<Self>, definition: Value, input: Value) -> Ended {
        self.start(&definition, input, None).await
    }

    pub(crate) fn elapsed(&self) -> u128 {
        self.start.elapsed().as_millis()
    }

    pub(crate) fn called(&self) -> Vec<String> {
        self.calls.lock().unwrap().iter().map(|(_, state)| state.clone()).collect()
    }

    pub(crate) fn events(&self) -> Vec<&'static str> {
        self.history.lock().unwrap().iter().map(HistoryEvent::event_type).collect()
    }
}

impl Host for World {
    fn now(&self) -> Timestamp {
        let epoch: Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
        epoch + self.start.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        tokio::time::sleep(duration).boxed()
    }

    fn random(&self) -> f64 {
        self.chance.lock().unwrap().f64()
    }

    fn task(&self, request: TaskRequest) -> Answer {
        self.calls.lock().unwrap().push((self.elapsed(), request.state.clone()));
        (self.script)(request)
    }

    fn record(&self, event: HistoryEvent) {
        self.history.lock().unwrap().push(event);
    }

    fn start_child(&self, child: ChildRequest) -> BoxFuture<'static, Ended> {
        self.children.lock().unwrap().push(child.clone());
        let host = Arc::new(Self {
            script: Arc::clone(&self.script),
            start: self.start,
            chance: Arc::clone(&self.chance),
            objects: Arc::clone(&self.objects),
            calls: Arc::clone(&self.calls),
            children: Arc::clone(&self.children),
            history: Mutex::default(),
        });
        run(child.machine, child.execution, host, child.resume).boxed()
    }

    fn read_object(&self, object: S3Object) -> BoxFuture<'static, Result<Vec<u8>, TaskFailure>> {
        let name = format!("{}/{}", object.bucket, object.key);
        let body = self.objects.lock().unwrap().get(&name).cloned();
        let body = body.ok_or_else(|| TaskFailure::new("S3.NoSuchKeyException", name));
        futures::future::ready(body).boxed()
    }

    fn list_objects(
        &self,
        bucket: String,
        prefix: String,
    ) -> BoxFuture<'static, Result<Vec<Value>, TaskFailure>> {
        let start = format!("{bucket}/{prefix}");
        let objects = self.objects.lock().unwrap();
        let listed = objects
            .iter()
            .filter(|(name, _)| name.starts_with(&start))
            .map(|(name, body)| json!({"Key": &name[bucket.len() + 1..], "Size": body.len()}))
            .collect();
        futures::future::ready(Ok(listed)).boxed()
    }

    fn write_object(
        &self,
        object: S3Object,
        body: Vec<u8>,
    ) -> BoxFuture<'static, Result<(), TaskFailure>> {
        let name = format!("{}/{}", object.bucket, object.key);
        self.objects.lock().unwrap().insert(name, body);
        futures::future::ready(Ok(())).boxed()
    }
}

pub(crate) fn answer(answer: Result<Value, TaskFailure>) -> Answer {
    futures::future::ready(answer).boxed()
}

/// An answer that takes a while.
pub(crate) fn later(seconds: u64, answer: Result<Value, TaskFailure>) -> Answer {
    async move {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        answer
    }
    .boxed()
}

pub(crate) fn failure(error: &str) -> Result<Value, TaskFailure> {
    Err(TaskFailure::new(error, "because"))
}

pub(crate) fn execution(input: Value) -> Execution {
    Execution {
        arn: "arn:aws:states:eu-west-1:111111111111:execution:sample:one".into(),
        name: "one".into(),
        input,
        role_arn: "arn:aws:iam::111111111111:role/sample".into(),
        start_time: "2026-11-21T00:00:00Z".parse().unwrap(),
        redrive_count: 0,
        redrive_time: None,
        machine_arn: "arn:aws:states:eu-west-1:111111111111:stateMachine:sample".into(),
        machine_name: "sample".into(),
    }
}

/// A machine of these states that starts with the first.
pub(crate) fn machine(states: Value) -> Value {
    let first = states.as_object().unwrap().keys().next().unwrap().clone();
    json!({"QueryLanguage": "JSONata", "StartAt": first, "States": states})
}

/// A machine of one state, which ends.
pub(crate) fn single(mut state: Value) -> Value {
    state["End"] = json!(true);
    machine(json!({"Only": state}))
}

/// A task state that calls a function, with further fields.
pub(crate) fn task(fields: Value) -> Value {
    let mut state = json!({"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke"});
    for (name, field) in fields.as_object().unwrap() {
        state[name] = field.clone();
    }
    state
}

#[track_caller]
pub(crate) fn output(ended: Ended) -> Value {
    match ended {
        Ended::Succeeded { output } => output,
        other => panic!("expected success, got {other:?}"),
    }
}

#[track_caller]
pub(crate) fn error(ended: Ended) -> (String, String, Checkpoint) {
    match ended {
        Ended::Failed { error, cause, checkpoint } => {
            (error.unwrap_or_default(), cause.unwrap_or_default(), checkpoint)
        }
        other => panic!("expected a failure, got {other:?}"),
    }
}
