//! The set as it becomes, and as it was: every parameter's value, forth and back.

use std::collections::{BTreeMap, BTreeSet};

use lifecycle::{Fault, Faults};
use rollout::input::{Wanted, is_secret_reference};
use rollout::manifest::{Definition, HIDDEN};
use rollout::plan::OnStop;
use rollout::stack_set::{Described, Summary};
use rollout::{Input, Template};

use crate::constraints::Constraints;

/// The set as it becomes, and as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// What it becomes.
    pub(crate) next: Definition,
    /// What puts it back.
    pub(crate) previous: Definition,
}

impl Change {
    /// The values that the set will have, of all parameters whose values are known: one that the
    /// template brings, and that nobody gives, has the template's default.
    pub(crate) fn values(&self, set: &Described) -> BTreeMap<String, String> {
        let values = self.next.parameters.iter().filter_map(|(key, value)| {
            let value = value.as_ref().or_else(|| set.parameters.get(key))?;
            Some((key.clone(), value.clone()))
        });
        values.collect()
    }

    /// The parameters whose values change.
    pub(crate) fn changed(&self, set: &Described) -> BTreeSet<String> {
        let all = self.next.parameters.iter();
        let changed = all
            .filter(|(key, value)| value.is_some() && set.parameters.get(*key) != value.as_ref());
        changed.map(|(key, _)| key.clone()).collect()
    }
}

/// What a change is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts<'a> {
    /// What was asked for.
    pub(crate) input: &'a Input,
    /// The new template.
    pub(crate) summary: &'a Summary,
    /// The rules of its parameters.
    pub(crate) constraints: &'a BTreeMap<String, Constraints>,
    /// The set as it is.
    pub(crate) set: &'a Described,
    /// The values that the set goes back to: its own, unless another rollout left it unproven.
    pub(crate) was: &'a BTreeMap<String, String>,
}

/// What the rollout makes of the set, and what would put it back.
pub(crate) fn change(parts: Parts<'_>, previous: Template, faults: &mut Faults) -> Change {
    let next = next(parts, faults);
    let was = previous_values(parts, &next, faults);
    let capabilities =
        parts.input.capabilities.clone().unwrap_or_else(|| parts.set.capabilities.clone());
    Change {
        next: Definition { template: parts.input.template.clone(), parameters: next, capabilities },
        previous: Definition {
            template: previous,
            parameters: was,
            capabilities: parts.set.capabilities.clone(),
        },
    }
}

/// The values after the change; without one, the set keeps its own.
fn next(parts: Parts<'_>, faults: &mut Faults) -> BTreeMap<String, Option<String>> {
    let Parts { input, summary, set, .. } = parts;
    for key in input.parameters.keys().filter(|key| !summary.parameters.contains_key(*key)) {
        let rule = "must be of a parameter that the template has";
        // A value under a wrong name may be a secret.
        faults.push(Fault::of(format!("parameters.{key}"), "a value", rule));
    }
    let mut next = BTreeMap::new();
    for (key, declared) in &summary.parameters {
        let field = format!("parameters.{key}");
        match input.parameters.get(key) {
            Some(Wanted::Value(value)) => {
                check_value(parts, key, value, faults);
                next.insert(key.clone(), Some(value.clone()));
            }
            Some(Wanted::Default) => match &declared.default {
                Some(_) if declared.no_echo => {
                    let rule = "must be given by a reference: the template's default is hidden";
                    faults.push(Fault::of(field, "useDefault", rule));
                }
                Some(default) => {
                    next.insert(key.clone(), Some(default.clone()));
                }
                None => {
                    let rule = "must be of a parameter that has a default";
                    faults.push(Fault::of(field, "useDefault", rule));
                }
            },
            None if set.parameters.contains_key(key) => {
                next.insert(key.clone(), None);
            }
            None if declared.default.is_none() => faults.push(Fault::missing(field)),
            None => {}
        }
    }
    next
}

fn check_value(parts: Parts<'_>, key: &str, value: &str, faults: &mut Faults) {
    let field = format!("parameters.{key}");
    let hidden = parts.summary.parameters.get(key).is_some_and(|declared| declared.no_echo);
    if hidden && !is_secret_reference(value) {
        let rule = "must be a reference ({{resolve:secretsmanager:…}} or {{resolve:ssm-secure:…}}): \
                    the input of an execution is no place for a secret";
        faults.push(Fault::of(field, "a value that is not shown", rule));
        return;
    }
    // What a reference stands for, only the account knows.
    if value.contains("{{resolve:") {
        return;
    }
    let broken = parts.constraints.get(key).map(|one| one.broken_by(value)).unwrap_or_default();
    for rule in broken {
        faults.push(Fault::new(field.clone(), value, rule));
    }
}

/// The values that put the set back; without one, the set keeps what it has then.
fn previous_values(
    parts: Parts<'_>,
    next: &BTreeMap<String, Option<String>>,
    faults: &mut Faults,
) -> BTreeMap<String, Option<String>> {
    let Parts { input, set, was, .. } = parts;
    for (key, reference) in &input.previous_parameters {
        let field = format!("previousParameters.{key}");
        if was.get(key).map(String::as_str) != Some(HIDDEN) {
            let rule = "must be of a parameter whose present value is hidden";
            faults.push(Fault::of(field, "a value", rule));
        } else if !is_secret_reference(reference) {
            let rule = "must be a reference ({{resolve:secretsmanager:…}} or \
                        {{resolve:ssm-secure:…}})";
            faults.push(Fault::of(field, "a value that is not shown", rule));
        }
    }
    let mut previous = BTreeMap::new();
    for (key, value) in was {
        let kept = next.get(key) == Some(&None) && set.parameters.get(key) == Some(value);
        let back = if kept {
            None
        } else if value != HIDDEN {
            Some(value.clone())
        } else if let Some(reference) = input.previous_parameters.get(key) {
            Some(reference.clone())
        } else {
            // With LEAVE there is no way back: what stopped keeps the new value.
            if input.plan.on_stop != OnStop::Leave || !next.contains_key(key) {
                let rule = "must have its old value as a reference in previousParameters, or a \
                            plan with onStop LEAVE: the old value is hidden, and could not be \
                            put back";
                faults.push(Fault::of(format!("parameters.{key}"), "a new value", rule));
            }
            None
        };
        previous.insert(key.clone(), back);
    }
    previous
}

#[cfg(test)]
mod tests;
