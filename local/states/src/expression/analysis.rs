//! What an expression mentions, and what can be said against it before it runs.
//!
//! In a definition there is no input to an expression: `$` and bare names at its top level mean
//! nothing, and AWS refuses them. Names that are neither bound in the expression nor known to
//! the machine can only be mistakes.

use std::collections::BTreeSet;

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};

use super::functions::ADDED;

/// JSONata's own functions, `$eval` excepted: the language takes it away.
const BUILT_IN: [&str; 62] = [
    "abs",
    "append",
    "assert",
    "average",
    "base64decode",
    "base64encode",
    "boolean",
    "ceil",
    "contains",
    "count",
    "decodeUrl",
    "decodeUrlComponent",
    "distinct",
    "each",
    "encodeUrl",
    "encodeUrlComponent",
    "error",
    "exists",
    "filter",
    "floor",
    "formatBase",
    "formatInteger",
    "formatNumber",
    "fromMillis",
    "join",
    "keys",
    "length",
    "lookup",
    "lowercase",
    "map",
    "match",
    "max",
    "merge",
    "millis",
    "min",
    "not",
    "now",
    "number",
    "pad",
    "parseInteger",
    "power",
    "reduce",
    "replace",
    "reverse",
    "round",
    "shuffle",
    "sift",
    "single",
    "sort",
    "split",
    "spread",
    "sqrt",
    "string",
    "substring",
    "substringAfter",
    "substringBefore",
    "sum",
    "toMillis",
    "trim",
    "type",
    "uppercase",
    "zip",
];

/// Which members of `$states` exist where an expression stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Allowed {
    /// `$states.result`: what the task, the branches or the iterations answered.
    pub(crate) result: bool,
    /// `$states.errorOutput`: only in a catcher.
    pub(crate) error_output: bool,
}

/// The names that an expression takes from outside.
#[derive(Clone, Debug, Default)]
pub(crate) struct Uses {
    /// Variables, `states` included, that nothing in the expression binds.
    pub(crate) variables: BTreeSet<String>,
    /// All variables: one that is bound somewhere may still be the machine's elsewhere.
    pub(crate) mentioned: BTreeSet<String>,
    /// Functions of the language, or host functions, called by name.
    pub(crate) functions: BTreeSet<String>,
    /// The members of `$states` that are read; `*` when that cannot be told.
    states_fields: BTreeSet<String>,
}

impl Uses {
    pub(crate) fn reads_states_field(&self, name: &str) -> bool {
        self.states_fields.contains(name) || self.states_fields.contains("*")
    }

    /// The variables that some state must have assigned: not `$states`, and no function's name.
    pub(crate) fn machine_variables(&self) -> impl Iterator<Item = &str> {
        let is_variable = |name: &&str| *name != "states" && !is_function(name);
        self.variables.iter().map(String::as_str).filter(is_variable)
    }

    pub(super) fn analyse(&mut self, ast: &AstNode, allowed: Allowed, problems: &mut Vec<String>) {
        let mut bound = BTreeSet::new();
        collect_bound(ast, &mut bound);
        let mut walk = Walk { uses: self, bound, allowed, problems };
        walk.node(ast, false);
    }
}

struct Walk<'a> {
    uses: &'a mut Uses,
    /// Names bound anywhere in the expression: scopes are not told apart.
    bound: BTreeSet<String>,
    allowed: Allowed,
    problems: &'a mut Vec<String>,
}

