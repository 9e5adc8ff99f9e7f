//! The decisions as tables.

use serde_json::json;

use super::*;

fn event() -> Value {
    json!({"version": "0", "id": "e-1", "detail-type": "TenantSignedUp", "source": "saas.signup",
           "time": "2026-11-21T10:00:00Z", "detail": {"tenantId": "acme"}})
}

#[test]
fn an_event_is_read_with_its_detail_untouched() {
    let read = read_event(&event().to_string()).unwrap();
    assert_eq!(read.id, "e-1");
    assert_eq!(read.time.to_string(), "2026-11-21T10:00:00Z");
    assert_eq!(read.replay, None);
    assert_eq!(read.detail, json!({"tenantId": "acme"}));
    let mut replayed = event();
    replayed["replay-name"] = json!("again");
    assert_eq!(read_event(&replayed.to_string()).unwrap().replay.as_deref(), Some("again"));
}

#[test]
fn what_is_no_event_says_why() {
    assert!(read_event("not JSON").unwrap_err().contains("not JSON"));
    assert!(read_event("[]").unwrap_err().contains("detail-type"));
    for (field, value, part) in [
        ("detail-type", json!("TenantOffboarded"), "TenantOffboarded"),
        ("id", json!(""), "no id"),
        ("id", json!(7), "no id"),
        ("time", json!("yesterday"), "yesterday"),
        ("time", Value::Null, "no time"),
        ("detail", json!("x"), "no detail"),
        ("detail", Value::Null, "no detail"),
    ] {
        let mut wrong = event();
        wrong[field] = value;
        let because = read_event(&wrong.to_string()).unwrap_err();
        assert!(because.contains(part), "{because}");
    }
}

#[test]
fn waits_grow_from_ten_seconds_to_five_minutes() {
    for (receives, wait) in [(0, 10), (1, 10), (2, 20), (29, 290), (30, 300), (u32::MAX, 300)] {
        assert_eq!(wait_seconds(receives), wait);
    }
}

#[test]
fn executions_are_named_after_their_tenant_and_back() {
    let tenant: TenantId = "acme-2".parse().unwrap();
    assert_eq!(execution_name(&tenant, 1), "acme-2");
    assert_eq!(execution_name(&tenant, 12), "acme-2_12");
    for name in ["acme-2", "acme-2_12"] {
        assert_eq!(tenant_of(name).as_ref(), Some(&tenant));
    }
    for foreign in ["Acme", "acme_x", "acme_2_3", ""] {
        assert_eq!(tenant_of(foreign), None, "{foreign}");
    }
}

fn execution(number: u32, standing: Standing, event: &str) -> Execution {
    Execution { number, standing, event_id: Some(event.to_owned()) }
}

#[test]
fn the_newest_execution_speaks_for_the_tenant() {
    use Standing::{Failed, Running, Succeeded};
    for (executions, meant) in [
        (vec![], Meaning::Start(1)),
        (vec![execution(1, Running, "e-1")], Meaning::Duplicate(1)),
        (vec![execution(1, Running, "e-0")], Meaning::Duplicate(1)),
        (vec![execution(1, Succeeded, "e-1")], Meaning::Ready(1)),
        (vec![execution(1, Succeeded, "e-0")], Meaning::Ready(1)),
        (vec![execution(1, Failed, "e-0")], Meaning::Start(2)),
        (vec![execution(1, Failed, "e-1")], Meaning::Duplicate(1)),
        (vec![execution(1, Failed, "e-1"), execution(2, Failed, "e-2")], Meaning::Duplicate(1)),
        (vec![execution(1, Failed, "e-0"), execution(2, Failed, "e-2")], Meaning::Start(3)),
        (vec![execution(1, Failed, "e-1"), execution(2, Succeeded, "e-2")], Meaning::Ready(2)),
        (vec![execution(1, Failed, "e-1"), execution(2, Running, "e-2")], Meaning::Duplicate(2)),
        // The first one's name was forgotten after 90 days.
        (vec![execution(2, Failed, "e-0")], Meaning::Start(3)),
    ] {
        assert_eq!(meaning("e-1", &executions), meant, "{executions:?}");
    }
}

#[test]
fn an_account_that_came_back_empty_is_onboarded_again_by_a_new_event() {
    let before = [execution(1, Standing::Succeeded, "e-1")];
    for (event, in_onboarding, meant) in [
        ("e-2", true, Meaning::Start(2)),
        ("e-1", true, Meaning::Ready(1)),
        ("e-2", false, Meaning::Ready(1)),
    ] {
        assert_eq!(when_ready(event, &before, 1, in_onboarding), meant, "{event}");
    }
}

#[test]
fn an_execution_that_names_no_event_is_nobodys_duplicate() {
    let unnamed = Execution { number: 1, standing: Standing::Failed, event_id: None };
    assert_eq!(meaning("e-1", &[unnamed]), Meaning::Start(2));
}

#[test]
fn only_running_executions_without_an_account_take_room() {
    let naming = Naming::new("tenant-", "aws", "example.com").unwrap();
    let running: Vec<String> = ["acme", "globex_2", "initech", "by-hand!"].map(Into::into).into();
    let accounts = BTreeSet::from(["tenant-globex".to_owned(), "Log archive".to_owned()]);
    assert_eq!(without_account(&running, &accounts, &naming), 2);
}
