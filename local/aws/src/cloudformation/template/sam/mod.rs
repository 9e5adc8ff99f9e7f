//! The SAM transform: serverless resources become the plain ones that SAM makes of them, with
//! SAM's logical ids (`<Function>Role`, `<Function><Event>`).

mod events;
mod function;
mod machine;
mod roles;

use std::path::Path;

use indexmap::IndexMap;

use super::model::{Resource, Template};
use super::node::{Kind, Node};
use super::schema::{self, Properties};
use super::{TemplateError, properties};

/// The transform's name.
pub(crate) const NAME: &str = "AWS::Serverless-2016-10-31";

/// Replaces the serverless resources of a template.
pub(crate) fn transform(
    template: &mut Template,
    globals: Option<&Node>,
    base_dir: Option<&Path>,
) -> Result<(), TemplateError> {
    let globals = read_globals(globals)?;
    let declared = std::mem::take(&mut template.resources);
    for (id, mut resource) in declared {
        let path = format!("Resources.{id}.Properties");
        let made = match resource.kind.as_str() {
            "AWS::Serverless::Function" => {
                merge(&mut resource.properties, globals.get("Function"));
                schema::check(&function::known(), &resource.properties, &path, &resource.kind)?;
                function::expand(&resource, &path)?
            }
            "AWS::Serverless::StateMachine" => {
                merge(&mut resource.properties, globals.get("StateMachine"));
                schema::check(&machine::known(), &resource.properties, &path, &resource.kind)?;
                machine::expand(&resource, &path, base_dir)?
            }
            _ => vec![resource],
        };
        for made in made {
            if template.resources.contains_key(&made.id) {
                let message = format!("SAM would make a resource {} that exists already", made.id);
                return Err(TemplateError::at(made.line, path, message));
            }
            template.resources.insert(made.id.clone(), made);
        }
    }
    Ok(())
}

fn read_globals(node: Option<&Node>) -> Result<IndexMap<String, Node>, TemplateError> {
    let Some(node) = node else { return Ok(IndexMap::new()) };
    let Some(sections) = node.as_map() else {
        return Err(TemplateError::at(node.line, "Globals", "expected a map"));
    };
    let known: [(&str, Properties); 2] =
        [("Function", function::known()), ("StateMachine", machine::known())];
    for (name, section) in sections {
        let path = format!("Globals.{name}");
        match known.iter().find(|(known, _)| known == name) {
            Some((_, properties)) => schema::check(properties, section, &path, "Globals")?,
            None => {
                let message = "only Function and StateMachine are supported";
                return Err(TemplateError::at(section.line, path, message));
            }
        }
    }
    Ok(sections.clone())
}

/// Merges globals under a resource's own properties: maps member by member, lists one after the
/// other, anything else is overridden.
fn merge(own: &mut Node, global: Option<&Node>) {
    let Some(global) = global else { return };
    match (&mut own.kind, &global.kind) {
        (Kind::Map(own), Kind::Map(global)) => {
            for (name, value) in global {
                match own.get_mut(name) {
                    Some(member) => merge(member, Some(value)),
                    None => {
                        own.insert(name.clone(), value.clone());
                    }
                }
            }
        }
        (Kind::List(own), Kind::List(global)) => {
            let mut all = global.clone();
            all.append(own);
            *own = all;
        }
        _ => {}
    }
}

/// Copies the properties that a serverless resource passes on, under their new names.
fn pass_on(resource: &Resource, names: &[(&str, &str)]) -> IndexMap<String, Node> {
    names
        .iter()
        .filter_map(|(from, to)| {
            resource.properties.get(from).map(|node| ((*to).to_owned(), node.clone()))
        })
        .collect()
}

/// The properties of the events that a function or a machine may have.
fn known_event(kind: &str) -> Option<Properties> {
    Some(properties(match kind {
        "SQS" => {
            "Queue+ BatchSize Enabled MaximumBatchingWindowInSeconds FunctionResponseTypes \
             ScalingConfig{MaximumConcurrency} FilterCriteria*"
        }
        "EventBridgeRule" | "CloudWatchEvent" => {
            "EventBusName Pattern*+ Input InputPath RuleName State RetryPolicy* DeadLetterConfig*"
        }
        "Schedule" => "Schedule+ Name Description Enabled State Input",
        "ScheduleV2" => {
            "ScheduleExpression+ ScheduleExpressionTimezone Name Description State Input \
             FlexibleTimeWindow* RetryPolicy* DeadLetterConfig{Arn+} StartDate EndDate GroupName \
             RoleArn"
        }
        "SNS" => "Topic+ FilterPolicy* FilterPolicyScope",
        _ => return None,
    }))
}
