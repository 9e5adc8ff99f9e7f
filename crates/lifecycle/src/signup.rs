//! The incoming event `TenantSignedUp`: read with all of its faults at once, for whoever sent it
//! should not have to find them one by one.

use serde_json::{Map, Value};

use crate::names::{DisplayName, TierName};
use crate::{Email, Fault, Faults, Tags, TenantId};

/// A signup whose every value keeps AWS's and Landlord's rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantSignedUp {
    /// The tenant.
    pub tenant_id: TenantId,
    /// What people call it.
    pub tenant_name: DisplayName,
    /// The tier that it bought. Whether there is such a tier, `tiers.json` knows.
    pub tier: TierName,
    /// The email of its account, when the signup gives one.
    pub email: Option<Email>,
    /// The signup's own tags.
    pub tags: Tags,
}

const KEYS: [&str; 5] = ["tenantId", "tenantName", "tier", "email", "tags"];

impl TenantSignedUp {
    /// The detail type of the event.
    pub const DETAIL_TYPE: &'static str = "TenantSignedUp";

    /// Reads the event's `detail`.
    ///
    /// # Errors
    /// All faults of the detail, unknown keys included.
    pub fn parse(detail: &Value) -> Result<Self, Faults> {
        let Draft { tenant_id, tenant_name, tier, email, tags, faults, .. } = Draft::read(detail);
        let whole = match (tenant_id, tenant_name, tier, tags) {
            (Some(tenant_id), Some(tenant_name), Some(tier), Some(tags)) => {
                Some(Self { tenant_id, tenant_name, tier, email, tags })
            }
            _ => None,
        };
        faults.none_or(whole)
    }

    /// The tenant's id in a detail, however faulty the rest is.
    pub fn tenant_id_in(detail: &Value) -> Option<TenantId> {
        detail.get("tenantId")?.as_str()?.parse().ok()
    }
}

/// What could be read of a signup, and what is wrong with the rest.
pub(crate) struct Draft {
    pub(crate) tenant_id: Option<TenantId>,
    pub(crate) tenant_name: Option<DisplayName>,
    pub(crate) tier: Option<TierName>,
    pub(crate) email: Option<Email>,
    pub(crate) email_is_given: bool,
    pub(crate) tags: Option<Tags>,
    pub(crate) faults: Faults,
}

impl Draft {
    pub(crate) fn read(detail: &Value) -> Self {
        let mut faults = Faults::new();
        let empty = Map::new();
        let fields = detail.as_object().unwrap_or_else(|| {
            faults.push(Fault::of("detail", kind_of(detail), "must be a JSON object"));
            &empty
        });
        let readable = faults.is_empty();
        let required = |field: &str, faults: &mut Faults| match fields.get(field) {
            None | Some(Value::Null) if readable => {
                faults.push(Fault::missing(field));
                None
            }
            None => None,
            Some(value) => text(field, value, faults),
        };
        let tenant_id = required("tenantId", &mut faults);
        let tenant_name = required("tenantName", &mut faults);
        let tier = required("tier", &mut faults);
        let tenant_id = tenant_id.and_then(|t| faults.keep("tenantId", t.parse()));
        let tenant_name = tenant_name.and_then(|t| faults.keep("tenantName", t.parse()));
        let tier = tier.and_then(|t| faults.keep("tier", t.parse()));
        let given = fields.get("email").filter(|value| !value.is_null());
        let email = given
            .and_then(|value| text("email", value, &mut faults))
            .and_then(|text| faults.keep("email", text.parse()));
        let tags = read_tags(fields.get("tags"), &mut faults);
        for key in fields.keys().filter(|key| !KEYS.contains(&key.as_str())) {
            faults.push(Fault::new(key, key, format!("must be one of {}", KEYS.join(", "))));
        }
        let email_is_given = given.is_some();
        Self { tenant_id, tenant_name, tier, email, email_is_given, tags, faults }
    }
}

