//! Every error has one name: in Rust, in the machines, in the function's README, in the runbook.

use std::collections::{BTreeMap, BTreeSet};

use crate::workspace::{Machine, assert_no_faults, functions, machines, text};

/// Names that AWS gives to errors of its own, of those that the machines match.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html>
const OF_AWS: [&str; 26] = [
    "Lambda.TooManyRequestsException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.Unknown",
    "Sandbox.Timedout",
    "Runtime.ExitError",
    "StepFunctions.AWSStepFunctionsException",
    "StepFunctions.InternalFailureException",
    "StepFunctions.ThrottlingException",
    "StepFunctions.SdkClientException",
    "StepFunctions.ExecutionAlreadyExistsException",
    "EventBridge.AmazonEventBridgeException",
    "EventBridge.InternalException",
    "EventBridge.InternalFailureException",
    "EventBridge.ThrottlingException",
    "EventBridge.SdkClientException",
    "EventBridge.FailedEntry",
    "SNS.AmazonSNSException",
    "SNS.InternalErrorException",
    "SNS.InternalFailureException",
    "SNS.ThrottledException",
    "SNS.ThrottlingException",
    "SNS.SdkClientException",
    "States.TaskFailed",
    "States.Timeout",
];

/// Errors that are in the runbook and are no function's: they come from Lambda, Step Functions and
/// this machine's own time-out.
const OF_THE_RUNTIME: [&str; 8] = [
    "Lambda.Unknown",
    "Sandbox.Timedout",
    "Runtime.ExitError",
    "States.Timeout",
    "States.Runtime",
    "States.QueryEvaluationError",
    "States.DataLimitExceeded",
    "Lambda.AWSLambdaException",
];

/// The error names of each function, from its own crate.
fn names_by_function() -> BTreeMap<&'static str, Vec<&'static str>> {
    BTreeMap::from([
        // Whatever goes wrong is the gate's answer.
        ("account-gate", Vec::new()),
        ("admit-tenant", admit_tenant::Error::NAMES.to_vec()),
        ("announce-outcome", announce_outcome::Error::NAMES.to_vec()),
        ("assess-wave", assess_wave::Error::NAMES.to_vec()),
        ("audit-fleet", audit_fleet::ERROR_NAMES.to_vec()),
        ("close-account", close_account::ERROR_NAMES.to_vec()),
        ("create-account", create_account::ERROR_NAMES.to_vec()),
        ("deploy-wave", deploy_wave::Error::NAMES.to_vec()),
        ("enroll-baseline", enroll_baseline::Error::NAMES.to_vec()),
        ("plan-change", plan_change::ERROR_NAMES.to_vec()),
        ("find-tenant", find_tenant::ERROR_NAMES.to_vec()),
        ("finish-rollout", finish_rollout::Error::NAMES.to_vec()),
        ("equip-account", equip_account::ERROR_NAMES.to_vec()),
        ("label-account", label_account::ERROR_NAMES.to_vec()),
        ("place-account", place_account::ERROR_NAMES.to_vec()),
        ("plan-retirements", plan_retirements::ERROR_NAMES.to_vec()),
        ("plan-rollout", plan_rollout::Error::NAMES.to_vec()),
        ("request-quotas", request_quotas::Error::NAMES.to_vec()),
        ("retire-tenant", retire_tenant::ERROR_NAMES.to_vec()),
        ("stop-rollout", stop_rollout::Error::NAMES.to_vec()),
        ("withdraw-stacks", withdraw_stacks::ERROR_NAMES.to_vec()),
    ])
}

/// All error names that Rust knows, those of the boundary included.
fn names_in_rust() -> BTreeSet<&'static str> {
    names_by_function().into_values().flatten().chain(lambda_kit::run::NAMES).collect()
}

#[test]
fn every_function_tells_its_error_names() {
    let known: Vec<String> = names_by_function().into_keys().map(str::to_owned).collect();
    assert_eq!(functions(), known, "a function is missing in names_by_function");
}

/// Names in `ErrorEquals` that neither a function nor AWS gives.
fn unknown_names(machine: &Machine, in_rust: &BTreeSet<&str>) -> Vec<String> {
    let mut faults = Vec::new();
    for state in machine.states() {
        for name in state.errors("Retry").into_iter().chain(state.errors("Catch")) {
            // Alone, and only where no function is called: see `machines`.
            if name == "States.ALL" && state.function().is_none() {
                continue;
            }
            if !OF_AWS.contains(&name) && !in_rust.contains(name) {
                faults.push(format!("{} {}: nobody fails with {name}", machine.name, state.name));
            }
        }
    }
    faults
}

#[test]
fn every_error_that_a_machine_matches_is_one_that_somebody_gives() {
    let in_rust = names_in_rust();
    let faults: Vec<String> =
        machines().iter().flat_map(|machine| unknown_names(machine, &in_rust)).collect();
    assert_no_faults(&faults);
}

#[test]
fn a_misspelt_error_in_a_machine_is_found() {
    let mut machine = machines()
        .into_iter()
        .find(|machine| machine.name == "onboard-tenant")
        .expect("it is there");
    machine.definition["States"]["CreateAccount"]["Catch"] = serde_json::json!([
        {"ErrorEquals": ["EmailInUseElsewhere", "EmailInUse"], "Next": "TenantReady"}
    ]);
    let faults = unknown_names(&machine, &names_in_rust());
    assert_eq!(faults, ["onboard-tenant CreateAccount: nobody fails with EmailInUse"]);
}

/// The names in headings of the third level, `` ### `Name` `` or `` ### `Name`, `Other` ``.
fn entries(runbook: &str) -> Vec<&str> {
    runbook
        .lines()
        .filter_map(|line| line.strip_prefix("### `"))
        .flat_map(|heading| heading.split('`').step_by(2))
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn every_error_has_one_entry_in_the_runbook_and_every_entry_an_error() {
    let runbook = text("docs/runbook.md");
    let entries = entries(&runbook);
    let in_rust = names_in_rust();
    let mut faults = Vec::new();
    for name in &in_rust {
        match entries.iter().filter(|entry| *entry == name).count() {
            1 => {}
            count => faults.push(format!("{name}: {count} entries in docs/runbook.md")),
        }
    }
    for entry in entries {
        if !in_rust.contains(entry) && !OF_THE_RUNTIME.contains(&entry) {
            faults.push(format!("docs/runbook.md has an entry for {entry}, which nobody gives"));
        }
    }
    assert_no_faults(&faults);
}

#[test]
fn every_error_is_in_its_functions_readme() {
    let mut faults = Vec::new();
    for (function, names) in names_by_function() {
        let readme = text(format!("functions/{function}/README.md"));
        let missing = names.iter().filter(|name| !readme.contains(&format!("`{name}`")));
        faults.extend(missing.map(|name| format!("functions/{function}/README.md: no `{name}`")));
    }
    assert_no_faults(&faults);
}

#[test]
fn error_names_are_pascal_case_and_each_functions_are_distinct() {
    for (function, names) in names_by_function() {
        for name in &names {
            let whole = name.chars().all(|letter| letter.is_ascii_alphanumeric());
            assert!(
                whole && name.starts_with(|c: char| c.is_ascii_uppercase()),
                "{function} {name}"
            );
        }
        let distinct: BTreeSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len(), "{function}: a name is listed twice");
    }
}
