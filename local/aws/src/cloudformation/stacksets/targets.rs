//! Which instances a request is about: accounts and Regions, or units with an account filter.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::errors::{instance_not_found, invalid_operation, validation};
use super::find;
use super::model::{StackSet, Status};
use crate::{AwsError, Call, State};

const MOST_UNITS: usize = 50;

/// What a request is about.
#[derive(Debug, Default)]
pub(super) struct Targets {
    /// The accounts of each Region, in the order in which they start.
    pub(super) regions: Vec<(Arc<str>, Vec<Arc<str>>)>,
    /// The unit through which an account is targeted.
    pub(super) units: BTreeMap<Arc<str>, Arc<str>>,
    /// `DeploymentTargets` as the request has it.
    pub(super) shown: Option<Value>,
}

/// Accounts that a request chooses.
struct Chosen {
    accounts: Vec<Arc<str>>,
    units: BTreeMap<Arc<str>, Arc<str>>,
    /// Those that were named, not found in a unit: each must have its instances.
    named: BTreeSet<Arc<str>>,
}

/// For `CreateStackInstances`.
pub(super) fn of_create(
    state: &State,
    call: &Call,
    known_regions: &[String],
) -> Result<Targets, AwsError> {
    let set = find(call, state)?;
    let regions = regions(call)?;
    if let Some(region) = regions.iter().find(|one| !known_regions.iter().any(|k| **k == ***one)) {
        return Err(validation(format!("Region {region} is not supported")));
    }
    let chosen = chosen(state, call, set, true)?;
    // A unit that is targeted again gets only what is missing or not up to date.
    let wanted = |account: &Arc<str>, region: &Arc<str>| {
        let place = (account.clone(), region.clone());
        !set.service_managed
            || set.instances.get(&place).is_none_or(|known| known.status != Status::Current)
    };
    Ok(crossed(call, regions, chosen, wanted))
}

/// For `UpdateStackInstances` and `DeleteStackInstances`: existing instances only.
pub(super) fn of_existing(state: &State, call: &Call) -> Result<Targets, AwsError> {
    let set = find(call, state)?;
    let regions = regions(call)?;
    let chosen = chosen(state, call, set, false)?;
    let exists = |account: &Arc<str>, region: &Arc<str>| {
        set.instances.contains_key(&(account.clone(), region.clone()))
    };
    let missing: Vec<(String, String)> = chosen
        .named
        .iter()
        .flat_map(|account| regions.iter().map(move |region| (account, region)))
        .filter(|(account, region)| !exists(account, region))
        .map(|(account, region)| (account.to_string(), region.to_string()))
        .collect();
    if !missing.is_empty() {
        return Err(instance_not_found(&missing));
    }
    Ok(crossed(call, regions, chosen, exists))
}

/// For `UpdateStackSet`: all instances, unless it names some.
pub(super) fn of_update(state: &State, call: &Call, targeted: bool) -> Result<Targets, AwsError> {
    if targeted {
        return of_existing(state, call);
    }
    let set = find(call, state)?;
    let mut regions: BTreeMap<Arc<str>, Vec<Arc<str>>> = BTreeMap::new();
    for (account, region) in set.instances.keys() {
        regions.entry(region.clone()).or_default().push(account.clone());
    }
    Ok(Targets { regions: regions.into_iter().collect(), ..Targets::default() })
}

fn crossed(
    call: &Call,
    regions: Vec<Arc<str>>,
    chosen: Chosen,
    wanted: impl Fn(&Arc<str>, &Arc<str>) -> bool,
) -> Targets {
    let regions = regions
        .into_iter()
        .map(|region| {
            let accounts =
                chosen.accounts.iter().filter(|account| wanted(account, &region)).cloned();
            let accounts = accounts.collect();
            (region, accounts)
        })
        .collect();
    let shown = call.input.get("DeploymentTargets").filter(|given| given.is_object()).cloned();
    Targets { regions, units: chosen.units, shown }
}

fn regions(call: &Call) -> Result<Vec<Arc<str>>, AwsError> {
    let regions: Vec<Arc<str>> = call.texts("Regions").into_iter().map(Arc::from).collect();
    if regions.is_empty() {
        return Err(validation("At least one Region must be specified"));
    }
    let distinct: BTreeSet<&Arc<str>> = regions.iter().collect();
    if distinct.len() < regions.len() {
        return Err(validation("Regions: each Region may be specified once"));
    }
    Ok(regions)
}

/// Account ids of a list, each once.
fn accounts(list: Vec<String>) -> Result<Vec<Arc<str>>, AwsError> {
    let mut seen = BTreeSet::new();
    let mut accounts = Vec::with_capacity(list.len());
    for account in list {
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(validation(format!(
                "1 validation error detected: Value '{account}' at 'accounts' failed to satisfy \
                 constraint: Member must satisfy regular expression pattern: ^[0-9]{{12}}$"
            )));
        }
        let account: Arc<str> = account.into();
        if seen.insert(account.clone()) {
            accounts.push(account);
        }
    }
    Ok(accounts)
}

