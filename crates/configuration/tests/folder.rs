//! A folder with a configuration.

use std::path::Path;

use configuration::{Configuration, Findings};
use serde_json::{Value, json};

/// A folder that is removed in the end.
pub(crate) struct Folder(tempfile::TempDir);

const TEMPLATE: &str = "Parameters:\n  Days:\n    Type: Number\n    Default: 30\n    AllowedValues: [7, 30]\n  \
    Bucket:\n    Type: String\nResources:\n  Topic:\n    Type: AWS::SNS::Topic\n    Properties: !Ref Days\n";

impl Folder {
    /// Two services, `landlord-base` and `landlord-billing`, and a tier that has both.
    pub(crate) fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(folder.path().join("services")).unwrap();
        folder.write("templates.yaml", TEMPLATE);
        folder.write("services/base.json", service("landlord-base", &[]).to_string());
        let billing = service("landlord-billing", &["landlord-base"]);
        folder.write("services/billing.json", serde_json::to_string_pretty(&billing).unwrap());
        folder.write("tiers.json", serde_json::to_string_pretty(&tiers()).unwrap());
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, file: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path().join(file), text).unwrap();
    }

    pub(crate) fn load(&self) -> Result<Configuration, Findings> {
        Configuration::load(self.path())
    }

    /// What is wrong, line by line.
    #[track_caller]
    pub(crate) fn faults(&self) -> Vec<String> {
        self.load().unwrap_err().iter().map(ToString::to_string).collect()
    }
}

pub(crate) fn service(stack_set: &str, after: &[&str]) -> Value {
    json!({
        "stackSet": stack_set,
        "template": "../templates.yaml",
        "parameters": { "Bucket": "${Output.RunsBucketName}" },
        "after": after,
        "removal": "DELETE",
    })
}

pub(crate) fn tiers() -> Value {
    json!({ "tiers": { "standard": {
        "organizationalUnits": [{ "name": "General", "weight": 1 }],
        "baseline": [
            { "stackSet": "landlord-base", "regions": ["eu-central-1"] },
            { "stackSet": "landlord-billing", "regions": ["eu-central-1"],
              "parameterOverrides": { "Days": "7" } },
        ],
    }}})
}
