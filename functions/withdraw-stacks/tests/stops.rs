//! What stops a withdrawal, and what does not: the switch, a stack set that may not be touched, an
//! account that is closed already, a deletion that failed, what others depend on.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "the other tests use the rest")]
mod script;

use script::*;
use scripted_wire::{Script, call};
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn a_thrown_switch_keeps_an_account_before_it_is_looked_at_or_marked() {
    let outcome = json!({"outcome": "DEFERRED", "accountId": ACCOUNT, "tenantId": "acme",
        "code": "Stopped", "reason": SAID});
    let mut script = vec![
        gets("sweeps/sweep-1/closing.jsonl", &line()),
        delegates(),
        switch(THROWN),
        puts(NOTE, NOTED),
        puts("sweeps/sweep-1/outcomes/222222222222.json", &outcome.to_string()),
    ];
    // The switch was taken away meanwhile: the answer knows of it all the same.
    script.extend(without_stacks(gets(NOTE, NOTED)));
    let answer = answer_of(0, json!({}), Script::new(script.concat())).await.unwrap();
    assert_eq!((&answer["closable"], &answer["refused"]), (&json!(0), &json!(1)));
    assert_eq!(answer["stopped"]["by"], "ops");
}

#[tokio::test(start_paused = true)]
async fn a_switch_that_is_thrown_during_a_sweep_starts_no_further_deletion_and_closes_nothing() {
    let resume = json!({"phase": "DELETE", "next": 0, "attempt": 0, "checked": [0], "refused": 0});
    let stuck = format!(
        r#"{{"accountId":"{ACCOUNT}","tenantId":"acme","code":"Stopped","reason":"{SAID}"}}"#
    );
    let mut script = works(0, &group());
    script.extend([switch(THROWN), puts(NOTE, NOTED)]);
    script.extend([gets(CHECKED, &checked_line()), gets(CHECKED, &checked_line())]);
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
    script.push(looks_again(&[]));
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
        gets(SETS, BASELINE),
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

/// Of a stack set of another owner nobody is known to have instances, so that it is named and stops
/// no account. In one that a tier names everybody has some: nobody is known to be empty.
#[tokio::test(start_paused = true)]
async fn a_stack_set_that_may_not_be_read_is_named_and_stops_nobody_unless_it_is_the_tenants() {
    let said = "cloudformation:ListStackInstances answered AccessDenied: refused by the test";
    let unread = format!(r#"{{"stackSet":"baseline","reason":"{said}"}}"#);
    let stuck = format!(
        r#"{{"accountId":"{ACCOUNT}","tenantId":"acme","stackSet":"baseline","code":"NotAllowed","reason":"{said}"}}"#
    );
    for own in [true, false] {
        let sets = BASELINE.replace("true", &own.to_string());
        let stuck = if own { stuck.as_str() } else { "" };
        let found = format!(
            r#"{{"stackSet":"baseline","serviceManaged":false,"groups":[],"stuck":[{stuck}],"unread":"{said}"}}"#
        );
        let lines = |text: &str| if text.is_empty() { String::new() } else { format!("{text}\n") };
        let resume =
            json!({"phase": "FIND", "next": 0, "attempt": 0, "checked": [0], "refused": 0});
        let mut script = vec![
            gets(CHECKED, &checked_line()),
            gets(SETS, &sets),
            vec![call("ListStackInstances", json!({})).refuses_in_xml(403, "AccessDenied")],
            puts(&work(0), &found),
            gets(SETS, &sets),
            gets(&work(0), &found),
            gets(CHECKED, &checked_line()),
            gets(SETS, &sets),
            gets(&work(0), &found),
            puts(STUCK, &lines(stuck)),
            puts("sweeps/sweep-1/unread.jsonl", &lines(&unread)),
            misses("retirements/stuck.json"),
        ];
        if own {
            script.push(vec![call("PutObject", json!({"key": "retirements/stuck.json"}))]);
        }
        script.push(puts(CLOSABLE, &if own { String::new() } else { line() }));
        let answer = answer(resume, script).await.unwrap();
        let counts = ["closable", "stuck", "unread"].map(|key| answer[key].as_u64());
        let closable = u64::from(!own);
        assert_eq!(counts, [Some(closable), Some(1 - closable), Some(1)], "{answer}");
    }
}

/// An operation that may not be followed is no reason to wait for ever, nor to fail the others.
#[tokio::test(start_paused = true)]
async fn an_operation_that_may_not_be_followed_ends_with_its_own_stack_set() {
    let resume = json!({"phase": "FOLLOW", "next": 0, "attempt": 0, "checked": [0], "refused": 0});
    let mut script = works(0, &group());
    let denied = call("DescribeStackSetOperation", json!({})).refuses_in_xml(403, "AccessDenied");
    script.push(vec![denied]);
    // Its instances are gone when they are looked for again.
    script.extend([gets(CHECKED, &checked_line()), gets(SETS, BASELINE), lists(&[])]);
    script.push(puts(&work(1), EMPTY));
    script.extend(finishes(1, EMPTY, "", &line()));
    counts(answer(resume, script).await, 1, 0, 0);
}

#[tokio::test(start_paused = true)]
async fn what_others_depend_on_is_looked_for_when_those_are_gone() {
    let sets = r#"[{"name":"network","serviceManaged":false,"level":1,"own":true},{"name":"service","serviceManaged":false,"level":0,"own":true}]"#;
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

/// The mark was written hours ago, and the stack set was busy: the tenant that came back meanwhile is
/// being equipped again.
#[tokio::test(start_paused = true)]
async fn a_tenant_that_came_back_before_the_deletion_keeps_its_stacks() {
    for (tag, code, reason) in [
        (("landlord:lifecycle", "REINSTATED"), "Reinstated", "its tenant was reinstated"),
        (("landlord:hold", "audit"), "OnHold", "it is held: audit"),
    ] {
        let resume =
            json!({"phase": "DELETE", "next": 0, "attempt": 0, "checked": [0], "refused": 0});
        let outcome = json!({"outcome": "REFUSED", "accountId": ACCOUNT, "tenantId": "acme",
            "code": code, "reason": reason});
        let mut script = works(0, &group());
        script.extend([
            looks_again(&[tag]),
            gets(CHECKED, &checked_line()),
            puts("sweeps/sweep-1/outcomes/222222222222.json", &outcome.to_string()),
        ]);
        // No operation was started, and there is nothing to follow.
        script.extend(works(0, &group()));
        let missing = call("DescribeStackSetOperation", json!({}));
        script.push(vec![missing.refuses_in_xml(404, "OperationNotFoundException")]);
        script.extend([gets(CHECKED, &checked_line()), gets(CHECKED, &checked_line())]);
        script.extend([misses(NOTE), puts(STUCK, ""), misses("retirements/stuck.json")]);
        script.push(puts(CLOSABLE, ""));
        counts(answer(resume, script).await, 0, 0, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn deletions_that_failed_are_tried_again_after_a_pause() {
    let resume = json!({"phase": "DELETE", "next": 0, "attempt": 1, "checked": [0], "refused": 0,
        "againAt": "2026-11-21T10:01:00Z"});
    let waiting = pending(answer(resume.clone(), vec![]).await);
    assert!(waiting["because"].as_str().unwrap().contains("10:01"), "{waiting}");
    let mut script = works(1, &group());
    script.push(looks_again(&[]));
    script.push(vec![deletes()]);
    script.extend(works(1, &group()));
    script.push(operation("RUNNING"));
    pending(answer_at(1, resume, script).await);
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
    // Nobody comes back to it: it is not looked at once more.
    script.push(gets(CHECKED, &gone));
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
