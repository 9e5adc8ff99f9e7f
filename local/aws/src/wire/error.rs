//! Errors as each format writes them.

use bytes::Bytes;
use http::{HeaderValue, Response};
use serde_json::{Map, Value};

use super::query::namespace;
use super::xml::{Style, element, tagged};
use super::{Format, Reply, cbor, json};
use crate::{AwsError, FaultSide};

/// JSON services whose error text is the member `Message`.
const CAPITAL_MESSAGE: &[&str] =
    &["organizations", "servicequotas", "tag", "ssm", "scheduler", "lambda"];

/// The query codes that SQS and CloudWatch had before they spoke JSON and CBOR.
const OLD_CODES: &[(&str, &str, &str)] = &[
    ("sqs", "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"),
    ("sqs", "QueueNameExists", "QueueAlreadyExists"),
    ("sqs", "EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest"),
    ("sqs", "BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct"),
    ("sqs", "TooManyEntriesInBatchRequest", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"),
    ("sqs", "MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight"),
    ("sqs", "PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress"),
    ("sqs", "UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation"),
    ("sqs", "QueueDeletedRecently", "AWS.SimpleQueueService.QueueDeletedRecently"),
    ("cloudwatch", "InvalidParameterValueException", "InvalidParameterValue"),
    ("cloudwatch", "InvalidParameterCombinationException", "InvalidParameterCombination"),
    ("cloudwatch", "MissingRequiredParameterException", "MissingParameter"),
    ("cloudwatch", "LimitExceededFault", "LimitExceeded"),
    ("cloudwatch", "InternalServiceFault", "InternalServiceError"),
];

/// Writes an error.
pub(super) fn respond(reply: &Reply, error: &AwsError) -> Response<Bytes> {
    match reply.format {
        Format::Json(kind) => {
            let body = Value::Object(body(reply, error, error.code.clone()));
            let mut response = super::respond(error.status, kind, json::write(body));
            old_code(reply, error, &mut response);
            response
        }
        Format::RestJson(_) => {
            let mut members = body(reply, error, error.code.clone());
            members.shift_remove("__type");
            let status = match error.code.as_str() {
                "AccessDeniedException" => 403,
                _ => error.status,
            };
            let body = json::write(Value::Object(members));
            let mut response = super::respond(status, "application/json", body);
            if let Ok(code) = HeaderValue::from_str(&error.code) {
                response.headers_mut().insert("x-amzn-errortype", code);
            }
            response
        }
        Format::Cbor => {
            let code = format!("com.amazonaws.{}#{}", reply.service, error.code);
            let body = Value::Object(body(reply, error, code));
            let mut response = cbor::respond(error.status, &body);
            old_code(reply, error, &mut response);
            response
        }
        Format::Query => query(reply, error),
        Format::RestXml => rest_xml(reply, error),
    }
}

fn body(reply: &Reply, error: &AwsError, code: String) -> Map<String, Value> {
    let text = if CAPITAL_MESSAGE.contains(&reply.service) { "Message" } else { "message" };
    let mut members = Map::new();
    members.insert("__type".to_owned(), code.into());
    members.insert(text.to_owned(), error.message.clone().into());
    members.extend(error.members.as_ref().clone());
    members
}

/// Tells a client that asks for it the code of the service's query days.
fn old_code(reply: &Reply, error: &AwsError, response: &mut Response<Bytes>) {
    if !reply.query_mode {
        return;
    }
    let code = OLD_CODES
        .iter()
        .find(|(service, code, _)| *service == reply.service && *code == error.code)
        .map_or(error.code.as_str(), |(_, _, old)| old);
    if let Ok(value) = HeaderValue::from_str(&format!("{code};{}", side(error))) {
        response.headers_mut().insert("x-amzn-query-error", value);
    }
}

fn side(error: &AwsError) -> &'static str {
    match error.fault() {
        FaultSide::Client => "Sender",
        FaultSide::Server => "Receiver",
    }
}

struct Flat;

impl Style for Flat {
    fn list(&self, out: &mut String, name: &str, items: &[Value]) {
        for item in items {
            element(out, self, name, item);
        }
    }
}

fn query(reply: &Reply, error: &AwsError) -> Response<Bytes> {
    let (code, status) = match error.code.as_str() {
        "ValidationException" => ("ValidationError", error.status),
        "AccessDeniedException" if reply.service == "sns" => ("AuthorizationError", 403),
        "AccessDeniedException" => ("AccessDenied", 403),
        "ThrottlingException" => ("Throttling", error.status),
        "UnrecognizedClientException" => ("InvalidClientTokenId", 403),
        "ExpiredTokenException" => ("ExpiredToken", 403),
        "UnknownOperationException" => ("InvalidAction", error.status),
        other => (other, error.status),
    };
    let mut out = format!("<ErrorResponse xmlns=\"{}\">", namespace(reply.service));
    tagged(&mut out, "Error", |out| {
        element(out, &Flat, "Type", &side(error).into());
        element(out, &Flat, "Code", &code.into());
        element(out, &Flat, "Message", &error.message.clone().into());
        for (name, value) in error.members.as_ref() {
            element(out, &Flat, name, value);
        }
    });
    element(&mut out, &Flat, "RequestId", &reply.request_id.clone().into());
    out.push_str("</ErrorResponse>");
    super::respond(status, "text/xml", out)
}

fn rest_xml(reply: &Reply, error: &AwsError) -> Response<Bytes> {
    let (code, status) = match error.code.as_str() {
        "AccessDeniedException" => ("AccessDenied", 403),
        "UnrecognizedClientException" => ("InvalidAccessKeyId", 403),
        "ExpiredTokenException" => ("ExpiredToken", 400),
        "ThrottlingException" => ("SlowDown", 503),
        "ValidationException" => ("InvalidArgument", 400),
        "UnknownOperationException" => ("NotImplemented", 501),
        other => (other, error.status),
    };
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    tagged(&mut out, "Error", |out| {
        element(out, &Flat, "Code", &code.into());
        element(out, &Flat, "Message", &error.message.clone().into());
        for (name, value) in error.members.as_ref() {
            element(out, &Flat, name, value);
        }
        element(out, &Flat, "RequestId", &reply.request_id.clone().into());
    });
    super::respond(status, "application/xml", out)
}
