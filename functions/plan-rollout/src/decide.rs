//! What a roll-out would do, and every reason why it must not begin.

use std::collections::{BTreeMap, BTreeSet};

use lifecycle::{AccountId, Fault, Faults, OrganizationalUnits, RegionName};
use rollout::alarms::Red;
use rollout::cut::batches;
use rollout::manifest::{Keeps, Operations, WaveSize};
use rollout::plan::{RedBefore, WavePlan};
use rollout::stack_set::Described;
use rollout::{Instance, Plan};

/// The most units that AWS takes in one request.
const MOST_UNITS: usize = 50;

/// Faults of a plan that names units which are none of the tenants'.
pub fn unknown_units(plan: &Plan, known: &OrganizationalUnits) -> Faults {
    let mut faults = Faults::new();
    let of_waves = plan.waves.iter().enumerate().filter_map(|(index, wave)| {
        let field = format!("plan.waves[{index}].accounts.organizationalUnit");
        Some((field, wave.accounts.unit()?))
    });
    let excepted = plan.except.units.iter();
    let excepted = excepted.map(|unit| ("plan.except.organizationalUnits".to_owned(), unit));
    for (field, unit) in of_waves.chain(excepted) {
        if known.id_of(unit).is_none() {
            let names: Vec<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
            let rule = format!("must be one of {}", names.join(", "));
            faults.push(Fault::new(field, unit.as_str(), rule));
        }
    }
    faults
}

/// A template that means the same and is another one to StackSets, so that a rehearsal goes all the
/// way that a change goes. JSON has no comments: an empty line is one more character.
pub fn marked(template: &str, execution: &str) -> String {
    if template.trim_start().starts_with('{') {
        return format!("{template}\n");
    }
    let end = if template.ends_with('\n') { "" } else { "\n" };
    format!("{template}{end}# A rehearsal, which takes itself back: {execution}\n")
}

/// What stays as it is, and has to be repeated. A fault: more units than AWS takes in a request.
pub fn keeps(set: &Described, instances: &[Instance], faults: &mut Faults) -> Keeps {
    let units: BTreeSet<&String> = instances.iter().filter_map(|one| one.unit.as_ref()).collect();
    let units: Vec<String> = units.into_iter().filter(|_| set.service_managed).cloned().collect();
    if units.len() > MOST_UNITS {
        let rule = format!("must have its accounts in at most {MOST_UNITS} organizational units");
        faults.push(Fault::of("stackSet", format!("one with {} units", units.len()), rule));
    }
    let own = |role: &Option<String>| role.clone().filter(|_| !set.service_managed);
    Keeps {
        description: set.description.clone(),
        administration_role_arn: own(&set.administration_role_arn),
        execution_role_name: own(&set.execution_role_name),
        units,
    }
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

/// The alarms that the roll-out ignores because they were red before it. All of them are faults
/// when the plan wants none to be red.
pub fn red_before(plan: &Plan, red: &[Red], faults: &mut Faults) -> Vec<String> {
    for one in red.iter().filter(|_| plan.health.red_before == RedBefore::Refuse) {
        let rule = format!("must be in order before anything is touched, and is {}", one.state);
        faults.push(Fault::new("plan.health", &one.name, rule));
    }
    red.iter().map(|one| one.name.clone()).collect()
}

/// Bucket and key of the object at an address, as S3 and CloudFormation write it.
pub(crate) fn object_at(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("https://")?;
    let rest = rest.split('?').next()?;
    let (host, path) = rest.split_once('/')?;
    let host = host.strip_suffix(".cn").unwrap_or(host).strip_suffix(".amazonaws.com")?;
    if host == "s3" || host.starts_with("s3.") || host.starts_with("s3-") {
        return path.split_once('/').filter(|(_, key)| !key.is_empty());
    }
    let (bucket, _) = host.split_once(".s3")?;
    (!path.is_empty()).then_some((bucket, path))
}

#[cfg(test)]
mod tests {
    use rollout::Input;
    use serde_json::json;

    use super::*;

    fn input(parameters: serde_json::Value) -> Input {
        Input::read(&json!({"stackSet": "s", "templateUrl": "https://b.s3.amazonaws.com/t",
            "parameters": parameters, "plan": "routine"}))
        .unwrap()
    }

    #[test]
    fn an_object_is_found_by_every_spelling_of_its_address() {
        for (url, object) in [
            ("https://b.s3.eu-central-1.amazonaws.com/a/t.yaml", Some(("b", "a/t.yaml"))),
            ("https://b.s3.amazonaws.com/t.yaml?versionId=7", Some(("b", "t.yaml"))),
            ("https://b.s3.cn-north-1.amazonaws.com.cn/t", Some(("b", "t"))),
            ("https://s3.eu-central-1.amazonaws.com/b/t", Some(("b", "t"))),
            ("https://s3-eu-west-1.amazonaws.com/b/a/t", Some(("b", "a/t"))),
            ("https://example.com/b/t", None),
            ("https://b.s3.amazonaws.com/", None),
        ] {
            assert_eq!(object_at(url), object, "{url}");
        }
    }

    #[test]
    fn a_marked_template_is_another_one_that_means_the_same() {
        assert_eq!(
            marked("Resources: {}", "r_1"),
            "Resources: {}\n# A rehearsal, which takes itself back: r_1\n"
        );
        assert!(marked("Resources: {}\n", "r_1").starts_with("Resources: {}\n# A rehearsal"));
        let json = marked(" {\"Resources\": {}}", "r_1");
        assert_eq!(json, " {\"Resources\": {}}\n");
        assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
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
        assert_eq!(sizes, [[120; 10].as_slice(), &[5]].concat(), "new tenants wait for one round");
        assert_eq!((size.rounds, size.instances, size.operations), (11, 1_205, 11));
        let mut slow = plan.clone();
        slow.preferences.max_concurrent = rollout::plan::Amount::Count(5);
        let (operations, size) = wave(2, &slow, accounts.clone(), false);
        assert_eq!(operations.operations[0].accounts.len(), 55, "many rounds are not as many");
        assert_eq!((size.rounds, size.operations), (241, 22));
        slow.operation_accounts = Some(600);
        let (operations, _) = wave(2, &slow, accounts.clone(), false);
        assert_eq!(operations.operations[0].accounts.len(), 600, "as the plan says");
        let (operations, size) = wave(1, &slow, accounts, true);
        let sizes: Vec<_> = operations.operations.iter().map(|one| one.accounts.len()).collect();
        assert_eq!(sizes, [5, 595, 600, 5], "the first one of a roll-out is one round");
        assert_eq!((size.rounds, size.instances, size.operations), (241, 1_205, 4));
    }

    #[test]
    fn alarms_that_are_red_before_refuse_the_roll_out_or_are_remembered() {
        let red = Red { name: "api".into(), state: "ALARM".into(), reason: None };
        let mut plan = input(json!({})).plan;
        let mut faults = Faults::new();
        red_before(&plan, std::slice::from_ref(&red), &mut faults);
        assert_eq!(faults.reasons().len(), 1);
        plan.health.red_before = RedBefore::Ignore;
        let mut faults = Faults::new();
        assert_eq!(red_before(&plan, &[red], &mut faults), ["api"]);
        assert!(faults.is_empty());
    }
}
