//! `landlord config check`: whether the configuration in a folder is in order, offline.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::{Compiled, Configuration, Finding, Findings};

/// Whether the configuration in a folder is in order
#[derive(Debug, Args)]
pub struct Check {
    /// The folder with tiers.json and services/
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// Answer one JSON document
    #[arg(long)]
    pub json: bool,
}

impl Check {
    /// What is to be printed when it is in order.
    ///
    /// # Errors
    /// What is to be printed when it is not: one line for each fault, or their document.
    pub fn perform(self) -> Result<String, String> {
        match Configuration::load(&self.folder) {
            Ok(configuration) if self.json => Ok(document(&configuration).to_string()),
            Ok(configuration) => Ok(in_words(&configuration)),
            Err(findings) if self.json => Err(faults(&findings).to_string()),
            Err(findings) => Err(findings.to_string()),
        }
    }
}

fn in_words(configuration: &Configuration) -> String {
    let Compiled { text, sha256 } = configuration.compiled();
    let count = |number: usize, one: &str| match number {
        1 => format!("1 {one}"),
        more => format!("{more} {one}s"),
    };
    let tiers = count(configuration.tiers.iter().count(), "tier");
    let services = count(configuration.services.len(), "service");
    format!("in order: {tiers}, {services}; {} bytes, SHA-256\n{sha256}", text.len())
}

fn document(configuration: &Configuration) -> Value {
    let Compiled { text, sha256 } = configuration.compiled();
    json!({
        "valid": true,
        "sha256": sha256,
        "bytes": text.len(),
        "tiers": configuration.tiers.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        "services": configuration.services.iter().map(|one| &one.name).collect::<Vec<_>>(),
    })
}

fn faults(findings: &Findings) -> Value {
    let each = findings.iter().map(|Finding { file, line, fault }| {
        json!({
            "file": file, "line": line,
            "field": fault.field, "value": fault.value, "rule": fault.rule,
        })
    });
    json!({ "valid": false, "faults": each.collect::<Vec<_>>() })
}
