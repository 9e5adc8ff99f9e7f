//! The host with a real function process, seen as Lambda's callers see it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests fail by panicking, and read the real clock of real processes"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use local_lambda::{Fault, FaultPoint, Faults, FunctionSpec, Host, LogSink, Outcome, Settings};
use serde_json::{Value, json};

/// The example that cargo builds beside the tests.
fn probe() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().unwrap().parent().unwrap().join("examples/probe");
    assert!(path.is_file(), "{} is missing: build the examples too", path.display());
    path
}

fn spec() -> FunctionSpec {
    FunctionSpec {
        arn: "arn:aws:lambda:eu-central-1:111122223333:function:probe".to_owned(),
        name: "probe".to_owned(),
        binary: probe(),
        environment: BTreeMap::new(),
        timeout: Duration::from_secs(30),
        memory_mb: 256,
        log: LogSink::discard(),
    }
}

fn host(max_concurrent: usize) -> Host {
    Host::new(Settings {
        max_concurrent,
        // The machine that runs the tests may be busy with others.
        init_timeout: Duration::from_secs(60),
        ..Settings::default()
    })
}

async fn invoke(host: &Host, spec: &FunctionSpec, request: Value) -> Outcome {
    host.invoke(spec, Bytes::from(request.to_string()), "c0ffee00-request".to_owned()).await
}

fn answer(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Answered(bytes) => serde_json::from_slice(bytes).unwrap(),
        other => panic!("the function did not answer: {other:?}"),
    }
}

fn reported(outcome: &Outcome) -> (String, String) {
    let payload: Value = serde_json::from_slice(&outcome.payload()).unwrap();
    assert_eq!(outcome.function_error(), Some("Unhandled"));
    let text = |key: &str| payload[key].as_str().unwrap().to_owned();
    assert_eq!(outcome.error_name().unwrap(), text("errorType"));
    (text("errorType"), text("errorMessage"))
}

#[tokio::test]
async fn an_answer_comes_back_as_it_was_given() {
    let outcome = invoke(&host(1), &spec(), json!({"do": "answer", "value": {"a": [1]}})).await;
    assert_eq!(answer(&outcome), json!({"a": [1]}));
    assert_eq!(outcome.error_name(), None);
}

#[tokio::test]
async fn the_process_sees_lambdas_variables_and_its_own_and_nothing_else() {
    let mut spec = spec();
    spec.environment.insert("GREETING".to_owned(), "hello".to_owned());
    spec.environment.insert("AWS_REGION".to_owned(), "reserved".to_owned());
    let names = ["AWS_LAMBDA_FUNCTION_NAME", "AWS_REGION", "TZ", "_HANDLER", "GREETING", "HOME"];
    let outcome = invoke(&host(1), &spec, json!({"do": "variables", "names": names})).await;
    assert_eq!(
        answer(&outcome),
        json!({
            "AWS_LAMBDA_FUNCTION_NAME": "probe", "AWS_REGION": "eu-central-1", "TZ": ":UTC",
            "_HANDLER": "bootstrap", "GREETING": "hello", "HOME": null,
        })
    );
}

#[tokio::test]
async fn a_named_error_reaches_the_caller_by_its_name() {
    let outcome = invoke(&host(1), &spec(), json!({"do": "fail"})).await;
    let (name, message) = reported(&outcome);
    assert_eq!(name, "AccountLimitReached");
    assert_eq!(message, "the quota of accounts is used up");
}

#[tokio::test]
async fn a_panic_and_a_request_that_does_not_decode_are_errors_of_a_process_that_lives_on() {
    let (host, spec) = (host(1), spec());
    let (name, message) = reported(&invoke(&host, &spec, json!({"do": "panic"})).await);
    assert_eq!(name, "Panicked");
    assert!(message.contains("attempt to subtract with overflow"), "{message}");
    let (name, message) = reported(&invoke(&host, &spec, json!({"do": "dance"})).await);
    assert_eq!(name, "InvalidRequest");
    assert!(message.contains("dance"), "{message}");
    assert_eq!(host.started(), 1);
}

#[tokio::test]
async fn a_faulty_configuration_is_the_answer_to_every_invocation() {
    let mut spec = spec();
    spec.environment.insert("BROKEN".to_owned(), "yes".to_owned());
    let (name, message) = reported(&invoke(&host(1), &spec, json!({"do": "greet"})).await);
    assert_eq!(name, "InvalidConfiguration");
    assert_eq!(message, "environment variable BROKEN is `yes`: the probe wants it unset");
}

