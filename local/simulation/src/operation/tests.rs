//! What runs report: worked numbers, bounds, reproducibility, size.

use local_aws::cloudformation::scheduler::{
    ConcurrencyMode, Options, ParallelExcess, Preferences, RegionConcurrency,
};
use proptest::prelude::*;

use super::*;

fn fleet(accounts: usize, regions: &[&str]) -> Fleet {
    Fleet {
        accounts,
        regions: regions.iter().map(ToString::to_string).collect(),
        failures: chance("0", "0"),
        minutes: "3".parse().unwrap(),
        veto_minutes: "3".parse().unwrap(),
        jitter: Rate::default(),
        seed: 1,
    }
}

fn chance(failures: &str, vetoes: &str) -> Failures {
    Failures::ByChance { failures: failures.parse().unwrap(), vetoes: vetoes.parse().unwrap() }
}

fn preferences(max_concurrent: &str, tolerance: &str, mode: ConcurrencyMode) -> Preferences {
    Preferences {
        failure_tolerance: tolerance.parse().unwrap(),
        max_concurrent: max_concurrent.parse().unwrap(),
        mode,
        ..Preferences::default()
    }
}

fn run(fleet: &Fleet, preferences: &Preferences) -> Report {
    simulate(fleet, preferences, Options::default()).unwrap()
}

#[test]
fn three_failures_in_every_batch_give_the_strict_example_of_aws() {
    let fleet = Fleet { failures: Failures::FirstOfEveryBatch(3), ..fleet(100, &["eu-west-1"]) };
    let report = run(&fleet, &preferences("10", "5", ConcurrencyMode::Strict));
    let total = report.total();
    assert_eq!(report.status, "FAILED");
    assert_eq!((total.deployed, total.succeeded, total.failed, total.cancelled), (9, 3, 6, 91));
    assert_eq!(
        serde_json::to_string(&report.timeline).unwrap(),
        r#"[{"minute":0,"inFlight":6,"failed":0},{"minute":3,"inFlight":3,"failed":3},{"minute":6,"inFlight":0,"failed":6}]"#
    );
}

#[test]
fn in_soft_mode_a_batch_that_has_started_runs_to_its_end_past_the_tolerance() {
    let fleet = Fleet { failures: Failures::FirstOfEveryBatch(3), ..fleet(100, &["eu-west-1"]) };
    let total = run(&fleet, &preferences("10", "5", ConcurrencyMode::Soft)).total();
    assert_eq!((total.deployed, total.succeeded, total.failed, total.cancelled), (20, 14, 6, 80));
}

#[test]
fn the_report_serialises_to_the_published_document() {
    let report = run(&fleet(2, &["a", "b"]), &preferences("2", "0", ConcurrencyMode::Soft));
    assert_eq!(
        serde_json::to_string(&report).unwrap(),
        concat!(
            r#"{"status":"SUCCEEDED","durationMinutes":6,"regions":["#,
            r#"{"region":"a","deployed":2,"succeeded":2,"failed":0,"vetoed":0,"cancelled":0},"#,
            r#"{"region":"b","deployed":2,"succeeded":2,"failed":0,"vetoed":0,"cancelled":0}],"#,
            r#""timeline":[{"minute":0,"inFlight":2,"failed":0},"#,
            r#"{"minute":6,"inFlight":0,"failed":0}]}"#,
        )
    );
}

#[test]
fn parallel_regions_take_the_time_of_one() {
    let fleet = fleet(100, &["a", "b", "c"]);
    let sequential = preferences("10", "0", ConcurrencyMode::Soft);
    let parallel =
        Preferences { region_concurrency: RegionConcurrency::Parallel, ..sequential.clone() };
    assert_eq!(run(&fleet, &sequential).duration_minutes.get(), 90.0);
    let report = run(&fleet, &parallel);
    assert_eq!(report.duration_minutes.get(), 30.0);
    assert_eq!(report.peak_in_flight, 30);
}

#[test]
fn vetoes_are_failures_and_count_towards_the_tolerance() {
    let fleet = Fleet { failures: chance("0", "100%"), ..fleet(10, &["a"]) };
    let report = run(&fleet, &preferences("1", "3", ConcurrencyMode::Strict));
    let total = report.total();
    assert_eq!(report.status, "FAILED");
    assert_eq!((total.deployed, total.failed, total.vetoed, total.cancelled), (4, 4, 4, 6));
}

#[test]
fn failures_within_the_tolerance_leave_the_status_succeeded() {
    let fleet = Fleet { failures: chance("10%", "5%"), ..fleet(1_000, &["a"]) };
    let report = run(&fleet, &preferences("10%", "100%", ConcurrencyMode::Strict));
    let total = report.total();
    assert_eq!(report.status, "SUCCEEDED");
    assert!((100..200).contains(&total.failed), "{total:?}");
    assert!((20..90).contains(&total.vetoed), "{total:?}");
}

