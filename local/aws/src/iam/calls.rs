//! IAM's calls about roles and managed policies.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::roles::{Managed, Role, Stored, no_role};
use crate::wire::timestamp;
use crate::{Aws, AwsError, Call, State};

/// The most characters of a role's inline policies together, and of a managed policy.
const LONGEST_INLINE: usize = 10_240;
const LONGEST_MANAGED: usize = 6_144;
/// How many managed policies a role has by default.
const MOST_ATTACHED: usize = 10;

pub(super) fn handle(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    match call.operation.as_str() {
        "CreateRole" => create_role(aws, call),
        "CreatePolicy" => create_policy(aws, call),
        operation => {
            let mut state = aws.lock();
            match operation {
                "DeletePolicy" => delete_policy(&mut state, call),
                "GetPolicy" => get_policy(&mut state, call),
                "ListRoles" => list_roles(&state, call),
                "AttachRolePolicy" => attach(&mut state, call, aws.settings().inert_resources),
                _ => about_a_role(&mut state, call),
            }
        }
    }
}

fn about_a_role(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let account = &call.account;
    match call.operation.as_str() {
        "GetRole" => {
            let role = role(state, call)?;
            Ok(json!({ "Role": describe(role) }))
        }
        "DeleteRole" => delete_role(state, call),
        "UpdateAssumeRolePolicy" => {
            let trust = Stored::trust(call.text("PolicyDocument")?)?;
            state.iam.store.role_mut(account, call.text("RoleName")?)?.trust = trust;
            Ok(json!({}))
        }
        "UpdateRole" => {
            let role = state.iam.store.role_mut(account, call.text("RoleName")?)?;
            if let Some(description) = call.opt_text("Description") {
                description.clone_into(&mut role.description);
            }
            if let Some(seconds) = longest_session(call)? {
                role.longest_session = seconds;
            }
            Ok(json!({}))
        }
        "PutRolePolicy" => put_role_policy(state, call),
        "GetRolePolicy" => {
            let (role, name) = (role(state, call)?, call.text("PolicyName")?);
            let stored = role.inline.get(name).ok_or_else(|| no_policy(name))?;
            Ok(json!({
                "RoleName": role.name, "PolicyName": name, "PolicyDocument": encoded(&stored.text),
            }))
        }
        "DeleteRolePolicy" => {
            let name = call.text("PolicyName")?;
            let role = state.iam.store.role_mut(account, call.text("RoleName")?)?;
            role.inline.remove(name).ok_or_else(|| no_policy(name))?;
            Ok(json!({}))
        }
        "DetachRolePolicy" => {
            let arn = call.text("PolicyArn")?;
            let role = state.iam.store.role_mut(account, call.text("RoleName")?)?;
            let place = role.attached.iter().position(|attached| attached == arn);
            role.attached.remove(place.ok_or_else(|| no_policy(arn))?);
            Ok(json!({}))
        }
        "ListRolePolicies" => {
            let names: Vec<&String> = role(state, call)?.inline.keys().collect();
            Ok(json!({ "PolicyNames": names, "IsTruncated": false }))
        }
        "ListAttachedRolePolicies" => {
            let attached: Vec<Value> = role(state, call)?
                .attached
                .iter()
                .map(|arn| {
                    let name = arn.rsplit('/').next().unwrap_or_default();
                    json!({ "PolicyName": name, "PolicyArn": arn })
                })
                .collect();
            Ok(json!({ "AttachedPolicies": attached, "IsTruncated": false }))
        }
        "TagRole" => {
            let added = tags(call)?;
            let role = state.iam.store.role_mut(account, call.text("RoleName")?)?;
            role.tags.extend(added);
            Ok(json!({}))
        }
        "UntagRole" => {
            let keys = call.texts("TagKeys");
            let role = state.iam.store.role_mut(account, call.text("RoleName")?)?;
            role.tags.retain(|key, _| !keys.contains(key));
            Ok(json!({}))
        }
        "ListRoleTags" => Ok(json!({ "Tags": tag_list(role(state, call)?), "IsTruncated": false })),
        other => Err(AwsError::unknown_operation("iam", other)),
    }
}

fn role<'a>(state: &'a State, call: &Call) -> Result<&'a Role, AwsError> {
    let name = call.text("RoleName")?;
    state.iam.store.role(&call.account, name).ok_or_else(|| no_role(name))
}

fn no_policy(name: &str) -> AwsError {
    AwsError::new("NoSuchEntity", format!("Policy {name} was not found.")).status(404)
}

fn exists(what: &str, name: &str) -> AwsError {
    AwsError::new("EntityAlreadyExists", format!("{what} with name {name} already exists."))
        .status(409)
}

