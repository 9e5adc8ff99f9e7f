//! Details of the event of the nightly audit, as its function says them.

use audit_fleet::FleetAuditFinished;
use serde_json::{Value, json};

use super::events::written;

/// Details with everything that may be there, and with what may not.
pub(super) fn examples() -> Vec<(&'static str, Value)> {
    let at = "2026-11-21T10:00:00Z";
    let counts: serde_json::Map<String, Value> =
        fleet_audit::Class::ALL.iter().map(|class| (class.to_string(), json!(1))).collect();
    let whole = json!({
        "class": "INSTANCE_MISSING", "accountId": "222222222222", "tenantId": "acme",
        "subject": "landlord-tenant-baseline in eu-central-1",
        "because": "tier standard has it there", "mend": ["landlord converge acme"],
    });
    let nobodys = json!({
        "class": "LOST_TAG", "accountId": "333333333333", "because": "it has no tag", "mend": [],
    });
    let finished = json!({
        "audit": "night-1",
        "executionArn": "arn:aws:states:eu-central-1:111122223333:execution:landlord-inspect-fleet:night-1",
        "startedAt": at, "finishedAt": at, "accounts": 6000,
        "states": {"LIVE": 5900, "ONBOARDING": 4, "RETIRING": 60, "CLOSED": 36},
        "findings": 18, "counts": counts, "newCount": 2, "new": [whole, nobodys], "goneCount": 1,
        "unread": [{"what": "the instances of theirs", "said": "AccessDenied"}],
        "reportKey": "audits/night-1/report.json",
    });
    vec![(FleetAuditFinished::DETAIL_TYPE, written::<FleetAuditFinished>(finished))]
}
