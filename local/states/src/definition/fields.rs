//! Reading the fields of an object in a definition: each is taken by name, faults are collected
//! with their place, and what nobody took is unknown.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::Assign;
use super::scopes::Scopes;
use crate::errors::DefinitionError;
use crate::expression::{Allowed, Program};
use crate::resource::Resource;

/// The most characters that a name may have.
const MAX_NAME: usize = 80;

/// Fields of the other query language, refused with a message of their own.
const JSON_PATH: [&str; 17] = [
    "InputPath",
    "OutputPath",
    "ResultPath",
    "Parameters",
    "ResultSelector",
    "ItemsPath",
    "SecondsPath",
    "TimestampPath",
    "TimeoutSecondsPath",
    "HeartbeatSecondsPath",
    "ErrorPath",
    "CausePath",
    "MaxConcurrencyPath",
    "ToleratedFailureCountPath",
    "ToleratedFailurePercentagePath",
    "Variable",
    "MaxItemsPath",
];

/// What parsing a definition gathers.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) faults: Vec<DefinitionError>,
    /// What AWS takes, and what is hardly meant.
    pub(super) warnings: Vec<DefinitionError>,
    pub(super) scopes: Scopes,
    /// Where each state name was used first: names are unique in the whole machine.
    pub(super) names: BTreeMap<String, String>,
    pub(super) resources: Vec<Resource>,
}

impl Findings {
    pub(super) fn fault(&mut self, location: &str, problem: impl Into<String>) {
        self.faults
            .push(DefinitionError { location: location.to_owned(), problem: problem.into() });
    }
}

/// `parent.child`, or only the child at the top.
pub(super) fn below(parent: &str, child: &str) -> String {
    if parent.is_empty() { child.to_owned() } else { format!("{parent}.{child}") }
}

/// An object being read.
pub(super) struct Fields<'v> {
    /// The object's place in the definition.
    pub(super) path: String,
    /// The object's place in its state: what an evaluation error names.
    location: String,
    map: &'v Map<String, Value>,
    taken: BTreeSet<&'static str>,
}

impl<'v> Fields<'v> {
    /// Opens an object; anything else is a fault.
    pub(super) fn open(
        value: &'v Value,
        path: &str,
        location: &str,
        findings: &mut Findings,
    ) -> Option<Self> {
        let Value::Object(map) = value else {
            findings.fault(path, format!("must be an object, not {}", shape(value)));
            return None;
        };
        let (path, location) = (path.to_owned(), location.to_owned());
        Some(Self { path, location, map, taken: BTreeSet::new() })
    }

    pub(super) fn take(&mut self, name: &'static str) -> Option<&'v Value> {
        self.taken.insert(name);
        self.map.get(name)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    pub(super) fn at(&self, name: &str) -> String {
        below(&self.path, name)
    }

    /// A field's place in its state, as AWS writes it: `ItemReader/Arguments`.
    fn location_of(&self, name: &str) -> String {
        below(&self.location, name).replace('.', "/")
    }

    /// Opens a field that must be an object.
    pub(super) fn object(
        &mut self,
        name: &'static str,
        findings: &mut Findings,
    ) -> Option<Fields<'v>> {
        let value = self.take(name)?;
        Fields::open(value, &self.at(name), &self.location_of(name), findings)
    }

    /// The elements of a field that must be a list, each opened as an object.
    pub(super) fn objects(
        &mut self,
        name: &'static str,
        findings: &mut Findings,
    ) -> Vec<Fields<'v>> {
        let elements: Vec<(String, String, &Value)> = match self.take(name) {
            None => return Vec::new(),
            Some(Value::Array(items)) => items
                .iter()
                .enumerate()
                .map(|(i, item)| {
                    (
                        format!("{}[{i}]", self.at(name)),
                        format!("{}[{i}]", self.location_of(name)),
                        item,
                    )
                })
                .collect(),
            Some(other) => {
                findings.fault(&self.at(name), format!("must be a list, not {}", shape(other)));
                return Vec::new();
            }
        };
        elements
            .into_iter()
            .filter_map(|(path, location, item)| Fields::open(item, &path, &location, findings))
            .collect()
    }