impl Walk<'_> {
    /// `focused` is whether there is a context value: inside a path, a predicate, a sort.
    fn node(&mut self, node: &AstNode, focused: bool) {
        match node {
            AstNode::Name(name) if !focused => self.problem(format!(
                "the name `{name}` has no object it could belong to: write $states.input.{name} or ${name}"
            )),
            AstNode::Variable(name) if name.is_empty() && !focused => {
                self.problem("`$` means nothing here: write $states.input".to_owned());
            }
            AstNode::ParentVariable(_) => {
                self.problem("`$$` means nothing here: write $states.input".to_owned());
            }
            AstNode::Wildcard | AstNode::Descendant if !focused => {
                self.problem("a wildcard has no object here: write $states.input.*".to_owned());
            }
            AstNode::Variable(name) => self.variable(name, None),
            AstNode::Path { steps } => self.path(steps, focused),
            AstNode::Function { name, args, .. } => {
                self.function(name, args.len());
                args.iter().for_each(|arg| self.node(arg, focused));
            }
            AstNode::ObjectTransform { input, pattern } => {
                self.node(input, focused);
                for (key, value) in pattern {
                    self.node(key, true);
                    self.node(value, true);
                }
            }
            AstNode::Sort { input, terms } => {
                self.node(input, focused);
                terms.iter().for_each(|(term, _)| self.node(term, true));
            }
            AstNode::Transform { location, update, delete } => {
                self.node(location, true);
                self.node(update, true);
                delete.iter().for_each(|delete| self.node(delete, true));
            }
            AstNode::Binary { op: BinaryOp::ColonEqual, lhs, rhs } => {
                if matches!(&**lhs, AstNode::Variable(name) if name == "states") {
                    self.problem("$states cannot be bound".to_owned());
                }
                self.node(rhs, focused);
            }
            other => children(other, &mut |child| self.node(child, focused)),
        }
    }

    fn path(&mut self, steps: &[PathStep], focused: bool) {
        for (index, step) in steps.iter().enumerate() {
            let focused = focused || index > 0;
            match (&step.node, steps.get(index + 1)) {
                (AstNode::Variable(name), next) if name == "states" => {
                    self.variable(name, next.map(|step| &step.node));
                }
                (node, _) => self.node(node, focused),
            }
            for stage in &step.stages {
                if let Stage::Filter(predicate) = stage {
                    self.node(predicate, true);
                }
            }
        }
    }

    fn variable(&mut self, name: &str, next: Option<&AstNode>) {
        self.uses.mentioned.insert(name.to_owned());
        if name.is_empty() || self.bound.contains(name) {
            return;
        }
        if name == "states" {
            self.states_field(next);
        } else if name == "eval" {
            self.problem("$eval does not exist here: use $parse".to_owned());
        } else if is_function(name) {
            // Either the function as a value, or a variable of the same name that hides it.
            self.uses.functions.insert(name.to_owned());
        }
        self.uses.variables.insert(name.to_owned());
    }

    fn states_field(&mut self, next: Option<&AstNode>) {
        let Some(AstNode::Name(field)) = next else {
            self.uses.states_fields.insert("*".to_owned());
            return;
        };
        match field.as_str() {
            "input" | "context" => {}
            "result" if self.allowed.result => {}
            "errorOutput" if self.allowed.error_output => {}
            "result" => self.problem(
                "$states.result exists only in Output and Assign of Task, Parallel and Map states"
                    .to_owned(),
            ),
            "errorOutput" => self.problem(
                "$states.errorOutput exists only in Output and Assign of a Catch".to_owned(),
            ),
            other => self.problem(format!(
                "$states.{other} does not exist: $states has input, result, errorOutput and context"
            )),
        }
        self.uses.states_fields.insert(field.clone());
    }

    fn function(&mut self, name: &str, arguments: usize) {
        if self.bound.contains(name) {
            return;
        }
        match name {
            "eval" => self.problem("$eval does not exist here: use $parse".to_owned()),
            "now" if arguments > 0 => self.problem(
                "$now with a picture is not supported here: use $fromMillis($millis(), picture)"
                    .to_owned(),
            ),
            _ if is_function(name) => {
                self.uses.functions.insert(name.to_owned());
            }
            _ => self.problem(format!("the function ${name} does not exist")),
        }
    }

    fn problem(&mut self, problem: String) {
        self.problems.push(problem);
    }
}

fn is_function(name: &str) -> bool {
    BUILT_IN.contains(&name) || ADDED.contains(&name)
}

fn collect_bound(node: &AstNode, bound: &mut BTreeSet<String>) {
    match node {
        AstNode::Lambda { params, .. } => bound.extend(params.iter().cloned()),
        AstNode::Binary { op: BinaryOp::ColonEqual, lhs, .. } => {
            if let AstNode::Variable(name) = &**lhs {
                bound.insert(name.clone());
            }
        }
        AstNode::Path { steps } => {
            for step in steps {
                bound.extend(step.focus.iter().cloned());
                bound.extend(step.index_var.iter().cloned());
                for stage in &step.stages {
                    if let Stage::Index(name) = stage {
                        bound.insert(name.clone());
                    }
                }
            }
        }
        _ => {}
    }
    children(node, &mut |child| collect_bound(child, bound));
}

/// Calls `visit` for each direct child.
fn children(node: &AstNode, visit: &mut dyn FnMut(&AstNode)) {
    match node {
        AstNode::Path { steps } => {
            for step in steps {
                visit(&step.node);
                for stage in &step.stages {
                    if let Stage::Filter(predicate) = stage {
                        visit(predicate);
                    }
                }
            }
        }
        AstNode::Binary { lhs, rhs, .. } => {
            visit(lhs);
            visit(rhs);
        }
        AstNode::Unary { operand, .. } => visit(operand),
        AstNode::Function { args, .. } => args.iter().for_each(visit),
        AstNode::Call { procedure, args } => {
            visit(procedure);
            args.iter().for_each(visit);
        }
        AstNode::Lambda { body, .. } => visit(body),
        AstNode::Array(items) | AstNode::Block(items) | AstNode::ArrayGroup(items) => {
            items.iter().for_each(visit);
        }
        AstNode::Object(pairs) => pairs.iter().for_each(|(key, value)| {
            visit(key);
            visit(value);
        }),
        AstNode::ObjectTransform { input, pattern } => {
            visit(input);
            pattern.iter().for_each(|(key, value)| {
                visit(key);
                visit(value);
            });
        }
        AstNode::Conditional { condition, then_branch, else_branch } => {
            visit(condition);
            visit(then_branch);
            else_branch.iter().for_each(|branch| visit(branch));
        }
        AstNode::FunctionApplication(inner) => visit(inner),
        AstNode::Sort { input, terms } => {
            visit(input);
            terms.iter().for_each(|(term, _)| visit(term));
        }
        AstNode::Transform { location, update, delete } => {
            visit(location);
            visit(update);
            delete.iter().for_each(|delete| visit(delete));
        }
        AstNode::String(_)
        | AstNode::Name(_)
        | AstNode::Number(_)
        | AstNode::Boolean(_)
        | AstNode::Null
        | AstNode::Undefined
        | AstNode::Placeholder
        | AstNode::Regex { .. }
        | AstNode::Variable(_)
        | AstNode::ParentVariable(_)
        | AstNode::Wildcard
        | AstNode::Descendant
        | AstNode::Parent(_) => {}
    }
}
