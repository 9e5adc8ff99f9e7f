//! An AWS of a few lines for the tests of one function: a script of the calls that it must make,
//! in order, and of their answers, on the wire. The real SDK client writes the requests and
//! reads the answers; nothing of ours is imitated. An empty script proves that no call is made.
//!
//! For development only; no function links it.

#![allow(clippy::panic, reason = "a test fails by panicking")]

mod cbor;
pub mod operations;
mod world;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use lambda_kit::Clock;
use lambda_kit::sdk::{Credentials, Parts, SharedHttpClient, Wire};
use serde_json::{Map, Value};

pub use world::{Reply, World, xml};

/// One call and its answer. Made by [`call`], finished by one of the answers.
#[derive(Debug, Clone)]
pub struct Exchange {
    call: String,
    request: Value,
    answer: Answer,
}

/// What comes back of a call.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A status and a body.
    Body(u16, String),
    /// Nothing, although the request arrived.
    Lost,
    /// Nothing, for the request never arrived.
    Unreachable,
    /// Nothing, for ever: the caller has to give up by itself.
    Hanging,
}

impl Answer {
    /// A refusal with an error code in JSON, status 400, and further members such as `Reason`.
    pub fn refusal(code: &str, members: &Value) -> Self {
        let mut body = Map::new();
        body.insert("__type".into(), code.into());
        body.insert("Message".into(), "refused by the test".into());
        body.extend(members.as_object().cloned().unwrap_or_default());
        Self::Body(400, Value::Object(body).to_string())
    }

    /// A refusal with an error code in the XML of the query protocol.
    pub fn refusal_in_xml(status: u16, code: &str) -> Self {
        let body = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>\
             <Message>refused by the test</Message></Error></ErrorResponse>"
        );
        Self::Body(status, body)
    }
}

/// Expects a call: its name (`ListParents`) and those fields of its request that matter. A field
/// of a form (STS, CloudFormation) is its flattened name, `RoleArn` or `Regions.member.1`. An
/// object of S3 has `key`, `body` and `ifNoneMatch`; a list of them has `prefix`.
pub fn call(name: &str, request: Value) -> Exchange {
    Exchange { call: name.into(), request, answer: Answer::Body(200, "{}".into()) }
}

impl Exchange {
    /// Answers with a JSON body.
    #[must_use]
    pub fn answers(mut self, body: &Value) -> Self {
        self.answer = Answer::Body(200, body.to_string());
        self
    }

    /// Answers with a body as it stands, such as the XML of STS.
    #[must_use]
    pub fn answers_text(mut self, body: &str) -> Self {
        self.answer = Answer::Body(200, body.into());
        self
    }

    /// Refuses with an error code in JSON, status 400.
    #[must_use]
    pub fn refuses(self, code: &str) -> Self {
        self.refuses_because(code, &Value::Object(Map::new()))
    }

    /// Refuses with an error code in JSON, and further members such as `Reason`.
    #[must_use]
    pub fn refuses_because(mut self, code: &str, members: &Value) -> Self {
        self.answer = Answer::refusal(code, members);
        self
    }

    /// Refuses with an error code in the XML of the query protocol.
    #[must_use]
    pub fn refuses_in_xml(mut self, status: u16, code: &str) -> Self {
        self.answer = Answer::refusal_in_xml(status, code);
        self
    }

    /// Refuses with an error code in the XML of S3.
    #[must_use]
    pub fn refuses_as_s3(mut self, status: u16, code: &str) -> Self {
        self.answer = Answer::Body(
            status,
            format!("<Error><Code>{code}</Code><Message>refused by the test</Message></Error>"),
        );
        self
    }

    /// Fails on AWS's side: status 500.
    #[must_use]
    pub fn breaks(mut self) -> Self {
        let body = r#"{"__type":"ServiceException","Message":"broken by the script"}"#;
        self.answer = Answer::Body(500, body.into());
        self
    }

