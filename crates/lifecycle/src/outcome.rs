//! How an onboarding ended, read from its execution: the tenant is ready, it left meanwhile, or
//! its signup contradicts what is there.
//!
//! Two functions say it, the one that hears of the execution's end and the one that answers a
//! repeated event, and they have to say the same.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::names::TierName;
use crate::{AccountId, Fault, OuId, OuName, TenantDocument, TenantId};

/// The event that changes a tenant: what a signup that contradicts is told to send instead.
pub const CHANGE_WITH: &str = "TenantChanged";

/// What a signup says of a tenant that is there, and what the tenant has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The member of the signup: `tenantId`, `tier`, `tenantName`, `rootEmail`, `tags.<key>`.
    pub field: String,
    /// What the signup says.
    pub signup: String,
    /// What the tenant has.
    pub tenant: String,
}

/// The detail of the event `TenantReady`: all of it was read in the execution that it names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantReady {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Its account.
    pub account_id: AccountId,
    /// Where the account stands.
    pub organizational_unit_id: OuId,
    /// The name of that OU; nothing when it is another than the document's home OU.
    pub organizational_unit: Option<OuName>,
    /// Its tier.
    pub tier: TierName,
    /// Its stack instances, each seen to be current.
    pub baseline: Vec<Value>,
    /// How its quotas stood.
    pub quotas: Vec<Value>,
    /// The signup event that is answered.
    pub event_id: String,
    /// The execution that did it.
    pub execution_arn: String,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ready_at: Timestamp,
    /// What the signup wants to be told again.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// The tenant's id as the signup system writes it, when that is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_tenant_id: Option<String>,
}

/// The detail of the event `TenantLeft`: the tenant left while it was being onboarded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantLeft {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Its account; nothing when none was made.
    pub account_id: Option<AccountId>,
    /// The signup event that is answered.
    pub event_id: String,
    /// The execution that saw it; nothing when none was started.
    pub execution_arn: Option<String>,
    /// When that was seen.
    pub ended_at: Timestamp,
    /// What the signup wants to be told again.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// The tenant's id as the signup system writes it, when that is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_tenant_id: Option<String>,
}

/// The detail of the event `TenantSignupContradicted`: a signup changes nothing of a tenant that
/// is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantSignupContradicted {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Its account.
    pub account_id: AccountId,
    /// The signup event that is answered.
    pub event_id: String,
    /// In what they differ; at least one.
    pub differences: Vec<Difference>,
    /// The event for changes.
    pub change_with: String,
    /// The execution that saw it.
    pub execution_arn: String,
    /// When that was seen.
    pub ended_at: Timestamp,
    /// What the signup wants to be told again.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// The tenant's id as the signup system writes it, when that is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_tenant_id: Option<String>,
}

/// How an execution of `onboard-tenant` that succeeded ended: the detail of one of its events.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum OnboardingOutcome {
    /// The tenant is ready.
    Ready(Box<TenantReady>),
    /// It left meanwhile.
    Left(TenantLeft),
    /// Its signup contradicts what is there.
    Contradicted(TenantSignupContradicted),
}

/// The machine's word for how it ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum End {
    /// Also of executions from before there were other ends.
    #[default]
    Ready,
    Left,
    Contradicted,
}

/// The part of the execution's output that only the execution knows.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Made {
    #[serde(default)]
    outcome: End,
    account_id: Option<AccountId>,
    organizational_unit_id: Option<OuId>,
    #[serde(default)]
    baseline: Value,
    #[serde(default)]
    quotas: Value,
    #[serde(default)]
    differences: Value,
}

impl TenantReady {
    /// The event's detail type.
    pub const DETAIL_TYPE: &'static str = "TenantReady";
}

impl TenantLeft {
    /// The event's detail type.
    pub const DETAIL_TYPE: &'static str = "TenantLeft";
}

impl TenantSignupContradicted {
    /// The event's detail type.
    pub const DETAIL_TYPE: &'static str = "TenantSignupContradicted";
}

