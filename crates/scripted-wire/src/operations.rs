//! A scripted AWS that answers by operation, each in its order, for tests in which the order of
//! different calls does not matter. It remembers the calls.
//!
//! An operation without an answer left is refused with `Unscripted`, which no code expects, so a
//! test sees every call that it did not foresee; an empty script proves that no call was made.

#![allow(clippy::unwrap_used, reason = "a broken script fails the test")]

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex};

use lambda_kit::Clock;
use lambda_kit::sdk::Wire;
use serde_json::{Value, json};

use crate::{Answer, Model, Protocol, Seen};

/// What AWS answers.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Success with this JSON document.
    Json(Value),
    /// Success with this text: XML of a query or REST service, or a stored object.
    Text(String),
    /// An error of the service.
    Error {
        /// The HTTP status.
        status: u16,
        /// The error's code.
        code: &'static str,
        /// Its message.
        message: String,
        /// Further members of the error, in JSON.
        extra: Value,
    },
    /// The function's own process breaks at this call.
    Panic(&'static str),
}

type Rule = Arc<dyn Fn(&Seen) -> Reply + Send + Sync>;

#[derive(Default)]
struct Script {
    once: BTreeMap<String, VecDeque<Reply>>,
    always: BTreeMap<String, Rule>,
    calls: Vec<Seen>,
}

/// The scripted AWS. Clones share the script.
#[derive(Clone, Default)]
pub struct Aws(Arc<Mutex<Script>>);

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Aws")
    }
}

impl Aws {
    /// An AWS that refuses everything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The next answer to `operation` that is not yet spoken for.
    #[must_use]
    pub fn on(self, operation: &str, reply: Reply) -> Self {
        let mut script = self.0.lock().unwrap();
        script.once.entry(operation.to_owned()).or_default().push_back(reply);
        drop(script);
        self
    }

    /// The next answer, as JSON.
    #[must_use]
    pub fn json(self, operation: &str, body: Value) -> Self {
        self.on(operation, Reply::Json(body))
    }

    /// The next answer, as text.
    #[must_use]
    pub fn text(self, operation: &str, body: impl Into<String>) -> Self {
        self.on(operation, Reply::Text(body.into()))
    }

    /// The next answer is an error.
    #[must_use]
    pub fn refuse(self, operation: &str, status: u16, code: &'static str) -> Self {
        self.on(operation, error(status, code))
    }

    /// The answer to every call of `operation` that has no other.
    #[must_use]
    pub fn always(
        self,
        operation: &str,
        rule: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        self.0.lock().unwrap().always.insert(operation.to_owned(), Arc::new(rule));
        self
    }

    /// The calls so far, in order.
    pub fn calls(&self) -> Vec<Seen> {
        self.0.lock().unwrap().calls.clone()
    }

    /// The names of the operations called so far, in order.
    pub fn operations(&self) -> Vec<String> {
        self.calls().into_iter().map(|seen| seen.call).collect()
    }

    /// The calls of one operation.
    pub fn calls_of(&self, operation: &str) -> Vec<Seen> {
        self.calls().into_iter().filter(|seen| seen.call == operation).collect()
    }

    /// Fails the test when an answer was never asked for.
    ///
    /// # Panics
    /// Then.
    pub fn assert_all_used(&self) {
        let script = self.0.lock().unwrap();
        let left: Vec<&String> =
            script.once.iter().filter(|(_, left)| !left.is_empty()).map(|(name, _)| name).collect();
        assert!(left.is_empty(), "answers never asked for: {left:?}");
    }

    /// The wire of a function in eu-central-1 whose AWS this is.
    pub fn wire(&self, clock: &Clock) -> Wire {
        let aws = self.clone();
        Model::new(move |seen| aws.answer(seen)).wire_at("eu-central-1", clock)
    }

    fn answer(&self, seen: Seen) -> Answer {
        let protocol = seen.protocol;
        let reply = {
            let mut script = self.0.lock().unwrap();
            script.calls.push(seen.clone());
            match script.once.get_mut(&seen.call).and_then(VecDeque::pop_front) {
                Some(reply) => reply,
                None => match script.always.get(&seen.call).cloned() {
                    Some(rule) => rule(&seen),
                    None => error(400, "Unscripted"),
                },
            }
        };
        reply.into_answer(protocol)
    }
}

/// An error of the service.
#[must_use]
pub fn error(status: u16, code: &'static str) -> Reply {
    Reply::Error { status, code, message: format!("{code} from AWS"), extra: json!({}) }
}

impl Reply {
    fn into_answer(self, protocol: Protocol) -> Answer {
        match (self, protocol) {
            (Self::Json(body), _) => Answer::Body(200, body.to_string()),
            (Self::Text(body), _) => Answer::Body(200, body),
            (Self::Panic(message), _) => panic!("{message}"),
            (Self::Error { status, code, message, .. }, Protocol::Rest) => Answer::Body(
                status,
                format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>"),
            ),
            (Self::Error { status, code, .. }, Protocol::Query) => {
                Answer::refusal_in_xml(status, code)
            }
            (Self::Error { status, code, message, extra }, Protocol::Json | Protocol::Cbor) => {
                let mut body = json!({"__type": code, "message": message});
                if let (Some(body), Some(extra)) = (body.as_object_mut(), extra.as_object()) {
                    body.extend(extra.clone());
                }
                Answer::Body(status, body.to_string())
            }
        }
    }
}
