//! What holds for every machine: how a task is written, and what its file may ask for.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::workspace::{Machine, StateOf, assert_no_faults, machines, pascal, template};

/// Faults of a task: what each has to have, and what none may do.
fn task_faults(machine: &Machine, task: &StateOf<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |text: &str| faults.push(format!("{} {}: {text}", machine.name, task.name));
    let timeout = &task.state["TimeoutSeconds"];
    let by_plan = waits_for_others(task) && timeout.as_str().is_some_and(|t| t.starts_with("{%"));
    if !by_plan && !timeout.as_u64().is_some_and(|seconds| (1..=900).contains(&seconds)) {
        fault("a task has a TimeoutSeconds of at most 900, or of its plan if it waits for others");
    }
    if !task.state["Resource"].as_str().is_some_and(|resource| resource.starts_with("${")) {
        fault("Resource is a placeholder: an ARN names its partition");
    }
    let retriers = task.state["Retry"].as_array().cloned().unwrap_or_default();
    if retriers.is_empty() {
        fault("a task has a Retry for what was not the function's answer");
    }
    for retrier in &retriers {
        if retrier["MaxDelaySeconds"].as_u64().is_none_or(|seconds| seconds > 300) {
            fault("a retrier has a MaxDelaySeconds of at most 300");
        }
        if retrier["JitterStrategy"] != "FULL" {
            fault("a retrier has JitterStrategy FULL: a burst must not come back together");
        }
        if retrier["MaxAttempts"].as_u64().is_none_or(|attempts| attempts < 1) {
            fault("a retrier says its MaxAttempts");
        }
        if retrier["Comment"].as_str().is_none_or(str::is_empty) {
            fault("a retrier says why in a Comment");
        }
    }
    // What no function says may be caught whole: a child's failure is seen in the child, a person's
    // no is no failure, and nothing waits for a message.
    let caught = if task.function().is_some() { task.errors("Catch") } else { Vec::new() };
    let matched = task.errors("Retry").into_iter().chain(caught);
    for name in matched.filter(|name| ["States.ALL", "States.TaskFailed"].contains(name)) {
        fault(&format!("{name} would swallow errors that a person has to see"));
    }
    for name in task.errors("Retry") {
        if !["Lambda.", "Sandbox.", "Runtime.", "StepFunctions.", "EventBridge.", "SNS."]
            .iter()
            .any(|p| name.starts_with(p))
        {
            fault(&format!("Retry of {name}: only what was not the function's answer is repeated"));
        }
    }
    faults
}

/// Whether a task lasts as long as another execution, or until a person answers.
fn waits_for_others(task: &StateOf<'_>) -> bool {
    ["${StartExecutionSync}", "${PublishAndWait}"].iter().any(|one| task.state["Resource"] == *one)
}

/// Faults of any state: no comment, or a catch that ends in a Fail state.
fn state_faults(machine: &Machine, state: &StateOf<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    if state.state["Comment"].as_str().is_none_or(str::is_empty) {
        faults.push(format!("{} {}: no Comment says why it is there", machine.name, state.name));
    }
    for catcher in state.state["Catch"].as_array().into_iter().flatten() {
        if ends_in_fail(state.siblings, &catcher["Next"], &mut BTreeSet::new()) {
            faults.push(format!(
                "{} {}: a Catch leads to a Fail state; the failed task is where it stops",
                machine.name, state.name
            ));
        }
    }
    faults
}

/// Whether every way on from a state is a Fail state.
fn ends_in_fail(states: &Value, next: &Value, seen: &mut BTreeSet<String>) -> bool {
    let Some(name) = next.as_str() else { return false };
    if !seen.insert(name.to_owned()) {
        return true;
    }
    let state = &states[name];
    match state["Type"].as_str() {
        Some("Fail") => true,
        Some("Choice") => {
            let rules = state["Choices"].as_array().into_iter().flatten();
            let mut ways = rules.map(|rule| &rule["Next"]).chain([&state["Default"]]);
            ways.all(|way| ends_in_fail(states, way, seen))
        }
        _ => state.get("Next").is_some_and(|next| ends_in_fail(states, next, seen)),
    }
}

fn faults_of(machine: &Machine) -> Vec<String> {
    let tasks = machine.tasks();
    let of_tasks = tasks.iter().flat_map(|task| task_faults(machine, task));
    let states = machine.states();
    let of_states = states.iter().flat_map(|state| state_faults(machine, state));
    of_tasks.chain(of_states).collect()
}

#[test]
fn every_task_is_bounded_patient_and_explained() {
    let faults: Vec<String> = machines().iter().flat_map(faults_of).collect();
    assert_no_faults(&faults);
    assert!(machines().iter().all(|machine| !machine.tasks().is_empty()), "no task was looked at");
}

