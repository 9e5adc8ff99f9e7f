//! One name, four spellings: state `CreateAccount`, folder `create-account`, crate
//! `create_account`, resource `CreateAccountFunction`.

use serde_json::{Value, json};

use crate::workspace::{
    GATE, assert_no_faults, folders, functions, machines, own_functions, pascal, resource_of, root,
    template, template_of, text,
};

/// States that call a function of another name, because they call it for several purposes: the
/// function's verb stays, and the rest says what for.
const FOR_A_PURPOSE: [(&str, &str); 6] = [
    ("PlaceWithMarks", "PlaceAccountFunction"),
    ("PlaceWithBaseline", "PlaceAccountFunction"),
    ("PlaceInOnboarding", "PlaceAccountFunction"),
    ("PlaceInHome", "PlaceAccountFunction"),
    ("PlaceInSuspended", "SuspendAccountFunction"),
    // The plan knows what was decided, so it also reports what came of it.
    ("ReportSweep", "PlanRetirementsFunction"),
];

/// Functions that run another's code by a role of their own, and whose code it is.
const SAME_CODE: [(&str, &str); 1] = [("SuspendAccountFunction", "functions/place-account")];

/// Functions that no machine calls, and who does.
const CALLED_BY_OTHERS: [(&str, &str); 3] = [
    ("admit-tenant", "AdmitTenantSource"),
    ("announce-outcome", "OutcomesRule"),
    ("equip-account", "LabelAccountFunction"),
];

#[test]
fn a_task_is_called_as_the_function_that_it_calls() {
    let known: Vec<String> = functions().iter().map(|name| resource_of(name)).collect();
    let mut faults = Vec::new();
    for machine in machines() {
        for task in machine.tasks() {
            let Some(function) = task.function() else { continue };
            let by_name = format!("{}Function", task.name) == function;
            if !by_name && !FOR_A_PURPOSE.contains(&(task.name, function)) {
                faults.push(format!("{} {} calls {function}", machine.name, task.name));
            }
            let shared = SAME_CODE.iter().any(|(resource, _)| *resource == function);
            if !shared && !known.iter().any(|resource| resource == function) {
                faults.push(format!("{} {}: no folder for {function}", machine.name, task.name));
            }
        }
    }
    assert_no_faults(&faults);
}

#[test]
fn every_function_is_called_by_somebody() {
    let machines = machines();
    let template = template("template.yaml");
    for function in own_functions() {
        let resource = resource_of(&function);
        let called = machines.iter().any(|machine| machine.placeholders().contains(&resource));
        match CALLED_BY_OTHERS.iter().find(|(name, _)| *name == function) {
            None => assert!(called, "no machine calls {resource}"),
            Some((_, caller)) => {
                let caller_text = template["Resources"][caller].to_string();
                assert!(caller_text.contains(&resource), "{caller} does not call {resource}");
                assert!(!called, "{resource} is called by a machine too: take it off the list");
            }
        }
    }
}

/// What the template says of a function has to be made of its folder's name.
fn resource_faults(function: &str, resources: &Value) -> Vec<String> {
    let id = resource_of(function);
    let resource = &resources[&id];
    let log = format!("{}Log", pascal(function));
    let mut faults = Vec::new();
    let mut expect = |what: &str, found: &Value, expected: Value| {
        if *found != expected {
            faults.push(format!("{id}.{what}: {found}, expected {expected}"));
        }
    };
    let properties = &resource["Properties"];
    expect("Type", &resource["Type"], json!("AWS::Serverless::Function"));
    expect("Metadata.BuildMethod", &resource["Metadata"]["BuildMethod"], json!("rust-cargolambda"));
    let name = format!("${{AWS::StackName}}-{function}");
    expect("FunctionName", &properties["FunctionName"], json!({ "Fn::Sub": name }));
    expect("CodeUri", &properties["CodeUri"], json!(format!("functions/{function}")));
    expect(
        "LoggingConfig.LogGroup",
        &properties["LoggingConfig"]["LogGroup"],
        json!({ "Ref": log }),
    );
    let group = &resources[&log]["Properties"];
    let path = format!("/aws/lambda/${{AWS::StackName}}-{function}");
    expect("log group", &group["LogGroupName"], json!({ "Fn::Sub": path }));
    expect("retention", &group["RetentionInDays"], json!({ "Ref": "LogRetentionDays" }));
    faults
}

