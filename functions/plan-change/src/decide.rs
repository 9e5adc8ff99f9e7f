//! Whether a change can be carried out now, and what the tenant should have after it.

use convergence::{Has, Kind, Live, Step};
use jiff::Timestamp;
use lifecycle::retirement::left_at;
use lifecycle::{
    Admission, Fault, Faults, ParentId, RegionName, StackSetName, TenantChanged, TenantDocument,
    TiersConfig, tags,
};
use organization_accounts::Facts;
use serde::{Deserialize, Serialize};
use tenant_records::{TenantRecord, Wanted, Wish};

use crate::config::Config;

/// Why an event changes nothing, although nothing is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Unchanged {
    /// Newer events have said otherwise of all that it says.
    Stale,
    /// The tenant has no account, and none is in the making.
    NoAccount,
    /// Its account is closed or closing.
    AccountClosed,
}

/// An instance that the account has and the tenant should not have. Nothing takes it away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// The stack set.
    pub stack_set: StackSetName,
    /// The Region.
    pub region: RegionName,
    /// Why the tenant should not have it, in words.
    pub because: String,
}

/// What stands in the way of a change now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nothing: the account is live.
    Live,
    /// It is being onboarded.
    Wait(String),
    /// Its tenant has left.
    Leaving(String),
    /// Its account is closed or closing.
    Closed,
    /// It stands where no tenant stands.
    Elsewhere,
}

/// The faults that only the tiers show: a tier that there is not, a parameter that no tier lets its
/// tenants set. Whether the tenant's present tier does is not asked here, or the order of two events
/// would decide.
pub(crate) fn faults(event: &TenantChanged, tiers: &TiersConfig) -> Faults {
    let mut faults = Faults::new();
    if let Some(tier) = &event.changes.tier
        && tiers.get(tier).is_none()
        && tiers.faults_of(tier).is_none()
    {
        let names: Vec<&str> = tiers.iter().map(|(name, _)| name.as_str()).collect();
        let rule = format!("must be one of the tiers: {}", names.join(", "));
        faults.push(Fault::new("tier", tier.as_str(), rule));
    }
    for name in event.changes.parameters.keys() {
        if !tiers.iter().any(|(_, tier)| tier.lets_tenants_set(name)) {
            let rule = "must be among the tenantParameters of a tier";
            faults.push(Fault::new(format!("parameters.{name}"), name, rule));
        }
    }
    faults
}

/// Whether the tenant has left by its newest wish, whatever its account says.
pub(crate) fn has_left(record: Option<&TenantRecord>) -> Option<Timestamp> {
    let wish = record?.newest_lifecycle.as_ref()?;
    (wish.wish == Wish::Left).then_some(wish.occurred_at)
}

/// What the account's place and state say.
pub(crate) fn place(facts: &Facts, config: &Config) -> Place {
    if facts.state.is_gone() {
        return Place::Closed;
    }
    if let Some(left_at) = left_at(&facts.tags) {
        return Place::Leaving(format!("its tenant left at {left_at}"));
    }
    match &facts.parent {
        ParentId::Root(_) => Place::Wait("its account is in the root".to_owned()),
        ParentId::Ou(unit) if *unit == config.onboarding => {
            Place::Wait("its account is being onboarded".to_owned())
        }
        ParentId::Ou(unit) if config.leaving.contains(unit) => {
            Place::Leaving(format!("its account stands in {unit}, where those stand that leave"))
        }
        ParentId::Ou(unit) if config.units.name_of(unit).is_some() => Place::Live,
        ParentId::Ou(_) => Place::Elsewhere,
    }
}

/// The tier's name: what events have said, or else what the account's tag says.
pub(crate) fn tier_of(wanted: Option<&Wanted>, facts: &Facts) -> String {
    let said = wanted.and_then(|wanted| wanted.tier.as_ref());
    let tag = || facts.tags.get(tags::TIER).cloned().unwrap_or_default();
    said.map_or_else(tag, |said| said.value.to_string())
}

