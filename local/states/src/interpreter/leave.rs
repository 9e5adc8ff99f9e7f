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
                retry_count: seen.retry_count,
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
        program.evaluate(&scope).map_err(|error| self.evaluation_failed(error))
    }

    /// A value that its field does not take.
    pub(super) fn misfit(&self, program: &Program, value: &Value, wanted: &str) -> Fault {
        let text: String = value.to_string().chars().take(100).collect();
        self.evaluation_failed(EvaluationError {
            location: program.location.clone(),
            cause: format!("the value {text} must be {wanted}"),
        })
    }

    fn evaluation_failed(&self, error: EvaluationError) -> Fault {
        let cause = format!(
            "An error occurred in the state '{}' while evaluating the field '{}': {}.",
            self.state.name, error.location, error.cause
        );
        let fault = Fault::new(QUERY_EVALUATION, cause);
        let event = EventKind::EvaluationFailed {
            state: self.state.name.clone(),
            location: error.location,
            failure: FailureDetails { error: fault.error.clone(), cause: fault.cause.clone() },
        };
        match self.emit(event) {
            Ok(()) => fault,
            Err(full) => full,
        }
    }

    /// A whole number within limits.
    pub(super) fn number(
        &self,
        program: &Program,
        limits: (f64, f64),
        seen: Seen<'_>,
    ) -> Result<f64, Fault> {
        let value = self.evaluate(program, seen)?;
        match (check_number(&value, limits, true), value.as_f64()) {
            (Ok(()), Some(number)) => Ok(number),
            _ => {
                let wanted = format!("a whole number from {} to {}", limits.0, limits.1);
                Err(self.misfit(program, &value, &wanted))
            }
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
            return Err(self.too_large("output"));
        }
        let size = |data: &Data| data.text().len();
        if assigned.iter().map(|(_, data)| size(data)).sum::<usize>() > MAX_DATA_BYTES {
            return Err(self.too_large("Assign"));
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
