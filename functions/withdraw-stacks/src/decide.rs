//! What is to be done with the instances that were found, and what AWS's words mean.

use std::collections::{BTreeMap, BTreeSet};

use lifecycle::AccountId;
use lifecycle::retirement::sweep::StuckCode;
use sha2::{Digest, Sha256};

use crate::work::Group;

/// A stack instance of one of the sweep's accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Instance {
    pub(crate) account: AccountId,
    pub(crate) region: String,
    pub(crate) inoperable: bool,
    pub(crate) reason: String,
}

/// What is to be done with a stack set's instances.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) groups: Vec<Group>,
    pub(crate) stuck: Vec<(Instance, StuckCode)>,
    /// Those among the groups whose stacks are left behind because no attempt deleted them.
    pub(crate) left: Vec<(Instance, StuckCode)>,
}

/// How the instances of a stack set are dealt with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner<'a> {
    /// How many deletions there were for each so far.
    pub(crate) attempt: u32,
    /// How many there may be.
    pub(crate) most: u32,
    /// Whether, after all of them, stacks may be left behind.
    pub(crate) retains: bool,
    /// The accounts that are closed: nothing reaches their stacks, which are left behind.
    pub(crate) gone: &'a BTreeSet<AccountId>,
}

/// The operations that are left to try, and what is stuck. After the last attempt an instance is taken
/// out of the stack set once more without its stack, when that may be left behind.
pub(crate) fn plan(instances: Vec<Instance>, manner: Manner<'_>) -> Plan {
    let Manner { attempt, most, retains, gone } = manner;
    let mut regions: BTreeMap<(AccountId, bool), Vec<String>> = BTreeMap::new();
    let mut plan = Plan::default();
    for instance in instances {
        let is_gone = gone.contains(&instance.account);
        let is_last = retains && attempt == most;
        if attempt < most || is_last {
            let is_retained = is_gone || is_last;
            if is_last && !is_gone {
                let code = class(&instance);
                plan.left.push((instance.clone(), code));
            }
            regions.entry((instance.account, is_retained)).or_default().push(instance.region);
        } else {
            let code = class(&instance);
            plan.stuck.push((instance, code));
        }
    }
    let mut groups: BTreeMap<(Vec<String>, bool), Vec<AccountId>> = BTreeMap::new();
    for ((account, retain), mut regions) in regions {
        regions.sort();
        regions.dedup();
        groups.entry((regions, retain)).or_default().push(account);
    }
    for ((regions, retain), accounts) in groups {
        for (part, accounts) in accounts.chunks(MOST_OF_A_GROUP).enumerate() {
            let (regions, accounts) = (regions.clone(), accounts.to_vec());
            plan.groups.push(Group { regions, accounts, retain, part });
        }
    }
    plan
}

/// Each account of an operation is looked at right before it is started, and that has to be quick.
const MOST_OF_A_GROUP: usize = 100;

/// AWS gives reasons in words only, here. What is not known is `Failed`.
const PROTECTED: [&str; 2] = ["terminationprotection", "termination protection"];

fn class(instance: &Instance) -> StuckCode {
    let reason = instance.reason.to_lowercase();
    if PROTECTED.iter().any(|words| reason.contains(words)) {
        StuckCode::TerminationProtected
    } else if instance.inoperable {
        StuckCode::Inoperable
    } else {
        StuckCode::Failed
    }
}