    /// Takes the request, and its answer never arrives.
    #[must_use]
    pub fn loses_its_answer(mut self) -> Self {
        self.answer = Answer::Lost;
        self
    }

    /// Never gets the request.
    #[must_use]
    pub fn is_unreachable(mut self) -> Self {
        self.answer = Answer::Unreachable;
        self
    }
}

/// The answer of `AssumeRole`, with credentials of the given access key.
pub fn assume_role_answer(access_key: &str) -> String {
    format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
         <Credentials><AccessKeyId>{access_key}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
         <SessionToken>t</SessionToken><Expiration>2027-01-01T00:00:00Z</Expiration></Credentials>\
         <AssumedRoleUser><AssumedRoleId>a:b</AssumedRoleId><Arn>arn:aws:sts::1:assumed-role/r/s</Arn>\
         </AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>"
    )
}

/// A call as it arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The call's name.
    pub call: String,
    /// The host that it went to.
    pub host: String,
    /// The Region of its signature.
    pub region: String,
    /// The access key that signed it.
    pub access_key: String,
    /// Its request.
    pub request: Value,
    /// How request and answer are written.
    pub protocol: Protocol,
}

impl Seen {
    /// A field of the request by JSON pointer without its first slash, or by form name; null when
    /// there is none.
    pub fn field(&self, name: &str) -> &Value {
        match self.request.get(name) {
            Some(value) => value,
            None => self.request.pointer(&format!("/{name}")).unwrap_or(&Value::Null),
        }
    }
}

/// How a service writes requests and answers. Scripts and models give their answers as JSON
/// whatever it is, except for XML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// JSON, with the call in a header.
    Json,
    /// Forms in, XML out.
    Query,
    /// CBOR, with the call in the path: CloudWatch.
    Cbor,
    /// Methods and paths: S3, and Lambda's `Invoke`.
    Rest,
}

/// The script, and what came of it. Cloning is cheap and every clone is the same script.
#[derive(Debug, Clone)]
pub struct Script(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    expected: VecDeque<Exchange>,
    seen: Vec<Seen>,
    faults: Vec<String>,
    aside: Option<String>,
    no_parameter: bool,
}

impl Script {
    /// A script of these exchanges, in this order.
    pub fn new(exchanges: impl IntoIterator<Item = Exchange>) -> Self {
        let expected = exchanges.into_iter().collect();
        Self(Arc::new(Mutex::new(State {
            expected,
            seen: vec![],
            faults: vec![],
            aside: None,
            no_parameter: false,
        })))
    }

    /// The same script beside a bucket in which nothing is under this prefix, and which takes
    /// everything there: calls for it are no part of the script.
    #[must_use]
    pub fn beside_an_empty(self, prefix: &str) -> Self {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).aside = Some(prefix.to_owned());
        self
    }

    /// The same script beside a parameter store with nothing in it, so that no switch is thrown:
    /// reads of parameters are no part of the script.
    #[must_use]
    pub fn with_no_parameter(self) -> Self {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).no_parameter = true;
        self
    }

    /// The wire of a function in `region` whose AWS is this script.
    pub fn wire(&self, region: &str) -> Wire {
        wire(region, SharedHttpClient::new(self.clone()))
    }

    /// What arrived, once the script was played to its end.
    ///
    /// # Panics
    /// When a call was not in the script, or a call of the script never came.
    #[track_caller]
    pub fn played(&self) -> Vec<Seen> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(state.faults.is_empty(), "{}", state.faults.join("\n"));
        let missing: Vec<_> = state.expected.iter().map(|exchange| &exchange.call).collect();
        assert!(missing.is_empty(), "never called: {missing:?}");
        state.seen.clone()
    }

    fn answer(&self, seen: Seen) -> Result<HttpResponse, ConnectorError> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = seen.request.get("key").and_then(Value::as_str).unwrap_or_default();
        if state.aside.as_ref().is_some_and(|prefix| key.starts_with(prefix.as_str())) {
            let missing =
                "<Error><Code>NoSuchKey</Code><Message>nothing is there</Message></Error>";
            let answer = match seen.call.as_str() {
                "GetObject" => Answer::Body(404, missing.into()),
                _ => Answer::Body(200, String::new()),
            };
            return answer.into_response(seen.protocol);
        }
        if state.no_parameter && seen.call == "GetParameter" {
            let answer = Answer::refusal("ParameterNotFound", &Value::Object(Map::new()));
            return answer.into_response(seen.protocol);
        }
        let fault = match state.expected.pop_front() {
            Some(exchange)
                if exchange.call == seen.call && holds(&exchange.request, &seen.request) =>
            {
                let protocol = seen.protocol;
                state.seen.push(seen);
                return exchange.answer.into_response(protocol);
            }
            Some(exchange) => format!(
                "expected {} with {}\nbut came  {} with {}",
                exchange.call, exchange.request, seen.call, seen.request
            ),
            None => format!("expected nothing\nbut came  {} with {}", seen.call, seen.request),
        };
        state.faults.push(fault.clone());
        state.seen.push(seen);
        Err(ConnectorError::user(fault.into()))
    }
}

