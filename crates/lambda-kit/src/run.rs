//! The boundary of a function: decoding, the handler, and the errors' way out.
//!
//! [`run`] is the whole of a `main`; [`call`] is the same boundary without the Lambda Runtime
//! API, for a world that links the function as a library. Both decode with the same path, catch
//! panics and name errors the same way, so a simulation cannot pass where the binary fails.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use futures::FutureExt;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Lookup, environment, optional};
use crate::{Named, diagnostic};

/// The error names that come from the boundary itself and so belong to every function.
pub const NAMES: [&str; 4] = [INVALID_CONFIGURATION, INVALID_REQUEST, INVALID_RESPONSE, PANICKED];

const INVALID_CONFIGURATION: &str = "InvalidConfiguration";
const INVALID_REQUEST: &str = "InvalidRequest";
const INVALID_RESPONSE: &str = "InvalidResponse";
const PANICKED: &str = "Panicked";

/// The variables without which `lambda_runtime` would panic at its start.
const RUNTIME_VARIABLES: [&str; 4] = [
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
];

/// Serves invocations until Lambda ends the process.
///
/// `load` builds what the handler needs, once, from the environment. When it fails, the process
/// does not exit: each invocation is answered with `load`'s error, so that the execution shows
/// `InvalidConfiguration` with the variable's name and not a bare `Runtime.ExitError`.
///
/// Fails (and says why on standard output) when the process was not started by Lambda, and when
/// the Runtime API cannot be reached.
pub async fn run<App, LoadError, Load, Handler, Request, Response, Error>(
    function: &'static str,
    load: Load,
    handler: Handler,
) -> ExitCode
where
    Load: FnOnce(Lookup<'_>) -> Result<App, LoadError>,
    LoadError: Named,
    Handler: AsyncFn(&App, Request) -> Result<Response, Error>,
    Request: DeserializeOwned,
    Response: Serialize,
    Error: Named,
{
    let environment = environment();
    start_tracing(&environment);
    for name in RUNTIME_VARIABLES {
        if optional(&environment, name).is_none() {
            tracing::error!(
                function,
                "environment variable {name} is not set: {function} is a Lambda function, \
                 started by Lambda or by a host that speaks the Lambda Runtime API"
            );
            return ExitCode::FAILURE;
        }
    }
    let app = load(&environment).map_err(|error| diagnostic(&error));
    let (app, handler) = (&app, &handler);
    let serve = service_fn(move |event: LambdaEvent<Value>| async move {
        let answer = match app {
            Ok(app) => call(app, handler, event.payload).await,
            Err(diagnostic) => Err(diagnostic.clone()),
        };
        if let Err(diagnostic) = &answer {
            tracing::error!(
                function,
                error.name = diagnostic.error_type,
                "{}",
                diagnostic.error_message
            );
        }
        answer
    });
    match lambda_runtime::run(serve).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(function, "the Lambda Runtime API failed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Decodes `payload`, calls the handler, and encodes its answer or names its error.
///
/// # Errors
/// What Lambda would report as the function's error: the handler's own by its [`Named`] name,
/// `InvalidRequest` for a payload that does not decode (with the path of the field),
/// `InvalidResponse` for an answer that is not JSON, `Panicked` for a panic.
pub async fn call<App, Handler, Request, Response, Error>(
    app: &App,
    handler: &Handler,
    payload: Value,
) -> Result<Value, Diagnostic>
where
    Handler: AsyncFn(&App, Request) -> Result<Response, Error>,
    Request: DeserializeOwned,
    Response: Serialize,
    Error: Named,
{
    let request = decode(payload)?;
    let answer = AssertUnwindSafe(async { handler(app, request).await }).catch_unwind().await;
    let response = match answer {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => return Err(diagnostic(&error)),
        Err(panic) => return Err(named(PANICKED, panic_message(panic.as_ref()))),
    };
    serde_json::to_value(response).map_err(|error| {
        named(INVALID_RESPONSE, format!("the answer cannot be written as JSON: {error}"))
    })
}

fn decode<Request: DeserializeOwned>(payload: Value) -> Result<Request, Diagnostic> {
    serde_path_to_error::deserialize(payload).map_err(|error| {
        let path = error.path().to_string();
        let rule = error.into_inner();
        let message = if path == "." {
            format!("the request does not decode: {rule}")
        } else {
            format!("the request does not decode at `{path}`: {rule}")
        };
        named(INVALID_REQUEST, message)
    })
}

fn named(name: &str, message: String) -> Diagnostic {
    Diagnostic { error_type: name.to_owned(), error_message: message }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let words = panic
        .downcast_ref::<&str>()
        .map(|words| (*words).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    match words {
        Some(words) => format!("the function panicked: {words}"),
        None => "the function panicked".to_owned(),
    }
}

/// JSON lines on standard output, which is where Lambda collects them.
///
/// The level comes from `AWS_LAMBDA_LOG_LEVEL` (set by the function's logging configuration),
/// else from `RUST_LOG` (which also takes `crate=level` pairs), else it is `info`. The runtime's
/// own line about a failed handler is off: the boundary writes that line, with the error's name.
fn start_tracing(lookup: Lookup<'_>) {
    let level = optional(lookup, "AWS_LAMBDA_LOG_LEVEL").map(|level| {
        if level.eq_ignore_ascii_case("FATAL") { "error".to_owned() } else { level.to_lowercase() }
    });
    let directives = level.or_else(|| optional(lookup, "RUST_LOG"));
    let targets = directives
        .and_then(|directives| directives.parse::<Targets>().ok())
        .unwrap_or_else(|| Targets::new().with_default(tracing::Level::INFO))
        .with_target("lambda_runtime::layers::panic", tracing::level_filters::LevelFilter::OFF);
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_span_list(false);
    // A second initialisation in one process is a test's business, and harmless.
    let _ = tracing_subscriber::registry().with(targets).with(lines).try_init();
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(panic.location = location, "the function panicked");
    }));
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::Pin;

    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    struct App {
        greeting: &'static str,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Request {
        tenant_id: String,
        #[serde(default)]
        regions: Vec<String>,
    }

    #[derive(Debug, thiserror::Error)]
    #[error("tenant {0} has no account")]
    struct TenantUnknown(String);

    impl Named for TenantUnknown {
        fn name(&self) -> &'static str {
            "TenantUnknown"
        }
    }

    async fn handle(app: &App, request: Request) -> Result<Value, TenantUnknown> {
        match request.tenant_id.as_str() {
            "nobody" => Err(TenantUnknown(request.tenant_id)),
            "bug" => panic!("index out of bounds"),
            tenant => Ok(json!({
                "said": format!("{} {tenant}", app.greeting),
                "regions": request.regions.len(),
            })),
        }
    }

    async fn answer(payload: Value) -> Result<Value, Diagnostic> {
        let app = App { greeting: "hello" };
        // The way a simulation holds a function: boxed, and sent between threads.
        let boxed: Pin<Box<dyn Future<Output = Result<Value, Diagnostic>> + Send>> =
            Box::pin(async move { call(&app, &handle, payload).await });
        boxed.await
    }

    #[tokio::test]
    async fn answers_with_what_the_handler_returned() {
        let value = answer(json!({"tenantId": "acme", "regions": ["eu-west-1"]})).await.unwrap();
        assert_eq!(value, json!({"said": "hello acme", "regions": 1}));
    }

    #[tokio::test]
    async fn a_handlers_error_keeps_its_name() {
        let error = answer(json!({"tenantId": "nobody"})).await.unwrap_err();
        assert_eq!(error.error_type, "TenantUnknown");
        assert_eq!(error.error_message, "tenant nobody has no account");
    }

    #[tokio::test]
    async fn a_request_that_does_not_decode_names_the_field() {
        let error =
            answer(json!({"tenantId": "acme", "regions": ["eu-west-1", 7]})).await.unwrap_err();
        assert_eq!(error.error_type, "InvalidRequest");
        assert_eq!(
            error.error_message,
            "the request does not decode at `regions[1]`: invalid type: integer `7`, expected a string"
        );
        let error = answer(json!({})).await.unwrap_err();
        assert_eq!(error.error_message, "the request does not decode: missing field `tenantId`");
    }

    #[tokio::test]
    async fn a_panic_becomes_an_error_with_a_name() {
        let error = answer(json!({"tenantId": "bug"})).await.unwrap_err();
        assert_eq!(error.error_type, "Panicked");
        assert_eq!(error.error_message, "the function panicked: index out of bounds");
    }

    #[tokio::test]
    async fn outside_lambda_the_process_says_what_is_missing_and_fails() {
        let load = |_: Lookup<'_>| Ok::<_, crate::config::Error>(App { greeting: "hello" });
        let code = run("greet", load, handle).await;
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::FAILURE));
    }
}