impl OnboardingOutcome {
    /// What an execution of `onboard-tenant` that succeeded has to tell.
    ///
    /// # Errors
    /// When its input is no execution document, or its output lacks what its end needs.
    pub fn of_execution(
        input: &str,
        output: &str,
        execution_arn: &str,
        started_at: Timestamp,
        ended_at: Timestamp,
    ) -> Result<Self, Fault> {
        let document: TenantDocument = serde_json::from_str(input)
            .map_err(|error| Fault::of("input", "the execution's", format!("is wrong: {error}")))?;
        let wrong = |error| Fault::of("output", "the execution's", format!("is wrong: {error}"));
        let made: Made = serde_json::from_str(output).map_err(wrong)?;
        let no_account = || Fault::missing("output.accountId");
        let execution_arn = execution_arn.to_owned();
        Ok(match made.outcome {
            End::Ready => {
                let account_id = made.account_id.ok_or_else(no_account)?;
                let home = document.home_organizational_unit;
                let unit_id = made.organizational_unit_id.unwrap_or_else(|| home.id.clone());
                Self::Ready(Box::new(TenantReady {
                    organizational_unit: (unit_id == home.id).then_some(home.name),
                    organizational_unit_id: unit_id,
                    tenant_id: document.tenant_id,
                    account_id,
                    tier: document.tier,
                    baseline: list(made.baseline),
                    quotas: list(made.quotas),
                    event_id: document.event_id,
                    execution_arn,
                    started_at,
                    ready_at: ended_at,
                    metadata: document.metadata,
                    original_tenant_id: document.original_tenant_id,
                }))
            }
            End::Left => Self::Left(TenantLeft {
                tenant_id: document.tenant_id,
                account_id: made.account_id,
                event_id: document.event_id,
                execution_arn: Some(execution_arn),
                ended_at,
                metadata: document.metadata,
                original_tenant_id: document.original_tenant_id,
            }),
            End::Contradicted => {
                let differences = Value::Array(list(made.differences));
                Self::Contradicted(TenantSignupContradicted {
                    tenant_id: document.tenant_id,
                    account_id: made.account_id.ok_or_else(no_account)?,
                    event_id: document.event_id,
                    differences: serde_json::from_value(differences).map_err(wrong)?,
                    change_with: CHANGE_WITH.to_owned(),
                    execution_arn,
                    ended_at,
                    metadata: document.metadata,
                    original_tenant_id: document.original_tenant_id,
                })
            }
        })
    }

    /// The event's detail type.
    pub fn detail_type(&self) -> &'static str {
        match self {
            Self::Ready(_) => TenantReady::DETAIL_TYPE,
            Self::Left(_) => TenantLeft::DETAIL_TYPE,
            Self::Contradicted(_) => TenantSignupContradicted::DETAIL_TYPE,
        }
    }

    /// The tenant.
    pub fn tenant_id(&self) -> &TenantId {
        match self {
            Self::Ready(ready) => &ready.tenant_id,
            Self::Left(left) => &left.tenant_id,
            Self::Contradicted(contradicted) => &contradicted.tenant_id,
        }
    }
}

