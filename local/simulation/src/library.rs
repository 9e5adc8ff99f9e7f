//! Lambda functions as libraries: each invocation runs the function's own handler, decoding and
//! error path included, with SDK clients that reach the world without a socket.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use lambda_kit::sdk::{Credentials, Parts, Wire};
use lambda_kit::{Clock, Diagnostic};
use local_aws::{Aws, FunctionHost, Invocation, InvocationOutcome};
use serde_json::{Value, json};

type Environment = BTreeMap<String, String>;

/// What happens to one invocation instead of the ordinary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FunctionFault {
    /// The handler does not run; the function answers this error's name.
    Fails(String),
    /// The process dies before the handler runs.
    KilledBefore,
    /// The process dies this long after the handler began, in the middle of whatever it does.
    KilledAfter(Duration),
    /// The handler ends, and its answer is lost with the process.
    AnswerLost,
    /// The handler runs twice, one run after the other; the second answer counts.
    Twice,
    /// The handler starts this late.
    Late(Duration),
}

/// Decides which invocations fail, and how. Called once for each, in order.
pub trait FunctionFaults: Send + Sync {
    /// The fault for this invocation, if any.
    fn fault(&self, invocation: &Invocation) -> Option<FunctionFault>;
}

/// Runs Landlord's functions in this process.
#[derive(Clone)]
pub struct Library {
    aws: Aws,
    partition: String,
    faults: Arc<Mutex<Option<Arc<dyn FunctionFaults>>>>,
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Library").field("partition", &self.partition).finish_non_exhaustive()
    }
}

impl Library {
    /// The functions for one world. `partition` names the world among those of this process:
    /// the SDK's retry budgets are static, and each world has its own.
    pub fn new(aws: &Aws, partition: impl Into<String>) -> Self {
        Self { aws: aws.clone(), partition: partition.into(), faults: Arc::default() }
    }

    /// Says which invocations fail from now on.
    pub fn set_faults(&self, faults: Option<Arc<dyn FunctionFaults>>) {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    fn fault(&self, invocation: &Invocation) -> Option<FunctionFault> {
        let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner).clone();
        faults.and_then(|faults| faults.fault(invocation))
    }

    async fn run(&self, invocation: Invocation) -> InvocationOutcome {
        let work = || self.handle(invocation.clone());
        let timeout = self.aws.paced(invocation.timeout);
        let limited = async {
            match self.fault(&invocation) {
                None => work().await,
                Some(FunctionFault::Fails(error)) => {
                    failed(&error, "made to fail before it did anything")
                }
                Some(FunctionFault::KilledBefore) => crashed(),
                Some(FunctionFault::KilledAfter(after)) => {
                    tokio::select! {
                        biased;
                        () = self.aws.sleep(after) => crashed(),
                        outcome = work() => outcome,
                    }
                }
                Some(FunctionFault::AnswerLost) => {
                    work().await;
                    crashed()
                }
                Some(FunctionFault::Twice) => {
                    work().await;
                    work().await
                }
                Some(FunctionFault::Late(late)) => {
                    self.aws.sleep(late).await;
                    work().await
                }
            }
        };
        match tokio::time::timeout(timeout, limited).await {
            Ok(outcome) => outcome,
            Err(_) => failed(
                "Sandbox.Timedout",
                &format!(
                    "RequestId: {} Error: Task timed out after {:.2} seconds",
                    invocation.request_id,
                    invocation.timeout.as_secs_f64()
                ),
            ),
        }
    }

    async fn handle(&self, invocation: Invocation) -> InvocationOutcome {
        if invocation.code == "account-gate" {
            return crate::rollout::gate::answer(&self.aws, &invocation).await;
        }
        let payload = match serde_json::from_slice::<Value>(&invocation.payload) {
            Ok(payload) => payload,
            Err(error) => {
                return failed(
                    "Runtime.InvalidRequest",
                    &format!("the payload is not JSON: {error}"),
                );
            }
        };
        let clock = {
            let aws = self.aws.clone();
            Clock::from_fn(Arc::new(move || aws.now()))
        };
        let wire = self.wire(&invocation.environment, &clock);
        // A panic is an error of the function, as the runtime reports it.
        let call = call(&invocation.code, &wire, &invocation.environment, clock, payload);
        match std::panic::AssertUnwindSafe(call).catch_unwind().await {
            Ok(Ok(answer)) => InvocationOutcome::Answered(answer.to_string().into()),
            Ok(Err(diagnostic)) => failed(&diagnostic.error_type, &diagnostic.error_message),
            Err(_) => failed("Panicked", "the function panicked"),
        }
    }

