//! `landlord simulate operation`, as a user meets it: the binary, its output, its exit status.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::process::{Command, Output};

use serde_json::{Value, json};

fn landlord(flags: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_landlord"))
        .args(["simulate", "operation"])
        .args(flags.split_whitespace())
        .output()
        .unwrap()
}

fn answer(flags: &str) -> String {
    let output = landlord(flags);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn document(flags: &str) -> Value {
    serde_json::from_str(&answer(flags)).unwrap()
}

const EXAMPLE: &str =
    "--accounts 100 --regions r --max-concurrent 10 --failure-tolerance 5 --fail-every-batch 3";

#[test]
fn json_is_the_published_document_and_nothing_else() {
    assert_eq!(
        document(&format!("{EXAMPLE} --json")),
        json!({
            "status": "FAILED",
            "durationMinutes": 6,
            "regions": [{
                "region": "r", "deployed": 9, "succeeded": 3, "failed": 6, "vetoed": 0,
                "cancelled": 91
            }],
            "timeline": [
                {"minute": 0, "inFlight": 6, "failed": 0},
                {"minute": 3, "inFlight": 3, "failed": 3},
                {"minute": 6, "inFlight": 0, "failed": 6}
            ]
        })
    );
}

#[test]
fn without_flags_the_preferences_are_those_of_aws() {
    let document = document("--json");
    assert_eq!(document["status"], "SUCCEEDED");
    assert_eq!(document["durationMinutes"], 300);
    assert_eq!(document["timeline"][0]["inFlight"], 1);
}

#[test]
fn the_page_shows_plot_table_status_and_duration() {
    let page = answer(&format!("{EXAMPLE} --mode soft"));
    for part in [
        "100 accounts in r (100 instances of 3 min; the first 3 of every batch fail; seed 1)",
        "max concurrent 10, failure tolerance 5, SOFT_FAILURE_TOLERANCE, SEQUENTIAL",
        "in flight",
        "failed so far",
        "█",
        "cancelled",
        "FAILED after 6 min",
    ] {
        assert!(page.contains(part), "no {part:?} in:\n{page}");
    }
}

#[test]
fn compare_puts_specs_beside_the_preferences_of_the_flags() {
    let flags = format!("{EXAMPLE} --compare name=soft,mode=soft max-concurrent=2 --json");
    let list = document(&flags);
    let summary: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["name"].as_str().unwrap(), &entry["regions"][0]["deployed"]))
        .collect();
    assert_eq!(
        summary,
        [("as given", &json!(9)), ("soft", &json!(20)), ("max-concurrent=2", &json!(6))]
    );
    let page = answer(&format!("{EXAMPLE} --compare name=soft,mode=soft"));
    for part in ["as given", "soft", "in flight over", "SOFT_FAILURE_TOLERANCE"] {
        assert!(page.contains(part), "no {part:?} in:\n{page}");
    }
}

#[test]
fn compare_without_a_spec_takes_both_modes_and_both_region_concurrencies() {
    let list = document("--regions a,b --max-concurrent 10 --json --compare");
    let names: Vec<_> = list.as_array().unwrap().iter().map(|entry| &entry["name"]).collect();
    let expected = ["strict sequential", "soft sequential", "strict parallel", "soft parallel"]
        .map(Value::from);
    assert_eq!(names, expected.iter().collect::<Vec<_>>());
    assert_eq!(list[3]["durationMinutes"], 30);
}

#[test]
fn the_same_seed_gives_the_same_answer_and_another_seed_another() {
    let flags = "--accounts 500 --regions a,b --max-concurrent 10% --failure-tolerance 100% \
                 --failure-rate 0.1 --veto-rate 5% --jitter 0.3 --json --seed";
    assert_eq!(answer(&format!("{flags} 7")), answer(&format!("{flags} 7")));
    assert_ne!(answer(&format!("{flags} 7")), answer(&format!("{flags} 8")));
}

#[test]
fn usage_faults_end_with_two_and_name_flag_value_and_rule() {
    for (flags, parts) in [
        ("--max-concurrent 0", ["--max-concurrent", "0", "1 or more"]),
        ("--max-concurrent 101%", ["--max-concurrent", "101", "from 1 to 100"]),
        ("--max-concurrent many", ["--max-concurrent", "many", "whole number"]),
        ("--failure-tolerance -1%", ["--failure-tolerance", "-1", "0"]),
        ("--failure-tolerance=-1", ["--failure-tolerance", "-1", "0 or more"]),
        ("--accounts -5", ["--accounts", "-5", "whole number, 0 or more"]),
        ("--failure-rate -0.1", ["--failure-rate", "-0.1", "from 0 to 1"]),
        ("--failure-rate 2", ["--failure-rate", "2", "from 0 to 1"]),
        ("--veto-rate 120%", ["--veto-rate", "120%", "from 0% to 100%"]),
        ("--minutes 0", ["--minutes", "0", "0.001"]),
        ("--mode lax", ["--mode", "lax", "strict"]),
        ("--region-concurrency some", ["--region-concurrency", "some", "parallel"]),
        ("--accounts 0", ["--accounts", "is 0", "1 or more"]),
        ("--accounts 9999999", ["--accounts", "9999999", "5000000"]),
        ("--regions a,a", ["--regions", "a,a", "each once"]),
        ("--regions a,,b", ["--regions", "a,,b", "separated by commas"]),
        ("--fail-every-batch some", ["--fail-every-batch", "some", "whole number"]),
        ("--seed 1.5", ["--seed", "1.5", "whole number"]),
        ("--fail-every-batch 0", ["--fail-every-batch", "is 0", "1 or more"]),
        ("--fail-every-batch 2 --veto-rate 0.1", ["--fail-every-batch", "--veto-rate", "one of"]),
        ("--in-flight-quota 0", ["--in-flight-quota", "is 0", "1 or more"]),
        ("--compare mode=lax", ["--compare", "lax", "strict, soft"]),
        ("--compare speed=9", ["--compare", "speed=9", "keys are"]),
        ("--compare fast", ["--compare", "fast", "key=value"]),
    ] {
        let output = landlord(flags);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{flags}: {message}");
        assert!(output.stdout.is_empty());
        for part in parts {
            assert!(message.contains(part), "{flags}: no {part:?} in {message}");
        }
    }
}
