//! The list of known offenders: what it excuses, and what people may do to it.

use super::*;
use crate::Instance;

fn known(account: u64, class: Class, reason: &str) -> Known {
    Known {
        account: format!("{account:012}").parse().unwrap(),
        region: "eu-central-1".parse().unwrap(),
        class,
        reason: reason.to_owned(),
        since: None,
        execution: None,
        change: None,
        more: Map::new(),
    }
}

fn row(account: u64, class: Class, reason: &str) -> Row {
    let known = known(account, class, reason);
    Row::new(known.account, known.region, class, reason)
}

#[test]
fn the_same_failure_of_the_same_account_is_known_and_no_other() {
    let taken = "UPDATE_FAILED: bucket logs-12 is taken";
    let offenders = Offenders::of(&[
        known(1, Class::Failed, taken),
        known(2, Class::RoleMissing, "Account 2 should have 'R' role with trust relationship"),
        known(3, Class::Vetoed, "returned FAILED"),
        known(4, Class::Failed, ""),
        known(5, Class::Failed, ANY_REASON),
    ]);
    for (account, class, reason, is_known) in [
        (1, Class::Failed, "UPDATE_FAILED: bucket logs-99 is taken", true),
        (1, Class::Failed, "UPDATE_FAILED: the key is gone", false),
        (1, Class::Failed, "Stack:x is in UPDATE_ROLLBACK_FAILED state and can not be", true),
        (9, Class::Failed, "Stack:x is in UPDATE_ROLLBACK_FAILED state and can not be", false),
        (9, Class::Failed, taken, false),
        (2, Class::RoleMissing, "Account 2 should have another role", true),
        (3, Class::Vetoed, "returned FAILED", false),
        (1, Class::Transient, taken, false),
        (4, Class::Failed, taken, false),
        (5, Class::Unclassified, taken, true),
        (5, Class::Transient, taken, false),
    ] {
        let row = row(account, class, reason);
        assert_eq!(offenders.knows(&row), is_known, "{account} {reason}");
    }
}

#[test]
fn an_instance_that_failed_before_the_plan_is_known_by_its_words() {
    let listed = |current, detailed: &str, reason: &str| Listed {
        instance: Instance {
            account: "000000000001".parse().unwrap(),
            region: "eu-central-1".parse().unwrap(),
            inoperable: false,
            unit: None,
        },
        current,
        detailed: detailed.to_owned(),
        last_operation: None,
        reason: Some(reason.to_owned()),
    };
    let found = Known::of_listed(&listed(false, "FAILED", "UPDATE_FAILED: no")).unwrap();
    assert_eq!((found.class, found.since), (Class::Failed, None));
    assert_eq!(Known::of_listed(&listed(true, "SUCCEEDED", "UPDATE_FAILED: no")), None);
    assert_eq!(Known::of_listed(&listed(false, "FAILED", "Rate exceeded")), None);
    assert_eq!(Known::of_listed(&listed(false, "FAILED", "")), None);
    // What is skipped, or was never begun, did not fail, whatever its words are.
    for detailed in ["SKIPPED_SUSPENDED_ACCOUNT", "CANCELLED", "PENDING", "RUNNING", "SUCCEEDED"] {
        assert_eq!(Known::of_listed(&listed(false, detailed, "UPDATE_FAILED: no")), None);
    }
}

#[test]
fn what_failed_by_a_change_that_was_stopped_is_excused_from_another_one_only() {
    let mut one = known(1, Class::Failed, "UPDATE_FAILED: taken");
    assert!(one.excuses_from(Some("a")) && one.excuses_from(None), "by a change that is proven");
    one.change = Some(change_of("Resources: {}", &BTreeMap::new()));
    let days = |days: &str| BTreeMap::from([("Days".to_owned(), days.to_owned())]);
    assert!(!one.excuses_from(Some(&change_of("Resources: {}", &BTreeMap::new()))));
    assert!(one.excuses_from(Some(&change_of("Resources: {}", &days("7")))));
    assert!(one.excuses_from(Some(&change_of("Resources: {A: {}}", &BTreeMap::new()))));
    assert!(!one.excuses_from(None), "a change that cannot be read may be the same");
    assert_ne!(change_of("x", &days("7")), change_of("x", &days("8")));
}

#[test]
fn an_edit_is_read_as_far_as_it_is_understood_and_nothing_of_it_is_lost() {
    let text = r#"{"version": 1, "owner": "platform", "offenders": [
        {"account": "000000000001", "region": "eu-central-1", "class": "failed", "reason": "*",
         "ticket": "OPS-7"},
        {"account": "1", "region": "eu-central-1", "class": "failed"},
        {"account": "000000000002", "region": "eu-central-1", "class": "hopeless"},
        {"account": "000000000003", "region": "eu-central-1", "class": "vetoed", "since": "May"},
        "000000000004"
    ]}"#;
    let file = KnownFile::read(text);
    assert!(!file.is_damaged());
    assert_eq!(file.offenders.len(), 1);
    assert_eq!(file.faults().len(), 4, "{:?}", file.faults());
    assert!(file.faults()[1].starts_with("offenders[2]: "), "{:?}", file.faults());
    assert!(file.faults()[1].contains("hopeless"), "{:?}", file.faults());
    let again: Value = serde_json::from_str(&file.text()).unwrap();
    let before: Value = serde_json::from_str(text).unwrap();
    assert_eq!(again["offenders"].as_array().unwrap().len(), 5);
    for entry in before["offenders"].as_array().unwrap() {
        assert!(again["offenders"].as_array().unwrap().contains(entry), "{entry}: {again}");
    }
    assert_eq!(again["owner"], "platform");
    assert_eq!(KnownFile::read(&file.text()).text(), file.text());
}

#[test]
fn a_file_that_is_no_list_is_damaged_and_excuses_nothing() {
    for (text, says) in [
        ("", "not JSON"),
        ("{\"version\": 1, \"offenders\": [", "not JSON"),
        ("[]", "no object"),
        ("{\"offenders\": []}", "version is not 1"),
        ("{\"version\": 2, \"offenders\": []}", "version is not 1"),
        ("{\"version\": 1, \"offenders\": {}}", "no list"),
    ] {
        let file = KnownFile::read(text);
        assert!(file.is_damaged() && file.offenders.is_empty(), "{text}");
        assert!(file.faults()[0].contains(says), "{text}: {:?}", file.faults());
    }
    let many = vec![json!({}); 900];
    let file = KnownFile::read(&json!({"version": 1, "offenders": many}).to_string());
    assert_eq!(file.faults().len(), 20, "as many as somebody reads");
}
