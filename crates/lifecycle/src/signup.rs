//! The incoming event `TenantSignedUp`: read with all of its faults at once, so that its sender
//! does not find them one by one.
//!
//! A tolerant reader: signup systems say more than Landlord asks for, and what it does not know it
//! ignores and names. Only a member that all but has a known name is a fault, for it is one that
//! was meant. `email` is not known: there, signup systems have their customer's contact, and a
//! customer must not become the root user of its account. The address of an account is `rootEmail`.

use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization as _;

use crate::names::{DisplayName, TierName};
use crate::{Email, Fault, Faults, Tags, TenantId};

/// A signup whose every value keeps AWS's and Landlord's rules.
#[derive(Debug, Clone, PartialEq)]
pub struct TenantSignedUp {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Its id as the signup system writes it, where that is another.
    pub original_tenant_id: Option<String>,
    /// What people call it.
    pub tenant_name: DisplayName,
    /// The tier that it bought. Whether there is such a tier, `tiers.json` knows.
    pub tier: TierName,
    /// The email of its account's root user, when the signup gives one.
    pub root_email: Option<Email>,
    /// The signup's own tags.
    pub tags: Tags,
    /// What the signup wants to be told again, in every answer.
    pub metadata: Map<String, Value>,
    /// Members that mean nothing to Landlord: names as in [`TenantSignedUp::ignored_in`].
    pub ignored: Vec<String>,
}

const KEYS: [&str; 6] = ["tenantId", "tenantName", "tier", "rootEmail", "tags", "metadata"];

/// How many members `metadata` may have, and how many bytes as JSON.
const MOST_METADATA: usize = 50;
const LONGEST_METADATA: usize = 4096;

/// How many ignored members are named, and how much of a name, in characters.
const MOST_IGNORED: usize = 20;
const LONGEST_IGNORED: usize = 64;

impl TenantSignedUp {
    /// The detail type of the event.
    pub const DETAIL_TYPE: &'static str = "TenantSignedUp";

    /// Reads the event's `detail`.
    ///
    /// # Errors
    /// All faults of the detail.
    pub fn parse(detail: &Value) -> Result<Self, Faults> {
        let Draft { tenant_id, tenant_name, tier, root_email, tags, metadata, faults, .. } =
            Draft::read(detail);
        let whole = match (tenant_id, tenant_name, tier, tags, metadata) {
            (
                Some((tenant_id, original_tenant_id)),
                Some(tenant_name),
                Some(tier),
                Some(tags),
                Some(metadata),
            ) => Some(Self {
                tenant_id,
                original_tenant_id,
                tenant_name,
                tier,
                root_email,
                tags,
                metadata,
                ignored: Self::ignored_in(detail),
            }),
            _ => None,
        };
        faults.none_or(whole)
    }

    /// The tenant's id in a detail, however faulty the rest is, and as the signup system writes
    /// it, where that is another.
    pub fn tenant_id_in(detail: &Value) -> Option<(TenantId, Option<String>)> {
        TenantId::of_original(detail.get("tenantId")?.as_str()?).ok()
    }

    /// The metadata in a detail, however faulty the rest is; none when it is itself faulty.
    pub fn metadata_in(detail: &Value) -> Map<String, Value> {
        read_metadata(detail.get("metadata"), &mut Faults::new()).unwrap_or_default()
    }

    /// Whether a member, by its path, means something to Landlord: `tier`, `tags.owner`.
    pub fn knows(path: &str) -> bool {
        KEYS.contains(&path) || path.starts_with("tags.")
    }

    /// The members of a detail that mean nothing to Landlord: at most 20 names, each cut to 64
    /// characters, and how many there are more.
    pub fn ignored_in(detail: &Value) -> Vec<String> {
        ignored_in(detail, &KEYS)
    }
}

