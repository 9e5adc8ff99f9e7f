//! The decision as a table.

use super::*;

fn region(name: &str) -> RegionName {
    name.parse().unwrap()
}

fn instance(name: &str, standing: Standing, operation: &str) -> Instance {
    Instance {
        region: region(name),
        standing,
        last_operation_id: Some(operation.to_owned()),
        reason: (standing == Standing::Failed).then(|| "Resource limit exceeded".to_owned()),
    }
}

fn two_regions() -> Vec<RegionName> {
    vec![region("eu-central-1"), region("us-east-1")]
}

fn seen(before: &[&str], failed: &[&str]) -> Option<Attempts> {
    let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
    Some(Attempts { before: owned(before), failed: owned(failed) })
}

#[test]
fn each_pair_of_statuses_has_one_standing() {
    for (status, detailed, standing) in [
        ("CURRENT", Some("SUCCEEDED"), Standing::Current),
        ("CURRENT", None, Standing::Current),
        ("OUTDATED", Some("PENDING"), Standing::Working),
        ("OUTDATED", Some("RUNNING"), Standing::Working),
        ("OUTDATED", Some("SOMETHING_NEW"), Standing::Working),
        ("OUTDATED", Some("FAILED"), Standing::Failed),
        ("OUTDATED", Some("FAILED_IMPORT"), Standing::Failed),
        ("OUTDATED", Some("CANCELLED"), Standing::Outdated),
        ("OUTDATED", Some("SUCCEEDED"), Standing::Outdated),
        ("OUTDATED", None, Standing::Outdated),
        ("OUTDATED", Some("SKIPPED_SUSPENDED_ACCOUNT"), Standing::Suspended),
        ("OUTDATED", Some("INOPERABLE"), Standing::Inoperable),
        ("INOPERABLE", Some("FAILED"), Standing::Inoperable),
    ] {
        assert_eq!(Standing::of(Some(status), detailed), standing, "{status} {detailed:?}");
    }
}

#[test]
fn a_stack_set_without_instances_needs_all_its_regions_and_takes_others_along() {
    let (next, attempts) = judge(&two_regions(), &[], None, 3);
    assert_eq!(next, Next::Operate { regions: two_regions(), open_to_others: true });
    assert_eq!(attempts, Attempts::default());
}

#[test]
fn it_is_done_only_when_every_region_is_current() {
    let here = instance("eu-central-1", Standing::Current, "enrol-1");
    let there = instance("us-east-1", Standing::Current, "enrol-1");
    assert_eq!(judge(&two_regions(), &[here.clone(), there], None, 3).0, Next::Done);
    assert_eq!(
        judge(&two_regions(), &[here], None, 3).0,
        Next::Operate { regions: vec![region("us-east-1")], open_to_others: false },
        "an account that has an instance already is not listed for it again"
    );
}

#[test]
fn a_region_that_still_works_is_waited_for_before_another_is_retried() {
    let instances = [
        instance("eu-central-1", Standing::Failed, "enrol-1"),
        instance("us-east-1", Standing::Working, "enrol-1"),
    ];
    let (next, attempts) = judge(&two_regions(), &instances, seen(&[], &[]), 1);
    assert_eq!(next, Next::Wait { regions: vec![region("us-east-1")] });
    assert_eq!(attempts.failed, ["enrol-1"]);
}

#[test]
fn an_operation_counts_once_however_often_it_is_looked_at_and_however_many_regions_failed() {
    let instances = [
        instance("eu-central-1", Standing::Failed, "enrol-1"),
        instance("us-east-1", Standing::Failed, "enrol-1"),
    ];
    let mut attempts = seen(&[], &[]);
    for _ in 0..5 {
        let (next, counted) = judge(&two_regions(), &instances, attempts, 2);
        assert!(matches!(next, Next::Operate { .. }), "{next:?}");
        assert_eq!(counted.failed, ["enrol-1"]);
        attempts = Some(counted);
    }
}

