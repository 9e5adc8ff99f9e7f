//! `landlord gate check`: files with settings, each read with the gate's own parser.

use std::path::PathBuf;

use clap::Args;
use gate_rules::{Settings, check_parameters, check_tiers};
use lifecycle::Fault;

use crate::source::{Document, read, shown};
use crate::{Error, say};

/// Whether the gate understands settings
#[derive(Debug, Args)]
pub struct Check {
    /// Files with settings: a deployment's parameters, tiers, or any form that `preview` takes
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

impl Check {
    /// Reads every file, and tells all faults of all of them.
    pub(crate) fn perform(self) -> Result<(), Error> {
        let mut faults: Vec<Fault> = Vec::new();
        let mut unread: Option<Error> = None;
        for file in &self.files {
            let name = shown(file);
            let checked = match read(file) {
                Ok(Document::Tiers(tiers)) => {
                    check_tiers(&tiers).map(|()| "its tiers' overrides of the gate".to_owned())
                }
                Ok(Document::Parameters(parameters)) => {
                    check_parameters(&parameters).map(|settings| in_words(&settings))
                }
                Err(error) => {
                    unread.get_or_insert(error);
                    continue;
                }
            };
            match checked {
                Ok(what) => say(&format!("{name}: the gate understands {what}")),
                Err(found) => faults.extend(found.into_iter().map(|fault| {
                    let field = format!("{name}: {}", fault.field);
                    fault.at(field)
                })),
            }
        }
        match (unread, faults.is_empty()) {
            (_, false) => Err(Error::Settings { faults }),
            (Some(error), true) => Err(error),
            (None, true) => Ok(()),
        }
    }
}

fn in_words(settings: &Settings) -> String {
    let (windows, freezes) = (settings.windows.len(), settings.freezes.len());
    format!("its settings, {windows} maintenance windows and {freezes} freezes among them")
}
