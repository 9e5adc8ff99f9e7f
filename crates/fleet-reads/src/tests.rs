//! The lists, against a scripted wire.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use lambda_kit::sdk::Trouble;
use scripted_wire::{Exchange, Script, call};
use serde_json::{Value, json};
use tenant_records::TenantRecords;

use super::*;

const ACME: &str = "222222222222";

fn reads(script: &Script) -> FleetReads {
    FleetReads::new(&script.wire("eu-central-1"))
}

fn running(names: &[&str]) -> Value {
    let one = |name: &&str| {
        json!({"executionArn": format!("arn:{name}"), "name": name, "stateMachineArn": "m",
               "status": "RUNNING", "startDate": 1_767_600_000.0})
    };
    json!({ "executions": names.iter().map(one).collect::<Vec<_>>() })
}

#[tokio::test(start_paused = true)]
async fn a_page_says_where_the_next_begins_and_the_last_one_that_it_is_the_last() {
    let account = json!({"Id": ACME, "Name": "tenant-acme", "State": "ACTIVE",
                         "JoinedTimestamp": 1_767_600_000.0});
    let script = Script::new([
        call("ListAccountsForParent", json!({"ParentId": "ou-root-general0"}))
            .answers(&json!({"Accounts": [account], "NextToken": "2"})),
        call("ListAccountsForParent", json!({"NextToken": "2"})).answers(&json!({"Accounts": []})),
    ]);
    let (reads, unit) = (reads(&script), "ou-root-general0".parse().unwrap());
    let page = reads.read_accounts(&unit, None).await.unwrap();
    assert_eq!(page.rows[0].name.as_deref(), Some("tenant-acme"));
    assert_eq!(page.rows[0].joined.unwrap().to_string(), "2026-01-05T08:00:00Z");
    let page = reads.read_accounts(&unit, page.next).await.unwrap();
    assert_eq!((page.rows.len(), page.next), (0, None));
    assert!(script.played().iter().all(|call| call.region == "us-east-1"));
}

#[tokio::test(start_paused = true)]
async fn marked_accounts_come_with_all_their_tags() {
    let found = json!({"ResourceARN": format!("arn:aws:organizations::1:account/o-1/{ACME}"),
                       "Tags": [{"Key": "landlord:tenant", "Value": "acme"}]});
    let script = Script::new([call("GetResources", json!({}))
        .answers(&json!({"ResourceTagMappingList": [found], "PaginationToken": ""}))]);
    let page = reads(&script).read_marked(None).await.unwrap();
    assert_eq!(page.rows[0].0.as_str(), ACME);
    assert_eq!(page.rows[0].1["landlord:tenant"], "acme");
    assert_eq!(page.next, None, "an empty token is none");
}

#[tokio::test(start_paused = true)]
async fn a_stack_set_that_is_not_there_has_no_instances_and_a_refusal_is_one() {
    let set = "base".parse().unwrap();
    let gone =
        call("ListStackInstances", json!({})).refuses_in_xml(404, "StackSetNotFoundException");
    assert_eq!(reads(&Script::new([gone])).read_instances(&set, None, None).await, Ok(None));
    let denied = call("ListStackInstances", json!({})).refuses_in_xml(403, "AccessDenied");
    let trouble = reads(&Script::new([denied])).read_instances(&set, None, None).await;
    assert!(matches!(trouble, Err(Trouble::Refused(refusal)) if refusal.is_denial()));
}

#[tokio::test(start_paused = true)]
async fn who_is_worked_on_is_told_by_the_names_of_onboardings_and_the_inputs_of_the_rest() {
    let listed = |machine: &str, names: &[&str]| -> Exchange {
        call("ListExecutions", json!({"stateMachineArn": machine, "statusFilter": "RUNNING"}))
            .answers(&running(names))
    };
    let input = |input: Value| {
        call("DescribeExecution", json!({})).answers(&json!({
            "executionArn": "a", "stateMachineArn": "m", "status": "RUNNING",
            "startDate": 1_767_600_000.0, "input": input.to_string(),
        }))
    };
    let script = Script::new([
        listed("onboard", &["acme", "globex_2"]),
        listed("change", &["e-1", "e-2"]),
        input(json!({"detail": {"tenantId": "initech"}})),
        call("DescribeExecution", json!({})).refuses("ExecutionDoesNotExist"),
        listed("offboard", &[]),
        listed("rollout", &["r-1"]),
        input(json!({"version": 1, "stackSet": "base"})),
    ]);
    let machines = Machines {
        onboarding: "onboard".into(),
        changes: "change".into(),
        offboarding: "offboard".into(),
        rollouts: "rollout".into(),
    };
    let (under_way, unasked) = reads(&script).read_under_way(&machines).await.unwrap();
    script.played();
    let tenants: Vec<&str> = under_way.tenants.keys().map(|it| it.as_str()).collect();
    assert_eq!(tenants, ["acme", "globex", "initech"]);
    assert_eq!(under_way.rollouts.iter().map(|it| it.as_str()).collect::<Vec<_>>(), ["base"]);
    assert_eq!(unasked, 0);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_not_there_is_none_and_one_that_is_says_what_was_wished_last() {
    let record = json!({
        "version": 1, "tenantId": "acme", "accountId": ACME,
        "newestLifecycle": {"wish": "LEFT", "occurredAt": "2026-11-20T10:00:00Z", "eventId": "e"},
    });
    let script = Script::new([
        call("GetObject", json!({"key": "tenants/acme.json"})).answers(&record),
        call("GetObject", json!({"key": "tenants/globex.json"})).refuses_as_s3(404, "NoSuchKey"),
    ]);
    let records = TenantRecords::new(&script.wire("eu-central-1"), "runs");
    // One after the other, for a script has an order.
    let mut all = read_records(&records, ["acme".parse().unwrap()]).await.unwrap();
    all.extend(read_records(&records, ["globex".parse().unwrap()]).await.unwrap());
    let acme = all[&"acme".parse().unwrap()].as_ref().unwrap();
    assert_eq!(acme.account.as_ref().unwrap().as_str(), ACME);
    assert_eq!(acme.left_at.unwrap().to_string(), "2026-11-20T10:00:00Z");
    assert_eq!(acme.back_at, None);
    assert_eq!(all[&"globex".parse().unwrap()], None);
}
