//! Scripted runs: AWS's own worked example, rounding, Regions, stops, refusals.

use super::*;

fn preferences(max_concurrent: &str, tolerance: &str, mode: ConcurrencyMode) -> Preferences {
    Preferences {
        failure_tolerance: tolerance.parse().unwrap(),
        max_concurrent: max_concurrent.parse().unwrap(),
        mode,
        ..Preferences::default()
    }
}

fn targets(regions: &[(&str, usize)]) -> Vec<RegionTargets> {
    regions.iter().map(|(region, instances)| RegionTargets::new(*region, *instances)).collect()
}

fn one_region(preferences: &Preferences, instances: usize) -> Scheduler {
    Scheduler::new(preferences, &targets(&[("eu-west-1", instances)])).unwrap()
}

/// Drives a scheduler and keeps what is in flight, oldest first.
struct Script {
    scheduler: Scheduler,
    in_flight: Vec<InstanceKey>,
    started: usize,
}

impl Script {
    fn new(scheduler: Scheduler) -> Self {
        let mut script = Self { scheduler, in_flight: Vec::new(), started: 0 };
        script.start();
        script
    }

    fn start(&mut self) {
        let keys = self.scheduler.startable();
        self.started += keys.len();
        self.in_flight.extend(keys);
    }

    /// The oldest in flight ends; then whatever may start, starts.
    fn ends(&mut self, outcome: Outcome) {
        let key = self.in_flight.remove(0);
        self.scheduler.finished(key, outcome).unwrap();
        self.start();
    }

    fn end_times(&mut self, count: usize, outcome: Outcome) {
        for _ in 0..count {
            self.ends(outcome);
        }
    }

    fn regions_in_flight(&self) -> Vec<usize> {
        let mut regions: Vec<_> = self.in_flight.iter().map(|key| key.region).collect();
        regions.dedup();
        regions
    }

    fn region(&self, region: usize) -> RegionProgress {
        self.scheduler.progress(region).unwrap()
    }
}

#[test]
fn strict_worked_example_ends_with_nine_deployed_of_which_six_failed() {
    let strict = preferences("10", "5", ConcurrencyMode::Strict);
    let mut script = Script::new(one_region(&strict, 100));
    assert_eq!(script.in_flight.len(), 6);
    script.ends(Outcome::Failed);
    assert_eq!(script.in_flight.len(), 5);
    script.end_times(2, Outcome::Failed);
    assert_eq!(script.in_flight.len(), 3);
    script.end_times(3, Outcome::Succeeded);
    assert_eq!(script.in_flight.len(), 3, "successes are replaced");
    script.end_times(2, Outcome::Failed);
    assert_eq!(script.in_flight.len(), 1);
    assert_eq!(script.scheduler.status(), OperationStatus::Running);
    script.ends(Outcome::Failed);

    assert_eq!(script.scheduler.status(), OperationStatus::Failed);
    let region = script.region(0);
    assert_eq!((region.succeeded, region.failed, region.cancelled), (3, 6, 91));
    assert_eq!(script.started, 9);
    let last = InstanceKey { region: 0, instance: 99 };
    let cancelled = InstanceState::Cancelled(CancelReason::ToleranceExceeded);
    assert_eq!(script.scheduler.state(last), Some(cancelled));
}

#[test]
fn soft_worked_example_ends_with_fifteen_deployed_of_which_eight_failed() {
    let soft = preferences("10", "5", ConcurrencyMode::Soft);
    let mut script = Script::new(one_region(&soft, 100));
    assert_eq!(script.in_flight.len(), 10);
    for outcome in
        [Outcome::Succeeded, Outcome::Failed, Outcome::Failed, Outcome::Succeeded, Outcome::Failed]
    {
        script.ends(outcome);
        assert_eq!(script.in_flight.len(), 10, "failures do not lower the concurrency");
    }
    assert_eq!(script.started, 15);
    // The next three ends come before anything else starts, so 15 stay 15.
    for _ in 0..3 {
        let key = script.in_flight.remove(0);
        script.scheduler.finished(key, Outcome::Failed).unwrap();
    }
    script.start();
    assert_eq!(script.in_flight.len(), 7);
    assert_eq!(script.scheduler.status(), OperationStatus::Running, "in flight drains");
    script.end_times(5, Outcome::Succeeded);
    script.end_times(2, Outcome::Failed);

    assert_eq!(script.scheduler.status(), OperationStatus::Failed);
    let region = script.region(0);
    assert_eq!((region.succeeded, region.failed, region.cancelled), (7, 8, 85));
    assert_eq!(script.started, 15);
}

