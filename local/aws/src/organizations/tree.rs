//! Roots, organizational units, parents and children.

use serde_json::{Value, json};

use super::paging::Page;
use super::state::{FULL_ACCESS, Organizations, ROOT, Unit};
use super::{constraint, invalid, not_found, nothing, rules, text};
use crate::{Aws, AwsError, Call};

/// The most units an organization has, and how deep they nest.
const MOST_UNITS: usize = 2_000;
const DEEPEST: usize = 5;

pub(super) fn root(organizations: &Organizations) -> Value {
    let enabled = organizations.enabled.iter();
    let types: Vec<Value> =
        enabled.map(|kind| json!({"Type": kind.name(), "Status": "ENABLED"})).collect();
    json!({
        "Id": ROOT,
        "Arn": organizations.arn("root", ROOT),
        "Name": "Root",
        "PolicyTypes": types,
    })
}

pub(super) fn list_roots(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let page = Page::of(aws, call)?;
    let state = aws.lock();
    Ok(page.fill("Roots", std::iter::once((1, root(&state.organizations)))))
}

fn kind(parent: &str) -> &'static str {
    if parent.starts_with("r-") { "ROOT" } else { "ORGANIZATIONAL_UNIT" }
}

pub(super) fn list_parents(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let page = Page::of(aws, call)?;
    let child = text(call, "ChildId")?;
    let state = aws.lock();
    let path = state.organizations.path(child);
    let parent = path.first().ok_or_else(|| not_found("Child", child))?;
    let item = json!({"Id": parent, "Type": kind(parent)});
    Ok(page.fill("Parents", std::iter::once((1, item))))
}

pub(super) fn list_children(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let page = Page::of(aws, call)?;
    let parent = text(call, "ParentId")?;
    let child_type = text(call, "ChildType")?.to_owned();
    let seen = aws.lagging();
    let mut state = aws.lock();
    let organizations = &mut state.organizations;
    if !organizations.is_parent(parent) {
        return Err(not_found("Parent", parent));
    }
    let children: Vec<(u64, String)> = match child_type.as_str() {
        "ACCOUNT" => organizations.accounts_under(parent, page.after, seen).into_iter().collect(),
        "ORGANIZATIONAL_UNIT" => organizations
            .units
            .values()
            .filter(|unit| unit.parent == parent)
            .map(|unit| (unit.sequence, unit.id.clone()))
            .collect(),
        other => {
            return Err(invalid("INVALID_ENUM", format!("ChildType: \"{other}\" is no type")));
        }
    };
    let items = children
        .into_iter()
        .map(|(sequence, id)| (sequence, json!({"Id": id, "Type": child_type})));
    Ok(page.fill("Children", items))
}

fn describe_one(organizations: &Organizations, unit: &Unit) -> Value {
    let mut path = vec![unit.id.clone()];
    path.extend(organizations.path(&unit.id));
    path.push(organizations.organization.clone());
    path.reverse();
    json!({
        "Id": unit.id,
        "Arn": organizations.arn("ou", &unit.id),
        "Name": unit.name,
        "Path": format!("{}/", path.join("/")),
    })
}

pub(super) fn list_ous(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let page = Page::of(aws, call)?;
    let parent = text(call, "ParentId")?;
    let state = aws.lock();
    let organizations = &state.organizations;
    if !organizations.is_parent(parent) {
        return Err(not_found("Parent", parent));
    }
    let items = organizations
        .units
        .values()
        .filter(|unit| unit.parent == parent)
        .map(|unit| (unit.sequence, describe_one(organizations, unit)));
    Ok(page.fill("OrganizationalUnits", items))
}

pub(super) fn create_ou(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let parent = text(call, "ParentId")?.to_owned();
    let name = unit_name(call)?.to_owned();
    let tags = rules::tags(call)?;
    let random = aws.random(|random| {
        std::iter::repeat_with(|| random.alphanumeric().to_ascii_lowercase())
            .take(8)
            .collect::<String>()
    });
    let id = format!("ou-root-{random}");
    let mut state = aws.lock();
    let organizations = &mut state.organizations;
    if !organizations.is_parent(&parent) {
        return Err(not_found("Parent", &parent));
    }
    unique_name(organizations, &parent, &name)?;
    if organizations.units.len() >= MOST_UNITS {
        return Err(constraint("OU_NUMBER_LIMIT_EXCEEDED", "You have too many OUs."));
    }
    if organizations.path(&parent).len() >= DEEPEST {
        return Err(constraint("OU_DEPTH_LIMIT_EXCEEDED", "OUs nest at most five deep."));
    }
    let sequence = organizations.next();
    let unit = Unit { id: id.clone(), name, parent, sequence };
    organizations.units.insert(id.clone(), unit);
    organizations.attach(FULL_ACCESS, &id);
    organizations.tags.set(&id, tags, aws.now());
    describe_unit(organizations, &id)
}

fn describe_unit(organizations: &Organizations, id: &str) -> Result<Value, AwsError> {
    let unit = organizations.units.get(id).ok_or_else(|| not_found("OrganizationalUnit", id))?;
    Ok(json!({ "OrganizationalUnit": describe_one(organizations, unit) }))
}

fn unit_name(call: &Call) -> Result<&str, AwsError> {
    let name = text(call, "Name")?;
    if name.chars().count() > 128 {
        return Err(invalid("MAX_LENGTH_EXCEEDED", "Name: at most 128 characters"));
    }
    Ok(name)
}

fn unique_name(organizations: &Organizations, parent: &str, name: &str) -> Result<(), AwsError> {
    let taken = organizations
        .units
        .values()
        .any(|unit| unit.parent == parent && unit.name.eq_ignore_ascii_case(name));
    if taken {
        return Err(AwsError::new(
            "DuplicateOrganizationalUnitException",
            format!("An OU with the name {name} already exists under {parent}."),
        ));
    }
    Ok(())
}

pub(super) fn update_ou(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let id = text(call, "OrganizationalUnitId")?;
    let mut state = aws.lock();
    let organizations = &mut state.organizations;
    let unit =
        organizations.units.get(id).cloned().ok_or_else(|| not_found("OrganizationalUnit", id))?;
    if call.opt_text("Name").is_some_and(|name| name != unit.name) {
        let name = unit_name(call)?;
        unique_name(organizations, &unit.parent, name)?;
        if let Some(unit) = organizations.units.get_mut(id) {
            name.clone_into(&mut unit.name);
        }
    }
    describe_unit(organizations, id)
}

pub(super) fn delete_ou(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let id = text(call, "OrganizationalUnitId")?;
    let mut state = aws.lock();
    let organizations = &mut state.organizations;
    if !organizations.units.contains_key(id) {
        return Err(not_found("OrganizationalUnit", id));
    }
    if organizations.has_accounts(id) || organizations.units.values().any(|u| u.parent == id) {
        return Err(AwsError::new(
            "OrganizationalUnitNotEmptyException",
            format!("The OU {id} is not empty."),
        ));
    }
    organizations.units.shift_remove(id);
    for (policy, ()) in organizations.attachments.remove(id).into_iter().flatten() {
        if let Some(policy) = organizations.policies.get_mut(&policy) {
            policy.targets.shift_remove(id);
        }
    }
    organizations.tags.forget(id);
    Ok(nothing())
}

pub(super) fn describe_ou(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let state = aws.lock();
    describe_unit(&state.organizations, text(call, "OrganizationalUnitId")?)
}