/// An AWS that is a function of the call, for tests in which the order of calls is not known.
#[derive(Clone)]
pub struct Model(Arc<dyn Fn(Seen) -> Answer + Send + Sync>);

impl Model {
    /// Answers each call with `answer`.
    pub fn new(answer: impl Fn(Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self(Arc::new(answer))
    }

    /// The wire of a function in `region` whose AWS is this model, at 2026-11-21T10:00:00Z.
    pub fn wire(&self, region: &str) -> Wire {
        wire(region, SharedHttpClient::new(self.clone()))
    }

    /// The wire of a function in `region` whose AWS is this model, with the time of `clock`.
    pub fn wire_at(&self, region: &str, clock: &Clock) -> Wire {
        wire_at(region, SharedHttpClient::new(self.clone()), clock.clone())
    }
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Model")
    }
}

impl HttpConnector for Model {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let seen = read(&request);
        let protocol = seen.protocol;
        match (self.0)(seen) {
            Answer::Hanging => HttpConnectorFuture::new(std::future::pending()),
            answer => HttpConnectorFuture::ready(answer.into_response(protocol)),
        }
    }
}

impl HttpClient for Model {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

fn wire(region: &str, http_client: SharedHttpClient) -> Wire {
    #[expect(clippy::unwrap_used, reason = "a constant")]
    let now = "2026-11-21T10:00:00Z".parse().unwrap();
    wire_at(region, http_client, Clock::fixed(now))
}

fn wire_at(region: &str, http_client: SharedHttpClient, clock: Clock) -> Wire {
    Wire::from_parts(Parts {
        http_client,
        credentials: Credentials::new("AKIAFUNCTION", "secret", None, None, "test"),
        region: region.into(),
        endpoint_url: None,
        clock,
        retry_partition: None,
    })
}

/// Whether every field of `expected` is in `actual`, deeply.
fn holds(expected: &Value, actual: &Value) -> bool {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => expected
            .iter()
            .all(|(key, value)| actual.get(key).is_some_and(|actual| holds(value, actual))),
        _ => expected == actual,
    }
}

impl Answer {
    fn into_response(self, protocol: Protocol) -> Result<HttpResponse, ConnectorError> {
        match self {
            Self::Body(status, body) => {
                let status = StatusCode::try_from(status)
                    .map_err(|error| ConnectorError::user(error.into()))?;
                let mut response = HttpResponse::new(status, cbor::body(protocol, body)?);
                if protocol == Protocol::Cbor {
                    response.headers_mut().insert("smithy-protocol", "rpc-v2-cbor");
                }
                Ok(response)
            }
            Self::Hanging => {
                Err(ConnectorError::user("only a Model hangs, a Script has its order".into()))
            }
            Self::Lost => Err(ConnectorError::timeout("the script lost the answer".into())),
            Self::Unreachable => {
                Err(ConnectorError::io("the script is unreachable".into()).never_connected())
            }
        }
    }
}

