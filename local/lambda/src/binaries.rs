//! Where the functions' executables come from: built from the workspace, or found in a folder.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// The executable of each function, by the function's name.
pub type Functions = BTreeMap<String, PathBuf>;

/// Why the functions could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Cargo could not be run.
    #[error("cannot run `{cargo}` in {}", directory.display())]
    Cargo {
        /// The command.
        cargo: String,
        /// Where it was to run.
        directory: PathBuf,
        /// Why it could not.
        #[source]
        source: std::io::Error,
    },
    /// Cargo ran and failed; the compiler has said why on standard error.
    #[error("`cargo build` of the functions failed with {status}: see the compiler's messages")]
    Failed {
        /// Cargo's exit status.
        status: String,
    },
    /// A package was built and has no executable of the function's name.
    #[error("`cargo build` made no executable for: {}", missing.join(", "))]
    NoExecutable {
        /// The functions without an executable.
        missing: Vec<String>,
    },
}

/// Functions for which a folder has no executable.
#[derive(Debug, thiserror::Error)]
#[error(
    "{} has no executable for: {} (looked for NAME/bootstrap and NAME)",
    directory.display(),
    missing.join(", ")
)]
pub struct MissingFunctions {
    /// The folder.
    pub directory: PathBuf,
    /// The functions that it lacks.
    pub missing: Vec<String>,
}

/// `cargo run` tells a program which package it is of. Build scripts of dependencies are asked
/// again when these variables change, and everything above them is built once more: the SDK, too.
fn forget_caller(command: &mut Command) {
    let told = |name: &str| {
        name.starts_with("CARGO_PKG_")
            || name.starts_with("CARGO_MANIFEST_")
            || ["CARGO_BIN_NAME", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE"].contains(&name)
    };
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(told) {
            command.env_remove(name);
        }
    }
}

