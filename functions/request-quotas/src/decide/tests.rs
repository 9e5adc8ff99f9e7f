//! The decision as a table.

use super::*;

const NOW: &str = "2026-11-21T12:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn region(name: &str) -> RegionName {
    name.parse().unwrap()
}

fn wanted(required: Option<f64>) -> WantedQuota {
    WantedQuota {
        service_code: "lambda".parse().unwrap(),
        quota_code: "L-B99A9384".parse().unwrap(),
        region: region("eu-central-1"),
        desired: 2000.0.try_into().unwrap(),
        required: required.map(|value| value.try_into().unwrap()),
    }
}

fn request(status: &str, desired: f64, updated: &str) -> Request {
    Request {
        service_code: "lambda".to_owned(),
        quota_code: "L-B99A9384".to_owned(),
        desired,
        answer: Answer::of(status),
        status: status.to_owned(),
        created: Some(at("2026-11-21T08:00:00Z")),
        updated: Some(at(updated)),
    }
}

fn history(requests: Vec<Request>) -> Account {
    Account {
        quotas: BTreeMap::new(),
        requests: BTreeMap::from([(region("eu-central-1"), requests)]),
        ..Account::default()
    }
}

fn verdict(value: f64, adjustable: bool, requests: Vec<Request>) -> Verdict {
    judge(&wanted(None), Observed { value, adjustable }, &history(requests), at(NOW))
}

#[test]
fn a_value_that_is_high_enough_is_enough_or_granted() {
    assert_eq!(verdict(2000.0, true, vec![]), Verdict::Stands(Status::Enough));
    for status in ["APPROVED", "CASE_CLOSED", "PENDING"] {
        let asked = vec![request(status, 2000.0, NOW)];
        assert_eq!(verdict(2500.0, true, asked), Verdict::Stands(Status::Granted), "{status}");
    }
    let refused = vec![request("DENIED", 2000.0, NOW)];
    assert_eq!(verdict(2000.0, true, refused), Verdict::Stands(Status::Enough));
}

#[test]
fn a_quota_that_nobody_asked_for_is_asked_for_if_it_can_be_raised() {
    assert_eq!(verdict(10.0, true, vec![]), Verdict::Ask);
    assert_eq!(verdict(10.0, false, vec![]), Verdict::NotAdjustable);
}

#[test]
fn an_open_request_counts_as_asked_whoever_made_it_and_however_much_it_asks() {
    for status in ["PENDING", "CASE_OPENED", "A_NEW_STATUS"] {
        let open = vec![request(status, 1500.0, NOW)];
        assert_eq!(verdict(10.0, true, open), Verdict::Stands(Status::Requested), "{status}");
    }
}

#[test]
fn an_approval_may_come_before_its_effect() {
    let approved = vec![request("APPROVED", 2000.0, "2026-11-20T12:00:00Z")];
    assert_eq!(verdict(10.0, true, approved), Verdict::Stands(Status::Waiting));
}

#[test]
fn a_closed_case_is_judged_by_the_value_once_it_had_time_to_rise() {
    let fresh = vec![request("CASE_CLOSED", 2000.0, "2026-11-21T11:45:00Z")];
    assert_eq!(verdict(10.0, true, fresh), Verdict::Stands(Status::Waiting));
    let old = vec![request("CASE_CLOSED", 2000.0, "2026-11-21T11:30:00Z")];
    assert_eq!(verdict(10.0, true, old), Verdict::Refused("CASE_CLOSED".to_owned()));
}

#[test]
fn a_refused_quota_is_not_asked_for_again() {
    for status in ["DENIED", "NOT_APPROVED", "INVALID_REQUEST"] {
        let refused = vec![request(status, 2000.0, NOW)];
        assert_eq!(verdict(10.0, true, refused), Verdict::Refused(status.to_owned()));
    }
}

#[test]
fn an_old_answer_to_a_smaller_request_is_no_answer_to_this_one() {
    for status in ["DENIED", "APPROVED", "CASE_CLOSED"] {
        let smaller = vec![request(status, 1000.0, "2026-11-01T12:00:00Z")];
        assert_eq!(verdict(1000.0, true, smaller), Verdict::Ask, "{status}");
    }
}

#[test]
fn an_open_request_outweighs_an_older_refusal() {
    let both = vec![request("DENIED", 2000.0, NOW), request("PENDING", 2000.0, NOW)];
    assert_eq!(verdict(10.0, true, both), Verdict::Stands(Status::Requested));
}

#[test]
fn requests_for_other_quotas_are_none_of_its_business() {
    let mut other = request("DENIED", 2000.0, NOW);
    other.quota_code = "L-2ACBD22F".to_owned();
    assert_eq!(verdict(10.0, true, vec![other]), Verdict::Ask);
}

#[test]
fn only_a_required_value_that_is_not_reached_or_not_known_holds_the_tenant_back() {
    let seen = |value| Some(Observed { value, adjustable: true });
    assert!(is_sufficient(&wanted(None), None));
    assert!(is_sufficient(&wanted(None), seen(1.0)));
    assert!(is_sufficient(&wanted(Some(1000.0)), seen(1000.0)));
    assert!(!is_sufficient(&wanted(Some(1000.0)), seen(999.0)));
    assert!(!is_sufficient(&wanted(Some(1000.0)), None));
}

#[test]
fn what_holds_the_tenant_back_is_asked_for_first_and_the_rest_in_its_order() {
    let list = [wanted(None), wanted(Some(1000.0)), wanted(None), wanted(Some(5.0))];
    let mut account = history(vec![]);
    for index in 0..4 {
        account.quotas.insert(index, Observed { value: 10.0, adjustable: true });
    }
    assert_eq!(asking_order(&list, &account), [1, 0, 2, 3]);
}

#[test]
fn two_requests_are_open_in_a_region_at_most() {
    let (here, there) = (region("eu-central-1"), region("us-east-1"));
    let mut account = history(vec![request("CASE_OPENED", 9.0, NOW), request("DENIED", 9.0, NOW)]);
    account.requests.insert(there.clone(), vec![]);
    let mut room = Room::left_by(&account);
    assert!(room.take(&here));
    assert!(!room.take(&here), "one was open, one is taken");
    assert!(room.take(&there));
    room.close(&there);
    assert!(!room.take(&there), "AWS said that it is full");
    assert!(!room.take(&region("eu-west-1")), "nobody knows how many are open there");
}

#[test]
fn twenty_requests_are_open_in_an_account_at_most() {
    let mut account = Account::default();
    for number in 0..11 {
        let open = if number < 9 { vec![request("PENDING", 1.0, NOW); 2] } else { vec![] };
        account.requests.insert(region(&format!("xx-far-{number}")), open);
    }
    let mut room = Room::left_by(&account);
    let taken = (0..4).filter(|n| room.take(&region(&format!("xx-far-{}", 9 + n % 2)))).count();
    assert_eq!(taken, 2, "18 were open");
}
