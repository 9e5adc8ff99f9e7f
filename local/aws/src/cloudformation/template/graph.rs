//! Which part of a template refers to which resource, and the order that follows.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexSet;

use super::TemplateError;
use super::evaluate::{PSEUDO, sub_names};
use super::model::{Resource, Template};
use super::node::{Kind, Node};
use crate::cloudformation::resources;

/// One reference: to a parameter, a pseudo parameter or a resource, or to its attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) line: usize,
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) attribute: Option<String>,
}

/// All references in a node, conditions left out.
pub(crate) fn references(node: &Node, path: &str) -> Result<Vec<Reference>, TemplateError> {
    let mut found = Vec::new();
    collect(node, path, &mut found)?;
    Ok(found)
}

fn collect(node: &Node, path: &str, found: &mut Vec<Reference>) -> Result<(), TemplateError> {
    match &node.kind {
        Kind::List(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, &format!("{path}[{index}]"), found)?;
            }
        }
        Kind::Map(members) => {
            for (name, member) in members {
                collect(member, &format!("{path}.{name}"), found)?;
            }
        }
        Kind::Call(function, argument) => collect_call(node.line, function, argument, path, found)?,
        _ => {}
    }
    Ok(())
}

fn collect_call(
    line: usize,
    function: &str,
    argument: &Node,
    path: &str,
    found: &mut Vec<Reference>,
) -> Result<(), TemplateError> {
    let mut push = |name: &str, attribute: Option<&str>| {
        found.push(Reference {
            line,
            path: path.to_owned(),
            name: name.to_owned(),
            attribute: attribute.map(str::to_owned),
        });
    };
    match function {
        "Condition" | "Fn::RefAll" | "Fn::ValueOf" | "Fn::ValueOfAll" => {}
        "Ref" => match argument.as_text() {
            Some(name) => push(name, None),
            None => return Err(TemplateError::at(line, path, "Ref needs a name")),
        },
        "Fn::GetAtt" => match get_att(argument) {
            Some((name, Some(attribute))) => push(name, Some(attribute)),
            // The attribute's name is itself an intrinsic: known only at deployment.
            Some((name, None)) => push(name, None),
            None => {
                let message = "Fn::GetAtt needs \"LogicalId.Attribute\" or [LogicalId, Attribute]";
                return Err(TemplateError::at(line, path, message));
            }
        },
        "Fn::Sub" => {
            let (text, own) = match &argument.kind {
                Kind::Text(text) => (text.as_str(), None),
                Kind::List(parts) if parts.len() == 2 => match (parts[0].as_text(), &parts[1]) {
                    (Some(text), own) if own.as_map().is_some() => (text, Some(own)),
                    _ => return Err(sub_fault(line, path)),
                },
                _ => return Err(sub_fault(line, path)),
            };
            for name in sub_names(text).map_err(|fault| TemplateError::at(line, path, fault))? {
                if own.is_some_and(|own| own.get(name).is_some()) {
                    continue;
                }
                match name.split_once('.') {
                    Some((name, attribute)) => push(name, Some(attribute)),
                    None => push(name, None),
                }
            }
            if let Some(own) = own {
                collect(own, path, found)?;
            }
        }
        _ => collect(argument, path, found)?,
    }
    Ok(())
}

fn sub_fault(line: usize, path: &str) -> TemplateError {
    TemplateError::at(line, path, "Fn::Sub needs text, or a list of text and a map of variables")
}

/// The resource and, if it is literal, the attribute of a `Fn::GetAtt`.
pub(crate) fn get_att(argument: &Node) -> Option<(&str, Option<&str>)> {
    match &argument.kind {
        Kind::Text(text) => text.split_once('.').map(|(name, attribute)| (name, Some(attribute))),
        Kind::List(parts) if parts.len() == 2 => Some((parts[0].as_text()?, parts[1].as_text())),
        _ => None,
    }
}

