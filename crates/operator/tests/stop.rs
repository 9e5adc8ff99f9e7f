//! `landlord stop`.

use clap::Parser;
use lambda_kit::Clock;
use operator::stop::Command;
use operator::{Exit, Failure};
use scripted_wire::{Exchange, Script, call};
use serde_json::{Value, json};

#[derive(Debug, Parser)]
struct Stop {
    #[command(subcommand)]
    command: Command,
}

async fn stop(arguments: &[&str], exchanges: Vec<Exchange>) -> Result<String, Failure> {
    let Stop { command } = Stop::parse_from([&["stop"], arguments].concat());
    let script = Script::new(exchanges);
    let clock = Clock::fixed("2026-11-21T10:00:00.7Z".parse().unwrap());
    let answer = command.on(&script.wire("eu-central-1"), &clock).await;
    script.played();
    answer
}

fn absent() -> Exchange {
    call("GetParameter", json!({"Name": "/landlord/stop"})).refuses("ParameterNotFound")
}

fn thrown() -> Exchange {
    let value = r#"{"stopped":true,"reason":"too many","by":"ops","since":"2026-11-20T10:00:00Z"}"#;
    call("GetParameter", json!({})).answers(&json!({"Parameter": {"Value": value}}))
}

#[tokio::test(start_paused = true)]
async fn its_status_says_who_since_when_and_why() {
    assert_eq!(stop(&["status"], vec![absent()]).await.unwrap(), "nothing is stopped");
    let said = "everything irreversible is stopped by ops since 2026-11-20T10:00:00Z: too many";
    assert_eq!(stop(&["status"], vec![thrown()]).await.unwrap(), said);
    let document = stop(&["status", "--json"], vec![thrown()]).await.unwrap();
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["stopped"], true);
    assert_eq!(document["by"], "ops");
}

#[tokio::test(start_paused = true)]
async fn it_is_thrown_in_the_name_of_the_caller() {
    let arn = "arn:aws:sts::111111111111:assumed-role/ops/me";
    let value = json!({
        "stopped": true, "reason": "wrong ones", "by": arn, "since": "2026-11-21T10:00:00Z",
    });
    let said = stop(
        &["throw", "--reason", "wrong ones"],
        vec![
            absent(),
            call("GetCallerIdentity", json!({})).answers_text(&format!(
                "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>{arn}</Arn>\
                 </GetCallerIdentityResult></GetCallerIdentityResponse>"
            )),
            call("PutParameter", json!({"Value": value.to_string(), "Overwrite": true})),
        ],
    )
    .await
    .unwrap();
    assert!(said.starts_with("thrown: everything irreversible is stopped by arn:"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_changes_nothing() {
    let throw = ["throw", "--reason", "x", "--by", "me", "--dry-run"];
    let said = stop(&throw, vec![absent()]).await.unwrap();
    assert_eq!(said, "would be thrown; now: nothing is stopped");
    let said = stop(&["lift", "--dry-run"], vec![thrown()]).await.unwrap();
    assert!(said.starts_with("would be lifted; now: everything"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn it_is_lifted_once() {
    let deleted = call("DeleteParameter", json!({"Name": "/landlord/stop"}));
    let said = stop(&["lift"], vec![thrown(), deleted]).await.unwrap();
    assert_eq!(said, "lifted: nothing is stopped");
    let said = stop(&["lift"], vec![absent()]).await.unwrap();
    assert_eq!(said, "nothing to lift: nothing is stopped");
}

#[tokio::test(start_paused = true)]
async fn who_may_not_look_is_told_so_and_not_that_all_is_stopped() {
    let denied = call("GetParameter", json!({})).refuses("AccessDeniedException");
    let failure = stop(&["status"], vec![denied]).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Failed);
    assert!(failure.advice.contains("ssm:GetParameter"), "{failure}");
}