fn tag_list(role: &Role) -> Vec<Value> {
    role.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

/// Documents are percent-encoded in answers.
fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn describe(role: &Role) -> Value {
    json!({
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": role.arn,
        "CreateDate": timestamp(role.created),
        "AssumeRolePolicyDocument": encoded(&role.trust.text),
        "Description": role.description,
        "MaxSessionDuration": role.longest_session,
        "Tags": tag_list(role),
    })
}

/// A path: `/`, or text between two slashes.
fn path(call: &Call) -> Result<String, AwsError> {
    let path = call.opt_text("Path").unwrap_or("/");
    if path.starts_with('/') && path.ends_with('/') && path.len() <= 512 {
        return Ok(path.to_owned());
    }
    Err(AwsError::validation(format!(
        "The specified value for path is invalid. It must begin and end with /: {path}"
    )))
}

fn name<'a>(call: &'a Call, member: &str, longest: usize) -> Result<&'a str, AwsError> {
    let name = call.text(member)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if name.is_empty() || name.len() > longest || !name.chars().all(allowed) {
        return Err(AwsError::validation(format!(
            "{member}: \"{name}\" must be 1 to {longest} of letters, digits and _+=,.@-"
        )));
    }
    Ok(name)
}

fn tags(call: &Call) -> Result<IndexMap<String, String>, AwsError> {
    call.list("Tags")
        .iter()
        .map(|tag| match (tag["Key"].as_str(), tag["Value"].as_str()) {
            (Some(key), Some(value)) => Ok((key.to_owned(), value.to_owned())),
            _ => Err(AwsError::validation("Tags: each tag has a Key and a Value")),
        })
        .collect()
}

fn longest_session(call: &Call) -> Result<Option<i64>, AwsError> {
    let seconds = call.opt_int("MaxSessionDuration")?;
    match seconds {
        Some(seconds) if !(3600..=43_200).contains(&seconds) => Err(AwsError::validation(format!(
            "MaxSessionDuration: {seconds} is not between 3600 and 43200"
        ))),
        seconds => Ok(seconds),
    }
}

fn create_role(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let name = name(call, "RoleName", 64)?.to_owned();
    let path = path(call)?;
    if call.opt_text("PermissionsBoundary").is_some() {
        return Err(AwsError::validation(
            "PermissionsBoundary: the local AWS does not evaluate permission boundaries",
        ));
    }
    let role = Role {
        arn: format!("arn:aws:iam::{}:role{path}{name}", call.account),
        id: aws.random(|random| format!("AROA{:017}", random.u64(..100_000_000_000_000_000))),
        description: call.opt_text("Description").unwrap_or_default().to_owned(),
        trust: Stored::trust(call.text("AssumeRolePolicyDocument")?)?,
        inline: BTreeMap::new(),
        attached: Vec::new(),
        tags: tags(call)?,
        longest_session: longest_session(call)?.unwrap_or(3600),
        created: aws.now(),
        name,
        path,
    };
    let mut state = aws.lock();
    if state.iam.store.role(&call.account, &role.name).is_some() {
        return Err(exists("Role", &role.name));
    }
    let answer = json!({ "Role": describe(&role) });
    state.iam.store.insert(&call.account, role);
    Ok(answer)
}

fn delete_role(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let role = role(state, call)?;
    if !role.inline.is_empty() || !role.attached.is_empty() {
        return Err(AwsError::new(
            "DeleteConflict",
            "Cannot delete entity, must detach all policies and delete inline policies first.",
        )
        .status(409));
    }
    let name = role.name.to_ascii_lowercase();
    if let Some(roles) = state.iam.store.roles.get_mut(&call.account) {
        roles.remove(&name);
    }
    Ok(json!({}))
}

fn put_role_policy(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let name = name(call, "PolicyName", 128)?;
    let stored = Stored::identity(call.text("PolicyDocument")?)?;
    let role = state.iam.store.role_mut(&call.account, call.text("RoleName")?)?;
    let others: usize = role
        .inline
        .iter()
        .filter(|(other, _)| *other != name)
        .map(|(_, stored)| size(&stored.text))
        .sum();
    if others + size(&stored.text) > LONGEST_INLINE {
        return Err(AwsError::new(
            "LimitExceeded",
            format!(
                "Maximum policy size of {LONGEST_INLINE} bytes exceeded for role {}",
                role.name
            ),
        )
        .status(409));
    }
    role.inline.insert(name.to_owned(), stored);
    Ok(json!({}))
}