/// Checks that everything that is referred to exists.
pub(crate) fn check_references(template: &Template) -> Result<(), TemplateError> {
    for resource in template.resources.values() {
        let path = format!("Resources.{}", resource.id);
        for id in &resource.depends_on {
            if !template.resources.contains_key(id) {
                let message = format!("there is no resource {id}");
                return Err(TemplateError::at(resource.line, format!("{path}.DependsOn"), message));
            }
        }
        check_condition(template, resource.condition.as_deref(), resource.line, &path)?;
        check_node(template, &resource.properties, &format!("{path}.Properties"), true)?;
        if let Some(metadata) = &resource.metadata {
            check_node(template, metadata, &format!("{path}.Metadata"), true)?;
        }
    }
    for (name, condition) in &template.conditions {
        check_node(template, condition, &format!("Conditions.{name}"), false)?;
    }
    for (name, rule) in &template.rules {
        check_node(template, rule, &format!("Rules.{name}"), false)?;
    }
    for (name, output) in &template.outputs {
        let path = format!("Outputs.{name}");
        check_condition(template, output.condition.as_deref(), output.line, &path)?;
        check_node(template, &output.value, &format!("{path}.Value"), true)?;
        if let Some(export) = &output.export {
            check_node(template, export, &format!("{path}.Export"), true)?;
        }
    }
    Ok(())
}

fn check_condition(
    template: &Template,
    condition: Option<&str>,
    line: usize,
    path: &str,
) -> Result<(), TemplateError> {
    match condition {
        Some(name) if !template.conditions.contains_key(name) => Err(TemplateError::at(
            line,
            format!("{path}.Condition"),
            format!("there is no condition {name}"),
        )),
        _ => Ok(()),
    }
}

fn check_node(
    template: &Template,
    node: &Node,
    path: &str,
    resources_allowed: bool,
) -> Result<(), TemplateError> {
    for reference in references(node, path)? {
        let Reference { line, path, name, attribute } = reference;
        let refuse = |message: String| Err(TemplateError::at(line, path.clone(), message));
        if PSEUDO.contains(&name.as_str()) {
            continue;
        }
        if template.parameters.contains_key(&name) {
            if attribute.is_some() {
                return refuse(format!("{name} is a parameter: it has no attributes"));
            }
            continue;
        }
        let Some(resource) = template.resources.get(&name).filter(|_| resources_allowed) else {
            return refuse(format!("there is no {name} here that could be referred to"));
        };
        if let Some(attribute) = attribute
            && !resource.may_have(&attribute)
        {
            let known = resources::kind(&resource.kind);
            let known = known.map(|kind| format!("; it has {}", kind.attributes.join(", ")));
            let kind = &resource.kind;
            let known = known.unwrap_or_default();
            return refuse(format!("{kind} ({name}) has no attribute {attribute}{known}"));
        }
    }
    for (line, path, name) in imported_names(node, path)? {
        if template.resources.contains_key(&name) {
            let message =
                format!("the name in Fn::ImportValue can not depend on a resource: it is {name}");
            return Err(TemplateError::at(line, path, message));
        }
    }
    for (line, path, name) in conditions_used(node, path) {
        check_condition(template, Some(&name), line, &path)?;
    }
    Ok(())
}

/// What the names in `Fn::ImportValue` refer to.
fn imported_names(node: &Node, path: &str) -> Result<Vec<(usize, String, String)>, TemplateError> {
    let mut found = Vec::new();
    let mut stack = vec![node];
    while let Some(node) = stack.pop() {
        match &node.kind {
            Kind::List(items) => stack.extend(items),
            Kind::Map(members) => stack.extend(members.values()),
            Kind::Call(function, argument) if function == "Fn::ImportValue" => {
                let named = references(argument, path)?.into_iter();
                found.extend(named.map(|one| (one.line, one.path, one.name)));
            }
            Kind::Call(_, argument) => stack.push(argument),
            _ => {}
        }
    }
    Ok(found)
}

