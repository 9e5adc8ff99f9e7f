//! A signup for a tenant whose onboarding runs for an earlier one: it is told so at once, with what
//! it says otherwise, and has an end of its own when that onboarding has ended.

use scripted_wire::operations::{Reply, error};
use serde_json::{Value, json};

use crate::support::*;

const ANOTHER: &str = "another-event";

fn in_group(group: &str, body: &Value) -> Value {
    json!({"Records": [record_in("waiting.fifo", group, "m-1", &body.to_string(), 1)]})
}

/// The running execution of another signup, with a tag of its own.
fn runs() -> Value {
    let mut execution = execution("RUNNING", ANOTHER);
    let mut document: Value = serde_json::from_str(execution["input"].as_str().unwrap()).unwrap();
    document["tenantName"] = json!("Acme & Söhne");
    document["tags"] = json!({"landlord:tenant": "acme", "cost-center": "42"});
    execution["input"] = json!(document.to_string());
    execution
}

#[tokio::test]
async fn a_signup_that_agrees_is_told_whose_onboarding_runs_and_waits_for_its_end() {
    let requests = [
        front(&signup()),
        one(&signup()),
        in_group("held-standard", &signup()),
        in_group("apart-m-0", &signup()),
    ];
    for request in requests {
        let aws = empty().json("DescribeExecution", runs());
        assert_eq!(call(&aws, request).await.unwrap(), answered());
        assert_eq!(
            events(&aws),
            [(
                "TenantAdmitted".to_owned(),
                json!({"tenantId": "acme", "eventId": EVENT_ID, "executionArn": FIRST,
                       "duplicate": true, "behindEventId": ANOTHER})
            )]
        );
        assert_eq!(sent(&aws).field("MessageGroupId"), "behind-acme");
        assert_eq!(sent(&aws).field("QueueUrl"), &json!(queue("waiting.fifo")));
        for never in ["StartExecution", "ListExecutions"] {
            assert!(!aws.operations().contains(&never.to_owned()), "{never}");
        }
    }
}

#[tokio::test]
async fn a_signup_that_contradicts_is_told_in_what_and_which_event_changes_a_tenant() {
    let tiers: Value = serde_json::from_str(include_str!("../../events/tiers.json")).unwrap();
    let mut both = tiers.clone();
    both["tiers"]["gold"] = tiers["tiers"]["standard"].clone();
    for (member, said, field, has) in [
        ("tier", json!("gold"), "tier", "standard"),
        ("tenantName", json!("Acme AG"), "tenantName", "Acme & Söhne"),
        ("rootEmail", json!("root@acme.example"), "rootEmail", "aws+acme@example.com"),
        ("tags", json!({"cost-center": "43"}), "tags.cost-center", "42"),
    ] {
        let mut other = signup();
        other["detail"][member] = said.clone();
        let text = both.to_string();
        let aws = empty()
            .always("GetParameter", move |_| Reply::Json(json!({"Parameter": {"Value": text}})))
            .json("DescribeExecution", runs());
        assert_eq!(call(&aws, front(&other)).await.unwrap(), answered());
        let (_, detail) = events(&aws).remove(0);
        let said = said.as_str().unwrap_or("43");
        assert_eq!(
            detail["differences"],
            json!([{"field": field, "signup": said, "tenant": has}]),
            "{member}"
        );
        assert_eq!(detail["changeWith"], "TenantChanged");
        assert_eq!(sent(&aws).field("MessageGroupId"), "behind-acme");
    }
}

#[tokio::test]
async fn while_the_onboarding_runs_it_waits_without_another_word() {
    let aws = empty().json("DescribeExecution", runs());
    assert_eq!(call(&aws, in_group("behind-acme", &signup())).await.unwrap(), waits());
    assert_eq!(events(&aws), []);
    assert_eq!(aws.calls_of("ChangeMessageVisibility")[0].field("VisibilityTimeout"), 10);
    assert_eq!(aws.calls_of("GetParameter").len(), 0);
    // Within two hours it is sent anew: its age would be taken for that of one who waits for room.
    let aws = empty().json("DescribeExecution", runs());
    let old = record_in("waiting.fifo", "behind-acme", "m-1", &signup().to_string(), 31);
    assert_eq!(call(&aws, json!({"Records": [old]})).await.unwrap(), answered());
    assert_eq!(sent(&aws).field("MessageGroupId"), "behind-acme");
}

#[tokio::test]
async fn after_its_end_it_is_looked_at_like_any_other() {
    let ended = |status: &str| empty().json("DescribeExecution", execution(status, ANOTHER));
    // Ready: what is there is looked at, and that needs no room.
    let aws = ended("SUCCEEDED");
    assert_eq!(call(&aws, in_group("behind-acme", &signup())).await.unwrap(), answered());
    assert_eq!(aws.calls_of("StartExecution")[0].field("name"), "acme_2");
    assert_eq!(events(&aws)[0].1["duplicate"], false);
    // Failed: it takes its place among those that wait for room.
    let aws = ended("FAILED");
    assert_eq!(call(&aws, in_group("behind-acme", &signup())).await.unwrap(), answered());
    assert_eq!(sent(&aws).field("MessageGroupId"), "waiting");
    assert_eq!(aws.calls_of("StartExecution").len(), 0);
    // Left meanwhile.
    let record = json!({"version": 1, "tenantId": "acme", "accountId": "222222222222",
        "newestLifecycle": {"wish": "LEFT", "occurredAt": "2026-11-21T10:00:01Z", "eventId": "e"}});
    let aws = with_record(record.to_string())
        .json("DescribeExecution", execution("SUCCEEDED", ANOTHER))
        .on("DescribeExecution", error(400, "ExecutionDoesNotExist"));
    assert_eq!(call(&aws, in_group("behind-acme", &signup())).await.unwrap(), answered());
    assert_eq!(events(&aws)[0].0, "TenantLeft");
}
