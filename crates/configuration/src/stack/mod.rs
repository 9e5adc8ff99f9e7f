//! Landlord's own stack before it is deployed: `template.yaml`, and the values that `deployment.yaml`
//! gives to its parameters.

mod evaluate;
mod node;
mod parameters;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use lifecycle::Fault;

pub use evaluate::{Place, Resource, Stack};
use node::Node;
pub use parameters::LARGEST_PARAMETER;

use crate::finding::Findings;

/// The template, in the folder of the configuration.
pub const TEMPLATE: &str = "template.yaml";
/// The parameters' file, beside it.
pub const DEPLOYMENT: &str = "deployment.yaml";

/// `template.yaml`.
#[derive(Debug, Clone)]
pub struct StackTemplate {
    root: Node,
}

impl StackTemplate {
    /// Reads it from the folder of the configuration.
    ///
    /// # Errors
    /// That it is not there, or no YAML.
    pub fn load(folder: &Path) -> Result<Self, Findings> {
        let mut findings = Findings::default();
        match std::fs::read_to_string(folder.join(TEMPLATE)) {
            Ok(text) => match Node::parse(&text) {
                Ok(Some(root)) => return Ok(Self { root }),
                Ok(None) => {
                    let fault = Fault::of("the file", "nothing", "where a template is required");
                    findings.push(TEMPLATE, None, fault);
                }
                Err((line, fault)) => findings.push(TEMPLATE, line, fault),
            },
            Err(error) => {
                let fault = Fault::of("the file", error, "so it cannot be read");
                findings.push(TEMPLATE, None, fault);
            }
        }
        Err(findings)
    }

    /// The values of all parameters, defaults included, that a parameters' file makes; and all that is
    /// wrong with it. What is wrong is among the values all the same: others are held against it.
    pub fn values(&self, file: &str, text: &str) -> (BTreeMap<String, String>, Findings) {
        let mut findings = Findings::default();
        let given = parameters::given(file, text, &mut findings);
        let declared = self.section("Parameters");
        parameters::check(file, &given, declared, &mut findings);
        let mut values = BTreeMap::new();
        for (name, parameter) in declared {
            let default = parameter.get("Default").and_then(Node::text);
            let value = given.get(name).map(|(_, value)| value.as_str()).or(default);
            values.insert(name.clone(), value.unwrap_or_default().to_owned());
        }
        (values, findings)
    }

    /// A stack of it.
    pub fn stack<'t>(&'t self, values: &'t BTreeMap<String, String>, place: Place) -> Stack<'t> {
        Stack { template: self, values, place }
    }

    fn section(&self, name: &str) -> &[(String, Node)] {
        self.root.get(name).map_or(&[], Node::members)
    }
}

/// The items of the value of a parameter that is a list.
pub fn items(value: &str) -> Vec<String> {
    evaluate::list(value)
}
