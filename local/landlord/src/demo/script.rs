//! The demo's own signups, and what must become of them.

use serde_json::{Value, json};

use super::outcome::{Outcome, Tenant};

/// An address that belongs to an account outside the organization.
pub(super) const TAKEN_EMAIL: &str = "aws+globex@accounts.example.com";

const BURST: usize = 20;

/// A good signup; the same twice; one with several faults; one whose address is taken; a burst.
pub(super) fn signups() -> Vec<Value> {
    let acme = json!({ "tenantId": "acme", "tenantName": "Acme, Inc.", "tier": "premium" });
    let faulty = json!({
        "tenantId": "Bad!Id", "tenantName": "", "tier": "gold", "rootEmail": "nobody",
        "tags": { "aws:owner": "x" },
    });
    let globex = json!({ "tenantId": "globex", "tenantName": "Globex", "tier": "standard" });
    let mut signups = vec![acme.clone(), acme, faulty, globex];
    signups.extend((1..=BURST).map(|number| {
        json!({
            "tenantId": format!("burst-{number:02}"),
            // The same display name for all: it is no key.
            "tenantName": "Burst", "tier": "standard",
        })
    }));
    signups
}

/// Where the outcome is not what it must be.
pub(super) fn differences(outcome: &Outcome) -> Vec<String> {
    let mut differences = Vec::new();
    let mut must = |holds: bool, what: String| {
        if !holds {
            differences.push(what);
        }
    };
    let expected = 2 + BURST;
    must(
        outcome.tenants.len() == expected,
        format!("{} tenants, not {expected}", outcome.tenants.len()),
    );
    for tenant in &outcome.tenants {
        let error = tenant.error.as_ref().map(|(_, name, _)| name.as_str());
        if tenant.id == "globex" {
            must(error == Some("EmailInUseElsewhere"), format!("globex ended with {error:?}"));
            must(tenant.account.is_none(), "globex has an account".to_owned());
        } else {
            must(is_whole(tenant), format!("{} is not whole: {tenant:?}", tenant.id));
        }
    }
    let reasons =
        outcome.rejected.iter().map(|detail| detail["reasons"].as_array().map_or(0, Vec::len));
    must(
        outcome.rejected.len() == 1 && reasons.sum::<usize>() >= 5,
        format!("rejections: {:?}", outcome.rejected),
    );
    must(outcome.duplicates == 1, format!("{} duplicates, not 1", outcome.duplicates));
    let created = expected - 1;
    must(
        outcome.accounts_created == created,
        format!("{} accounts, not {created}", outcome.accounts_created),
    );
    must(outcome.most_creations <= 5, format!("{} creations at a time", outcome.most_creations));
    must(outcome.dead_letters == 0, format!("{} dead letters", outcome.dead_letters));
    must(
        outcome.operations * 2 <= created,
        format!("{} StackSet operations for {created} accounts", outcome.operations),
    );
    differences
}

/// Ready, in a tenants' unit, baseline current, quotas asked for.
fn is_whole(tenant: &Tenant) -> bool {
    let current = |row: &Value| row["status"] == "CURRENT";
    let asked = |row: &Value| {
        row["status"]
            .as_str()
            .is_some_and(|s| ["ENOUGH", "REQUESTED", "GRANTED", "WAITING"].contains(&s))
    };
    tenant.ready
        && tenant.account.is_some()
        && tenant.unit.as_deref().is_some_and(|unit| ["Canary", "Early", "General"].contains(&unit))
        && !tenant.baseline.is_empty()
        && tenant.baseline.iter().all(current)
        && !tenant.quotas.is_empty()
        && tenant.quotas.iter().all(asked)
}