/// What the tenant should have, as the document of an onboarding that would give it that.
pub(crate) fn document(
    event: &TenantChanged,
    event_id: &str,
    (wanted, facts): (Option<&Wanted>, &Facts),
    tiers: &TiersConfig,
    config: &Config,
) -> Result<TenantDocument, Faults> {
    let own_parameters = wanted.map(Wanted::own_parameters).unwrap_or_default();
    let own = wanted.iter().flat_map(|it| &it.tags);
    let live = Live {
        tenant: &event.tenant_id,
        tier: &tier_of(wanted, facts),
        name: wanted.and_then(|it| it.tenant_name.as_ref()).map(|said| said.value.as_str()),
        tags: &facts.tags,
        own_tags: own.map(|(key, said)| (key.as_str(), said.value.as_str())).collect(),
        own_parameters: &own_parameters,
        metadata: &event.metadata,
        event_id,
    };
    live.document(Admission {
        tiers,
        naming: &config.naming,
        units: &config.units,
        deadline_seconds: config.deadline_seconds,
    })
}

/// The instances that stay although the tenant should not have them.
pub(crate) fn kept(should: &convergence::Should<'_>, has: &Has) -> Vec<Kept> {
    let kept = convergence::beyond(should, has).map(|(stack_set, region)| Kept {
        stack_set: stack_set.clone(),
        region: region.clone(),
        because: format!("tier {} does not have it there; nothing takes it away", should.tier),
    });
    kept.collect()
}

/// The steps that are taken in this round, and all that were taken until its end.
pub(crate) fn take(steps: Vec<Step>, taken: &[Step]) -> (Vec<Step>, Vec<Step>) {
    let now: Vec<Step> = steps.into_iter().filter(Step::is_taken).collect();
    let mut all = taken.to_vec();
    for step in &now {
        let same = |it: &Step| (it.kind, &it.subject) == (step.kind, &step.subject);
        if !all.iter().any(same) {
            all.push(step.clone());
        }
    }
    all.sort_by_key(|step| step.kind != Kind::Tag);
    (now, all)
}

#[cfg(test)]
mod tests {
    use lifecycle::retirement::AccountState;

    use serde_json::{Value, json};

    use super::*;