/// A list is a list: JSONata gives a list of one as the one.
fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn input(more: &Value) -> String {
        let mut document = json!({
            "version": 1, "eventId": "e-1", "signedUpAt": "2026-11-21T10:00:00Z",
            "tenantId": "acme", "tenantName": "Acme", "tier": "standard",
            "email": "aws+acme@example.com", "accountName": "tenant-acme", "tags": {},
            "homeOrganizationalUnit": {"id": "ou-root-general0", "name": "General"},
            "regions": [], "baseline": {"hash": "h", "stackSets": []}, "quotas": [],
            "deadlineSeconds": 86400,
        });
        for (key, value) in more.as_object().unwrap() {
            document[key] = value.clone();
        }
        document.to_string()
    }

    fn outcome_of(more: &Value, output: &Value) -> Result<OnboardingOutcome, Fault> {
        let (start, end) = ("2026-11-21T10:00:01Z", "2026-11-21T10:09:00Z");
        let arn = "arn:aws:states:x:1:execution:m:acme";
        let times: (Timestamp, Timestamp) = (start.parse().unwrap(), end.parse().unwrap());
        OnboardingOutcome::of_execution(&input(more), &output.to_string(), arn, times.0, times.1)
    }

    fn outcome(output: &Value) -> Result<OnboardingOutcome, Fault> {
        outcome_of(&json!({}), output)
    }

    #[test]
    fn says_who_and_where_and_what_and_when() {
        let instance = json!({"stackSet": "b", "region": "eu-central-1", "status": "CURRENT"});
        let outcome = outcome(&json!({
            "outcome": "READY",
            "accountId": "222222222222", "organizationalUnitId": "ou-root-general0",
            "baseline": instance, "quotas": [],
        }))
        .unwrap();
        assert_eq!(outcome.detail_type(), "TenantReady");
        assert_eq!(
            serde_json::to_value(outcome).unwrap(),
            json!({
                "tenantId": "acme", "accountId": "222222222222",
                "organizationalUnitId": "ou-root-general0", "organizationalUnit": "General",
                "tier": "standard", "baseline": [instance], "quotas": [], "eventId": "e-1",
                "executionArn": "arn:aws:states:x:1:execution:m:acme",
                "startedAt": "2026-11-21T10:00:01Z", "readyAt": "2026-11-21T10:09:00Z",
            })
        );
    }

    #[test]
    fn what_the_signup_wants_to_hear_again_is_in_every_answer() {
        let more = json!({"metadata": {"orderId": "o-7"}, "originalTenantId": "org_01H"});
        let account = json!("222222222222");
        let difference = json!({"field": "tier", "signup": "gold", "tenant": "standard"});
        for output in [
            json!({"accountId": account}),
            json!({"outcome": "LEFT"}),
            json!({"outcome": "CONTRADICTED", "accountId": account, "differences": [difference]}),
        ] {
            let detail = serde_json::to_value(outcome_of(&more, &output).unwrap()).unwrap();
            assert_eq!(detail["metadata"], more["metadata"], "{detail}");
            assert_eq!(detail["originalTenantId"], "org_01H", "{detail}");
            assert_eq!(detail["eventId"], "e-1", "{detail}");
        }
    }

    #[test]
    fn a_tenant_that_left_is_told_as_such_with_and_without_an_account() {
        for account in [json!(null), json!("222222222222")] {
            let left = outcome(&json!({"outcome": "LEFT", "accountId": account})).unwrap();
            assert_eq!(left.detail_type(), "TenantLeft");
            assert_eq!(serde_json::to_value(left).unwrap()["accountId"], account);
        }
    }

    #[test]
    fn a_contradiction_names_what_differs_and_the_event_for_changes() {
        // JSONata turns a list of one into the one.
        let difference = json!({"field": "tier", "signup": "gold", "tenant": "standard"});
        let contradicted = outcome(&json!({
            "outcome": "CONTRADICTED", "accountId": "222222222222", "differences": difference,
        }))
        .unwrap();
        assert_eq!(contradicted.detail_type(), "TenantSignupContradicted");
        let detail = serde_json::to_value(contradicted).unwrap();
        assert_eq!(detail["differences"], json!([difference]));
        assert_eq!(detail["changeWith"], "TenantChanged");
    }

    #[test]
    fn a_live_tenant_in_another_unit_keeps_it_and_an_older_output_is_read() {
        let output =
            json!({"accountId": "222222222222", "organizationalUnitId": "ou-root-canary00"});
        let OnboardingOutcome::Ready(ready) = outcome(&output).unwrap() else { panic!("ready") };
        assert_eq!(ready.organizational_unit, None);
        assert_eq!(ready.organizational_unit_id.as_str(), "ou-root-canary00");
    }

    #[test]
    fn an_output_that_lacks_what_its_end_needs_is_refused() {
        let fault = outcome(&json!({"baseline": []})).unwrap_err();
        assert!(fault.to_string().contains("accountId"), "{fault}");
        assert!(outcome(&json!({"outcome": "VANISHED"})).is_err());
        let one_half = json!({"outcome": "CONTRADICTED", "accountId": "222222222222",
                              "differences": [{"field": "tier"}]});
        assert!(outcome(&one_half).is_err());
    }
}
