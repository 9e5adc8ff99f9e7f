//! Properties of every run: random preferences, fleets, outcomes, orders of ending and stops.

use proptest::prelude::*;

use super::*;

/// A whole operation, drawn at random, with the seed of its outcomes.
#[derive(Debug, Clone)]
struct Case {
    preferences: Preferences,
    targets: Vec<RegionTargets>,
    options: Options,
    failure_rate: f64,
    stop_after: Option<usize>,
    seed: u64,
}

fn amount(least: u32) -> impl Strategy<Value = String> {
    prop_oneof![
        (least..30).prop_map(|count| count.to_string()),
        (least..=100).prop_map(|percent| format!("{percent}%")),
    ]
}

fn preferences() -> impl Strategy<Value = Preferences> {
    let mode = prop_oneof![Just(ConcurrencyMode::Strict), Just(ConcurrencyMode::Soft)];
    let regions =
        prop_oneof![Just(RegionConcurrency::Sequential), Just(RegionConcurrency::Parallel)];
    (amount(0), amount(1), mode, regions).prop_map(|(tolerance, max, mode, region_concurrency)| {
        Preferences {
            failure_tolerance: tolerance.parse().unwrap(),
            max_concurrent: max.parse().unwrap(),
            mode,
            region_concurrency,
            region_order: Vec::new(),
        }
    })
}

fn case() -> impl Strategy<Value = Case> {
    (
        preferences(),
        prop::collection::vec(0_usize..60, 0..5),
        any::<bool>(),
        1_usize..40,
        prop_oneof![Just(0.0), 0.0..0.3, 0.0..1.0],
        prop::option::weighted(0.2, 0_usize..80),
        any::<u64>(),
    )
        .prop_map(
            |(mut preferences, sizes, all_stop, quota, failure_rate, stop_after, seed)| {
                let targets: Vec<_> = sizes
                    .iter()
                    .enumerate()
                    .map(|(place, size)| RegionTargets::new(format!("region-{place}"), *size))
                    .collect();
                let mut order: Vec<_> =
                    targets.iter().map(|target| target.region.clone()).collect();
                fastrand::Rng::with_seed(seed).shuffle(&mut order);
                order.truncate((seed % 6) as usize);
                preferences.region_order = order;
                let parallel_excess =
                    if all_stop { ParallelExcess::AllStop } else { ParallelExcess::OthersGoOn };
                let options = Options { parallel_excess, instances_in_flight_per_region: quota };
                Case { preferences, targets, options, failure_rate, stop_after, seed }
            },
        )
}

/// What a run did, in order: what started, and how what ended.
#[derive(Debug, PartialEq)]
enum Step {
    Started(InstanceKey),
    Ended(InstanceKey, Outcome),
    Stopped,
}

/// Runs a case to its end, checking what must hold at every step.
fn run(case: &Case) -> (Scheduler, Vec<Step>) {
    let mut random = fastrand::Rng::with_seed(case.seed);
    let mut scheduler =
        Scheduler::with_options(&case.preferences, &case.targets, case.options).unwrap();
    let mut in_flight = Vec::new();
    let mut trace = Vec::new();
    loop {
        if case.stop_after == Some(trace.len()) && scheduler.stop().is_ok() {
            trace.push(Step::Stopped);
        }
        let keys = scheduler.startable();
        assert_eq!(scheduler.startable(), [], "nothing more may start without an end");
        trace.extend(keys.iter().copied().map(Step::Started));
        in_flight.extend(keys);
        check(case, &scheduler, &in_flight);
        if in_flight.is_empty() {
            return (scheduler, trace);
        }
        let key = in_flight.swap_remove(random.usize(..in_flight.len()));
        let outcome = match random.f64() {
            roll if roll < case.failure_rate => Outcome::Failed,
            roll if roll > 0.97 => Outcome::Skipped,
            _ => Outcome::Succeeded,
        };
        scheduler.finished(key, outcome).unwrap();
        trace.push(Step::Ended(key, outcome));
    }
}

/// What the preferences allow in a Region of this size, computed here a second time.
fn ceiling(case: &Case, region: usize) -> usize {
    let size = case.targets[region].instances;
    case.preferences.max_concurrent.of(size).min(case.options.instances_in_flight_per_region)
}

fn tolerance(case: &Case, region: usize) -> usize {
    case.preferences.failure_tolerance.of(case.targets[region].instances)
}

