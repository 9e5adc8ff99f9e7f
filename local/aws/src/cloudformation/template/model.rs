//! A template's sections, checked as far as that goes without deploying it.

use std::path::Path;

use indexmap::IndexMap;
use serde_json::Value;

use super::node::{Kind, Node};
use super::{TemplateError, arguments, dynamic, languages, sam, types};
use crate::cloudformation::resources;

/// A template that was read and checked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Template {
    pub(crate) description: Option<String>,
    pub(crate) parameters: IndexMap<String, Parameter>,
    pub(crate) mappings: IndexMap<String, Node>,
    pub(crate) conditions: IndexMap<String, Node>,
    pub(crate) rules: IndexMap<String, Node>,
    pub(crate) resources: IndexMap<String, Resource>,
    pub(crate) outputs: IndexMap<String, Output>,
    /// Whether a transform has made it from another one.
    pub(crate) transformed: bool,
    /// The values of SSM that its texts refer to (`{{resolve:ssm:…}}`).
    pub(crate) dynamic: Vec<String>,
}

/// A parameter's declaration.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    pub(crate) line: usize,
    pub(crate) kind: String,
    pub(crate) default: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) no_echo: bool,
    pub(crate) allowed_values: Vec<String>,
    pub(crate) allowed_pattern: Option<String>,
    pub(crate) constraint: Option<String>,
    pub(crate) min_length: Option<f64>,
    pub(crate) max_length: Option<f64>,
    pub(crate) min_value: Option<f64>,
    pub(crate) max_value: Option<f64>,
}

/// What happens to a resource when it leaves the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeletionPolicy {
    /// It is deleted.
    Delete,
    /// It stays.
    Retain,
    /// It stays, unless it was made by the operation that is rolled back.
    RetainExceptOnCreate,
}

/// A resource's declaration.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    pub(crate) id: String,
    pub(crate) line: usize,
    pub(crate) kind: String,
    pub(crate) properties: Node,
    pub(crate) depends_on: Vec<String>,
    pub(crate) condition: Option<String>,
    pub(crate) deletion_policy: DeletionPolicy,
    pub(crate) replace_policy: DeletionPolicy,
    pub(crate) metadata: Option<Node>,
    /// What of it is not modelled here, where that makes it inert.
    pub(crate) unmodelled: Option<String>,
    /// Attributes that only some types have: the name, and its line.
    pub(super) special: Vec<(&'static str, usize)>,
}

/// An output's declaration.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    pub(crate) line: usize,
    pub(crate) value: Node,
    pub(crate) description: Option<String>,
    pub(crate) condition: Option<String>,
    pub(crate) export: Option<Node>,
}

const SECTIONS: [&str; 11] = [
    "AWSTemplateFormatVersion",
    "Description",
    "Metadata",
    "Parameters",
    "Mappings",
    "Conditions",
    "Rules",
    "Transform",
    "Globals",
    "Resources",
    "Outputs",
];

impl Template {
    /// Reads a template. `base_dir` is where the template's relative paths (`DefinitionUri`)
    /// start; without it they are refused. With `inert`, what AWS has and the local AWS does not model
    /// makes a resource inert instead of being refused.
    pub(crate) fn parse(
        text: &str,
        base_dir: Option<&Path>,
        inert: bool,
    ) -> Result<Self, TemplateError> {
        let root = Node::parse(text)?;
        let transforms = transforms(&root)?;
        let has = |name: &str| transforms.iter().any(|one| one == name);
        let root = if has(languages::NAME) { languages::unrolled(&root, "")? } else { root };
        let Some(sections) = root.as_map() else {
            return Err(TemplateError::at(
                root.line,
                "",
                format!("a template is a map of sections, this is {}", root.what()),
            ));
        };
        for (name, section) in sections {
            if !SECTIONS.contains(&name.as_str()) {
                return Err(TemplateError::at(
                    section.line,
                    "",
                    format!("unknown section {name}; known are {}", SECTIONS.join(", ")),
                ));
            }
        }
        arguments::check(&root, has(languages::NAME))?;
        let mut dynamic = Vec::new();
        dynamic::names(&root, &mut dynamic);
        let mut template = Self {
            description: root.get("Description").and_then(Node::as_text).map(str::to_owned),
            parameters: each(&root, "Parameters", parameter)?,
            mappings: each(&root, "Mappings", |_, node, path| mapping(node, path))?,
            conditions: each(&root, "Conditions", |_, node, _| Ok(node.clone()))?,
            rules: each(&root, "Rules", |_, node, path| rule(node, path))?,
            resources: each(&root, "Resources", resource)?,
            outputs: each(&root, "Outputs", |_, node, path| output(node, path))?,
            transformed: root.get("Transform").is_some(),
            dynamic,
        };
        if template.resources.is_empty() {
            return Err(TemplateError::at(
                0,
                "Resources",
                "a template needs at least one resource",
            ));
        }
        if has(sam::NAME) {
            sam::transform(&mut template, root.get("Globals"), base_dir)?;
        } else if let Some(globals) = root.get("Globals") {
            let message = format!("Globals need Transform: {}", sam::NAME);
            return Err(TemplateError::at(globals.line, "Globals", message));
        }
        template.read_files(base_dir)?;
        template.check(inert)?;
        Ok(template)
    }