/// Builds the packages `names` of the workspace at `root` with the given cargo profile (`dev`,
/// `release`, …) and returns the executable of each.
///
/// `beside` names packages whose features are unified with theirs, though nothing of them is
/// built: with the package of the running program, its dependencies serve again as they are.
///
/// Blocks until cargo is done. Cargo's progress goes to standard error when `show_progress`;
/// compile errors always do.
///
/// # Errors
/// When cargo cannot be run, fails, or leaves a function without an executable.
pub fn build_functions(
    root: &Path,
    profile: &str,
    names: &[&str],
    beside: &[&str],
    show_progress: bool,
) -> Result<Functions, BuildError> {
    if names.is_empty() {
        return Ok(Functions::new());
    }
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let failed =
        |source| BuildError::Cargo { cargo: cargo.clone(), directory: root.to_owned(), source };
    let mut command = Command::new(&cargo);
    command
        .current_dir(root)
        .args(["build", "--profile", profile, "--message-format=json-render-diagnostics"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    forget_caller(&mut command);
    if !show_progress {
        command.arg("--quiet");
    }
    for name in names {
        command.args(["--package", name, "--bin", name]);
    }
    for name in beside {
        command.args(["--package", name]);
    }
    let mut child = command.spawn().map_err(failed)?;
    let mut built = Functions::new();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines() {
            built.extend(executable(&line.map_err(failed)?));
        }
    }
    let status = child.wait().map_err(failed)?;
    if !status.success() {
        return Err(BuildError::Failed { status: status.to_string() });
    }
    let mut functions = Functions::new();
    let mut missing = Vec::new();
    for name in names {
        match built.remove(*name) {
            Some(path) => drop(functions.insert((*name).to_owned(), path)),
            None => missing.push((*name).to_owned()),
        }
    }
    if missing.is_empty() { Ok(functions) } else { Err(BuildError::NoExecutable { missing }) }
}

/// Finds the executables of `names` in a folder: `NAME/bootstrap` as packed for Lambda, or `NAME`.
///
/// # Errors
/// Names every function that is not there.
pub fn functions_in(directory: &Path, names: &[&str]) -> Result<Functions, MissingFunctions> {
    let mut functions = Functions::new();
    let mut missing = Vec::new();
    for name in names {
        let packed = directory.join(name).join("bootstrap");
        let plain = directory.join(name);
        match [packed, plain].into_iter().find(|path| path.is_file()) {
            // Absolute: a function starts in whatever directory the host is in.
            Some(path) => {
                let path = path.canonicalize().unwrap_or(path);
                functions.insert((*name).to_owned(), path);
            }
            None => missing.push((*name).to_owned()),
        }
    }
    if missing.is_empty() {
        Ok(functions)
    } else {
        Err(MissingFunctions { directory: directory.to_owned(), missing })
    }
}

/// The executable that a line of cargo's messages reports, with its target's name.
fn executable(line: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(line).ok()?;
    if message.get("reason")?.as_str()? != "compiler-artifact" {
        return None;
    }
    let target = message.get("target")?;
    let is_binary = target.get("kind")?.as_array()?.iter().any(|kind| kind == "bin");
    let path = message.get("executable")?.as_str()?;
    is_binary.then(|| Some((target.get("name")?.as_str()?.to_owned(), PathBuf::from(path))))?
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn finds_both_layouts_of_a_folder_of_functions() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("create-account")).unwrap();
        fs::write(folder.path().join("create-account/bootstrap"), "").unwrap();
        fs::write(folder.path().join("place-account"), "").unwrap();
        let found = functions_in(folder.path(), &["create-account", "place-account"]).unwrap();
        assert!(found["create-account"].ends_with("create-account/bootstrap"));
        assert!(found["place-account"].ends_with("place-account"));
    }

    #[test]
    fn names_the_functions_that_a_folder_lacks() {
        let folder = tempfile::tempdir().unwrap();
        // A folder of a function's name without a bootstrap in it is not a function.
        fs::create_dir(folder.path().join("label-account")).unwrap();
        let error = functions_in(folder.path(), &["label-account", "admit-tenant"]).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("no executable for: label-account, admit-tenant"), "{text}");
    }

    #[test]
    fn only_executables_of_binaries_are_taken_from_cargos_messages() {
        let line = r#"{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"place-account"},"executable":"/t/place-account"}"#;
        assert_eq!(
            executable(line),
            Some(("place-account".to_owned(), PathBuf::from("/t/place-account")))
        );
        let library = r#"{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"place_account"},"executable":null}"#;
        assert_eq!(executable(library), None);
        assert_eq!(executable("   Compiling place-account"), None);
    }

    fn package(folder: &Path, main: &str) {
        let manifest = "[package]\nname = \"say-hello\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
        fs::write(folder.join("Cargo.toml"), manifest).unwrap();
        fs::create_dir(folder.join("src")).unwrap();
        fs::write(folder.join("src/main.rs"), main).unwrap();
    }

    #[test]
    fn builds_a_package_and_finds_its_executable() {
        let folder = tempfile::tempdir().unwrap();
        package(folder.path(), "fn main() { print!(\"hello\") }");
        let functions = build_functions(folder.path(), "dev", &["say-hello"], &[], false).unwrap();
        let output = Command::new(&functions["say-hello"]).output().unwrap();
        assert_eq!(output.stdout, b"hello");
    }

    #[test]
    fn a_package_that_does_not_compile_fails_the_build() {
        let folder = tempfile::tempdir().unwrap();
        package(folder.path(), "fn main() -> Nonsense {}");
        let error = build_functions(folder.path(), "dev", &["say-hello"], &[], false).unwrap_err();
        assert!(matches!(error, BuildError::Failed { .. }), "{error:?}");
    }

    #[test]
    fn a_workspace_that_is_not_one_is_reported_by_cargo() {
        let folder = tempfile::tempdir().unwrap();
        let error =
            build_functions(folder.path(), "dev", &["create-account"], &[], false).unwrap_err();
        assert!(matches!(error, BuildError::Failed { .. }), "{error:?}");
        let nowhere = folder.path().join("nowhere");
        let error = build_functions(&nowhere, "dev", &["create-account"], &[], false).unwrap_err();
        assert!(error.to_string().contains("nowhere"), "{error}");
    }
}
