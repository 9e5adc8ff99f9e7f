//! The scripted AWS of these tests: the calls of a withdrawal, and what they answer.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use lambda_kit::{Clock, Diagnostic};
use scripted_wire::{Exchange, Script, call};
use serde_json::{Value, json};
use withdraw_stacks::{App, Config, ERROR_NAMES, handle};

pub(crate) const REQUEST: &str = include_str!("../../events/withdraw.json");
pub(crate) const ACCOUNT: &str = "222222222222";
pub(crate) const MARK: (&str, &str) = ("landlord:withdrawn-at", "2026-11-21T10:00:00Z");
pub(crate) const CHECKED: &str = "sweeps/sweep-1/withdrawal/checked-00000.jsonl";
pub(crate) const SETS: &str = "sweeps/sweep-1/withdrawal/sets.json";
pub(crate) const CLOSABLE: &str = "sweeps/sweep-1/closable.jsonl";
pub(crate) const STUCK: &str = "sweeps/sweep-1/stuck.jsonl";
pub(crate) const CANDIDATE: &str = r#"{"accountId":"222222222222","tenantId":"acme","place":"RETIRING","retireAfter":"2026-11-20T10:00:00Z"}"#;

/// The stack sets that are the sweep's business.
pub(crate) const BASELINE: &str =
    r#"[{"name":"baseline","serviceManaged":false,"level":0,"own":true}]"#;
/// What a step notes of the switch.
pub(crate) const NOTE: &str = "sweeps/sweep-1/stopped.json";
pub(crate) const NOTED: &str = r#"{"reason":"too many","by":"ops","since":"2026-11-21T09:00:00Z"}"#;

pub(crate) fn line() -> String {
    format!("{CANDIDATE}\n")
}

pub(crate) fn checked_line() -> String {
    format!("{},\"gone\":false}}\n", CANDIDATE.trim_end_matches('}'))
}

pub(crate) fn work(attempt: u32) -> String {
    format!("sweeps/sweep-1/withdrawal/attempt-{attempt}-set-0000.json")
}

pub(crate) fn group() -> String {
    format!(
        r#"{{"stackSet":"baseline","serviceManaged":false,"groups":[{{"regions":["eu-central-1"],"accounts":["{ACCOUNT}"],"retain":false}}],"stuck":[]}}"#
    )
}

pub(crate) const EMPTY: &str =
    r#"{"stackSet":"baseline","serviceManaged":false,"groups":[],"stuck":[]}"#;

pub(crate) fn config(retain: bool) -> Config {
    Config::load(&|name| {
        let value = match name {
            "RETIRING_OU_ID" => "ou-root-retiring",
            "SUSPENDED_OU_ID" => "ou-root-suspended",
            "MANAGEMENT_ACCOUNT_ID" => "111122223333",
            "RUNS_BUCKET" => "runs",
            "OPERATOR_ROLE_NAME" => "landlord-operator",
            "EQUIP_FUNCTION" => "equip",
            "RETAIN_INOPERABLE" if retain => "true",
            _ => return None,
        };
        Some(value.to_owned())
    })
    .unwrap()
}

pub(crate) async fn answer_at(
    minute: i64,
    resume: Value,
    script: Vec<Vec<Exchange>>,
) -> Result<Value, Diagnostic> {
    let script = Script::new(script.into_iter().flatten()).with_no_parameter();
    answer_of(minute, resume, script).await
}

pub(crate) async fn answer_of(
    minute: i64,
    resume: Value,
    script: Script,
) -> Result<Value, Diagnostic> {
    let start: jiff::Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
    let now = start + jiff::SignedDuration::from_mins(minute);
    let app = App::new(&script.wire("eu-central-1"), config(false), Clock::fixed(now));
    let mut request: Value = serde_json::from_str(REQUEST).unwrap();
    request["resume"] = resume;
    let answer = lambda_kit::call(&app, &handle, request).await;
    script.played();
    answer
}

pub(crate) async fn answer(resume: Value, script: Vec<Vec<Exchange>>) -> Result<Value, Diagnostic> {
    answer_at(0, resume, script).await
}