impl HttpConnector for Script {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(self.answer(read(&request)))
    }
}

impl HttpClient for Script {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

fn read(request: &HttpRequest) -> Seen {
    let body = request.body().bytes().unwrap_or_default();
    let header = |name: &str| request.headers().get(name).unwrap_or_default().to_owned();
    let mut target = header("x-amz-target").rsplit('.').next().unwrap_or_default().to_owned();
    let is_form = header("content-type").contains("x-www-form-urlencoded");
    let mut protocol = Protocol::Json;
    let value = if let Some(operation) = cbor::operation(request.uri()) {
        target = operation;
        protocol = Protocol::Cbor;
        cbor::read(body)
    } else if target.is_empty() && !is_form {
        protocol = Protocol::Rest;
        let (name, value) = read_object(request, body);
        target = name;
        value
    } else if target.is_empty() {
        protocol = Protocol::Query;
        let fields: Map<String, Value> = form_urlencoded::parse(body)
            .map(|(key, value)| (key.into_owned(), Value::String(value.into_owned())))
            .collect();
        target = fields.get("Action").and_then(Value::as_str).unwrap_or_default().to_owned();
        Value::Object(fields)
    } else {
        serde_json::from_slice(body).unwrap_or_default()
    };
    // Credential=AKIA…/20261121/eu-central-1/sts/aws4_request
    let authorization = header("authorization");
    let mut scope = authorization
        .split("Credential=")
        .nth(1)
        .unwrap_or_default()
        .split(['/', ','])
        .map(str::to_owned);
    let access_key = scope.next().unwrap_or_default();
    let region = scope.nth(1).unwrap_or_default();
    let uri: http::Uri = request.uri().parse().unwrap_or_default();
    let host = uri.host().unwrap_or_default().to_owned();
    Seen { call: target, host, region, access_key, request: value, protocol }
}

/// A request to S3 or Lambda, which name their calls by method and path.
fn read_object(request: &HttpRequest, body: &[u8]) -> (String, Value) {
    let uri = request.uri();
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let path = path.split_once("://").map_or(path, |(_, rest)| rest);
    let key = path.split_once('/').map_or("", |(_, key)| key);
    let function = key.strip_prefix("2015-03-31/functions/");
    if let Some(name) = function.and_then(|rest| rest.strip_suffix("/invocations")) {
        let payload: Value = serde_json::from_slice(body).unwrap_or_default();
        return ("Invoke".into(), serde_json::json!({ "FunctionName": name, "Payload": payload }));
    }
    if key.trim_end_matches('/').ends_with("/account-settings") {
        return ("GetAccountSettings".into(), Value::Object(Map::new()));
    }
    let name = match request.method() {
        "PUT" => "PutObject",
        "DELETE" => "DeleteObject",
        _ if key.is_empty() => "ListObjectsV2",
        _ => "GetObject",
    };
    let header = |name: &str| request.headers().get(name).map(Into::into);
    let mut value: Map<String, Value> = form_urlencoded::parse(query.as_bytes())
        .map(|(key, value)| (key.into_owned(), Value::String(value.into_owned())))
        .collect();
    value.insert("key".into(), key.into());
    value.insert("body".into(), String::from_utf8_lossy(body).into());
    let conditions = [("ifNoneMatch", "if-none-match"), ("ifMatch", "if-match")];
    for (member, header_name) in conditions {
        if let Some(Value::String(text)) = header(header_name).map(|text: String| text.into()) {
            value.insert(member.into(), text.into());
        }
    }
    (name.into(), value.into())
}
