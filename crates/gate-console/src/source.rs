//! Where settings come from: files in the forms in which people and the AWS CLI have them.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use gate_rules::{PARAMETERS, Settings, check_parameters, is_gate_set};
use lifecycle::{TierName, TiersConfig};
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

use crate::Error;

/// Parameters of the gate's template that are no settings of the gate.
const OTHERS: [&str; 6] = [
    "ArtifactBucketPrefix",
    "ArtifactKey",
    "Architecture",
    "MemorySize",
    "LogRetentionDays",
    "ParametersPath",
];

/// Which settings.
#[derive(Debug, Args)]
pub(crate) struct Source {
    /// Files with settings, JSON or YAML, `-` for standard input; of several, what a later one sets
    /// wins. A deployment's parameters (GateMaintenanceWindows, …), the template's parameters, a
    /// list of windows or freezes, or what the AWS CLI prints: `ssm get-maintenance-window`,
    /// `ssm describe-maintenance-windows`,
    /// `cloudformation describe-stack-set` and `describe-stack-instance`,
    /// `lambda get-function-configuration`
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The tiers, of which one's overrides of the gate win over the files
    #[arg(long, value_name = "FILE", requires = "tier")]
    tiers: Option<PathBuf>,
    /// The tier
    #[arg(long, value_name = "NAME", requires = "tiers")]
    tier: Option<String>,
}

impl Source {
    /// Whether there is any.
    pub(crate) fn is_given(&self) -> bool {
        !self.files.is_empty() || self.tiers.is_some()
    }

    /// The settings, read by the gate's own parser.
    pub(crate) fn settings(&self) -> Result<Settings, Error> {
        let mut parameters = BTreeMap::new();
        for file in &self.files {
            match read(file)? {
                Document::Parameters(found) => parameters.extend(found),
                Document::Tiers(_) => {
                    let fault = "has tiers: say --tiers, and which one with --tier".to_owned();
                    return Err(Error::Shape { file: shown(file), fault });
                }
            }
        }
        if let (Some(file), Some(tier)) = (&self.tiers, &self.tier) {
            parameters.extend(overrides(file, tier)?);
        }
        let faults = |faults: lifecycle::Faults| faults.into_iter().collect();
        check_parameters(&parameters).map_err(|found| Error::Settings { faults: faults(found) })
    }
}

/// What a tier overrides of the gate.
fn overrides(file: &Path, tier: &str) -> Result<BTreeMap<String, String>, Error> {
    let wrong = |fault: String| Error::Shape { file: shown(file), fault };
    let Document::Tiers(tiers) = read(file)? else {
        return Err(wrong("is no document of tiers".to_owned()));
    };
    let name: TierName = tier.parse().map_err(|fault| wrong(format!("--tier {fault}")))?;
    let tier = tiers.get(&name).ok_or_else(|| wrong(format!("has no tier {name}")))?;
    let sets = tier.baseline.iter().filter(|set| is_gate_set(set.name.as_str()));
    Ok(sets.flat_map(|set| set.parameter_overrides.clone()).collect())
}

/// What a file holds.
pub(crate) enum Document {
    /// Settings, by the names of the template's parameters.
    Parameters(BTreeMap<String, String>),
    /// Tiers.
    Tiers(Box<TiersConfig>),
}

/// How a file is called in what is said about it.
pub(crate) fn shown(file: &Path) -> String {
    if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() }
}

/// Reads a file.
pub(crate) fn read(file: &Path) -> Result<Document, Error> {
    let unreadable = |error| Error::Unreadable { file: shown(file), error };
    let text = if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(unreadable)?;
        text
    } else {
        std::fs::read_to_string(file).map_err(unreadable)?
    };
    understand(&text).map_err(|fault| Error::Shape { file: shown(file), fault })
}

fn understand(text: &str) -> Result<Document, String> {
    let value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(_) => yaml(text)?,
    };
    if value.get("tiers").is_some() {
        let tiers: TiersConfig = value.to_string().parse().map_err(|faults| format!("{faults}"))?;
        return Ok(Document::Tiers(Box::new(tiers)));
    }
    parameters(&value).map(Document::Parameters)
}

/// The settings that a document stands for.
fn parameters(value: &Value) -> Result<BTreeMap<String, String>, String> {
    match value {
        Value::Array(list) if list.iter().all(|one| one.get("ParameterKey").is_some()) => {
            keyed(list)
        }
        Value::Array(list) if list.iter().any(|one| one.get("From").is_some()) => {
            Ok(one("FreezePeriods", value))
        }
        Value::Array(_) => Ok(one("MaintenanceWindows", value)),
        Value::Object(object) if object.contains_key("Schedule") => {
            Ok(one("MaintenanceWindows", &json!([value])))
        }
        Value::Object(object) if object.contains_key("WindowIdentities") => {
            Ok(one("MaintenanceWindows", &object["WindowIdentities"]))
        }
        Value::Object(object) => {
            for (pointer, list) in [
                ("/StackSet/Parameters", true),
                ("/StackInstance/ParameterOverrides", true),
                ("/Environment/Variables", false),
            ] {
                match value.pointer(pointer) {
                    Some(Value::Array(found)) if list => return keyed(found),
                    Some(Value::Object(found)) if !list => return named(found),
                    _ => {}
                }
            }
            named(object)
        }
        _ => Err("holds no settings: a list or an object is expected".to_owned()),
    }
}

