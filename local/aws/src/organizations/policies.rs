//! Service control policies and resource control policies. Other types are refused by name.

use std::sync::Arc;

use serde_json::{Value, json};

use super::paging::Page;
use super::state::{Organizations, Policy};
use super::{constraint, invalid, not_found, nothing, rules, text};
use crate::iam::Document;
use crate::{Aws, AwsError, Call};

/// The types of policies that are known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PolicyKind {
    /// What the principals of an account may do at most.
    ServiceControl,
    /// What may be done at most to the resources of an account, by whomever.
    ResourceControl,
}

impl PolicyKind {
    /// All of them.
    pub(super) const ALL: [Self; 2] = [Self::ServiceControl, Self::ResourceControl];

    /// The type as AWS writes it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ServiceControl => "SERVICE_CONTROL_POLICY",
            Self::ResourceControl => "RESOURCE_CONTROL_POLICY",
        }
    }

    pub(super) fn read(name: &str) -> Result<Self, AwsError> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
            invalid(
                "INVALID_ENUM_POLICY_TYPE",
                format!(
                    "the local AWS knows SERVICE_CONTROL_POLICY and RESOURCE_CONTROL_POLICY, \
                         not \"{name}\""
                ),
            )
        })
    }

    /// The most characters of a policy, and policies of a target.
    fn limits(self) -> (usize, usize) {
        match self {
            Self::ServiceControl => (10_240, 10),
            Self::ResourceControl => (5_120, 5),
        }
    }
}

fn parse(kind: PolicyKind, content: &str) -> Result<Arc<Document>, AwsError> {
    let (longest, _) = kind.limits();
    if content.chars().count() > longest {
        return Err(constraint(
            "POLICY_CONTENT_LIMIT_EXCEEDED",
            format!("A {} has at most {longest} characters.", kind.name()),
        ));
    }
    let document = match kind {
        PolicyKind::ServiceControl => Document::service_control(content),
        PolicyKind::ResourceControl => Document::resource(content),
    };
    let malformed = |fault: String| AwsError::new("MalformedPolicyDocumentException", fault);
    let document = document.map(Arc::new).map_err(|fault| malformed(fault.to_string()))?;
    if kind == PolicyKind::ResourceControl {
        only_denies(content).map_err(malformed)?;
    }
    Ok(document)
}

/// A customer's resource control policy denies, and names everybody: only AWS's own allows.
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps_syntax.html>
fn only_denies(content: &str) -> Result<(), String> {
    let document: Value = serde_json::from_str(content).map_err(|error| error.to_string())?;
    let statements = match &document["Statement"] {
        Value::Array(statements) => statements.as_slice(),
        one => std::slice::from_ref(one),
    };
    for statement in statements {
        let sid = statement["Sid"].as_str().unwrap_or_default();
        if statement["Effect"] != "Deny" {
            return Err(format!("{sid}: the Effect of a resource control policy is Deny"));
        }
        if statement["Principal"] != "*" {
            return Err(format!("{sid}: the Principal of a resource control policy is \"*\""));
        }
    }
    Ok(())
}

fn summary(organizations: &Organizations, policy: &Policy) -> Value {
    json!({
        "Id": policy.id,
        "Arn": organizations.arn("policy", &policy.id),
        "Name": policy.name,
        "Description": policy.description,
        "Type": policy.kind.name(),
        "AwsManaged": policy.aws_managed,
    })
}

fn whole(organizations: &Organizations, id: &str) -> Result<Value, AwsError> {
    let policy = find(organizations, id)?;
    Ok(json!({ "Policy": {
        "PolicySummary": summary(organizations, policy),
        "Content": policy.content,
    }}))
}

fn find<'a>(organizations: &'a Organizations, id: &str) -> Result<&'a Policy, AwsError> {
    organizations.policies.get(id).ok_or_else(|| not_found("Policy", id))
}

fn unique_name(organizations: &Organizations, id: &str, name: &str) -> Result<(), AwsError> {
    if organizations.policies.values().any(|policy| policy.name == name && policy.id != id) {
        return Err(AwsError::new(
            "DuplicatePolicyException",
            format!("A policy with the name {name} already exists."),
        ));
    }
    Ok(())
}

fn target_exists(organizations: &Organizations, id: &str) -> Result<(), AwsError> {
    if organizations.is_parent(id) || organizations.account(id).is_some() {
        return Ok(());
    }
    Err(not_found("Target", id))
}

pub(super) fn create(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let kind = PolicyKind::read(text(call, "Type")?)?;
    let name = text(call, "Name")?.to_owned();
    let content = text(call, "Content")?.to_owned();
    let document = parse(kind, &content)?;
    let tags = rules::tags(call)?;
    let id = format!("p-{:08x}", aws.random(|random| random.u32(..)));
    let mut state = aws.lock();
    let organizations = &mut state.organizations;
    unique_name(organizations, &id, &name)?;
    let sequence = organizations.next();
    let policy = Policy {
        id: id.clone(),
        kind,
        name,
        description: call.opt_text("Description").unwrap_or_default().to_owned(),
        content,
        document,
        aws_managed: false,
        sequence,
        targets: indexmap::IndexMap::new(),
    };
    organizations.policies.insert(id.clone(), policy);
    organizations.tags.set(&id, tags, aws.now());
    whole(organizations, &id)
}