#[test]
fn by_default_one_account_runs_at_a_time_and_the_first_failure_ends_the_operation() {
    let mut script = Script::new(one_region(&Preferences::default(), 5));
    assert_eq!(script.in_flight.len(), 1);
    script.ends(Outcome::Succeeded);
    assert_eq!(script.in_flight.len(), 1);
    script.ends(Outcome::Failed);
    assert_eq!(script.scheduler.status(), OperationStatus::Failed);
    assert_eq!(script.region(0).cancelled, 3);
}

#[test]
fn strict_without_tolerance_runs_one_at_a_time_whatever_the_ceiling_is() {
    let script = Script::new(one_region(&preferences("50", "0", ConcurrencyMode::Strict), 100));
    assert_eq!(script.in_flight.len(), 1);
}

#[test]
fn strict_keeps_its_ceiling_while_more_failures_are_left_than_it_has_slots() {
    let mut script = Script::new(one_region(&preferences("3", "9", ConcurrencyMode::Strict), 100));
    script.end_times(7, Outcome::Failed);
    assert_eq!(script.in_flight.len(), 3);
    script.ends(Outcome::Failed);
    assert_eq!(script.in_flight.len(), 2);
    script.end_times(2, Outcome::Failed);
    assert_eq!(script.scheduler.status(), OperationStatus::Failed);
    assert_eq!(script.region(0).failed, 10);
}

#[test]
fn accounts_form_a_sliding_window_and_not_batches() {
    let soft = preferences("3", "0", ConcurrencyMode::Soft);
    let mut scheduler = one_region(&soft, 10);
    let first = scheduler.startable();
    assert_eq!(first.len(), 3);
    scheduler.finished(first[1], Outcome::Succeeded).unwrap();
    assert_eq!(scheduler.startable(), [InstanceKey { region: 0, instance: 3 }]);
    assert_eq!(scheduler.startable(), []);
}

#[test]
fn failures_within_the_tolerance_leave_the_operation_succeeded() {
    let mut script = Script::new(one_region(&preferences("2", "2", ConcurrencyMode::Strict), 4));
    script.end_times(2, Outcome::Failed);
    script.end_times(2, Outcome::Succeeded);
    assert_eq!(script.scheduler.status(), OperationStatus::Succeeded);
    assert_eq!(script.scheduler.failed(), 2);
}

#[test]
fn percentages_round_down_and_concurrency_never_to_zero() {
    // (accounts, percentage, tolerance, concurrency)
    for (accounts, percentage, tolerance, concurrent) in [
        (10, 25, 2, 2),
        (10, 99, 9, 9),
        (10, 100, 10, 10),
        (10, 9, 0, 1),
        (1, 100, 1, 1),
        (1, 99, 0, 1),
        (3, 33, 0, 1),
        (3, 34, 1, 1),
        (6_000, 1, 60, 60),
        (199, 1, 1, 1),
        (100_000, 50, 50_000, 50_000),
    ] {
        let case = format!("{percentage} % of {accounts}");
        let tolerated = FailureTolerance::percentage(percentage).unwrap().of(accounts);
        assert_eq!(tolerated, tolerance, "tolerance: {case}");
        let allowed = MaxConcurrent::percentage(percentage).unwrap().of(accounts);
        assert_eq!(allowed, concurrent, "concurrency: {case}");
    }
    assert_eq!(FailureTolerance::percentage(0).unwrap().of(100), 0);
}

