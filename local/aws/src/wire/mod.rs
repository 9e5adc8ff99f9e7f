//! AWS's wire formats: a request becomes a [`Call`], a result becomes a response.
//!
//! **Who, where, which service**: the `Authorization` header's credential scope. The access key
//! names the caller (signatures themselves are not checked), the Region is the scope's (for
//! Organizations and IAM always `us-east-1`), the service is the signing name in IAM's spelling
//! (`monitoring` is `cloudwatch`, `tagging` is `tag`).
//!
//! **What a service module gets** in [`Call::input`], whatever the format, is the operation's
//! members under AWS's own names:
//!
//! | format | services | notes |
//! |---|---|---|
//! | awsJson 1.0, 1.1 | cloudtrail, organizations, states, events, ssm, sqs, servicequotas, tag, cloudwatch | the body as it is |
//! | awsQuery | cloudformation, iam, sts, sns, cloudwatch | all scalars are strings; `X.member.N`, `X.N` are lists; `X.entry.N.key/value` (`Name`/`Value`) is an object |
//! | rpc-v2-cbor | cloudwatch | bytes are base64 text |
//! | REST-JSON | lambda, scheduler | path and query parameters under their member names (`FunctionName`, `Qualifier`, `InvocationType`, `Name`, `GroupName`, …), the body's members beside them; Lambda's `Invoke` has its payload as `$body` |
//! | REST-XML | s3 | `Bucket`, `Key`, query and header members (`Prefix`, `MaxKeys`, `IfNoneMatch`, `ContentType`, `Metadata`, …, all strings); an object's bytes are `$body`; an XML body is its own member (`Delete`, `Tagging`, `VersioningConfiguration`, …) |
//!
//! `$body` is base64 text, read by [`body`]. A time stamp in an input is a number of seconds or
//! RFC 3339 text, read by [`moment`].
//!
//! **What it answers** is an object of the operation's members under AWS's names. A time stamp
//! is `{"$timestamp": milliseconds}` ([`timestamp`]): each format writes it its own way. In
//! query answers an array becomes `<member>` elements and an object a structure; the few members
//! that are maps stand in a table here (`Attributes` of SNS). REST answers may also hold `$body`
//! (base64, made by [`blob`]; then it alone is the HTTP body), `$status` (a number) and
//! `$headers` (name to text, such as `ETag`, `x-amz-meta-…`, `X-Amz-Function-Error`). S3 answers
//! become XML: lists are repeated elements (`Contents`, `CommonPrefixes`), except `Buckets` and
//! `TagSet`, whose elements are wrapped.
//!
//! **Errors**: `code` is the code on the wire (`NoSuchEntity`, `NoSuchBucket`,
//! `ResourceNotFoundException`). Codes that differ from format to format are written by the
//! modules in the JSON spelling and translated here: `ValidationException` (query:
//! `ValidationError`), `AccessDeniedException` (query and S3: `AccessDenied`, SNS:
//! `AuthorizationError`), `ThrottlingException` (query: `Throttling`). SQS and CloudWatch say
//! their old query code too (`x-amzn-query-error`).

mod cbor;
mod credentials;
mod error;
mod json;
pub(crate) mod members;
mod query;
mod rest;
mod s3;
mod xml;

use base64::Engine as _;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{Aws, AwsError, Call};

/// The largest request body that is read.
pub(crate) const BODY_LIMIT: usize = 10 * 1024 * 1024;

/// How a request is written, and therefore its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// awsJson, with the content type of its version.
    Json(&'static str),
    Query,
    Cbor,
    /// REST-JSON, with the status of a success.
    RestJson(u16),
    RestXml,
}

/// What an answer needs to know of its request.
#[derive(Debug, Clone)]
struct Reply {
    format: Format,
    service: &'static str,
    operation: String,
    request_id: String,
    /// The client knows old query codes (`x-amzn-query-mode`).
    query_mode: bool,
    head: bool,
}

/// A request that was understood, and the way to answer it.
pub(crate) struct Decoded {
    /// The call.
    pub(crate) call: Call,
    reply: Reply,
}

/// A request's operation and members.
struct Operation {
    name: String,
    input: Value,
    /// The status of its success.
    status: u16,
}

/// The services by signing name: IAM's name, the prefix of `X-Amz-Target`.
const SERVICES: &[(&str, &str, &str)] = &[
    ("cloudformation", "cloudformation", ""),
    ("cloudtrail", "cloudtrail", "CloudTrail_20131101"),
    ("events", "events", "AWSEvents"),
    ("iam", "iam", ""),
    ("lambda", "lambda", ""),
    ("monitoring", "cloudwatch", "GraniteServiceVersion20100801"),
    ("organizations", "organizations", "AWSOrganizationsV20161128"),
    ("s3", "s3", ""),
    ("scheduler", "scheduler", ""),
    ("servicequotas", "servicequotas", "ServiceQuotasV20190624"),
    ("sns", "sns", ""),
    ("sqs", "sqs", "AmazonSQS"),
    ("ssm", "ssm", "AmazonSSM"),
    ("states", "states", "AWSStepFunctions"),
    ("sts", "sts", ""),
    ("tagging", "tag", "ResourceGroupsTaggingAPI_20170126"),
];

