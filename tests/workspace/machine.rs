//! A state machine's file as the tests read it: all of its states, however deep.

use std::collections::BTreeSet;
use std::path::Path;

use regex::Regex;
use serde_json::Value;

/// A machine that is shipped.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    /// `onboard-tenant`.
    pub(crate) name: String,
    /// The file's text.
    pub(crate) text: String,
    /// The definition.
    pub(crate) definition: Value,
}

/// A state and where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StateOf<'a> {
    /// The state's name.
    pub(crate) name: &'a str,
    /// The state.
    pub(crate) state: &'a Value,
    /// The states beside it.
    pub(crate) siblings: &'a Value,
}

impl StateOf<'_> {
    /// The state's type.
    pub(crate) fn kind(&self) -> &str {
        self.state["Type"].as_str().unwrap_or_default()
    }

    /// The logical id of the function that a task calls: `CreateAccountFunction`.
    pub(crate) fn function(&self) -> Option<&str> {
        let called = self.state["Arguments"]["FunctionName"].as_str()?;
        called.strip_prefix("${")?.strip_suffix('}')
    }

    /// The names in `ErrorEquals` of all retriers or catchers.
    pub(crate) fn errors(&self, field: &str) -> Vec<&str> {
        let entries = self.state[field].as_array().map(Vec::as_slice).unwrap_or_default();
        entries
            .iter()
            .flat_map(|entry| {
                entry["ErrorEquals"].as_array().map(Vec::as_slice).unwrap_or_default()
            })
            .filter_map(Value::as_str)
            .collect()
    }
}

impl Machine {
    /// Reads a machine's file.
    pub(super) fn read(file: &Path) -> Self {
        let text = super::text(file);
        let definition = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let name = super::name(file).trim_end_matches(".asl.json").to_owned();
        Self { name, text, definition }
    }

    /// All states, those of branches and maps included.
    pub(crate) fn states(&self) -> Vec<StateOf<'_>> {
        let mut found = Vec::new();
        let mut open = vec![&self.definition["States"]];
        while let Some(siblings) = open.pop() {
            for (name, state) in siblings.as_object().into_iter().flatten() {
                found.push(StateOf { name, state, siblings });
                let branches = state["Branches"].as_array().into_iter().flatten();
                open.extend(branches.map(|branch| &branch["States"]));
                open.extend(state.get("ItemProcessor").map(|processor| &processor["States"]));
            }
        }
        found
    }

    /// Those that are tasks.
    pub(crate) fn tasks(&self) -> Vec<StateOf<'_>> {
        self.states().into_iter().filter(|state| state.kind() == "Task").collect()
    }

    /// The names of its placeholders.
    pub(crate) fn placeholders(&self) -> BTreeSet<String> {
        let placeholder = Regex::new(r"\$\{([^}]*)\}").expect("a pattern");
        placeholder.captures_iter(&self.text).map(|found| found[1].to_owned()).collect()
    }
}
