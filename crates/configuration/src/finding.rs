//! What is wrong, and where: file, line, field, value, rule.

use std::fmt;

use lifecycle::{Fault, Faults};

use crate::place::line_of;
use crate::source::Source;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, from the folder of the configuration.
    pub file: String,
    /// The line in it, counted from 1; nothing where the whole file is meant.
    pub line: Option<usize>,
    /// Field, value and rule.
    pub fault: Fault,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.fault),
            None => write!(f, "{}: {}", self.file, self.fault),
        }
    }
}

/// Everything that is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is wrong.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.0.iter()
    }

    pub(crate) fn push(&mut self, file: &str, line: Option<usize>, fault: Fault) {
        self.0.push(Finding { file: file.to_owned(), line, fault });
    }

    /// A fault of a file's field, with the field's line.
    pub(crate) fn one(&mut self, source: &Source, fault: Fault) {
        let line = line_of(&source.text, &fault.field);
        self.push(&source.file, line, fault);
    }

    /// The same for several.
    pub(crate) fn all(&mut self, source: &Source, faults: Faults) {
        faults.into_iter().for_each(|fault| self.one(source, fault));
    }

    /// By file and line, and each once.
    pub(crate) fn sorted(mut self) -> Self {
        let place = |it: &Finding| (it.file.clone(), it.line, it.fault.field.clone());
        self.0.sort_by_key(place);
        self.0.dedup();
        self
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Findings {}