/// Services with one endpoint for all Regions: whatever a client with an endpoint of its own
/// signs for, they stand in us-east-1.
const GLOBAL: &[&str] = &["iam", "organizations"];

/// Reads a request: credentials, service, format, operation, members.
#[expect(clippy::result_large_err, reason = "one a request, moved once")]
pub(crate) fn decode(aws: &Aws, request: &Request<Bytes>) -> Result<Decoded, Response<Bytes>> {
    let mut reply = Reply {
        format: guess(request),
        service: "",
        operation: String::new(),
        request_id: aws.uuid(),
        query_mode: header(request, "x-amzn-query-mode") == Some("true"),
        head: request.method() == Method::HEAD,
    };
    let call = understand(aws, request, &mut reply);
    match call {
        Ok(call) => Ok(Decoded { call, reply }),
        Err(error) => Err(reply.refuse(aws, &error)),
    }
}

fn understand(aws: &Aws, request: &Request<Bytes>, reply: &mut Reply) -> Result<Call, AwsError> {
    let scope = credentials::scope(request)?;
    let &(_, service, target) =
        SERVICES.iter().find(|(signing, _, _)| *signing == scope.service).ok_or_else(|| {
            AwsError::new(
                "UnknownOperationException",
                format!("the local AWS does not know the service \"{}\"", scope.service),
            )
            .status(501)
        })?;
    reply.service = service;
    reply.format = match service {
        "s3" => Format::RestXml,
        "lambda" | "scheduler" => Format::RestJson(200),
        _ => reply.format,
    };
    if request.body().len() > BODY_LIMIT {
        return Err(AwsError::new("RequestEntityTooLarge", "the body is above 10 MB").status(413));
    }
    let operation = match reply.format {
        Format::Json(_) => json::read(service, target, request)?,
        Format::Query => query::read(service, request)?,
        Format::Cbor => cbor::read(service, target, request)?,
        Format::RestJson(_) => rest::read(service, request)?,
        Format::RestXml => s3::read(request)?,
    };
    if let Format::RestJson(_) = reply.format {
        reply.format = Format::RestJson(operation.status);
    }
    reply.operation.clone_from(&operation.name);
    members::check(service, &operation.name, &operation.input)?;
    let caller = crate::iam::caller(aws, &scope.access_key, scope.token.as_deref())?;
    let region =
        if GLOBAL.contains(&service) { "us-east-1".to_owned() } else { scope.region.clone() };
    if !aws.settings().regions.contains(&region) && region != "us-east-1" {
        return Err(AwsError::new(
            "UnrecognizedClientException",
            format!("the Region \"{region}\" does not exist here (Settings::regions)"),
        ));
    }
    Ok(Call {
        service,
        operation: operation.name,
        input: operation.input,
        account: caller.account.clone(),
        caller,
        region,
    })
}

/// The format, by what every client says in its headers.
fn guess(request: &Request<Bytes>) -> Format {
    if header(request, "smithy-protocol") == Some("rpc-v2-cbor") {
        Format::Cbor
    } else if request.headers().contains_key("x-amz-target") {
        match header(request, "content-type") {
            Some(kind) if kind.starts_with(json::VERSION_1_0) => Format::Json(json::VERSION_1_0),
            _ => Format::Json(json::VERSION_1_1),
        }
    } else {
        Format::Query
    }
}

fn header<'a>(request: &'a Request<Bytes>, name: &str) -> Option<&'a str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}

/// Headers of AWS's that say how a request travels, not what it asks for.
const OF_TRANSPORT: &[&str] = &[
    "x-amz-api-version",
    "x-amz-checksum-crc32",
    "x-amz-checksum-crc32c",
    "x-amz-checksum-crc64nvme",
    "x-amz-checksum-sha1",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-decoded-content-length",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-security-token",
    "x-amz-te",
    "x-amz-trailer",
    "x-amz-user-agent",
];

/// Refuses a REST request with a header that changes what an operation does and that it does not
/// read.
fn refuse_unread_headers(
    request: &Request<Bytes>,
    service: &str,
    operation: &str,
    read: &[&str],
) -> Result<(), AwsError> {
    let asks = |name: &str| {
        name.starts_with("x-amz-") && !name.starts_with("x-amz-meta-")
            || name.starts_with("if-")
            || name == "range"
    };
    let unread = request
        .headers()
        .keys()
        .map(http::HeaderName::as_str)
        .find(|name| asks(name) && !OF_TRANSPORT.contains(name) && !read.contains(name));
    match unread {
        None => Ok(()),
        Some(name) => Err(AwsError::unknown_operation(
            service,
            &format!("{operation} with the header \"{name}\", which it does not read"),
        )),
    }
}

