//! An AWS of a few lines: a bucket that keeps its files, and a rule for every other call.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lambda_kit::sdk::Wire;
use serde_json::Value;

use crate::{Answer, Model, Seen};

/// What a rule answers.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A body with status 200.
    Body(String),
    /// A status and an error code.
    Refusal(u16, &'static str),
}

impl From<String> for Reply {
    fn from(body: String) -> Self {
        Self::Body(body)
    }
}

type Rule = Arc<dyn Fn(&Value) -> Reply + Send + Sync>;

#[derive(Default)]
struct State {
    files: BTreeMap<String, String>,
    rules: BTreeMap<String, Rule>,
    seen: Vec<(String, Value)>,
}

/// The world. Clones share it.
#[derive(Clone, Default)]
pub struct World(Arc<Mutex<State>>);

/// An answer of CloudFormation.
pub fn xml(operation: &str, result: &str) -> String {
    format!(
        "<{operation}Response xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\
         <{operation}Result>{result}</{operation}Result></{operation}Response>"
    )
}

impl World {
    /// A world with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a call by a rule, from now on.
    #[must_use]
    pub fn on(self, call: &str, rule: impl Fn(&Value) -> Reply + Send + Sync + 'static) -> Self {
        self.lock().rules.insert(call.to_owned(), Arc::new(rule));
        self
    }

    /// Refuses a call, from now on.
    #[must_use]
    pub fn refuses(self, call: &str, status: u16, code: &'static str) -> Self {
        self.on(call, move |_| Reply::Refusal(status, code))
    }

    /// Puts a file into the bucket.
    pub fn put(&self, key: &str, text: &str) {
        self.lock().files.insert(key.to_owned(), text.to_owned());
    }

    /// Takes a file out of the bucket.
    pub fn remove(&self, key: &str) {
        self.lock().files.remove(key);
    }

    /// A file's text.
    pub fn text(&self, key: &str) -> Option<String> {
        self.lock().files.get(key).cloned()
    }

    /// A file of JSON.
    ///
    /// # Panics
    /// When it is not there.
    pub fn file(&self, key: &str) -> Value {
        let text = self.text(key).unwrap_or_else(|| panic!("no file {key}"));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{key}: {error}"))
    }

    /// The names of the calls so far.
    pub fn calls(&self) -> Vec<String> {
        self.lock().seen.iter().map(|(call, _)| call.clone()).collect()
    }

    /// The requests of one call so far.
    pub fn calls_of(&self, call: &str) -> Vec<Value> {
        let state = self.lock();
        state.seen.iter().filter(|(name, _)| name == call).map(|(_, one)| one.clone()).collect()
    }

    /// The wire of a function in eu-central-1 whose AWS is this world.
    pub fn wire(&self) -> Wire {
        let world = self.clone();
        Model::new(move |seen| world.answer(seen)).wire("eu-central-1")
    }

    fn answer(&self, seen: Seen) -> Answer {
        let mut state = self.lock();
        state.seen.push((seen.call.clone(), seen.request.clone()));
        let key = || seen.request["key"].as_str().unwrap_or_default();
        let rule = state.rules.get(&seen.call).cloned();
        match (seen.call.as_str(), rule) {
            (_, Some(rule)) => {
                drop(state);
                match rule(&seen.request) {
                    Reply::Body(body) => Answer::Body(200, body),
                    Reply::Refusal(status, code) => refusal(&seen, status, code),
                }
            }
            ("PutObject", None) => {
                let body = seen.request["body"].as_str().unwrap_or_default().to_owned();
                state.files.insert(key().to_owned(), body);
                Answer::Body(200, String::new())
            }
            ("GetObject", None) => match state.files.get(key()) {
                Some(text) => Answer::Body(200, text.clone()),
                None => refusal(&seen, 404, "NoSuchKey"),
            },
            ("ListObjectsV2", None) => {
                let prefix = seen.request["prefix"].as_str().unwrap_or_default().to_owned();
                let keys = state.files.keys().filter(|key| key.starts_with(&prefix));
                let rows: String =
                    keys.map(|key| format!("<Contents><Key>{key}</Key></Contents>")).collect();
                Answer::Body(200, format!("<ListBucketResult>{rows}</ListBucketResult>"))
            }
            (call, None) => panic!("nobody answers {call}: {}", seen.request),
        }
    }
}

fn refusal(seen: &Seen, status: u16, code: &'static str) -> Answer {
    let message = "<Message>refused by the test</Message>";
    match seen.call.as_str() {
        "PutObject" | "GetObject" | "ListObjectsV2" => {
            Answer::Body(status, format!("<Error><Code>{code}</Code>{message}</Error>"))
        }
        _ if seen.request.get("Action").is_some() => Answer::refusal_in_xml(status, code),
        _ => Answer::refusal(code, &Value::Null),
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("files", &self.lock().files.keys()).finish_non_exhaustive()
    }
}
