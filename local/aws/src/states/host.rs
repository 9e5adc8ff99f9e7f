//! What the engine asks of the world, for one execution.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use local_states::{ChildRequest, Ended, HistoryEvent, Host, S3Object, TaskFailure, TaskRequest};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::history;
use super::model::{Execution, MapRun, Status};
use super::{run, tasks, usage};
use crate::wire::{blob, body};
use crate::{Aws, AwsError, Call};

/// The world of one execution.
pub(super) struct ExecutionHost {
    aws: Aws,
    arn: String,
    place: Place,
}

/// Who calls, and from where.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) account: String,
    pub(super) region: String,
    pub(super) role: String,
    /// The session's name: the execution's.
    pub(super) session: String,
}

impl ExecutionHost {
    pub(super) fn new(aws: &Aws, arn: &str, role: &str) -> Self {
        let parts: Vec<&str> = arn.split(':').collect();
        let part = |index: usize| parts.get(index).copied().unwrap_or_default().to_owned();
        // A session's name has at most 64 characters.
        let session: String = part(7).chars().take(64).collect();
        let place = Place { account: part(4), region: part(3), role: role.to_owned(), session };
        Self { aws: aws.clone(), arn: arn.to_owned(), place }
    }
}

impl Place {
    /// A call as the machine's role.
    pub(super) fn call(
        &self,
        service: &'static str,
        operation: &str,
        input: Value,
    ) -> Result<Call, AwsError> {
        let global = matches!(service, "organizations" | "iam");
        Ok(Call {
            service,
            operation: operation.to_owned(),
            input,
            caller: crate::iam::session_of(&self.role, &self.session)?,
            account: self.account.clone(),
            region: if global { "us-east-1".to_owned() } else { self.region.clone() },
        })
    }
}

fn s3_failure(error: &AwsError, name: &str) -> TaskFailure {
    TaskFailure::new(name, format!("{} ({})", error.message, error.code))
}

impl Host for ExecutionHost {
    fn now(&self) -> Timestamp {
        self.aws.now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let aws = self.aws.clone();
        Box::pin(async move { aws.sleep(duration).await })
    }

    fn time_out(&self, duration: Duration, person: bool) -> BoxFuture<'static, ()> {
        // Real processes don't work faster because waits go faster. People are waited for.
        if person { self.sleep(duration) } else { Box::pin(tokio::time::sleep(duration)) }
    }

    fn random(&self) -> f64 {
        self.aws.random(fastrand::Rng::f64)
    }

    fn task(&self, request: TaskRequest) -> BoxFuture<'static, Result<Value, TaskFailure>> {
        let (aws, place) = (self.aws.clone(), self.place.clone());
        Box::pin(async move { tasks::run(&aws, &place, request).await })
    }

    fn record(&self, event: HistoryEvent) {
        let mut state = self.aws.lock();
        let states = &mut state.states;
        let Some(execution) = states.executions.get_mut(&self.arn) else { return };
        execution.largest = execution.largest.max(history::data_bytes(&event));
        let machine = execution.machine_name.clone();
        usage::count(states, &machine, &event);
        if let Some(execution) = states.executions.get_mut(&self.arn) {
            execution.history.push(event);
        }
    }

    fn start_child(&self, child: ChildRequest) -> BoxFuture<'static, Ended> {
        let (aws, parent, place) = (self.aws.clone(), self.arn.clone(), self.place.clone());
        Box::pin(async move { run_child(&aws, &parent, &place, child).await })
    }

    fn read_object(&self, object: S3Object) -> BoxFuture<'static, Result<Vec<u8>, TaskFailure>> {
        let (aws, place) = (self.aws.clone(), self.place.clone());
        Box::pin(async move {
            let input = json!({ "Bucket": object.bucket, "Key": object.key });
            let fail = |error: AwsError| s3_failure(&error, local_states::ITEM_READER);
            let call = place.call("s3", "GetObject", input).map_err(fail)?;
            let answer = aws.perform(&call).await.map_err(fail)?;
            Ok(body(&answer).to_vec())
        })
    }

    fn list_objects(
        &self,
        bucket: String,
        prefix: String,
    ) -> BoxFuture<'static, Result<Vec<Value>, TaskFailure>> {
        let (aws, place) = (self.aws.clone(), self.place.clone());
        Box::pin(async move {
            let fail = |error: AwsError| s3_failure(&error, local_states::ITEM_READER);
            let mut objects = Vec::new();
            let mut token: Option<String> = None;
            loop {
                let mut input = json!({ "Bucket": bucket, "Prefix": prefix });
                if let Some(token) = &token {
                    input["ContinuationToken"] = json!(token);
                }
                let call = place.call("s3", "ListObjectsV2", input).map_err(fail)?;
                let answer = aws.perform(&call).await.map_err(fail)?;
                for object in answer["Contents"].as_array().into_iter().flatten() {
                    objects.push(json!({
                        "Etag": object["ETag"],
                        "Key": object["Key"],
                        "LastModified": tasks::moments_as_text(object["LastModified"].clone()),
                        "Size": object["Size"],
                        "StorageClass": "STANDARD",
                    }));
                }
                token = answer["NextContinuationToken"].as_str().map(str::to_owned);
                if token.is_none() {
                    return Ok(objects);
                }
            }
        })
    }

    fn write_object(
        &self,
        object: S3Object,
        bytes: Vec<u8>,
    ) -> BoxFuture<'static, Result<(), TaskFailure>> {
        let (aws, place) = (self.aws.clone(), self.place.clone());
        Box::pin(async move {
            let input =
                json!({ "Bucket": object.bucket, "Key": object.key, "$body": blob(&bytes) });
            let fail = |error: AwsError| s3_failure(&error, local_states::RESULT_WRITER);
            let call = place.call("s3", "PutObject", input).map_err(fail)?;
            aws.perform(&call).await.map(|_| ()).map_err(fail)
        })
    }
}

