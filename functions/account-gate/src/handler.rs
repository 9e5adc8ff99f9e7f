//! One decision: all checks at once, each on a leash, until no further finding can change the
//! answer.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use gate_rules::{
    Check, FailMode, Finding, Settings, Status, Verdict, decide, look_at_clock, read_fail_mode,
};
use lambda_kit::sdk::{RetryConfig, TimeoutConfig, Wire};
use lambda_kit::{Clock, Lookup, chain, client};
use serde_json::Value;

use crate::answer::{Answer, log_line};
use crate::checks;
use crate::config::override_parameter;
use crate::https;

/// The gate answers within this time, counted from the request. How long StackSets waits is not
/// documented.
pub const BUDGET: Duration = Duration::from_secs(4);
const CONNECT: Duration = Duration::from_secs(1);
const ATTEMPT: Duration = Duration::from_millis(1500);
const OPERATION: Duration = Duration::from_millis(3500);
const FIRST_RETRY: Duration = Duration::from_millis(150);
const LAST_RETRY: Duration = Duration::from_millis(600);

/// The gate of one account and Region.
pub struct App {
    setup: Setup,
    clock: Clock,
    log: Arc<dyn Fn(&str) + Send + Sync>,
}

/// What there is to check, and with what. Wrong settings leave the override, so that an operator
/// can still open.
struct Setup {
    clients: Result<Clients, String>,
    override_parameter: String,
    settings: Result<Settings, String>,
    fail_mode: FailMode,
}

struct Clients {
    cloudwatch: aws_sdk_cloudwatch::Client,
    ssm: aws_sdk_ssm::Client,
}

impl App {
    /// The gate that Lambda started. It always loads: what is wrong becomes its answer.
    ///
    /// # Errors
    /// None.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, Infallible> {
        let client = https::client(CONNECT).map_err(|error| chain(&error));
        let wire = client
            .and_then(|client| Wire::load_with(lookup, client).map_err(|error| chain(&error)));
        Ok(Self::build(wire, lookup, Clock::system()).with_log(write_line))
    }

    /// The gate with the given wire, environment and clock. It logs nothing.
    pub fn new(wire: &Wire, lookup: Lookup<'_>, clock: Clock) -> Self {
        Self::build(Ok(wire.clone()), lookup, clock)
    }

    /// The same gate, whose line of each decision goes to `log`.
    #[must_use]
    pub fn with_log(mut self, log: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.log = Arc::new(log);
        self
    }

    fn build(wire: Result<Wire, String>, lookup: Lookup<'_>, clock: Clock) -> Self {
        let clients = wire.map(|wire| {
            let wire = wire.limited(timeouts(), retries());
            Clients {
                cloudwatch: client!(aws_sdk_cloudwatch, wire),
                ssm: client!(aws_sdk_ssm, wire),
            }
        });
        let setup = Setup {
            clients,
            override_parameter: override_parameter(lookup),
            fail_mode: read_fail_mode(lookup),
            settings: Settings::read(lookup).map_err(|faults| faults.to_string()),
        };
        Self { setup, clock, log: Arc::new(|_| {}) }
    }
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(OPERATION)
        .build()
}

fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(3)
        .with_initial_backoff(FIRST_RETRY)
        .with_max_backoff(LAST_RETRY)
}

/// A line of the log. CloudWatch's embedded metrics have to be a line of their own, as they are.
fn write_line(line: &str) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    // Nobody is left to be told when standard output is gone.
    let _ = writeln!(out, "{line}");
}

/// What the request asks beside the answer. Everything that StackSets may send means nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Asked {
    /// Every check with its verdict and reason.
    explain: bool,
    /// A check that panics, to see that the gate survives it.
    drill: bool,
}

impl Asked {
    fn read(request: &Value) -> Self {
        let explain = request.get("explain").and_then(Value::as_bool).unwrap_or(false);
        let drill = explain && request.get("drill").and_then(Value::as_str) == Some("panic");
        Self { explain, drill }
    }
}

