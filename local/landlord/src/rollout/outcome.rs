//! How both roll-outs ended: as JSON, as a table, and whether it is what it must be.

use std::collections::BTreeMap;

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use serde_json::{Value, json};

use super::fleet::{FAILS_ONCE, MEANS_HARM, Tenants, VETOES};
use super::watch::{Ended, Watcher};

/// One account at the end.
#[derive(Debug)]
struct Row {
    tenant: String,
    account: String,
    unit: String,
    /// What went wrong on the way, each once.
    troubles: Vec<String>,
    after: [String; 2],
    /// Whether it had got the second change, which was taken back.
    taken_back: bool,
}

/// Both roll-outs.
#[derive(Debug)]
pub(super) struct Outcome {
    rows: Vec<Row>,
    ended: [Ended; 2],
    operations: usize,
}

/// Whom a report names: account and reason.
fn not_current(ended: &Ended) -> impl Iterator<Item = (&str, &str)> {
    ended.detail["notCurrent"].as_array().into_iter().flatten().map(|row| {
        (row["account"].as_str().unwrap_or_default(), row["reason"].as_str().unwrap_or("no reason"))
    })
}

impl Outcome {
    pub(super) fn of(
        tenants: &Tenants,
        watcher: &Watcher,
        ended: [Ended; 2],
        versions: [BTreeMap<String, String>; 2],
    ) -> Self {
        let mut troubles: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for trouble in &watcher.troubles {
            let Some(tenant) = tenants.tenant(&trouble.account) else { continue };
            let text = if trouble.vetoed { "vetoed".to_owned() } else { trouble.reason.clone() };
            let known = troubles.entry(tenant).or_default();
            if !known.contains(&text) {
                known.push(text);
            }
        }
        let rows = tenants.fleet.members.iter().map(|member| Row {
            tenant: member.tenant.clone(),
            account: member.account.clone(),
            unit: member.unit.clone(),
            troubles: troubles.get(member.tenant.as_str()).cloned().unwrap_or_default(),
            after: versions
                .each_ref()
                .map(|all| all.get(&member.tenant).cloned().unwrap_or_default()),
            taken_back: watcher.taken_back.contains(&member.account),
        });
        Self { rows: rows.collect(), ended, operations: watcher.operations() }
    }

    /// Both roll-outs as one document.
    pub(super) fn json(&self) -> Value {
        let rollouts: Vec<Value> = self
            .ended
            .iter()
            .map(|ended| json!({ "status": ended.status, "detail": ended.detail }))
            .collect();
        let accounts: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "tenantId": row.tenant, "accountId": row.account,
                    "organizationalUnit": row.unit, "troubles": row.troubles,
                    "versionAfter": row.after, "takenBack": row.taken_back,
                })
            })
            .collect();
        json!({ "rollOuts": rollouts, "accounts": accounts, "operations": self.operations })
    }

    /// Both roll-outs for people.
    pub(super) fn page(&self) -> String {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_header([
            "tenant",
            "account",
            "OU",
            "on the way",
            "after change 2",
            "after change 3",
        ]);
        for row in &self.rows {
            let way =
                if row.troubles.is_empty() { "-".to_owned() } else { row.troubles.join("\n") };
            let [first, second] = &row.after;
            let back = if row.taken_back { ", 3 was taken back" } else { "" };
            let second = format!("{second}{back}");
            table.add_row([&row.tenant, &row.account, &row.unit, &way, first, &second]);
        }
        let told = |ended: &Ended| {
            let outcome = ended.detail["outcome"].as_str().unwrap_or("no outcome was told");
            match ended.detail["reason"]["text"].as_str() {
                Some(reason) => format!("{outcome}: {reason}"),
                None => outcome.to_owned(),
            }
        };
        let [first, second] = &self.ended;
        let left_out: String = not_current(first)
            .map(|(account, why)| {
                let row = self.rows.iter().find(|row| row.account == account);
                let tenant = row.map_or(account, |row| row.tenant.as_str());
                format!("\n  without it: {tenant}: {why}")
            })
            .collect();
        format!(
            "{table}\n\nchange 2: {}{left_out}\nchange 3: {}\n{} StackSet operations",
            told(first),
            told(second),
            self.operations
        )
    }

    /// Where it is not what it must be.
    pub(super) fn differences(&self, tenants: &Tenants) -> Vec<String> {
        let mut differences = Vec::new();
        let mut must = |holds: bool, what: String| {
            if !holds {
                differences.push(what);
            }
        };
        let [first, second] = &self.ended;
        for (ended, status, outcome) in
            [(first, "SUCCEEDED", "INCOMPLETE"), (second, "FAILED", "ROLLED_BACK")]
        {
            must(ended.status == status, format!("{}, not {status}", ended.status));
            let told = &ended.detail["outcome"];
            must(*told == outcome, format!("the outcome {told} is not {outcome}"));
        }
        let reason = &second.detail["reason"]["code"];
        must(*reason == "UNHEALTHY", format!("it stopped for {reason}, not for UNHEALTHY"));
        must(self.rows.len() == tenants.fleet.members.len(), "accounts are missing".to_owned());
        for row in &self.rows {
            let [first, second] = &row.after;
            let version = if row.tenant == MEANS_HARM { "1" } else { "2" };
            must(first == version, format!("{} has version {first} after the first", row.tenant));
            must(second == version, format!("{} has version {second} at the end", row.tenant));
        }
        // Whoever imitates an excuse is a failure that counts, and the report names it alone.
        let reported: Vec<&str> = not_current(first).map(|(account, _)| account).collect();
        let harmful = tenants.member(MEANS_HARM).map(|member| member.account.as_str());
        must(
            reported == harmful.into_iter().collect::<Vec<_>>(),
            format!("the first one's report names {reported:?}, not {MEANS_HARM} alone"),
        );
        let counts = &first.detail["counts"];
        must(
            counts["suspended"] == 0 && counts["vetoed"] == 0 && counts["unclassified"] == 1,
            format!("the words of {MEANS_HARM} were believed: {counts}"),
        );
        let taken_back = self.rows.iter().filter(|row| row.taken_back).count();
        must(
            taken_back > 2,
            format!("{taken_back} accounts were taken back, not those of two waves"),
        );
        for (tenant, part) in [(VETOES, "vetoed"), (FAILS_ONCE, "Rate exceeded")] {
            let row = self.rows.iter().find(|row| row.tenant == tenant);
            let seen = row.is_some_and(|row| row.troubles.iter().any(|text| text.contains(part)));
            must(seen, format!("{tenant} was not {part} on the way"));
        }
        differences
    }
}
