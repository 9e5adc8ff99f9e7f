//! The scripted AWS of these tests: the calls of one step, and what they answer.

#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "a helper that fails fails the test; each test file uses its part"
)]

use enroll_baseline::{App, Config, handle};
use lambda_kit::{Clock, Diagnostic};
use scripted_wire::Seen;
use scripted_wire::operations::{Aws, Reply};
use serde_json::{Value, json};

pub(crate) const NOW: &str = "2026-11-21T12:00:00Z";
pub(crate) const MINE: &str = "222222222222";
pub(crate) const BASELINE: &str = "landlord-tenant-baseline";
pub(crate) const GATE: &str = "landlord-account-gate";

pub(crate) fn request() -> Value {
    serde_json::from_str(include_str!("../../events/request.json")).unwrap()
}

/// The request of a tenant whose baseline is one stack set in one Region.
pub(crate) fn small_request() -> Value {
    let mut request = request();
    request["tenant"]["baseline"]["stackSets"] = json!([
        {"name": BASELINE, "regions": ["eu-central-1"], "parameterOverrides": {}}
    ]);
    request
}

pub(crate) async fn call(aws: &Aws, request: Value) -> Result<Value, Diagnostic> {
    call_at(aws, request, NOW).await
}

pub(crate) async fn call_at(aws: &Aws, request: Value, now: &str) -> Result<Value, Diagnostic> {
    let config = Config::load(&|name| match name {
        "ONBOARDING_OU_ID" => Some("ou-root-onboarding".to_owned()),
        "RUNS_BUCKET" => Some("runs".to_owned()),
        _ => None,
    });
    let clock = Clock::fixed(now.parse().unwrap());
    let app = App::new(&aws.wire(&clock), config.unwrap(), clock);
    lambda_kit::call(&app, &handle, request).await
}

pub(crate) fn xml(operation: &str, result: &str) -> String {
    format!(
        "<{operation}Response xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\
         <{operation}Result>{result}</{operation}Result></{operation}Response>"
    )
}

/// `(region, status, detailed status, last operation)` of instances of one account.
pub(crate) fn instances(rows: &[(&str, &str, &str, &str)]) -> String {
    let members: String = rows
        .iter()
        .map(|(region, status, detailed, operation)| {
            format!(
                "<member><Account>{MINE}</Account><Region>{region}</Region>\
                 <Status>{status}</Status><StatusReason>Resource limit exceeded</StatusReason>\
                 <StackInstanceStatus><DetailedStatus>{detailed}</DetailedStatus>\
                 </StackInstanceStatus><LastOperationId>{operation}</LastOperationId></member>"
            )
        })
        .collect();
    xml("ListStackInstances", &format!("<Summaries>{members}</Summaries>"))
}

pub(crate) fn operations(rows: &[(&str, &str, &str)]) -> String {
    let members: String = rows
        .iter()
        .map(|(id, status, created)| {
            format!(
                "<member><OperationId>{id}</OperationId><Action>CREATE</Action>\
                 <Status>{status}</Status><CreationTimestamp>{created}</CreationTimestamp></member>"
            )
        })
        .collect();
    xml("ListStackSetOperations", &format!("<Summaries>{members}</Summaries>"))
}

pub(crate) fn stack_set(model: &str) -> String {
    let body = format!("<StackSet><PermissionModel>{model}</PermissionModel></StackSet>");
    xml("DescribeStackSet", &body)
}

pub(crate) fn started() -> String {
    xml("CreateStackInstances", "<OperationId>enrol-x</OperationId>")
}

/// A list of the accounts that are noted as waiting, each with the time of its note.
pub(crate) fn notes(rows: &[(&str, &str)]) -> String {
    let contents: String = rows
        .iter()
        .map(|(account, written)| {
            format!(
                "<Contents><Key>{{prefix}}{account}</Key><LastModified>{written}</LastModified>\
                 </Contents>"
            )
        })
        .collect();
    format!("<ListBucketResult>{contents}</ListBucketResult>")
}

/// Answers a list of notes under the prefix that is asked for.
pub(crate) fn noting(
    rows: &'static [(&str, &str)],
) -> impl Fn(&Seen) -> Reply + Send + Sync + 'static {
    move |call| {
        let prefix = call.field("prefix").as_str().unwrap().to_owned();
        Reply::Text(notes(rows).replace("{prefix}", &prefix))
    }
}

/// An AWS in which no other account waits.
pub(crate) fn alone() -> Aws {
    Aws::new().always("ListObjectsV2", noting(&[]))
}

/// An instance in full, with these parameters.
pub(crate) fn described(overrides: &[(&str, &str)]) -> String {
    let members: String = overrides
        .iter()
        .map(|(key, value)| {
            format!(
                "<member><ParameterKey>{key}</ParameterKey>\
                 <ParameterValue>{value}</ParameterValue></member>"
            )
        })
        .collect();
    let overrides = format!("<ParameterOverrides>{members}</ParameterOverrides>");
    xml("DescribeStackInstance", &format!("<StackInstance>{overrides}</StackInstance>"))
}

pub(crate) fn fields(call: &Seen, prefix: &str) -> Vec<String> {
    (1..)
        .map_while(|index| call.request.get(format!("{prefix}.member.{index}")))
        .map(|value| value.as_str().unwrap().to_owned())
        .collect()
}
