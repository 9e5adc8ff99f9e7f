//! `plan-retirements` through its public API: a real SDK client, and a small world behind it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "the other tests use the rest")]
mod world;

use lambda_kit::{Clock, Diagnostic};
use plan_retirements::ERROR_NAMES;
use serde_json::{Value, json};
use world::asking::*;
use world::{GENERAL, RETIRING, SUSPENDED, World};

fn verdicts(world: &World) -> Vec<(String, String, String)> {
    let mut all: Vec<_> = world
        .lines("sweeps/sweep-1/verdicts/")
        .iter()
        .map(|line| {
            let word = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
            let id = word("accountId");
            (id.trim_start_matches('0').to_owned(), word("verdict"), word("code"))
        })
        .collect();
    all.sort();
    all
}

#[track_caller]
fn refused(answer: Result<Value, Diagnostic>, name: &str) -> String {
    let error = answer.unwrap_err();
    assert_eq!(error.error_type, name, "{}", error.error_message);
    assert!(ERROR_NAMES.contains(&name));
    error.error_message
}

/// One account of each kind.
fn one_of_each() -> World {
    let world = World::default();
    for id in 100..150 {
        world.tenant(id, GENERAL, &[]);
    }
    world.due(1, RETIRING, &[]);
    world.due(2, SUSPENDED, &[]);
    world.due(3, RETIRING, &[("landlord:retire-after", "2026-12-24T10:00:00Z")]);
    world.due(4, RETIRING, &[("landlord:hold", "law suit")]);
    world.due(5, RETIRING, &[]);
    world.due(6, RETIRING, &[("landlord:retiring-at", "2026-11-21T09:00:00Z")]);
    world.due(7, RETIRING, &[("landlord:lifecycle", "REINSTATED")]);
    world.tenant(8, RETIRING, &[]);
    world.tenant(9, RETIRING, &[]);
    world.change(9, |account| account.tags.clear());
    world.due(10, RETIRING, &[]);
    world.0.lock().unwrap().delegates.push("000000000010".into());
    world.due(11, SUSPENDED, &[("landlord:closing-requested-at", "2026-11-10T10:00:00Z")]);
    world.change(11, |account| account.state = "CLOSED");
    world.due(12, RETIRING, &[]);
    world.change(12, |account| account.is_indexed = false);
    world
}

#[tokio::test(start_paused = true)]
async fn every_account_gets_one_verdict_with_its_reason() {
    let world = one_of_each();
    let planned = plan(&world).await;
    assert_eq!((&planned["status"], &planned["outcome"]), (&json!("DONE"), &json!("PLANNED")));
    let expected = [
        ("1", "WITHDRAW", ""),
        ("10", "REFUSE", "DelegatedAdministrator"),
        ("11", "CLOSED", ""),
        // The index lags: it was read afresh.
        ("12", "WITHDRAW", ""),
        ("2", "CLOSE", ""),
        ("3", "WAIT", "CoolingOff"),
        ("4", "HOLD", "OnHold"),
        ("5", "REFUSE", "Protected"),
        ("6", "REFUSE", "MovedRecently"),
        ("7", "REFUSE", "Reinstated"),
        ("8", "REFUSE", "TagsMissing"),
        ("9", "REFUSE", "NotATenant"),
    ];
    let expected = expected.map(|(id, verdict, code)| (id.into(), verdict.into(), code.into()));
    assert_eq!(verdicts(&world), expected);
    let counts = json!({"WAIT": 1, "WITHDRAW": 2, "CLOSE": 1, "DEFER": 0, "HOLD": 1, "REFUSE": 6,
        "CLOSED": 1});
    assert_eq!(planned["counts"], counts);
    assert_eq!(planned["budget"]["closedInWindow"], 1);
    let closing: Vec<Value> = world.lines("sweeps/sweep-1/closing.jsonl");
    // The emptied one comes first.
    assert_eq!(
        closing[0],
        json!({"accountId": "000000000002", "tenantId": "t2",
        "place": "SUSPENDED", "retireAfter": "2026-11-20T10:00:00Z", "leaving": {
            "leftAt": "2026-10-20T10:00:00Z", "reason": "it is not said", "by": "it is not said"}})
    );
    assert_eq!(planned["closing"], 3);
}

