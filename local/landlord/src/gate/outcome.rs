//! What became of an operation, account by account, and what should have.

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use serde::Serialize;

use super::Error;
use super::fleet::{Fleet, REGIONS};

/// An operation's end in one account and Region.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    pub(super) account: String,
    pub(super) region: String,
    /// `SUCCEEDED`, `FAILED` or `SKIPPED`.
    pub(super) gate: String,
    /// The gate's own words.
    pub(super) reason: String,
    /// The operation's result here.
    pub(super) result: String,
    /// The instance's status afterwards.
    pub(super) instance: String,
    /// The version that the account has.
    pub(super) version: String,
}

/// An operation's end.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub(super) struct Outcome {
    pub(super) rows: Vec<Row>,
}

impl Outcome {
    /// Reads the results, and asks the gates and the accounts.
    pub(super) async fn of(fleet: &Fleet, results: &[serde_json::Value]) -> Result<Self, Error> {
        let mut rows = Vec::new();
        for result in results {
            let text = |pointer: &str| {
                result
                    .pointer(pointer)
                    .and_then(|value| value.as_str())
                    .unwrap_or_default()
                    .to_owned()
            };
            let (account, region) = (text("/Account"), text("/Region"));
            let reason = fleet.explained(&account, &region).await?;
            let (instance, version) = fleet.stands(&account, &region).await?;
            rows.push(Row {
                gate: text("/AccountGateResult/Status"),
                result: text("/Status"),
                account,
                region,
                reason,
                instance,
                version,
            });
        }
        rows.sort_by(|one, other| {
            (&one.account, &one.region).cmp(&(&other.account, &other.region))
        });
        Ok(Self { rows })
    }

    pub(super) fn table(&self, title: &str) -> String {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_header(["account", "Region", "gate", "reason", "result", "instance", "version"]);
        for row in &self.rows {
            table.add_row([
                row.account.as_str(),
                &row.region,
                &row.gate,
                &wrapped(&row.reason),
                &row.result,
                &row.instance,
                &row.version,
            ]);
        }
        format!("{title}\n{table}")
    }

    fn row(&self, account: &str, region: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.account == account && row.region == region)
    }
}

/// A reason in lines that a terminal shows whole.
fn wrapped(reason: &str) -> String {
    let mut lines = vec![String::new()];
    for word in reason.split(' ') {
        let fits = lines.last().is_some_and(|line| line.len() + word.len() < 48);
        match lines.last_mut() {
            Some(line) if fits && !line.is_empty() => {
                line.push(' ');
                line.push_str(word);
            }
            Some(line) if line.is_empty() => line.push_str(word),
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

/// Everything that is not as it should be.
pub(super) fn differences(fleet: &Fleet, first: &Outcome, second: &Outcome) -> Vec<String> {
    let mut all = Vec::new();
    for account in &fleet.accounts {
        for region in REGIONS {
            let alarm = account == fleet.in_alarm() && region == REGIONS[0];
            let window = account == fleet.out_of_hours();
            let (gate, why) = if alarm {
                ("FAILED", "\"checkout-5xx\"")
            } else if window {
                ("FAILED", "maintenance window")
            } else if account == fleet.held() {
                ("FAILED", "override `hold`")
            } else if account == fleet.without_gate() {
                ("SKIPPED", "there is no gate")
            } else {
                ("SUCCEEDED", "nothing stands in the way")
            };
            let vetoed = gate == "FAILED";
            let opened =
                if vetoed || account == fleet.in_alarm() { "override `open`" } else { why };
            let open_gate = if vetoed { "SUCCEEDED" } else { gate };
            let (result, instance, version) =
                if vetoed { ("FAILED", "OUTDATED", "1") } else { ("SUCCEEDED", "CURRENT", "2") };
            let wanted = [
                (first, "first", gate, why, result, instance, version),
                (second, "second", open_gate, opened, "SUCCEEDED", "CURRENT", "2"),
            ];
            for (outcome, name, gate, why, result, instance, version) in wanted {
                let Some(row) = outcome.row(account, region) else {
                    all.push(format!("{name}: {account} {region} has no result"));
                    continue;
                };
                let found = [&row.gate, &row.result, &row.instance, &row.version];
                if found != [gate, result, instance, version] || !row.reason.contains(why) {
                    all.push(format!(
                        "{name}: {account} {region} is {found:?} because \"{}\", and should be \
                         {:?} because \"{why}\"",
                        row.reason,
                        [gate, result, instance, version]
                    ));
                }
            }
        }
    }
    all
}
