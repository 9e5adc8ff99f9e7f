//! What the machine is told, from what was read last.

use jiff::Timestamp;
use lifecycle::{AccountId, OuId, ParentId, TenantId, tags};
use organization_accounts::Facts;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::config::Config;
use crate::handler::Request;

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OutcomeKind {
    /// The account is out of service.
    Retiring,
    /// It is back.
    Restored,
    /// A newer event or a person decided otherwise: nothing was done.
    Stale,
    /// It leaves, and is closed or closing: there is nothing to take out of service.
    AlreadyClosed,
    /// It wants to come back, and is closed or closing: the wish is remembered.
    AccountClosed,
}

/// What is ensured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settled {
    /// How it ended.
    pub outcome: OutcomeKind,
    /// Whether a call of this task changed anything.
    pub changed: bool,
    /// The tenant.
    pub tenant_id: TenantId,
    /// The tenant's id as its signup system writes it, when that is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_tenant_id: Option<String>,
    /// Its account.
    pub account_id: AccountId,
    /// Where the account stands.
    pub organizational_unit_id: ParentId,
    /// AWS's word for its state, when it is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// When the event occurred that is answered here.
    pub occurred_at: Timestamp,
    /// From when the account may be closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retire_after: Option<Timestamp>,
    /// The cooling-off time in days, when the event asked for less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raised_to_days: Option<u32>,
    /// Since when it is out of service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retiring_at: Option<Timestamp>,
    /// Why, as its tag says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// At whose wish, as its tag says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// Where it goes when it comes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home_organizational_unit_id: Option<OuId>,
    /// Whether the stacks of an account that is back were withdrawn, or may have been, and its data
    /// with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emptied: Option<bool>,
    /// The signup by which an account that is not equipped, or may not be, is onboarded again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signup: Option<Value>,
}

impl Settled {
    pub(crate) fn new(
        outcome: OutcomeKind,
        changed: bool,
        request: &Request,
        facts: &Facts,
        config: &Config,
    ) -> Self {
        let tag = |key: &str| facts.tags.get(key).cloned();
        let time = |key: &str| facts.tags.get(key)?.parse().ok();
        let retiring = outcome == OutcomeKind::Retiring;
        let restored = outcome == OutcomeKind::Restored;
        let emptied = facts.tags.contains_key(tags::WITHDRAWN_AT);
        // Nothing is ready that stands outside of the tenants' units, or has the mark of a
        // withdrawal: a person may have moved it.
        let is_equipped = !emptied
            && matches!(&facts.parent, ParentId::Ou(it) if config.tenant_units.name_of(it).is_some());
        let is_closed = matches!(outcome, OutcomeKind::AlreadyClosed | OutcomeKind::AccountClosed);
        Self {
            outcome,
            changed,
            tenant_id: request.tenant_id.clone(),
            original_tenant_id: tag(tags::ORIGINAL_ID),
            account_id: request.account_id.clone(),
            organizational_unit_id: facts.parent.clone(),
            state: is_closed.then(|| facts.state.to_string()),
            occurred_at: request.occurred_at,
            retire_after: time(tags::RETIRE_AFTER).filter(|_| retiring),
            raised_to_days: Some(config.least_retire_after_days).filter(|least| {
                retiring && request.retire_after_days.is_some_and(|it| it < *least)
            }),
            retiring_at: time(tags::RETIRING_AT).filter(|_| retiring),
            reason: tag(tags::RETIRE_REASON).filter(|_| retiring),
            requested_by: tag(tags::RETIRE_BY).filter(|_| retiring),
            home_organizational_unit_id: tag(tags::HOME)
                .filter(|_| retiring)
                .and_then(|home| home.parse().ok()),
            emptied: restored.then_some(emptied),
            signup: (restored && !is_equipped).then(|| signup(request, facts)),
        }
    }
}

/// The tenant's signup, as far as the account's tags remember it.
fn signup(request: &Request, facts: &Facts) -> Value {
    let name = facts.tags.get(tags::NAME).filter(|name| !name.is_empty());
    let original = facts.tags.get(tags::ORIGINAL_ID);
    let own: Map<String, Value> = facts
        .tags
        .iter()
        .filter(|(key, _)| !key.starts_with(tags::RESERVED_PREFIX) && !key.starts_with("aws:"))
        .map(|(key, value)| (key.clone(), value.clone().into()))
        .collect();
    let mut signup = json!({
        "tenantId": original.map_or(request.tenant_id.as_str(), String::as_str),
        "tenantName": name.map_or(request.tenant_id.as_str(), String::as_str),
        "tier": facts.tags.get(tags::TIER),
        "tags": own,
    });
    if let (Some(email), Some(fields)) = (&facts.email, signup.as_object_mut()) {
        fields.insert("rootEmail".to_owned(), email.clone().into());
    }
    signup
}
