//! Task tokens: tasks that wait until somebody completes them.

use local_states::{Heartbeat, TaskFailure};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::{Aws, AwsError, Call};

/// A task that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    heartbeat: Option<Heartbeat>,
    outcome: oneshot::Sender<Result<Value, TaskFailure>>,
}

/// The end of a wait; the token is worth nothing any more when this is dropped.
pub(super) struct Outcome {
    aws: Aws,
    token: String,
    receiver: Option<oneshot::Receiver<Result<Value, TaskFailure>>>,
}

/// Registers a token.
pub(super) fn wait_for(aws: &Aws, token: &str, heartbeat: Option<Heartbeat>) -> Outcome {
    let (outcome, receiver) = oneshot::channel();
    aws.lock().states.waiting.insert(token.to_owned(), Waiting { heartbeat, outcome });
    Outcome { aws: aws.clone(), token: token.to_owned(), receiver: Some(receiver) }
}

impl Outcome {
    /// Waits until somebody completes the token.
    pub(super) async fn outcome(mut self) -> Result<Value, TaskFailure> {
        let lost = || TaskFailure::new(local_states::RUNTIME, "the token was lost");
        match self.receiver.take() {
            Some(receiver) => receiver.await.unwrap_or_else(|_| Err(lost())),
            None => Err(lost()),
        }
    }
}

impl Drop for Outcome {
    fn drop(&mut self) {
        self.aws.lock().states.waiting.remove(&self.token);
    }
}

/// `SendTaskSuccess`, `SendTaskFailure`, `SendTaskHeartbeat`.
pub(super) fn handle(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let token = call.text("taskToken")?;
    let outcome = match call.operation.as_str() {
        "SendTaskSuccess" => {
            let output = call.text("output")?;
            let value = serde_json::from_str(output).map_err(|error| {
                AwsError::new("InvalidOutput", format!("Invalid output: '{error}'"))
            })?;
            Some(Ok(value))
        }
        "SendTaskFailure" => {
            let text = |member: &str| call.opt_text(member).unwrap_or_default();
            Some(Err(TaskFailure::new(text("error"), text("cause"))))
        }
        _ => None,
    };
    let timed_out = || {
        AwsError::new(
            "TaskTimedOut",
            format!("Task Timed Out: 'Provided task does not exist anymore': {token}"),
        )
    };
    let mut state = aws.lock();
    match outcome {
        None => {
            let waiting = state.states.waiting.get(token).ok_or_else(timed_out)?;
            if let Some(heartbeat) = &waiting.heartbeat {
                heartbeat.beat();
            }
        }
        Some(outcome) => {
            let waiting = state.states.waiting.remove(token).ok_or_else(timed_out)?;
            // Nobody listens any more when the task ended in this moment.
            let _ = waiting.outcome.send(outcome);
        }
    }
    Ok(json!({}))
}
