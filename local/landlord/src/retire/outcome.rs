//! What became of each tenant: as JSON, as a table, and whether it is what it must be.

use std::collections::BTreeMap;

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use serde_json::{Value, json};
use simulation::deployment::Deployment;
use simulation::rollout::fleet::download;

use super::story::{CLOSES, Ends, PARTS, Story};
use super::{Error, Watcher};

/// A sweep that ended.
#[derive(Debug)]
pub(super) struct Swept {
    status: String,
    /// The detail of its `RetirementSweepFinished`, from the report in S3.
    report: Value,
    /// Verdict lines by account.
    verdicts: BTreeMap<String, Value>,
    /// The first lines of the document for auditors.
    document: String,
}

impl Swept {
    /// Reads what a sweep left in the bucket.
    pub(super) async fn read(
        deployment: &Deployment,
        name: &str,
        status: String,
    ) -> Result<Self, Error> {
        let file = |file: String| async move {
            download(deployment, &format!("sweeps/{name}/{file}")).await.unwrap_or_default()
        };
        let mut verdicts = BTreeMap::new();
        for number in 0_usize.. {
            let text = file(format!("verdicts/{number:05}.jsonl")).await;
            if text.is_empty() {
                break;
            }
            for line in text.lines() {
                let line: Value = serde_json::from_str(line).unwrap_or_default();
                let account = line["accountId"].as_str().unwrap_or_default().to_owned();
                verdicts.insert(account, line);
            }
        }
        let report = serde_json::from_str(&file("report.json".to_owned()).await);
        let document = file("report.md".to_owned()).await;
        Ok(Self { status, report: report.unwrap_or_default(), verdicts, document })
    }

    fn verdict(&self, account: &str) -> (&str, &str) {
        let line = self.verdicts.get(account);
        let text = |member: &str| line.and_then(|line| line[member].as_str()).unwrap_or("-");
        (text("verdict"), text("reason"))
    }
}

/// A tenant in the end.
#[derive(Debug)]
struct Row {
    tenant: &'static str,
    story: &'static str,
    account: String,
    verdicts: [(String, String); 2],
    unit: String,
    state: &'static str,
    stacks: usize,
    retired: bool,
}

/// Both sweeps.
#[derive(Debug)]
pub(super) struct Outcome {
    rows: Vec<Row>,
    sweeps: [Swept; 2],
}

impl Outcome {
    pub(super) async fn of(
        story: &Story<'_>,
        watcher: &Watcher,
        sweeps: [Swept; 2],
    ) -> Result<Self, Error> {
        let deployment = watcher.deployment();
        let input = json!({ "StackSetName": story.stack_set() });
        let listed = deployment.ask("cloudformation", "ListStackInstances", input).await?;
        let instances = listed["Summaries"].as_array().cloned().unwrap_or_default();
        let accounts = deployment.aws().accounts();
        let mut rows = Vec::new();
        for part in &PARTS {
            let account = story.member(part.tenant).map(|it| it.account.clone());
            let account = account.unwrap_or_default();
            let found = accounts.iter().find(|it| it.id == account);
            let announced = |(name, detail): &(String, Value)| {
                name == "TenantRetired" && detail["tenantId"] == part.tenant
            };
            rows.push(Row {
                tenant: part.tenant,
                story: part.story,
                verdicts: sweeps.each_ref().map(|sweep| {
                    let (verdict, reason) = sweep.verdict(&account);
                    (verdict.to_owned(), reason.to_owned())
                }),
                unit: found.map(|it| it.parent_name.clone()).unwrap_or_default(),
                state: found.map_or("?", |it| it.state),
                stacks: instances.iter().filter(|it| it["Account"] == account.as_str()).count(),
                retired: watcher.heard().iter().any(announced),
                account,
            });
        }
        Ok(Self { rows, sweeps })
    }

    /// Both sweeps as one document.
    pub(super) fn json(&self) -> Value {
        let tenants: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                let [dry, wet] = row
                    .verdicts
                    .each_ref()
                    .map(|(verdict, reason)| json!({ "verdict": verdict, "reason": reason }));
                json!({
                    "tenantId": row.tenant, "accountId": row.account, "dryRun": dry, "sweep": wet,
                    "organizationalUnit": row.unit, "state": row.state, "stacks": row.stacks,
                })
            })
            .collect();
        let [dry, wet] = self.sweeps.each_ref().map(|sweep| &sweep.report);
        json!({ "tenants": tenants, "dryRun": dry, "sweep": wet })
    }

    /// Both sweeps for people.
    pub(super) fn page(&self) -> String {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_header(["tenant", "account", "what happened", "verdict", "reason", "in the end"]);
        for row in &self.rows {
            let [(dry, reason), (wet, _)] = &row.verdicts;
            let verdict = if dry == wet { dry.clone() } else { format!("{dry}, then {wet}") };
            let stacks = if row.stacks == 1 { "1 stack" } else { "no stacks" };
            let end = format!("{} in {}, {stacks}", row.state, row.unit);
            table.add_row([row.tenant, &row.account, row.story, &verdict, reason, &end]);
        }
        let [dry, wet] = self.sweeps.each_ref().map(|sweep| {
            let report = &sweep.report;
            let budget = &report["budget"];
            format!(
                "{} {}: {}, may close {} of {} in 30 days; report: {} ({} lines)",
                report["sweep"].as_str().unwrap_or("?"),
                sweep.status,
                report["counts"],
                budget["allowed"],
                budget["quota"],
                report["reportKey"].as_str().unwrap_or("?"),
                sweep.document.lines().count()
            )
        });
        format!("{table}\n\n{dry}\n{wet}")
    }

    /// Where it is not what it must be.
    pub(super) fn differences(&self, story: &Story<'_>) -> Vec<String> {
        let mut differences = Vec::new();
        let mut must = |holds: bool, what: String| {
            if !holds {
                differences.push(what);
            }
        };
        for (sweep, closed) in self.sweeps.iter().zip([0, CLOSES.len()]) {
            must(sweep.status == "SUCCEEDED", format!("a sweep ended as {}", sweep.status));
            let is_dry = sweep.report["dryRun"] == true;
            must(is_dry == (closed == 0), "the dry run is not the first".to_owned());
            let [done, would] = ["closedCount", "wouldCloseCount"].map(|key| &sweep.report[key]);
            must(*done == closed, format!("{done} closings are reported"));
            let left = CLOSES.len() - closed;
            must(*would == left, format!("{would} closings are reported that would have been"));
            must(!sweep.document.is_empty(), "there is no document".to_owned());
        }
        for (part, row) in PARTS.iter().zip(&self.rows) {
            let tenant = part.tenant;
            for (verdict, reason) in &row.verdicts {
                let wanted = part.verdict.unwrap_or("-");
                must(verdict == wanted, format!("{tenant}: {verdict}, not {wanted}"));
                must(reason.contains(part.reason), format!("{tenant}: because {reason}"));
            }
            let home = story.member(tenant).map(|it| it.unit.as_str()).unwrap_or_default();
            let (unit, state, stacks) = match part.ends {
                Ends::Home => (home, "ACTIVE", 1),
                Ends::Retiring => ("Retiring", "ACTIVE", 1),
                Ends::Closed => ("Suspended", "CLOSED", 0),
            };
            let found = (row.unit.as_str(), row.state, row.stacks);
            must(found == (unit, state, stacks), format!("{tenant}: {found:?} in the end"));
            let closed = part.ends == Ends::Closed;
            must(
                row.retired == closed,
                format!("{tenant}: TenantRetired was heard: {}", row.retired),
            );
        }
        differences
    }
}
