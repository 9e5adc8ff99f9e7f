//! Every variable that a function reads is set in the template, and every variable that is set
//! is read.

use std::collections::BTreeSet;

use regex::Regex;

use crate::workspace::{
    assert_no_faults, files_below, functions, resource_of, template, template_of, text,
};

/// What lambda-kit reads in every function, and who sets it: never the template.
const OF_LAMBDA_KIT: [(&str, &str); 12] = [
    ("AWS_REGION", "Lambda sets it"),
    ("AWS_ACCESS_KEY_ID", "Lambda sets it"),
    ("AWS_SECRET_ACCESS_KEY", "Lambda sets it"),
    ("AWS_SESSION_TOKEN", "Lambda sets it"),
    ("AWS_LAMBDA_RUNTIME_API", "Lambda sets it"),
    ("AWS_LAMBDA_FUNCTION_NAME", "Lambda sets it"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "Lambda sets it"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "Lambda sets it"),
    ("AWS_LAMBDA_LOG_LEVEL", "Lambda sets it from the function's LoggingConfig"),
    ("AWS_ENDPOINT_URL", "set by the local stand-in, and never in AWS"),
    ("RUST_LOG", "for whoever runs a function by hand"),
    // The words of its error message, not a variable.
    ("AWS_", "a prefix"),
];

/// Variables that a function reads and the template leaves out, with the reason.
const LEFT_OUT: [(&str, &str, &str); 1] =
    [("account-gate", "OVERRIDE_PARAMETER", "everybody knows the override by its default name")];

/// Variables that are set for the SDK, which is none of a function's files.
const OF_THE_SDK: [&str; 1] = ["SMITHY_CLIENT_SDK_CUSTOM_PARTITION"];

/// The variables that a file reads: text in capitals, in the code above its tests.
fn variables_in(source: &str) -> BTreeSet<String> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let code: String = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n");
    let variable = Regex::new(r#""([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)""#).expect("a pattern");
    variable.captures_iter(&code).map(|found| found[1].to_owned()).collect()
}

/// Where a function's settings are read that others check as well.
const SHARED: [(&str, &str); 5] = [
    ("account-gate", "crates/gate-rules/src/settings.rs"),
    ("deploy-wave", "crates/operator-role/src/lib.rs"),
    ("label-account", "crates/operator-role/src/lib.rs"),
    ("request-quotas", "crates/operator-role/src/lib.rs"),
    ("withdraw-stacks", "crates/operator-role/src/lib.rs"),
];

/// The variables that a function reads: its `Config`, where it has one.
fn read_by(function: &str) -> BTreeSet<String> {
    let own = format!("functions/{function}/src/config.rs");
    let shared =
        SHARED.iter().filter(|(of, _)| *of == function).map(|(_, file)| (*file).to_owned());
    std::iter::once(own)
        .filter(|file| crate::workspace::root().join(file).is_file())
        .chain(shared)
        .flat_map(|file| variables_in(&text(file)))
        .collect()
}

/// The variables that the template sets for a function.
fn set_for(function: &str, template: &serde_json::Value) -> BTreeSet<String> {
    let of = |place: &serde_json::Value| -> Vec<String> {
        let variables = place["Environment"]["Variables"].as_object();
        variables.map(|all| all.keys().cloned().collect()).unwrap_or_default()
    };
    let own = of(&template["Resources"][resource_of(function)]["Properties"]);
    own.into_iter().chain(of(&template["Globals"]["Function"])).collect()
}

fn faults(function: &str, read: &BTreeSet<String>, set: &BTreeSet<String>) -> Vec<String> {
    let left_out = |name: &str| LEFT_OUT.iter().any(|(f, n, _)| *f == function && *n == name);
    let missing = read.difference(set).filter(|name| !left_out(name));
    let unread = set.difference(read).filter(|name| !OF_THE_SDK.contains(&name.as_str()));
    let template = template_of(function);
    missing
        .map(|name| format!("{function} reads {name}, which {template} does not set"))
        .chain(unread.map(|name| format!("{function} does not read {name}, which is set")))
        .collect()
}

#[test]
fn what_a_function_reads_is_set_and_what_is_set_is_read() {
    let all: Vec<String> = functions()
        .iter()
        .flat_map(|function| {
            let template = template(template_of(function));
            faults(function, &read_by(function), &set_for(function, &template))
        })
        .collect();
    assert_no_faults(&all);
    let read: usize = functions().iter().map(|function| read_by(function).len()).sum();
    assert!(read >= 20, "only {read} variables were found: the pattern has rotted");
}

#[test]
fn a_variable_that_is_not_set_and_one_that_is_not_read_are_found() {
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(
        faults("label-account", &set(&["OPERATOR_ROLE_NAME"]), &set(&["ROLE_NAME"])),
        [
            "label-account reads OPERATOR_ROLE_NAME, which template.yaml does not set",
            "label-account does not read ROLE_NAME, which is set",
        ]
    );
}

#[test]
fn lambda_kit_reads_only_what_lambda_sets() {
    let known: BTreeSet<&str> = OF_LAMBDA_KIT.iter().map(|(name, _)| *name).collect();
    let mut read = BTreeSet::new();
    for file in files_below("crates/lambda-kit/src", "rs") {
        read.extend(variables_in(&text(file)));
    }
    for name in &read {
        assert!(known.contains(name.as_str()), "lambda-kit reads {name}: who sets it?");
    }
    assert!(read.contains("AWS_REGION") && read.contains("AWS_LAMBDA_RUNTIME_API"));
}

/// Variables come from `Config`; a second place that reads them would be missed above.
#[test]
fn only_config_reads_the_environment() {
    for function in functions() {
        for file in files_below(&format!("functions/{function}/src"), "rs") {
            if file.ends_with("config.rs") {
                continue;
            }
            let source = text(&file);
            for reader in ["config::required", "config::parsed", "config::optional", "env::var"] {
                assert!(!source.contains(reader), "{}: {reader}", file.display());
            }
            assert!(!source.contains("lookup(\""), "{}: a lookup of its own", file.display());
        }
    }
}
