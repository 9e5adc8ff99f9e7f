//! REST-JSON of Lambda and EventBridge Scheduler: paths, query parameters and headers become
//! members beside those of the body.

use bytes::Bytes;
use http::{Request, Response};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::{Operation, RestParts, blob, header, json, refuse_unread_headers};
use crate::AwsError;

/// Method, path, operation, status of a success.
type Route = (&'static str, &'static str, &'static str, u16);

const LAMBDA: &[Route] = &[
    ("POST", "2015-03-31/functions", "CreateFunction", 201),
    ("GET", "2015-03-31/functions", "ListFunctions", 200),
    ("GET", "2015-03-31/functions/{FunctionName}", "GetFunction", 200),
    ("DELETE", "2015-03-31/functions/{FunctionName}", "DeleteFunction", 204),
    ("POST", "2015-03-31/functions/{FunctionName}/invocations", "Invoke", 200),
    ("GET", "2015-03-31/functions/{FunctionName}/configuration", "GetFunctionConfiguration", 200),
    (
        "PUT",
        "2015-03-31/functions/{FunctionName}/configuration",
        "UpdateFunctionConfiguration",
        200,
    ),
    ("PUT", "2015-03-31/functions/{FunctionName}/code", "UpdateFunctionCode", 200),
    ("POST", "2015-03-31/functions/{FunctionName}/policy", "AddPermission", 201),
    ("GET", "2015-03-31/functions/{FunctionName}/policy", "GetPolicy", 200),
    ("DELETE", "2015-03-31/functions/{FunctionName}/policy/{StatementId}", "RemovePermission", 204),
    (
        "PUT",
        "2019-09-25/functions/{FunctionName}/event-invoke-config",
        "PutFunctionEventInvokeConfig",
        200,
    ),
    (
        "POST",
        "2019-09-25/functions/{FunctionName}/event-invoke-config",
        "UpdateFunctionEventInvokeConfig",
        200,
    ),
    (
        "GET",
        "2019-09-25/functions/{FunctionName}/event-invoke-config",
        "GetFunctionEventInvokeConfig",
        200,
    ),
    (
        "DELETE",
        "2019-09-25/functions/{FunctionName}/event-invoke-config",
        "DeleteFunctionEventInvokeConfig",
        204,
    ),
    ("PUT", "2017-10-31/functions/{FunctionName}/concurrency", "PutFunctionConcurrency", 200),
    ("GET", "2019-09-30/functions/{FunctionName}/concurrency", "GetFunctionConcurrency", 200),
    ("DELETE", "2017-10-31/functions/{FunctionName}/concurrency", "DeleteFunctionConcurrency", 204),
    ("POST", "2015-03-31/event-source-mappings", "CreateEventSourceMapping", 202),
    ("GET", "2015-03-31/event-source-mappings", "ListEventSourceMappings", 200),
    ("GET", "2015-03-31/event-source-mappings/{UUID}", "GetEventSourceMapping", 200),
    ("PUT", "2015-03-31/event-source-mappings/{UUID}", "UpdateEventSourceMapping", 202),
    ("DELETE", "2015-03-31/event-source-mappings/{UUID}", "DeleteEventSourceMapping", 202),
    ("GET", "2016-08-19/account-settings", "GetAccountSettings", 200),
    ("GET", "2017-03-31/tags/{Resource}", "ListTags", 200),
    ("POST", "2017-03-31/tags/{Resource}", "TagResource", 204),
    ("DELETE", "2017-03-31/tags/{Resource}", "UntagResource", 204),
];

const SCHEDULER: &[Route] = &[
    ("GET", "schedules", "ListSchedules", 200),
    ("POST", "schedules/{Name}", "CreateSchedule", 200),
    ("GET", "schedules/{Name}", "GetSchedule", 200),
    ("PUT", "schedules/{Name}", "UpdateSchedule", 200),
    ("DELETE", "schedules/{Name}", "DeleteSchedule", 200),
    ("GET", "schedule-groups", "ListScheduleGroups", 200),
    ("POST", "schedule-groups/{Name}", "CreateScheduleGroup", 200),
    ("GET", "schedule-groups/{Name}", "GetScheduleGroup", 200),
    ("DELETE", "schedule-groups/{Name}", "DeleteScheduleGroup", 200),
    ("GET", "tags/{ResourceArn}", "ListTagsForResource", 200),
    ("POST", "tags/{ResourceArn}", "TagResource", 200),
    ("DELETE", "tags/{ResourceArn}", "UntagResource", 200),
];

/// Header members of `Invoke`.
const HEADERS: &[(&str, &str)] = &[
    ("x-amz-invocation-type", "InvocationType"),
    ("x-amz-log-type", "LogType"),
    ("x-amz-client-context", "ClientContext"),
];

/// Reads operation and members.
pub(super) fn read(service: &str, request: &Request<Bytes>) -> Result<Operation, AwsError> {
    let routes = if service == "lambda" { LAMBDA } else { SCHEDULER };
    let path = request.uri().path().trim_matches('/');
    let method = request.method().as_str();
    let (name, status, mut members) = routes
        .iter()
        .filter(|(wanted, ..)| *wanted == method)
        .find_map(|(_, pattern, name, status)| Some((*name, *status, bind(pattern, path)?)))
        .ok_or_else(|| AwsError::unknown_operation(service, &format!("{method} /{path}")))?;
    query_members(request, &mut members);
    let headers: Vec<&str> =
        if name == "Invoke" { HEADERS.iter().map(|(wire, _)| *wire).collect() } else { Vec::new() };
    refuse_unread_headers(request, service, name, &headers)?;
    for (wire, member) in HEADERS {
        if let Some(value) = header(request, wire) {
            members.insert((*member).to_owned(), value.into());
        }
    }
    if name == "Invoke" {
        members.insert("$body".to_owned(), blob(request.body()));
    } else if let Value::Object(body) = json::parse(request.body())? {
        for (name, value) in body {
            members.entry(name).or_insert(value);
        }
    }
    Ok(Operation { name: name.to_owned(), input: Value::Object(members), status })
}

/// The path's members, if it has the pattern's form.
fn bind(pattern: &str, path: &str) -> Option<Map<String, Value>> {
    let mut members = Map::new();
    let mut parts = path.split('/');
    for wanted in pattern.split('/') {
        let part = parts.next()?;
        if let Some(member) = wanted.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            let text = percent_decode_str(part).decode_utf8().ok()?;
            members.insert(member.to_owned(), text.into_owned().into());
        } else if wanted != part {
            return None;
        }
    }
    parts.next().is_none().then_some(members)
}

