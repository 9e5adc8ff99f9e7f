//! One row for each account.

use fleet_audit::{Account, Finding, Standing, tenant_of};
use lifecycle::tags;
use serde::Serialize;

use super::read::Seen;

/// An account, as the lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    pub(super) account_id: String,
    pub(super) tenant_id: Option<String>,
    pub(super) state: &'static str,
    /// The unit of a live account.
    pub(super) unit: Option<String>,
    pub(super) tier: Option<String>,
    /// Whether it is live, and nothing is wrong; false where that is not known.
    pub(super) ready: bool,
    /// Why it is not, in words.
    pub(super) because: Option<String>,
    pub(super) findings: Vec<Finding>,
}

impl Row {
    /// Whether it is not ready, and should be.
    pub(super) fn is_to_be_ready(&self) -> bool {
        !self.ready && !["RETIRING", "SUSPENDED"].contains(&self.state)
    }
}

/// The rows, in the order of tenants; accounts without one come last.
pub(super) fn rows(seen: &Seen) -> Vec<Row> {
    let mut rows: Vec<Row> = seen.accounts.values().map(|account| row(account, seen)).collect();
    rows.sort_by(|a, b| {
        let key = |row: &Row| (row.tenant_id.is_none(), row.tenant_id.clone());
        key(a).cmp(&key(b)).then_with(|| a.account_id.cmp(&b.account_id))
    });
    rows
}

fn row(account: &Account, seen: &Seen) -> Row {
    let standing = seen.ground.standing(account);
    let findings = seen.findings.get(&account.id).cloned().unwrap_or_default();
    let because = why_not(account, &standing, &findings, seen);
    Row {
        account_id: account.id.to_string(),
        tenant_id: tenant_of(account).map(|it| it.to_string()),
        // Closed ones stay in the organization for 90 days.
        state: if account.is_gone() { "CLOSED" } else { standing.as_str() },
        unit: match &standing {
            Standing::Live(unit) => Some(unit.to_string()),
            _ => None,
        },
        tier: account.tag(tags::TIER).map(str::to_owned),
        ready: because.is_none(),
        because,
        findings,
    }
}

/// Why an account is not known to be ready.
fn why_not(
    account: &Account,
    standing: &Standing,
    findings: &[Finding],
    seen: &Seen,
) -> Option<String> {
    if let Some(finding) = findings.first() {
        let subject = finding.subject.as_ref().map_or(String::new(), |it| format!("{it}: "));
        return Some(format!("{}: {subject}{}", finding.class, finding.because));
    }
    let under_way = seen.ground.under_way.as_ref();
    let machine =
        under_way.zip(tenant_of(account)).and_then(|(it, tenant)| it.tenants.get(&tenant));
    if let Some(machine) = machine {
        return Some(format!("{machine} works on it"));
    }
    let unread = [
        (account.tags.is_none(), "its tags"),
        (account.instances.is_none(), "its stack instances"),
        (account.record.is_none(), "its record"),
        (under_way.is_none(), "what runs"),
        (!seen.ground.unread_sets.is_empty(), "some of its stack instances"),
    ];
    match standing {
        Standing::Live(_) => unread
            .iter()
            .find(|(is_unread, _)| *is_unread)
            .map(|(_, what)| format!("not known to be: {what} could not be read")),
        Standing::Onboarding => Some("it is being onboarded".to_owned()),
        Standing::Retiring => Some("its tenant has left".to_owned()),
        Standing::Suspended => Some("it is closed, or about to be".to_owned()),
        Standing::Elsewhere => Some("it stands in none of the tenants' units".to_owned()),
        Standing::Unread => Some("where it stands could not be read".to_owned()),
    }
}