#[tokio::test(start_paused = true)]
async fn an_empty_organization_has_an_empty_plan() {
    let world = World::default();
    let planned = plan(&world).await;
    assert_eq!((&planned["closing"], &planned["fleet"]), (&json!(0), &json!(0)));
    assert_eq!(planned["forecast"]["emptyAt"], NOW);
}

#[tokio::test(start_paused = true)]
async fn those_without_a_slot_are_deferred_with_a_date_and_the_oldest_come_first() {
    let world = World::default();
    for id in 0..30 {
        let since = format!("2026-11-{:02}T10:00:00Z", 20 - id % 10);
        world.due(1000 + id, RETIRING, &[("landlord:retire-after", &since)]);
    }
    world.put("retirements/stuck.json", r#"{"000000001009":{"since":"x","reason":"y"}}"#);
    let planned = ask(&world, |request| request["closeAtMost"] = 4.into()).await.unwrap();
    assert_eq!(planned["counts"]["WITHDRAW"], 4);
    let closing = world.lines("sweeps/sweep-1/closing.jsonl");
    let ids: Vec<_> = closing.iter().map(|line| line["accountId"].as_str().unwrap()).collect();
    // 1009 is as old as 1019, but was stuck before.
    assert_eq!(ids, ["000000001019", "000000001029", "000000001008", "000000001018"]);
    let lines = world.lines("sweeps/sweep-1/verdicts/");
    let expected = |id: &str| {
        let line = lines.iter().find(|line| line["accountId"] == id).unwrap();
        line["expectedAt"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(expected("000000001019"), "");
    assert_eq!(expected("000000001028"), "2026-11-22T10:00:00Z");
    assert_eq!(expected("000000001009"), "2026-11-28T10:00:00Z");
    assert_eq!(planned["forecast"]["dueEmptyAt"], "2026-11-28T10:00:00Z");
}

#[tokio::test(start_paused = true)]
async fn too_much_at_once_opens_the_breaker_and_closes_nothing() {
    let world = World::default();
    for id in 0..100 {
        world.due(100 + id, if id < 30 { RETIRING } else { GENERAL }, &[]);
    }
    let clock = Clock::fixed(NOW.parse().unwrap());
    let config = config(&[("BREAKER_PERCENT", "10")]);
    let planned = ask_at(&world, config, |_| (), clock).await.unwrap();
    assert_eq!((&planned["outcome"], &planned["closing"]), (&json!("BREAKER_OPEN"), &json!(0)));
    assert_eq!(planned["counts"]["DEFER"], 30);
    assert!(world.lines("sweeps/sweep-1/closing.jsonl").is_empty());
}

#[tokio::test(start_paused = true)]
async fn only_pages_are_read_however_many_accounts_there_are() {
    let world = World::default();
    for id in 0..2_000 {
        let unit = if id < 430 { RETIRING } else { GENERAL };
        world.due(id, unit, &[]);
    }
    let planned = plan(&world).await;
    assert_eq!((&planned["fleet"], &planned["closing"]), (&json!(2_000), &json!(50)));
    assert_eq!(world.count("ListAccountsForParent"), 430_usize.div_ceil(20) + 1);
    assert_eq!(world.count("GetResources"), 20);
    assert_eq!(world.count("ListTagsForResource"), 0);
    assert_eq!(verdicts(&world).len(), 430);
}

#[tokio::test(start_paused = true)]
async fn a_call_works_for_a_while_and_the_next_goes_on() {
    let world = World::default();
    for id in 0..600 {
        world.due(id, if id < 500 { RETIRING } else { GENERAL }, &[]);
    }
    // A clock that runs a minute each time somebody looks.
    let clock = || {
        let now = std::sync::Mutex::new(NOW.parse::<jiff::Timestamp>().unwrap());
        Clock::from_fn(std::sync::Arc::new(move || {
            let mut now = now.lock().unwrap();
            *now += jiff::SignedDuration::from_mins(1);
            *now
        }))
    };
    let (mut resume, mut calls) = (json!(null), 0);
    let planned = loop {
        calls += 1;
        let answer = ask_at(&world, config(&[]), |it| it["resume"] = resume.clone(), clock());
        let answer = answer.await.unwrap();
        if answer["status"] == "DONE" {
            break answer;
        }
        resume = answer["resume"].clone();
        assert!(calls < 50, "{resume}");
    };
    assert!(calls > 5, "{calls}");
    assert_eq!(planned["fleet"], 600);
    assert_eq!(verdicts(&world).len(), 500);
    assert_eq!(world.count("ListAccountsForParent"), 26);
    assert_eq!(world.count("GetResources"), 6);
}

#[tokio::test(start_paused = true)]
async fn a_throttle_loses_nothing_that_was_read() {
    for (call, after) in [("ListAccountsForParent", 2), ("GetResources", 1)] {
        let world = World::default();
        for id in 0..250 {
            world.due(id, if id < 90 { RETIRING } else { GENERAL }, &[]);
        }
        world.0.lock().unwrap().refusal = Some((call, after, "TooManyRequestsException"));
        let waiting = plan(&world).await;
        assert_eq!(waiting["status"], "PENDING", "{waiting}");
        assert!(waiting["because"].as_str().unwrap().contains(call), "{waiting}");
        let resume = waiting["resume"].clone();
        let planned = ask(&world, |request| request["resume"] = resume).await.unwrap();
        assert_eq!(planned["fleet"], 250);
        assert_eq!(verdicts(&world).len(), 90);
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_aws_forgot_begins_the_list_again() {
    for (call, code) in [
        ("ListAccountsForParent", "InvalidInputException"),
        ("GetResources", "PaginationTokenExpiredException"),
    ] {
        let world = World::default();
        for id in 0..250 {
            world.due(id, if id < 90 { RETIRING } else { GENERAL }, &[]);
        }
        world.0.lock().unwrap().refusal = Some((call, 1, code));
        let mut answer = plan(&world).await;
        for _ in 0..3 {
            world.0.lock().unwrap().refusal = None;
            let resume = answer["resume"].clone();
            if answer["status"] == "PENDING" {
                answer = ask(&world, |request| request["resume"] = resume).await.unwrap();
            }
        }
        assert_eq!((&answer["status"], &answer["fleet"]), (&json!("DONE"), &json!(250)), "{call}");
        assert_eq!(verdicts(&world).len(), 90);
    }
}

#[tokio::test(start_paused = true)]
async fn only_one_sweep_plans_and_one_that_ended_loses_its_lock() {
    let lock = r#"{"executionArn":"arn:other","since":"2026-11-20T10:00:00Z"}"#;
    let world = one_of_each();
    world.put("retirements/lock.json", lock);
    world.0.lock().unwrap().is_running = true;
    let planned = plan(&world).await;
    assert_eq!((&planned["outcome"], &planned["closing"]), (&json!("ALREADY_RUNNING"), &json!(0)));
    assert_eq!(world.count("ListAccountsForParent"), 0);

    world.0.lock().unwrap().is_running = false;
    assert_eq!(plan(&world).await["outcome"], "PLANNED");
    assert!(world.object("retirements/lock.json").contains("sweep-1"));
    // The same task again is the same sweep.
    assert_eq!(plan(&world).await["outcome"], "PLANNED");
}

#[tokio::test(start_paused = true)]
async fn the_report_says_how_it_ended_for_everybody_once() {
    let world = one_of_each();
    world.due(13, RETIRING, &[]);
    world.due(14, RETIRING, &[]);
    plan(&world).await;
    let outcome = |id: u64, outcome: &str, code: Value| {
        let id = format!("{id:012}");
        let text = json!({"outcome": outcome, "accountId": id, "tenantId": "t", "code": code,
                          "reason": "so | it is"});
        world.put(&format!("sweeps/sweep-1/outcomes/{id}.json"), &text.to_string());
    };
    outcome(1, "CLOSED", json!(null));
    outcome(2, "REFUSED", json!("OnHold"));
    outcome(12, "DEFERRED", json!("QuotaExceeded"));
    let stuck = json!({"accountId": "000000000013", "tenantId": "t13", "stackSet": "baseline",
        "region": "eu-central-1", "code": "Inoperable", "reason": "DELETE_FAILED"});
    world.put("sweeps/sweep-1/stuck.jsonl", &format!("{stuck}\n"));
    let left = json!({"accountId": "000000000001", "tenantId": "t1", "stackSet": "baseline",
        "region": "eu-west-1", "code": "Failed", "reason": "DeleteConflict"});
    world.put("sweeps/sweep-1/left.jsonl", &format!("{left}\n"));

    let reported = ask(&world, report).await.unwrap();
    let numbers =
        ["closed", "deferred", "refused", "stuck", "unfinished"].map(|key| &reported[key]);
    assert_eq!(numbers, [&json!(1), &json!(1), &json!(7), &json!(1), &json!(1)]);
    assert_eq!(reported["reportKey"], "sweeps/sweep-1/report.md");

    let document = world.object("sweeps/sweep-1/report.md");
    for words in [
        "# Retirement sweep sweep-1",
        "| 000000000001 | t1 |",
        "OnHold: so   it is",
        "QuotaExceeded",
        "Inoperable: baseline in eu-central-1 DELETE_FAILED",
        "stacks were left behind: baseline in eu-west-1: Failed: DeleteConflict",
        "| 000000000014 | t14 | its execution ended without an outcome |",
    ] {
        assert!(document.contains(words), "{words} in\n{document}");
    }
    let event = world.0.lock().unwrap().events[0].clone();
    assert_eq!(
        (&event["DetailType"], &event["Source"]),
        (&json!("RetirementSweepFinished"), &json!("landlord"))
    );
    let detail: Value = serde_json::from_str(event["Detail"].as_str().unwrap()).unwrap();
    assert_eq!((&detail["closedCount"], &detail["dryRun"]), (&json!(1), &json!(false)));
    assert_eq!(detail["stuck"][0]["code"], "Inoperable");
    let told = detail["attention"].as_array().unwrap();
    let left = told.iter().find(|it| it["code"] == "LeftBehind").unwrap();
    assert!(left["reason"].as_str().unwrap().contains("DeleteConflict"), "{left}");

    // The lock is free, and a second report says nothing again.
    assert!(!world.0.lock().unwrap().objects.contains_key("retirements/lock.json"));
    ask(&world, report).await.unwrap();
    assert_eq!(world.0.lock().unwrap().events.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_says_what_would_be_closed() {
    let world = one_of_each();
    ask(&world, |request| request["dryRun"] = true.into()).await.unwrap();
    let reported = ask(&world, report).await.unwrap();
    let numbers = ["closed", "wouldClose", "unfinished"].map(|key| &reported[key]);
    assert_eq!(numbers, [&json!(0), &json!(3), &json!(0)]);
    assert!(!document_of(&world).contains("## Closed"), "a dry run closes nothing");
    let document = world.object("sweeps/sweep-1/report.md");
    assert!(
        document.contains("Dry run") && document.contains("## Would be closed: 3"),
        "{document}"
    );
}

#[tokio::test(start_paused = true)]
async fn denials_name_the_call_and_strange_requests_call_nobody() {
    let world = one_of_each();
    world.0.lock().unwrap().refusal = Some(("GetResources", 0, "AccessDeniedException"));
    let message = refused(ask(&world, |_| ()).await, "AccessDenied");
    assert!(message.contains("sweep-1") && message.contains("tag:GetResources"), "{message}");
    let world = World::default();
    refused(ask(&world, |request| request["action"] = "CLOSE".into()).await, "InvalidRequest");
    refused(ask(&world, |it| it["resume"] = json!({"surprise": 1})).await, "InvalidRequest");
    assert!(world.0.lock().unwrap().calls.is_empty());
}

#[tokio::test(start_paused = true)]
async fn waiting_past_the_deadline_is_an_error() {
    let world = World::default();
    world.0.lock().unwrap().refusal = Some(("GetResources", 0, "ThrottledException"));
    let late = Clock::fixed("2026-11-22T10:00:00Z".parse().unwrap());
    let answer = ask_at(&world, config(&[]), |_| (), late).await;
    assert!(refused(answer, "DeadlinePassed").contains("GetResources"));
}
