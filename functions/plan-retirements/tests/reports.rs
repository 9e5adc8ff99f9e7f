//! What the sweep's report says, to people and to machines: the switch, the breaker, what a person
//! has to look at, who was closed and why.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "the other tests use the rest")]
mod world;

use lambda_kit::Clock;
use serde_json::{Value, json};
use world::asking::*;
use world::{RETIRING, SUSPENDED, World};

#[tokio::test(start_paused = true)]
async fn a_thrown_switch_closes_nothing_and_is_in_every_answer() {
    let world = World::default();
    world.due(1, RETIRING, &[]);
    world.0.lock().unwrap().stop = Some(THROWN.to_owned());
    let planned = plan(&world).await;
    assert_eq!((&planned["outcome"], &planned["closing"]), (&json!("STOPPED"), &json!(0)));
    assert_eq!(planned["stopped"]["by"], "ops");
    assert_eq!(planned["forecast"]["dueEmptyAt"], Value::Null);
    let words = "everything irreversible is stopped by ops since 2026-11-21T09:00:00Z";
    let line = world.lines("sweeps/sweep-1/verdicts/").remove(0);
    assert_eq!(line["verdict"], "DEFER");
    assert!(line["reason"].as_str().unwrap().contains(words), "{line}");
    let reported = ask(&world, report).await.unwrap();
    assert_eq!(reported["stopped"]["reason"], "wrong tenants");
    assert!(document_of(&world).contains(words) && !document_of(&world).contains("closed by "));
    let detail = said(&world);
    assert_eq!((&detail["stopped"]["by"], &detail["attentionCount"]), (&json!("ops"), &json!(1)));
}

