//! Lambda functions as libraries: each invocation runs the function's own handler, decoding and
//! error path included, with SDK clients that reach the world without a socket.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use lambda_kit::sdk::{Credentials, Parts, Wire};
use lambda_kit::{Clock, Diagnostic, Metrics};
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
    /// The handler runs twice beside each other; the answer of the first counts.
    Overlapping(Duration),
    /// The handler starts this late.
    Late(Duration),
    /// The handler ends, and answers only after the function's time-out.
    TooLate,
}

/// Decides which invocations fail, and how. Called once for each, in order.
pub trait FunctionFaults: Send + Sync {
    /// The fault for this invocation, if any.
    fn fault(&self, invocation: &Invocation) -> Option<FunctionFault>;

    /// Hears how an invocation ended.
    fn ended(&self, _invocation: &Invocation, _outcome: &InvocationOutcome) {}
}

/// What the invocations of one function took.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct FunctionUsage {
    /// How many there were.
    pub invocations: u64,
    /// How long they ran, all together.
    pub duration: Duration,
    /// How long the longest ran.
    pub longest: Duration,
    /// What Lambda bills for memory: gigabytes times seconds.
    pub gigabyte_seconds: f64,
}

/// Runs Landlord's functions in this process.
#[derive(Clone)]
pub struct Library {
    aws: Aws,
    partition: String,
    faults: Arc<Mutex<Option<Arc<dyn FunctionFaults>>>>,
    usage: Arc<Mutex<BTreeMap<String, FunctionUsage>>>,
    warm: Warm,
}

/// The functions that are loaded, by ARN: a process serves many invocations, until it dies or its
/// environment changes.
#[derive(Clone, Default)]
struct Warm(Arc<Mutex<BTreeMap<String, Loaded>>>);

/// The environment that an app was loaded with, and the app.
type Loaded = (Environment, Arc<dyn Any + Send + Sync>);