    const TIERS: &str = r#"{"tiers": {
      "standard": {"organizationalUnits": [{"name": "General", "weight": 1}],
        "baseline": [{"stackSet": "base", "regions": ["eu-central-1"]}]},
      "premium": {"organizationalUnits": [{"name": "General", "weight": 1}],
        "baseline": [{"stackSet": "base", "regions": ["eu-central-1"], "tenantParameters": ["Size"],
                      "parameterOverrides": {"Days": "30", "Size": "small"}}]}}}"#;

    fn config() -> Config {
        let lookup = |name: &str| {
            Some(
                match name {
                    "EMAIL_LOCAL_PART" => "aws",
                    "EMAIL_DOMAIN" => "example.com",
                    "TENANT_OUS" => "General=ou-root-general0",
                    "ONBOARDING_OU_ID" => "ou-root-onboardi",
                    "RETIRING_OU_ID" => "ou-root-retiring",
                    "SUSPENDED_OU_ID" => "ou-root-suspende",
                    "STATE_MACHINE_ARN" => "arn:aws:states:x:1:stateMachine:onboard-tenant",
                    "TIERS_PARAMETER" | "RUNS_BUCKET" => "x",
                    _ => return None,
                }
                .to_owned(),
            )
        };
        Config::load(&lookup).unwrap()
    }

    fn facts(state: AccountState, parent: &str, tags: &[(&str, &str)]) -> Facts {
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Facts { state, parent: parent.parse().unwrap(), tags: tags.collect(), email: None }
    }

    fn event(detail: Value) -> TenantChanged {
        let mut whole = json!({"tenantId": "acme", "occurredAt": "2026-11-21T09:00:00Z"});
        whole.as_object_mut().unwrap().extend(detail.as_object().unwrap().clone());
        TenantChanged::parse(&whole, "2026-11-21T10:00:00Z".parse().unwrap()).unwrap()
    }

    #[test]
    fn only_a_live_account_is_changed() {
        use AccountState::{Active, Closed, PendingClosure, Suspended};
        let left =
            [("landlord:lifecycle", "RETIRING"), ("landlord:lifecycle-at", "2026-11-21T08:00:00Z")];
        let back = [
            ("landlord:lifecycle", "REINSTATED"),
            ("landlord:lifecycle-at", "2026-11-21T08:00:00Z"),
        ];
        for (state, parent, tags, expected) in [
            (Active, "ou-root-general0", &[][..], "live"),
            (Suspended, "ou-root-general0", &[], "live"),
            (Active, "ou-root-general0", &back, "live"),
            (Active, "ou-root-general0", &left, "leaving"),
            (Active, "ou-root-retiring", &[], "leaving"),
            (Active, "ou-root-suspende", &[], "leaving"),
            (Active, "ou-root-onboardi", &[], "wait"),
            (Active, "r-root", &[], "wait"),
            (Active, "ou-root-elsewher", &[], "elsewhere"),
            (Closed, "ou-root-general0", &[], "closed"),
            (PendingClosure, "ou-root-retiring", &left, "closed"),
        ] {
            let found = match place(&facts(state, parent, tags), &config()) {
                Place::Live => "live",
                Place::Wait(_) => "wait",
                Place::Leaving(_) => "leaving",
                Place::Closed => "closed",
                Place::Elsewhere => "elsewhere",
            };
            assert_eq!(found, expected, "{state:?} {parent} {tags:?}");
        }
    }

    #[test]
    fn what_no_tier_has_is_a_fault_and_what_some_tier_has_is_none() {
        let tiers: TiersConfig = TIERS.parse().unwrap();
        for (detail, field) in [
            (json!({"tier": "gold"}), Some("tier")),
            (json!({"tier": "premium", "parameters": {"Days": "1"}}), Some("parameters.Days")),
            (json!({"tier": "standard", "parameters": {"Size": "large"}}), None),
            (json!({"tenantName": "Acme"}), None),
        ] {
            let found = faults(&event(detail), &tiers).reasons();
            assert_eq!(found.first().map(|it| it.split(':').next().unwrap()), field, "{found:?}");
        }
    }

    #[test]
    fn the_document_is_what_events_said_and_else_what_the_account_says() {
        let tiers: TiersConfig = TIERS.parse().unwrap();
        let tags = [
            ("landlord:tier", "standard"),
            ("landlord:name", "Acme"),
            ("landlord:original-id", "ACME"),
        ];
        let facts = facts(AccountState::Active, "ou-root-general0", &tags);
        let of = |record: &TenantRecord| {
            let wanted = record.wanted.as_ref();
            document(&event(json!({})), "e-1", (wanted, &facts), &tiers, &config()).unwrap()
        };
        let mut record = TenantRecord::new("acme".parse().unwrap());
        let before = of(&record);
        assert_eq!((before.tier.as_str(), before.tenant_name.as_str()), ("standard", "Acme"));
        assert_eq!(before.tags.get(tags::ORIGINAL_ID), Some("ACME"));
        let said = |value: Value| json!({"value": value, "occurredAt": "2026-11-21T09:00:00Z", "eventId": "e"});
        let wanted = json!({"tier": said(json!("premium")), "tags": {"owner": said(json!("crm"))},
            "parameters": {"Size": said(json!("large")), "Days": said(json!("9"))}});
        record.wanted = Some(serde_json::from_value(wanted).unwrap());
        let after = of(&record);
        let overrides = &after.baseline.stack_sets[0].parameter_overrides;
        assert_eq!(overrides["Size"], "large", "its own");
        assert_eq!(overrides["Days"], "30", "which its tier does not let it set");
        assert_eq!(after.tags.get("owner"), Some("crm"));
        assert_eq!(after.tags.get(tags::BASELINE), Some(after.baseline.hash.as_str()));
        assert_ne!(after.baseline.hash, before.baseline.hash);
    }
}