/// The conditions that `Fn::If` and `Condition` name.
fn conditions_used(node: &Node, path: &str) -> Vec<(usize, String, String)> {
    let mut found = Vec::new();
    let mut stack = vec![(node, path.to_owned())];
    while let Some((node, path)) = stack.pop() {
        match &node.kind {
            Kind::List(items) => stack.extend(items.iter().map(|item| (item, path.clone()))),
            Kind::Map(members) => stack
                .extend(members.iter().map(|(name, member)| (member, format!("{path}.{name}")))),
            Kind::Call(function, argument) => {
                let name = match function.as_str() {
                    "Condition" => argument.as_text(),
                    "Fn::If" => {
                        argument.as_list().and_then(|parts| parts.first()).and_then(Node::as_text)
                    }
                    _ => None,
                };
                if let Some(name) = name {
                    found.push((node.line, path.clone(), name.to_owned()));
                }
                stack.push((argument, path));
            }
            _ => {}
        }
    }
    found
}

/// The attributes of a resource that the template asks for.
pub(crate) fn attributes_asked(template: &Template, id: &str) -> Vec<String> {
    let resources = template.resources.values().map(|resource| &resource.properties);
    let metadata = template.resources.values().filter_map(|resource| resource.metadata.as_ref());
    let outputs = template.outputs.values();
    let outputs = outputs.flat_map(|output| std::iter::once(&output.value).chain(&output.export));
    resources
        .chain(metadata)
        .chain(outputs)
        .flat_map(|node| references(node, "").unwrap_or_default())
        .filter(|reference| reference.name == id)
        .filter_map(|reference| reference.attribute)
        .collect()
}

/// The names that a resource's properties, metadata and `DependsOn` refer to: what it needs.
pub(crate) fn needed(resource: &Resource) -> Result<Vec<String>, TemplateError> {
    let mut found = references(&resource.properties, "")?;
    if let Some(metadata) = &resource.metadata {
        found.append(&mut references(metadata, "")?);
    }
    let named = found.into_iter().map(|reference| reference.name);
    Ok(resource.depends_on.iter().cloned().chain(named).collect())
}

/// The resources in an order in which each comes after those that it needs.
///
/// `stands` says which resources' conditions hold; the others are left out.
pub(crate) fn order(
    template: &Template,
    stands: impl Fn(&str) -> bool,
) -> Result<Vec<String>, TemplateError> {
    let mut needs: BTreeMap<&str, IndexSet<String>> = BTreeMap::new();
    for (id, resource) in template.resources.iter().filter(|(id, _)| stands(id)) {
        let named = needed(resource)?.into_iter();
        let all = named.filter(|name| template.resources.contains_key(name) && stands(name));
        needs.insert(id, all.collect());
    }
    let mut done: IndexSet<String> = IndexSet::new();
    let mut open: Vec<&str> =
        template.resources.keys().map(String::as_str).filter(|id| stands(id)).collect();
    while !open.is_empty() {
        let ready = open.iter().position(|id| needs[id].iter().all(|need| done.contains(need)));
        let Some(index) = ready else { return Err(cycle(template, &open, &needs)) };
        done.insert(open.remove(index).to_owned());
    }
    Ok(done.into_iter().collect())
}

fn cycle(
    template: &Template,
    open: &[&str],
    needs: &BTreeMap<&str, IndexSet<String>>,
) -> TemplateError {
    // Who is left waits for somebody who is left: following the first need ends in a circle.
    let mut seen: Vec<&str> = Vec::new();
    let mut at = open.first().copied().unwrap_or_default();
    while !seen.contains(&at) {
        seen.push(at);
        let next = needs[at].iter().find_map(|need| open.iter().find(|id| *id == need));
        at = next.copied().unwrap_or(at);
    }
    let start = seen.iter().position(|id| *id == at).unwrap_or_default();
    let circle: BTreeSet<&str> = seen[start..].iter().copied().collect();
    let line = template.resources.get(at).map_or(0, |resource| resource.line);
    let names = circle.into_iter().collect::<Vec<_>>().join(", ");
    TemplateError::at(
        line,
        "Resources",
        format!("Circular dependency between resources: [{names}]"),
    )
}
