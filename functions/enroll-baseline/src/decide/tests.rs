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

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

/// What was counted before, long ago, of failures that a person has to mend.
fn seen(before: &[&str], counted: &[&str]) -> Option<Attempts> {
    let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
    let few = u32::try_from(counted.len()).unwrap();
    Some(Attempts { before: owned(before), counted: owned(counted), few, ..Attempts::default() })
}

fn judged(
    regions: &[RegionName],
    instances: &[Instance],
    attempts: Option<Attempts>,
    limit: u32,
) -> (Next, Attempts) {
    judge(regions, instances, attempts, limit, now())
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
    let (next, attempts) = judged(&two_regions(), &[], None, 3);
    assert_eq!(next, Next::Operate { regions: two_regions(), open_to_others: true });
    assert_eq!(attempts, Attempts::default());
}

#[test]
fn it_is_done_only_when_every_region_is_current() {
    let here = instance("eu-central-1", Standing::Current, "enrol-1");
    let there = instance("us-east-1", Standing::Current, "enrol-1");
    assert_eq!(judged(&two_regions(), &[here.clone(), there], None, 3).0, Next::Current);
    assert_eq!(
        judged(&two_regions(), &[here], None, 3).0,
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
    let (next, attempts) = judged(&two_regions(), &instances, seen(&[], &[]), 1);
    assert_eq!(next, Next::Wait { regions: vec![region("us-east-1")] });
    assert_eq!(attempts.counted, ["enrol-1"]);
}

#[test]
fn an_operation_counts_once_however_often_it_is_looked_at_and_however_many_regions_failed() {
    let instances = [
        instance("eu-central-1", Standing::Failed, "enrol-1"),
        instance("us-east-1", Standing::Failed, "enrol-1"),
    ];
    let mut attempts = seen(&[], &[]);
    for _ in 0..5 {
        let (next, counted) = judged(&two_regions(), &instances, attempts, 2);
        assert!(matches!(next, Next::Pause { .. }), "{next:?}");
        assert_eq!(counted.counted, ["enrol-1"]);
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
        let (_, counted) = judged(&two_regions(), &instances, attempts, 3);
        assert_eq!(counted.counted, ["enrol-1", "enrol-2"]);
        attempts = Some(counted);
    }
}

#[test]
fn it_gives_up_with_awss_reason_when_the_limit_is_reached() {
    let failed = [instance("eu-central-1", Standing::Failed, "enrol-3")];
    let regions = [region("eu-central-1")];
    let (next, _) = judged(&regions, &failed, seen(&[], &["enrol-1", "enrol-2"]), 3);
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
    let (next, attempts) = judged(&regions, &failed, None, 1);
    assert_eq!(next, Next::Operate { regions: regions.to_vec(), open_to_others: true });
    assert_eq!(Some(attempts.clone()), seen(&["enrol-9"], &[]));
    let (next, again) = judged(&regions, &failed, Some(attempts), 1);
    assert!(matches!(next, Next::Operate { .. }), "a second look changes nothing: {next:?}");
    assert_eq!(Some(again), seen(&["enrol-9"], &[]));
}

#[test]
fn a_roll_out_that_failed_here_is_not_an_attempt_to_enrol() {
    let failed = [instance("eu-central-1", Standing::Failed, "2026-11-w03-1")];
    let (next, attempts) = judged(&[region("eu-central-1")], &failed, seen(&[], &[]), 1);
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
        let (next, _) = judged(&[region("eu-central-1")], &found, None, 3);
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
    assert_eq!(judged(&[region("eu-central-1")], &[elsewhere, here], None, 3).0, Next::Current);
}

/// One look, so long after the first, at an instance that failed by this operation.
fn failure(attempts: Attempts, operation: &str, reason: &str, seconds: i64) -> (Next, Attempts) {
    let mut failed = instance("eu-central-1", Standing::Failed, operation);
    failed.reason = Some(reason.to_owned());
    let at = now() + jiff::SignedDuration::from_secs(seconds);
    judge(&[region("eu-central-1")], &[failed], Some(attempts), 3, at)
}

#[test]
fn what_the_account_is_to_get_yet_is_waited_for_with_growing_pauses_and_never_given_up() {
    for reason in [
        "ResourceStatusReason:The AWS Access Key Id needs a subscription for the service",
        "No export named network-vpc found.",
    ] {
        let (mut attempts, mut at) = (Attempts::default(), 0);
        let mut pauses = Vec::new();
        for number in 0..12 {
            let (next, counted) = failure(attempts, &format!("enrol-{number}"), reason, at);
            let Next::Pause { until, .. } = next else { panic!("{reason}, {number}: {next:?}") };
            let pause = until.duration_since(now()).as_secs() - at;
            pauses.push(pause);
            let id = format!("enrol-{number}");
            let (early, counted) = failure(counted, &id, reason, at + pause - 1);
            assert!(matches!(early, Next::Pause { .. }), "{early:?}");
            let (due, counted) = failure(counted, &id, reason, at + pause);
            assert!(matches!(due, Next::Operate { .. }), "{due:?}");
            (attempts, at) = (counted, at + pause + 180);
        }
        assert_eq!(pauses[..4], [30, 60, 120, 240]);
        assert_eq!(pauses[11], 1_800);
    }
}

#[test]
fn what_passes_by_itself_is_tried_soon_and_four_times_as_often_as_what_does_not() {
    let reason = "Rate exceeded (Service: AWSLambda; Status Code: 429)";
    let (mut attempts, mut at) = (Attempts::default(), 0);
    for number in 0..11 {
        let (next, counted) = failure(attempts, &format!("enrol-{number}"), reason, at);
        assert!(matches!(next, Next::Pause { .. }), "{number}: {next:?}");
        (attempts, at) = (counted, at + 600);
    }
    let (next, _) = failure(attempts, "enrol-11", reason, at);
    assert!(matches!(next, Next::GiveUp { .. }), "{next:?}");
}

#[test]
fn what_a_person_has_to_mend_is_not_tried_three_times_within_seconds() {
    let (next, attempts) = failure(Attempts::default(), "enrol-1", "Bucket name is taken", 0);
    let Next::Pause { until, reason, .. } = next else { panic!("{next:?}") };
    assert_eq!(
        (until.duration_since(now()).as_secs(), reason.as_str()),
        (20, "Bucket name is taken")
    );
    let (next, attempts) = failure(attempts, "enrol-2", "Bucket name is taken", 21);
    assert!(matches!(next, Next::Pause { .. }), "{next:?}");
    let (next, _) = failure(attempts, "enrol-3", "Bucket name is taken", 100);
    assert!(matches!(next, Next::GiveUp { .. }), "{next:?}");
}

#[test]
fn the_gravest_failure_of_an_operation_decides() {
    let mut here = instance("eu-central-1", Standing::Failed, "enrol-1");
    here.reason = Some("No export named network-vpc found.".to_owned());
    let there = instance("us-east-1", Standing::Failed, "enrol-1");
    let (_, attempts) = judged(&two_regions(), &[here, there], seen(&[], &[]), 3);
    assert_eq!((attempts.few, attempts.wait), (1, 0));
}

#[test]
fn parameters_are_the_tenants_when_they_are_the_same_and_no_more() {
    let of = |pairs: &[(&str, &str)]| -> Overrides {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    for (found, wanted, same) in [
        (of(&[]), of(&[]), true),
        (of(&[("A", "1")]), of(&[("A", "1")]), true),
        (of(&[("A", "2")]), of(&[("A", "1")]), false),
        (of(&[]), of(&[("A", "1")]), false),
        (of(&[("A", "1")]), of(&[]), false),
        (of(&[("A", "1"), ("B", "1")]), of(&[("A", "1")]), false),
        (of(&[("A", "****")]), of(&[("A", "secret")]), true),
    ] {
        assert_eq!(has_overrides(&found, &wanted), same, "{found:?} {wanted:?}");
    }
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
        Log::Free { operation_id: operation_id(Some("enrol-1")) }
    );
}

#[test]
fn operations_of_others_give_those_who_look_no_two_ids() {
    for enrolments in [&[][..], &[operation("enrol-1", "SUCCEEDED")]] {
        let log = |others: &[&str]| {
            let others = others.iter().map(|id| operation(id, "RUNNING"));
            others.chain(enrolments.iter().cloned()).collect::<Vec<_>>()
        };
        let (before, after) = (log(&["roll-1"]), log(&["roll-2", "roll-1"]));
        assert_eq!(next_id(&before), next_id(&after));
    }
    // Of a log that has no end an older part is not read: an id of long ago may be taken.
    let long: Vec<_> = (0..500).map(|n| operation(&format!("roll-{n}"), "SUCCEEDED")).collect();
    assert_eq!(next_id(&long), operation_id(Some("roll-0")));
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