    fn wire(&self, environment: &Environment, clock: &Clock) -> Wire {
        let variable = |name: &str| environment.get(name).cloned().unwrap_or_default();
        Wire::from_parts(Parts {
            http_client: self.aws.http_client(),
            credentials: Credentials::new(
                variable("AWS_ACCESS_KEY_ID"),
                variable("AWS_SECRET_ACCESS_KEY"),
                environment.get("AWS_SESSION_TOKEN").cloned(),
                None,
                "simulation",
            ),
            region: variable("AWS_REGION"),
            endpoint_url: None,
            clock: clock.clone(),
            retry_partition: Some(self.partition.clone()),
        })
    }
}

impl FunctionHost for Library {
    fn invoke(&self, invocation: Invocation) -> BoxFuture<'static, InvocationOutcome> {
        let library = self.clone();
        Box::pin(async move { library.run(invocation).await })
    }
}

fn failed(error: &str, message: &str) -> InvocationOutcome {
    let payload = json!({ "errorType": error, "errorMessage": message }).to_string();
    InvocationOutcome::Failed { error: error.to_owned(), payload: payload.into() }
}

fn crashed() -> InvocationOutcome {
    failed(
        "Runtime.ExitError",
        "RequestId: unknown Error: Runtime exited with error: signal: killed",
    )
}

fn configuration(error: &lambda_kit::config::Error) -> Diagnostic {
    Diagnostic {
        error_type: lambda_kit::run::NAMES[0].to_owned(),
        error_message: lambda_kit::chain(error),
    }
}

/// Runs one function's handler as its binary would.
async fn call(
    code: &str,
    wire: &Wire,
    environment: &Environment,
    clock: Clock,
    payload: Value,
) -> Result<Value, Diagnostic> {
    macro_rules! function {
        ($krate:ident) => {{
            let config = $krate::Config::load(&|name| environment.get(name).cloned())
                .map_err(|error| configuration(&error))?;
            let app = $krate::App::new(wire, config, clock);
            Box::pin(lambda_kit::call(&app, &$krate::handle, payload)).await
        }};
    }
    match code {
        "admit-tenant" => function!(admit_tenant),
        "announce-outcome" => function!(announce_outcome),
        "close-account" => function!(close_account),
        "create-account" => function!(create_account),
        "enroll-baseline" => function!(enroll_baseline),
        "find-tenant" => function!(find_tenant),
        "label-account" => function!(label_account),
        "plan-retirements" => function!(plan_retirements),
        "request-quotas" => function!(request_quotas),
        "assess-wave" => function!(assess_wave),
        "deploy-wave" => function!(deploy_wave),
        "finish-rollout" => function!(finish_rollout),
        "plan-rollout" => function!(plan_rollout),
        "retire-tenant" => function!(retire_tenant),
        "stop-rollout" => function!(stop_rollout),
        "withdraw-stacks" => function!(withdraw_stacks),
        "account-gate" => {
            let lookup = |name: &str| environment.get(name).cloned();
            let app = account_gate::App::new(wire, &lookup, clock);
            Box::pin(lambda_kit::call(&app, &account_gate::handle, payload)).await
        }
        "place-account" => {
            let app = place_account::App::new(wire, clock);
            Box::pin(lambda_kit::call(&app, &place_account::handle, payload)).await
        }
        other => Err(Diagnostic {
            error_type: "Runtime.InvalidEntrypoint".to_owned(),
            error_message: format!("the simulation does not know the function {other}"),
        }),
    }
}