/// Runs a child execution of a distributed map to its end; it can be described meanwhile.
async fn run_child(aws: &Aws, parent: &str, place: &Place, child: ChildRequest) -> Ended {
    let arn = child.execution.arn.clone();
    add_child(aws, parent, &child);
    let host = Arc::new(ExecutionHost::new(aws, &arn, &place.role));
    let running = local_states::run(child.machine, child.execution, host, child.resume);
    if let Some(execution) = aws.lock().states.executions.get_mut(&arn) {
        execution.progress = Some(running.progress());
    }
    let given_up = GivenUp { aws, arn: &arn };
    let ended = running.await;
    run::finish(aws, &arn, ended.clone());
    drop(given_up);
    ended
}

fn add_child(aws: &Aws, parent: &str, child: &ChildRequest) {
    let now = aws.now();
    let mut state = aws.lock();
    let states = &mut state.states;
    let Some(parent) = states.executions.get(parent) else { return };
    let (arn, run_arn) = (child.execution.arn.clone(), child.map_run_arn.clone());
    let map_run = MapRun {
        arn: run_arn.clone(),
        execution: parent.arn.clone(),
        machine: parent.machine_arn.clone(),
        started: now,
    };
    let execution = Execution {
        arn: arn.clone(),
        name: child.execution.name.clone(),
        account: parent.account.clone(),
        region: parent.region.clone(),
        machine_arn: child.execution.machine_arn.clone(),
        machine_name: child.execution.machine_name.clone(),
        role: parent.role.clone(),
        machine: child.machine.clone(),
        definition: parent.definition.clone(),
        map_run: Some(run_arn.clone()),
        input: child.execution.input.to_string().into(),
        output: None,
        error: None,
        cause: None,
        status: Status::Running,
        started: child.execution.start_time,
        stopped: None,
        redrives: child.execution.redrive_count,
        redriven: child.execution.redrive_time,
        history: Vec::new(),
        largest: 0,
        trimmed: false,
        checkpoint: None,
        progress: None,
        stop: Arc::new(Notify::new()),
        ended: Arc::new(Notify::new()),
    };
    states.map_runs.entry(run_arn.clone()).or_insert(map_run);
    match states.executions.get_mut(&arn) {
        // A redrive goes on with the history.
        Some(existing) => {
            existing.status = Status::Running;
            existing.stopped = None;
            existing.redrives = execution.redrives;
            existing.redriven = execution.redriven;
            states.started.entry(run_arn).or_default().runs_again(&arn);
        }
        None => {
            states.started.entry(run_arn).or_default().starts(arn.clone());
            states.executions.insert(arn, execution);
        }
    }
}

/// Marks a child as aborted when its parent gives it up.
struct GivenUp<'a> {
    aws: &'a Aws,
    arn: &'a str,
}

impl Drop for GivenUp<'_> {
    fn drop(&mut self) {
        let now = self.aws.now();
        if let Some(execution) = self.aws.lock().states.executions.get_mut(self.arn)
            && execution.status == Status::Running
        {
            execution.status = Status::Aborted;
            execution.stopped = Some(now);
            execution.progress = None;
        }
    }
}
