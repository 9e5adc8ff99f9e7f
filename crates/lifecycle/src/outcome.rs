//! The event that says that a tenant is ready: what an onboarding made, read from its execution.
//!
//! Two functions say it, the one that hears of the execution's end and the one that answers a
//! repeated signup, and they have to say the same.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::names::TierName;
use crate::{AccountId, Fault, OuId, OuName, TenantDocument, TenantId};

/// The detail of the event `TenantReady`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantReady {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Its account.
    pub account_id: AccountId,
    /// Where the account stands.
    pub organizational_unit_id: OuId,
    /// The name of that unit; nothing when it is another than the document's home unit.
    pub organizational_unit: Option<OuName>,
    /// Its tier.
    pub tier: TierName,
    /// The stack instances that were enrolled; empty for a tenant that was live before.
    pub baseline: Vec<Value>,
    /// How its quotas stood; empty for a tenant that was live before.
    pub quotas: Vec<Value>,
    /// The signup event that led here.
    pub event_id: String,
    /// The execution that did it.
    pub execution_arn: String,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ready_at: Timestamp,
}

/// The part of the execution's output that only the execution knows.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Made {
    account_id: AccountId,
    organizational_unit_id: Option<OuId>,
    #[serde(default)]
    baseline: Value,
    #[serde(default)]
    quotas: Value,
}

impl TenantReady {
    /// The event's detail type.
    pub const DETAIL_TYPE: &'static str = "TenantReady";

    /// What an execution of `onboard-tenant` that succeeded has to tell.
    ///
    /// # Errors
    /// When its input is no execution document, or its output lacks the account.
    pub fn of_execution(
        input: &str,
        output: &str,
        execution_arn: &str,
        started_at: Timestamp,
        ready_at: Timestamp,
    ) -> Result<Self, Fault> {
        let document: TenantDocument = serde_json::from_str(input)
            .map_err(|error| Fault::of("input", "the execution's", format!("is wrong: {error}")))?;
        let made: Made = serde_json::from_str(output).map_err(|error| {
            Fault::of("output", "the execution's", format!("is wrong: {error}"))
        })?;
        let home = document.home_organizational_unit;
        let unit_id = made.organizational_unit_id.unwrap_or_else(|| home.id.clone());
        Ok(Self {
            organizational_unit: (unit_id == home.id).then_some(home.name),
            organizational_unit_id: unit_id,
            tenant_id: document.tenant_id,
            account_id: made.account_id,
            tier: document.tier,
            baseline: list(made.baseline),
            quotas: list(made.quotas),
            event_id: document.event_id,
            execution_arn: execution_arn.to_owned(),
            started_at,
            ready_at,
        })
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

    fn input() -> String {
        json!({
            "version": 1, "eventId": "e-1", "signedUpAt": "2026-11-21T10:00:00Z",
            "tenantId": "acme", "tenantName": "Acme", "tier": "standard",
            "email": "aws+acme@example.com", "accountName": "tenant-acme", "tags": {},
            "homeOrganizationalUnit": {"id": "ou-root-general0", "name": "General"},
            "regions": [], "baseline": {"hash": "h", "stackSets": []}, "quotas": [],
            "deadlineSeconds": 86400,
        })
        .to_string()
    }

    fn ready(output: &Value) -> Result<TenantReady, Fault> {
        let (start, end) = ("2026-11-21T10:00:01Z", "2026-11-21T10:09:00Z");
        let arn = "arn:aws:states:x:1:execution:m:acme";
        let times: (Timestamp, Timestamp) = (start.parse().unwrap(), end.parse().unwrap());
        TenantReady::of_execution(&input(), &output.to_string(), arn, times.0, times.1)
    }

    #[test]
    fn says_who_and_where_and_what_and_when() {
        let instance = json!({"stackSet": "b", "region": "eu-central-1", "status": "CURRENT"});
        let ready = ready(&json!({
            "accountId": "222222222222", "organizationalUnitId": "ou-root-general0",
            "baseline": instance, "quotas": [],
        }))
        .unwrap();
        assert_eq!(
            serde_json::to_value(ready).unwrap(),
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
    fn a_live_tenant_in_another_unit_keeps_it() {
        let output =
            json!({"accountId": "222222222222", "organizationalUnitId": "ou-root-canary00"});
        let ready = ready(&output).unwrap();
        assert_eq!(ready.organizational_unit, None);
        assert_eq!(ready.organizational_unit_id.as_str(), "ou-root-canary00");
    }

    #[test]
    fn an_output_without_an_account_is_refused() {
        let fault = ready(&json!({"baseline": []})).unwrap_err();
        assert!(fault.to_string().contains("accountId"), "{fault}");
    }
}
