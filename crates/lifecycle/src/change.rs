//! The incoming event `TenantChanged`: what a tenant that is live is to have from now on. Read as
//! tolerantly as a signup, with all of its faults at once.
//!
//! It says only what changes. Whatever it leaves out stays as it is, so that two events of which one
//! changes the tier and one the name do not undo each other, in whatever order they come.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::names::{DisplayName, TierName};
use crate::signup::{ignored_in, kind_of, misspelled, read_metadata, read_tags, text};
use crate::tiers::is_parameter;
use crate::{Fault, Faults, Tags, TenantId};

const KEYS: [&str; 7] =
    ["tenantId", "occurredAt", "tier", "tenantName", "parameters", "tags", "metadata"];

/// How far the clocks of others may be ahead.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(5);
/// How many parameters an event may set.
const MOST_PARAMETERS: usize = 50;
/// How long a parameter's value may be, in bytes.
const LONGEST_VALUE: usize = 4_096;
/// How many characters of a refused tenant id are repeated.
const SHOWN_ID: usize = 256;

/// The event as the bus delivered it, unread.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChangeEvent {
    /// The event's id.
    pub id: String,
    /// Its detail type.
    #[serde(rename = "detail-type")]
    pub detail_type: String,
    /// What it says.
    #[serde(default)]
    pub detail: Value,
}

/// What a good event says.
#[derive(Debug, Clone, PartialEq)]
pub struct TenantChanged {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Its id as the event has it, when that is another.
    pub original_tenant_id: Option<String>,
    /// When it happened where the event comes from: the newest decides.
    pub occurred_at: Timestamp,
    /// What changes.
    pub changes: Changes,
    /// What its sender wants to be told again.
    pub metadata: Map<String, Value>,
}

/// What an event changes; what is not in it stays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// Another tier.
    pub tier: Option<TierName>,
    /// Another name.
    pub tenant_name: Option<DisplayName>,
    /// The tenant's own parameters: a value, or nothing to go back to that of the tier.
    pub parameters: BTreeMap<String, Option<String>>,
    /// Tags of its account.
    pub tags: Tags,
}

impl TenantChanged {
    /// The event's detail type.
    pub const DETAIL_TYPE: &'static str = "TenantChanged";

    /// The members of a detail that mean nothing to Landlord: at most 20 names.
    pub fn ignored_in(detail: &Value) -> Vec<String> {
        ignored_in(detail, &KEYS)
    }

    /// The tenant's id as a detail has it, cut when it is long; nothing when it is no text.
    pub fn given_tenant(detail: &Value) -> Option<String> {
        Some(detail.get("tenantId")?.as_str()?.chars().take(SHOWN_ID).collect())
    }

    /// Reads the event's `detail`.
    ///
    /// # Errors
    /// All faults of the detail.
    pub fn parse(detail: &Value, now: Timestamp) -> Result<Self, Faults> {
        let mut faults = Faults::new();
        let Some(fields) = detail.as_object() else {
            return Err(Fault::of("detail", kind_of(detail), "must be a JSON object").into());
        };
        let tenant_id = required(fields, "tenantId", &mut faults)
            .and_then(|text| faults.keep("tenantId", TenantId::of_original(text)));
        let occurred_at = required(fields, "occurredAt", &mut faults)
            .and_then(|text| faults.keep("occurredAt", time(text, now)));
        let tier = optional(fields, "tier", &mut faults)
            .and_then(|text| faults.keep("tier", text.parse()));
        let tenant_name = optional(fields, "tenantName", &mut faults)
            .and_then(|text| faults.keep("tenantName", text.parse()));
        let parameters = parameters(fields.get("parameters"), &mut faults);
        let tags = read_tags(fields.get("tags"), &mut faults);
        let metadata = read_metadata(fields.get("metadata"), &mut faults);
        misspelled(fields, &KEYS, &mut faults);
        let whole = (|| {
            let (tenant_id, original_tenant_id) = tenant_id?;
            let changes = Changes { tier, tenant_name, parameters, tags: tags? };
            Some(Self {
                tenant_id,
                original_tenant_id,
                occurred_at: occurred_at?,
                changes,
                metadata: metadata?,
            })
        })();
        faults.none_or(whole)
    }
}

fn required<'a>(
    fields: &'a Map<String, Value>,
    field: &str,
    faults: &mut Faults,
) -> Option<&'a str> {
    if fields.get(field).is_none_or(Value::is_null) {
        faults.push(Fault::missing(field));
    }
    optional(fields, field, faults)
}

fn optional<'a>(
    fields: &'a Map<String, Value>,
    field: &str,
    faults: &mut Faults,
) -> Option<&'a str> {
    fields.get(field).filter(|value| !value.is_null()).and_then(|value| text(field, value, faults))
}

