//! What a roll-out would do, and every reason why it must not begin.

use std::collections::{BTreeMap, BTreeSet};

use lifecycle::{AccountId, Fault, Faults, OrganizationalUnits, RegionName};
use rollout::alarms::Red;
use rollout::cut::batches;
use rollout::manifest::{Definition, Keeps, Operations, WaveSize};
use rollout::plan::{RedBefore, WavePlan};
use rollout::stack_set::Described;
use rollout::{Input, Instance, Plan, Template};

/// What CloudFormation shows of a value that is not to be seen.
const HIDDEN: &str = "****";
/// The most units that AWS takes in one request.
const MOST_UNITS: usize = 50;

/// Faults of a plan that names units which are none of the tenants'.
pub fn unknown_units(plan: &Plan, known: &OrganizationalUnits) -> Faults {
    let mut faults = Faults::new();
    for (index, wave) in plan.waves.iter().enumerate() {
        if let Some(unit) = wave.accounts.unit().filter(|unit| known.id_of(unit).is_none()) {
            let names: Vec<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
            let field = format!("plan.waves[{index}].accounts.organizationalUnit");
            let rule = format!("must be one of {}", names.join(", "));
            faults.push(Fault::new(field, unit.as_str(), rule));
        }
    }
    faults
}

/// The set as it becomes, and as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What it becomes.
    pub next: Definition,
    /// What puts it back.
    pub previous: Definition,
}

/// What the roll-out makes of the set, and what would put it back. `declared` are the parameters
/// of the new template, each with whether it has a default; `was` is what the set goes back to,
/// which is the set itself, unless another roll-out left it unproven.
///
/// # Errors
/// Every parameter that the template does not know, or that has no value, or whose old value
/// nobody can see.
pub fn change(
    input: &Input,
    declared: &BTreeMap<String, bool>,
    set: &Described,
    was: &BTreeMap<String, String>,
    previous_template: Template,
) -> Result<Change, Faults> {
    let mut faults = Faults::new();
    for (key, value) in input.parameters.iter().filter(|(key, _)| !declared.contains_key(*key)) {
        let field = format!("parameters.{key}");
        faults.push(Fault::new(field, value, "must be of a parameter that the template has"));
    }
    let mut next = BTreeMap::new();
    for (key, has_default) in declared {
        if let Some(value) = input.parameters.get(key) {
            next.insert(key.clone(), Some(value.clone()));
        } else if set.parameters.contains_key(key) {
            next.insert(key.clone(), None);
        } else if !has_default {
            faults.push(Fault::missing(format!("parameters.{key}")));
        }
    }
    let mut previous = BTreeMap::new();
    for (key, value) in was {
        let kept = next.get(key) == Some(&None) && set.parameters.get(key) == Some(value);
        if !kept && value == HIDDEN {
            let rule = "must stay as it is: its old value is hidden, and could not be put back";
            faults.push(Fault::of(format!("parameters.{key}"), "a new value", rule));
        }
        previous.insert(key.clone(), (!kept).then(|| value.clone()));
    }
    let capabilities = input.capabilities.clone().unwrap_or_else(|| set.capabilities.clone());
    faults.none_or(Some(Change {
        next: Definition { template: input.template.clone(), parameters: next, capabilities },
        previous: Definition {
            template: previous_template,
            parameters: previous,
            capabilities: set.capabilities.clone(),
        },
    }))
}

/// What stays as it is, and has to be repeated.
///
/// # Errors
/// More units than AWS takes in a request.
pub fn keeps(set: &Described, instances: &[Instance]) -> Result<Keeps, Faults> {
    let units: BTreeSet<&String> = instances.iter().filter_map(|one| one.unit.as_ref()).collect();
    let units: Vec<String> = units.into_iter().filter(|_| set.service_managed).cloned().collect();
    if units.len() > MOST_UNITS {
        let rule = format!("must have its accounts in at most {MOST_UNITS} organizational units");
        return Err(Fault::of("stackSet", format!("one with {} units", units.len()), rule).into());
    }
    let own = |role: &Option<String>| role.clone().filter(|_| !set.service_managed);
    Ok(Keeps {
        description: set.description.clone(),
        administration_role_arn: own(&set.administration_role_arn),
        execution_role_name: own(&set.execution_role_name),
        units,
    })
}

