//! A scripted AWS behind the unchanged SDK: answers by operation, in order, and remembers calls.
//!
//! An operation without an answer left is refused with `Unscripted`, which no code expects, so a
//! test sees every call that it did not foresee; an empty script proves that no call was made.
#![allow(dead_code, unreachable_pub, reason = "each function's tests use their part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a broken script fails the test")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use aws_smithy_http_client::test_util::infallible_client_fn;
use aws_smithy_types::body::SdkBody;
use http::{Request, Response};
use lambda_kit::Clock;
use lambda_kit::sdk::{Credentials, Parts, Wire};
use serde_json::{Value, json};

/// A call as it went over the wire.
#[derive(Debug, Clone)]
pub struct Call {
    /// `ListParents`, `GetObject`, …
    pub operation: String,
    /// The host that it went to.
    pub host: String,
    /// Path and query.
    pub uri: String,
    /// The access key that signed it.
    pub access_key: String,
    /// The body: JSON, or a form with its fields as strings, or text.
    pub body: Value,
}

impl Call {
    /// A field of the body by JSON pointer without its first slash, or by form name.
    pub fn field(&self, name: &str) -> &Value {
        match self.body.get(name) {
            Some(value) => value,
            None => self.body.pointer(&format!("/{name}")).unwrap_or(&Value::Null),
        }
    }
}

/// What AWS answers.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Success with this JSON document.
    Json(Value),
    /// Success with this text: XML of a query or REST service, or a stored object.
    Text(String),
    /// An error of the service.
    Error { status: u16, code: &'static str, message: String, extra: Value },
    /// The function's own process breaks at this call.
    Panic(&'static str),
}

type Rule = Arc<dyn Fn(&Call) -> Reply + Send + Sync>;

#[derive(Default)]
struct Script {
    once: BTreeMap<String, VecDeque<Reply>>,
    always: BTreeMap<String, Rule>,
    calls: Vec<Call>,
}

/// The scripted AWS. Clones share the script.
#[derive(Clone, Default)]
pub struct Aws(Arc<Mutex<Script>>);

impl Aws {
    pub fn new() -> Self {
        Self::default()
    }

    /// The next answer to `operation` that is not yet spoken for.
    pub fn on(self, operation: &str, reply: Reply) -> Self {
        let mut script = self.0.lock().unwrap();
        script.once.entry(operation.to_owned()).or_default().push_back(reply);
        drop(script);
        self
    }

    /// The next answer, as JSON.
    pub fn json(self, operation: &str, body: Value) -> Self {
        self.on(operation, Reply::Json(body))
    }

    /// The next answer, as text.
    pub fn text(self, operation: &str, body: impl Into<String>) -> Self {
        self.on(operation, Reply::Text(body.into()))
    }

    /// The next answer is an error.
    pub fn refuse(self, operation: &str, status: u16, code: &'static str) -> Self {
        self.on(operation, error(status, code))
    }

    /// The answer to every call of `operation` that has no other.
    pub fn always(
        self,
        operation: &str,
        rule: impl Fn(&Call) -> Reply + Send + Sync + 'static,
    ) -> Self {
        self.0.lock().unwrap().always.insert(operation.to_owned(), Arc::new(rule));
        self
    }

    /// The calls so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.0.lock().unwrap().calls.clone()
    }

    /// The names of the operations called so far, in order.
    pub fn operations(&self) -> Vec<String> {
        self.calls().into_iter().map(|call| call.operation).collect()
    }

    /// The calls of one operation.
    pub fn calls_of(&self, operation: &str) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.operation == operation).collect()
    }

    /// Fails the test when an answer was never asked for.
    pub fn assert_all_used(&self) {
        let script = self.0.lock().unwrap();
        let left: Vec<&String> =
            script.once.iter().filter(|(_, left)| !left.is_empty()).map(|(name, _)| name).collect();
        assert!(left.is_empty(), "answers never asked for: {left:?}");
    }

    /// A wire to this AWS, in eu-central-1.
    pub fn wire(&self, clock: &Clock) -> Wire {
        let aws = self.clone();
        Wire::from_parts(Parts {
            http_client: infallible_client_fn(move |request| aws.answer(request)),
            credentials: Credentials::new("AKIDFUNCTION", "secret", None, None, "test"),
            region: "eu-central-1".to_owned(),
            endpoint_url: None,
            clock: clock.clone(),
            retry_partition: None,
        })
    }

    fn answer(&self, request: Request<SdkBody>) -> Response<SdkBody> {
        let (call, protocol) = read(&request);
        let reply = {
            let mut script = self.0.lock().unwrap();
            script.calls.push(call.clone());
            match script.once.get_mut(&call.operation).and_then(VecDeque::pop_front) {
                Some(reply) => reply,
                None => match script.always.get(&call.operation).cloned() {
                    Some(rule) => rule(&call),
                    None => error(400, "Unscripted"),
                },
            }
        };
        write(reply, protocol)
    }
}

