//! What the run will need, before anything is touched: each missing thing is a fault of the plan.

use std::collections::{BTreeMap, BTreeSet};

use gate_rules::{check_parameters, is_gate_set};
use lifecycle::gate::GATE_FUNCTION;
use lifecycle::{Fault, Faults};
use rollout::Input;
use rollout::manifest::Definition;
use rollout::stack_set::{Described, Logged, Summary};

/// How the ids of Landlord's own operations begin: rollouts, enrolments, withdrawals.
const OWN: [&str; 3] = ["roll-", "enrol-", "retire-"];
/// The role that StackSets takes where a set names none.
const DEFAULT_ADMINISTRATION_ROLE: &str = "AWSCloudFormationStackSetAdministrationRole";
/// How many instances a fault names.
const NAMED: usize = 3;

/// An instance that an operation is at work on, or has in its list.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Busy {
    pub(crate) account: lifecycle::AccountId,
    pub(crate) region: lifecycle::RegionName,
    pub(crate) operation: Option<String>,
}

/// The role by which the set works has to be the one that Landlord's functions may pass.
pub(crate) fn administration_role(set: &Described, may_pass: &str, faults: &mut Faults) {
    if set.service_managed {
        return;
    }
    let fits = match set.administration_role_arn.as_deref() {
        Some(role) => role == may_pass,
        None => may_pass.ends_with(&format!(":role/{DEFAULT_ADMINISTRATION_ROLE}")),
    };
    if !fits {
        let role = set.administration_role_arn.as_deref().unwrap_or(DEFAULT_ADMINISTRATION_ROLE);
        let rule = format!(
            "must be the administration role of the stack set: Landlord may pass {may_pass} only"
        );
        faults.push(Fault::new("stackSet.administrationRoleArn", role, rule));
    }
}

/// The capabilities have to be those that the template needs.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStackSet.html>
pub(crate) fn capabilities(
    next: &Definition,
    summary: &Summary,
    set: &Described,
    faults: &mut Faults,
) {
    const NAMED_IAM: &str = "CAPABILITY_NAMED_IAM";
    const AUTO_EXPAND: &str = "CAPABILITY_AUTO_EXPAND";
    let given: BTreeSet<&str> = next.capabilities.iter().map(String::as_str).collect();
    let has = |wanted: &str| {
        given.contains(wanted) || (wanted == "CAPABILITY_IAM" && given.contains(NAMED_IAM))
    };
    let mut needed: BTreeSet<&str> = summary.capabilities.iter().map(String::as_str).collect();
    if !summary.transforms.is_empty() {
        if set.service_managed {
            let rule = "must have no transforms: the stack set has service-managed permissions";
            let shown = summary.transforms.join(", ");
            faults.push(Fault::new("templateUrl", &shown, rule));
        }
        needed.insert(AUTO_EXPAND);
    }
    let missing: Vec<&str> = needed.into_iter().filter(|one| !has(one)).collect();
    if !missing.is_empty() {
        let shown: Vec<&str> = given.into_iter().collect();
        let rule = format!("must have what the template needs: {}", missing.join(", "));
        faults.push(Fault::of("capabilities", format!("[{}]", shown.join(", ")), rule));
    }
}

/// A set that deploys by itself gives the new template to whatever account enters its OUs.
pub(crate) fn automatic_deployment(set: &Described, faults: &mut Faults) {
    if set.auto_deployment {
        let rule = "must not have automatic deployment: accounts that enter its OUs would get the \
                    change outside the waves";
        faults.push(Fault::of("stackSet", "one that deploys by itself", rule));
    }
}

/// No operation of others may be under way or queued: what it leaves would be taken for the
/// rollout's work, or the other way round.
pub(crate) fn others(input: &Input, log: &[Logged], busy: &[Busy], faults: &mut Faults) {
    let is_own = |id: &str| OWN.iter().any(|prefix| id.starts_with(prefix));
    for operation in log.iter().filter(|one| !one.ended && !is_own(&one.id)) {
        let about = busy.iter().filter(|one| one.operation.as_deref() == Some(&*operation.id));
        let named: Vec<String> = about
            .clone()
            .take(NAMED)
            .map(|one| format!("{} in {}", one.account, one.region))
            .collect();
        let about = match (about.count(), named.is_empty()) {
            (_, true) => String::new(),
            (all, false) => format!("; it has {all} instances: {}", named.join(", ")),
        };
        let rule = format!("must have no operation of others under way: {}{about}", operation.id);
        faults.push(Fault::new("stackSet", input.stack_set.as_str(), rule));
    }
}

/// Whether the set is the account gate's, by its name, or by the function in the template that it
/// has or gets.
pub(crate) fn is_of_the_gate(input: &Input, set: &Described, next: Option<&str>) -> bool {
    let has_it = |template: &str| template.contains(GATE_FUNCTION);
    is_gate_set(input.stack_set.as_str()) || has_it(&set.template) || next.is_some_and(has_it)
}

