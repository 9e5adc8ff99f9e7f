//! Details of the events of changes, as functions and machines say them.

use announce_outcome::TenantOnboardingFailed;
use serde_json::{Value, json};

use super::events::written;

/// Details with everything that may be there, and with what may not.
pub(super) fn examples() -> Vec<(&'static str, Value)> {
    let at = "2026-11-21T10:00:00Z";
    let arn = "arn:aws:states:eu-central-1:111122223333:execution:landlord-converge-tenant:7f";
    let changed = json!({
        "tenantId": "org_01H", "occurredAt": at, "tier": "premium", "tenantName": "Acme & Söhne",
        "parameters": { "LogRetentionDays": "90", "Size": null }, "tags": { "owner": "crm" },
        "metadata": { "orderId": "o-7" }, "whatever": 1,
    });
    // The machine says these; the simulations hold what they hear against the schemas, too.
    let updated = json!({
        "tenantId": "acme", "accountId": "222222222222",
        "organizationalUnitId": "ou-root-general0", "tier": "premium",
        "steps": [{ "kind": "ENROL", "effect": "SAFE", "subject": "b in eu-west-1",
                    "because": "tier premium has it there" }],
        "kept": [{ "stackSet": "b", "region": "eu-west-1", "because": "nothing takes it away" }],
        "notInEffect": ["Size"],
        "baseline": [{ "stackSet": "b", "region": "eu-central-1", "status": "CURRENT" }],
        "quotas": [], "ignored": ["whatever"], "executionArn": arn, "occurredAt": at,
        "eventId": "7bf73129", "originalTenantId": "org_01H", "metadata": { "orderId": "o-7" },
    });
    let unchanged = json!({
        "tenantId": "acme", "accountId": "222222222222", "request": "TenantChanged",
        "because": "STALE", "occurredAt": at, "eventId": "7bf73129",
    });
    let rejected = json!({
        "tenantId": null, "eventId": "7bf73129", "reasons": ["tenantId: a number must be text"],
        "metadata": { "orderId": "o-7" },
    });
    let mut leaving = rejected.clone();
    leaving["tenantId"] = json!("acme");
    leaving["originalTenantId"] = json!("org_01H");
    let failed = json!({
        "tenantId": "acme", "accountId": "222222222222", "eventId": "7bf73129",
        "executionArn": arn, "status": "FAILED", "step": "EnrollBaseline",
        "error": "BaselineFailed", "cause": "no room", "metadata": { "orderId": "o-7" },
        "originalTenantId": "org_01H",
    });
    vec![
        ("TenantChanged", json!({ "tenantId": "acme", "occurredAt": at })),
        ("TenantChanged", changed),
        ("TenantUpdated", updated),
        ("TenantUnchanged", unchanged),
        ("TenantChangeRejected", rejected),
        ("TenantChangeRejected", leaving),
        ("TenantChangeFailed", written::<TenantOnboardingFailed>(failed)),
    ]
}