/// An error of the service.
pub fn error(status: u16, code: &'static str) -> Reply {
    Reply::Error { status, code, message: format!("{code} from AWS"), extra: json!({}) }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Json,
    Query,
    Rest,
}

fn read(request: &Request<SdkBody>) -> (Call, Protocol) {
    let header = |name: &str| {
        request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    };
    let text = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
    let target = header("x-amz-target");
    let is_form = header("content-type").contains("x-www-form-urlencoded");
    let (operation, body, protocol) = if !target.is_empty() {
        let name = target.rsplit('.').next().unwrap_or_default().to_owned();
        (name, serde_json::from_str(&text).unwrap_or(Value::Null), Protocol::Json)
    } else if is_form {
        let form = form(&text);
        (form["Action"].as_str().unwrap_or_default().to_owned(), form, Protocol::Query)
    } else {
        let verb = match request.method().as_str() {
            "PUT" => "PutObject",
            "HEAD" => "HeadObject",
            _ => "GetObject",
        };
        let condition = header("if-none-match").to_owned();
        (verb.to_owned(), json!({"text": text, "ifNoneMatch": condition}), Protocol::Rest)
    };
    let access_key = header("authorization")
        .split_once("Credential=")
        .and_then(|(_, rest)| rest.split('/').next())
        .unwrap_or_default()
        .to_owned();
    let call = Call {
        operation,
        host: request.uri().host().unwrap_or_default().to_owned(),
        uri: request.uri().path_and_query().map(ToString::to_string).unwrap_or_default(),
        access_key,
        body,
    };
    (call, protocol)
}

fn form(text: &str) -> Value {
    let decode = |part: &str| {
        let bytes = part.replace('+', " ").into_bytes();
        let mut decoded = Vec::new();
        let mut index = 0;
        while index < bytes.len() {
            let escaped = (bytes[index] == b'%')
                .then(|| std::str::from_utf8(bytes.get(index + 1..index + 3)?).ok())
                .flatten()
                .and_then(|digits| u8::from_str_radix(digits, 16).ok());
            decoded.push(escaped.unwrap_or(bytes[index]));
            index += if escaped.is_some() { 3 } else { 1 };
        }
        String::from_utf8_lossy(&decoded).into_owned()
    };
    let fields = text.split('&').filter_map(|pair| pair.split_once('='));
    Value::Object(fields.map(|(key, value)| (decode(key), decode(value).into())).collect())
}

fn write(reply: Reply, protocol: Protocol) -> Response<SdkBody> {
    let (status, body) = match reply {
        Reply::Json(body) => (200, body.to_string()),
        Reply::Text(body) => (200, body),
        Reply::Panic(message) => panic!("{message}"),
        Reply::Error { status, code, message, extra } if protocol == Protocol::Json => {
            let mut body = json!({"__type": code, "message": message});
            if let (Some(body), Some(extra)) = (body.as_object_mut(), extra.as_object()) {
                body.extend(extra.clone());
            }
            (status, body.to_string())
        }
        Reply::Error { status, code, message, .. } if protocol == Protocol::Rest => {
            (status, format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>"))
        }
        Reply::Error { status, code, message, .. } => (
            status,
            format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>\
                 <Message>{message}</Message></Error><RequestId>r-1</RequestId></ErrorResponse>"
            ),
        ),
    };
    Response::builder().status(status).body(SdkBody::from(body)).unwrap()
}
