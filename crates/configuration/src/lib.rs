#![doc = include_str!("../README.md")]

mod catalogue;
mod check;
mod compiled;
mod finding;
mod place;
mod schema;
mod service;
mod source;
pub mod stack;
mod template;

pub use check::Check;
pub use compiled::{Compiled, LARGEST};
pub use finding::{Finding, Findings};
pub use service::{Removal, Service};

use std::collections::BTreeSet;
use std::path::Path;

use lifecycle::{Fault, StackSetName, TiersConfig};
use serde_json::Value;

use crate::source::Source;

/// The organizational units in which live tenants stand: those that `template.yaml` makes, or takes
/// by parameter.
pub const TENANT_UNITS: [&str; 3] = ["Canary", "Early", "General"];

/// The file with the tiers, in the folder of the configuration.
pub const TIERS: &str = "tiers.json";
/// The folder with the catalogue, beside it.
pub const SERVICES: &str = "services";

/// A configuration in which no fault was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Configuration {
    /// What a tenant of each tier gets, `after` of the catalogue included.
    pub tiers: TiersConfig,
    /// The catalogue, in the order of its files' names.
    pub services: Vec<Service>,
    document: Value,
}

impl Configuration {
    /// Reads and checks the configuration in a folder: `tiers.json`, `services/*.json`, and the
    /// templates that they name.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of files and lines.
    pub fn load(folder: &Path) -> Result<Self, Findings> {
        let mut findings = Findings::default();
        let tiers = Source::read(folder, TIERS, &mut findings);
        let tiers = tiers.filter(|tiers| schema::holds(&schema::TIERS, tiers, &mut findings));
        let files = service::files(folder, &mut findings);
        let read: Vec<_> = files
            .iter()
            .filter_map(|file| {
                let source = Source::read(folder, file, &mut findings)?;
                let service = Service::read(folder, &source, &mut findings)?;
                Some((source, service))
            })
            .collect();
        let is_complete = !files.is_empty() && read.len() == files.len();
        catalogue::check(&read, is_complete, &mut findings);
        let services: Vec<Service> = read.into_iter().map(|(_, service)| service).collect();
        let checked = tiers.and_then(|tiers| {
            if is_complete {
                catalogue::check_tiers(&tiers, &services, &mut findings);
            }
            let document = compiled::merged(&tiers.value, &services);
            let config = tiers_of(&document, &tiers, &mut findings)?;
            Some((config, document))
        });
        match checked {
            Some((tiers, document)) if findings.is_empty() => {
                Ok(Self { tiers, services, document })
            }
            _ => Err(findings.sorted()),
        }
    }

    /// What is held in AWS: one document, and its hash.
    pub fn compiled(&self) -> Compiled {
        Compiled::of(&self.document, &self.services)
    }

    /// The stack sets that at least one tier has.
    pub fn stack_sets(&self) -> BTreeSet<&StackSetName> {
        self.tiers.iter().flat_map(|(_, tier)| tier.baseline.iter().map(|set| &set.name)).collect()
    }
}

/// The tiers as the functions read them.
fn tiers_of(document: &Value, source: &Source, findings: &mut Findings) -> Option<TiersConfig> {
    let tiers = match document.to_string().parse::<TiersConfig>() {
        Ok(tiers) => tiers,
        Err(faults) => {
            findings.all(source, faults);
            return None;
        }
    };
    for (name, tier) in tiers.iter() {
        for (index, unit) in tier.organizational_units.iter().enumerate() {
            if !TENANT_UNITS.contains(&unit.name.as_str()) {
                let field = format!("tiers.{name}.organizationalUnits[{index}].name");
                let rule =
                    format!("must be one of the tenants' units: {}", TENANT_UNITS.join(", "));
                findings.one(source, Fault::new(field, unit.name.as_str(), rule));
            }
        }
    }
    // What the gate could not read would veto everything in a new account.
    if let Err(faults) = gate_rules::check_tiers(&tiers) {
        findings.all(source, faults);
    }
    Some(tiers)
}
