//! Waves that prove the gates that they deployed.

use super::*;

/// A gate's answer to somebody who asks it to explain.
fn explained(status: &str, check: &str, verdict: &str) -> Reply {
    let found = |check: &str, verdict: &str| json!({"Check": check, "Verdict": verdict, "Reason": "because"});
    json!({"Status": status, "Reason": "because",
           "Checks": [found("Override", "PASS"), found(check, verdict)]})
    .to_string()
    .into()
}

/// A wave that proves its gates, in accounts that let Landlord in.
fn proving(set: &Set, accounts: usize) -> World {
    set.serve(planned(accounts, json!({"proveGate": true})))
        .on("AssumeRole", |_| assume_role_answer("ASIATENANT").into())
}

#[tokio::test]
async fn gates_that_were_just_deployed_are_asked_by_stack_sets_and_to_explain_themselves() {
    let set = Set::default();
    let world = proving(&set, 2).on("Invoke", |_| explained("SUCCEEDED", "Alarms", "PASS"));
    let done = deployed(&world, request("WAVE", 1)).await.unwrap();
    assert_eq!(done["verdict"], "GO", "{done}");
    assert_eq!(set.ids().len(), 2, "they were asked by a second operation");
    assert_eq!(done["counts"]["succeeded"], 2, "which counts nobody twice");
    let asked = world.calls_of("Invoke");
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0]["FunctionName"], "AWSCloudFormationStackSetAccountGate");
    assert_eq!(asked[0]["Payload"], json!({"explain": true}));
    let session = world.calls_of("AssumeRole")[0]["Policy"].as_str().unwrap().to_owned();
    assert!(session.contains("lambda:InvokeFunction") && session.contains(&id(0)), "{session}");
}

#[tokio::test]
async fn a_gate_that_is_not_asked_at_all_or_does_not_answer_stack_sets_stops_the_roll_out() {
    let set = Set::default();
    let world = proving(&set, 1);
    set.fate(0, &["ok", "vetoed"]);
    let done = deployed(&world, request("WAVE", 1)).await.unwrap();
    assert_eq!(done["reason"]["code"], "GATE_DOES_NOT_ANSWER", "{done}");
    assert!(world.calls_of("Invoke").is_empty());
}

#[tokio::test]
async fn a_veto_is_the_answer_of_a_gate_that_works() {
    for (check, verdict) in [("Alarms", "VETO"), ("Windows", "VETO"), ("Override", "OPEN")] {
        let set = Set::default();
        let world = proving(&set, 1).on("Invoke", move |_| explained("FAILED", check, verdict));
        let done = deployed(&world, request("WAVE", 1)).await.unwrap();
        assert_eq!(done["verdict"], "GO", "{check}: {done}");
    }
}

#[tokio::test]
async fn a_check_that_is_unknown_stops_the_roll_out_whatever_the_status_says() {
    for (status, check) in
        [("SUCCEEDED", "Alarms"), ("FAILED", "Settings"), ("SUCCEEDED", "Settings")]
    {
        let set = Set::default();
        let world = proving(&set, 2).on("Invoke", move |_| explained(status, check, "UNKNOWN"));
        let done = deployed(&world, request("WAVE", 1)).await.unwrap();
        assert_eq!(done["verdict"], "STOP", "{done}");
        assert_eq!(done["reason"]["code"], "GATE_DOES_NOT_WORK", "{done}");
        let text = done["reason"]["text"].as_str().unwrap();
        let says =
            format!("the gate of account {} in eu-central-1: {check} is UNKNOWN: because", id(0));
        assert_eq!(text, says);
        assert_eq!(world.calls_of("Invoke").len(), 8, "two gates, four times");
    }
}

#[tokio::test]
async fn a_gate_that_cannot_be_asked_has_shown_nothing() {
    let refusals: [(&str, &str); 2] =
        [("AssumeRole", "AccessDenied"), ("Invoke", "ResourceNotFoundException")];
    for (call, code) in refusals {
        let set = Set::default();
        let world = proving(&set, 1)
            .on("Invoke", |_| explained("SUCCEEDED", "Alarms", "PASS"))
            .refuses(call, 403, code);
        let done = deployed(&world, request("WAVE", 1)).await.unwrap();
        assert_eq!(done["reason"]["code"], "GATE_DOES_NOT_WORK", "{call}: {done}");
        assert!(done["reason"]["text"].as_str().unwrap().contains("cannot be asked"), "{done}");
    }
    let set = Set::default();
    let world = proving(&set, 1).on("Invoke", |_| r#"{"Status":"SUCCEEDED"}"#.to_owned().into());
    let done = deployed(&world, request("WAVE", 1)).await.unwrap();
    assert!(done["reason"]["text"].as_str().unwrap().contains("explains nothing"), "{done}");
}

#[tokio::test]
async fn what_is_unknown_for_a_moment_is_asked_again() {
    let set = Set::default();
    let asked = Arc::new(Mutex::new(0));
    let world = proving(&set, 1).on("Invoke", move |_| {
        let mut asked = asked.lock().unwrap();
        *asked += 1;
        explained("FAILED", "Alarms", if *asked < 3 { "UNKNOWN" } else { "VETO" })
    });
    let done = deployed(&world, request("WAVE", 1)).await.unwrap();
    assert_eq!(done["verdict"], "GO", "{done}");
    assert_eq!(world.calls_of("Invoke").len(), 3);
}

#[tokio::test]
async fn only_accounts_that_took_the_change_have_new_gates_to_ask() {
    let set = Set::default();
    set.fate(1, &["failed"]);
    let world = proving(&set, 2).on("Invoke", |_| explained("SUCCEEDED", "Alarms", "PASS"));
    let done = deployed(&world, request("WAVE", 1)).await.unwrap();
    assert_eq!(done["verdict"], "GO", "{done}");
    assert_eq!(world.calls_of("Invoke").len(), 1);
}