#[test]
fn other_preferences_meet_the_same_fleet() {
    let fleet = Fleet { failures: chance("0.1", "0.1"), ..fleet(500, &["a", "b"]) };
    let candidates = [("one", "1"), ("many", "100%")]
        .map(|(name, max)| (name.to_owned(), preferences(max, "100%", ConcurrencyMode::Soft)));
    let reports = compare(&fleet, candidates.into(), Options::default()).unwrap();
    assert_eq!(reports[0].0, "one");
    assert_eq!(reports[0].1.total().failed, reports[1].1.total().failed);
    assert_eq!(reports[0].1.total().vetoed, reports[1].1.total().vetoed);
    assert!(reports[0].1.duration_minutes > reports[1].1.duration_minutes);
}

#[test]
fn a_hundred_thousand_instances_run_through() {
    let fleet = Fleet {
        failures: chance("0.01", "0.005"),
        jitter: "0.5".parse().unwrap(),
        ..fleet(50_000, &["a", "b"])
    };
    let report = run(&fleet, &preferences("2%", "5%", ConcurrencyMode::Strict));
    assert_eq!(report.status, "SUCCEEDED");
    assert_eq!(report.total().deployed, 100_000);
}

#[test]
fn a_fleet_that_cannot_be_is_refused_with_value_and_rule() {
    let refusal = |fleet: Fleet| {
        simulate(&fleet, &Preferences::default(), Options::default()).unwrap_err().to_string()
    };
    assert_eq!(
        refusal(fleet(0, &["a"])),
        "accounts is 0: must be 1 or more, and accounts times Regions (1) at most 5000000"
    );
    assert_eq!(
        refusal(fleet(3, &["a", "a"])),
        "regions is \"a,a\": must name one Region or more, separated by commas, each once"
    );
    assert_eq!(
        refusal(Fleet { failures: Failures::FirstOfEveryBatch(0), ..fleet(3, &["a"]) }),
        "fail-every-batch is 0: must be 1 or more"
    );
    for text in ["1.5", "101%", "-1", "x", "NaN"] {
        assert!(text.parse::<Rate>().unwrap_err().to_string().contains(text));
    }
    for text in ["0", "-3", "inf", "soon"] {
        assert!(text.parse::<Minutes>().unwrap_err().to_string().contains(text));
    }
}

#[test]
fn the_plot_shows_peaks_failures_and_the_end() {
    let fleet = Fleet { failures: Failures::FirstOfEveryBatch(3), ..fleet(100, &["eu-west-1"]) };
    let report = run(&fleet, &preferences("10", "5", ConcurrencyMode::Strict));
    let plot = Plot { width: 8, height: 2 }.draw(&report);
    let expected = "          in flight
       6 │████
         │████████
       0 └────────
          failed so far
       6 │       █
         │    ████
       0 └────────
          0  6 min
";
    assert_eq!(plot, expected);
    assert_eq!(sparkline(&report, report.duration_minutes, 6, 4), "██▄▄");
}

fn any_preferences() -> impl Strategy<Value = Preferences> {
    (1_u32..40, 0_u32..30, any::<bool>(), any::<bool>()).prop_map(
        |(max, tolerance, soft, parallel)| {
            let mode = if soft { ConcurrencyMode::Soft } else { ConcurrencyMode::Strict };
            let region_concurrency =
                if parallel { RegionConcurrency::Parallel } else { RegionConcurrency::Sequential };
            Preferences {
                region_concurrency,
                ..preferences(&max.to_string(), &tolerance.to_string(), mode)
            }
        },
    )
}

fn any_fleet() -> impl Strategy<Value = Fleet> {
    (1_usize..200, 1_usize..4, 0.0..0.4, 0.0..0.2, 0.0..1.0, any::<u64>()).prop_map(
        |(accounts, regions, failures, vetoes, jitter, seed): (_, _, f64, f64, f64, _)| Fleet {
            failures: chance(&failures.to_string(), &vetoes.to_string()),
            jitter: jitter.to_string().parse().unwrap(),
            seed,
            ..fleet(accounts, &["a", "b", "c"][..regions])
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn numbers_add_up_and_the_timeline_never_exceeds_the_ceiling(
        fleet in any_fleet(),
        preferences in any_preferences(),
        all_stop in any::<bool>(),
    ) {
        let parallel_excess =
            if all_stop { ParallelExcess::AllStop } else { ParallelExcess::OthersGoOn };
        let options = Options { parallel_excess, ..Options::default() };
        let report = simulate(&fleet, &preferences, options).unwrap();
        for region in &report.regions {
            prop_assert_eq!(region.deployed, region.succeeded + region.failed);
            prop_assert_eq!(region.deployed + region.cancelled, fleet.accounts);
            prop_assert!(region.vetoed <= region.failed);
        }
        let at_once = match preferences.region_concurrency {
            RegionConcurrency::Sequential => 1,
            RegionConcurrency::Parallel => fleet.regions.len(),
        };
        let ceiling = at_once * preferences.max_concurrent.of(fleet.accounts);
        prop_assert!(report.timeline.iter().all(|sample| sample.in_flight <= ceiling));
        prop_assert!(report.timeline.is_sorted_by(|a, b| a.minute < b.minute && a.failed <= b.failed));
        let last = report.timeline.last().unwrap();
        prop_assert_eq!(last.in_flight, 0);
        prop_assert_eq!(last.failed, report.total().failed);
        prop_assert_eq!(last.minute, report.duration_minutes);
        prop_assert_eq!(simulate(&fleet, &preferences, options).unwrap(), report);
    }
}