#[test]
fn percentages_count_the_accounts_of_each_region_by_itself() {
    let soft = Preferences {
        region_concurrency: RegionConcurrency::Parallel,
        ..preferences("50%", "10%", ConcurrencyMode::Soft)
    };
    let mut scheduler = Scheduler::new(&soft, &targets(&[("a", 20), ("b", 4)])).unwrap();
    let keys = scheduler.startable();
    assert_eq!(keys.iter().filter(|key| key.region == 0).count(), 10);
    assert_eq!(keys.iter().filter(|key| key.region == 1).count(), 2);
    // 10 % of 4 rounds down to none, so the first failure in b is one too many; a tolerates 2.
    for key in [keys[0], keys[1], keys[10]] {
        scheduler.finished(key, Outcome::Failed).unwrap();
    }
    assert_eq!(scheduler.progress(0).unwrap().cancelled, 0);
    assert_eq!(scheduler.progress(1).unwrap().cancelled, 2);
}

#[test]
fn sequential_regions_follow_the_region_order_and_then_the_request() {
    let ordered =
        Preferences { region_order: vec!["c".into(), "b".into()], ..Preferences::default() };
    let regions = targets(&[("a", 1), ("b", 2), ("c", 1)]);
    let mut script = Script::new(Scheduler::new(&ordered, &regions).unwrap());
    let mut seen = Vec::new();
    while !script.in_flight.is_empty() {
        seen.extend(script.regions_in_flight());
        script.ends(Outcome::Succeeded);
    }
    assert_eq!(seen, [2, 1, 1, 0]);
    assert_eq!(script.scheduler.status(), OperationStatus::Succeeded);
}

#[test]
fn the_next_region_waits_until_everything_in_flight_in_this_one_has_ended() {
    let soft = preferences("5", "0", ConcurrencyMode::Soft);
    let regions = targets(&[("a", 5), ("b", 5)]);
    let mut script = Script::new(Scheduler::new(&soft, &regions).unwrap());
    script.end_times(4, Outcome::Succeeded);
    assert_eq!(script.regions_in_flight(), [0]);
    script.ends(Outcome::Succeeded);
    assert_eq!(script.regions_in_flight(), [1]);
}

#[test]
fn a_region_that_exceeds_its_tolerance_keeps_later_regions_from_being_attempted() {
    let soft = preferences("2", "0", ConcurrencyMode::Soft);
    let regions = targets(&[("a", 2), ("b", 5), ("c", 5)]);
    let mut script = Script::new(Scheduler::new(&soft, &regions).unwrap());
    script.end_times(2, Outcome::Succeeded);
    script.ends(Outcome::Failed);
    script.ends(Outcome::Succeeded);
    assert_eq!(script.scheduler.status(), OperationStatus::Failed);
    assert_eq!(script.region(1).cancelled, 3);
    assert_eq!(script.region(2).cancelled, 5);
}

#[test]
fn the_tolerance_starts_anew_in_each_region() {
    let strict = preferences("1", "1", ConcurrencyMode::Strict);
    let regions = targets(&[("a", 2), ("b", 2)]);
    let mut script = Script::new(Scheduler::new(&strict, &regions).unwrap());
    for outcome in [Outcome::Failed, Outcome::Succeeded, Outcome::Failed, Outcome::Succeeded] {
        script.ends(outcome);
    }
    assert_eq!(script.scheduler.status(), OperationStatus::Succeeded);
    assert_eq!(script.scheduler.failed(), 2);
}

fn parallel_excess(parallel_excess: ParallelExcess) -> Script {
    let parallel = Preferences {
        region_concurrency: RegionConcurrency::Parallel,
        ..preferences("1", "0", ConcurrencyMode::Soft)
    };
    let options = Options { parallel_excess, ..Options::default() };
    let regions = targets(&[("a", 3), ("b", 3)]);
    let mut script = Script::new(Scheduler::with_options(&parallel, &regions, options).unwrap());
    assert_eq!(script.regions_in_flight(), [0, 1], "all Regions start at once");
    script.ends(Outcome::Failed);
    while !script.in_flight.is_empty() {
        script.ends(Outcome::Succeeded);
    }
    assert_eq!(script.scheduler.status(), OperationStatus::Failed);
    assert_eq!(script.region(0).cancelled, 2);
    script
}