    /// Puts the files that stack sets name in their `TemplateURL` where `sam package` would put
    /// their addresses.
    fn read_files(&mut self, base_dir: Option<&Path>) -> Result<(), TemplateError> {
        let Some(base_dir) = base_dir else { return Ok(()) };
        for resource in self.resources.values_mut() {
            if resource.kind != "AWS::CloudFormation::StackSet" {
                continue;
            }
            let path = format!("Resources.{}.Properties.TemplateURL", resource.id);
            let Kind::Map(properties) = &mut resource.properties.kind else { continue };
            let Some(url) = properties.get("TemplateURL") else { continue };
            let (line, Some(name)) = (url.line, url.as_text()) else { continue };
            if name.contains("://") {
                continue;
            }
            let file = base_dir.join(name);
            let text = std::fs::read_to_string(&file).map_err(|error| {
                TemplateError::at(line, path, format!("{}: {error}", file.display()))
            })?;
            properties.shift_remove("TemplateURL");
            let body = Node { line, kind: Kind::Text(text) };
            properties.insert("TemplateBody".to_owned(), body);
        }
        Ok(())
    }
}

impl Resource {
    /// Whether it only gets a physical id here.
    pub(crate) fn is_inert(&self) -> bool {
        self.unmodelled.is_some() || self.local_metadata().and_then(Node::as_text) == Some("inert")
    }

    /// Whether `Fn::GetAtt` may ask for an attribute of it; for one that is said to be inert, whatever AWS has.
    pub(crate) fn may_have(&self, attribute: &str) -> bool {
        match (resources::kind(&self.kind), types::known(&self.kind)) {
            (Some(kind), _) if !self.is_inert() => kind.has_attribute(attribute),
            (_, Some(known)) if !types::is_custom(&self.kind) => known.has_attribute(attribute),
            _ => true,
        }
    }
    /// What the metadata says to the local AWS.
    pub(crate) fn local_metadata(&self) -> Option<&Node> {
        self.metadata.as_ref()?.get("landlord:local")
    }

    /// A resource that a transform makes for another one: same line, condition and policies.
    pub(crate) fn generated(&self, id: impl Into<String>, kind: &str, properties: Node) -> Self {
        Self {
            id: id.into(),
            kind: kind.to_owned(),
            properties,
            depends_on: Vec::new(),
            metadata: None,
            unmodelled: None,
            special: Vec::new(),
            ..self.clone()
        }
    }
}

/// The transforms that a template names.
///
/// # Errors
/// A macro, which would need the function behind it: it is refused by its name.
fn transforms(root: &Node) -> Result<Vec<String>, TemplateError> {
    let Some(node) = root.get("Transform") else { return Ok(Vec::new()) };
    let one = std::slice::from_ref(node);
    let mut names = Vec::new();
    for item in node.as_list().unwrap_or(one) {
        let name = item.as_text().or_else(|| item.get("Name")?.as_text());
        match name {
            Some(name @ (sam::NAME | languages::NAME)) => names.push(name.to_owned()),
            _ => {
                let message = format!(
                    "the macro {} is not run by the local AWS; it knows the transforms {} and {}",
                    name.unwrap_or_default(),
                    sam::NAME,
                    languages::NAME
                );
                return Err(TemplateError::at(item.line, "Transform", message));
            }
        }
    }
    Ok(names)
}