#[tokio::test]
async fn a_function_that_hangs_is_killed_at_its_time_out_and_not_used_again() {
    let (host, mut spec) = (host(1), spec());
    spec.timeout = Duration::from_millis(150);
    let outcome = invoke(&host, &spec, json!({"do": "hang"})).await;
    let (name, message) = reported(&outcome);
    assert_eq!(name, "Sandbox.Timedout");
    assert_eq!(message, "RequestId: c0ffee00-request Error: Task timed out after 0.15 seconds");
    assert_eq!(host.processes(), 0);
    spec.timeout = Duration::from_secs(30);
    answer(&invoke(&host, &spec, json!({"do": "answer", "value": 1})).await);
    assert_eq!(host.started(), 2);
}

#[tokio::test]
async fn an_exit_is_reported_with_its_status() {
    let (host, spec) = (host(1), spec());
    let outcome = invoke(&host, &spec, json!({"do": "exit", "code": 3})).await;
    let (name, message) = reported(&outcome);
    assert_eq!(name, "Runtime.ExitError");
    assert_eq!(
        message,
        "RequestId: c0ffee00-request Error: Runtime exited with error: exit status 3"
    );
    let (_, message) = reported(&invoke(&host, &spec, json!({"do": "exit", "code": 0})).await);
    assert!(message.ends_with("Runtime exited without providing a reason"), "{message}");
}

#[tokio::test]
async fn a_binary_that_does_not_start_or_speak_is_an_init_failure() {
    let (host, mut spec) = (host(1), spec());
    spec.binary = PathBuf::from("/nowhere/bootstrap");
    let (name, message) = reported(&invoke(&host, &spec, json!({})).await);
    assert_eq!(name, "Runtime.InvalidEntrypoint");
    assert!(message.contains("fork/exec /nowhere/bootstrap"), "{message}");
    spec.binary = PathBuf::from("/bin/false");
    let outcome = invoke(&host, &spec, json!({})).await;
    assert!(matches!(outcome, Outcome::InitFailed { .. }), "{outcome:?}");
    assert_eq!(reported(&outcome).0, "Runtime.ExitError");
}

#[tokio::test]
async fn requests_and_answers_are_limited_to_six_megabytes() {
    let (host, spec) = (host(1), spec());
    let near = 6 * 1024 * 1024 - 100;
    let long = json!({"do": "length", "value": "x".repeat(near)});
    assert_eq!(answer(&invoke(&host, &spec, long).await), json!(near));
    let refused =
        invoke(&host, &spec, json!({"do": "length", "value": "x".repeat(near + 200)})).await;
    assert_eq!(refused.error_name(), Some("RequestTooLargeException"));
    assert!(matches!(refused, Outcome::Refused { status: 413, .. }), "{refused:?}");

    let filled = invoke(&host, &spec, json!({"do": "fill", "bytes": near})).await;
    assert_eq!(answer(&filled).as_str().map(str::len), Some(near));
    let (name, _) =
        reported(&invoke(&host, &spec, json!({"do": "fill", "bytes": 7_000_000})).await);
    assert_eq!(name, "Function.ResponseSizeTooLarge");
    // The process did nothing that would end it.
    answer(&invoke(&host, &spec, json!({"do": "answer", "value": 1})).await);
    assert_eq!(host.started(), 1);
}

