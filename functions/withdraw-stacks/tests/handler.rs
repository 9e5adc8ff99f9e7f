//! `withdraw-stacks` through its public API: a real SDK client, and an AWS that is a script.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use lambda_kit::{Clock, Diagnostic};
use scripted_wire::{Exchange, Script, assume_role_answer, call};
use serde_json::{Value, json};
use withdraw_stacks::{App, Config, ERROR_NAMES, handle};

const REQUEST: &str = include_str!("../events/withdraw.json");
const ACCOUNT: &str = "222222222222";
const MARK: (&str, &str) = ("landlord:withdrawn-at", "2026-11-21T10:00:00Z");
const CHECKED: &str = "sweeps/sweep-1/withdrawal/checked-00000.jsonl";
const SETS: &str = "sweeps/sweep-1/withdrawal/sets.json";
const CLOSABLE: &str = "sweeps/sweep-1/closable.jsonl";
const STUCK: &str = "sweeps/sweep-1/stuck.jsonl";
const CANDIDATE: &str = r#"{"accountId":"222222222222","tenantId":"acme","place":"RETIRING","retireAfter":"2026-11-20T10:00:00Z"}"#;

fn line() -> String {
    format!("{CANDIDATE}\n")
}

fn checked_line() -> String {
    format!("{},\"gone\":false}}\n", CANDIDATE.trim_end_matches('}'))
}

fn work(attempt: u32) -> String {
    format!("sweeps/sweep-1/withdrawal/attempt-{attempt}-set-0000.json")
}

fn group() -> String {
    format!(
        r#"{{"stackSet":"baseline","serviceManaged":false,"groups":[{{"regions":["eu-central-1"],"accounts":["{ACCOUNT}"],"retain":false}}],"stuck":[]}}"#
    )
}

const EMPTY: &str = r#"{"stackSet":"baseline","serviceManaged":false,"groups":[],"stuck":[]}"#;

fn config(retain: bool) -> Config {
    Config::load(&|name| {
        let value = match name {
            "RETIRING_OU_ID" => "ou-root-retiring",
            "SUSPENDED_OU_ID" => "ou-root-suspended",
            "MANAGEMENT_ACCOUNT_ID" => "111122223333",
            "RUNS_BUCKET" => "runs",
            "ACCOUNT_ROLE_NAME" => "ExecutionRole",
            "RETAIN_INOPERABLE" if retain => "true",
            _ => return None,
        };
        Some(value.to_owned())
    })
    .unwrap()
}

async fn answer_at(
    minute: i64,
    resume: Value,
    script: Vec<Vec<Exchange>>,
) -> Result<Value, Diagnostic> {
    let script = Script::new(script.into_iter().flatten()).with_no_parameter();
    answer_of(minute, resume, script).await
}

async fn answer_of(minute: i64, resume: Value, script: Script) -> Result<Value, Diagnostic> {
    let start: jiff::Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
    let now = start + jiff::SignedDuration::from_mins(minute);
    let app = App::new(&script.wire("eu-central-1"), config(false), Clock::fixed(now));
    let mut request: Value = serde_json::from_str(REQUEST).unwrap();
    request["resume"] = resume;
    let answer = lambda_kit::call(&app, &handle, request).await;
    script.played();
    answer
}

async fn answer(resume: Value, script: Vec<Vec<Exchange>>) -> Result<Value, Diagnostic> {
    answer_at(0, resume, script).await
}

fn gets(key: &str, text: &str) -> Vec<Exchange> {
    vec![call("GetObject", json!({"key": key})).answers_text(text)]
}

fn misses(key: &str) -> Vec<Exchange> {
    vec![call("GetObject", json!({"key": key})).refuses_as_s3(404, "NoSuchKey")]
}

fn puts(key: &str, body: &str) -> Vec<Exchange> {
    vec![call("PutObject", json!({"key": key, "body": body}))]
}

fn delegates() -> Vec<Exchange> {
    vec![
        call("ListDelegatedAdministrators", json!({}))
            .answers(&json!({"DelegatedAdministrators": []})),
    ]
}