/// Reads each member of a section.
fn each<T>(
    root: &Node,
    section: &str,
    read: impl Fn(&str, &Node, &str) -> Result<T, TemplateError>,
) -> Result<IndexMap<String, T>, TemplateError> {
    let Some(node) = root.get(section) else { return Ok(IndexMap::new()) };
    let Some(members) = node.as_map() else {
        let message = format!("expected a map, found {}", node.what());
        return Err(TemplateError::at(node.line, section, message));
    };
    members
        .iter()
        .map(|(name, member)| {
            let path = format!("{section}.{name}");
            let alphanumeric = name.chars().all(|c| c.is_ascii_alphanumeric());
            if name.is_empty() || (!alphanumeric && section != "Mappings") {
                let message = "a logical id has only the characters A-Z a-z 0-9";
                return Err(TemplateError::at(member.line, path, message));
            }
            Ok((name.clone(), read(name, member, &path)?))
        })
        .collect()
}

/// The members of a map, all of them known.
fn members<'n>(
    node: &'n Node,
    path: &str,
    known: &[&str],
) -> Result<&'n IndexMap<String, Node>, TemplateError> {
    let Some(members) = node.as_map() else {
        let message = format!("expected a map, found {}", node.what());
        return Err(TemplateError::at(node.line, path, message));
    };
    for (name, member) in members {
        if !known.contains(&name.as_str()) {
            let message = format!("unknown key; known are {}", known.join(", "));
            return Err(TemplateError::at(member.line, format!("{path}.{name}"), message));
        }
    }
    Ok(members)
}

fn scalar(node: &Node, path: &str) -> Result<String, TemplateError> {
    match &node.kind {
        Kind::Text(text) => Ok(text.clone()),
        Kind::Number(number) => Ok(number.to_string()),
        Kind::Bool(value) => Ok(value.to_string()),
        _ => {
            let message = format!("expected text, found {}", node.what());
            Err(TemplateError::at(node.line, path, message))
        }
    }
}

fn opt_scalar(node: &Node, key: &str, path: &str) -> Result<Option<String>, TemplateError> {
    node.get(key).map(|member| scalar(member, &format!("{path}.{key}"))).transpose()
}

fn opt_number(node: &Node, key: &str, path: &str) -> Result<Option<f64>, TemplateError> {
    let Some(text) = opt_scalar(node, key, path)? else { return Ok(None) };
    text.parse().map(Some).map_err(|_| {
        TemplateError::at(node.line, format!("{path}.{key}"), format!("\"{text}\" is not a number"))
    })
}

fn parameter(_: &str, node: &Node, path: &str) -> Result<Parameter, TemplateError> {
    let known = [
        "Type",
        "Default",
        "Description",
        "NoEcho",
        "AllowedValues",
        "AllowedPattern",
        "ConstraintDescription",
        "MinLength",
        "MaxLength",
        "MinValue",
        "MaxValue",
    ];
    members(node, path, &known)?;
    let Some(kind) = opt_scalar(node, "Type", path)? else {
        return Err(TemplateError::at(node.line, path, "a parameter needs a Type"));
    };
    if !super::parameters::is_type(&kind) {
        let message = format!(
            "the parameter type {kind} is not supported: it is none of CloudFormation's types"
        );
        return Err(TemplateError::at(node.line, format!("{path}.Type"), message));
    }
    let allowed_values = match node.get("AllowedValues") {
        None => Vec::new(),
        Some(list) => list
            .as_list()
            .ok_or_else(|| TemplateError::at(list.line, path, "AllowedValues is not a list"))?
            .iter()
            .map(|item| scalar(item, &format!("{path}.AllowedValues")))
            .collect::<Result<_, _>>()?,
    };
    Ok(Parameter {
        line: node.line,
        kind,
        default: opt_scalar(node, "Default", path)?,
        description: opt_scalar(node, "Description", path)?,
        no_echo: opt_scalar(node, "NoEcho", path)?.as_deref() == Some("true"),
        allowed_values,
        allowed_pattern: opt_scalar(node, "AllowedPattern", path)?,
        constraint: opt_scalar(node, "ConstraintDescription", path)?,
        min_length: opt_number(node, "MinLength", path)?,
        max_length: opt_number(node, "MaxLength", path)?,
        min_value: opt_number(node, "MinValue", path)?,
        max_value: opt_number(node, "MaxValue", path)?,
    })
}

fn mapping(node: &Node, path: &str) -> Result<Node, TemplateError> {
    let Value::Object(tops) = node.literal(path)? else {
        return Err(TemplateError::at(node.line, path, "a mapping is a map of maps"));
    };
    if let Some((top, _)) = tops.iter().find(|(_, second)| !second.is_object()) {
        return Err(TemplateError::at(node.line, format!("{path}.{top}"), "expected a map"));
    }
    Ok(node.clone())
}