impl Warm {
    /// The function's app, loaded when it is not there.
    fn app<A: Send + Sync + 'static>(
        &self,
        invocation: &Invocation,
        load: impl FnOnce() -> Result<A, Diagnostic>,
    ) -> Result<Arc<A>, Diagnostic> {
        let mut warm = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((environment, app)) = warm.get(&invocation.function_arn)
            && *environment == invocation.environment
            && let Ok(app) = app.clone().downcast::<A>()
        {
            return Ok(app);
        }
        let app = Arc::new(load()?);
        let entry = (invocation.environment.clone(), app.clone() as Arc<dyn Any + Send + Sync>);
        warm.insert(invocation.function_arn.clone(), entry);
        Ok(app)
    }

    /// The process died.
    fn forget(&self, invocation: &Invocation) {
        let mut warm = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        warm.remove(&invocation.function_arn);
    }
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
        Self {
            aws: aws.clone(),
            partition: partition.into(),
            faults: Arc::default(),
            usage: Arc::default(),
            warm: Warm::default(),
        }
    }

    /// What each function took so far, by its name among the crates.
    pub fn usage(&self) -> BTreeMap<String, FunctionUsage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets what functions took so far.
    pub fn forget_usage(&self) {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn count(&self, invocation: &Invocation, began: jiff::Timestamp) {
        let took = Duration::try_from(self.aws.now().duration_since(began)).unwrap_or_default();
        let mut usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = usage.entry(invocation.code.clone()).or_default();
        entry.invocations += 1;
        entry.duration += took;
        entry.longest = entry.longest.max(took);
        entry.gigabyte_seconds += took.as_secs_f64() * f64::from(invocation.memory_mb) / 1024.0;
    }

    /// What it takes until a function's first line runs.
    async fn start(&self) {
        let whole = self.aws.settings().durations.invocation;
        if !whole.is_zero() {
            let factor = self.aws.random(fastrand::Rng::f64) + 0.5;
            self.aws.sleep(whole.mul_f64(factor)).await;
        }
    }

    /// Says which invocations fail from now on.
    pub fn set_faults(&self, faults: Option<Arc<dyn FunctionFaults>>) {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    fn faults(&self) -> Option<Arc<dyn FunctionFaults>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn run(&self, invocation: Invocation) -> InvocationOutcome {
        let work = || self.handle(invocation.clone(), &self.warm);
        // A function's own time, whatever the pace of waits is.
        let timeout = invocation.timeout;
        let limited = async {
            match self.faults().and_then(|faults| faults.fault(&invocation)) {
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
                Some(FunctionFault::Overlapping(after)) => {
                    // An instance does one thing at a time, so the second one is new.
                    let second = async {
                        self.aws.sleep(after).await;
                        self.handle(invocation.clone(), &Warm::default()).await
                    };
                    futures::future::join(work(), second).await.0
                }
                Some(FunctionFault::TooLate) => {
                    work().await;
                    std::future::pending().await
                }
                Some(FunctionFault::Late(late)) => {
                    self.aws.sleep(late).await;
                    work().await
                }
            }
        };
        self.start().await;
        let began = self.aws.now();
        let ended = tokio::time::timeout(timeout, limited).await;
        self.count(&invocation, began);
        let died = |outcome: &InvocationOutcome| matches!(outcome, InvocationOutcome::Failed { error, .. } if error == EXITED);
        if ended.as_ref().map_or(true, died) {
            self.warm.forget(&invocation);
        }
        let outcome = ended.unwrap_or_else(|_| timed_out(&invocation));
        if let Some(faults) = self.faults() {
            faults.ended(&invocation, &outcome);
        }
        outcome
    }

    async fn handle(&self, invocation: Invocation, warm: &Warm) -> InvocationOutcome {
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
        // A panic is an error of the function, as the runtime reports it.
        let wire = |clock: &Clock| self.wire(&invocation.environment, clock);
        let metrics = {
            let (aws, place) = (self.aws.clone(), invocation.clone());
            Metrics::from_fn(move |line| aws.log_line((&place.account, &place.region), line))
        };
        let call = call(warm, &invocation, wire, (clock, metrics), payload);
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

fn timed_out(invocation: &Invocation) -> InvocationOutcome {
    let after = invocation.timeout.as_secs_f64();
    let request = &invocation.request_id;
    failed(
        "Sandbox.Timedout",
        &format!("RequestId: {request} Error: Task timed out after {after:.2} seconds"),
    )
}

/// The error of a process that ended on its own.
const EXITED: &str = "Runtime.ExitError";

fn crashed() -> InvocationOutcome {
    failed(EXITED, "RequestId: unknown Error: Runtime exited with error: signal: killed")
}

fn configuration(error: &lambda_kit::config::Error) -> Diagnostic {
    Diagnostic {
        error_type: lambda_kit::run::NAMES[0].to_owned(),
        error_message: lambda_kit::chain(error),
    }
}

/// Runs one function's handler as its binary would.
async fn call(
    warm: &Warm,
    invocation: &Invocation,
    wire: impl Fn(&Clock) -> Wire,
    (clock, metrics): (Clock, Metrics),
    payload: Value,
) -> Result<Value, Diagnostic> {
    macro_rules! function {
        ($krate:ident) => {{
            let app = warm.app(invocation, || {
                let lookup = |name: &str| invocation.environment.get(name).cloned();
                let config =
                    $krate::Config::load(&lookup).map_err(|error| configuration(&error))?;
                Ok($krate::App::new(&wire(&clock), config, clock.clone()))
            })?;
            Box::pin(lambda_kit::call(&*app, &$krate::handle, payload)).await
        }};
        ($krate:ident, metrics) => {{
            let app = warm.app(invocation, || {
                let lookup = |name: &str| invocation.environment.get(name).cloned();
                let config =
                    $krate::Config::load(&lookup).map_err(|error| configuration(&error))?;
                let app = $krate::App::new(&wire(&clock), config, clock.clone());
                Ok(app.with_metrics(metrics))
            })?;
            Box::pin(lambda_kit::call(&*app, &$krate::handle, payload)).await
        }};
    }
    match invocation.code.as_str() {
        "admit-tenant" => function!(admit_tenant, metrics),
        "announce-outcome" => function!(announce_outcome),
        "close-account" => function!(close_account),
        "create-account" => function!(create_account, metrics),
        "enroll-baseline" => function!(enroll_baseline),
        "find-tenant" => function!(find_tenant),
        "label-account" => function!(label_account),
        "plan-change" => function!(plan_change),
        "plan-retirements" => function!(plan_retirements),
        "request-quotas" => function!(request_quotas),
        "assess-wave" => function!(assess_wave),
        "audit-fleet" => function!(audit_fleet),
        "deploy-wave" => function!(deploy_wave),
        "finish-rollout" => function!(finish_rollout),
        "plan-rollout" => function!(plan_rollout),
        "retire-tenant" => function!(retire_tenant),
        "stop-rollout" => function!(stop_rollout),
        "withdraw-stacks" => function!(withdraw_stacks),
        // A gate starts cold nearly every time: it is asked once an operation.
        "account-gate" => {
            let lookup = |name: &str| invocation.environment.get(name).cloned();
            let app = account_gate::App::new(&wire(&clock), &lookup, clock);
            Box::pin(lambda_kit::call(&app, &account_gate::handle, payload)).await
        }
        "equip-account" => {
            let lookup = |name: &str| invocation.environment.get(name).cloned();
            let app = warm.app(invocation, || {
                let config =
                    equip_account::Config::load(&lookup).map_err(|error| configuration(&error))?;
                Ok(equip_account::App::new(&wire(&clock), config))
            })?;
            Box::pin(lambda_kit::call(&*app, &equip_account::handle, payload)).await
        }
        "place-account" => {
            let load = || Ok(place_account::App::new(&wire(&clock), clock.clone()));
            let app = warm.app(invocation, load)?;
            Box::pin(lambda_kit::call(&*app, &place_account::handle, payload)).await
        }
        other => Err(Diagnostic {
            error_type: "Runtime.InvalidEntrypoint".to_owned(),
            error_message: format!("the simulation does not know the function {other}"),
        }),
    }
}