/// The gate's caller, StackSets, knows it by a name of its own.
#[test]
fn the_gate_is_called_as_stack_sets_looks_for_it() {
    let template = template(template_of(GATE));
    let gate = &template["Resources"][resource_of(GATE)];
    assert_eq!(gate["Type"], "AWS::Lambda::Function", "plain CloudFormation, without transforms");
    assert_eq!(gate["Properties"]["FunctionName"], lifecycle::gate::GATE_FUNCTION);
    assert_eq!(gate["Properties"].get("ReservedConcurrentExecutions"), None);
    assert_eq!(gate["Properties"]["LoggingConfig"]["LogGroup"], json!({ "Ref": "AccountGateLog" }));
    assert_eq!(template["Resources"]["AccountGateRole"]["Properties"]["Path"], "/landlord/");
}

#[test]
fn a_functions_resource_log_and_code_are_named_for_its_folder() {
    let template = template("template.yaml");
    let faults: Vec<String> = own_functions()
        .iter()
        .flat_map(|function| resource_faults(function, &template["Resources"]))
        .collect();
    assert_no_faults(&faults);
}

#[test]
fn every_function_and_machine_in_the_template_has_its_folder_or_file() {
    let template = template("template.yaml");
    let known: Vec<String> = functions().iter().map(|name| resource_of(name)).collect();
    for (id, resource) in template["Resources"].as_object().expect("resources") {
        match resource["Type"].as_str() {
            Some("AWS::Serverless::Function") => {
                let shared = SAME_CODE.iter().find(|(resource, _)| resource == id);
                match shared {
                    Some((_, code)) => assert_eq!(resource["Properties"]["CodeUri"], *code),
                    None => assert!(known.contains(id), "{id}: no folder in functions/"),
                }
            }
            Some("AWS::Serverless::StateMachine") => {
                let file = resource["Properties"]["DefinitionUri"].as_str().unwrap_or_default();
                assert!(root().join(file).is_file(), "{id}: no file {file}");
            }
            _ => {}
        }
    }
    for machine in machines() {
        let id = format!("{}StateMachine", pascal(&machine.name));
        let file = format!("statemachines/{}.asl.json", machine.name);
        assert_eq!(
            template["Resources"][&id]["Properties"]["DefinitionUri"],
            file.as_str(),
            "{id}"
        );
    }
}

#[test]
fn a_resource_with_another_name_is_found() {
    let mut template = template("template.yaml");
    template["Resources"]["CreateAccountFunction"]["Properties"]["CodeUri"] = json!("functions/x");
    assert_eq!(resource_faults("create-account", &template["Resources"]).len(), 1);
    assert!(!resource_faults("make-account", &template["Resources"]).is_empty());
}

#[test]
fn a_functions_package_and_readme_are_called_as_its_folder() {
    for function in functions() {
        let manifest = text(format!("functions/{function}/Cargo.toml"));
        assert!(manifest.contains(&format!("name = \"{function}\"\n")), "{function}: Cargo.toml");
        let readme = text(format!("functions/{function}/README.md"));
        assert!(readme.starts_with(&format!("# {function}\n")), "{function}: README.md");
        let words = function.split('-').count();
        assert!(words >= 2, "{function}: a verb and a noun");
    }
}

#[test]
fn nothing_is_called_by_a_word_that_says_nothing() {
    let empty = ["util", "utils", "common", "shared", "helpers", "manager", "service", "misc"];
    for folder in ["functions", "crates", "local"] {
        for name in folders(folder) {
            assert!(!empty.iter().any(|word| name.split('-').any(|part| part == *word)), "{name}");
        }
    }
}
