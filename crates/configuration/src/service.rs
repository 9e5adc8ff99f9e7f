//! A service of the catalogue: a stack set that tiers may have.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use lifecycle::{Fault, RegionName, StackSetName};
use serde::{Deserialize, Serialize};

use crate::SERVICES;
use crate::finding::Findings;
use crate::schema;
use crate::source::Source;
use crate::template::Template;

/// What becomes of an account's stacks when its tier has the service no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Removal {
    /// They are deleted, with what they hold.
    Delete,
    /// They stay.
    Retain,
}

/// A service of the catalogue.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Its name, that of its file.
    pub name: String,
    /// Its stack set.
    pub stack_set: StackSetName,
    /// The stack set's description.
    pub description: Option<String>,
    /// Its template.
    pub template: Template,
    /// Values of the template's parameters, with references to Landlord's own stack in them.
    pub parameters: BTreeMap<String, String>,
    /// What the template has to be allowed explicitly.
    pub capabilities: Vec<String>,
    /// The Regions in which a tier may have it; empty, any.
    pub regions: Vec<RegionName>,
    /// Stack sets that have to be there first, where a tier has both.
    pub after: Vec<StackSetName>,
    /// Parameters that a single tenant may have another value of.
    pub tenant_parameters: BTreeSet<String>,
    /// Alarms that judge a change, as names or as beginnings with `*`.
    pub health_alarms: Vec<String>,
    /// What becomes of an account's stacks when its tier has it no more.
    pub removal: Removal,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    stack_set: String,
    description: Option<String>,
    template: String,
    #[serde(default)]
    parameters: BTreeMap<String, String>,
    #[serde(default)]
    capabilities: Vec<String>,
    #[serde(default)]
    regions: Vec<String>,
    #[serde(default)]
    after: Vec<String>,
    #[serde(default)]
    tenant_parameters: BTreeSet<String>,
    #[serde(default)]
    health_alarms: Vec<String>,
    removal: Removal,
}

/// The files of the catalogue in a folder, in the order of their names.
pub(crate) fn files(folder: &Path, findings: &mut Findings) -> Vec<String> {
    let entries = match std::fs::read_dir(folder.join(SERVICES)) {
        Ok(entries) => entries,
        Err(error) => {
            let rule = "so the catalogue cannot be read: a folder with a file for each service";
            findings.push(SERVICES, None, Fault::of("the folder", error, rule));
            return Vec::new();
        }
    };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut files: Vec<String> = names
        .filter(|name| name.ends_with(".json") && !name.starts_with('.'))
        .map(|name| format!("{SERVICES}/{name}"))
        .collect();
    files.sort();
    files
}

impl Service {
    /// Reads one; nothing when it cannot be understood.
    pub(crate) fn read(folder: &Path, source: &Source, findings: &mut Findings) -> Option<Self> {
        if !schema::holds(&schema::SERVICE, source, findings) {
            return None;
        }
        let raw: Raw = match serde_json::from_value(source.value.clone()) {
            Ok(raw) => raw,
            Err(error) => {
                findings.one(
                    source,
                    Fault::of("the file", "what it says", format!("is no service: {error}")),
                );
                return None;
            }
        };
        let mut faults = lifecycle::Faults::new();
        let stack_set = faults.keep("stackSet", raw.stack_set.parse());
        let mut regions = Vec::new();
        for (index, name) in raw.regions.iter().enumerate() {
            regions.extend(faults.keep(&format!("regions[{index}]"), RegionName::of_tenants(name)));
        }
        let mut after = Vec::new();
        for (index, name) in raw.after.iter().enumerate() {
            after.extend(faults.keep(&format!("after[{index}]"), name.parse()));
        }
        let path = Path::new(&source.file).parent().unwrap_or(Path::new("")).join(&raw.template);
        let template = faults.keep("template", Template::read(&folder.join(path), &raw.template));
        findings.all(source, faults);
        let stem = PathBuf::from(&source.file).file_stem()?.to_string_lossy().into_owned();
        Some(Self {
            name: stem,
            stack_set: stack_set?,
            description: raw.description,
            template: template?,
            parameters: raw.parameters,
            capabilities: raw.capabilities,
            regions,
            after,
            tenant_parameters: raw.tenant_parameters,
            health_alarms: raw.health_alarms,
            removal: raw.removal,
        })
    }
}
