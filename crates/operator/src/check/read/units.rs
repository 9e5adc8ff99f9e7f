//! Where units are made, and the units that are given, with everything in them.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_organizations::Client;
use lambda_kit::client;
use lambda_kit::sdk::Wire;

use super::super::plan::Plan;
use super::super::world::{Look, Parent, Unit};
use super::accounts::is_tenant;
use super::{look, organization, unless_missing};

const SERVICE: &str = "organizations";

/// So many accounts that the index of tags does not know are asked whether they are tenants': more are
/// not made while the index lags. Without the index, each is asked.
const ASKED: usize = 50;

/// Where units are made.
pub(super) async fn parent(wire: &Wire, id: &str) -> Look<Option<Parent>> {
    let client = client!(aws_sdk_organizations, wire.global());
    let units = unless_missing(units_in(&client, id).await, &["ParentNotFoundException"])?;
    let Some(units) = units else { return Ok(None) };
    let mut depth = 0;
    let mut above = id.to_owned();
    while above.starts_with("ou-") {
        depth += 1;
        let request = client.list_parents().child_id(&above);
        let parents = items!(SERVICE, "ListParents", request, parents)?;
        above = parents.into_iter().find_map(|parent| parent.id).unwrap_or_default();
    }
    let units = units.into_iter().map(|(id, name)| (name, id)).collect();
    Ok(Some(Parent { depth, units }))
}

/// The units directly in a root or unit: name by id.
async fn units_in(client: &Client, parent: &str) -> Look<BTreeMap<String, String>> {
    let request = client.list_organizational_units_for_parent().parent_id(parent);
    let call = "ListOrganizationalUnitsForParent";
    let units = items!(SERVICE, call, request, organizational_units)?;
    let named =
        |unit: aws_sdk_organizations::types::OrganizationalUnit| Some((unit.id?, unit.name?));
    Ok(units.into_iter().filter_map(named).collect())
}

/// The units that are given.
pub(super) async fn units(
    wire: &Wire,
    plan: Plan<'_>,
    tenants: Option<&BTreeSet<String>>,
) -> BTreeMap<String, Look<Option<Unit>>> {
    let mut all = BTreeMap::new();
    for (_, id) in plan.given_units() {
        if !all.contains_key(id) {
            all.insert(id.to_owned(), Box::pin(unit(wire, id, tenants)).await);
        }
    }
    all
}

async fn unit(wire: &Wire, id: &str, tenants: Option<&BTreeSet<String>>) -> Look<Option<Unit>> {
    let client = client!(aws_sdk_organizations, wire.global());
    let described = client.describe_organizational_unit().organizational_unit_id(id).send().await;
    let described = look(SERVICE, "DescribeOrganizationalUnit", described);
    let missing = ["OrganizationalUnitNotFoundException"];
    if unless_missing(described, &missing)?.is_none() {
        return Ok(None);
    }
    let mut unit = Unit { policies: organization::attached(wire, id).await?, ..Unit::default() };
    let mut below = vec![id.to_owned()];
    let most = if tenants.is_some() { ASKED } else { usize::MAX };
    while let Some(here) = below.pop() {
        below.extend(units_in(&client, &here).await?.into_keys());
        let request = client.list_accounts_for_parent().parent_id(&here);
        let accounts = items!(SERVICE, "ListAccountsForParent", request, accounts)?;
        for account in accounts.into_iter().filter_map(|account| account.id) {
            let is_known = tenants.is_some_and(|tenants| tenants.contains(&account));
            if is_known || unit.strangers.len() < most && is_tenant(wire, &account).await? {
                continue;
            }
            unit.strangers.push(account);
        }
        unit.units.insert(here);
    }
    Ok(Some(unit))
}
