//! A service's template, as far as it has to fit what the catalogue says of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use lifecycle::Fault;
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use sha2::{Digest, Sha256};

/// The most bytes of a template in a bucket.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>
const LARGEST: usize = 1 << 20;

/// A parameter that a template declares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declared {
    /// Whether it has a default.
    pub has_default: bool,
    /// Its allowed values; empty, all are.
    pub allowed: Vec<String>,
}

/// A template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Its text.
    pub text: String,
    /// The SHA-256 of its text, 64 hexadecimal digits.
    pub sha256: String,
    /// Its parameters.
    pub parameters: BTreeMap<String, Declared>,
    /// Whether it makes resources of IAM.
    pub makes_iam: bool,
}

impl Template {
    /// Reads a template; `shown` is how its file is called.
    pub(crate) fn read(path: &Path, shown: &str) -> Result<Self, Fault> {
        let wrong = |rule: String| Fault::new("template", shown, rule);
        let text = std::fs::read_to_string(path)
            .map_err(|error| wrong(format!("must be a file that can be read: {error}")))?;
        if text.len() > LARGEST {
            return Err(wrong(format!(
                "must have at most {LARGEST} bytes, as CloudFormation takes"
            )));
        }
        let documents = Yaml::load_from_str(&text)
            .map_err(|error| wrong(format!("must be a template in YAML or JSON: {error}")))?;
        let [document] = documents.as_slice() else {
            return Err(wrong("must have one document".into()));
        };
        let resources = member(document, "Resources").and_then(Yaml::as_mapping);
        let Some(resources) = resources.filter(|it| !it.is_empty()) else {
            return Err(wrong("must have Resources, as a template has".into()));
        };
        let types = resources.values().filter_map(|it| member(it, "Type")?.as_str());
        let makes_iam = types.into_iter().any(|kind| kind.starts_with("AWS::IAM::"));
        let parameters = member(document, "Parameters").and_then(Yaml::as_mapping);
        let declared = parameters.into_iter().flatten().filter_map(|(name, one)| {
            let allowed = member(one, "AllowedValues").and_then(Yaml::as_vec);
            let allowed = allowed.into_iter().flatten().filter_map(text_of).collect();
            let has_default = member(one, "Default").is_some();
            Some((name.as_str()?.to_owned(), Declared { has_default, allowed }))
        });
        let parameters = declared.collect();
        Ok(Self { sha256: sha256(text.as_bytes()), text, parameters, makes_iam })
    }
}

fn member<'a, 'b>(node: &'a Yaml<'b>, name: &str) -> Option<&'a Yaml<'b>> {
    node.as_mapping_get(name)
}

fn text_of(node: &Yaml<'_>) -> Option<String> {
    match node {
        Yaml::Value(Scalar::String(text)) => Some(text.to_string()),
        Yaml::Value(Scalar::Integer(number)) => Some(number.to_string()),
        Yaml::Value(Scalar::Boolean(value)) => Some(value.to_string()),
        _ => None,
    }
}

/// The SHA-256, as 64 hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
