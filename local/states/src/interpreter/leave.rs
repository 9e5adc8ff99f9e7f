//! Evaluating a state's fields, and leaving it with an output and variables.

use serde_json::Value;

use super::visit::{Moved, Visit};
use crate::context::{MapItem, StateContext};
use crate::data::{Data, MAX_DATA_BYTES, MAX_VARIABLE_BYTES};
use crate::definition::{After, Assign, check_number};
use crate::errors::{DATA_LIMIT, Fault, QUERY_EVALUATION};
use crate::expression::{EvaluationError, Program, Scope};
use crate::history::{EventKind, FailureDetails};

/// What an expression sees beyond the state's input and variables.
#[derive(Clone, Copy, Default)]
pub(super) struct Seen<'a> {
    pub(super) result: Option<&'a Data>,
    pub(super) error_output: Option<&'a Value>,
    pub(super) token: Option<&'a str>,
    pub(super) retry_count: u64,
    /// The item of the Map state itself, in its `ItemSelector`.
    pub(super) item: Option<&'a MapItem>,
}

impl Visit<'_> {
    pub(super) fn evaluate(&self, program: &Program, seen: Seen<'_>) -> Result<Value, Fault> {
        let context = |with_input: bool| {
            let state = StateContext {
                name: &self.state.name,
                entered: self.at.entered,
                retry_count: self.state.kind.may_retry().then_some(seen.retry_count),
                token: seen.token,
                item: seen.item.or(self.item),
            };
            self.engine.execution.context(&state, with_input)
        };
        let scope = Scope {
            input: &self.at.input,
            result: seen.result,
            error_output: seen.error_output,
            context: &context,
            variables: &self.at.variables,
            host: &self.engine.host,
        };
        program.evaluate(&scope).map_err(|error| {
            let EvaluationError { location, expression, problem } = error;
            let problem = format!(
                "The JSONata expression '{expression}' specified for the field '{location}' \
                 {problem}"
            );
            self.unfit(Some(&location), &problem, false)
        })
    }

    /// A value of a type that its field does not take; `wanted` is the type's name in JSONata.
    pub(super) fn misfit(&self, program: &Program, value: &Value, wanted: &str) -> Fault {
        let text: String = value.to_string().chars().take(100).collect();
        let location = &program.location;
        let found = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let problem = match program.source() {
            Some(source) => format!(
                "The JSONata expression '{source}' specified for the field '{location}' returned \
                 an unexpected result type. Expected '{wanted}', but was '{found}' for value: {text}"
            ),
            None => format!(
                "The value specified for the field '{location}' has an unexpected type. Expected \
                 '{wanted}', but was '{found}' for value: {text}"
            ),
        };
        self.unfit(Some(location), &problem, false)
    }

    /// What is wrong with a field of this state, as an event and as an error.
    ///
    /// AWS writes the event as if the state had not been entered yet, except where the field was
    /// evaluated and its value does not do (`follows`).
    pub(super) fn unfit(&self, location: Option<&str>, problem: &str, follows: bool) -> Fault {
        let fault = Fault::new(QUERY_EVALUATION, self.while_executing(problem));
        let event = EventKind::EvaluationFailed {
            state: self.state.name.clone(),
            location: location.map(str::to_owned),
            failure: FailureDetails { error: fault.error.clone(), cause: fault.cause.clone() },
        };
        let before = self.slot.lock().entered.1;
        let after = if follows { None } else { Some(before) };
        match self.engine.journal.emit_after(self.slot, event, after, true) {
            Ok(_) => fault,
            Err(full) => full,
        }
    }

    /// A problem with the state in which it came up, as AWS introduces it.
    pub(super) fn while_executing(&self, problem: &str) -> String {
        format!(
            "An error occurred while executing the state '{}' (entered at the event id #{}). {problem}",
            self.state.name,
            self.slot.lock().entered.0
        )
    }

    /// A whole number within limits.
    pub(super) fn number(
        &self,
        program: &Program,
        limits: (f64, f64),
        seen: Seen<'_>,
    ) -> Result<f64, Fault> {
        self.any_number(program, limits, true, seen)
    }

    /// A number within limits.
    pub(super) fn any_number(
        &self,
        program: &Program,
        limits: (f64, f64),
        whole: bool,
        seen: Seen<'_>,
    ) -> Result<f64, Fault> {
        let value = self.evaluate(program, seen)?;
        match value.as_f64() {
            Some(number) if check_number(&value, limits, whole).is_ok() => Ok(number),
            Some(_) => {
                let (field, kind) =
                    (&program.location, if whole { "a whole number" } else { "a number" });
                let problem = format!(
                    "The {field} field is {value}, and must be {kind} from {} to {}.",
                    limits.0, limits.1
                );
                Err(self.unfit(Some(field), &problem, false))
            }
            None => Err(self.misfit(program, &value, "number")),
        }
    }

    /// Leaves the state. `Assign` and `Output` both see the variables from before.
    pub(super) fn leave(
        &self,
        assign: &Assign,
        output: Option<&Program>,
        default: Data,
        after: &After,
        seen: Seen<'_>,
    ) -> Result<Moved, Fault> {
        let mut assigned = Vec::with_capacity(assign.0.len());
        for (name, program) in &assign.0 {
            assigned.push((name, Data::new(self.evaluate(program, seen)?)));
        }
        let output = match output {
            Some(program) => Data::new(self.evaluate(program, seen)?),
            None => default,
        };
        if output.is_too_large() {
            return Err(self.too_large(&self.state.name));
        }
        let size = |data: &Data| data.text().len();
        if assigned.iter().map(|(_, data)| size(data)).sum::<usize>() > MAX_DATA_BYTES {
            return Err(self.too_large(&self.state.name));
        }
        let mut variables = self.at.variables.clone();
        for (name, data) in &assigned {
            variables.insert((*name).clone(), data.clone());
        }
        if variables.values().map(size).sum::<usize>() > MAX_VARIABLE_BYTES {
            let cause =
                format!("All variables together have more than {MAX_VARIABLE_BYTES} bytes.");
            return Err(Fault::new(DATA_LIMIT, cause));
        }
        self.emit(EventKind::StateExited {
            state: self.state.kind.state_type(),
            name: self.state.name.clone(),
            output: output.text().clone(),
            assigned: assigned
                .into_iter()
                .map(|(name, data)| (name.clone(), data.text().clone()))
                .collect(),
        })?;
        Ok(match after {
            After::Next(state) => Moved::To { state: state.clone(), input: output, variables },
            After::End => Moved::Done(output),
        })
    }
}