#[test]
fn parallel_regions_that_have_begun_go_on_when_another_exceeds_its_tolerance() {
    assert_eq!(parallel_excess(ParallelExcess::OthersGoOn).region(1).succeeded, 3);
}

#[test]
fn parallel_regions_all_stop_at_an_excess_when_so_chosen() {
    let region = parallel_excess(ParallelExcess::AllStop).region(1);
    assert_eq!((region.succeeded, region.cancelled), (1, 2));
}

#[test]
fn a_stop_cancels_what_waits_and_lets_what_is_in_flight_end() {
    let soft = preferences("2", "0", ConcurrencyMode::Soft);
    let mut script = Script::new(one_region(&soft, 5));
    script.scheduler.stop().unwrap();
    assert_eq!(script.scheduler.status(), OperationStatus::Stopping);
    script.scheduler.stop().unwrap();
    script.ends(Outcome::Succeeded);
    assert_eq!(script.scheduler.status(), OperationStatus::Stopping);
    script.ends(Outcome::Failed);
    assert_eq!(script.scheduler.status(), OperationStatus::Stopped);
    let region = script.region(0);
    assert_eq!((region.succeeded, region.failed, region.cancelled), (1, 1, 3));
    let stopped = InstanceState::Cancelled(CancelReason::Stopped);
    assert_eq!(script.scheduler.state(InstanceKey { region: 0, instance: 4 }), Some(stopped));
    let refused = script.scheduler.stop().unwrap_err();
    assert_eq!(refused, OutOfTurn::AlreadyEnded(OperationStatus::Stopped));
    assert!(refused.to_string().contains("STOPPED"), "{refused}");
}

#[test]
fn suspended_accounts_count_neither_as_success_nor_as_failure() {
    let mut script = Script::new(one_region(&Preferences::default(), 3));
    script.end_times(2, Outcome::Skipped);
    script.ends(Outcome::Succeeded);
    assert_eq!(script.scheduler.status(), OperationStatus::Succeeded);
    let region = script.region(0);
    assert_eq!((region.succeeded, region.failed, region.skipped), (1, 0, 2));
    let skipped = InstanceState::Cancelled(CancelReason::SuspendedAccount);
    assert_eq!(script.scheduler.state(InstanceKey { region: 0, instance: 0 }), Some(skipped));
}

#[test]
fn an_operation_without_instances_has_succeeded() {
    for regions in [targets(&[]), targets(&[("a", 0), ("b", 0)])] {
        let mut scheduler = Scheduler::new(&Preferences::default(), &regions).unwrap();
        assert_eq!(scheduler.startable(), []);
        assert_eq!(scheduler.status(), OperationStatus::Succeeded);
    }
}

#[test]
fn the_quota_of_concurrent_instances_bounds_every_region() {
    let soft = preferences("100%", "0", ConcurrencyMode::Soft);
    assert_eq!(one_region(&soft, 25_000).startable().len(), 10_000);
}

#[test]
fn an_end_that_was_not_due_is_refused_and_changes_nothing() {
    let mut scheduler = one_region(&Preferences::default(), 2);
    let key = scheduler.startable()[0];
    for stranger in [
        InstanceKey { region: 0, instance: 1 },
        InstanceKey { region: 0, instance: 7 },
        InstanceKey { region: 3, instance: 0 },
    ] {
        let refused = scheduler.finished(stranger, Outcome::Failed);
        assert_eq!(refused, Err(OutOfTurn::NotRunning(stranger)));
    }
    scheduler.finished(key, Outcome::Succeeded).unwrap();
    assert_eq!(scheduler.finished(key, Outcome::Failed), Err(OutOfTurn::NotRunning(key)));
    assert_eq!(scheduler.failed(), 0);
    assert_eq!(scheduler.status(), OperationStatus::Running);
}

