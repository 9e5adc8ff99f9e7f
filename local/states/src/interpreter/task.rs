//! Task states: one call, raced against its time-out and its heartbeats.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::sync::oneshot;

use super::leave::Seen;
use super::visit::Visit;
use crate::data::Data;
use crate::definition::Task;
use crate::errors::{Fault, TIMEOUT, TaskFailure};
use crate::expression::functions::random_byte;
use crate::history::{EventKind, FailureDetails, TaskResource};
use crate::host::{Heartbeat, Submitted, TaskRequest};
use crate::resource::Pattern;

/// The bytes of a task token before they are written as text.
const TOKEN_BYTES: usize = 96;

/// How a race for a task's result ended.
enum Outcome {
    Answered(Result<Value, TaskFailure>),
    TimedOut {
        /// Whether it is a heartbeat that did not come.
        is_heartbeat: bool,
    },
}

impl Visit<'_> {
    pub(super) async fn call(&self, task: &Task, retry_count: u64) -> Result<Data, Fault> {
        let token = (task.resource.pattern == Pattern::WaitForTaskToken).then(|| self.token());
        let seen = Seen { token: token.as_deref(), retry_count, ..Seen::default() };
        let arguments = match &task.arguments {
            Some(program) => Data::new(self.evaluate(program, seen)?),
            None => self.at.input.clone(),
        };
        if arguments.is_too_large() {
            return Err(self.too_large(&self.state.name));
        }
        let role_arn = match &task.role_arn {
            None => None,
            Some(program) => match self.evaluate(program, seen)? {
                Value::String(role) => Some(role),
                other => return Err(self.misfit(program, &other, "string")),
            },
        };
        let timeout = self.seconds(task.timeout.as_ref(), seen)?;
        let heartbeat = self.seconds(task.heartbeat.as_ref(), seen)?;
        let heartbeat_seconds = heartbeat.as_ref().map(Duration::as_secs);
        // Only who holds a token can send heartbeats.
        let heartbeat = heartbeat.filter(|_| token.is_some()).map(Heartbeat::new);
        let resource = TaskResource {
            resource_type: task.resource.service.clone(),
            resource: task.resource.action_with_pattern(),
            is_function: task.resource.is_function(),
        };
        self.emit(EventKind::TaskScheduled {
            resource: resource.clone(),
            region: self.engine.execution.arn.split(':').nth(3).unwrap_or_default().to_owned(),
            parameters: arguments.text().clone(),
            timeout_seconds: timeout.as_ref().map(Duration::as_secs),
            heartbeat_seconds,
            role_arn: role_arn.clone(),
        })?;
        self.emit(EventKind::TaskStarted(resource.clone()))?;
        let (submitted, answer) = Submitted::channel();
        let request = TaskRequest {
            resource: task.resource.clone(),
            arguments: arguments.into_value(),
            role_arn,
            task_token: token,
            state: self.state.name.to_string(),
            execution_arn: self.engine.execution.arn.clone(),
            retry_count,
            timeout,
            heartbeat,
            submitted,
        };
        let outcome = self.race(request, answer, &resource).await?;
        self.conclude(outcome, resource)
    }

    async fn race(
        &self,
        request: TaskRequest,
        mut answer: oneshot::Receiver<Value>,
        resource: &TaskResource,
    ) -> Result<Outcome, Fault> {
        let host = &self.engine.host;
        let (timeout, heartbeat) = (request.timeout, request.heartbeat.clone());
        let person = request.task_token.is_some();
        let mut work = host.task(request);
        let limit = |duration| time_out_or_never(self, duration, person);
        let mut deadline = limit(timeout);
        let mut pulse = limit(heartbeat.as_ref().map(|beat| beat.interval));
        let mut waits_for_answer = true;
        loop {
            tokio::select! {
                biased;
                submitted = &mut answer, if waits_for_answer => {
                    waits_for_answer = false;
                    if let Ok(output) = submitted {
                        let output = Data::new(output).text().clone();
                        self.emit(EventKind::TaskSubmitted { resource: resource.clone(), output })?;
                    }
                }
                result = &mut work => {
                    // The first answer may have come in the same moment as the result.
                    if waits_for_answer && let Ok(output) = answer.try_recv() {
                        let output = Data::new(output).text().clone();
                        self.emit(EventKind::TaskSubmitted { resource: resource.clone(), output })?;
                    }
                    return Ok(Outcome::Answered(result));
                }
                () = beaten(heartbeat.as_ref()) => {
                    pulse = limit(heartbeat.as_ref().map(|beat| beat.interval));
                }
                () = &mut deadline => return Ok(Outcome::TimedOut { is_heartbeat: false }),
                () = &mut pulse => return Ok(Outcome::TimedOut { is_heartbeat: true }),
            }
        }
    }

    fn conclude(&self, outcome: Outcome, resource: TaskResource) -> Result<Data, Fault> {
        match outcome {
            Outcome::Answered(Ok(value)) => {
                let data = Data::new(value);
                if data.is_too_large() {
                    let fault = self.too_large(resource.in_words());
                    self.emit(EventKind::TaskFailed(resource, Self::failure(&fault)))?;
                    return Err(fault);
                }
                let output = data.text().clone();
                self.emit(EventKind::TaskSucceeded { resource, output })?;
                Ok(data)
            }
            Outcome::Answered(Err(failure)) => {
                let fault = Fault::from(failure);
                self.emit(EventKind::TaskFailed(resource, Self::failure(&fault)))?;
                Err(fault)
            }
            Outcome::TimedOut { is_heartbeat } => {
                let error = Some(TIMEOUT.to_owned());
                let failure = FailureDetails { error: error.clone(), cause: None };
                self.emit(EventKind::TaskTimedOut(resource, failure))?;
                Err(Fault { error, is_heartbeat, ..Fault::default() })
            }
        }
    }

    fn token(&self) -> String {
        let host = self.engine.host.as_ref();
        let bytes: Vec<u8> = (0..TOKEN_BYTES).map(|_| random_byte(host)).collect();
        STANDARD.encode(bytes)
    }
}

fn time_out_or_never(
    visit: &Visit<'_>,
    duration: Option<Duration>,
    person: bool,
) -> futures::future::BoxFuture<'static, ()> {
    match duration {
        Some(duration) => visit.engine.host.time_out(duration, person),
        None => Box::pin(std::future::pending()),
    }
}

async fn beaten(heartbeat: Option<&Heartbeat>) {
    match heartbeat {
        Some(heartbeat) => heartbeat.beaten().await,
        None => std::future::pending().await,
    }
}
