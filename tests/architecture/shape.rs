//! What a function consists of, what its `main` may hold, who calls the SDK, and how long a file
//! may get.

use std::path::Path;

use crate::workspace::{assert_no_faults, files_below, functions, name, root, text};

/// The most lines of a source file.
const LONGEST_FILE: usize = 600;
/// The most lines of a function's `main.rs`.
const LONGEST_MAIN: usize = 25;

/// What every function has, below its folder.
const PARTS: [&str; 7] = [
    "README.md",
    "src/main.rs",
    "src/lib.rs",
    "src/handler.rs",
    "src/config.rs",
    "src/error.rs",
    "tests/handler.rs",
];

/// Parts that a function does without, with the reason.
const WITHOUT: [(&str, &str, &str); 2] = [
    ("account-gate", "src/error.rs", "it never fails: whatever goes wrong is its answer"),
    ("place-account", "src/config.rs", "the machine tells it everything: it reads no variable"),
];

/// Files of a function in which nothing is asked of AWS.
const PURE: [&str; 6] = ["decide.rs", "config.rs", "state.rs", "error.rs", "main.rs", "lib.rs"];

/// The code of a file, without comments and without the tests at its end.
fn code(source: &str) -> String {
    let code = source.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_function_has_all_its_parts() {
    let mut faults = Vec::new();
    for function in functions() {
        for part in PARTS {
            let is_there = root().join("functions").join(&function).join(part).is_file();
            let excused = WITHOUT.iter().any(|(f, p, _)| *f == function && *p == part);
            if is_there == excused {
                let fault = if excused { "is excused from and has" } else { "has no" };
                faults.push(format!("{function} {fault} {part}"));
            }
        }
        let lib = text(format!("functions/{function}/src/lib.rs"));
        if !lib.contains("#![doc = include_str!(\"../README.md\")]") {
            faults.push(format!("{function}: its README is not its documentation"));
        }
    }
    assert_no_faults(&faults);
}

fn main_faults(function: &str, source: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if source.lines().count() > LONGEST_MAIN {
        faults.push(format!("{function}: main.rs has more than {LONGEST_MAIN} lines"));
    }
    for word in ["aws_sdk_", "aws_config", "#[test]", "#[cfg(test)]", "println!"] {
        if source.contains(word) {
            faults.push(format!("{function}: {word} in main.rs"));
        }
    }
    let started = format!("lambda_kit::run(\"{function}\", ");
    if !source.contains(&started) {
        faults.push(format!("{function}: main.rs does not start {function} by its own name"));
    }
    faults
}

#[test]
fn a_main_only_starts_the_function() {
    let faults: Vec<String> = functions()
        .iter()
        .flat_map(|function| {
            main_faults(function, &text(format!("functions/{function}/src/main.rs")))
        })
        .collect();
    assert_no_faults(&faults);
    assert_eq!(main_faults("x", &"use aws_sdk_sts::Client;\n".repeat(26)).len(), 3);
}

/// Whether a file of a function is one of those in which nothing is asked of AWS.
fn is_pure(path: &Path) -> bool {
    PURE.contains(&name(path).as_str()) || path.parent().is_some_and(|p| name(p) == "decide")
}

fn sdk_faults(path: &Path, source: &str) -> Vec<String> {
    // error.rs classifies the SDK's errors, by type; it calls nothing.
    let words: &[&str] =
        if name(path) == "error.rs" { &[".send()"] } else { &[".send()", "aws_sdk_"] };
    let code = code(source);
    words
        .iter()
        .filter(|word| code.contains(**word))
        .map(|word| format!("{}: {word}", path.display()))
        .collect()
}

#[test]
fn what_decides_configures_and_starts_asks_nothing_of_aws() {
    let mut faults = Vec::new();
    let mut callers = 0;
    for function in functions() {
        for path in files_below(&format!("functions/{function}/src"), "rs") {
            if is_pure(&path) {
                faults.extend(sdk_faults(&path, &text(&path)));
            } else {
                callers += usize::from(text(&path).contains(".send()"));
            }
        }
    }
    assert_no_faults(&faults);
    assert!(callers >= functions().len(), "calls were found in {callers} files only");
    let decide = Path::new("functions/x/src/decide.rs");
    assert_eq!(sdk_faults(decide, "client.list_roots().send().await").len(), 1);
    assert!(is_pure(Path::new("functions/x/src/decide/tests.rs")));
}

/// The files into which a handler is cut are its own: nobody outside can call AWS through them.
#[test]
fn files_that_call_aws_are_private_to_their_function() {
    for function in functions() {
        let lib = text(format!("functions/{function}/src/lib.rs"));
        for path in files_below(&format!("functions/{function}/src"), "rs") {
            let module = name(&path).trim_end_matches(".rs").to_owned();
            if text(&path).contains(".send()") {
                assert!(!lib.contains(&format!("pub mod {module};")), "{}", path.display());
            }
        }
    }
}

#[test]
fn no_source_file_is_too_long() {
    let mut faults = Vec::new();
    let mut seen = 0;
    for folder in ["functions", "crates", "local", "tests"] {
        for path in files_below(folder, "rs") {
            let lines = text(&path).lines().count();
            seen += 1;
            if lines >= LONGEST_FILE {
                faults.push(format!("{}: {lines} lines", path.display()));
            }
        }
    }
    assert_no_faults(&faults);
    assert!(seen > 100, "only {seen} files were looked at");
}

#[test]
fn every_source_file_says_what_it_is_for() {
    let mut faults = Vec::new();
    for folder in ["functions", "crates", "local", "tests"] {
        for path in files_below(folder, "rs") {
            let source = text(&path);
            let opens =
                ["//!", "#![doc = include_str!"].iter().any(|start| source.starts_with(start));
            if !opens {
                faults.push(path.display().to_string());
            }
        }
    }
    assert_no_faults(&faults);
}

/// Machines are given their seconds and their names by functions that answer: none waits itself.
#[test]
fn no_function_sleeps_or_reads_the_clock_itself() {
    for function in functions() {
        for path in files_below(&format!("functions/{function}/src"), "rs") {
            let code = code(&text(&path));
            for word in ["tokio::time::sleep", "thread::sleep", "SystemTime::now", "Timestamp::now"]
            {
                assert!(!code.contains(word), "{}: {word}", path.display());
            }
        }
    }
}