pub(crate) fn gets(key: &str, text: &str) -> Vec<Exchange> {
    vec![call("GetObject", json!({"key": key})).answers_text(text)]
}

pub(crate) fn misses(key: &str) -> Vec<Exchange> {
    vec![call("GetObject", json!({"key": key})).refuses_as_s3(404, "NoSuchKey")]
}

pub(crate) fn puts(key: &str, body: &str) -> Vec<Exchange> {
    vec![call("PutObject", json!({"key": key, "body": body}))]
}

pub(crate) fn delegates() -> Vec<Exchange> {
    vec![
        call("ListDelegatedAdministrators", json!({}))
            .answers(&json!({"DelegatedAdministrators": []})),
    ]
}

pub(crate) fn read_as(state: &str, more: &[(&str, &str)]) -> Vec<Exchange> {
    let mut tags = vec![
        ("landlord:tenant", "acme"),
        ("landlord:lifecycle", "RETIRING"),
        ("landlord:lifecycle-at", "2026-10-20T10:00:00Z"),
        ("landlord:retire-after", "2026-11-20T10:00:00Z"),
        ("landlord:retiring-at", "2026-10-20T10:00:00Z"),
    ];
    tags.extend(more);
    let tags: Vec<Value> =
        tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    vec![
        call("DescribeAccount", json!({"AccountId": ACCOUNT}))
            .answers(&json!({"Account": {"State": state}})),
        call("ListTagsForResource", json!({"ResourceId": ACCOUNT})).answers(&json!({"Tags": tags})),
        call("ListParents", json!({"ChildId": ACCOUNT}))
            .answers(&json!({"Parents": [{"Id": "ou-root-retiring", "Type": "X"}]})),
    ]
}

pub(crate) fn read(more: &[(&str, &str)]) -> Vec<Exchange> {
    read_as("ACTIVE", more)
}

pub(crate) fn marks() -> Vec<Exchange> {
    let tags = json!([{"Key": MARK.0, "Value": MARK.1}]);
    vec![call("TagResource", json!({"ResourceId": ACCOUNT, "Tags": tags}))]
}

/// An account that the guards let through, and the list of stack sets.
pub(crate) fn up_to_the_first_look() -> Vec<Vec<Exchange>> {
    vec![
        gets("sweeps/sweep-1/closing.jsonl", &line()),
        delegates(),
        read(&[]),
        marks(),
        read(&[MARK]),
        puts(CHECKED, &checked_line()),
        gets(CHECKED, &checked_line()),
        misses(SETS),
        vec![call("ListStackSets", json!({"Status": "ACTIVE"})).answers_text(
            "<ListStackSetsResponse><ListStackSetsResult><Summaries><member>\
             <StackSetName>baseline</StackSetName><PermissionModel>SELF_MANAGED</PermissionModel>\
             </member></Summaries></ListStackSetsResult></ListStackSetsResponse>",
        )],
        puts(SETS, BASELINE),
    ]
}

pub(crate) fn lists(instances: &[(&str, &str)]) -> Vec<Exchange> {
    let members: String = instances
        .iter()
        .map(|(status, reason)| {
            format!(
                "<member><Account>{ACCOUNT}</Account><Region>eu-central-1</Region>\
                 <Status>{status}</Status><StatusReason>{reason}</StatusReason></member>"
            )
        })
        .collect();
    let request = json!({"StackSetName": "baseline", "StackInstanceAccount": ACCOUNT});
    vec![call("ListStackInstances", request).answers_text(&format!(
        "<ListStackInstancesResponse><ListStackInstancesResult><Summaries>{members}</Summaries>\
         </ListStackInstancesResult></ListStackInstancesResponse>"
    ))]
}

/// The look at an account right before its instances are deleted; with these tags changed.
pub(crate) fn looks_again(more: &[(&str, &str)]) -> Vec<Exchange> {
    let mut tags: std::collections::BTreeMap<&str, &str> = [
        ("landlord:tenant", "acme"),
        ("landlord:lifecycle", "RETIRING"),
        ("landlord:retire-after", "2026-11-20T10:00:00Z"),
    ]
    .into();
    tags.extend(more.iter().copied());
    let tags: Vec<Value> =
        tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    vec![
        call("ListTagsForResource", json!({"ResourceId": ACCOUNT})).answers(&json!({"Tags": tags})),
    ]
}