fn rule(node: &Node, path: &str) -> Result<Node, TemplateError> {
    members(node, path, &["RuleCondition", "Assertions"])?;
    let Some(assertions) = node.get("Assertions").and_then(Node::as_list) else {
        return Err(TemplateError::at(node.line, path, "a rule needs a list of Assertions"));
    };
    for (index, assertion) in assertions.iter().enumerate() {
        let path = format!("{path}.Assertions[{index}]");
        members(assertion, &path, &["Assert", "AssertDescription"])?;
        if assertion.get("Assert").is_none() {
            return Err(TemplateError::at(assertion.line, path, "an assertion needs an Assert"));
        }
    }
    Ok(node.clone())
}

fn resource(id: &str, node: &Node, path: &str) -> Result<Resource, TemplateError> {
    let known = [
        "Type",
        "Properties",
        "DependsOn",
        "Condition",
        "DeletionPolicy",
        "UpdateReplacePolicy",
        "Metadata",
        "Connectors",
        "CreationPolicy",
        "UpdatePolicy",
        "Version",
    ];
    members(node, path, &known)?;
    let mut special: Vec<(&'static str, usize)> = ["CreationPolicy", "UpdatePolicy", "Version"]
        .into_iter()
        .filter_map(|name| Some((name, node.get(name)?.line)))
        .collect();
    for name in ["DeletionPolicy", "UpdateReplacePolicy"] {
        if let Some(line) = node.get(name).filter(|one| one.as_text() == Some("Snapshot")) {
            special.push((name, line.line));
        }
    }
    if let Some(connectors) = node.get("Connectors") {
        let message = "SAM connectors are not supported: write the policies out";
        return Err(TemplateError::at(connectors.line, format!("{path}.Connectors"), message));
    }
    let Some(kind) = opt_scalar(node, "Type", path)? else {
        return Err(TemplateError::at(node.line, path, "a resource needs a Type"));
    };
    let depends_on = match node.get("DependsOn").map(|on| (&on.kind, on)) {
        None => Vec::new(),
        Some((Kind::Text(id), _)) => vec![id.clone()],
        Some((Kind::List(ids), on)) => {
            ids.iter().map(|id| id.as_text().map(str::to_owned)).collect::<Option<_>>().ok_or_else(
                || TemplateError::at(on.line, format!("{path}.DependsOn"), "expected logical ids"),
            )?
        }
        Some((_, on)) => {
            let message = "expected a logical id or a list of them";
            return Err(TemplateError::at(on.line, format!("{path}.DependsOn"), message));
        }
    };
    let empty = Node { line: node.line, kind: Kind::Map(IndexMap::new()) };
    Ok(Resource {
        id: id.to_owned(),
        line: node.line,
        kind,
        properties: node.get("Properties").cloned().unwrap_or(empty),
        depends_on,
        condition: opt_scalar(node, "Condition", path)?,
        deletion_policy: policy(node, "DeletionPolicy", path)?,
        replace_policy: policy(node, "UpdateReplacePolicy", path)?,
        metadata: node.get("Metadata").cloned(),
        unmodelled: None,
        special,
    })
}

fn policy(node: &Node, key: &str, path: &str) -> Result<DeletionPolicy, TemplateError> {
    match opt_scalar(node, key, path)?.as_deref() {
        // A snapshot is taken of what is not modelled here; the resource goes.
        None | Some("Delete" | "Snapshot") => Ok(DeletionPolicy::Delete),
        Some("Retain") => Ok(DeletionPolicy::Retain),
        Some("RetainExceptOnCreate") => Ok(DeletionPolicy::RetainExceptOnCreate),
        Some(other) => Err(TemplateError::at(
            node.line,
            format!("{path}.{key}"),
            format!("\"{other}\" is not supported; use Delete, Retain or RetainExceptOnCreate"),
        )),
    }
}

fn output(node: &Node, path: &str) -> Result<Output, TemplateError> {
    members(node, path, &["Value", "Description", "Export", "Condition"])?;
    let Some(value) = node.get("Value") else {
        return Err(TemplateError::at(node.line, path, "an output needs a Value"));
    };
    let export = match node.get("Export") {
        None => None,
        Some(export) => {
            let export_path = format!("{path}.Export");
            members(export, &export_path, &["Name"])?;
            export.get("Name").cloned()
        }
    };
    Ok(Output {
        line: node.line,
        value: value.clone(),
        description: opt_scalar(node, "Description", path)?,
        condition: opt_scalar(node, "Condition", path)?,
        export,
    })
}
