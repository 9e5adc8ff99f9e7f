//! What documents point at is there: files, commands, tests.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::workspace::{assert_no_faults, files_below, root, text};

/// The documents of the repository.
fn documents() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        ["README.md", "CHANGELOG.md", "CONTRIBUTING.md"].map(PathBuf::from).into();
    for folder in ["docs", "functions", "crates", "local", "statemachines", "stacksets"] {
        found.extend(files_below(folder, "md"));
    }
    found
}

fn all(pattern: &str, text: &str) -> Vec<String> {
    let pattern = Regex::new(pattern).expect("a pattern");
    pattern.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

#[test]
fn every_link_leads_to_a_file() {
    let mut faults = Vec::new();
    let mut followed = 0;
    for document in documents() {
        let folder = root().join(document.parent().unwrap_or(Path::new("")));
        for link in all(r"\]\(([^)#\s]+)", &text(&document)) {
            if !link.contains("://") {
                followed += 1;
                if !folder.join(&link).exists() {
                    faults.push(format!("{}: {link}", document.display()));
                }
            }
        }
    }
    assert_no_faults(&faults);
    assert!(followed > 10, "only {followed} links were followed");
}

#[test]
fn every_make_target_that_is_named_exists() {
    let targets: BTreeSet<String> =
        all(r"(?m)^([a-z-]+):", &text("Makefile")).into_iter().collect();
    let mut faults = Vec::new();
    for document in documents() {
        let whole = text(&document);
        let code: String = whole.split("```").skip(1).step_by(2).collect();
        let in_code = all(r"(?m)^make ([a-z-]+)", &code);
        let named = all(r"`make ([a-z-]+)", &whole).into_iter().chain(in_code);
        for target in named.filter(|target| !targets.contains(target)) {
            faults.push(format!("{}: make {target}", document.display()));
        }
    }
    assert_no_faults(&faults);
}

/// The pages say of each behaviour which test holds it.
#[test]
fn every_test_that_is_named_exists() {
    let mut written = BTreeSet::new();
    for folder in ["functions", "crates", "local", "tests"] {
        for file in files_below(folder, "rs") {
            written.extend(all(r"fn ([a-z0-9_]+)", &text(file)));
        }
    }
    let pages = text("docs/stacksets.md") + &text("docs/architecture.md");
    let names = all(r"`([a-z0-9]+(?:_[a-z0-9]+){3,})`", &pages);
    assert!(names.len() > 10, "only {} tests are named", names.len());
    let faults: Vec<String> = names.into_iter().filter(|name| !written.contains(name)).collect();
    assert_no_faults(&faults);
}

/// Outputs, functions and log groups that the runbook's commands use.
#[test]
fn what_the_runbooks_commands_use_is_in_the_template() {
    let template = crate::workspace::template("template.yaml");
    let runbook = text("docs/runbook.md");
    let outputs = all(r"\$\(output ([A-Za-z]+)\)", &runbook);
    assert!(outputs.len() > 5, "only {} outputs are used", outputs.len());
    for name in outputs {
        assert!(template["Outputs"].get(&name).is_some(), "there is no output {name}");
    }
    for resource in all(r"--logical-resource-id ([A-Za-z]+)", &runbook) {
        assert!(template["Resources"].get(&resource).is_some(), "there is no resource {resource}");
    }
    let functions = crate::workspace::functions();
    for name in all(r"(?:--function-name |/aws/lambda/)landlord-([a-z-]+)", &runbook) {
        // A template of a name ends in a dash: `landlord-<function>`.
        assert!(name.is_empty() || functions.contains(&name), "there is no function {name}");
    }
    // Every alarm has a row.
    for (id, resource) in template["Resources"].as_object().expect("resources") {
        if resource["Type"] == "AWS::CloudWatch::Alarm" {
            let name = resource["Properties"]["AlarmName"]["Fn::Sub"].as_str().expect("a name");
            let short = name.trim_start_matches("${AWS::StackName}-");
            assert!(runbook.contains(&format!("| `{short}` |")), "{id}: no row for {short}");
        }
    }
}