impl Decoded {
    /// Writes the answer in the request's format.
    pub(crate) fn encode(&self, aws: &Aws, result: Result<Value, AwsError>) -> Response<Bytes> {
        match result {
            Ok(result) => self.reply.answer(aws, result),
            Err(error) => self.reply.refuse(aws, &error),
        }
    }
}

impl Reply {
    fn answer(&self, aws: &Aws, result: Value) -> Response<Bytes> {
        let response = match self.format {
            Format::Json(kind) => respond(200, kind, json::write(result)),
            Format::Query => respond(
                200,
                "text/xml",
                query::write(self.service, &self.operation, &self.request_id, &result),
            ),
            Format::Cbor => cbor::respond(200, &result),
            Format::RestJson(status) => rest::respond(status, result),
            Format::RestXml => s3::respond(&self.operation, result),
        };
        self.sign_off(aws, response)
    }

    fn refuse(&self, aws: &Aws, error: &AwsError) -> Response<Bytes> {
        self.sign_off(aws, error::respond(self, error))
    }

    /// The headers that every answer carries.
    fn sign_off(&self, aws: &Aws, mut response: Response<Bytes>) -> Response<Bytes> {
        let name =
            if self.format == Format::RestXml { "x-amz-request-id" } else { "x-amzn-requestid" };
        if let Ok(id) = HeaderValue::from_str(&self.request_id) {
            response.headers_mut().insert(name, id);
        }
        let date = aws.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        if let Ok(date) = HeaderValue::from_str(&date) {
            response.headers_mut().insert(http::header::DATE, date);
        }
        if self.head {
            *response.body_mut() = Bytes::new();
        }
        response
    }
}

/// A response with a body of one content type.
fn respond(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() =
        http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Takes `$body`, `$status` and `$headers` out of a REST result.
struct RestParts {
    body: Option<Bytes>,
    status: Option<u16>,
    headers: Map<String, Value>,
    members: Map<String, Value>,
}

impl RestParts {
    fn of(result: Value) -> Self {
        let mut members = match result {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        let has_body = members.contains_key("$body");
        let bytes = body(&Value::Object(members.clone()));
        members.shift_remove("$body");
        let status = members
            .shift_remove("$status")
            .and_then(|status| status.as_u64())
            .and_then(|status| u16::try_from(status).ok());
        let headers = match members.shift_remove("$headers") {
            Some(Value::Object(headers)) => headers,
            _ => Map::new(),
        };
        Self { body: has_body.then_some(bytes), status, headers, members }
    }

    fn put_headers(headers: &Map<String, Value>, response: &mut Response<Bytes>) {
        for (name, value) in headers {
            let text = match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            if let (Ok(name), Ok(value)) =
                (http::HeaderName::try_from(name.as_str()), HeaderValue::from_str(&text))
            {
                response.headers_mut().insert(name, value);
            }
        }
    }
}

/// The milliseconds of a `{"$timestamp": …}`, if the value is one.
fn milliseconds(value: &Value) -> Option<i64> {
    value.as_object().filter(|object| object.len() == 1)?.get("$timestamp")?.as_i64()
}

/// A time stamp as XML formats write it: `2026-01-02T03:04:05.678Z`.
fn iso(milliseconds: i64) -> String {
    Timestamp::from_millisecond(milliseconds)
        .unwrap_or_default()
        .strftime("%Y-%m-%dT%H:%M:%S.%3fZ")
        .to_string()
}

/// The bytes of `$body`; none when there is no body.
pub(crate) fn body(input: &Value) -> Bytes {
    let encoded = input.get("$body").and_then(Value::as_str).unwrap_or_default();
    base64::engine::general_purpose::STANDARD.decode(encoded).unwrap_or_default().into()
}

/// Bytes for a result's `$body`, or for any member that is a blob.
pub(crate) fn blob(bytes: &[u8]) -> Value {
    base64::engine::general_purpose::STANDARD.encode(bytes).into()
}

/// The moment that an input's time stamp says: seconds, or RFC 3339 text.
pub(crate) fn moment(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Number(seconds) => {
            let milliseconds = seconds.as_f64()? * 1000.0;
            Timestamp::from_millisecond(milliseconds.round() as i64).ok()
        }
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// A time stamp in a result.
pub(crate) fn timestamp(moment: Timestamp) -> Value {
    json!({ "$timestamp": moment.as_millisecond() })
}
