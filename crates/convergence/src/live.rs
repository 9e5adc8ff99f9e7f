//! What a live tenant should have, as the document of an onboarding that would give it that.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lifecycle::{Admission, Faults, SignupEvent, TenantDocument, TenantId, tags};
use serde_json::{Map, Value, json};

/// What is known of a live tenant: what events have said last, and else what its account's tags say.
#[derive(Debug, Clone)]
pub struct Live<'a> {
    /// The tenant.
    pub tenant: &'a TenantId,
    /// Its tier's name.
    pub tier: &'a str,
    /// Its name, where an event has said it.
    pub name: Option<&'a str>,
    /// The tags of its account.
    pub tags: &'a BTreeMap<String, String>,
    /// Tags of its own, as events have said them.
    pub own_tags: BTreeMap<&'a str, &'a str>,
    /// Parameters of its own, as events have said them.
    pub own_parameters: &'a BTreeMap<String, String>,
    /// What the event wants to be told again.
    pub metadata: &'a Map<String, Value>,
    /// The event's id.
    pub event_id: &'a str,
}

impl Live<'_> {
    /// What the tenant should have.
    ///
    /// # Errors
    /// What is wrong with its tier, or with what its tags say of it.
    pub fn document(&self, admission: Admission<'_>) -> Result<TenantDocument, Faults> {
        let tag = |key: &str| self.tags.get(key).filter(|value| !value.is_empty()).cloned();
        let tenant = self.tenant.to_string();
        let name = self.name.map(str::to_owned).or_else(|| tag(tags::NAME));
        let detail = json!({
            "tenantId": tag(tags::ORIGINAL_ID).unwrap_or_else(|| tenant.clone()),
            "tenantName": name.unwrap_or(tenant),
            "tier": self.tier,
            "tags": self.own_tags,
            "metadata": Value::Object(self.metadata.clone()),
        });
        // The functions that equip ask whether the tenant left since it signed up. One that is live
        // now has left whenever its account says so.
        let signup =
            SignupEvent { id: self.event_id, time: Timestamp::UNIX_EPOCH, detail: &detail };
        let document = TenantDocument::resolve(signup, admission)?;
        Ok(match admission.tiers.get(&document.tier) {
            Some(tier) => document.with_parameters(tier, self.own_parameters),
            None => document,
        })
    }
}
