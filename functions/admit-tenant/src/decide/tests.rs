//! The decisions as tables.

use serde_json::{Value, json};

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
    assert!(read.faults.is_empty());
    let with_mark = format!("\u{feff}{}", event());
    assert_eq!(read_event(&with_mark).unwrap(), read);
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
fn what_names_its_event_is_answered_however_odd_the_rest() {
    let with = |detail: &str| event().to_string().replace(r#"{"tenantId":"acme"}"#, detail);
    let deep = format!(r#"{{"tenantId":"acme","x":{}1{}}}"#, "[".repeat(500), "]".repeat(500));
    for (detail, part) in [
        (deep.as_str(), "recursion"),
        (r#"{"tenantId":"acme","x":1e999}"#, "number out of range"),
        (r#"{"tenantId":"acme","x":"\ud800"}"#, "cannot be read"),
        (r#"{"tenantId":"acme","tier":"a","tier":"b"}"#, "tier: \"tier\" must be there once"),
        (r#"{"tenantId":"acme","tags":{"o":"a","o":"b"}}"#, "tags.o: "),
    ] {
        let read = read_event(&with(detail)).unwrap();
        assert_eq!(read.id, "e-1");
        assert!(read.faults.to_string().contains(part), "{}", read.faults);
    }
    // What Landlord does not know may be there as often as its sender likes.
    let read = read_event(&with(r#"{"tenantId":"acme","x":1,"x":[{"y":1,"y":2}]}"#)).unwrap();
    assert!(read.faults.is_empty(), "{}", read.faults);
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
fn a_repeated_event_is_repeated_and_any_other_is_looked_at_anew_after_the_end() {
    use Standing::{Failed, Running, Succeeded};
    let start = |number, room| Meaning::Start { number, room };
    let (needed, not_needed) = (Room::Needed, Room::NotNeeded);
    for (executions, meant) in [
        (vec![], start(1, needed)),
        (vec![execution(1, Running, "e-1")], Meaning::Repeated(1)),
        (vec![execution(1, Running, "e-0")], Meaning::InHand(1)),
        (vec![execution(1, Succeeded, "e-1")], Meaning::Repeated(1)),
        (vec![execution(1, Succeeded, "e-0")], start(2, not_needed)),
        (vec![execution(1, Failed, "e-0")], start(2, needed)),
        (vec![execution(1, Failed, "e-1")], Meaning::Repeated(1)),
        (vec![execution(1, Failed, "e-1"), execution(2, Failed, "e-2")], Meaning::Repeated(1)),
        (vec![execution(1, Failed, "e-0"), execution(2, Failed, "e-2")], start(3, needed)),
        (vec![execution(1, Succeeded, "e-0"), execution(2, Failed, "e-2")], start(3, not_needed)),
        (vec![execution(1, Failed, "e-1"), execution(2, Succeeded, "e-2")], Meaning::Repeated(1)),
        (vec![execution(1, Failed, "e-1"), execution(2, Running, "e-2")], Meaning::Repeated(1)),
        (vec![execution(1, Failed, "e-0"), execution(2, Running, "e-2")], Meaning::InHand(2)),
        // The first one's name was forgotten after 90 days.
        (vec![execution(2, Failed, "e-0")], start(3, needed)),
    ] {
        assert_eq!(meaning("e-1", &executions), meant, "{executions:?}");
    }
}

#[test]
fn an_execution_that_names_no_event_is_nobodys_duplicate() {
    let unnamed = Execution { number: 1, standing: Standing::Failed, event_id: None };
    assert_eq!(meaning("e-1", &[unnamed]), Meaning::Start { number: 2, room: Room::Needed });
}

#[test]
fn each_tenant_that_runs_is_named_once_and_foreign_executions_are_not() {
    let running: Vec<String> = ["acme", "globex_2", "acme_2", "by-hand!"].map(Into::into).into();
    let names: Vec<String> = tenants(&running).iter().map(ToString::to_string).collect();
    assert_eq!(names, ["acme", "globex"]);
}
