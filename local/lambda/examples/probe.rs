//! A function that does as it is told, for the host's own tests.

use lambda_kit::{Lookup, Named, config};
use serde::Deserialize;
use serde_json::{Value, json};

struct App {
    greeting: Option<String>,
}

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "camelCase", deny_unknown_fields)]
enum Request {
    Answer { value: Value },
    Variables { names: Vec<String> },
    Greet,
    Log { line: String },
    Fail,
    Panic,
    Hang,
    Exit { code: i32 },
    Fill { bytes: usize },
    Length { value: String },
}

#[derive(Debug, thiserror::Error)]
#[error("the quota of accounts is used up")]
struct AccountLimitReached;

impl Named for AccountLimitReached {
    fn name(&self) -> &'static str {
        "AccountLimitReached"
    }
}

fn load(lookup: Lookup<'_>) -> Result<App, config::Error> {
    match config::optional(lookup, "BROKEN") {
        Some(value) => Err(config::Error::invalid("BROKEN", value, "the probe wants it unset")),
        None => Ok(App { greeting: config::optional(lookup, "GREETING") }),
    }
}

fn say(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{line}");
}

async fn handle(app: &App, request: Request) -> Result<Value, AccountLimitReached> {
    match request {
        Request::Answer { value } => Ok(value),
        Request::Variables { names } => {
            let lookup = lambda_kit::environment();
            Ok(names.into_iter().map(|name| (name.clone(), json!(lookup(&name)))).collect())
        }
        Request::Greet => Ok(json!({ "greeting": app.greeting, "process": std::process::id() })),
        Request::Log { line } => {
            say(&line);
            Ok(Value::Null)
        }
        Request::Fail => Err(AccountLimitReached),
        #[expect(clippy::panic, reason = "what a panic looks like from outside is under test")]
        Request::Panic => panic!("attempt to subtract with overflow"),
        Request::Hang => {
            say("hanging");
            std::future::pending().await
        }
        Request::Exit { code } => std::process::exit(code),
        Request::Fill { bytes } => Ok(Value::String("x".repeat(bytes))),
        Request::Length { value } => Ok(json!(value.len())),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    lambda_kit::run("probe", load, handle).await
}
