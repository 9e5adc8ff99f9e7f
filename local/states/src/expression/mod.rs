//! JSONata in a definition: parsed and checked once when the definition is loaded, evaluated as
//! often as states run.
//!
//! The engine's values are reference counted without atomics, so nothing of them may live across
//! an await: evaluation is one synchronous call from JSON to JSON.

mod analysis;
mod convert;
pub(crate) mod functions;

use std::sync::Arc;

use jsonata_core::ast::AstNode;
use jsonata_core::evaluator::{Context, Evaluator, EvaluatorOptions};
use jsonata_core::parser;
use jsonata_core::value::JValue;
use serde_json::Value;

pub(crate) use analysis::{Allowed, Uses};

use crate::data::{Data, Variables};
use crate::host::Host;

/// How long one expression may run, in milliseconds of real time: only one that never ends
/// takes this long.
const EVALUATION_LIMIT_MS: u64 = 10_000;

/// A value of a definition in which any string may be an expression.
#[derive(Debug)]
pub(crate) struct Program {
    /// The field, relative to its state: `Arguments`, `Catch[0].Output`.
    pub(crate) location: String,
    template: Template,
    uses: Uses,
}

#[derive(Debug)]
enum Template {
    Literal(Value),
    Expression { ast: Box<AstNode>, path: String },
    Array(Vec<Template>),
    Object(Vec<(String, Template)>),
}

/// What an expression can see.
pub(crate) struct Scope<'a> {
    pub(crate) input: &'a Data,
    pub(crate) result: Option<&'a Data>,
    pub(crate) error_output: Option<&'a Value>,
    pub(crate) context: &'a dyn Fn() -> Value,
    pub(crate) variables: &'a Variables,
    pub(crate) host: &'a Arc<dyn Host>,
}

/// Why an expression has no value: the field, relative to the state, and the reason.
#[derive(Clone, Debug)]
pub(crate) struct EvaluationError {
    pub(crate) location: String,
    pub(crate) cause: String,
}

/// Whether a string of a definition is an expression.
pub(crate) fn is_expression(text: &str) -> bool {
    text.len() >= 4 && text.starts_with("{%") && text.ends_with("%}")
}

impl Program {
    /// Parses a value; `report` is told every fault, with its path below this value.
    pub(crate) fn parse(
        value: &Value,
        location: &str,
        allowed: Allowed,
        report: &mut dyn FnMut(&str, String),
    ) -> Self {
        let mut uses = Uses::default();
        let template = Template::parse(value, "", allowed, &mut uses, report);
        Self { location: location.to_owned(), template, uses }
    }

    pub(crate) fn uses(&self) -> &Uses {
        &self.uses
    }

    /// The value, when it holds no expression.
    pub(crate) fn literal(&self) -> Option<&Value> {
        match &self.template {
            Template::Literal(value) => Some(value),
            _ => None,
        }
    }

    /// Evaluates every expression and puts the results in their places.
    pub(crate) fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, EvaluationError> {
        if let Template::Literal(value) = &self.template {
            return Ok(value.clone());
        }
        let mut evaluator = self.evaluator(scope);
        self.template.evaluate(&mut evaluator).map_err(|(path, cause)| EvaluationError {
            location: format!("{}{path}", self.location),
            cause,
        })
    }

    /// An evaluator that sees only what the expressions mention: values are converted on the
    /// way in, which costs more than most expressions.
    fn evaluator(&self, scope: &Scope<'_>) -> Evaluator {
        let mut context = Context::new();
        if self.uses.variables.contains("states") {
            let mut states = indexmap::IndexMap::new();
            let mut field = |name: &str, value: Option<&Value>| {
                if let (true, Some(value)) = (self.uses.reads_states_field(name), value) {
                    states.insert(name.to_owned(), convert::to_engine(value));
                }
            };
            field("input", Some(scope.input.value()));
            field("result", scope.result.map(Data::value));
            field("errorOutput", scope.error_output);
            if self.uses.reads_states_field("context") {
                field("context", Some(&(scope.context)()));
            }
            context.bind("states".to_owned(), JValue::object(states));
        }
        for (name, data) in scope.variables {
            if self.uses.variables.contains(name) {
                context.bind(name.clone(), convert::to_engine(data.value()));
            }
        }
        let options = EvaluatorOptions {
            timeout_ms: Some(EVALUATION_LIMIT_MS),
            ..EvaluatorOptions::default()
        };
        let mut evaluator = Evaluator::with_options(context, options);
        functions::register(&mut evaluator, &self.uses, scope.host);
        evaluator
    }
}

impl Template {
    fn parse(
        value: &Value,
        path: &str,
        allowed: Allowed,
        uses: &mut Uses,
        report: &mut dyn FnMut(&str, String),
    ) -> Self {
        match value {
            Value::String(text) if is_expression(text) => {
                let source = &text[2..text.len() - 2];
                match parser::parse(source) {
                    Ok(ast) => {
                        let mut problems = Vec::new();
                        uses.analyse(&ast, allowed, &mut problems);
                        for problem in problems {
                            report(path, format!("{problem} in the expression {text:?}"));
                        }
                        Self::Expression { ast: Box::new(ast), path: path.to_owned() }
                    }
                    Err(error) => {
                        report(path, format!("{text:?} is not a JSONata expression: {error}"));
                        Self::Literal(Value::Null)
                    }
                }
            }
            Value::String(text) if text.starts_with("{%") => {
                report(path, format!("{text:?} starts with {{% but does not end with %}}"));
                Self::Literal(Value::Null)
            }
            Value::Array(items) => {
                let parsed: Vec<_> = items
                    .iter()
                    .enumerate()
                    .map(|(i, item)| {
                        Self::parse(item, &format!("{path}[{i}]"), allowed, uses, report)
                    })
                    .collect();
                if parsed.iter().all(Self::is_literal) {
                    Self::Literal(value.clone())
                } else {
                    Self::Array(parsed)
                }
            }
            Value::Object(fields) => {
                let mut parsed = Vec::with_capacity(fields.len());
                for (key, field) in fields {
                    let path = format!("{path}.{key}");
                    if key.ends_with(".$") {
                        report(&path, "a name that ends in .$ is JSONPath, which a JSONata state does not evaluate".to_owned());
                    }
                    parsed.push((key.clone(), Self::parse(field, &path, allowed, uses, report)));
                }
                if parsed.iter().all(|(_, field)| field.is_literal()) {
                    Self::Literal(value.clone())
                } else {
                    Self::Object(parsed)
                }
            }
            _ => Self::Literal(value.clone()),
        }
    }

    fn is_literal(&self) -> bool {
        matches!(self, Self::Literal(_))
    }

    fn evaluate(&self, evaluator: &mut Evaluator) -> Result<Value, (String, String)> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Expression { ast, path } => evaluator
                .evaluate(ast, &JValue::Undefined)
                .map_err(|error| error.message().to_owned())
                .and_then(|value| convert::from_engine(&value))
                .map_err(|cause| (path.clone(), cause)),
            Self::Array(items) => items.iter().map(|item| item.evaluate(evaluator)).collect(),
            Self::Object(fields) => {
                let mut object = serde_json::Map::with_capacity(fields.len());
                for (key, field) in fields {
                    object.insert(key.clone(), field.evaluate(evaluator)?);
                }
                Ok(Value::Object(object))
            }
        }
    }
}