fn query_members(request: &Request<Bytes>, members: &mut Map<String, Value>) {
    let query = request.uri().query().unwrap_or_default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let value = value.into_owned();
        match name.as_ref() {
            "tagKeys" | "TagKeys" => {
                if let Value::Array(keys) =
                    members.entry("TagKeys").or_insert_with(|| Value::Array(Vec::new()))
                {
                    keys.push(value.into());
                }
                continue;
            }
            "clientToken" => members.insert("ClientToken".to_owned(), value.into()),
            "groupName" | "ScheduleGroup" => members.insert("GroupName".to_owned(), value.into()),
            other => members.insert(other.to_owned(), value.into()),
        };
    }
}

/// Writes an answer: `$body` as it is, or the members as JSON.
pub(super) fn respond(status: u16, result: Value) -> Response<Bytes> {
    let parts = RestParts::of(result);
    let status = parts.status.unwrap_or(status);
    let body = match parts.body {
        Some(bytes) => bytes,
        None if status == 204 => Bytes::new(),
        None => json::write(Value::Object(parts.members)).into(),
    };
    let mut response = super::respond(status, "application/json", body);
    RestParts::put_headers(&parts.headers, &mut response);
    response
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_one(service: &str, method: &str, uri: &str, body: &str) -> Operation {
        let mut request = Request::builder().method(method).uri(uri);
        if uri.contains("invocations") {
            request = request.header("x-amz-invocation-type", "Event");
        }
        read(service, &request.body(Bytes::from(body.to_owned())).unwrap()).unwrap()
    }

    #[test]
    fn an_invocation_has_its_payload_as_body_and_its_type_as_member() {
        let uri = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Ax/invocations?Qualifier=live";
        let invoke = read_one("lambda", "POST", uri, "[1]");
        assert_eq!((invoke.name.as_str(), invoke.status), ("Invoke", 200));
        assert_eq!(
            invoke.input,
            json!({
                "FunctionName": "arn:aws:lambda:x",
                "Qualifier": "live",
                "InvocationType": "Event",
                "$body": "WzFd",
            })
        );
    }

    #[test]
    fn a_schedule_has_members_from_its_path_its_query_and_its_body() {
        let body = r#"{"ScheduleExpression":"rate(1 hour)","GroupName":null}"#;
        let put = read_one("scheduler", "POST", "/schedules/sweep?groupName=x", body);
        assert_eq!(put.name, "CreateSchedule");
        assert_eq!(put.input["Name"], "sweep");
        assert_eq!(put.input["GroupName"], "x");
        assert_eq!(put.input["ScheduleExpression"], "rate(1 hour)");
    }

    #[test]
    fn a_path_that_is_not_known_is_named() {
        let request = Request::builder().uri("/2018-10-31/layers").body(Bytes::new()).unwrap();
        let error = read("lambda", &request).err().unwrap();
        assert!(error.message.contains("lambda:GET /2018-10-31/layers"), "{error}");
    }

    #[test]
    fn a_function_error_is_a_header_beside_the_payload() {
        let response = respond(
            200,
            json!({"$body": blob(b"{}"), "$headers": {"X-Amz-Function-Error": "Unhandled"}}),
        );
        assert_eq!(response.headers()["x-amz-function-error"], "Unhandled");
        assert_eq!(response.body().as_ref(), b"{}");
    }
}