fn time(text: &str, now: Timestamp) -> Result<Timestamp, Fault> {
    let time: Timestamp = text.parse().map_err(|_| {
        Fault::new("occurredAt", text, "must be a time such as 2026-11-21T10:00:00Z")
    })?;
    if time.duration_since(now) > CLOCKS_DIFFER {
        let rule = "must not lie in the future: no later event would be heard";
        return Err(Fault::new("occurredAt", text, rule));
    }
    Ok(time)
}

fn parameters(value: Option<&Value>, faults: &mut Faults) -> BTreeMap<String, Option<String>> {
    let mut parameters = BTreeMap::new();
    let fields = match value {
        None | Some(Value::Null) => return parameters,
        Some(Value::Object(fields)) => fields,
        Some(other) => {
            let rule = "must be an object of texts by parameter";
            faults.push(Fault::of("parameters", kind_of(other), rule));
            return parameters;
        }
    };
    if fields.len() > MOST_PARAMETERS {
        let rule = format!("parameters where at most {MOST_PARAMETERS} may be set at once");
        faults.push(Fault::of("parameters", fields.len(), rule));
        return parameters;
    }
    for (name, value) in fields {
        let at = format!("parameters.{}", name.chars().take(64).collect::<String>());
        if !is_parameter(name) {
            let rule = "must be the name of a CloudFormation parameter: letters and digits";
            faults.push(Fault::new(&at, name, rule));
        }
        let value = match value {
            Value::Null => None,
            Value::String(text) if text.len() <= LONGEST_VALUE => Some(text.clone()),
            Value::String(text) => {
                let rule = format!("must be at most {LONGEST_VALUE} bytes");
                faults.push(Fault::new(&at, text, rule));
                continue;
            }
            other => {
                let rule = "must be text, or null to go back to the tier's value";
                faults.push(Fault::of(&at, kind_of(other), rule));
                continue;
            }
        };
        parameters.insert(name.clone(), value);
    }
    parameters
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(detail: &Value) -> Result<TenantChanged, Vec<String>> {
        let now = "2026-11-21T10:00:00Z".parse().unwrap();
        TenantChanged::parse(detail, now).map_err(|faults| faults.reasons())
    }

    #[test]
    fn a_good_event_says_what_changes_and_nothing_else() {
        let at = "2026-11-21T09:00:00Z";
        let only = parse(&json!({"tenantId": "acme", "occurredAt": at})).unwrap();
        assert_eq!(only.changes, Changes::default());
        let detail = json!({"tenantId": "org_01H", "occurredAt": at, "tier": "premium",
            "tenantName": "Acme & Söhne", "parameters": {"Size": "large", "Old": null},
            "tags": {"owner": "crm"}, "metadata": {"order": 7}, "ticket": 1});
        let said = parse(&detail).unwrap();
        assert_eq!(
            (said.tenant_id.as_str(), said.original_tenant_id.as_deref()),
            ("org-01h", Some("org_01H"))
        );
        assert_eq!(said.changes.tier.unwrap().as_str(), "premium");
        assert_eq!(said.changes.parameters["Size"].as_deref(), Some("large"));
        assert_eq!(said.changes.parameters["Old"], None);
        assert_eq!(said.changes.tags.get("owner"), Some("crm"));
        assert_eq!(TenantChanged::ignored_in(&detail), ["ticket"]);
    }

    #[test]
    fn every_fault_is_named_in_a_line() {
        let good = json!({"tenantId": "acme", "occurredAt": "2026-11-21T09:00:00Z"});
        let with = |field: &str, value: Value| {
            let mut detail = good.clone();
            detail[field] = value;
            detail
        };
        let many: Map<String, Value> = (0..51).map(|n| (format!("P{n}"), json!("x"))).collect();
        for (detail, field) in [
            (json!(null), "detail"),
            (json!({}), "tenantId"),
            (with("tenantId", json!("No!")), "tenantId"),
            (with("occurredAt", json!(null)), "occurredAt"),
            (with("occurredAt", json!("yesterday")), "occurredAt"),
            (with("occurredAt", json!("2026-11-21T10:05:01Z")), "occurredAt"),
            (with("tier", json!(7)), "tier"),
            (with("tenantName", json!("")), "tenantName"),
            (with("parameters", json!([])), "parameters"),
            (with("parameters", json!({"a-b": "x"})), "parameters.a-b"),
            (with("parameters", json!({"A": 1})), "parameters.A"),
            (with("parameters", json!({"A": "x".repeat(5_000)})), "parameters.A"),
            (with("parameters", Value::Object(many)), "parameters"),
            (with("tags", json!({"landlord:tier": "x"})), "tags.landlord:tier"),
            (with("metadata", json!([])), "metadata"),
            (with("Tier", json!("premium")), "Tier"),
        ] {
            let reasons = parse(&detail).unwrap_err();
            assert!(reasons.iter().any(|reason| reason.starts_with(field)), "{field}: {reasons:?}");
            assert!(reasons.iter().all(|reason| reason.len() < 400), "{field}");
        }
        assert_eq!(parse(&json!({"tier": 1})).unwrap_err().len(), 3);
    }
}
