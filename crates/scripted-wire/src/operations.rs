//! A scripted AWS that answers by operation, each in its order, for tests in which the order of
//! different calls does not matter. It remembers the calls.
//!
//! An operation without an answer left is refused with `Unscripted`, which no code expects, so a
//! test sees every call that it did not foresee; an empty script proves that no call was made.

#![allow(clippy::unwrap_used, reason = "a broken script fails the test")]

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use http::Uri;
use lambda_kit::Clock;
use lambda_kit::sdk::{Credentials, Parts, SharedHttpClient, Wire};
use serde_json::{Map, Value, json};

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

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Aws")
    }
}

impl HttpConnector for Aws {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(self.answer(&request))
    }
}

impl HttpClient for Aws {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
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
    ///
    /// # Panics
    /// Then.
    pub fn assert_all_used(&self) {
        let script = self.0.lock().unwrap();
        let left: Vec<&String> =
            script.once.iter().filter(|(_, left)| !left.is_empty()).map(|(name, _)| name).collect();
        assert!(left.is_empty(), "answers never asked for: {left:?}");
    }

    /// A wire to this AWS, in eu-central-1.
    pub fn wire(&self, clock: &Clock) -> Wire {
        Wire::from_parts(Parts {
            http_client: SharedHttpClient::new(self.clone()),
            credentials: Credentials::new("AKIDFUNCTION", "secret", None, None, "test"),
            region: "eu-central-1".to_owned(),
            endpoint_url: None,
            clock: clock.clone(),
            retry_partition: None,
        })
    }

    fn answer(&self, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let (call, protocol) = read(request);
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
#[must_use]
pub fn error(status: u16, code: &'static str) -> Reply {
    Reply::Error { status, code, message: format!("{code} from AWS"), extra: json!({}) }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Json,
    Query,
    Rest,
}

fn read(request: &HttpRequest) -> (Call, Protocol) {
    let header = |name: &str| request.headers().get(name).unwrap_or_default();
    let uri: Uri = request.uri().parse().unwrap_or_default();
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
        let verb = match request.method() {
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
        host: uri.host().unwrap_or_default().to_owned(),
        uri: uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        access_key,
        body,
    };
    (call, protocol)
}

fn form(text: &str) -> Value {
    let fields = form_urlencoded::parse(text.as_bytes());
    let fields = fields.map(|(name, value)| (name.into_owned(), Value::from(value.into_owned())));
    Value::Object(fields.collect::<Map<_, _>>())
}

fn write(reply: Reply, protocol: Protocol) -> Result<HttpResponse, ConnectorError> {
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
    let status =
        StatusCode::try_from(status).map_err(|error| ConnectorError::user(error.into()))?;
    Ok(HttpResponse::new(status, SdkBody::from(body)))
}