fn one(name: &str, value: &Value) -> BTreeMap<String, String> {
    BTreeMap::from([(name.to_owned(), value.to_string())])
}

/// `[{"ParameterKey":…,"ParameterValue":…}]`
fn keyed(list: &[Value]) -> Result<BTreeMap<String, String>, String> {
    let pair = |one: &Value| {
        let text =
            |name: &str| one.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        (text("ParameterKey"), Value::String(text("ParameterValue")))
    };
    named(&list.iter().map(pair).collect())
}

/// Settings under the names of the template's parameters, of a deployment's, or of the variables.
fn named(object: &Map<String, Value>) -> Result<BTreeMap<String, String>, String> {
    let is_deployment = object.keys().any(|key| key.starts_with("Gate"))
        || object.contains_key("EmailDomain")
        || object.contains_key("ParentId");
    let mut found = BTreeMap::new();
    for (key, value) in object {
        let name = match key.strip_prefix("Gate") {
            Some(name) => Some(name),
            None if is_deployment => None,
            None => Some(key.as_str()),
        };
        let Some(name) = name else { continue };
        let known =
            PARAMETERS.iter().find(|(parameter, variable)| [*parameter, *variable].contains(&name));
        match known {
            Some((parameter, _)) => {
                found.insert((*parameter).to_owned(), text_of(value));
            }
            None if is_deployment || OTHERS.contains(&name) || is_variable(name) => {}
            None => {
                let names = PARAMETERS.map(|(parameter, _)| parameter).join(", ");
                return Err(format!("{name} is no setting of the gate; these are: {names}"));
            }
        }
    }
    Ok(found)
}

/// A function has variables that are no settings.
fn is_variable(name: &str) -> bool {
    name.contains('_') && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}

/// What CloudFormation would make of a value: text, and of lists and objects their JSON.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn yaml(text: &str) -> Result<Value, String> {
    let documents = Yaml::load_from_str(text).map_err(|error| error.to_string())?;
    match documents.as_slice() {
        [document] => plain(document),
        others => Err(format!("{} documents, one is expected", others.len())),
    }
}

fn plain(node: &Yaml<'_>) -> Result<Value, String> {
    Ok(match node {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => json!(value),
        Yaml::Value(Scalar::Integer(value)) => json!(value),
        Yaml::Value(Scalar::FloatingPoint(value)) => json!(value.into_inner()),
        Yaml::Value(Scalar::String(value)) => json!(value),
        Yaml::Sequence(items) => Value::Array(items.iter().map(plain).collect::<Result<_, _>>()?),
        Yaml::Mapping(members) => {
            let mut object = Map::new();
            for (key, value) in members {
                let key = match plain(key)? {
                    Value::String(key) => key,
                    other => other.to_string(),
                };
                object.insert(key, plain(value)?);
            }
            Value::Object(object)
        }
        other => return Err(format!("{other:?} has no place among settings")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(String, String)> {
        match understand(text) {
            Ok(Document::Parameters(found)) => found.into_iter().collect(),
            Ok(Document::Tiers(_)) => vec![("tiers".to_owned(), String::new())],
            Err(fault) => vec![("fault".to_owned(), fault)],
        }
    }

    #[test]
    fn settings_are_found_in_all_their_forms() {
        let window = r#"{"Schedule":"cron(0 2 ? * SUN *)","Duration":4}"#;
        let list = format!("[{window}]");
        let windows = vec![("MaintenanceWindows".to_owned(), list.clone())];
        for text in [
            list.clone(),
            window.to_owned(),
            format!(r#"{{"WindowIdentities":{list}}}"#),
            format!(r#"{{"MaintenanceWindows":{list},"MemorySize":256}}"#),
            format!(
                r#"{{"StackSet":{{"Parameters":[{{"ParameterKey":"MaintenanceWindows","ParameterValue":{}}}]}}}}"#,
                json!(list)
            ),
            format!(
                r#"{{"Environment":{{"Variables":{{"MAINTENANCE_WINDOWS":{},"SOME_OTHER":"x"}}}}}}"#,
                json!(list)
            ),
            format!(
                "# for make deploy\nEmailDomain: example.com\nGateRegions: []\nGateMaintenanceWindows: '{list}'\n"
            ),
            format!("GateMaintenanceWindows:\n- {window}\n"),
        ] {
            assert_eq!(found(&text), windows, "{text}");
        }
        let freeze = r#"[{"From":"2026-12-20T18:00Z","To":"2027-01-02T06:00Z"}]"#;
        assert_eq!(found(freeze), [("FreezePeriods".to_owned(), freeze.to_owned())]);
        assert_eq!(found("EmailDomain: example.com\n"), []);
        let tiers = include_str!("../../../tiers.json");
        assert_eq!(found(tiers)[0].0, "tiers");
    }

    #[test]
    fn a_mistyped_setting_is_no_setting() {
        let fault = &found(r#"{"MaintenanceWindow":[]}"#)[0];
        assert_eq!(fault.0, "fault");
        assert!(fault.1.starts_with("MaintenanceWindow is no setting of the gate"), "{}", fault.1);
        assert!(found("7")[0].1.contains("holds no settings"));
    }
}
