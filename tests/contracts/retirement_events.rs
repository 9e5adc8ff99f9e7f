//! Details of the events of retirement, as functions and machines say them.

use plan_retirements::RetirementSweepFinished;
use serde_json::{Value, json};

use super::events::written;

/// Details with everything that may be there, and with what may not.
pub(super) fn examples() -> Vec<(&'static str, Value)> {
    let tenant = json!({ "tenantId": "acme", "accountId": "222222222222" });
    let with = |base: &Value, more: Value| {
        let mut all = base.clone();
        for (key, value) in more.as_object().into_iter().flatten() {
            all[key] = value.clone();
        }
        all
    };
    let at = "2026-11-21T10:00:00Z";
    let left = json!({ "tenantId": "acme", "occurredAt": at, "reason": "the contract ended" });
    let unchanged = with(
        &tenant,
        json!({
            "request": "TenantOffboarded", "because": "STALE", "occurredAt": at,
            "eventId": "7bf73129",
        }),
    );
    let told_again = json!({ "metadata": { "orderId": "o-7" } });
    let of_another_system = json!({ "originalTenantId": "org_01H" });
    let listed = json!({ "accountId": "222222222222", "tenantId": "acme" });
    let explained = with(&listed, json!({ "code": "Protected", "reason": "it has the tag" }));
    let dated = with(&listed, json!({ "reason": "no slot", "expectedAt": at }));
    let nobodys = with(&explained, json!({ "tenantId": null }));
    let finished = json!({
        "sweep": "daily", "dryRun": false, "outcome": "PLANNED",
        "executionArn": "arn:aws:states:eu-central-1:111122223333:execution:landlord-sweep-retirements:daily",
        "startedAt": at, "finishedAt": "2026-11-21T13:00:00Z", "fleet": 6000,
        "counts": {"WAIT": 1, "WITHDRAW": 2, "CLOSE": 0, "DEFER": 1, "HOLD": 0, "REFUSE": 2, "CLOSED": 9},
        "closed": [listed], "closedCount": 1, "closedByHand": [listed],
        "closedByHandCount": 1, "stoppedCount": 0, "wouldClose": [], "wouldCloseCount": 0, "deferred": [dated], "deferredCount": 1,
        "refused": [explained, nobodys], "refusedCount": 2, "stuck": [explained], "stuckCount": 1,
        "unfinished": [], "unfinishedCount": 0,
        "unreadStackSets": [{"stackSet": "theirs", "reason": "AccessDenied"}],
        "unreadStackSetCount": 1, "attention": [{
            "accountId": "222222222222", "tenantId": "acme", "code": "Protected",
            "reason": "it has the tag", "next": "move it",
        }, {
            "stackSet": "theirs", "code": "StackSetUnread", "reason": "AccessDenied",
            "next": "name it in LeaveStackSets",
        }], "attentionCount": 2, "attentionText": "account 222222222222 of tenant acme: Protected",
        "budget": {
            "quota": 1000, "reserve": 10, "closedInWindow": 40, "closeAtMost": 50, "allowed": 50,
        },
        "forecast": { "due": 3, "waiting": 1, "dueEmptyAt": at, "emptyAt": "2026-12-21T10:00:00Z" },
        "reportKey": "sweeps/daily/report.md",
    });
    let mut open = finished.clone();
    open["outcome"] = json!("BREAKER_OPEN");
    open["forecast"] = json!({ "due": 900, "waiting": 0, "dueEmptyAt": null, "emptyAt": null });
    let mut stopped = open.clone();
    stopped["outcome"] = json!("STOPPED");
    stopped["stopped"] = json!({ "reason": "too many", "by": "ops", "since": at });
    let closed = json!({ "organizationalUnitId": "ou-root-general0", "closedAt": at });
    vec![
        ("TenantAccountClosed", with(&tenant, closed)),
        ("RetirementSweepFinished", written::<RetirementSweepFinished>(stopped)),
        ("TenantOffboarded", left.clone()),
        ("TenantOffboarded", with(&left, json!({ "retireAfterDays": 90 }))),
        ("TenantReinstated", json!({ "tenantId": "acme", "occurredAt": at })),
        ("TenantReinstated", with(&told_again, json!({ "tenantId": "Acme", "occurredAt": at }))),
        ("TenantUnchanged", with(&unchanged, with(&of_another_system, told_again.clone()))),
        (
            "TenantRetired",
            with(&tenant, with(&of_another_system, json!({ "closedAt": at, "sweep": "daily" }))),
        ),
        // The machine says these; the demo and the simulations hear them.
        (
            "TenantRetiring",
            with(
                &tenant,
                json!({
                    "retireAfter": at, "raisedToDays": 30, "reason": "the contract ended",
                    "occurredAt": at,
                    "requestedBy": "saas.signup 111122223333 7bf73129", "eventId": "7bf73129",
                    "homeOrganizationalUnitId": "ou-root-general0",
                }),
            ),
        ),
        (
            "TenantRestored",
            with(
                &tenant,
                json!({
                    "organizationalUnitId": "ou-root-general0", "emptied": false,
                    "occurredAt": at, "eventId": "7bf73129",
                }),
            ),
        ),
        ("TenantUnchanged", unchanged.clone()),
        ("TenantUnchanged", with(&unchanged, json!({ "because": "DROPPED" }))),
        (
            "TenantUnchanged",
            with(&unchanged, json!({ "because": "ALREADY_CLOSED", "state": "CLOSED" })),
        ),
        (
            "TenantUnchanged",
            json!({
                "tenantId": "acme", "request": "TenantOffboarded", "because": "NO_ACCOUNT",
                "occurredAt": at, "eventId": "7bf73129",
            }),
        ),
        (
            "TenantOffboardingRejected",
            json!({
                "tenantId": null, "request": "TenantReinstated", "eventId": "7bf73129",
                "reasons": ["tenantId: 7 must be text"],
            }),
        ),
        ("TenantRetired", with(&tenant, json!({ "closedAt": at, "sweep": "daily" }))),
        ("RetirementSweepFinished", written::<RetirementSweepFinished>(finished)),
        ("RetirementSweepFinished", written::<RetirementSweepFinished>(open)),
    ]
}
