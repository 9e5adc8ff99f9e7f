//! Dynamic references: `{{resolve:ssm:name:version}}` in a text.
//!
//! Values of SSM are put in when the stack is deployed. A secure value (`ssm-secure`, `secretsmanager`)
//! stays as it is written: AWS hands it to the resource and shows it nowhere.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html>

use std::collections::BTreeMap;

use super::node::{Kind, Node};

const BEGIN: &str = "{{resolve:";

/// The references of a text: what stands between `{{resolve:` and `}}`.
fn references(text: &str) -> impl Iterator<Item = &str> {
    text.split(BEGIN).skip(1).filter_map(|rest| rest.split_once("}}").map(|(inside, _)| inside))
}

/// Puts the values that are known into a text.
///
/// # Errors
/// A reference whose value is not to be had, or to a service that has none.
pub(super) fn filled(text: &str, values: &BTreeMap<String, String>) -> Result<String, String> {
    let mut filled = text.to_owned();
    for inside in references(text) {
        match inside.split_once(':') {
            Some(("ssm", name)) => {
                let Some(value) = values.get(name) else {
                    return Err(format!(
                        "Unable to fetch parameters [{name}] from parameter store"
                    ));
                };
                filled = filled.replace(&format!("{BEGIN}{inside}}}}}"), value);
            }
            Some(("ssm-secure" | "secretsmanager", _)) => {}
            _ => {
                return Err(format!(
                    "{BEGIN}{inside}}}}} is no dynamic reference: ssm, ssm-secure or secretsmanager"
                ));
            }
        }
    }
    Ok(filled)
}

/// The names of SSM's values that a tree refers to, each perhaps with a version.
pub(super) fn names(node: &Node, found: &mut Vec<String>) {
    match &node.kind {
        Kind::Text(text) => found
            .extend(references(text).filter_map(|one| one.strip_prefix("ssm:")).map(str::to_owned)),
        Kind::List(items) => items.iter().for_each(|item| names(item, found)),
        Kind::Map(members) => members.values().for_each(|member| names(member, found)),
        Kind::Call(_, argument) => names(argument, found),
        _ => {}
    }
}