pub(crate) fn deletes() -> Exchange {
    let request = json!({"StackSetName": "baseline", "Accounts.member.1": ACCOUNT,
        "Regions.member.1": "eu-central-1", "RetainStacks": "false",
        "OperationPreferences.FailureTolerancePercentage": "100"});
    deletes_with(request)
}

pub(crate) fn deletes_with(request: Value) -> Exchange {
    call("DeleteStackInstances", request).answers_text(
        "<DeleteStackInstancesResponse><DeleteStackInstancesResult><OperationId>x</OperationId>\
         </DeleteStackInstancesResult></DeleteStackInstancesResponse>",
    )
}

pub(crate) fn operation(status: &str) -> Vec<Exchange> {
    vec![call("DescribeStackSetOperation", json!({"StackSetName": "baseline"})).answers_text(
        &format!(
            "<DescribeStackSetOperationResponse><DescribeStackSetOperationResult>\
             <StackSetOperation><Status>{status}</Status></StackSetOperation>\
             </DescribeStackSetOperationResult></DescribeStackSetOperationResponse>"
        ),
    )]
}

/// What was found is read again.
pub(crate) fn works(attempt: u32, text: &str) -> Vec<Vec<Exchange>> {
    vec![gets(SETS, BASELINE), gets(&work(attempt), text)]
}

pub(crate) fn finishes(
    attempt: u32,
    found: &str,
    stuck: &str,
    closable: &str,
) -> Vec<Vec<Exchange>> {
    let mut script = works(attempt, found);
    script.push(gets(CHECKED, &checked_line()));
    script.extend(works(attempt, found));
    script.extend([puts(STUCK, stuck), misses("retirements/stuck.json"), puts(CLOSABLE, closable)]);
    script
}

#[track_caller]
pub(crate) fn pending(answer: Result<Value, Diagnostic>) -> Value {
    let answer = answer.unwrap();
    assert_eq!(answer["status"], "PENDING", "{answer}");
    answer
}

#[track_caller]
pub(crate) fn counts(answer: Result<Value, Diagnostic>, closable: u32, stuck: u32, refused: u32) {
    let answer = answer.unwrap();
    let expected = json!({"status": "DONE", "closable": closable, "stuck": stuck,
        "refused": refused, "unread": 0, "closableKey": CLOSABLE, "stuckKey": STUCK});
    assert_eq!(answer, expected);
}

#[track_caller]
pub(crate) fn refused(answer: Result<Value, Diagnostic>, name: &str) -> String {
    let error = answer.unwrap_err();
    assert_eq!(error.error_type, name, "{}", error.error_message);
    assert!(ERROR_NAMES.contains(&name));
    error.error_message
}

pub(crate) fn following() -> Value {
    json!({"phase": "FOLLOW", "next": 0, "attempt": 0, "checked": [0], "refused": 0})
}

/// The only account is set aside, and nobody's stacks are to be deleted. `noted` is what is read of a
/// stop that a step may have met.
pub(crate) fn without_stacks(noted: Vec<Exchange>) -> Vec<Vec<Exchange>> {
    vec![
        puts(CHECKED, ""),
        gets(CHECKED, ""),
        gets(CHECKED, ""),
        noted,
        puts(STUCK, ""),
        misses("retirements/stuck.json"),
        puts(CLOSABLE, ""),
    ]
}

pub(crate) fn switch(value: &str) -> Vec<Exchange> {
    vec![
        call("GetParameter", json!({"Name": "/landlord/stop"}))
            .answers(&json!({"Parameter": {"Value": value}})),
    ]
}

pub(crate) const THROWN: &str =
    r#"{"stopped":true,"reason":"too many","by":"ops","since":"2026-11-21T09:00:00Z"}"#;
pub(crate) const SAID: &str =
    "everything irreversible is stopped by ops since 2026-11-21T09:00:00Z: too many";
