//! Automatic deployment: accounts that enter a targeted unit get instances, those that leave it
//! lose them. Preferences and account filters do not apply; such operations wait for others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::broadcast::error::RecvError;

use super::model::{Action, Request, SetKey, StackSet};
use super::queue;
use crate::Aws;
use crate::cloudformation::scheduler::Preferences;
use crate::organizations::{Change, Organizations};

/// Listens to accounts that move, from now on.
pub(super) fn listen(aws: &Aws) {
    let mut changes = {
        let mut state = aws.lock();
        if std::mem::replace(&mut state.cloudformation.stack_sets.listens, true) {
            return;
        }
        state.organizations.subscribe()
    };
    let world = aws.clone();
    aws.spawn(async move {
        loop {
            match changes.recv().await {
                Ok(change) => moved(&world, &change),
                Err(RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "automatic deployment missed accounts that moved");
                }
                Err(RecvError::Closed) => return,
            }
        }
    });
}

/// The Regions in which an account in this place has instances, with the unit that says so.
fn regions(
    set: &StackSet,
    organizations: &Organizations,
    parent: &str,
) -> BTreeMap<String, Arc<str>> {
    let mut parents = vec![parent.to_owned()];
    parents.extend(organizations.path(parent));
    let mut found = BTreeMap::new();
    for unit in parents {
        for region in set.auto_targets.get(&unit).into_iter().flatten() {
            found.entry(region.clone()).or_insert_with(|| Arc::from(unit.as_str()));
        }
    }
    found
}

fn moved(aws: &Aws, change: &Change) {
    let mut touched: BTreeSet<SetKey> = BTreeSet::new();
    {
        let mut state = aws.lock();
        let state = &mut *state;
        let organizations = &state.organizations;
        let account: Arc<str> = change.account.as_str().into();
        for set in state.cloudformation.stack_sets.sets.values_mut() {
            let Some(auto) = set.auto.filter(|auto| auto.enabled) else { continue };
            if *account == *set.key.0 {
                continue;
            }
            let before = change.from.as_deref();
            let before = before.map(|from| regions(set, organizations, from)).unwrap_or_default();
            let after = regions(set, organizations, &change.to);
            let has = |set: &StackSet, region: &str| {
                set.instances.contains_key(&(account.clone(), Arc::from(region)))
            };
            let lost: Vec<String> = before
                .into_keys()
                .filter(|region| !after.contains_key(region) && has(set, region))
                .collect();
            let won: BTreeMap<String, Arc<str>> =
                after.into_iter().filter(|(region, _)| !has(set, region)).collect();
            let unit = won.values().next().cloned();
            let won: Vec<String> = won.into_keys().collect();
            for (action, regions) in [(Action::Delete, lost), (Action::Create, won)] {
                if regions.is_empty() {
                    continue;
                }
                let unit = unit.clone().filter(|_| action == Action::Create);
                let retain = (action == Action::Delete).then_some(auto.retain);
                let request = request(action, &account, regions, unit, retain);
                queue::insert(aws, set, aws.uuid(), request);
                touched.insert(set.key.clone());
            }
        }
    }
    for key in touched {
        queue::advance(aws, &key);
    }
}

fn request(
    action: Action,
    account: &Arc<str>,
    regions: Vec<String>,
    unit: Option<Arc<str>>,
    retain: Option<bool>,
) -> Request {
    let units = unit.map(|unit| (account.clone(), unit)).into_iter().collect();
    Request {
        action,
        targets: regions.into_iter().map(|region| (region.into(), vec![account.clone()])).collect(),
        units: Arc::new(units),
        preferences: Preferences::default(),
        shown_preferences: None,
        deployment_targets: None,
        overrides: None,
        retain,
        change: None,
    }
}