pub(super) fn update(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let id = text(call, "PolicyId")?;
    let mut state = aws.lock();
    let organizations = &mut state.organizations;
    let policy = find(organizations, id)?;
    if policy.aws_managed {
        return Err(invalid("IMMUTABLE_POLICY", "AWS's own policies cannot be changed."));
    }
    let kind = policy.kind;
    let content =
        call.opt_text("Content").map(|text| Ok((text, parse(kind, text)?))).transpose()?;
    if let Some(name) = call.opt_text("Name") {
        unique_name(organizations, id, name)?;
    }
    if let Some(policy) = organizations.policies.get_mut(id) {
        if let Some(name) = call.opt_text("Name") {
            name.clone_into(&mut policy.name);
        }
        if let Some(description) = call.opt_text("Description") {
            description.clone_into(&mut policy.description);
        }
        if let Some((content, document)) = content {
            content.clone_into(&mut policy.content);
            policy.document = document;
        }
    }
    whole(organizations, id)
}

pub(super) fn delete(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let id = text(call, "PolicyId")?;
    let mut state = aws.lock();
    let organizations = &mut state.organizations;
    let policy = find(organizations, id)?;
    if policy.aws_managed {
        return Err(invalid("IMMUTABLE_POLICY", "AWS's own policies cannot be deleted."));
    }
    if !policy.targets.is_empty() {
        return Err(AwsError::new(
            "PolicyInUseException",
            format!("The policy {id} is attached to one or more entities."),
        ));
    }
    organizations.policies.shift_remove(id);
    organizations.tags.forget(id);
    Ok(nothing())
}

pub(super) fn describe(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    whole(&aws.lock().organizations, text(call, "PolicyId")?)
}

pub(super) fn list(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let kind = PolicyKind::read(text(call, "Filter")?)?;
    let page = Page::of(aws, call)?;
    let state = aws.lock();
    let organizations = &state.organizations;
    let items = organizations
        .policies
        .values()
        .filter(|policy| policy.kind == kind)
        .map(|policy| (policy.sequence, summary(organizations, policy)));
    Ok(page.fill("Policies", items))
}

pub(super) fn attach(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let (id, target) = (text(call, "PolicyId")?, text(call, "TargetId")?);
    let mut state = aws.lock();
    let organizations = &mut state.organizations;
    let kind = find(organizations, id)?.kind;
    target_exists(organizations, target)?;
    if !organizations.enabled.contains(&kind) {
        return Err(super::founding::not_enabled(kind));
    }
    let same_kind = organizations.attached(target, kind).count();
    let attached = organizations.attachments.entry(target.to_owned()).or_default();
    if attached.contains_key(id) {
        return Err(AwsError::new(
            "DuplicatePolicyAttachmentException",
            format!("The policy {id} is already attached to {target}."),
        ));
    }
    let (_, most) = kind.limits();
    if same_kind >= most {
        return Err(constraint(
            "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
            format!("{target} has {most} policies of the type {} already.", kind.name()),
        ));
    }
    organizations.attach(id, target);
    Ok(nothing())
}

pub(super) fn detach(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let (id, target) = (text(call, "PolicyId")?, text(call, "TargetId")?);
    let mut state = aws.lock();
    let organizations = &mut state.organizations;
    let kind = find(organizations, id)?.kind;
    target_exists(organizations, target)?;
    let same_kind = organizations.attached(target, kind).count();
    let attached = organizations.attachments.entry(target.to_owned()).or_default();
    if !attached.contains_key(id) {
        return Err(AwsError::new(
            "PolicyNotAttachedException",
            format!("The policy {id} is not attached to {target}."),
        ));
    }
    // Resource control policies may all go: AWS's own one stays by itself.
    if same_kind == 1 && kind == PolicyKind::ServiceControl {
        return Err(constraint(
            "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
            format!("{target} must keep at least one service control policy."),
        ));
    }
    attached.shift_remove(id);
    if let Some(policy) = organizations.policies.get_mut(id) {
        policy.targets.shift_remove(target);
    }
    Ok(nothing())
}

pub(super) fn list_for_target(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let kind = PolicyKind::read(text(call, "Filter")?)?;
    let target = text(call, "TargetId")?;
    let page = Page::of(aws, call)?;
    let state = aws.lock();
    let organizations = &state.organizations;
    target_exists(organizations, target)?;
    let mut items: Vec<(u64, Value)> = organizations
        .attached(target, kind)
        .map(|policy| (policy.sequence, summary(organizations, policy)))
        .collect();
    items.sort_by_key(|(sequence, _)| *sequence);
    Ok(page.fill("Policies", items.into_iter()))
}

pub(super) fn list_targets(aws: &Aws, call: &Call) -> Result<Value, AwsError> {
    let id = text(call, "PolicyId")?;
    let page = Page::of(aws, call)?;
    let state = aws.lock();
    let organizations = &state.organizations;
    let items = find(organizations, id)?.targets.iter().map(|(target, sequence)| {
        let (kind, name) = match (organizations.account(target), organizations.units.get(target)) {
            (Some(account), _) => ("ACCOUNT", account.name.clone()),
            (None, Some(unit)) => ("ORGANIZATIONAL_UNIT", unit.name.clone()),
            (None, None) => ("ROOT", "Root".to_owned()),
        };
        let item = json!({
            "TargetId": target, "Arn": organizations.arn_of(target), "Name": name, "Type": kind,
        });
        (*sequence, item)
    });
    Ok(page.fill("Targets", items))
}