#[test]
fn preferences_default_to_those_of_aws() {
    let checked = Preferences::try_from(&PreferencesRequest::default()).unwrap();
    assert_eq!(checked, Preferences::default());
    assert_eq!(checked.max_concurrent.of(100), 1);
    assert_eq!(checked.failure_tolerance.of(100), 0);
    assert_eq!(checked.mode.as_str(), "STRICT_FAILURE_TOLERANCE");
    assert_eq!(checked.region_concurrency.as_str(), "SEQUENTIAL");
}

#[test]
fn preferences_are_read_as_a_request_spells_them() {
    let request = PreferencesRequest {
        failure_tolerance_percentage: Some(10),
        max_concurrent_count: Some(7),
        concurrency_mode: Some("SOFT_FAILURE_TOLERANCE".into()),
        region_concurrency_type: Some("PARALLEL".into()),
        region_order: vec!["a".into()],
        ..PreferencesRequest::default()
    };
    let expected = Preferences {
        failure_tolerance: "10%".parse().unwrap(),
        max_concurrent: "7".parse().unwrap(),
        mode: ConcurrencyMode::Soft,
        region_concurrency: RegionConcurrency::Parallel,
        region_order: vec!["a".into()],
    };
    assert_eq!(Preferences::try_from(&request).unwrap(), expected);
}

#[test]
fn a_refused_preference_names_field_value_and_rule() {
    let empty = PreferencesRequest::default;
    for (request, message) in [
        (
            PreferencesRequest { failure_tolerance_count: Some(-1), ..empty() },
            "FailureToleranceCount is -1: must be 0 or more, up to 2147483647",
        ),
        (
            PreferencesRequest { failure_tolerance_percentage: Some(101), ..empty() },
            "FailureTolerancePercentage is 101: must be from 0 to 100",
        ),
        (
            PreferencesRequest { max_concurrent_count: Some(0), ..empty() },
            "MaxConcurrentCount is 0: must be 1 or more, up to 2147483647",
        ),
        (
            PreferencesRequest { max_concurrent_percentage: Some(0), ..empty() },
            "MaxConcurrentPercentage is 0: must be from 1 to 100",
        ),
        (
            PreferencesRequest {
                max_concurrent_count: Some(2),
                max_concurrent_percentage: Some(3),
                ..empty()
            },
            "MaxConcurrentCount is 2 and MaxConcurrentPercentage is 3: give one of the two",
        ),
        (
            PreferencesRequest {
                failure_tolerance_count: Some(0),
                failure_tolerance_percentage: Some(0),
                ..empty()
            },
            "FailureToleranceCount is 0 and FailureTolerancePercentage is 0: give one of the two",
        ),
        (
            PreferencesRequest { concurrency_mode: Some("strict".into()), ..empty() },
            "ConcurrencyMode is \"strict\": must be STRICT_FAILURE_TOLERANCE or \
             SOFT_FAILURE_TOLERANCE",
        ),
        (
            PreferencesRequest { region_concurrency_type: Some("BOTH".into()), ..empty() },
            "RegionConcurrencyType is \"BOTH\": must be SEQUENTIAL or PARALLEL",
        ),
    ] {
        assert_eq!(Preferences::try_from(&request).unwrap_err().to_string(), message);
    }
}

#[test]
fn a_region_order_that_does_not_fit_the_operation_is_refused() {
    let order = |regions: &[&str]| Preferences {
        region_order: regions.iter().map(ToString::to_string).collect(),
        ..Preferences::default()
    };
    let regions = targets(&[("a", 1), ("b", 1)]);
    let refusal = |order, regions: &[RegionTargets]| {
        Scheduler::new(&order, regions).map(|_| ()).unwrap_err().to_string()
    };
    assert_eq!(
        refusal(order(&["c"]), &regions),
        "RegionOrder names \"c\": must be one of the operation's Regions (a, b)"
    );
    assert_eq!(
        refusal(order(&["a", "a"]), &regions),
        "RegionOrder names \"a\" twice: each Region may stand there once"
    );
    assert_eq!(
        refusal(order(&[]), &targets(&[("a", 1), ("a", 1)])),
        "Regions names \"a\" twice: each Region may stand there once"
    );
}