/// White space does not count.
fn size(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

/// Attaches a policy. `inert` takes those of AWS's that are not known here; they allow nothing.
fn attach(state: &mut State, call: &Call, inert: bool) -> Result<Value, AwsError> {
    let arn = call.text("PolicyArn")?;
    let of_aws = arn.starts_with("arn:aws:iam::aws:policy/");
    if state.iam.store.policy(arn).is_none() && !(of_aws && inert) {
        let hint =
            if of_aws { " (an AWS managed policy that the local AWS does not know)" } else { "" };
        return Err(no_policy(&format!("{arn}{hint}")));
    }
    let role = state.iam.store.role_mut(&call.account, call.text("RoleName")?)?;
    if role.attached.iter().any(|attached| attached == arn) {
        return Ok(json!({}));
    }
    if role.attached.len() >= MOST_ATTACHED {
        return Err(AwsError::new(
            "LimitExceeded",
            format!("Cannot exceed quota for PoliciesPerRole: {MOST_ATTACHED}"),
        )
        .status(409));
    }
    role.attached.push(arn.to_owned());
    Ok(json!({}))
}

fn list_roles(state: &State, call: &Call) -> Result<Value, AwsError> {
    let prefix = call.opt_text("PathPrefix").unwrap_or("/");
    let most =
        usize::try_from(call.opt_int("MaxItems")?.unwrap_or(100).clamp(1, 1000)).unwrap_or(100);
    let after = call.opt_text("Marker").unwrap_or_default();
    let mut roles = state
        .iam
        .store
        .roles
        .get(&call.account)
        .into_iter()
        .flatten()
        .filter(|(key, role)| key.as_str() > after && role.path.starts_with(prefix))
        .peekable();
    let mut page = Vec::new();
    let mut last = String::new();
    while page.len() < most
        && let Some((key, role)) = roles.next()
    {
        last.clone_from(key);
        page.push(describe(role));
    }
    let more = roles.peek().is_some();
    let mut answer = json!({ "Roles": page, "IsTruncated": more });
    if more {
        answer["Marker"] = last.into();
    }
    Ok(answer)
}

fn create_policy(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let name = name(call, "PolicyName", 128)?.to_owned();
    let path = path(call)?;
    let stored = Stored::identity(call.text("PolicyDocument")?)?;
    if size(&stored.text) > LONGEST_MANAGED {
        return Err(AwsError::new(
            "LimitExceeded",
            format!("Cannot exceed quota for PolicySize: {LONGEST_MANAGED}"),
        )
        .status(409));
    }
    let policy = Managed {
        arn: format!("arn:aws:iam::{}:policy{path}{name}", call.account),
        id: aws.random(|random| format!("ANPA{:017}", random.u64(..100_000_000_000_000_000))),
        description: call.opt_text("Description").unwrap_or_default().to_owned(),
        stored,
        created: aws.now(),
        name,
        path,
    };
    let mut state = aws.lock();
    if state.iam.store.policies.contains_key(&policy.arn) {
        return Err(exists("A policy", &policy.name));
    }
    let answer = json!({ "Policy": describe_policy(&state, &policy) });
    state.iam.store.policies.insert(policy.arn.clone(), policy);
    Ok(answer)
}

/// How many roles have a policy. A customer's can be attached in its own account only; there may
/// be thousands of accounts.
fn attachments(state: &State, arn: &str) -> usize {
    let attached = |role: &&Role| role.attached.iter().any(|attached| attached == arn);
    let roles = &state.iam.store.roles;
    match arn.split(':').nth(4) {
        Some(account) if account != "aws" => {
            roles.get(account).into_iter().flat_map(BTreeMap::values).filter(attached).count()
        }
        _ => roles.values().flat_map(BTreeMap::values).filter(attached).count(),
    }
}

fn describe_policy(state: &State, policy: &Managed) -> Value {
    json!({
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": "v1",
        "AttachmentCount": attachments(state, &policy.arn),
        "IsAttachable": true,
        "Description": policy.description,
        "CreateDate": timestamp(policy.created),
        "UpdateDate": timestamp(policy.created),
    })
}

fn get_policy(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let arn = call.text("PolicyArn")?;
    let policy = state.iam.store.policy(arn).cloned().ok_or_else(|| no_policy(arn))?;
    Ok(json!({ "Policy": describe_policy(state, &policy) }))
}

fn delete_policy(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let arn = call.text("PolicyArn")?;
    if !state.iam.store.policies.contains_key(arn) {
        return Err(no_policy(arn));
    }
    if attachments(state, arn) > 0 {
        return Err(AwsError::new(
            "DeleteConflict",
            "Cannot delete a policy attached to entities.",
        )
        .status(409));
    }
    state.iam.store.policies.remove(arn);
    Ok(json!({}))
}
