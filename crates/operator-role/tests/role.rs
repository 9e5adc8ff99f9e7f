//! The operator role through its public API, and an AWS that is a script.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use lambda_kit::sdk::{Credentials, Trouble};
use operator_role::{OperatorRole, Settings};
use scripted_wire::{Exchange, Script, assume_role_answer, call};
use serde_json::json;

async fn assumed(script: Vec<Exchange>) -> Result<Credentials, Trouble> {
    let script = Script::new(script);
    let settings = Settings { role: "landlord-operator".parse().unwrap(), equip: "equip".into() };
    let role = OperatorRole::new(&script.wire("eu-central-1"), settings);
    let account = "123456789012".parse().unwrap();
    let answer = role.assume(&account, "aws", "landlord-test", "{}").await;
    script.played();
    answer
}

fn lets_in() -> Exchange {
    let role = "arn:aws:iam::123456789012:role/landlord/landlord-operator";
    call("AssumeRole", json!({"RoleArn": role, "Policy": "{}", "DurationSeconds": "900"}))
        .answers_text(&assume_role_answer("ASIATENANT"))
}

fn denies() -> Exchange {
    call("AssumeRole", json!({})).refuses_in_xml(403, "AccessDenied")
}

fn equips(answer: serde_json::Value) -> Exchange {
    call("Invoke", json!({"Payload": {"accountId": "123456789012"}})).answers(&answer)
}

fn done(made: bool) -> serde_json::Value {
    json!({"status": "DONE", "accountId": "123456789012", "made": made, "unknownRoles": []})
}

#[tokio::test(start_paused = true)]
async fn a_role_that_is_there_is_taken_at_once() {
    assert_eq!(assumed(vec![lets_in()]).await.unwrap().access_key_id(), "ASIATENANT");
}

#[tokio::test(start_paused = true)]
async fn an_account_that_has_none_gets_it_and_is_entered() {
    assumed(vec![denies(), equips(done(true)), lets_in()]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_role_that_was_just_made_may_need_some_seconds() {
    let answer = assumed(vec![denies(), equips(done(true)), denies()]).await;
    assert!(matches!(answer, Err(Trouble::Passing(_))), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn an_account_that_lets_nobody_in_says_so() {
    let answer = assumed(vec![denies(), equips(done(false)), denies()]).await;
    assert!(matches!(answer, Err(Trouble::Refused(_))), "{answer:?}");
    let pending =
        json!({"status": "PENDING", "retryAfterSeconds": 20, "because": "x", "resume": {}});
    let answer = assumed(vec![denies(), equips(pending)]).await;
    assert!(matches!(answer, Err(Trouble::Passing(_))), "{answer:?}");
    let answer = assumed(vec![denies(), equips(json!("what?"))]).await;
    let Err(Trouble::Refused(refusal)) = answer else { panic!("{answer:?}") };
    assert_eq!(&*refusal.code, "AccessDenied", "what AWS said of the account");
}