/// The members of a detail that mean nothing to a reader of these.
pub(crate) fn ignored_in(detail: &Value, keys: &[&'static str]) -> Vec<String> {
    let unknown = |key: &&String| !keys.contains(&key.as_str()) && meant(key, keys).is_none();
    let all: Vec<&String> =
        detail.as_object().into_iter().flat_map(Map::keys).filter(unknown).collect();
    let shown = if all.len() > MOST_IGNORED { MOST_IGNORED - 1 } else { all.len() };
    let cut = |key: &&String| key.chars().take(LONGEST_IGNORED).collect();
    let mut ignored: Vec<String> = all.iter().take(shown).map(cut).collect();
    if all.len() > shown {
        ignored.push(format!("and {} more", all.len() - shown));
    }
    ignored
}

/// A fault for each member that all but has the name of a known one.
pub(crate) fn misspelled(fields: &Map<String, Value>, keys: &[&'static str], faults: &mut Faults) {
    for (key, right) in fields.keys().filter_map(|key| Some((key, meant(key, keys)?))) {
        faults.push(Fault::new(key, key, format!("must be spelled {right}")));
    }
}

/// The known name that a name which is none all but is: it differs in case or punctuation only, or
/// in letters that look the same.
fn meant(key: &str, keys: &[&'static str]) -> Option<&'static str> {
    let letters = |name: &str| -> String {
        let folded = name.nfkd().map(look_alike).filter(char::is_ascii_alphanumeric);
        folded.map(|c| c.to_ascii_lowercase()).collect()
    };
    // A name is short: what is much longer is no misspelling.
    let is_short = key.len() <= 64;
    let mut keys = keys.iter().copied();
    keys.find(|known| is_short && *known != key && letters(known) == letters(key))
}

/// The Latin letter that a Cyrillic or Greek one looks like, as far as known names have it.
fn look_alike(c: char) -> char {
    match c {
        'а' | 'А' | 'α' | 'Α' => 'a',
        'ԁ' => 'd',
        'е' | 'Е' | 'Ε' | 'ε' => 'e',
        'ɡ' => 'g',
        'і' | 'І' | 'ι' | 'Ι' | 'ı' => 'i',
        'М' | 'Μ' => 'm',
        'п' | 'ո' | 'η' => 'n',
        'Ν' => 'n',
        'о' | 'О' | 'ο' | 'Ο' => 'o',
        'ѕ' | 'Ѕ' => 's',
        'т' | 'Т' | 'τ' | 'Τ' => 't',
        'г' => 'r',
        other => other,
    }
}

/// What could be read of a signup, and what is wrong with the rest.
pub(crate) struct Draft {
    pub(crate) tenant_id: Option<(TenantId, Option<String>)>,
    pub(crate) tenant_name: Option<DisplayName>,
    pub(crate) tier: Option<TierName>,
    pub(crate) root_email: Option<Email>,
    pub(crate) root_email_is_given: bool,
    pub(crate) tags: Option<Tags>,
    pub(crate) metadata: Option<Map<String, Value>>,
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
        let tenant_id = tenant_id.and_then(|t| faults.keep("tenantId", TenantId::of_original(t)));
        let tenant_name = tenant_name.and_then(|t| faults.keep("tenantName", t.parse()));
        let tier = tier.and_then(|t| faults.keep("tier", t.parse()));
        let given = fields.get("rootEmail").filter(|value| !value.is_null());
        let root_email = given
            .and_then(|value| text("rootEmail", value, &mut faults))
            .and_then(|text| faults.keep("rootEmail", text.parse()));
        let tags = read_tags(fields.get("tags"), &mut faults);
        let metadata = read_metadata(fields.get("metadata"), &mut faults);
        misspelled(fields, &KEYS, &mut faults);
        let root_email_is_given = given.is_some();
        Self {
            tenant_id,
            tenant_name,
            tier,
            root_email,
            root_email_is_given,
            tags,
            metadata,
            faults,
        }
    }
}

pub(crate) fn read_metadata(
    value: Option<&Value>,
    faults: &mut Faults,
) -> Option<Map<String, Value>> {
    let fields = match value {
        None | Some(Value::Null) => return Some(Map::new()),
        Some(Value::Object(fields)) => fields,
        Some(other) => {
            faults.push(Fault::of("metadata", kind_of(other), "must be an object"));
            return None;
        }
    };
    let bytes = serde_json::to_string(fields).map_or(usize::MAX, |text| text.len());
    if fields.len() > MOST_METADATA || bytes > LONGEST_METADATA {
        let what = format!("{} members, {bytes} bytes", fields.len());
        let rule = format!(
            "where at most {MOST_METADATA} members and {LONGEST_METADATA} bytes are told again"
        );
        faults.push(Fault::of("metadata", what, rule));
        return None;
    }
    Some(fields.clone())
}

pub(crate) fn text<'a>(field: &str, value: &'a Value, faults: &mut Faults) -> Option<&'a str> {
    let text = value.as_str();
    if text.is_none() {
        faults.push(Fault::of(field, kind_of(value), "must be text"));
    }
    text
}

pub(crate) fn read_tags(value: Option<&Value>, faults: &mut Faults) -> Option<Tags> {
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

pub(crate) fn kind_of(value: &Value) -> &'static str {
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
            "rootEmail": "root@acme.example", "tags": {"cost-center": "42"},
            "metadata": {"registration": {"id": 7}},
        }))
        .unwrap();
        assert_eq!(signup.tenant_id.as_str(), "acme");
        assert_eq!(signup.original_tenant_id, None);
        assert_eq!(signup.root_email.unwrap().as_str(), "root@acme.example");
        assert_eq!(Value::Object(signup.metadata), json!({"registration": {"id": 7}}));
        assert_eq!(signup.ignored, Vec::<String>::new());
        assert_eq!(signup.tags.get("cost-center"), Some("42"));
    }

    #[test]
    fn email_tags_and_metadata_may_be_left_out_or_null() {
        for detail in [
            json!({"tenantId": "acme", "tenantName": "Acme", "tier": "standard"}),
            json!({"tenantId": "acme", "tenantName": "Acme", "tier": "standard",
                   "rootEmail": null, "tags": null, "metadata": null}),
        ] {
            let signup = TenantSignedUp::parse(&detail).unwrap();
            assert_eq!(signup.root_email, None);
            assert!(signup.tags.is_empty());
        }
    }

    #[test]
    fn all_faults_are_reported_at_once() {
        let faults = TenantSignedUp::parse(&json!({
            "tenantId": "Acme!", "tenantName": 7, "rootEmail": "nobody",
            "tags": {"aws:x": "1", "list": [], "bad": "a&b"}, "TIER": "gold", "metadata": [],
        }))
        .unwrap_err();
        assert_eq!(
            fields(&faults),
            [
                "tenantName",
                "tier",
                "tenantId",
                "rootEmail",
                "tags.list",
                "tags.aws:x",
                "tags.bad",
                "metadata",
                "TIER"
            ]
        );
    }

    fn with(field: &str, value: Value) -> Value {
        let mut signup = json!({"tenantId": "acme", "tenantName": "Acme", "tier": "standard"});
        signup[field] = value;
        signup
    }

    #[test]
    fn what_landlord_does_not_know_is_ignored_and_named() {
        let contact = with("email", json!("owner@customer.example"));
        let signup = TenantSignedUp::parse(&contact).unwrap();
        assert_eq!(signup.root_email, None, "a contact is nobody's root user");
        assert_eq!(signup.ignored, ["email"]);
        let many: Map<String, Value> =
            (0..20_000).map(|n| (format!("{n}-{}", "k".repeat(100)), json!(1))).collect();
        let mut detail = contact;
        detail.as_object_mut().unwrap().extend(many);
        let ignored = TenantSignedUp::parse(&detail).unwrap().ignored;
        assert_eq!((ignored.len(), ignored[19].as_str()), (20, "and 19982 more"));
        assert!(ignored.iter().all(|name| name.chars().count() <= 64));
    }

    #[test]
    fn a_member_that_all_but_has_a_known_name_is_a_fault_that_names_it() {
        for (wrong, right) in [
            ("tenant_id", "tenantId"),
            ("TenantName", "tenantName"),
            ("Tier", "tier"),
            ("root-email", "rootEmail"),
            ("meta_data", "metadata"),
            ("rootEm\u{430}il", "rootEmail"),
            ("\u{442}ags", "tags"),
            ("ｔｉｅｒ", "tier"),
            ("tier\u{200b}", "tier"),
        ] {
            let faults = TenantSignedUp::parse(&with(wrong, json!("x"))).unwrap_err();
            assert_eq!(fields(&faults), [wrong]);
            assert!(faults.to_string().contains(&format!("must be spelled {right}")), "{faults}");
        }
    }

    #[test]
    fn metadata_is_bounded() {
        let members: Map<String, Value> = (0..51).map(|n| (n.to_string(), json!(1))).collect();
        for wrong in [json!(members), json!({"a": "x".repeat(4096)}), json!("text")] {
            let detail = with("metadata", wrong);
            assert_eq!(fields(&TenantSignedUp::parse(&detail).unwrap_err()), ["metadata"]);
            assert!(TenantSignedUp::metadata_in(&detail).is_empty());
        }
        let detail = with("metadata", json!({"a": "x".repeat(4000)}));
        assert!(TenantSignedUp::parse(&detail).is_ok());
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
        assert_eq!(tenant.unwrap().0.as_str(), "acme");
        assert_eq!(TenantSignedUp::tenant_id_in(&json!({"tenantId": "!"})), None);
    }

    proptest! {
        #[test]
        fn no_detail_makes_the_reader_panic(
            id in ".{0,50}", name in ".{0,300}", email in ".{0,70}", key in ".{0,140}",
        ) {
            let detail = json!({"tenantId": id, "tenantName": name, "tier": id,
                                "rootEmail": email, "tags": {key.as_str(): name},
                                key.as_str(): 1, "metadata": {key: email}});
            if let Err(faults) = TenantSignedUp::parse(&detail) {
                prop_assert!(!faults.is_empty());
            }
        }
    }
}