#[test]
fn regions_that_failed_in_different_operations_do_not_count_in_turns() {
    let instances = [
        instance("eu-central-1", Standing::Failed, "enrol-1"),
        instance("us-east-1", Standing::Failed, "enrol-2"),
    ];
    let mut attempts = seen(&[], &["enrol-1"]);
    for _ in 0..5 {
        let (_, counted) = judge(&two_regions(), &instances, attempts, 3);
        assert_eq!(counted.failed, ["enrol-1", "enrol-2"]);
        attempts = Some(counted);
    }
}

#[test]
fn it_gives_up_with_awss_reason_when_the_limit_is_reached() {
    let failed = [instance("eu-central-1", Standing::Failed, "enrol-3")];
    let regions = [region("eu-central-1")];
    let (next, _) = judge(&regions, &failed, seen(&[], &["enrol-1", "enrol-2"]), 3);
    assert_eq!(
        next,
        Next::GiveUp {
            region: region("eu-central-1"),
            reason: "Resource limit exceeded".to_owned()
        }
    );
}

#[test]
fn a_failure_from_before_this_execution_is_forgiven_and_retried() {
    let failed = [instance("eu-central-1", Standing::Failed, "enrol-9")];
    let regions = [region("eu-central-1")];
    let (next, attempts) = judge(&regions, &failed, None, 1);
    assert_eq!(next, Next::Operate { regions: regions.to_vec(), open_to_others: true });
    assert_eq!(Some(attempts.clone()), seen(&["enrol-9"], &[]));
    let (next, again) = judge(&regions, &failed, Some(attempts), 1);
    assert!(matches!(next, Next::Operate { .. }), "a second look changes nothing: {next:?}");
    assert_eq!(Some(again), seen(&["enrol-9"], &[]));
}

#[test]
fn a_roll_out_that_failed_here_is_not_an_attempt_to_enrol() {
    let failed = [instance("eu-central-1", Standing::Failed, "2026-11-w03-1")];
    let (next, attempts) = judge(&[region("eu-central-1")], &failed, seen(&[], &[]), 1);
    assert!(matches!(next, Next::Operate { .. }), "{next:?}");
    assert_eq!(attempts, Attempts::default());
}

#[test]
fn what_no_operation_can_mend_is_given_up_at_once() {
    for (standing, reason) in [
        (Standing::Inoperable, "the stack instance is INOPERABLE"),
        (Standing::Suspended, "SKIPPED_SUSPENDED_ACCOUNT"),
    ] {
        let found = [instance("eu-central-1", standing, "enrol-1")];
        let (next, _) = judge(&[region("eu-central-1")], &found, None, 3);
        assert_eq!(
            next,
            Next::GiveUp { region: region("eu-central-1"), reason: reason.to_owned() }
        );
    }
}

#[test]
fn instances_in_regions_outside_the_tier_are_ignored() {
    let elsewhere = instance("ap-south-1", Standing::Failed, "enrol-1");
    let here = instance("eu-central-1", Standing::Current, "enrol-1");
    assert_eq!(judge(&[region("eu-central-1")], &[elsewhere, here], None, 3).0, Next::Done);
}

fn operation(id: &str, status: &str) -> Operation {
    Operation { id: id.to_owned(), status: status.to_owned(), created: None }
}

#[test]
fn an_enrolment_on_its_way_is_waited_for_and_a_roll_out_is_not() {
    for status in ["RUNNING", "QUEUED", "STOPPING"] {
        assert_eq!(
            read_log(&[operation("rollout-1", "RUNNING"), operation("enrol-1", status)]),
            Log::Busy { operation_id: "enrol-1".to_owned() }
        );
    }
    assert_eq!(
        read_log(&[operation("rollout-1", "RUNNING"), operation("enrol-1", "SUCCEEDED")]),
        Log::Free { operation_id: operation_id(Some("rollout-1")) }
    );
}

#[test]
fn all_who_see_the_same_log_choose_the_same_id_and_the_next_log_gives_another() {
    let first = operation_id(None);
    assert_eq!(first, operation_id(Some("none")));
    assert_eq!(first, "enrol-140bedbf9c3f6d56a9846d2ba7088798");
    let Log::Free { operation_id: second } = read_log(&[operation(&first, "SUCCEEDED")]) else {
        panic!("an operation that ended is in nobody's way");
    };
    assert_ne!(first, second);
    assert_eq!(second.len(), 38);
}
