//! A tenant that leaves while its account is made: whatever comes first, the record shows it to the
//! other.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "the other tests use the rest")]
mod wire;

use scripted_wire::{Exchange, Script, call};
use serde_json::{Value, json};
use wire::{
    ACCOUNT, answer_of, describes, facts, facts_of, failed, nothing_there, pending, refused,
    request, role_is_assumed, script, status,
};

const KEY: &str = "tenants/acme.json";

fn record(more: &Value) -> Exchange {
    let mut record = json!({"version": 1, "tenantId": "acme"});
    for (key, value) in more.as_object().unwrap() {
        record[key] = value.clone();
    }
    call("GetObject", json!({"key": KEY})).answers_text(&record.to_string())
}

fn wish(wish: &str, occurred_at: &str) -> Value {
    json!({"newestLifecycle": {"wish": wish, "occurredAt": occurred_at, "eventId": "e-9"}})
}

/// After the signup of the request.
const LATER: &str = "2026-11-21T10:00:30Z";
const EARLIER: &str = "2026-11-20T10:00:00Z";

fn orders() -> Exchange {
    let status = status("car-12345678", "tenant-acme", "IN_PROGRESS");
    call("CreateAccount", json!({})).answers(&json!({ "CreateAccountStatus": status }))
}

#[tokio::test(start_paused = true)]
async fn no_account_is_made_for_a_tenant_that_has_left_and_its_signup_is_kept() {
    let keeps = call("PutObject", json!({"key": KEY}));
    let left = || record(&wish("LEFT", LATER));
    let calls = script([nothing_there(), vec![left(), left(), keeps]]);
    let (answer, seen) = answer_of(1, request(&json!({})), Script::new(calls)).await;
    let message = refused(answer, "TenantLeft");
    assert!(message.contains("acme") && message.contains(LATER), "{message}");
    let kept: Value =
        serde_json::from_str(seen.last().unwrap().request["body"].as_str().unwrap()).unwrap();
    assert_eq!(kept["leftSignup"]["tenantId"], "acme");
    assert_eq!(kept["leftSignup"]["tier"], "standard");
    let tags = kept["leftSignup"]["tags"].as_object().unwrap();
    assert!(tags.keys().all(|key| !key.starts_with("landlord:")), "{tags:?}");
}

#[tokio::test(start_paused = true)]
async fn before_an_account_is_made_the_record_says_so() {
    for known in [json!({}), wish("LEFT", EARLIER), wish("BACK", LATER)] {
        let says = call("PutObject", json!({"key": KEY}));
        let calls = script([nothing_there(), vec![record(&known), record(&known), says, orders()]]);
        let (answer, seen) = answer_of(1, request(&json!({})), Script::new(calls)).await;
        pending(&answer);
        let body = seen[4].request["body"].as_str().unwrap();
        assert!(body.contains("creating"), "{body}");
    }
}

/// The index of tags may lag by minutes, and the address is another: nothing but the record knows of
/// the account that the tenant's last onboarding made.
#[tokio::test(start_paused = true)]
async fn a_tenant_whose_record_names_an_account_gets_no_other_beside_it() {
    let known = || record(&json!({"accountId": ACCOUNT}));
    let live = facts_of(ACCOUNT, "ACTIVE", Some("acme"), "ou-root-general1");
    let calls = script([nothing_there(), vec![known()], live, vec![known()]]);
    let (answer, _) = answer_of(1, request(&json!({})), Script::new(calls)).await;
    assert_eq!(answer.unwrap()["standing"], "LIVE");
    // One that is another tenant's by now, or closed with another address, is of the past.
    for past in [
        facts_of(ACCOUNT, "ACTIVE", Some("globex"), "ou-root-general1"),
        facts_of(ACCOUNT, "CLOSED", Some("acme"), "ou-root-suspende"),
    ] {
        let mut another = request(&json!({}));
        another["tenant"]["email"] = json!("root@acme.example");
        let says = call("PutObject", json!({"key": KEY}));
        let calls = script([nothing_there(), vec![known()], past, vec![known(), says, orders()]]);
        let (answer, _) = answer_of(1, another, Script::new(calls)).await;
        pending(&answer);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_made_while_the_record_can_not_be_written() {
    let slow = || call("GetObject", json!({"key": KEY})).refuses_as_s3(503, "SlowDown");
    let calls = script([nothing_there(), vec![slow(), slow(), slow()]]);
    let (answer, _) = answer_of(1, request(&json!({})), Script::new(calls)).await;
    pending(&answer);
}

fn made() -> Vec<Exchange> {
    let mut status = status("car-12345678", "tenant-acme", "SUCCEEDED");
    status["AccountId"] = ACCOUNT.into();
    script([vec![describes("car-12345678", &status)], facts("r-root")])
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_there_is_named_before_anything_is_done_with_it() {
    let creating = json!({"creating": {"eventId": "e", "since": EARLIER}});
    let names = call("PutObject", json!({"key": KEY}));
    let calls = script([made(), vec![record(&creating), names, role_is_assumed()]]);
    let resume = json!({"requestId": "car-12345678"});
    let (answer, seen) = answer_of(1, request(&resume), Script::new(calls)).await;
    assert_eq!(answer.unwrap()["standing"], "NEW");
    let put = seen.iter().find(|call| call.call == "PutObject").unwrap();
    let body: Value = serde_json::from_str(put.request["body"].as_str().unwrap()).unwrap();
    assert_eq!((&body["accountId"], &body["creating"]), (&json!(ACCOUNT), &Value::Null));
}

#[tokio::test(start_paused = true)]
async fn an_account_whose_tenant_left_meanwhile_waits_for_its_offboarding() {
    let mut left = wish("LEFT", LATER);
    left["accountId"] = json!(ACCOUNT);
    let calls = script([made(), vec![record(&left)]]);
    let resume = json!({"requestId": "car-12345678"});
    let (answer, _) = answer_of(1, request(&resume), Script::new(calls)).await;
    let because = pending(&answer)["because"].as_str().unwrap().to_owned();
    assert!(because.contains("has left") && because.contains(ACCOUNT), "{because}");
}

#[tokio::test(start_paused = true)]
async fn an_account_that_aws_refuses_for_good_is_not_waited_for_any_longer() {
    let creating = |id: &str| json!({"creating": {"eventId": id, "since": EARLIER}});
    let id = request(&json!({}))["tenant"]["eventId"].as_str().unwrap().to_owned();
    let gives_up = call(
        "PutObject",
        json!({"key": KEY, "body": json!({
        "version": 1, "tenantId": "acme"}).to_string()}),
    );
    let calls = script([
        vec![describes("car-12345678", &failed("INVALID_EMAIL"))],
        vec![record(&creating(&id)), gives_up],
    ]);
    let resume = json!({"requestId": "car-12345678"});
    let (answer, _) = answer_of(1, request(&resume), Script::new(calls)).await;
    refused(answer, "EmailRefused");
}