/// The id of an operation: the same request has the same id.
pub(crate) fn operation_id(sweep: &str, attempt: u32, stack_set: &str, group: &Group) -> String {
    let Group { regions, retain, part, .. } = group;
    let part = if *part == 0 { String::new() } else { format!("/{part}") };
    let text = format!("{sweep}/{attempt}/{stack_set}/{}/{retain}{part}", regions.join(","));
    let digest = Sha256::digest(text.as_bytes());
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("retire-{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(account: &str, region: &str, inoperable: bool, reason: &str) -> Instance {
        Instance {
            account: account.parse().unwrap(),
            region: region.into(),
            inoperable,
            reason: reason.into(),
        }
    }

    const A: &str = "222222222222";
    const B: &str = "333333333333";
    const C: &str = "444444444444";

    #[test]
    fn accounts_with_the_same_regions_share_an_operation() {
        let found = vec![
            instance(A, "us-east-1", false, ""),
            instance(A, "eu-central-1", false, ""),
            instance(B, "eu-central-1", false, ""),
            instance(B, "us-east-1", false, ""),
            instance(C, "eu-central-1", false, ""),
        ];
        let plan = planned(found, 0, false);
        let groups: Vec<_> = plan
            .groups
            .iter()
            .map(|group| (group.regions.join(" "), group.accounts.len(), group.retain))
            .collect();
        assert_eq!(
            groups,
            [("eu-central-1".into(), 1, false), ("eu-central-1 us-east-1".into(), 2, false)]
        );
        assert!(plan.stuck.is_empty());
    }

    fn planned(found: Vec<Instance>, attempt: u32, retains: bool) -> Plan {
        plan(found, Manner { attempt, most: 3, retains, gone: &BTreeSet::new() })
    }

    #[test]
    fn every_instance_gets_the_attempts_that_are_promised_an_inoperable_one_too() {
        for inoperable in [false, true] {
            let found = || vec![instance(A, "eu-central-1", inoperable, "DELETE_FAILED")];
            for attempt in 0..3 {
                for retains in [false, true] {
                    let plan = planned(found(), attempt, retains);
                    assert!(plan.stuck.is_empty() && !plan.groups[0].retain, "{attempt}");
                }
            }
            let code = if inoperable { StuckCode::Inoperable } else { StuckCode::Failed };
            assert_eq!(planned(found(), 3, false).stuck[0].1, code);
            let kept = planned(found(), 3, true);
            assert!(kept.stuck.is_empty() && kept.groups[0].retain);
            assert_eq!(kept.left, [(found().remove(0), code)], "and it is known why");
            assert_eq!(planned(found(), 4, true).stuck[0].1, code);
        }
    }

    #[test]
    fn a_group_is_no_larger_than_can_be_looked_at_at_once() {
        let found = (0..250).map(|id| instance(&format!("{id:012}"), "eu-central-1", false, ""));
        let groups = planned(found.collect(), 0, false).groups;
        let sizes: Vec<_> = groups.iter().map(|it| (it.part, it.accounts.len())).collect();
        assert_eq!(sizes, [(0, 100), (1, 100), (2, 50)]);
    }

    #[test]
    fn the_stacks_of_a_closed_account_are_left_behind_at_once() {
        let gone = [A.parse().unwrap()].into();
        let found =
            vec![instance(A, "eu-central-1", false, ""), instance(B, "eu-central-1", false, "")];
        let plan = plan(found, Manner { attempt: 0, most: 3, retains: false, gone: &gone });
        let retained: Vec<_> =
            plan.groups.iter().map(|it| (it.accounts[0].as_str(), it.retain)).collect();
        assert_eq!(retained, [(B, false), (A, true)]);
    }

    #[test]
    fn what_fails_each_time_is_stuck_with_its_reason() {
        for (reason, inoperable, code) in [
            (
                "Stack can't be deleted while TerminationProtection is enabled",
                true,
                StuckCode::TerminationProtected,
            ),
            ("the bucket is not empty", false, StuckCode::Failed),
            ("the bucket is not empty", true, StuckCode::Inoperable),
        ] {
            let stuck = planned(vec![instance(A, "eu-central-1", inoperable, reason)], 3, false);
            assert_eq!(stuck.stuck[0].1, code, "{reason}");
            assert!(stuck.groups.is_empty());
        }
    }

    #[test]
    fn an_operations_id_is_that_of_its_request() {
        let group = |regions: &[&str], retain| Group {
            regions: regions.iter().map(|&region| region.into()).collect(),
            accounts: vec![],
            retain,
            part: 0,
        };
        let id = |attempt, group: &Group| operation_id("s", attempt, "baseline", group);
        let first = id(0, &group(&["eu-central-1"], false));
        assert_eq!(first, id(0, &group(&["eu-central-1"], false)));
        assert!(first.starts_with("retire-") && first.len() == 39, "{first}");
        for other in [
            id(1, &group(&["eu-central-1"], false)),
            id(0, &group(&["eu-west-1"], false)),
            id(0, &group(&["eu-central-1"], true)),
            id(0, &Group { part: 1, ..group(&["eu-central-1"], false) }),
        ] {
            assert_ne!(first, other);
        }
    }
}
