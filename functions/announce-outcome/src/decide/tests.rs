//! Histories, newest event first.

use super::*;

fn event(id: i64, previous_id: i64, kind: &str, state: Option<&str>) -> Event {
    Event { id, previous_id, kind: kind.to_owned(), state: state.map(Into::into), data: vec![] }
}

fn newest_first(mut events: Vec<Event>) -> Vec<Event> {
    events.reverse();
    events
}

#[test]
fn the_failed_step_is_the_state_of_the_task_that_failed() {
    let events = newest_first(vec![
        event(1, 0, "ExecutionStarted", None),
        event(2, 0, "PassStateEntered", Some("Begin")),
        event(3, 2, "PassStateExited", Some("Begin")),
        event(4, 3, "TaskStateEntered", Some("CreateAccount")),
        event(5, 4, "TaskScheduled", None),
        event(6, 5, "TaskStarted", None),
        event(7, 6, "TaskFailed", None),
        event(8, 7, "ExecutionFailed", None),
    ]);
    assert_eq!(failed_step(&events).as_deref(), Some("CreateAccount"));
}

#[test]
fn in_a_parallel_state_it_is_the_step_of_the_branch_that_failed() {
    for end_follows in [12, 10] {
        // The branches run beside each other, so the step before is not the event before.
        let events = newest_first(vec![
            event(4, 3, "ParallelStateEntered", Some("EquipAccount")),
            event(5, 4, "ParallelStateStarted", None),
            event(6, 5, "TaskStateEntered", Some("EnrollBaseline")),
            event(7, 5, "TaskStateEntered", Some("RequestQuotas")),
            event(8, 6, "TaskScheduled", None),
            event(9, 7, "TaskScheduled", None),
            event(10, 4, "WaitStateEntered", Some("WaitForQuotas")),
            event(11, 8, "TaskStarted", None),
            event(12, 11, "TaskFailed", None),
            event(13, 12, "ParallelStateFailed", None),
            event(14, if end_follows == 12 { 13 } else { 5 }, "ExecutionFailed", None),
        ]);
        assert_eq!(failed_step(&events).as_deref(), Some("EnrollBaseline"), "{end_follows}");
    }
}

#[test]
fn an_older_failure_that_was_caught_is_not_the_step() {
    let events = newest_first(vec![
        event(1, 0, "TaskStateEntered", Some("StartRaiseQuotas")),
        event(2, 1, "TaskFailed", None),
        event(3, 2, "TaskStateExited", Some("StartRaiseQuotas")),
        event(4, 3, "ChoiceStateEntered", Some("IsTenantLive")),
        event(5, 4, "ExecutionFailed", None),
    ]);
    assert_eq!(failed_step(&events).as_deref(), Some("IsTenantLive"));
}

#[test]
fn a_query_that_failed_names_its_state_itself() {
    let mut query = event(9, 8, "EvaluationFailed", Some("LabelAccount"));
    query.data = vec![];
    let events = vec![event(10, 0, "ExecutionFailed", None), query];
    assert_eq!(failed_step(&events).as_deref(), Some("LabelAccount"));
}

#[test]
fn a_query_that_failed_is_not_taken_for_the_state_before_although_its_chain_leads_there() {
    // As AWS records it: the event follows what came before its state was entered.
    let events = newest_first(vec![
        event(1, 0, "ExecutionStarted", None),
        event(2, 0, "TaskStateEntered", Some("CreateAccount")),
        event(3, 2, "TaskStateExited", Some("CreateAccount")),
        event(4, 3, "TaskStateEntered", Some("LabelAccount")),
        event(5, 3, "EvaluationFailed", Some("LabelAccount")),
        event(6, 5, "ExecutionFailed", None),
    ]);
    assert_eq!(failed_step(&events).as_deref(), Some("LabelAccount"));
}

#[test]
fn an_execution_that_was_cut_off_had_got_to_the_state_entered_last() {
    let events = newest_first(vec![
        event(1, 0, "TaskStateEntered", Some("CreateAccount")),
        event(2, 1, "WaitStateEntered", Some("WaitForAccount")),
        event(3, 2, "ExecutionTimedOut", None),
    ]);
    assert_eq!(last_step(&events).as_deref(), Some("WaitForAccount"));
    assert_eq!(last_step(&[]), None);
    assert_eq!(failed_step(&[]), None);
}

#[test]
fn a_history_whose_causes_go_in_circles_ends_the_walk() {
    let events = vec![
        event(8, 7, "ExecutionFailed", None),
        event(7, 8, "TaskFailed", None),
        event(2, 1, "TaskStateEntered", Some("Begin")),
    ];
    assert_eq!(failed_step(&events).as_deref(), Some("Begin"));
}

#[test]
fn the_account_is_found_in_what_was_asked_answered_or_remembered() {
    let account = "222222222222";
    for data in [
        r#"{"FunctionName":"f","Payload":{"accountId":"222222222222"}}"#,
        r#"{"accountId":"222222222222"}"#,
        r#"{"account":{"accountId":"222222222222","standing":"NEW"}}"#,
    ] {
        let mut with = event(4, 3, "TaskScheduled", None);
        with.data = vec!["not JSON".to_owned(), data.to_owned()];
        assert_eq!(account_id(&[with]).unwrap().as_str(), account, "{data}");
    }
    let mut without = event(4, 3, "TaskScheduled", None);
    without.data = vec![r#"{"Payload":{"accountId":"acme"}}"#.to_owned()];
    assert_eq!(account_id(&[without]), None);
}

#[test]
fn the_cause_of_a_function_error_is_its_message() {
    let wrapped = r#"{"errorType":"BaselineFailed","errorMessage":"stack set b: no","trace":[]}"#;
    assert_eq!(readable(wrapped), "stack set b: no");
    assert_eq!(readable("Stopped by an operator"), "Stopped by an operator");
    assert_eq!(readable(r#"{"other":1}"#), r#"{"other":1}"#);
}