fn chosen(state: &State, call: &Call, set: &StackSet, creates: bool) -> Result<Chosen, AwsError> {
    let given = call.input.get("DeploymentTargets").filter(|given| given.is_object());
    let inner = given.map(|given| Call { input: given.clone(), ..call.clone() });
    let direct = call.texts("Accounts");
    if inner.is_some() && !direct.is_empty() {
        return Err(validation("You can specify Accounts or DeploymentTargets, but not both"));
    }
    if let Some(url) = inner.as_ref().and_then(|inner| inner.opt_text("AccountsUrl")) {
        return Err(validation(format!(
            "AccountsUrl: \"{url}\": the local AWS takes accounts from Accounts only"
        )));
    }
    if set.service_managed {
        let inner = inner.ok_or_else(|| {
            validation(
                "StackSets with SERVICE_MANAGED permission model can only have OrganizationalUnit \
                 as target",
            )
        })?;
        return within_units(state, &inner, set, creates);
    }
    let listed = match &inner {
        None => direct,
        Some(inner) if inner.list("OrganizationalUnitIds").is_empty() => inner.texts("Accounts"),
        Some(_) => {
            return Err(validation(
                "StackSets with SELF_MANAGED permission model can only have accounts as target",
            ));
        }
    };
    let accounts = accounts(listed)?;
    if accounts.is_empty() {
        return Err(validation("At least one account must be specified"));
    }
    let named = accounts.iter().cloned().collect();
    Ok(Chosen { accounts, units: BTreeMap::new(), named })
}

/// Accounts in units, by the account filter; never the management account.
fn within_units(
    state: &State,
    targets: &Call,
    set: &StackSet,
    creates: bool,
) -> Result<Chosen, AwsError> {
    let units = targets.texts("OrganizationalUnitIds");
    let listed = accounts(targets.texts("Accounts"))?;
    let filter = targets.opt_text("AccountFilterType");
    check_filter(filter, &units, &listed, creates)?;
    if units.len() > MOST_UNITS {
        return Err(validation(format!(
            "DeploymentTargets: {} organizational units are more than {MOST_UNITS}",
            units.len()
        )));
    }
    let organizations = &state.organizations;
    let mut inside: BTreeMap<Arc<str>, Arc<str>> = BTreeMap::new();
    let mut order: Vec<Arc<str>> = Vec::new();
    for unit in &units {
        if !organizations.is_parent(unit) {
            return Err(validation(format!("Organizational unit {unit} does not exist")));
        }
        let unit: Arc<str> = unit.as_str().into();
        let left_behind = set.instances.iter();
        let left_behind = left_behind
            .filter(|(_, one)| !creates && one.unit.as_ref() == Some(&unit))
            .map(|(place, _)| place.0.to_string());
        for account in organizations.accounts_below(&unit).into_iter().chain(left_behind) {
            let account: Arc<str> = account.into();
            if *account != *set.key.0 && !inside.contains_key(&account) {
                inside.insert(account.clone(), unit.clone());
                order.push(account);
            }
        }
    }
    let accounts = match filter {
        Some("INTERSECTION") => {
            listed.iter().filter(|account| inside.contains_key(*account)).cloned().collect()
        }
        Some("DIFFERENCE") => {
            order.into_iter().filter(|account| !listed.contains(account)).collect()
        }
        Some("NONE") => order,
        _ => {
            let outside =
                listed.iter().filter(|one| !inside.contains_key(*one) && ***one != *set.key.0);
            order.into_iter().chain(outside.cloned()).collect::<Vec<_>>()
        }
    };
    let named = match filter {
        Some("DIFFERENCE" | "NONE") => BTreeSet::new(),
        _ => listed.into_iter().filter(|one| accounts.contains(one)).collect(),
    };
    Ok(Chosen { accounts, units: inside, named })
}

fn check_filter(
    filter: Option<&str>,
    units: &[String],
    listed: &[Arc<str>],
    creates: bool,
) -> Result<(), AwsError> {
    match filter {
        None | Some("UNION" | "INTERSECTION" | "DIFFERENCE" | "NONE") => {}
        Some(other) => {
            return Err(validation(format!(
                "1 validation error detected: Value '{other}' at \
                 'deploymentTargets.accountFilterType' failed to satisfy constraint: Member must \
                 satisfy enum value set: [DIFFERENCE, INTERSECTION, UNION, NONE]"
            )));
        }
    }
    if units.is_empty() {
        return Err(validation(
            "StackSets with SERVICE_MANAGED permission model can only have OrganizationalUnit as \
             target",
        ));
    }
    let unites = filter == Some("UNION") || (filter.is_none() && !listed.is_empty());
    if creates && unites {
        return Err(invalid_operation(
            "AccountFilterType UNION, which is the default with Accounts, is not supported for \
             CreateStackInstances",
        ));
    }
    match (filter, listed.is_empty()) {
        (Some("NONE"), false) => Err(validation("AccountFilterType NONE takes no Accounts")),
        (Some(kind @ ("INTERSECTION" | "DIFFERENCE")), true) => {
            Err(validation(format!("AccountFilterType {kind} needs Accounts")))
        }
        _ => Ok(()),
    }
}