#[tokio::test]
async fn a_warm_process_serves_again_until_its_environment_changes() {
    let (host, mut spec) = (host(1), spec());
    let first = answer(&invoke(&host, &spec, json!({"do": "greet"})).await);
    let second = answer(&invoke(&host, &spec, json!({"do": "greet"})).await);
    assert_eq!(first["process"], second["process"]);
    spec.environment.insert("GREETING".to_owned(), "changed".to_owned());
    let third = answer(&invoke(&host, &spec, json!({"do": "greet"})).await);
    assert_eq!(third["greeting"], "changed");
    assert_ne!(third["process"], second["process"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_invocations_share_four_processes_and_each_gets_its_own_answer() {
    let (host, spec) = (host(4), spec());
    let invocations = (0..20).map(|number| {
        let (host, spec) = (host.clone(), spec.clone());
        tokio::spawn(async move {
            let request = json!({"do": "answer", "value": number}).to_string();
            host.invoke(&spec, Bytes::from(request), format!("request-{number}")).await
        })
    });
    let outcomes = futures::future::join_all(invocations).await;
    for (number, outcome) in outcomes.into_iter().enumerate() {
        assert_eq!(answer(&outcome.unwrap()), json!(number));
    }
    assert!(host.started() <= 4, "{} processes were started", host.started());
}

#[tokio::test]
async fn a_process_killed_in_the_middle_is_a_crash_and_an_idle_one_is_replaced_unseen() {
    let (host, mut spec) = (host(2), spec());
    answer(&invoke(&host, &spec, json!({"do": "answer", "value": 1})).await);
    let idle = host.kill_one(7).await;
    assert_eq!(idle.map(|killed| killed.function), Some("probe".to_owned()));
    answer(&invoke(&host, &spec, json!({"do": "answer", "value": 2})).await);
    assert_eq!(host.started(), 2);

    let (sender, mut lines) = tokio::sync::mpsc::unbounded_channel();
    spec.log = LogSink::from_fn(move |line| drop(sender.send(line.clone())));
    spec.environment.insert("GREETING".to_owned(), "another process".to_owned());
    host.kill_one(7).await;
    let (killed, outcome) = tokio::join!(
        async {
            lines.recv().await;
            assert_eq!(host.kill_one_of("another").await, None);
            host.kill_one_of("probe").await
        },
        invoke(&host, &spec, json!({"do": "hang"})),
    );
    assert_eq!(killed.map(|killed| killed.function), Some("probe".to_owned()));
    assert!(matches!(outcome, Outcome::Crashed { .. }), "{outcome:?}");
    assert!(reported(&outcome).1.ends_with("signal: killed"), "{outcome:?}");
    assert_eq!(host.kill_one_of("probe").await, None);
}

struct At(FaultPoint, Fault);

impl Faults for At {
    fn at(&self, point: FaultPoint, function: &str, request_id: &str) -> Fault {
        assert_eq!((function, request_id), ("probe", "c0ffee00-request"));
        if point == self.0 { self.1 } else { Fault::Pass }
    }
}

async fn with_fault(point: FaultPoint, fault: Fault) -> (Host, Outcome) {
    let settings = Settings { init_timeout: Duration::from_secs(60), ..Settings::default() };
    let host = Host::with_faults(settings, Arc::new(At(point, fault)));
    let outcome = invoke(&host, &spec(), json!({"do": "answer", "value": "done"})).await;
    (host, outcome)
}

#[tokio::test]
async fn a_fault_before_the_start_never_reaches_the_function() {
    let (host, outcome) = with_fault(FaultPoint::BeforeStart, Fault::Kill).await;
    assert_eq!(outcome.error_name(), Some("Runtime.ExitError"));
    assert_eq!(host.started(), 0);
}

#[tokio::test]
async fn a_fault_after_the_work_loses_the_answer() {
    let (host, outcome) = with_fault(FaultPoint::BeforeAnswer, Fault::Kill).await;
    assert_eq!(outcome.error_name(), Some("Runtime.ExitError"));
    assert_eq!(host.started(), 1);
}

#[tokio::test]
async fn a_fault_after_the_answer_costs_only_the_warm_process() {
    let (host, outcome) = with_fault(FaultPoint::AfterAnswer, Fault::Kill).await;
    assert_eq!(answer(&outcome), json!("done"));
    answer(&invoke(&host, &spec(), json!({"do": "answer", "value": 1})).await);
    assert_eq!(host.started(), 2);
}

#[tokio::test]
async fn a_fault_while_the_function_works_is_a_crash() {
    let settings = Settings { init_timeout: Duration::from_secs(60), ..Settings::default() };
    let fault = At(FaultPoint::Started, Fault::KillAfter(Duration::from_millis(20)));
    let host = Host::with_faults(settings, Arc::new(fault));
    let outcome = invoke(&host, &spec(), json!({"do": "hang"})).await;
    assert_eq!(
        reported(&outcome).1,
        "RequestId: c0ffee00-request Error: Runtime exited with error: signal: killed"
    );
}

#[tokio::test]
async fn lines_reach_the_sink_and_are_kept_under_the_functions_name() {
    let (sender, mut lines) = tokio::sync::mpsc::unbounded_channel();
    let (host, mut spec) = (host(1), spec());
    spec.log = LogSink::from_fn(move |line| drop(sender.send(line.clone())));
    answer(&invoke(&host, &spec, json!({"do": "log", "line": "account created"})).await);
    let line = lines.recv().await.unwrap();
    assert_eq!((line.function.as_str(), line.text.as_str()), ("probe", "account created"));
    answer(&invoke(&host, &spec, json!({"do": "log", "line": "account placed"})).await);
    lines.recv().await.unwrap();
    assert!(host.logs("probe").iter().any(|line| line.text == "account created"));
}

#[tokio::test]
async fn a_host_that_is_shut_down_has_no_process_left_and_refuses() {
    let (host, spec) = (host(2), spec());
    answer(&invoke(&host, &spec, json!({"do": "answer", "value": 1})).await);
    assert_eq!(host.processes(), 1);
    host.shutdown().await;
    assert_eq!(host.processes(), 0);
    let outcome = invoke(&host, &spec, json!({"do": "answer", "value": 1})).await;
    assert_eq!(outcome.error_name(), Some("ServiceException"));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn no_process_outlives_its_host() {
    let (host, spec) = (host(1), spec());
    let greeted = answer(&invoke(&host, &spec, json!({"do": "greet"})).await);
    let process = PathBuf::from(format!("/proc/{}", greeted["process"]));
    assert!(process.exists());
    drop(host);
    let gone = async {
        while process.exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone).await.unwrap();
}