    pub(super) fn text(&mut self, name: &'static str, findings: &mut Findings) -> Option<&'v str> {
        let value = self.take(name)?;
        if value.as_str().is_none() {
            findings.fault(&self.at(name), format!("must be a string, not {}", shape(value)));
        }
        value.as_str()
    }

    pub(super) fn required_text(
        &mut self,
        name: &'static str,
        findings: &mut Findings,
    ) -> Option<&'v str> {
        self.require(name, findings);
        self.text(name, findings)
    }

    pub(super) fn require(&self, name: &str, findings: &mut Findings) {
        if !self.has(name) {
            findings.fault(&self.path, format!("the field {name:?} is missing"));
        }
    }

    /// A list of strings.
    pub(super) fn texts(&mut self, name: &'static str, findings: &mut Findings) -> Vec<String> {
        let Some(value) = self.take(name) else { return Vec::new() };
        let texts: Option<Vec<String>> = value
            .as_array()
            .map(|items| items.iter().map(|item| item.as_str().map(str::to_owned)))
            .and_then(Iterator::collect);
        texts.unwrap_or_else(|| {
            findings.fault(&self.at(name), "must be a list of strings".to_owned());
            Vec::new()
        })
    }

    /// A literal number within limits.
    pub(super) fn number(
        &mut self,
        name: &'static str,
        (least, most): (f64, f64),
        whole: bool,
        findings: &mut Findings,
    ) -> Option<f64> {
        let value = self.take(name)?;
        if let Err(problem) = check_number(value, (least, most), whole) {
            findings.fault(&self.at(name), problem);
            return None;
        }
        value.as_f64()
    }

    /// One of a few words.
    pub(super) fn word(
        &mut self,
        name: &'static str,
        words: &[&'static str],
        findings: &mut Findings,
    ) -> Option<&'static str> {
        let text = self.text(name, findings)?;
        let word = words.iter().find(|word| **word == text).copied();
        if word.is_none() {
            findings.fault(&self.at(name), format!("{text:?} must be one of {}", words.join(", ")));
        }
        word
    }

    /// A value in which strings may be expressions.
    pub(super) fn program(
        &mut self,
        name: &'static str,
        allowed: Allowed,
        findings: &mut Findings,
    ) -> Option<Program> {
        let value = self.take(name)?;
        Some(parse_program(value, &self.at(name), &self.location_of(name), allowed, findings))
    }

    /// A number within limits, literal or to be evaluated.
    pub(super) fn number_program(
        &mut self,
        name: &'static str,
        limits: (f64, f64),
        findings: &mut Findings,
    ) -> Option<Program> {
        self.any_number_program(name, limits, true, findings)
    }

    /// A number within limits that need not be whole, literal or to be evaluated.
    pub(super) fn any_number_program(
        &mut self,
        name: &'static str,
        limits: (f64, f64),
        whole: bool,
        findings: &mut Findings,
    ) -> Option<Program> {
        let program = self.program(name, Allowed::default(), findings)?;
        if let Some(literal) = program.literal()
            && !literal.is_null()
            && let Err(problem) = check_number(literal, limits, whole)
        {
            findings.fault(&self.at(name), problem);
        }
        Some(program)
    }

    /// A string, literal or to be evaluated.
    pub(super) fn text_program(
        &mut self,
        name: &'static str,
        findings: &mut Findings,
    ) -> Option<Program> {
        let program = self.program(name, Allowed::default(), findings)?;
        match program.literal() {
            None | Some(Value::String(_) | Value::Null) => {}
            Some(other) => {
                let problem = format!("must be a string or an expression, not {}", shape(other));
                findings.fault(&self.at(name), problem);
            }
        }
        Some(program)
    }

