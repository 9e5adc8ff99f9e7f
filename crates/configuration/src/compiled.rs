//! The configuration as it is held in AWS: one document, the same for the same content, and its hash.

use lifecycle::StackSetName;
use serde_json::{Map, Value, json};

use crate::service::Service;
use crate::template::sha256;

/// The largest document, in bytes: what an admission reads in one call.
pub const LARGEST: usize = 1 << 20;

/// The version of the document's form.
const FORMAT: u32 = 1;

/// A configuration as it is held in AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiled {
    /// The document.
    pub text: String,
    /// The SHA-256 of its text, 64 hexadecimal digits: how it is called.
    pub sha256: String,
}

impl Compiled {
    pub(crate) fn of(tiers: &Value, services: &[Service]) -> Self {
        let services: Map<String, Value> =
            services.iter().map(|one| (one.stack_set.to_string(), service(one))).collect();
        let mut document =
            json!({ "format": FORMAT, "services": services, "tiers": tiers["tiers"] });
        // The order in which files and members are written is nobody's business.
        document.sort_all_objects();
        let text = document.to_string();
        Self { sha256: sha256(text.as_bytes()), text }
    }
}

fn service(one: &Service) -> Value {
    let Service { name, description, template, parameters, capabilities, .. } = one;
    let mut document = json!({
        "name": name,
        "description": description,
        "templateSha256": template.sha256,
        "parameters": parameters,
        "capabilities": capabilities,
        "regions": one.regions,
        "after": one.after,
        "tenantParameters": one.tenant_parameters,
        "healthAlarms": one.health_alarms,
        "removal": one.removal,
    });
    if let Some(members) = document.as_object_mut() {
        let is_empty = |value: &Value| match value {
            Value::Null => true,
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
            _ => false,
        };
        members.retain(|_, value| !is_empty(value));
    }
    document
}

/// The tiers, in each of which a stack set waits for what its service waits for, where the tier has
/// that too.
pub(crate) fn merged(tiers: &Value, services: &[Service]) -> Value {
    let mut merged = json!({ "tiers": tiers["tiers"] });
    for tier in merged["tiers"].as_object_mut().into_iter().flat_map(|it| it.values_mut()) {
        let Some(baseline) = tier.get_mut("baseline").and_then(Value::as_array_mut) else {
            continue;
        };
        let name = |entry: &Value| entry["stackSet"].as_str().unwrap_or_default().to_owned();
        let names: Vec<String> = baseline.iter().map(name).collect();
        for (entry, own) in baseline.iter_mut().zip(&names) {
            let service = services.iter().find(|one| one.stack_set.as_str() == own);
            let given = entry["after"].as_array().cloned().unwrap_or_default();
            let has = |name: &StackSetName| {
                names.iter().any(|it| it == name.as_str()) && !given.contains(&json!(name))
            };
            let more = service.into_iter().flat_map(|one| one.after.iter()).filter(|it| has(it));
            let all: Vec<Value> =
                given.iter().cloned().chain(more.map(|name| json!(name))).collect();
            if !all.is_empty() {
                entry["after"] = Value::Array(all);
            }
        }
    }
    merged
}
