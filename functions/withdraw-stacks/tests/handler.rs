//! `withdraw-stacks` through its public API: a real SDK client, and an AWS that is a script.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "the other tests use the rest")]
mod script;

use script::*;
use scripted_wire::{Exchange, assume_role_answer, call};
use serde_json::json;

fn equips() -> Exchange {
    let done = json!({"status": "DONE", "accountId": ACCOUNT, "made": false, "unknownRoles": []});
    call("Invoke", json!({"Payload": {"accountId": ACCOUNT}})).answers(&done)
}

#[tokio::test(start_paused = true)]
async fn the_gate_is_opened_before_the_stacks_are_deleted_and_the_end_is_seen() {
    let mut script = up_to_the_first_look();
    script.extend([lists(&[("CURRENT", "")]), puts(&work(0), &group())]);
    script.extend(works(0, &group())); // is there anything to do?
    script.extend(works(0, &group())); // whose gates?
    let role =
        json!({"RoleArn": format!("arn:aws:iam::{ACCOUNT}:role/landlord/landlord-operator")});
    let open = r#"{"action":"open","until":"2026-11-23T10:00:00Z","reason":"its tenant has left, and its stacks are withdrawn","by":"sweep-1"}"#;
    let parameter = json!({"Name": "/landlord/gate/override", "Value": open, "Type": "String",
        "Overwrite": true});
    script.push(vec![
        equips(),
        call("AssumeRole", role).answers_text(&assume_role_answer("AKIATENANT")),
        call("PutParameter", parameter),
    ]);
    script.extend(works(0, &group()));
    script.push(looks_again(&[]));
    script.push(vec![deletes()]);
    script.extend(works(0, &group()));
    script.push(operation("RUNNING"));
    let waiting = pending(answer(json!({}), script).await);
    assert_eq!(waiting["resume"], following());

    let mut script = works(0, &group());
    script.extend([
        operation("SUCCEEDED"),
        gets(CHECKED, &checked_line()),
        gets(SETS, BASELINE),
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

/// The guards refuse the only candidate: its outcome says so, and nobody is left.
fn set_aside() -> Vec<Vec<Exchange>> {
    let outcome = json!({"key": "sweeps/sweep-1/outcomes/222222222222.json"});
    let mut script = vec![vec![call("PutObject", outcome)]];
    script.extend(without_stacks(misses(NOTE)));
    script
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
        gets(SETS, BASELINE),
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
    script.push(looks_again(&[]));
    script.push(vec![deletes().loses_its_answer(), exists]);
    script.extend(works(0, &group()));
    script.push(operation("QUEUED"));
    assert_eq!(pending(answer(resume, script).await)["resume"], following());
}

#[tokio::test(start_paused = true)]
async fn a_busy_stack_set_is_waited_for() {
    let resume = json!({"phase": "DELETE", "next": 0, "attempt": 0, "checked": [0], "refused": 0});
    let mut script = works(0, &group());
    script.push(looks_again(&[]));
    script.push(vec![deletes().refuses_in_xml(409, "OperationInProgressException")]);
    assert_eq!(pending(answer(resume.clone(), script).await)["resume"], resume);
}

#[tokio::test(start_paused = true)]
async fn instances_that_went_meanwhile_are_looked_for_again() {
    let resume = json!({"phase": "DELETE", "next": 0, "attempt": 0, "checked": [0], "refused": 0});
    let mut script = works(0, &group());
    script.push(looks_again(&[]));
    script.push(vec![deletes().refuses_in_xml(404, "StackInstanceNotFoundException")]);
    script.extend(works(0, &group()));
    let missing = call("DescribeStackSetOperation", json!({}))
        .refuses_in_xml(404, "OperationNotFoundException");
    script.extend([
        vec![missing],
        gets(CHECKED, &checked_line()),
        gets(SETS, BASELINE),
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
    let denied = call("AssumeRole", json!({})).refuses_in_xml(403, "AccessDenied");
    script.push(vec![equips(), denied.clone(), equips(), denied]);
    script.extend(works(0, &group()));
    script.push(looks_again(&[]));
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
