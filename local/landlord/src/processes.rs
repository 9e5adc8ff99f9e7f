//! Functions as real processes, for a world in real time.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use local_aws::{FunctionHost, Invocation, InvocationOutcome};
use local_lambda::{FunctionSpec, Functions, Host, LogSink};

use crate::pace;

/// The functions of Landlord, each one crate and one binary under `functions/`.
pub(crate) const FUNCTIONS: &[&str] = &[
    "account-gate",
    "admit-tenant",
    "announce-outcome",
    "assess-wave",
    "audit-fleet",
    "close-account",
    "create-account",
    "deploy-wave",
    "enroll-baseline",
    "find-tenant",
    "finish-rollout",
    "equip-account",
    "label-account",
    "place-account",
    "plan-change",
    "plan-retirements",
    "plan-rollout",
    "request-quotas",
    "retire-tenant",
    "stop-rollout",
    "withdraw-stacks",
];

/// Runs the function binaries over the Lambda Runtime API.
#[derive(Clone)]
pub(crate) struct Processes {
    host: Host,
    binaries: Arc<Functions>,
    email_grace_seconds: u64,
    pace: f64,
    log: LogSink,
}

impl Processes {
    /// Runs `binaries` on `host`. Function processes have the machine's clock, whatever the
    /// world's pace. What they measure by it is given at this pace here: the grace time for a
    /// taken email, and the seconds of a rollout's plan.
    pub(crate) fn new(
        host: Host,
        binaries: Functions,
        email_grace: Duration,
        pace: f64,
        log: LogSink,
    ) -> Self {
        let email_grace_seconds = email_grace.div_f64(pace).as_secs().max(1);
        Self { host, binaries: Arc::new(binaries), email_grace_seconds, pace, log }
    }

    async fn run(&self, invocation: Invocation) -> InvocationOutcome {
        let Some(binary) = self.binaries.get(&invocation.code) else {
            let message = format!("there is no binary for the code \"{}\"", invocation.code);
            let payload = serde_json::json!({
                "errorType": "Runtime.InvalidEntrypoint", "errorMessage": message,
            });
            return InvocationOutcome::Failed {
                error: "Runtime.InvalidEntrypoint".to_owned(),
                payload: payload.to_string().into(),
            };
        };
        let mut environment = invocation.environment;
        if let Some(grace) = environment.get_mut("EMAIL_GRACE_SECONDS") {
            *grace = self.email_grace_seconds.to_string();
        }
        unpacked(&mut environment, binary);
        let spec = FunctionSpec {
            arn: invocation.function_arn,
            name: invocation.function_name,
            binary: binary.clone(),
            environment,
            timeout: invocation.timeout,
            memory_mb: invocation.memory_mb,
            log: self.log.clone(),
        };
        let payload = match &*invocation.code {
            "plan-rollout" => pace::of_request(invocation.payload, self.pace),
            _ => invocation.payload,
        };
        let outcome = self.host.invoke(&spec, payload, invocation.request_id).await;
        match outcome.error_name() {
            None => InvocationOutcome::Answered(outcome.payload()),
            Some(error) => {
                InvocationOutcome::Failed { error: error.to_owned(), payload: outcome.payload() }
            }
        }
    }
}

/// Where Lambda unpacks a function. Here nothing is unpacked: what lies beside the binary is taken
/// from there, and a variable that names anything else is left out.
const TASK_ROOT: &str = "/var/task/";

fn unpacked(environment: &mut std::collections::BTreeMap<String, String>, binary: &Path) {
    environment.retain(|_, value| {
        let Some(name) = value.strip_prefix(TASK_ROOT) else { return true };
        let beside = binary.with_file_name(name);
        let found = beside.is_file();
        if found {
            *value = beside.display().to_string();
        }
        found
    });
}

impl FunctionHost for Processes {
    fn invoke(&self, invocation: Invocation) -> BoxFuture<'static, InvocationOutcome> {
        let processes = self.clone();
        Box::pin(async move { processes.run(invocation).await })
    }
}
