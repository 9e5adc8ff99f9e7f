//! The workspace as the tests read it: its files, its functions, its machines, its template.

mod machine;
mod yaml;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

pub(crate) use machine::{Machine, StateOf};

/// The folder of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent")
}

/// The text of a file, by its path in the workspace.
pub(crate) fn text(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A JSON file, by its path in the workspace.
pub(crate) fn json(path: impl AsRef<Path>) -> Value {
    let path = path.as_ref();
    serde_json::from_str(&text(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A CloudFormation template, with short forms such as `!Ref` spelled out.
pub(crate) fn template(path: &str) -> Value {
    yaml::parse(&text(path)).unwrap_or_else(|fault| panic!("{path}: {fault}"))
}

/// The entries of a folder, by name; what git does not hold is left out.
pub(crate) fn entries(folder: &str) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(root().join(folder))
        .unwrap_or_else(|error| panic!("{folder}: {error}"))
        .map(|entry| entry.expect("a readable entry").path())
        .filter(|path| {
            !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
        })
        .collect();
    entries.sort();
    entries
}

/// The names of the folders in a folder.
pub(crate) fn folders(folder: &str) -> Vec<String> {
    entries(folder).iter().filter(|path| path.is_dir()).map(|path| name(path)).collect()
}

/// The names of the functions: folders and packages are called the same.
pub(crate) fn functions() -> Vec<String> {
    folders("functions")
}

/// The machines that are shipped.
pub(crate) fn machines() -> Vec<Machine> {
    let files: Vec<PathBuf> = entries("statemachines")
        .into_iter()
        .filter(|path| path.to_string_lossy().ends_with(".asl.json"))
        .collect();
    files.iter().map(|file| Machine::read(file)).collect()
}

/// All files below a folder with this extension, with their paths in the workspace.
pub(crate) fn files_below(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(folder) = open.pop() {
        for path in entries(&folder.to_string_lossy()) {
            let skipped = ["target", "node_modules"].contains(&name(&path).as_str());
            if path.is_dir() && !skipped {
                open.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path.strip_prefix(root()).expect("below the root").to_owned());
            }
        }
    }
    found.sort();
    found
}

/// The last part of a path.
pub(crate) fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// `create-account` as `CreateAccount`.
pub(crate) fn pascal(kebab: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| {
            first.to_uppercase().chain(letters).collect::<String>()
        })
    };
    kebab.split('-').map(capital).collect()
}

/// The logical id of a function's resource.
pub(crate) fn resource_of(function: &str) -> String {
    format!("{}Function", pascal(function))
}

/// The one function that is deployed into the tenants' accounts.
pub(crate) const GATE: &str = "account-gate";

/// The template that deploys a function.
pub(crate) fn template_of(function: &str) -> &'static str {
    if function == GATE { "stacksets/account-gate.yaml" } else { "template.yaml" }
}

/// The functions of the management account.
pub(crate) fn own_functions() -> Vec<String> {
    functions().into_iter().filter(|function| function != GATE).collect()
}

/// Fails with every fault, each on a line of its own.
#[track_caller]
pub(crate) fn assert_no_faults(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults:\n  {}", faults.len(), faults.join("\n  "));
}