/// Reads the settings that the gate's stack set would have, with the gate's own parser: a gate that
/// does not understand them vetoes everything, its own repair included.
pub(crate) fn gate_settings(values: &BTreeMap<String, String>, faults: &mut Faults) {
    for fault in check_parameters(values).err().into_iter().flatten() {
        let field = format!("parameters.{}", fault.field);
        faults.push(fault.at(field));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(check: impl Fn(&mut Faults)) -> Vec<String> {
        let mut faults = Faults::new();
        check(&mut faults);
        faults.reasons()
    }

    #[test]
    fn a_set_whose_role_landlord_may_not_pass_is_refused() {
        let mine = "arn:aws:iam::999999999999:role/landlord/Administration";
        let with = |role: Option<&str>, service_managed| {
            let administration_role_arn = role.map(str::to_owned);
            let set =
                Described { administration_role_arn, service_managed, ..Described::default() };
            told(|faults| administration_role(&set, mine, faults)).len()
        };
        assert_eq!(with(Some(mine), false), 0);
        assert_eq!(with(Some("arn:aws:iam::999999999999:role/ControlTower"), false), 1);
        assert_eq!(with(None, false), 1, "AWS's own default is another one");
        assert_eq!(with(None, true), 0, "AWS's permissions need none");
    }

    #[test]
    fn what_a_template_needs_has_to_be_given() {
        let summary = |capabilities: &[&str], transforms: &[&str]| Summary {
            capabilities: capabilities.iter().map(|one| (*one).to_owned()).collect(),
            transforms: transforms.iter().map(|one| (*one).to_owned()).collect(),
            ..Summary::default()
        };
        let iam = summary(&["CAPABILITY_IAM"], &[]);
        let named = summary(&["CAPABILITY_NAMED_IAM"], &[]);
        let expand = summary(&[], &["AWS::LanguageExtensions"]);
        for (needs, given, service_managed, faults) in [
            (&iam, &["CAPABILITY_IAM"][..], false, 0),
            (&iam, &["CAPABILITY_NAMED_IAM"], false, 0),
            (&iam, &[], false, 1),
            (&named, &["CAPABILITY_IAM"], false, 1),
            (&expand, &["CAPABILITY_IAM"], false, 1),
            (&expand, &["CAPABILITY_AUTO_EXPAND"], false, 0),
            (&expand, &["CAPABILITY_AUTO_EXPAND"], true, 1),
        ] {
            let capabilities = given.iter().map(|one| (*one).to_owned()).collect();
            let next = Definition {
                template: rollout::Template::Previous,
                parameters: BTreeMap::new(),
                capabilities,
            };
            let set = Described { service_managed, ..Described::default() };
            let told = told(|faults| super::capabilities(&next, needs, &set, faults));
            assert_eq!(told.len(), faults, "{needs:?} {given:?}: {told:?}");
        }
    }

    #[test]
    fn settings_of_the_gate_are_read_before_they_reach_an_account() {
        let windows = r#"[{"Schedule":"cron(0 2 ? * XXX *)","Duration":2}]"#;
        let values = BTreeMap::from([("MaintenanceWindows".to_owned(), windows.to_owned())]);
        let faults = told(|faults| gate_settings(&values, faults));
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].starts_with("parameters.MaintenanceWindows[0].Schedule: "), "{faults:?}");
        assert!(faults[0].contains("1-7 or SUN-SAT, not XXX"), "{faults:?}");
        assert_eq!(told(|faults| gate_settings(&BTreeMap::new(), faults)), [""; 0]);
    }

    #[test]
    fn the_gate_is_known_by_its_set_s_name_and_by_its_function_in_either_template() {
        let is_gate = |stack_set: &str, has: &str, gets: Option<&str>| {
            let input = json!({"stackSet": stack_set, "usePreviousTemplate": true,
                               "plan": "routine"});
            let set = Described { template: has.to_owned(), ..Described::default() };
            is_of_the_gate(&Input::read(&input).unwrap(), &set, gets)
        };
        let function = "FunctionName: AWSCloudFormationStackSetAccountGate";
        assert!(is_gate("landlord-account-gate", "", None));
        assert!(is_gate("doors", function, None));
        assert!(is_gate("doors", "", Some(function)));
        assert!(!is_gate("doors", "", Some("")), "another set's settings are its own");
    }

    #[test]
    fn an_operation_of_others_is_named_with_what_it_is_about_and_landlords_own_are_waited_for() {
        let input = json!({"stackSet": "base", "usePreviousTemplate": true, "plan": "routine"});
        let input = Input::read(&input).unwrap();
        let one = |id: &str, ended| Logged { id: id.to_owned(), ended, created: None };
        let busy = |account: &str| Busy {
            account: account.parse().unwrap(),
            region: "eu-central-1".parse().unwrap(),
            operation: Some("by-hand".to_owned()),
        };
        let busy = ["000000000001", "000000000002", "000000000003", "000000000004"].map(busy);
        let log = [one("by-hand", false), one("enrol-1", false), one("console-9", true)];
        let told = told(|faults| others(&input, &log, &busy, faults));
        assert_eq!(told.len(), 1, "{told:?}");
        for part in ["by-hand", "4 instances", "000000000001 in eu-central-1"] {
            assert!(told[0].contains(part), "{told:?}");
        }
    }
}
