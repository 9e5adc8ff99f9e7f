//! Expressions that only name a value, as most of a definition's do: `$tenant.tier`. They are read
//! where the value stands; the engine would be given all of `$tenant` first, in its own form.

use jsonata_core::ast::{AstNode, PathStep};
use serde_json::Value;

use super::{Scope, convert};
use crate::data::Data;

/// A variable, and the names of members below it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reference {
    variable: String,
    names: Vec<String>,
}

impl Reference {
    /// The reference that an expression is, when it is nothing else.
    pub(super) fn of(ast: &AstNode) -> Option<Self> {
        let (first, rest) = match ast {
            AstNode::Variable(_) => (ast, &[][..]),
            AstNode::Path { steps } => {
                let (first, rest) = steps.split_first()?;
                (is_plain(first).then_some(&first.node)?, rest)
            }
            _ => return None,
        };
        let AstNode::Variable(variable) = first else { return None };
        Some(Self { variable: variable.clone(), names: names(rest)? })
    }

    /// The value as the engine would return it. Nothing where the engine has to say what follows:
    /// when there is no such value, and when there is a list on the way or at the end.
    pub(super) fn read(&self, scope: &Scope<'_>) -> Option<Value> {
        if self.variable != "states" {
            return find(scope.variables.get(&self.variable)?.value(), &self.names);
        }
        let (member, names) = self.names.split_first()?;
        match member.as_str() {
            "input" => find(scope.input.value(), names),
            "result" => find(scope.result.map(Data::value)?, names),
            "errorOutput" => find(scope.error_output?, names),
            "context" => find(&(scope.context)(reaches_the_input(names)), names),
            _ => None,
        }
    }
}

/// Whether the context object has to hold the execution's input, by far its largest part, for
/// these names below it.
fn reaches_the_input(names: &[String]) -> bool {
    match names {
        [] => true,
        [first, rest @ ..] => first == "Execution" && rest.first().is_none_or(|it| it == "Input"),
    }
}

/// The names of steps that do nothing but name members.
fn names(steps: &[PathStep]) -> Option<Vec<String>> {
    let name = |step: &PathStep| match &step.node {
        AstNode::Name(name) if is_plain(step) => Some(name.clone()),
        _ => None,
    };
    steps.iter().map(name).collect()
}

/// Whether a step does nothing but name something.
fn is_plain(step: &PathStep) -> bool {
    step.stages.is_empty()
        && step.focus.is_none()
        && step.index_var.is_none()
        && step.ancestor_label.is_none()
        && !step.is_tuple
        && !step.inner_tuple
        && matches!(step.node, AstNode::Variable(_) | AstNode::Name(_))
}

fn find(value: &Value, names: &[String]) -> Option<Value> {
    let found = names.iter().try_fold(value, |value, name| value.as_object()?.get(name))?;
    if found.is_array() { None } else { convert::as_returned(found) }
}