/// Answers whether a stack operation may touch this account and Region now.
///
/// # Errors
/// None: whatever goes wrong is an answer, by the fail mode.
pub async fn handle(app: &App, request: Value) -> Result<Answer, Infallible> {
    let asked = Asked::read(&request);
    let now = app.clock.now();
    let findings =
        AssertUnwindSafe(findings(app, asked)).catch_unwind().await.unwrap_or_else(|_| {
            vec![Finding::new(Check::Settings, Verdict::Unknown, "the gate panicked")]
        });
    let mode = app.setup.fail_mode;
    let status = decide(&findings, 0, mode).unwrap_or(Status::Failed);
    let mut answer = Answer::new(status, &findings, mode);
    let took = app.clock.now().duration_since(now).unsigned_abs();
    (app.log)(&log_line(&answer, &findings, mode, now, took.as_millis()));
    if asked.explain {
        answer.checks = Some(findings);
    }
    Ok(answer)
}

/// Every finding, or as many as decide.
async fn findings(app: &App, asked: Asked) -> Vec<Finding> {
    let mut pending: FuturesUnordered<_> =
        checks(app, asked).into_iter().map(|(check, work)| leashed(check, work)).collect();
    let mut found: Vec<Finding> = Vec::new();
    while let Some(findings) = pending.next().await {
        found.extend(findings);
        let decided = decide(&found, pending.len(), app.setup.fail_mode).is_some();
        if decided && !asked.explain {
            break;
        }
    }
    found.sort_by_key(|finding| finding.check);
    found
}

type Work<'a> = BoxFuture<'a, Vec<Finding>>;

/// The checks that the settings ask for, each with the findings that it stands for.
fn checks(app: &App, asked: Asked) -> Vec<(Vec<Check>, Work<'_>)> {
    let now = app.clock.now();
    let setup = &app.setup;
    let clients = match &setup.clients {
        Ok(clients) => clients,
        Err(because) => return vec![wrong_settings(because)],
    };
    let settings = setup.settings.as_ref();
    let preconditions = settings.map(|known| known.preconditions.as_slice()).unwrap_or_default();
    let mut stands_for = vec![Check::Override];
    if !preconditions.is_empty() {
        stands_for.push(Check::Parameters);
    }
    let look = checks::parameters(&clients.ssm, &setup.override_parameter, preconditions, now);
    let mut all: Vec<(Vec<Check>, Work<'_>)> = vec![(stands_for, look.boxed())];
    match settings {
        Err(because) => all.push(wrong_settings(because)),
        Ok(settings) => {
            if let Some(filter) = &settings.alarms {
                let look = checks::alarms(&clients.cloudwatch, filter);
                all.push((vec![Check::Alarms], look.map(|found| vec![found]).boxed()));
            }
            if !settings.calendars.is_empty() {
                let look = checks::calendars(&clients.ssm, &settings.calendars);
                all.push((vec![Check::Calendars], look.map(|found| vec![found]).boxed()));
            }
            let look = async move { vec![look_at_clock(settings, now, asked.explain)] };
            all.push((vec![Check::Windows], look.boxed()));
        }
    }
    if asked.drill {
        all.push((vec![Check::Settings], panics().boxed()));
    }
    all
}

fn wrong_settings(because: &str) -> (Vec<Check>, Work<'_>) {
    let wrong = async move { vec![Finding::new(Check::Settings, Verdict::Unknown, because)] };
    (vec![Check::Settings], wrong.boxed())
}

#[expect(clippy::panic, reason = "a drill: an operator sees what a panic becomes")]
async fn panics() -> Vec<Finding> {
    panic!("a drill, as the request asked for")
}

/// The check's findings; or one for each that it stands for, when it panics or takes too long.
async fn leashed(checks: Vec<Check>, work: Work<'_>) -> Vec<Finding> {
    let lost = |reason: String| {
        let unknown = |check: &Check| Finding::new(*check, Verdict::Unknown, reason.clone());
        checks.iter().map(unknown).collect()
    };
    match tokio::time::timeout(BUDGET, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(findings)) => findings,
        Ok(Err(_)) => lost("the check panicked".to_owned()),
        Err(_) => lost(format!("no answer within {} s", BUDGET.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_an_operator_s_request_asks_for_more() {
        let asked = |request: Value| {
            let Asked { explain, drill } = Asked::read(&request);
            (explain, drill)
        };
        for request in [json!(null), json!([]), json!("explain"), json!({}), json!({"explain": 1})]
        {
            assert_eq!(asked(request.clone()), (false, false), "{request}");
        }
        assert_eq!(asked(json!({"explain": true})), (true, false));
        assert_eq!(asked(json!({"drill": "panic"})), (false, false));
        assert_eq!(asked(json!({"explain": true, "drill": "panic"})), (true, true));
    }
}