fn read_as(state: &str, more: &[(&str, &str)]) -> Vec<Exchange> {
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

fn read(more: &[(&str, &str)]) -> Vec<Exchange> {
    read_as("ACTIVE", more)
}

fn marks() -> Vec<Exchange> {
    let tags = json!([{"Key": MARK.0, "Value": MARK.1}]);
    vec![call("TagResource", json!({"ResourceId": ACCOUNT, "Tags": tags}))]
}

/// An account that the guards let through, and the list of stack sets.
fn up_to_the_first_look() -> Vec<Vec<Exchange>> {
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
        puts(SETS, r#"[["baseline",false,0]]"#),
    ]
}

fn lists(instances: &[(&str, &str)]) -> Vec<Exchange> {
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

fn deletes() -> Exchange {
    let request = json!({"StackSetName": "baseline", "Accounts.member.1": ACCOUNT,
        "Regions.member.1": "eu-central-1", "RetainStacks": "false",
        "OperationPreferences.FailureTolerancePercentage": "100"});
    deletes_with(request)
}

fn deletes_with(request: Value) -> Exchange {
    call("DeleteStackInstances", request).answers_text(
        "<DeleteStackInstancesResponse><DeleteStackInstancesResult><OperationId>x</OperationId>\
         </DeleteStackInstancesResult></DeleteStackInstancesResponse>",
    )
}

fn operation(status: &str) -> Vec<Exchange> {
    vec![call("DescribeStackSetOperation", json!({"StackSetName": "baseline"})).answers_text(
        &format!(
            "<DescribeStackSetOperationResponse><DescribeStackSetOperationResult>\
             <StackSetOperation><Status>{status}</Status></StackSetOperation>\
             </DescribeStackSetOperationResult></DescribeStackSetOperationResponse>"
        ),
    )]
}

/// What was found is read again.
fn works(attempt: u32, text: &str) -> Vec<Vec<Exchange>> {
    vec![gets(SETS, r#"[["baseline",false,0]]"#), gets(&work(attempt), text)]
}

fn finishes(attempt: u32, found: &str, stuck: &str, closable: &str) -> Vec<Vec<Exchange>> {
    let mut script = works(attempt, found);
    script.push(gets(CHECKED, &checked_line()));
    script.extend(works(attempt, found));
    script.extend([puts(STUCK, stuck), misses("retirements/stuck.json"), puts(CLOSABLE, closable)]);
    script
}

#[track_caller]
fn pending(answer: Result<Value, Diagnostic>) -> Value {
    let answer = answer.unwrap();
    assert_eq!(answer["status"], "PENDING", "{answer}");
    answer
}

#[track_caller]
fn counts(answer: Result<Value, Diagnostic>, closable: u32, stuck: u32, refused: u32) {
    let answer = answer.unwrap();
    let expected = json!({"status": "DONE", "closable": closable, "stuck": stuck,
        "refused": refused, "closableKey": CLOSABLE, "stuckKey": STUCK});
    assert_eq!(answer, expected);
}

#[track_caller]
fn refused(answer: Result<Value, Diagnostic>, name: &str) -> String {
    let error = answer.unwrap_err();
    assert_eq!(error.error_type, name, "{}", error.error_message);
    assert!(ERROR_NAMES.contains(&name));
    error.error_message
}

fn following() -> Value {
    json!({"phase": "FOLLOW", "next": 0, "attempt": 0, "checked": [0], "refused": 0})
}

#[tokio::test(start_paused = true)]
async fn the_gate_is_opened_before_the_stacks_are_deleted_and_the_end_is_seen() {
    let mut script = up_to_the_first_look();
    script.extend([lists(&[("CURRENT", "")]), puts(&work(0), &group())]);
    script.extend(works(0, &group())); // is there anything to do?
    script.extend(works(0, &group())); // whose gates?
    let role = json!({"RoleArn": format!("arn:aws:iam::{ACCOUNT}:role/ExecutionRole")});
    let open = r#"{"action":"open","until":"2026-11-23T10:00:00Z","reason":"its tenant has left, and its stacks are withdrawn","by":"sweep-1"}"#;
    let parameter = json!({"Name": "/landlord/gate/override", "Value": open, "Type": "String",
        "Overwrite": true});
    script.push(vec![
        call("AssumeRole", role).answers_text(&assume_role_answer("AKIATENANT")),
        call("PutParameter", parameter),
    ]);
    script.extend(works(0, &group()));
    script.push(vec![deletes()]);
    script.extend(works(0, &group()));
    script.push(operation("RUNNING"));
    let waiting = pending(answer(json!({}), script).await);
    assert_eq!(waiting["resume"], following());

    let mut script = works(0, &group());
    script.extend([
        operation("SUCCEEDED"),
        gets(CHECKED, &checked_line()),
        gets(SETS, r#"[["baseline",false,0]]"#),
        lists(&[]),
        puts(&work(1), EMPTY),
    ]);
    script.extend(finishes(1, EMPTY, "", &line()));
    counts(answer(waiting["resume"].clone(), script).await, 1, 0, 0);
}

#[tokio::test(start_paused = true)]
async fn an_account_without_stacks_is_closable_at_once() {
    let mut script = up_to_the_first_look();
    script.extend([lists(&[]), puts(&work(0), EMPTY)]);
    script.extend(finishes(0, EMPTY, "", &line()));
    counts(answer(json!({}), script).await, 1, 0, 0);
}

/// Nobody's stacks are to be deleted: `checked` are the lines that passed the guards, `closable`
/// those who may be closed.
fn without_stacks(checked: &str, closable: &str) -> Vec<Vec<Exchange>> {
    vec![
        puts(CHECKED, checked),
        gets(CHECKED, checked),
        gets(CHECKED, checked),
        puts(STUCK, ""),
        misses("retirements/stuck.json"),
        puts(CLOSABLE, closable),
    ]
}

/// The guards refuse the only candidate: its outcome says so, and nobody is left.
fn set_aside() -> Vec<Vec<Exchange>> {
    let outcome = json!({"key": "sweeps/sweep-1/outcomes/222222222222.json"});
    let mut script = vec![vec![call("PutObject", outcome)]];
    script.extend(without_stacks("", ""));
    script
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_closed_already_is_marked_and_leaves_its_stacks_behind() {
    let gone = format!("{},\"gone\":true}}\n", CANDIDATE.trim_end_matches('}'));
    let retained = group().replace(r#""retain":false"#, r#""retain":true"#);
    let mut script = up_to_the_first_look();
    script[2] = read_as("CLOSED", &[]);
    script[4] = vec![];
    script[5] = puts(CHECKED, &gone);
    script[6] = gets(CHECKED, &gone);
    script.extend([lists(&[("CURRENT", "")]), puts(&work(0), &retained)]);
    script.extend(works(0, &retained)); // is there anything to do?
    script.extend(works(0, &retained)); // whose gates? None's: nothing of the account is touched.
    script.extend(works(0, &retained));
    let request = json!({"Accounts.member.1": ACCOUNT, "RetainStacks": "true"});
    script.push(vec![deletes_with(request)]);
    script.extend(works(0, &retained));
    script.push(operation("RUNNING"));
    assert_eq!(pending(answer(json!({}), script).await)["resume"], following());
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_marked_of_a_closed_account_is_left_unmarked() {
    let gone = format!("{},\"gone\":true}}\n", CANDIDATE.trim_end_matches('}'));
    let mut script = up_to_the_first_look();
    script[2] = read_as("CLOSED", &[]);
    script[3] = vec![call("TagResource", json!({})).refuses("ConstraintViolationException")];
    script[4] = vec![];
    script[5] = puts(CHECKED, &gone);
    script[6] = gets(CHECKED, &gone);
    script.extend([lists(&[]), puts(&work(0), EMPTY)]);
    script.extend(works(0, EMPTY));
    script.push(gets(CHECKED, &gone));
    script.extend(works(0, EMPTY));
    script.extend([puts(STUCK, ""), misses("retirements/stuck.json"), puts(CLOSABLE, &line())]);
    counts(answer(json!({}), script).await, 1, 0, 0);
}

fn switch(value: &str) -> Vec<Exchange> {
    vec![
        call("GetParameter", json!({"Name": "/landlord/stop"}))
            .answers(&json!({"Parameter": {"Value": value}})),
    ]
}

const THROWN: &str =
    r#"{"stopped":true,"reason":"too many","by":"ops","since":"2026-11-21T09:00:00Z"}"#;
const SAID: &str = "everything irreversible is stopped by ops since 2026-11-21T09:00:00Z: too many";

#[tokio::test(start_paused = true)]
async fn a_thrown_switch_keeps_an_account_before_it_is_looked_at_or_marked() {
    let outcome = json!({"outcome": "DEFERRED", "accountId": ACCOUNT, "tenantId": "acme",
        "code": "Stopped", "reason": SAID});
    let mut script = vec![
        gets("sweeps/sweep-1/closing.jsonl", &line()),
        delegates(),
        switch(THROWN),
        puts("sweeps/sweep-1/outcomes/222222222222.json", &outcome.to_string()),
    ];
    script.extend(without_stacks("", ""));
    counts(answer_of(0, json!({}), Script::new(script.concat())).await, 0, 0, 1);
}

#[tokio::test(start_paused = true)]
async fn a_switch_that_is_thrown_during_a_sweep_starts_no_further_deletion_and_closes_nothing() {
    let resume = json!({"phase": "DELETE", "next": 0, "attempt": 0, "checked": [0], "refused": 0});
    let stuck = format!(
        r#"{{"accountId":"{ACCOUNT}","tenantId":"acme","code":"Stopped","reason":"{SAID}"}}"#
    );
    let mut script = works(0, &group());
    script.extend([switch(THROWN), gets(CHECKED, &checked_line()), gets(CHECKED, &checked_line())]);
    script.extend(works(0, &group()));
    script.extend([
        puts(STUCK, &format!("{stuck}\n")),
        misses("retirements/stuck.json"),
        puts(CLOSABLE, ""),
    ]);
    let answer = answer_of(0, resume, Script::new(script.concat())).await.unwrap();
    assert_eq!((&answer["closable"], &answer["stuck"]), (&json!(0), &json!(1)));
    assert_eq!(answer["stopped"]["by"], "ops");
}

#[tokio::test(start_paused = true)]
async fn a_stack_set_that_may_not_be_touched_is_named_and_stops_nothing_else() {
    let resume = json!({"phase": "DELETE", "next": 0, "attempt": 0, "checked": [0], "refused": 0});
    let mut script = works(0, &group());
    script.push(vec![deletes().refuses_in_xml(403, "AccessDenied")]);
    script.extend(works(0, &group()));
    let missing = call("DescribeStackSetOperation", json!({}))
        .refuses_in_xml(404, "OperationNotFoundException");
    let said = "cloudformation:DeleteStackInstances answered AccessDenied: refused by the test";
    let stuck = format!(
        r#"{{"accountId":"{ACCOUNT}","tenantId":"acme","stackSet":"baseline","region":"eu-central-1","code":"NotAllowed","reason":"{said}"}}"#
    );
    let found = EMPTY.replace(r#""stuck":[]"#, &format!(r#""stuck":[{stuck}]"#));
    script.extend([
        vec![missing],
        gets(CHECKED, &checked_line()),
        gets(SETS, r#"[["baseline",false,0]]"#),
        lists(&[("CURRENT", "")]),
        puts(&work(1), &found),
    ]);
    script.extend(works(1, &found));
    script.push(gets(CHECKED, &checked_line()));
    script.extend(works(1, &found));
    script.extend([puts(STUCK, &format!("{stuck}\n")), misses("retirements/stuck.json")]);
    script.push(vec![call("PutObject", json!({"key": "retirements/stuck.json"}))]);
    script.push(puts(CLOSABLE, ""));
    counts(answer(resume, script).await, 0, 1, 0);
}

#[tokio::test(start_paused = true)]
async fn what_others_depend_on_is_looked_for_when_those_are_gone() {
    let sets = r#"[["network",false,1],["service",false,0]]"#;
    let set = |attempt: u32, set: u32| {
        format!("sweeps/sweep-1/withdrawal/attempt-{attempt}-set-{set:04}.json")
    };
    let empty = |name: &str| EMPTY.replace("baseline", name);
    let listed = |name: &str| {
        vec![call("ListStackInstances", json!({"StackSetName": name})).answers_text(
            "<ListStackInstancesResponse><ListStackInstancesResult><Summaries/>\
             </ListStackInstancesResult></ListStackInstancesResponse>",
        )]
    };
    let resume = json!({"phase": "FIND", "next": 0, "attempt": 0, "checked": [0], "refused": 0});
    let (first, second) = (empty("service"), empty("network"));
    let script = vec![
        gets(CHECKED, &checked_line()),
        gets(SETS, sets),
        listed("service"),
        puts(&set(0, 1), &first),
        gets(SETS, sets),
        gets(&set(0, 1), &first),
        // The next level: nothing of the first one is stuck.
        gets(CHECKED, &checked_line()),
        gets(SETS, sets),
        gets(&set(0, 1), &first),
        gets(SETS, sets),
        listed("network"),
        puts(&set(1, 0), &second),
        gets(SETS, sets),
        gets(&set(1, 0), &second),
        gets(CHECKED, &checked_line()),
        gets(SETS, sets),
        gets(&set(0, 1), &first),
        gets(SETS, sets),
        gets(&set(1, 0), &second),
        puts(STUCK, ""),
        misses("retirements/stuck.json"),
        puts(CLOSABLE, &line()),
    ];
    counts(answer(resume, script).await, 1, 0, 0);
}

#[tokio::test(start_paused = true)]
async fn deletions_that_failed_are_tried_again_after_a_pause() {
    let resume = json!({"phase": "DELETE", "next": 0, "attempt": 1, "checked": [0], "refused": 0,
        "againAt": "2026-11-21T10:01:00Z"});
    let waiting = pending(answer(resume.clone(), vec![]).await);
    assert!(waiting["because"].as_str().unwrap().contains("10:01"), "{waiting}");
    let mut script = works(1, &group());
    script.push(vec![deletes()]);
    script.extend(works(1, &group()));
    script.push(operation("RUNNING"));
    pending(answer_at(1, resume, script).await);
}

#[tokio::test(start_paused = true)]
async fn what_the_guards_refuse_keeps_its_stacks() {
    for (first, second) in [
        (read(&[("landlord:hold", "law suit")]), vec![]),
        // It comes back between the mark and the second look.
        ([read(&[]), marks()].concat(), read(&[MARK, ("landlord:lifecycle", "REINSTATED")])),
    ] {
        let mut script =
            vec![gets("sweeps/sweep-1/closing.jsonl", &line()), delegates(), first, second];
        script.extend(set_aside());
        counts(answer(json!({}), script).await, 0, 0, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_denied_mark_is_the_guards_word_only_of_an_account_that_is_no_tenants() {
    let script = |second: Vec<Exchange>| {
        let mut mark = marks();
        let mark = mark.remove(0).refuses("AccessDeniedException");
        vec![
            gets("sweeps/sweep-1/closing.jsonl", &line()),
            delegates(),
            read(&[]),
            vec![mark],
            second,
        ]
    };
    // Somebody took the tags away between the look and the mark.
    let mut lost = script(vec![
        call("DescribeAccount", json!({"AccountId": ACCOUNT}))
            .answers(&json!({"Account": {"State": "ACTIVE"}})),
        call("ListTagsForResource", json!({"ResourceId": ACCOUNT})).answers(&json!({"Tags": []})),
        call("ListParents", json!({"ChildId": ACCOUNT}))
            .answers(&json!({"Parents": [{"Id": "ou-root-retiring", "Type": "X"}]})),
    ]);
    lost.extend(set_aside());
    counts(answer(json!({}), lost).await, 0, 0, 1);

    let said = refused(answer(json!({}), script(read(&[]))).await, "AccessDenied");
    assert!(said.contains("TagResource") && said.contains(ACCOUNT), "{said}");
}

#[tokio::test(start_paused = true)]
async fn an_inoperable_stack_is_reported_and_its_account_is_not_closable() {
    let stuck = format!(
        r#"{{"accountId":"{ACCOUNT}","tenantId":"acme","stackSet":"baseline","region":"eu-central-1","code":"TerminationProtected","reason":"TerminationProtection is enabled"}}"#
    );
    let found = format!(
        r#"{{"stackSet":"baseline","serviceManaged":false,"groups":[],"stuck":[{stuck}]}}"#
    );
    let resume = json!({"phase": "FIND", "next": 0, "attempt": 3, "checked": [0], "refused": 0});
    let mut script = vec![
        gets(CHECKED, &checked_line()),
        gets(SETS, r#"[["baseline",false,0]]"#),
        lists(&[("INOPERABLE", "TerminationProtection is enabled")]),
        puts(&work(3), &found),
    ];
    script.extend(works(3, &found));
    script.push(gets(CHECKED, &checked_line()));
    script.extend(works(3, &found));
    let remembered = format!(
        r#"{{"{ACCOUNT}":{{"since":"2026-11-21T10:00:00Z","reason":"TerminationProtected: TerminationProtection is enabled"}}}}"#
    );
    script.extend([
        puts(STUCK, &format!("{stuck}\n")),
        misses("retirements/stuck.json"),
        puts("retirements/stuck.json", &remembered),
        puts(CLOSABLE, ""),
    ]);
    counts(answer(resume, script).await, 0, 1, 0);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_and_a_started_operation_are_the_same() {
    let exists = deletes().refuses_in_xml(409, "OperationIdAlreadyExistsException");
    let resume = json!({"phase": "DELETE", "next": 0, "attempt": 0, "checked": [0], "refused": 0});
    let mut script = works(0, &group());
    script.push(vec![deletes().loses_its_answer(), exists]);
    script.extend(works(0, &group()));
    script.push(operation("QUEUED"));
    assert_eq!(pending(answer(resume, script).await)["resume"], following());
}

#[tokio::test(start_paused = true)]
async fn a_busy_stack_set_is_waited_for() {
    let resume = json!({"phase": "DELETE", "next": 0, "attempt": 0, "checked": [0], "refused": 0});
    let mut script = works(0, &group());
    script.push(vec![deletes().refuses_in_xml(409, "OperationInProgressException")]);
    assert_eq!(pending(answer(resume.clone(), script).await)["resume"], resume);
}

#[tokio::test(start_paused = true)]
async fn instances_that_went_meanwhile_are_looked_for_again() {
    let resume = json!({"phase": "DELETE", "next": 0, "attempt": 0, "checked": [0], "refused": 0});
    let mut script = works(0, &group());
    script.push(vec![deletes().refuses_in_xml(404, "StackInstanceNotFoundException")]);
    script.extend(works(0, &group()));
    let missing = call("DescribeStackSetOperation", json!({}))
        .refuses_in_xml(404, "OperationNotFoundException");
    script.extend([
        vec![missing],
        gets(CHECKED, &checked_line()),
        gets(SETS, r#"[["baseline",false,0]]"#),
        lists(&[]),
        puts(&work(1), EMPTY),
    ]);
    script.extend(finishes(1, EMPTY, "", &line()));
    counts(answer(resume, script).await, 1, 0, 0);
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_can_not_be_opened_does_not_stop_the_deletion() {
    let resume = json!({"phase": "OPEN", "next": 0, "attempt": 0, "checked": [0], "refused": 0});
    let mut script = works(0, &group());
    script.push(vec![call("AssumeRole", json!({})).refuses_in_xml(403, "AccessDenied")]);
    script.extend(works(0, &group()));
    script.push(vec![deletes()]);
    script.extend(works(0, &group()));
    script.push(operation("RUNNING"));
    pending(answer(resume, script).await);
}

#[tokio::test(start_paused = true)]
async fn without_time_left_the_sweep_goes_on_without_these_accounts() {
    let mut script = works(0, &group());
    script.push(operation("RUNNING"));
    script.push(gets(CHECKED, &checked_line()));
    script.extend(works(0, &group()));
    script.push(gets(CHECKED, &checked_line()));
    script.extend(works(0, &group()));
    script.extend([
        vec![call("PutObject", json!({"key": STUCK}))],
        misses("retirements/stuck.json"),
        vec![call("PutObject", json!({"key": "retirements/stuck.json"}))],
        puts(CLOSABLE, ""),
    ]);
    counts(answer_at(24 * 60, following(), script).await, 0, 1, 0);
}

#[tokio::test(start_paused = true)]
async fn throttles_are_waited_for_and_nothing_is_lost() {
    let throttle = call("DescribeAccount", json!({})).refuses("TooManyRequestsException");
    let script = vec![
        gets("sweeps/sweep-1/closing.jsonl", &line()),
        delegates(),
        vec![throttle.clone(), throttle.clone(), throttle],
    ];
    let waiting = pending(answer(json!({}), script).await);
    assert_eq!(waiting["resume"]["phase"], "CHECK");
    assert_eq!(waiting["resume"]["next"], 0);
}

#[tokio::test(start_paused = true)]
async fn denials_and_unforeseen_refusals_name_the_call() {
    for (code, name) in
        [("AccessDenied", "AccessDenied"), ("InsufficientCapabilities", "AwsRefused")]
    {
        let mut script = up_to_the_first_look();
        script.truncate(8);
        script.push(vec![call("ListStackSets", json!({})).refuses_in_xml(403, code)]);
        let message = refused(answer(json!({}), script).await, name);
        assert!(message.contains("sweep-1") && message.contains("ListStackSets"), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_not_understood_calls_nobody() {
    refused(answer(json!({"surprise": 1}), vec![]).await, "InvalidRequest");
}
