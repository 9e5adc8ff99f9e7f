//! Where states lead: every target exists, every state is reached, and there is an end.

use std::collections::BTreeSet;

use super::fields::{Findings, below};
use super::{After, Flow, Kind, State};

pub(super) fn check(flow: &Flow, path: &str, findings: &mut Findings) {
    let states = below(path, "States");
    if !flow.states.contains_key(&flow.start_at) {
        findings.fault(
            &below(path, "StartAt"),
            format!("the state {:?} does not exist", flow.start_at),
        );
    }
    for (name, state) in &flow.states {
        for (field, target) in targets(state) {
            if !flow.states.contains_key(target) {
                findings.fault(
                    &format!("{states}.{name}.{field}"),
                    format!("the state {target:?} does not exist"),
                );
            }
        }
    }
    let mut reached = BTreeSet::new();
    let mut ahead = vec![flow.start_at.as_str()];
    while let Some(name) = ahead.pop() {
        if let Some(state) = flow.states.get(name)
            && reached.insert(name)
        {
            ahead.extend(targets(state).into_iter().map(|(_, target)| target));
        }
    }
    if flow.states.contains_key(&flow.start_at) {
        for name in flow.states.keys().filter(|name| !reached.contains(name.as_str())) {
            findings.fault(&format!("{states}.{name}"), "no state leads to this one");
        }
    }
    if !flow.states.is_empty() && !flow.states.values().any(is_terminal) {
        findings.fault(&states, "no state ends: one must be Succeed, Fail, or have \"End\": true");
    }
}

/// The states that a state leads to, each with the field that says so.
fn targets(state: &State) -> Vec<(String, &str)> {
    let mut targets: Vec<(String, &str)> = Vec::new();
    let handling = match &state.kind {
        Kind::Choice(choice) => {
            for (index, rule) in choice.rules.iter().enumerate() {
                targets.push((format!("Choices[{index}].Next"), rule.next.as_str()));
            }
            targets.extend(choice.default.iter().map(|next| ("Default".to_owned(), next.as_str())));
            return targets;
        }
        Kind::Succeed | Kind::Fail { .. } => return targets,
        Kind::Task(task) => Some(&task.handling),
        Kind::Parallel(parallel) => Some(&parallel.handling),
        Kind::Map(map) => Some(&map.handling),
        Kind::Wait(_) | Kind::Pass => None,
    };
    if let After::Next(next) = &state.after
        // An empty name stands for a missing field, which has been reported.
        && !next.is_empty()
    {
        targets.push(("Next".to_owned(), next.as_str()));
    }
    for (index, catcher) in handling.into_iter().flat_map(|handling| &handling.catch).enumerate() {
        targets.push((format!("Catch[{index}].Next"), catcher.next.as_str()));
    }
    targets
}

fn is_terminal(state: &State) -> bool {
    match state.kind {
        Kind::Succeed | Kind::Fail { .. } => true,
        Kind::Choice(_) => false,
        // A missing Next or End has been reported already.
        _ => matches!(&state.after, After::End) || state.after == After::Next(String::new()),
    }
}
