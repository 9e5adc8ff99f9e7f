//! Which variables exist where. A branch or an inline item processor reads the variables around
//! it and assigns only its own; the item processor of a distributed map sees nothing of its
//! parent.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html>

use std::collections::BTreeMap;

use crate::errors::DefinitionError;
use crate::expression::Uses;

/// All scopes of a machine, gathered while it is parsed.
#[derive(Default)]
pub(super) struct Scopes {
    scopes: Vec<Scope>,
    open: Vec<usize>,
}

struct Scope {
    outer: Option<usize>,
    /// Each assigned name with every place that assigns it.
    assigned: BTreeMap<String, Vec<String>>,
    /// Each place that reads variables, with their names.
    read: Vec<(String, Vec<String>)>,
}

impl Scopes {
    /// Opens a scope; an isolated one sees nothing around it.
    pub(super) fn enter(&mut self, isolated: bool) {
        let outer = if isolated { None } else { self.open.last().copied() };
        self.open.push(self.scopes.len());
        self.scopes.push(Scope { outer, assigned: BTreeMap::new(), read: Vec::new() });
    }

    pub(super) fn leave(&mut self) {
        self.open.pop();
    }

    pub(super) fn assigned(&mut self, name: &str, path: &str) {
        if let Some(scope) = self.current() {
            scope.assigned.entry(name.to_owned()).or_default().push(path.to_owned());
        }
    }

    pub(super) fn read(&mut self, path: &str, uses: &Uses) {
        let names: Vec<_> = uses.machine_variables().map(str::to_owned).collect();
        if let (false, Some(scope)) = (names.is_empty(), self.current()) {
            scope.read.push((path.to_owned(), names));
        }
    }

    fn current(&mut self) -> Option<&mut Scope> {
        let index = *self.open.last()?;
        self.scopes.get_mut(index)
    }

    /// What can only be said when the whole machine is known: faults, and the places that read a
    /// variable which nothing assigns.
    pub(super) fn check(&self, faults: &mut Vec<DefinitionError>) -> Vec<DefinitionError> {
        let mut unassigned = Vec::new();
        for scope in &self.scopes {
            for (name, paths) in &scope.assigned {
                if scope.outer.is_some_and(|outer| self.is_assigned(outer, name)) {
                    faults.extend(paths.iter().map(|path| DefinitionError {
                        location: path.clone(),
                        problem: format!("the variable {name:?} belongs to an outer scope, which an inner one may read but not assign"),
                    }));
                }
            }
            for (path, names) in &scope.read {
                for name in names {
                    let is_known = scope.assigned.contains_key(name)
                        || scope.outer.is_some_and(|outer| self.is_assigned(outer, name));
                    if !is_known {
                        unassigned.push(DefinitionError {
                            location: path.clone(),
                            problem: format!(
                                "the variable ${name} is assigned nowhere that this state could see"
                            ),
                        });
                    }
                }
            }
        }
        unassigned
    }

    fn is_assigned(&self, index: usize, name: &str) -> bool {
        self.scopes.get(index).is_some_and(|scope| {
            scope.assigned.contains_key(name)
                || scope.outer.is_some_and(|outer| self.is_assigned(outer, name))
        })
    }
}