fn text<'a>(field: &str, value: &'a Value, faults: &mut Faults) -> Option<&'a str> {
    let text = value.as_str();
    if text.is_none() {
        faults.push(Fault::of(field, kind_of(value), "must be text"));
    }
    text
}

fn read_tags(value: Option<&Value>, faults: &mut Faults) -> Option<Tags> {
    let fields = match value {
        None | Some(Value::Null) => return Some(Tags::new()),
        Some(Value::Object(fields)) => fields,
        Some(other) => {
            faults.push(Fault::of("tags", kind_of(other), "must be an object of texts by key"));
            return None;
        }
    };
    let mut texts = Vec::new();
    let before = faults.iter().count();
    for (key, value) in fields {
        if let Some(value) = text(&format!("tags.{key}"), value, faults) {
            texts.push((key.as_str(), value));
        }
    }
    match Tags::of_signup(texts) {
        Ok(tags) if faults.iter().count() == before => Some(tags),
        Ok(_) => None,
        Err(more) => {
            more.into_iter().for_each(|fault| faults.push(fault));
            None
        }
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn fields(faults: &Faults) -> Vec<&str> {
        faults.iter().map(|fault| fault.field.as_str()).collect()
    }

    #[test]
    fn a_good_signup_is_read_whole() {
        let signup = TenantSignedUp::parse(&json!({
            "tenantId": "acme", "tenantName": "Acme", "tier": "standard",
            "email": "root@acme.example", "tags": {"cost-center": "42"},
        }))
        .unwrap();
        assert_eq!(signup.tenant_id.as_str(), "acme");
        assert_eq!(signup.email.unwrap().as_str(), "root@acme.example");
        assert_eq!(signup.tags.get("cost-center"), Some("42"));
    }

    #[test]
    fn email_and_tags_may_be_left_out_or_null() {
        for detail in [
            json!({"tenantId": "acme", "tenantName": "Acme", "tier": "standard"}),
            json!({"tenantId": "acme", "tenantName": "Acme", "tier": "standard",
                   "email": null, "tags": null}),
        ] {
            let signup = TenantSignedUp::parse(&detail).unwrap();
            assert_eq!(signup.email, None);
            assert!(signup.tags.is_empty());
        }
    }

    #[test]
    fn all_faults_are_reported_at_once() {
        let faults = TenantSignedUp::parse(&json!({
            "tenantId": "Acme!", "tenantName": 7, "email": "nobody",
            "tags": {"aws:x": "1", "list": [], "bad": "a&b"}, "plan": "gold",
        }))
        .unwrap_err();
        assert_eq!(
            fields(&faults),
            [
                "tenantName",
                "tier",
                "tenantId",
                "email",
                "tags.list",
                "tags.aws:x",
                "tags.bad",
                "plan"
            ]
        );
    }

    #[test]
    fn a_detail_that_is_no_object_is_one_fault() {
        for detail in [json!(null), json!([1]), json!("x")] {
            let faults = TenantSignedUp::parse(&detail).unwrap_err();
            assert_eq!(fields(&faults), ["detail"]);
        }
    }

    #[test]
    fn the_tenant_is_found_in_a_faulty_signup() {
        let tenant = TenantSignedUp::tenant_id_in(&json!({"tenantId": "acme", "x": 1}));
        assert_eq!(tenant.unwrap().as_str(), "acme");
        assert_eq!(TenantSignedUp::tenant_id_in(&json!({"tenantId": "A"})), None);
    }

    proptest! {
        #[test]
        fn no_detail_makes_the_reader_panic(
            id in ".{0,50}", name in ".{0,300}", email in ".{0,70}", key in ".{0,140}",
        ) {
            let detail = json!({"tenantId": id, "tenantName": name, "tier": id,
                                "email": email, "tags": {key: name}});
            if let Err(faults) = TenantSignedUp::parse(&detail) {
                prop_assert!(!faults.is_empty());
            }
        }
    }
}
