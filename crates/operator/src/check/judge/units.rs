//! Units that are given, whose policies would hold for whoever stands in them, and where others are made.

use std::collections::BTreeMap;

use super::super::plan::{Plan, UNITS};
use super::super::world::{Unit, World};
use super::{Findings, some_of};

/// How deep units nest at most.
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>
const DEEPEST: usize = 5;
/// How many policies of a type a unit may have. (The same page.)
const POLICIES: [(&str, usize); 2] =
    [("SERVICE_CONTROL_POLICY", 10), ("RESOURCE_CONTROL_POLICY", 5)];

/// What is wrong with them.
pub(super) fn judge(plan: Plan<'_>, world: &World, found: &mut Findings) {
    let parent = plan.value("ParentId");
    match found.seen("ParentId", &world.parent) {
        Some(None) => {
            let wrong = format!("the organization has no root and no unit {parent}");
            found.add("Parent", "ParentId", wrong, "aws organizations list-roots shows the root");
        }
        Some(Some(seen)) if seen.depth >= DEEPEST && plan.given_units().len() < UNITS.len() => {
            let wrong =
                format!("{parent} is {DEEPEST} units below the root, as deep as units nest");
            found.add(
                "Parent",
                "ParentId",
                wrong,
                "name one that is less deep, or give all six units",
            );
        }
        _ => {}
    }
    let mut known: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, id) in plan.given_units() {
        if let Some(other) = known.get(id) {
            let wrong = format!("{id} is {other} as well; each unit has to be another one");
            found.add(
                "UnitTwice",
                name,
                wrong,
                "give another unit, or leave it empty: one is made",
            );
            continue;
        }
        known.insert(id, name);
    }
    for (id, name) in &known {
        match world.units.get(*id).map(|look| found.seen(name, look)) {
            Some(Some(None)) => {
                let todo = "correct it, or leave it empty: a unit is made";
                found.add("Unit", *name, format!("the organization has no unit {id}"), todo);
            }
            Some(Some(Some(unit))) => one(plan, world, (name, id), unit, &known, found),
            _ => {}
        }
    }
}

fn one(
    plan: Plan<'_>,
    world: &World,
    (name, id): (&str, &str),
    unit: &Unit,
    known: &BTreeMap<&str, &str>,
    found: &mut Findings,
) {
    for inner in &unit.units {
        // ParentId may be a given unit itself: what Landlord makes would stand in it.
        let inside = match known.get(&**inner) {
            _ if inner == plan.value("ParentId") => "ParentId",
            Some(other) if inner != id => other,
            _ => continue,
        };
        let wrong = format!("{id} holds {inside} ({inner}), where its policies would hold as well");
        found.add("UnitInUnit", name, wrong, "give units that stand beside each other");
    }
    if !unit.strangers.is_empty() {
        let wrong = format!(
            "{id} holds accounts without the tag landlord:tenant, which it would quarantine or protect: {}",
            some_of(&unit.strangers)
        );
        found.add("ForeignAccounts", name, wrong, "move them, or give another unit");
    }
    for (kind, most) in POLICIES {
        let attached = unit.policies.get(kind).map_or(&[][..], Vec::as_slice);
        // Which of them are the stack's own may not be known.
        let Ok(owned) = &world.owned else { continue };
        let others = attached.iter().filter(|policy| !owned.contains(*policy)).count();
        let ours = plan.stack.resources("AWS::Organizations::Policy");
        let ours = ours.iter().filter(|policy| {
            policy.text("Type").as_deref() == Some(kind)
                && policy.texts("TargetIds").iter().any(|target| target == id)
        });
        let ours = ours.count();
        if others + ours > most {
            let wrong = format!(
                "{id} has {others} policies of the type {kind}, and {ours} would come on top: AWS allows \
                 {most}"
            );
            found.add("UnitIsFull", name, wrong, "detach some, or join them into one");
        }
    }
}