/// Three accounts have a slot, and the switch is thrown when one of them is closed. When the report
/// is made it may have been taken away again.
#[tokio::test(start_paused = true)]
async fn a_switch_that_is_thrown_while_the_sweep_works_is_in_its_report() {
    let stop = r#"{"reason":"wrong tenants","by":"ops","since":"2026-11-21T09:00:00Z"}"#;
    for is_thrown_at_the_end in [true, false] {
        let world = World::default();
        (1..=3).for_each(|id| world.due(id, RETIRING, &[]));
        assert_eq!(plan(&world).await["closing"], 3);
        let outcome = |id: &str, outcome: &str, code: Value, reason: Value| {
            let text = json!({"outcome": outcome, "accountId": id, "tenantId": "t", "code": code,
                              "reason": reason});
            world.put(&format!("sweeps/sweep-1/outcomes/{id}.json"), &text.to_string());
        };
        outcome("000000000001", "CLOSED", json!(null), json!(null));
        outcome("000000000002", "DEFERRED", json!("Stopped"), json!("everything is stopped"));
        let stuck = json!({"accountId": "000000000003", "tenantId": "t3", "code": "Stopped",
            "reason": "everything is stopped"});
        world.put("sweeps/sweep-1/stuck.jsonl", &format!("{stuck}\n"));
        world.put("sweeps/sweep-1/stopped.json", stop);
        world.0.lock().unwrap().stop = is_thrown_at_the_end.then(|| THROWN.to_owned());
        let reported = ask(&world, report).await.unwrap();
        assert_eq!(reported["stopped"]["by"], "ops");
        assert_eq!(reported["stoppedAccounts"], 2);
        let detail = said(&world);
        assert_eq!(detail["stopped"]["since"], "2026-11-21T09:00:00Z");
        assert_eq!((&detail["closedCount"], &detail["stoppedCount"]), (&json!(1), &json!(2)));
        assert_eq!(detail["attention"][0]["code"], "Stopped");
        let document = document_of(&world);
        let words = "Closed before that: 1; not gone on with: 2";
        assert!(document.contains(words) && !document.contains("Nothing was closed"), "{document}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_switch_that_is_thrown_after_the_last_account_is_told_as_what_it_is() {
    let world = World::default();
    world.due(1, RETIRING, &[]);
    plan(&world).await;
    let closed = json!({"outcome": "CLOSED", "accountId": "000000000001", "tenantId": "t1"});
    world.put("sweeps/sweep-1/outcomes/000000000001.json", &closed.to_string());
    world.0.lock().unwrap().stop = Some(THROWN.to_owned());
    let reported = ask(&world, report).await.unwrap();
    assert_eq!((&reported["closed"], &reported["stoppedAccounts"]), (&json!(1), &json!(0)));
    assert_eq!(reported["stopped"]["by"], "ops");
    let document = document_of(&world);
    assert!(document.contains("No account of this sweep was held up by it"), "{document}");
}

#[tokio::test(start_paused = true)]
async fn a_stack_set_that_could_not_be_read_is_named_with_what_to_do() {
    let world = World::default();
    world.due(1, RETIRING, &[]);
    plan(&world).await;
    world.put(
        "sweeps/sweep-1/unread.jsonl",
        "{\"stackSet\":\"theirs\",\"reason\":\"AccessDenied\"}\n",
    );
    ask(&world, report).await.unwrap();
    let detail = said(&world);
    assert_eq!(
        detail["unreadStackSets"],
        json!([{"stackSet": "theirs", "reason": "AccessDenied"}])
    );
    let told = detail["attention"].as_array().unwrap();
    let told = told.iter().find(|one| one["code"] == "StackSetUnread").unwrap();
    assert_eq!(told["stackSet"], "theirs");
    let text = detail["attentionText"].as_str().unwrap();
    let words = "stack set theirs: StackSetUnread: AccessDenied. Next: name it in LeaveStackSets";
    assert!(text.contains(words), "{text}");
    assert!(document_of(&world).contains("- `theirs`: AccessDenied"));
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_names_no_date() {
    let world = World::default();
    (1..=3).for_each(|id| world.due(id, RETIRING, &[]));
    let strict = config(&[("BREAKER_PERCENT", "10"), ("BREAKER_FLOOR", "0")]);
    let clock = || Clock::fixed(NOW.parse().unwrap());
    ask_at(&world, strict.clone(), |_| (), clock()).await.unwrap();
    ask_at(&world, strict, report, clock()).await.unwrap();
    let document = document_of(&world);
    assert!(
        document.contains("No forecast") && !document.contains("will be closed by"),
        "{document}"
    );
    assert_eq!(said(&world)["attention"][0]["code"], "BreakerOpen");
}

#[tokio::test(start_paused = true)]
async fn what_a_person_has_to_look_at_is_told_once_and_again_when_it_changes() {
    let world = World::default();
    world.due(5, RETIRING, &[]);
    let mut told = Vec::new();
    for (sweep, change) in [("a", None), ("b", None), ("c", Some("landlord:lifecycle"))] {
        if let Some(key) = change {
            world.0.lock().unwrap().accounts.clear();
            world.due(7, RETIRING, &[]);
            world.change(7, |account| {
                account.tags.remove(key);
            });
        }
        // A dry run tells as well as another; neither tells twice.
        let named = |request: &mut Value| {
            request["sweep"] = json!({"name": sweep, "arn": format!("arn:{sweep}")});
            request["dryRun"] = (sweep == "a").into();
        };
        ask(&world, named).await.unwrap();
        let reported = |request: &mut Value| {
            named(request);
            report(request);
        };
        ask(&world, reported).await.unwrap();
        told.push(said(&world)["attention"].clone());
    }
    let first = &told[0][0];
    assert_eq!(
        (&first["accountId"], &first["code"]),
        (&json!("000000000005"), &json!("Protected"))
    );
    assert_eq!(first["tenantId"], "t5");
    assert!(first["reason"].as_str().unwrap().contains("protected"), "{first}");
    assert!(first["next"].as_str().unwrap().contains("Retiring"), "{first}");
    assert_eq!(told[1], json!([]));
    assert_eq!(told[2][0]["code"], "TagsMissing");
}

#[tokio::test(start_paused = true)]
async fn an_account_that_was_closed_by_hand_is_finished_without_a_slot() {
    let world = World::default();
    for (id, unit, state) in
        [(1, RETIRING, "CLOSED"), (2, RETIRING, "PENDING_CLOSURE"), (3, SUSPENDED, "CLOSED")]
    {
        world.due(id, unit, &[]);
        world.change(id, |account| account.state = state);
    }
    let planned = plan(&world).await;
    assert_eq!(planned["closing"], 1);
    assert_eq!(planned["counts"]["CLOSED"], 3);
    let closing = world.lines("sweeps/sweep-1/closing.jsonl");
    assert_eq!(closing[0]["accountId"], "000000000001");
    let closed = json!({"outcome": "CLOSED", "accountId": "000000000001", "tenantId": "t1"});
    world.put("sweeps/sweep-1/outcomes/000000000001.json", &closed.to_string());
    ask(&world, report).await.unwrap();
    let detail = said(&world);
    // The sweep did not close it, and does not say so.
    assert_eq!((&detail["closedCount"], &detail["closedByHandCount"]), (&json!(0), &json!(1)));
    let why = detail["closedByHand"][0]["reason"].as_str().unwrap();
    assert!(why.starts_with("it was closed by hand; its tenant left"), "{why}");
}

/// What a report says of such an account is true when nothing is done with it, too.
#[tokio::test(start_paused = true)]
async fn an_account_that_was_closed_by_hand_is_no_closing_of_a_dry_run_and_waits_for_the_switch() {
    let by_hand = || {
        let world = World::default();
        world.due(1, RETIRING, &[]);
        world.change(1, |account| account.state = "CLOSED");
        world
    };
    let world = by_hand();
    ask(&world, |request| request["dryRun"] = true.into()).await.unwrap();
    let reported = ask(&world, report).await.unwrap();
    assert_eq!((&reported["closed"], &reported["wouldClose"]), (&json!(0), &json!(0)));
    let world = by_hand();
    world.0.lock().unwrap().stop = Some(THROWN.to_owned());
    assert_eq!(plan(&world).await["closing"], 0);
    let line = world.lines("sweeps/sweep-1/verdicts/").remove(0);
    let reason = line["reason"].as_str().unwrap();
    assert!(reason.contains("not finished yet: everything irreversible is stopped"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn an_account_that_was_reopened_is_refused_and_told() {
    let world = World::default();
    world.due(1, SUSPENDED, &[("landlord:closing-requested-at", "2026-11-01T10:00:00Z")]);
    assert_eq!(plan(&world).await["closing"], 0);
    ask(&world, report).await.unwrap();
    let told = said(&world);
    assert_eq!(told["attention"][0]["code"], "Reopened");
    assert!(told["attentionText"].as_str().unwrap().contains("TenantReinstated"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn who_is_closed_has_why_since_when_and_on_whose_word() {
    let world = World::default();
    let word = "saas.signup 111122223333 e-1";
    world.due(
        1,
        RETIRING,
        &[("landlord:retire-reason", "cancelled"), ("landlord:retire-by", word)],
    );
    ask(&world, |request| request["dryRun"] = true.into()).await.unwrap();
    ask(&world, report).await.unwrap();
    let why = said(&world)["wouldClose"][0]["reason"].as_str().unwrap().to_owned();
    for words in ["2026-11-20T10:00:00Z", "2026-10-20T10:00:00Z", "cancelled", word] {
        assert!(why.contains(words), "{words} in {why}");
    }
}
