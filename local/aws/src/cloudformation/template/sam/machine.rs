//! `AWS::Serverless::StateMachine`.

use std::path::Path;

use super::super::model::Resource;
use super::super::node::{Kind, Node};
use super::super::{Properties, TemplateError, properties};
use super::events::{self, Target};
use super::roles::{RoleRequest, role};
use crate::cloudformation::resources::placeholders;

/// Its properties.
pub(super) fn known() -> Properties {
    properties(
        "Name Definition* DefinitionUri DefinitionSubstitutions* Type Role Policies* RolePath \
         PermissionsBoundary AssumeRolePolicyDocument* Logging* Tracing{Enabled} Events* Tags*",
    )
}

/// The machine, its role and what its events need.
pub(super) fn expand(
    resource: &Resource,
    path: &str,
    base_dir: Option<&Path>,
) -> Result<Vec<Resource>, TemplateError> {
    let mut made = Vec::new();
    let managed = match resource.properties.get("Tracing") {
        Some(_) => vec!["AWSXrayWriteOnlyAccess"],
        None => Vec::new(),
    };
    let own_role = match resource.properties.get("Role") {
        Some(given) => given.clone(),
        None => {
            let request =
                RoleRequest { service: "states.amazonaws.com", managed, inline: Vec::new() };
            let made_role = role(resource, path, request)?;
            let arn = Node::attribute(&made_role.id, "Arn");
            made.push(made_role);
            arn
        }
    };
    let mut properties = super::pass_on(
        resource,
        &[
            ("Name", "StateMachineName"),
            ("Definition", "Definition"),
            ("DefinitionSubstitutions", "DefinitionSubstitutions"),
            ("Type", "StateMachineType"),
            ("Logging", "LoggingConfiguration"),
            ("Tracing", "TracingConfiguration"),
        ],
    );
    properties.insert("RoleArn".to_owned(), own_role);
    if let Some(uri) = resource.properties.get("DefinitionUri") {
        let text = definition(resource, uri, path, base_dir)?;
        properties.insert("DefinitionString".to_owned(), Node { line: uri.line, kind: text });
    } else if resource.properties.get("Definition").is_none() {
        let message = "a state machine needs DefinitionUri or Definition";
        return Err(TemplateError::at(resource.line, path, message));
    }
    let mut machine = resource.generated(
        &resource.id,
        "AWS::StepFunctions::StateMachine",
        Node::made(Kind::Map(properties)),
    );
    machine.depends_on.clone_from(&resource.depends_on);
    machine.metadata.clone_from(&resource.metadata);
    made.push(machine);
    made.extend(events::expand(resource, path, Target::Machine)?);
    Ok(made)
}

/// The definition's text, its placeholders checked against the substitutions.
fn definition(
    resource: &Resource,
    uri: &Node,
    path: &str,
    base_dir: Option<&Path>,
) -> Result<Kind, TemplateError> {
    let path = format!("{path}.DefinitionUri");
    let fault = |message: String| Err(TemplateError::at(uri.line, path.clone(), message));
    let Some(name) = uri.as_text() else {
        return fault("expected the path of a file; S3 locations are not supported".to_owned());
    };
    let Some(base_dir) = base_dir else {
        return fault(format!("\"{name}\": a template without a folder has no files beside it"));
    };
    let file = base_dir.join(name);
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) => return fault(format!("{}: {error}", file.display())),
    };
    let none = indexmap::IndexMap::new();
    let given =
        resource.properties.get("DefinitionSubstitutions").and_then(Node::as_map).unwrap_or(&none);
    let used = placeholders(&text);
    if let Some(missing) = used.iter().find(|name| !given.contains_key(name.as_str())) {
        return fault(format!(
            "{} has the placeholder ${{{missing}}} that no DefinitionSubstitutions give",
            file.display()
        ));
    }
    if let Some(unused) = given.keys().find(|name| !used.contains(*name)) {
        return fault(format!(
            "the substitution {unused} has no placeholder in {}",
            file.display()
        ));
    }
    Ok(Kind::Text(text))
}