    /// `Assign`: names without `$`, each with a value in which strings may be expressions.
    pub(super) fn assign(&mut self, allowed: Allowed, findings: &mut Findings) -> Assign {
        let mut assign = Assign::default();
        let Some(fields) = self.object("Assign", findings) else { return assign };
        for (name, value) in fields.map {
            let path = below(&fields.path, name);
            if let Some(problem) = variable_problem(name) {
                findings.fault(&path, problem);
                continue;
            }
            let location = fields.location_of(name);
            let program = parse_program(value, &path, &location, allowed, findings);
            findings.scopes.assigned(name, &path);
            assign.0.insert(name.clone(), program);
        }
        assign
    }

    /// Reports every field that nobody took.
    pub(super) fn close(self, findings: &mut Findings) {
        for name in self.map.keys() {
            if self.taken.contains(name.as_str()) {
                continue;
            }
            let problem = if JSON_PATH.contains(&name.as_str()) {
                "is a field of JSONPath; this engine runs JSONata states only".to_owned()
            } else {
                let known: Vec<_> = self.taken.iter().copied().collect();
                format!("is not a known field here; known are {}", known.join(", "))
            };
            findings.fault(&below(&self.path, name), problem);
        }
    }

    /// The entries, in order.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'v String, &'v Value)> + use<'v> {
        self.map.iter()
    }
}

fn parse_program(
    value: &Value,
    path: &str,
    location: &str,
    allowed: Allowed,
    findings: &mut Findings,
) -> Program {
    let faults = &mut findings.faults;
    let program = Program::parse(value, location, allowed, &mut |inner, problem| {
        faults.push(DefinitionError { location: format!("{path}{inner}"), problem });
    });
    findings.scopes.read(path, program.uses());
    find_json_path(value, path, &mut findings.warnings);
    program
}

/// Notes names that end in `.$`: JSONPath's way to say "evaluate this", which a JSONata state takes
/// for a name like any other.
fn find_json_path(value: &Value, path: &str, warnings: &mut Vec<DefinitionError>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let location = below(path, name);
                if name.ends_with(".$") {
                    let problem = "a name that ends in .$ is JSONPath, which a JSONata state does \
                                   not evaluate"
                        .to_owned();
                    warnings.push(DefinitionError { location: location.clone(), problem });
                }
                find_json_path(member, &location, warnings);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                find_json_path(item, &format!("{path}[{index}]"), warnings);
            }
        }
        _ => {}
    }
}

pub(crate) fn check_number(
    value: &Value,
    (least, most): (f64, f64),
    whole: bool,
) -> Result<(), String> {
    let kind = if whole { "a whole number" } else { "a number" };
    let number = value.as_f64().filter(|n| !whole || n.fract() == 0.0);
    match number {
        Some(n) if (least..=most).contains(&n) => Ok(()),
        Some(n) => Err(format!("{n} must be {kind} from {least} to {most}")),
        None => Err(format!("must be {kind} from {least} to {most}, not {}", shape(value))),
    }
}

pub(super) fn name_problem(name: &str) -> Option<String> {
    let length = name.chars().count();
    (length == 0 || length > MAX_NAME)
        .then(|| format!("the name {name:?} has {length} characters; it must have 1 to {MAX_NAME}"))
}

fn variable_problem(name: &str) -> Option<String> {
    if name == "states" {
        return Some("the name `states` is reserved".to_owned());
    }
    if let Some(problem) = name_problem(name) {
        return Some(problem);
    }
    let mut characters = name.chars();
    let starts_well = characters.next().is_some_and(char::is_alphabetic);
    let goes_on_well = characters.all(|c| c.is_alphanumeric() || c == '_');
    (!starts_well || !goes_on_well).then(|| {
        format!("the variable name {name:?} must be a letter, then letters, digits and underscores, without a $")
    })
}

/// A value in a message: short, and never a whole document.
pub(super) fn shape(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        other => {
            let text = other.to_string();
            if text.chars().count() <= 60 {
                text
            } else {
                format!("{}…", text.chars().take(60).collect::<String>())
            }
        }
    }
}
