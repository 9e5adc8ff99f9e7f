//! The outermost object of a definition, and the JSON under it.

use std::fmt;
use std::time::Duration;

use indexmap::IndexMap;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::fields::{Fields, Findings, below, name_problem};
use super::{Flow, Machine, graph, states};
use crate::errors::{DefinitionError, DefinitionErrors};

/// The most bytes that a definition may have.
const MAX_DEFINITION: usize = 1024 * 1024;
/// The most seconds that anything may take.
pub(super) const MAX_SECONDS: f64 = 99_999_999.0;

pub(super) fn parse(definition: &str) -> Result<Machine, DefinitionErrors> {
    let one = |problem: String| {
        DefinitionErrors(vec![DefinitionError { location: String::new(), problem }])
    };
    if definition.len() > MAX_DEFINITION {
        return Err(one(format!(
            "the definition has {} bytes; the most is {MAX_DEFINITION}",
            definition.len()
        )));
    }
    let strict: Strict =
        serde_json::from_str(definition).map_err(|error| one(format!("is not JSON: {error}")))?;
    let mut findings = Findings::default();
    for path in strict.duplicates {
        findings.fault(&path, "this name stands twice in the same object");
    }
    let machine = machine(&strict.value, &mut findings);
    findings.warnings.extend(findings.scopes.check(&mut findings.faults));
    match machine {
        Some(mut machine) if findings.faults.is_empty() => {
            machine.resources = findings.resources;
            machine.warnings = findings.warnings;
            Ok(machine)
        }
        _ => Err(DefinitionErrors(findings.faults)),
    }
}

fn machine(value: &Value, findings: &mut Findings) -> Option<Machine> {
    let mut fields = Fields::open(value, "", "", findings)?;
    let comment = fields.text("Comment", findings).map(str::to_owned);
    fields.word("Version", &["1.0"], findings);
    let language = language(&mut fields, findings);
    let timeout = fields.number("TimeoutSeconds", (1.0, MAX_SECONDS), true, findings);
    findings.scopes.enter(true);
    let flow = flow(&mut fields, language, findings);
    findings.scopes.leave();
    fields.close(findings);
    Some(Machine { timeout: timeout.map(Duration::from_secs_f64), comment, ..Machine::of(flow?) })
}

/// Whether the states below are JSONata without saying so themselves.
pub(super) fn language(fields: &mut Fields<'_>, findings: &mut Findings) -> bool {
    match fields.text("QueryLanguage", findings) {
        None | Some("JSONata") => fields.has("QueryLanguage"),
        Some("JSONPath") => {
            findings.fault(
                &fields.at("QueryLanguage"),
                "JSONPath is not run here: the query language must be JSONata",
            );
            // Said once; every state below need not say it again.
            true
        }
        Some(other) => {
            findings.fault(&fields.at("QueryLanguage"), format!("{other:?} must be JSONata"));
            true
        }
    }
}

/// `StartAt` and `States`, in a scope that the caller has opened.
pub(super) fn flow(
    fields: &mut Fields<'_>,
    is_jsonata: bool,
    findings: &mut Findings,
) -> Option<Flow> {
    let start_at = fields.required_text("StartAt", findings);
    fields.require("States", findings);
    let listed = fields.object("States", findings)?;
    let mut flow =
        Flow { start_at: start_at.unwrap_or_default().to_owned(), states: IndexMap::new() };
    if listed.entries().next().is_none() {
        findings.fault(&listed.path, "must have at least one state");
    }
    let mut complete = true;
    for (name, value) in listed.entries() {
        let path = below(&listed.path, name);
        if let Some(problem) = name_problem(name) {
            findings.fault(&path, problem);
        }
        match findings.names.get(name) {
            Some(first) => {
                let problem = format!(
                    "the name {name:?} is used at {first} already; state names are unique in the whole machine"
                );
                findings.fault(&path, problem);
            }
            None => {
                findings.names.insert(name.clone(), path.clone());
            }
        }
        match states::parse(name, value, &path, is_jsonata, findings) {
            Some(state) => {
                flow.states.insert(name.clone(), state);
            }
            None => complete = false,
        }
    }
    // With a state that could not be read, targets would seem to be missing.
    if complete && start_at.is_some() {
        graph::check(&flow, &fields.path, findings);
    }
    Some(flow)
}

/// JSON that remembers names which stand twice in one object.
struct Strict {
    value: Value,
    duplicates: Vec<String>,
}

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor)
    }
}

struct StrictVisitor;

impl StrictVisitor {
    fn plain<E>(value: Value) -> Result<Strict, E> {
        Ok(Strict { value, duplicates: Vec::new() })
    }
}

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Strict;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Strict, E> {
        Self::plain(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Strict, E> {
        Self::plain(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Strict, E> {
        Self::plain(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Strict, E> {
        Self::plain(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Strict, E> {
        Self::plain(Value::String(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Strict, E> {
        Self::plain(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Strict, A::Error> {
        let (mut items, mut duplicates) = (Vec::new(), Vec::new());
        while let Some(item) = seq.next_element::<Strict>()? {
            let prefix = format!("[{}]", items.len());
            duplicates.extend(item.duplicates.iter().map(|path| join(&prefix, path)));
            items.push(item.value);
        }
        Ok(Strict { value: Value::Array(items), duplicates })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Strict, A::Error> {
        let (mut fields, mut duplicates) = (Map::new(), Vec::new());
        while let Some((name, field)) = map.next_entry::<String, Strict>()? {
            duplicates.extend(field.duplicates.iter().map(|path| join(&name, path)));
            if fields.insert(name.clone(), field.value).is_some() {
                duplicates.push(name);
            }
        }
        Ok(Strict { value: Value::Object(fields), duplicates })
    }
}

fn join(prefix: &str, path: &str) -> String {
    if path.starts_with('[') { format!("{prefix}{path}") } else { below(prefix, path) }
}