fn check(case: &Case, scheduler: &Scheduler, in_flight: &[InstanceKey]) {
    let mut regions_in_flight = 0;
    for (region, target) in case.targets.iter().enumerate() {
        let progress = scheduler.progress(region).unwrap();
        let running = in_flight.iter().filter(|key| key.region == region).count();
        assert_eq!(progress.running, running);
        assert!(running <= ceiling(case, region), "too many in flight: {progress:?}");
        let tolerance = tolerance(case, region);
        if case.preferences.mode == ConcurrencyMode::Strict {
            assert!(running + progress.failed <= tolerance + 1, "{progress:?}");
        } else {
            assert!(progress.failed <= tolerance + ceiling(case, region), "{progress:?}");
        }
        if progress.failed > tolerance {
            assert_eq!(progress.pending, 0, "a Region past its tolerance starts nothing");
        }
        let RegionProgress { pending, running, succeeded, failed, skipped, cancelled, .. } =
            progress;
        let all = pending + running + succeeded + failed + skipped + cancelled;
        assert_eq!(all, target.instances);
        regions_in_flight += usize::from(running > 0);
    }
    if case.preferences.region_concurrency == RegionConcurrency::Sequential {
        assert!(regions_in_flight <= 1, "one Region after the other");
    }
    if !in_flight.is_empty() {
        assert!(!scheduler.status().is_final());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn every_run_keeps_the_limits_and_ends_every_instance_in_one_state(case in case()) {
        let (scheduler, trace) = run(&case);
        prop_assert!(scheduler.status().is_final());
        let mut results = 0;
        for (key, state) in scheduler.results() {
            results += 1;
            let starts = trace.iter().filter(|step| **step == Step::Started(key)).count();
            let ends: Vec<_> = trace
                .iter()
                .filter_map(|step| match step {
                    Step::Ended(ended, outcome) if *ended == key => Some(*outcome),
                    _ => None,
                })
                .collect();
            prop_assert_eq!(starts, ends.len());
            match state {
                InstanceState::Succeeded => prop_assert_eq!(ends, [Outcome::Succeeded]),
                InstanceState::Failed => prop_assert_eq!(ends, [Outcome::Failed]),
                InstanceState::Cancelled(CancelReason::SuspendedAccount) => {
                    prop_assert_eq!(ends, [Outcome::Skipped]);
                }
                InstanceState::Cancelled(_) => prop_assert_eq!(ends, []),
                InstanceState::Pending | InstanceState::Running => {
                    prop_assert!(false, "{key} is {state:?} after the end");
                }
            }
        }
        prop_assert_eq!(results, case.targets.iter().map(|target| target.instances).sum::<usize>());
    }

    #[test]
    fn the_status_follows_from_the_results(case in case()) {
        let (scheduler, trace) = run(&case);
        let progress: Vec<_> =
            (0..case.targets.len()).map(|region| scheduler.progress(region).unwrap()).collect();
        let exceeded =
            progress.iter().enumerate().any(|(region, p)| p.failed > tolerance(&case, region));
        let expected = if trace.contains(&Step::Stopped) {
            OperationStatus::Stopped
        } else if exceeded {
            OperationStatus::Failed
        } else {
            OperationStatus::Succeeded
        };
        prop_assert_eq!(scheduler.status(), expected);
        if expected == OperationStatus::Succeeded {
            prop_assert!(progress.iter().all(|p| p.cancelled == 0));
        }
        prop_assert_eq!(scheduler.failed(), progress.iter().map(|p| p.failed).sum::<usize>());
    }

    #[test]
    fn sequential_regions_begin_in_order_and_only_after_a_region_within_its_tolerance(
        case in case()
    ) {
        prop_assume!(case.preferences.region_concurrency == RegionConcurrency::Sequential);
        let (scheduler, trace) = run(&case);
        let begun: Vec<_> = trace
            .iter()
            .filter_map(|step| match step {
                Step::Started(key) => Some(key.region),
                _ => None,
            })
            .collect();
        let order = scheduler.region_order();
        let place = |region: usize| order.iter().position(|other| *other == region);
        prop_assert!(begun.is_sorted_by_key(|region| place(*region)));
        let excess = order.iter().position(|region| {
            scheduler.progress(*region).unwrap().failed > tolerance(&case, *region)
        });
        if let Some(excess) = excess {
            for region in &order[excess + 1..] {
                let progress = scheduler.progress(*region).unwrap();
                prop_assert_eq!(progress.cancelled, case.targets[*region].instances);
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_run(case in case()) {
        prop_assert_eq!(run(&case).1, run(&case).1);
    }
}