fn onboarding() -> Machine {
    let machine = machines().into_iter().find(|machine| machine.name == "onboard-tenant");
    machine.expect("onboard-tenant")
}

/// Writes `value` into a task of `onboard-tenant` and answers what is found.
fn broken(pointer: &str, value: Value) -> String {
    let mut machine = onboarding();
    let place = format!("/States/{pointer}");
    let (parent, member) = place.rsplit_once('/').unwrap_or_default();
    let parent = machine.definition.pointer_mut(parent).unwrap_or_else(|| panic!("{place}"));
    match parent {
        Value::Array(items) => items[member.parse::<usize>().unwrap()] = value,
        parent => parent[member] = value,
    }
    faults_of(&machine).join("\n")
}

#[test]
fn each_broken_rule_of_a_task_is_found() {
    for (pointer, value, found) in [
        ("CreateAccount/TimeoutSeconds", json!(null), "has a TimeoutSeconds"),
        ("CreateAccount/Comment", json!(""), "no Comment"),
        ("CreateAccount/Retry", json!([]), "has a Retry"),
        ("CreateAccount/Retry/0/MaxDelaySeconds", json!(null), "MaxDelaySeconds"),
        ("CreateAccount/Retry/0/JitterStrategy", json!("NONE"), "JitterStrategy FULL"),
        ("CreateAccount/Retry/0/ErrorEquals", json!(["States.ALL"]), "States.ALL would swallow"),
        ("CreateAccount/Retry/0/ErrorEquals", json!(["AwsRefused"]), "Retry of AwsRefused"),
        ("CreateAccount/TimeoutSeconds", json!("{% 1000 %}"), "has a TimeoutSeconds"),
        (
            "CreateAccount/Catch",
            json!([{"ErrorEquals": ["States.TaskFailed"], "Next": "CreateAccount"}]),
            "States.TaskFailed would swallow",
        ),
        ("CreateAccount/Resource", json!("arn:aws:states:::lambda:invoke"), "placeholder"),
        ("EquipAccount/Branches/0/States/EnrollBaseline/Comment", json!(""), "EnrollBaseline: no"),
        ("TenantReady", json!({"Type": "Fail", "Comment": "x"}), "leads to a Fail state"),
    ] {
        let faults = broken(pointer, value);
        assert!(faults.contains(found), "{pointer}: {faults:?}");
    }
}

/// The placeholders that a machine uses and does not get, or gets and does not use.
fn placeholder_faults(machine: &Machine, template: &Value) -> Vec<String> {
    let resource = format!("{}StateMachine", pascal(&machine.name));
    let given: BTreeSet<String> =
        template["Resources"][&resource]["Properties"]["DefinitionSubstitutions"]
            .as_object()
            .map(|given| given.keys().cloned().collect())
            .unwrap_or_default();
    let used = machine.placeholders();
    let missing =
        used.difference(&given).map(|name| format!("{resource}: ${{{name}}} is not given"));
    let unused = given.difference(&used).map(|name| format!("{resource}: {name} is not used"));
    missing.chain(unused).collect()
}

#[test]
fn every_placeholder_is_filled_in_and_every_substitution_is_used() {
    let template = template("template.yaml");
    let faults: Vec<String> =
        machines().iter().flat_map(|machine| placeholder_faults(machine, &template)).collect();
    assert_no_faults(&faults);
}

#[test]
fn a_placeholder_without_a_substitution_is_found_and_the_other_way_round() {
    let mut machine = onboarding();
    machine.text = machine.text.replace("${OnboardingOuId}", "${OnboardingUnit}");
    assert_eq!(
        placeholder_faults(&machine, &template("template.yaml")),
        [
            "OnboardTenantStateMachine: ${OnboardingUnit} is not given",
            "OnboardTenantStateMachine: OnboardingOuId is not used",
        ]
    );
}

#[test]
fn placeholders_stand_in_strings_and_expressions_hold_none() {
    for machine in machines() {
        // With a number in its place, the text would not be JSON any more where it is not quoted.
        for name in machine.placeholders() {
            let placeholder = format!("${{{name}}}");
            for (at, _) in machine.text.match_indices(&placeholder) {
                let before = machine.text[..at].chars().next_back();
                let after = machine.text[at + placeholder.len()..].chars().next();
                assert_eq!(
                    (before, after),
                    (Some('"'), Some('"')),
                    "{}: {placeholder} is a whole string of its own",
                    machine.name
                );
            }
        }
    }
}

#[test]
fn machines_are_jsonata_with_a_timeout_and_a_comment() {
    for machine in machines() {
        let definition = &machine.definition;
        assert_eq!(definition["QueryLanguage"], "JSONata", "{}", machine.name);
        assert!(definition["TimeoutSeconds"].as_u64().is_some(), "{}: its backstop", machine.name);
        assert!(definition["Comment"].as_str().is_some(), "{}: says what it is", machine.name);
    }
}