/// The file of a wave, and how large it is. The `first` wave begins with an operation of one round:
/// a change that fails everywhere shows itself there, and nothing is in flight behind it.
pub fn wave(
    number: u32,
    plan: &WavePlan,
    accounts: BTreeMap<AccountId, BTreeSet<RegionName>>,
    first: bool,
) -> (Operations, WaveSize) {
    let count = accounts.len();
    let concurrent = plan.concurrent(count);
    let mut operations = batches(accounts, plan.operation_size(count));
    if let Some(rest) = operations.first().filter(|one| first && one.accounts.len() > concurrent) {
        let mut rest = rest.clone();
        rest.accounts.drain(..concurrent);
        operations[0].accounts.truncate(concurrent);
        operations.insert(1, rest);
    }
    let size = WaveSize {
        number,
        name: plan.name.clone(),
        accounts: count,
        instances: operations.iter().map(rollout::Batch::instances).sum(),
        operations: operations.len(),
        rounds: operations.iter().map(|one| one.accounts.len().div_ceil(concurrent)).sum(),
        dwell_seconds: plan.dwell_seconds,
        approval: plan.approval,
    };
    (Operations { operations, restores: false }, size)
}

/// The alarms that the roll-out ignores because they were red before it.
///
/// # Errors
/// All of them, when the plan wants none to be red.
pub fn red_before(plan: &Plan, red: &[Red]) -> Result<Vec<String>, Faults> {
    let mut faults = Faults::new();
    for one in red.iter().filter(|_| plan.health.red_before == RedBefore::Refuse) {
        let rule = format!("must be in order before anything is touched, and is {}", one.state);
        faults.push(Fault::new("plan.health", &one.name, rule));
    }
    faults.none_or(Some(red.iter().map(|one| one.name.clone()).collect()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn input(parameters: serde_json::Value) -> Input {
        Input::read(&json!({"stackSet": "s", "templateUrl": "https://b.s3.amazonaws.com/t",
            "parameters": parameters, "plan": "routine"}))
        .unwrap()
    }

    fn set(parameters: &[(&str, &str)]) -> Described {
        let parameters = parameters.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Described { parameters: parameters.collect(), ..Described::default() }
    }

    fn declared(names: &[(&str, bool)]) -> BTreeMap<String, bool> {
        names.iter().map(|(name, default)| ((*name).to_owned(), *default)).collect()
    }

    #[test]
    fn parameters_keep_their_values_unless_given_and_all_go_back() {
        let set = set(&[("A", "1"), ("B", "2"), ("Gone", "3")]);
        let declared = declared(&[("A", false), ("B", false), ("New", true)]);
        let change =
            change(&input(json!({"A": "9"})), &declared, &set, &set.parameters, Template::Previous)
                .unwrap();
        let text = |value: &str| Some(value.to_owned());
        let next: Vec<_> = change.next.parameters.into_iter().collect();
        assert_eq!(next, [("A".to_owned(), text("9")), ("B".to_owned(), None)]);
        let back: Vec<_> = change.previous.parameters.into_iter().collect();
        let expected =
            [("A".to_owned(), text("1")), ("B".to_owned(), None), ("Gone".to_owned(), text("3"))];
        assert_eq!(back, expected);
    }

    #[test]
    fn parameters_without_a_value_and_values_without_a_parameter_are_faults() {
        let set = set(&[("Key", "****")]);
        let declared = declared(&[("Must", false), ("Key", false)]);
        let input = input(json!({"Other": "x", "Key": "new"}));
        let faults = change(&input, &declared, &set, &set.parameters, Template::Previous);
        let faults = faults.unwrap_err().reasons();
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(faults.iter().any(|fault| fault.contains("hidden")), "{faults:?}");
    }

    #[test]
    fn a_wave_is_cut_into_whole_rounds() {
        let plan = input(json!({})).plan.waves[1].clone();
        let region: RegionName = "eu-central-1".parse().unwrap();
        let accounts: BTreeMap<AccountId, BTreeSet<RegionName>> = (0..1_205)
            .map(|n| (format!("{n:012}").parse().unwrap(), BTreeSet::from([region.clone()])))
            .collect();
        let (operations, size) = wave(2, &plan, accounts.clone(), false);
        assert_eq!(plan.concurrent(1_205), 120);
        let sizes: Vec<_> = operations.operations.iter().map(|one| one.accounts.len()).collect();
        assert_eq!(sizes, [1_200, 5]);
        assert_eq!((size.rounds, size.instances, size.operations), (11, 1_205, 2));
        let (operations, size) = wave(1, &plan, accounts, true);
        let sizes: Vec<_> = operations.operations.iter().map(|one| one.accounts.len()).collect();
        assert_eq!(sizes, [120, 1_080, 5], "the first one of a roll-out is one round");
        assert_eq!((size.rounds, size.instances, size.operations), (11, 1_205, 3));
    }

    #[test]
    fn alarms_that_are_red_before_refuse_the_roll_out_or_are_remembered() {
        let red = Red { name: "api".into(), state: "ALARM".into(), reason: None };
        let mut plan = input(json!({})).plan;
        assert!(red_before(&plan, std::slice::from_ref(&red)).is_err());
        plan.health.red_before = RedBefore::Ignore;
        assert_eq!(red_before(&plan, &[red]).unwrap(), ["api"]);
    }
}
