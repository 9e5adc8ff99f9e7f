//! Where messages wait, and that none waits behind another for a reason that is not its own.

use std::sync::{Arc, Mutex};

use lambda_kit::Metrics;
use scripted_wire::operations::{Aws, Reply, error};
use serde_json::{Value, json};

use crate::support::*;

fn full() -> Aws {
    empty().always("ListExecutions", |_| Reply::Json(running(&["a", "b", "c"])))
}

fn tiers(text: impl Into<String>) -> Aws {
    let text = text.into();
    empty().always("GetParameter", move |_| Reply::Json(json!({"Parameter": {"Value": text}})))
}

/// Where the one message went, and that the front is free.
fn group(aws: &Aws, answer: &Value) -> String {
    assert_eq!(*answer, answered(), "the front is free");
    let send = sent(aws);
    assert_eq!(send.field("QueueUrl"), &json!(queue("waiting.fifo")));
    assert_eq!(send.field("MessageDeduplicationId"), "m-1");
    send.field("MessageGroupId").as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_signup_that_needs_room_goes_on_to_wait_and_leaves_the_front() {
    let aws = empty();
    let answer = call(&aws, front(&signup())).await.unwrap();
    assert_eq!(group(&aws, &answer), "waiting");
    assert_eq!(sent(&aws).field("MessageBody"), &json!(signup().to_string()), "as it came");
    assert_eq!(events(&aws), []);
    assert!(!aws.operations().contains(&"ListExecutions".to_owned()), "nothing is counted here");
}

#[tokio::test]
async fn a_rejection_at_the_front_needs_no_room() {
    let mut bad = signup();
    bad["detail"]["tenantName"] = json!("");
    let aws = full();
    assert_eq!(call(&aws, front(&bad)).await.unwrap(), answered());
    assert_eq!(events(&aws)[0].0, "TenantRejected");
}

#[tokio::test]
async fn a_message_that_cannot_go_on_stays_at_the_front() {
    let aws = empty().always("SendMessage", |_| error(403, "AccessDenied"));
    assert_eq!(call(&aws, front(&signup())).await.unwrap(), waits());
    let change = &aws.calls_of("ChangeMessageVisibility")[0];
    assert_eq!(change.field("QueueUrl"), &json!(queue("signups.fifo")));
    assert_eq!(change.field("VisibilityTimeout"), 2);
}

#[tokio::test(start_paused = true)]
async fn only_aws_itself_holds_the_front_and_what_people_have_to_mend_holds_the_other_queue() {
    let throttled = empty().always("DescribeExecution", |_| error(400, "ThrottlingException"));
    assert_eq!(call(&throttled, front(&signup())).await.unwrap(), waits());
    let denied = empty().always("DescribeExecution", |_| error(400, "AccessDeniedException"));
    let answer = call(&denied, front(&signup())).await.unwrap();
    assert_eq!(group(&denied, &answer), "waiting");
    let unreadable = tiers("not JSON");
    let answer = call(&unreadable, front(&signup())).await.unwrap();
    assert_eq!(group(&unreadable, &answer), "waiting");
}

#[tokio::test]
async fn without_readable_tiers_what_is_wrong_or_in_hand_is_answered_all_the_same() {
    let mut bad = signup();
    bad["detail"]["tenantName"] = json!("");
    let aws = tiers("not JSON");
    assert_eq!(call(&aws, front(&bad)).await.unwrap(), answered());
    assert_eq!(events(&aws)[0].0, "TenantRejected");
    let aws = tiers("not JSON").json("DescribeExecution", execution("RUNNING", "another-event"));
    assert_eq!(call(&aws, front(&signup())).await.unwrap(), answered());
    assert_eq!(events(&aws)[0].1["behindEventId"], "another-event");
}

#[tokio::test]
async fn a_fault_in_one_tier_holds_that_tier_and_no_other() {
    let good: Value = serde_json::from_str(include_str!("../../events/tiers.json")).unwrap();
    for (pointer, wrong) in [
        ("organizationalUnits", json!([{"name": "Elsewhere", "weight": 1}])),
        ("baseline", json!([])),
        ("baselines", json!([])),
        ("quotas", json!("many")),
        // What the gate could not read would veto everything in the new account.
        (
            "baseline",
            json!([{"stackSet": "landlord-account-gate", "regions": ["eu-central-1"],
                    "parameterOverrides": {"FreezePeriods": "christmas"}}]),
        ),
    ] {
        let mut both = good.clone();
        both["tiers"]["broken"] = both["tiers"]["standard"].clone();
        both["tiers"]["broken"][pointer] = wrong;
        let mut of_broken = signup();
        of_broken["detail"]["tier"] = json!("broken");
        // At the front and behind it, it goes where it is in nobody's way, and waits there.
        for request in [front(&of_broken), one(&of_broken)] {
            let aws = tiers(both.to_string());
            let answer = call(&aws, request).await.unwrap();
            assert_eq!(group(&aws, &answer), "held-broken", "{pointer}");
        }
        let held = record_in("waiting.fifo", "held-broken", "m-1", &of_broken.to_string(), 1);
        let aws = tiers(both.to_string());
        assert_eq!(call(&aws, json!({"Records": [held]})).await.unwrap(), waits());
        // And the others pass.
        let aws = tiers(both.to_string());
        assert_eq!(call(&aws, one(&signup())).await.unwrap(), answered());
        assert_eq!(aws.calls_of("StartExecution").len(), 1, "{pointer}");
    }
    // Mended, it is admitted from there.
    let held = record_in("waiting.fifo", "held-standard", "m-1", &signup().to_string(), 7);
    let aws = empty();
    assert_eq!(call(&aws, json!({"Records": [held]})).await.unwrap(), answered());
    assert_eq!(aws.calls_of("StartExecution").len(), 1);
}

#[tokio::test]
async fn a_message_that_may_be_at_fault_waits_alone_and_is_set_aside_in_the_end() {
    let strange = || empty().always("StartExecution", |_| error(400, "SomethingNew"));
    let aws = strange();
    let answer = call(&aws, one(&signup())).await.unwrap();
    assert_eq!(group(&aws, &answer), "apart-m-1");
    for (receives, becomes) in [(20, waits()), (21, answered())] {
        let aws = strange();
        let alone = record_in("waiting.fifo", "apart-m-0", "m-1", &signup().to_string(), receives);
        assert_eq!(call(&aws, json!({"Records": [alone]})).await.unwrap(), becomes);
        if receives == 21 {
            let send = sent(&aws);
            assert_eq!(send.field("QueueUrl"), &json!(queue("dead.fifo")));
            assert_eq!(send.field("MessageAttributes/error/StringValue"), "AwsRefused");
        }
    }
}

#[tokio::test]
async fn an_answer_that_event_bridge_never_takes_is_the_messages_fault() {
    let entry = |code: &str| json!({"FailedEntryCount": 1, "Entries": [{"ErrorCode": code}]});
    for code in ["InvalidArgument", "MalformedDetail"] {
        let aws = empty().json("PutEvents", entry(code));
        assert_eq!(call(&aws, one(&signup())).await.unwrap(), answered());
        assert_eq!(sent(&aws).field("MessageAttributes/error/StringValue"), "AnswerRefused");
    }
    // As when the entries are larger than it takes.
    let aws = empty().always("PutEvents", |_| error(400, "ValidationException"));
    assert_eq!(call(&aws, one(&signup())).await.unwrap(), answered());
    assert_eq!(sent(&aws).field("MessageAttributes/error/StringValue"), "AnswerRefused");
    for code in ["ThrottlingException", "NotAuthorizedForSourceException"] {
        let aws = empty().json("PutEvents", entry(code));
        assert_eq!(call(&aws, one(&signup())).await.unwrap(), waits(), "{code}");
    }
}

/// A signup of 249 kB with 20,000 unknown members made a rejection of 1.6 MB.
#[tokio::test]
async fn a_signup_chooses_neither_the_number_nor_the_length_of_the_reasons() {
    let mut big = signup();
    big["detail"]["tenantName"] = json!("x".repeat(5_000));
    let unknown = (0..20_000).map(|n| (format!("unknown-{n}"), json!(1)));
    big["detail"].as_object_mut().unwrap().extend(unknown);
    big["detail"]["tags"] = (0..20_000).map(|n| (format!("aws:{n}"), json!("y"))).collect();
    let aws = empty();
    assert_eq!(call(&aws, front(&big)).await.unwrap(), answered());
    let (name, detail) = events(&aws).remove(0);
    assert_eq!(name, "TenantRejected");
    let reasons = detail["reasons"].as_array().unwrap();
    assert_eq!(reasons.len(), 20);
    assert!(reasons[19].as_str().unwrap().starts_with("and 19"), "{}", reasons[19]);
    assert!(detail.to_string().len() < 16_000, "{} bytes", detail.to_string().len());
}

#[tokio::test]
async fn an_event_id_of_any_length_is_not_repeated() {
    let mut odd = signup();
    odd["id"] = json!("i".repeat(257));
    let aws = empty();
    assert_eq!(call(&aws, front(&odd)).await.unwrap(), answered());
    assert_eq!(sent(&aws).field("MessageAttributes/error/StringValue"), "NotAnEvent");
}

#[tokio::test]
async fn the_reason_of_a_dead_letter_keeps_to_what_sqs_takes() {
    let body = format!("\u{ffff}\u{1}{}", "x".repeat(1_048_570));
    let aws = empty();
    let request = json!({"Records": [record_in("signups.fifo", "signups", "m-1", &body, 1)]});
    assert_eq!(call(&aws, request).await.unwrap(), answered());
    assert_eq!(sent(&aws).field("MessageAttributes"), &Value::Null, "no room beside the body");
    let mut odd = signup();
    odd["detail-type"] = json!("\u{ffff}\u{1}");
    let aws = empty();
    assert_eq!(call(&aws, front(&odd)).await.unwrap(), answered());
    let because = sent(&aws).field("MessageAttributes/because/StringValue").clone();
    assert!(!because.as_str().unwrap().contains(['\u{ffff}', '\u{1}']), "{because}");
}

#[tokio::test]
async fn a_message_that_waits_says_why_and_how_long_by_a_metric() {
    let room = || (full(), "ROOM", "NoRoom");
    let faulty = || (tiers("not JSON"), "FAULT", "TiersInvalid");
    for (aws, class, reason) in [room(), faulty()] {
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = lines.clone();
        let metrics = Metrics::from_fn(move |line| kept.lock().unwrap().push(line.to_owned()));
        assert_eq!(call_to(&aws, one(&signup()), "", metrics).await.unwrap(), waits());
        let lines = lines.lock().unwrap();
        let line: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(lines.len(), 1);
        assert_eq!((&line["Class"], &line["Reason"]), (&json!(class), &json!(reason)));
        assert_eq!(line["SignupHeadWaiting"], 120.0, "since it was first received");
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Namespace"], "Landlord/Signups");
    }
}
