//! `landlord check` against the local AWS: each fault that it knows, seeded alone into an organization in
//! which there is no other.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod faults;
mod ground;

use ground::{Ground, HOME};
use operator::check::{READS, policy};
use serde_json::{Value, json};

use faults::{FAULTS, seed};

#[tokio::test(start_paused = true)]
async fn nothing_is_found_in_a_good_organization_before_and_after_a_deploy() {
    let ground = Ground::prepared(1).await;
    assert_eq!(ground.found().await.0, [""; 0], "{}", ground.check(&[]).await.text);
    assert_eq!(ground.check(&[]).await.text, "nothing stands in the way of a deploy");
    ground.deploy(&[]).await;
    assert_eq!(ground.found().await.0, [""; 0], "{}", ground.check(&[]).await.text);
    // An upgrade with all that may be on.
    let key = format!("account-gate/{}.zip", "0".repeat(64));
    let bucket = format!("landlord-artifacts-{}-{HOME}", ground::MANAGEMENT);
    ground.deploy(&[("GateRegions", HOME)]).await;
    let code = json!({ "Bucket": bucket, "Key": key, "$body": ground::base64(b"code") });
    ground.ask(("s3", HOME), "PutObject", code).await;
    ground.gate(&[HOME]);
    ground.set(&format!("GateRegions: [{HOME}]\nGateArtifactKey: {key}"));
    assert_eq!(ground.found().await.0, ["Configuration"; 0], "{}", ground.check(&[]).await.text);
}

#[tokio::test(start_paused = true)]
async fn each_fault_is_found_and_nothing_else_and_says_what_to_do() {
    assert!(FAULTS.len() >= 25);
    let mut wrong = Vec::new();
    for (number, (fault, names, said)) in (100..).zip(FAULTS) {
        let mut ground = Ground::prepared(number).await;
        seed(&mut ground, fault).await;
        let (found, all) = ground.found().await;
        if found != *names || !all.contains(said) {
            wrong.push(format!("{fault}: {found:?} instead of {names:?} with {said:?}\n{all}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[tokio::test(start_paused = true)]
async fn its_own_policy_is_enough_and_what_is_taken_from_it_is_said_to_be_missing() {
    let full = policy("landlord");
    let (mut ground, unit) = everything(1_000).await;
    newcomer(&ground, &unit).await;
    ground.look_as("look", &full).await;
    assert_eq!(ground.found().await.0, [""; 0], "{}", ground.check(&[]).await.text);
    // Without the right to list, S3 says of an object that is missing that nobody may see it. Here it is
    // there.
    let needed = READS.iter().filter(|action| **action != "s3:ListBucket");
    for (number, action) in needed.enumerate() {
        let mut less = full.clone();
        for statement in less["Statement"].as_array_mut().unwrap() {
            let actions = statement["Action"].as_array_mut().unwrap();
            actions.retain(|it| it != action);
            if actions.is_empty() {
                actions.push(json!("sts:GetCallerIdentity"));
            }
        }
        ground.look_as(&format!("look-{number}"), &less).await;
        newcomer(&ground, &unit).await;
        let (found, all) = ground.found().await;
        // What HEAD is refused says no more than 403.
        let named = all.contains(action) || action.starts_with("s3:");
        assert!(found.iter().all(|name| name == "NotSeen") && named, "{action}: {all}");
        assert!(!found.is_empty(), "{action} is not needed");
    }
}

/// An organization in which a check has something to ask of every kind; and a unit that is given.
async fn everything(seed: u64) -> (Ground, String) {
    let ground = Ground::prepared(seed).await;
    let general = ground.unit(ground::ROOT, "General").await;
    let parent = ground.unit(ground::ROOT, "Landlord").await;
    ground.deploy(&[("GeneralOuId", &general), ("GateRegions", HOME), ("ParentId", &parent)]).await;
    let key = format!("account-gate/{}.zip", "0".repeat(64));
    let bucket = format!("landlord-artifacts-{}-{HOME}", ground::MANAGEMENT);
    let code = json!({ "Bucket": bucket, "Key": key, "$body": ground::base64(b"code") });
    ground.ask(("s3", HOME), "PutObject", code).await;
    ground.gate(&[HOME]);
    ground.set_all(&format!(
        "EmailDomain: accounts.example.com\nParentId: {parent}\nGeneralOuId: {general}\n\
         GateRegions: [{HOME}]\nGateArtifactKey: {key}\n"
    ));
    (ground, general)
}

/// A tenant's account that the index of tags does not know yet.
async fn newcomer(ground: &Ground, unit: &str) {
    let account = ground.account(unit, None);
    let tags = json!([{"Key": "landlord:tenant", "Value": "new"}]);
    ground.organizations("TagResource", json!({ "ResourceId": account, "Tags": tags })).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_accepted_by_its_name_does_not_count() {
    let mut ground = Ground::prepared(7).await;
    seed(&mut ground, "no trail").await;
    assert!(ground.check(&[]).await.has_findings);
    let accepted = ground.check(&["--accept", "NoTrail"]).await;
    assert!(
        !accepted.has_findings && accepted.text.contains("NoTrail (accepted)"),
        "{}",
        accepted.text
    );
    assert!(ground.check(&["--accept", "Unit"]).await.has_findings);
    let document: Value = serde_json::from_str(&ground.check(&["--json"]).await.text).unwrap();
    assert_eq!(document["fit"], false);
}
