//! JSONata in a definition: parsed and checked once when the definition is loaded, evaluated as
//! often as states run.
//!
//! The engine's values are reference counted without atomics, so nothing of them may live across
//! an await: evaluation is one synchronous call from JSON to JSON.

mod analysis;
mod convert;
pub(crate) mod functions;
mod reference;

use std::sync::Arc;

use jsonata_core::ast::AstNode;
use jsonata_core::evaluator::{Context, Evaluator, EvaluatorOptions};
use jsonata_core::parser;
use jsonata_core::value::JValue;
use serde_json::Value;

pub(crate) use analysis::{Allowed, Uses};
use reference::Reference;

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
    uses: Box<Both>,
}

#[derive(Debug)]
enum Template {
    Literal(Value),
    Expression(Box<Expression>),
    Array(Vec<Template>),
    Object(Vec<(String, Template)>),
}

#[derive(Debug)]
struct Expression {
    /// The text between `{%` and `%}`.
    source: String,
    ast: AstNode,
    path: String,
    /// When it is one, and what the engine needs for it.
    reference: Option<(Reference, Uses)>,
}

/// What an expression can see.
pub(crate) struct Scope<'a> {
    pub(crate) input: &'a Data,
    pub(crate) result: Option<&'a Data>,
    pub(crate) error_output: Option<&'a Value>,
    /// The context object, with or without the execution's input.
    pub(crate) context: &'a dyn Fn(bool) -> Value,
    pub(crate) variables: &'a Variables,
    pub(crate) host: &'a Arc<dyn Host>,
}

/// Why an expression has no value.
#[derive(Clone, Debug)]
pub(crate) struct EvaluationError {
    /// The field, relative to the state, as AWS writes it: `Arguments/Payload`.
    pub(crate) location: String,
    /// The expression's text.
    pub(crate) expression: String,
    /// What it did instead, to go on a sentence about it.
    pub(crate) problem: String,
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
        let mut uses = Box::<Both>::default();
        let template = Template::parse(value, "", allowed, &mut uses, report);
        Self { location: location.to_owned(), template, uses }
    }

    pub(crate) fn uses(&self) -> &Uses {
        &self.uses.all
    }

    /// The value, when it holds no expression.
    pub(crate) fn literal(&self) -> Option<&Value> {
        match &self.template {
            Template::Literal(value) => Some(value),
            _ => None,
        }
    }

    /// The text of the expression, when it is nothing but one.
    pub(crate) fn source(&self) -> Option<&str> {
        match &self.template {
            Template::Expression(expression) => Some(&expression.source),
            _ => None,
        }
    }

    /// Evaluates every expression and puts the results in their places.
    pub(crate) fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, EvaluationError> {
        if let Template::Literal(value) = &self.template {
            return Ok(value.clone());
        }
        let mut evaluation = Evaluation { program: self, scope, evaluator: None };
        self.template.evaluate(&mut evaluation).map_err(|(expression, problem)| EvaluationError {
            location: format!("{}{}", self.location, expression.path),
            expression: expression.source.clone(),
            problem,
        })
    }
}

/// What the expressions of a program use.
#[derive(Debug, Default)]
struct Both {
    all: Uses,
    /// Those that are no mere references.
    computed: Uses,
}

/// One evaluation of a program. The engine comes in when the first expression needs it.
struct Evaluation<'a> {
    program: &'a Program,
    scope: &'a Scope<'a>,
    evaluator: Option<Evaluator>,
}

impl Evaluation<'_> {
    fn value(&mut self, expression: &Expression) -> Result<Value, String> {
        let (program, scope) = (self.program, self.scope);
        let Some((reference, uses)) = &expression.reference else {
            let engine =
                self.evaluator.get_or_insert_with(|| evaluator(&program.uses.computed, scope));
            return run(engine, &expression.ast);
        };
        match reference.read(scope) {
            Some(value) => Ok(value),
            None => run(&mut evaluator(uses, scope), &expression.ast),
        }
    }
}

fn run(evaluator: &mut Evaluator, ast: &AstNode) -> Result<Value, String> {
    let value = evaluator.evaluate(ast, &JValue::Undefined);
    let value =
        value.map_err(|error| format!("threw an error during evaluation. {}", error.message()))?;
    convert::from_engine(&value)
}

/// An evaluator that sees only what the expressions mention: values are converted on the way in,
/// which costs more than most expressions.
fn evaluator(uses: &Uses, scope: &Scope<'_>) -> Evaluator {
    let mut context = Context::new();
    if uses.variables.contains("states") {
        let mut states = indexmap::IndexMap::new();
        let mut field = |name: &str, value: Option<&Value>| {
            if let (true, Some(value)) = (uses.reads_states_field(name), value) {
                states.insert(name.to_owned(), convert::to_engine(value));
            }
        };
        field("input", Some(scope.input.value()));
        field("result", scope.result.map(Data::value));
        field("errorOutput", scope.error_output);
        if uses.reads_states_field("context") {
            field("context", Some(&(scope.context)(true)));
        }
        context.bind("states".to_owned(), JValue::object(states));
    }
    for (name, data) in scope.variables {
        if uses.mentioned.contains(name) {
            context.bind(name.clone(), convert::to_engine(data.value()));
        }
    }
    let options =
        EvaluatorOptions { timeout_ms: Some(EVALUATION_LIMIT_MS), ..EvaluatorOptions::default() };
    let mut evaluator = Evaluator::with_options(context, options);
    functions::register(&mut evaluator, uses, scope.host);
    evaluator
}

impl Template {
    fn parse(
        value: &Value,
        path: &str,
        allowed: Allowed,
        uses: &mut Both,
        report: &mut dyn FnMut(&str, String),
    ) -> Self {
        match value {
            Value::String(text) if is_expression(text) => {
                let source = &text[2..text.len() - 2];
                match parser::parse(source) {
                    Ok(ast) => {
                        let mut problems = Vec::new();
                        uses.all.analyse(&ast, allowed, &mut problems);
                        let mut own = Uses::default();
                        let reference = Reference::of(&ast);
                        let here = if reference.is_some() { &mut own } else { &mut uses.computed };
                        here.analyse(&ast, allowed, &mut Vec::new());
                        let reference = reference.map(|reference| (reference, own));
                        for problem in problems {
                            report(path, format!("{problem} in the expression {text:?}"));
                        }
                        let (path, source) = (path.replace('.', "/"), source.trim().to_owned());
                        Self::Expression(Box::new(Expression { source, ast, path, reference }))
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

    fn evaluate(&self, evaluation: &mut Evaluation<'_>) -> Result<Value, (&Expression, String)> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Expression(expression) => {
                evaluation.value(expression).map_err(|problem| (expression.as_ref(), problem))
            }
            Self::Array(items) => items.iter().map(|item| item.evaluate(evaluation)).collect(),
            Self::Object(fields) => {
                let mut object = serde_json::Map::with_capacity(fields.len());
                for (key, field) in fields {
                    object.insert(key.clone(), field.evaluate(evaluation)?);
                }
                Ok(Value::Object(object))
            }
        }
    }
}
