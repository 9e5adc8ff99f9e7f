//! What is to be deployed: the folder's files, as far as they can be read without AWS.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use configuration::stack::{Stack, StackTemplate};
use configuration::{Configuration, Findings};
use serde_json::Value;

use crate::failure::{Exit, Failure};

/// The parameters that take units that are there, in the template's order.
pub(super) const UNITS: [&str; 6] =
    ["OnboardingOuId", "CanaryOuId", "EarlyOuId", "GeneralOuId", "RetiringOuId", "SuspendedOuId"];

/// The name of the administration role that AWS looks for, and that the template makes.
const ADMINISTRATION_ROLE: &str = "AWSCloudFormationStackSetAdministrationRole";

/// The files of a folder.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) template: StackTemplate,
    /// The values of all parameters.
    pub(super) values: BTreeMap<String, String>,
    /// What is wrong with the parameters' file.
    pub(super) of_parameters: Findings,
    /// Tiers and services; nothing when something is wrong with them.
    pub(super) configuration: Result<Configuration, Findings>,
    /// How many bytes the tiers have as a parameter.
    pub(super) tiers_bytes: usize,
}

impl Files {
    /// Reads a folder.
    ///
    /// # Errors
    /// That there is no template or no parameters' file: then there is nothing to check.
    pub(super) fn read(folder: &Path, deployment: Option<PathBuf>) -> Result<Self, Failure> {
        let template = StackTemplate::load(folder).map_err(|findings| {
            let advice = "name the folder with Landlord's template.yaml";
            Failure::new("read the template", findings.to_string(), advice).exits(Exit::Usage)
        })?;
        let path = deployment.unwrap_or_else(|| folder.join(configuration::stack::DEPLOYMENT));
        let text = std::fs::read_to_string(&path).map_err(|error| {
            let advice = "copy deployment.example.yaml and fill it in, or name it by --deployment";
            let tried = format!("read the parameters ({})", path.display());
            Failure::new(tried, error.to_string(), advice).exits(Exit::Usage)
        })?;
        let shown = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let (values, of_parameters) = template.values(&shown.unwrap_or_default(), &text);
        let tiers = std::fs::read_to_string(folder.join(configuration::TIERS)).unwrap_or_default();
        Ok(Self {
            template,
            values,
            of_parameters,
            configuration: Configuration::load(folder),
            tiers_bytes: as_parameter(&tiers).len(),
        })
    }
}

/// The tiers as the parameter holds them: as short as they get, and without what is for editors.
fn as_parameter(tiers: &str) -> String {
    let mut value: Value = serde_json::from_str(tiers).unwrap_or_default();
    if let Some(members) = value.as_object_mut() {
        members.remove("$schema");
    }
    value.to_string()
}

/// What a deploy would make.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan<'t> {
    pub(super) files: &'t Files,
    pub(super) stack: &'t Stack<'t>,
    pub(super) name: &'t str,
    pub(super) account: &'t str,
    pub(super) partition: &'t str,
}

impl Plan<'_> {
    /// A parameter's value.
    pub(super) fn value(&self, parameter: &str) -> &str {
        self.stack.value(parameter)
    }

    /// The items of a list.
    pub(super) fn list(&self, parameter: &str) -> Vec<String> {
        configuration::stack::items(self.value(parameter))
    }

    /// A parameter that is a number.
    pub(super) fn number(&self, parameter: &str) -> f64 {
        self.value(parameter).parse().unwrap_or_default()
    }

    /// The names that resources of a type would have.
    pub(super) fn names(&self, kind: &str, property: &str) -> Vec<String> {
        let all = self.stack.resources(kind);
        all.iter().filter_map(|resource| resource.text(property)).collect()
    }

    /// The stack sets that it would make.
    pub(super) fn stack_sets(&self) -> Vec<String> {
        self.names("AWS::CloudFormation::StackSet", "StackSetName")
    }

    /// The ARN of the administration role of its stack sets: one that is given, or the one that is made.
    pub(super) fn administration_role(&self) -> String {
        let given = self.value("AdministrationRoleArn");
        if given.is_empty() {
            let (partition, account) = (self.partition, self.account);
            return format!("arn:{partition}:iam::{account}:role/{ADMINISTRATION_ROLE}");
        }
        given.to_owned()
    }

    /// The units that are given, by their parameters.
    pub(super) fn given_units(&self) -> Vec<(&'static str, &str)> {
        let given = UNITS.iter().map(|name| (*name, self.value(name)));
        given.filter(|(_, id)| !id.is_empty()).collect()
    }

    /// The key of the gate's code, when there is to be a gate.
    pub(super) fn gate_key(&self) -> Option<&str> {
        Some(self.value("GateArtifactKey")).filter(|key| !key.is_empty())
    }

    /// The bucket of the gate's code in a Region.
    pub(super) fn gate_bucket(&self, region: &str) -> String {
        format!("{}-artifacts-{}-{region}", self.name, self.account)
    }
}
