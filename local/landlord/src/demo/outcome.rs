//! How the signups ended: as JSON, and as a page for people.

use std::time::Duration;

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use serde_json::{Value, json};
use simulation::deployment::{Deployment, Error};

use super::follow::{Followed, Follower};

/// One tenant at the end.
#[derive(Debug, Clone)]
pub(super) struct Tenant {
    pub(super) id: String,
    pub(super) ready: bool,
    pub(super) account: Option<String>,
    pub(super) unit: Option<String>,
    pub(super) baseline: Vec<Value>,
    pub(super) quotas: Vec<Value>,
    /// Step, name and cause.
    pub(super) error: Option<(String, String, String)>,
    took: Duration,
}

/// How all signups ended.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) tenants: Vec<Tenant>,
    pub(super) rejected: Vec<Value>,
    pub(super) duplicates: usize,
    pub(super) accounts_created: usize,
    pub(super) most_creations: usize,
    pub(super) operations: usize,
    pub(super) dead_letters: usize,
    /// Signups that got no answer: event id and tenant id.
    pub(super) unanswered: Vec<(String, String)>,
    took: Duration,
}

impl Outcome {
    /// Looks at the world after the signups were followed.
    pub(super) async fn of(deployment: &Deployment, follower: Follower) -> Result<Self, Error> {
        let aws = deployment.aws();
        let accounts = aws.accounts();
        let took = follower.elapsed();
        let sets = stack_sets(deployment).await?;
        let mut operations = 0;
        for set in &sets {
            let input = json!({ "StackSetName": set });
            let listed = deployment.ask("cloudformation", "ListStackSetOperations", input).await?;
            operations += listed["Summaries"].as_array().map_or(0, Vec::len);
        }
        let mut tenants = Vec::new();
        for (id, followed) in &follower.tenants {
            let mut tenant = tenant(id, followed, took);
            let tagged = accounts.iter().find(|account| {
                account.tags.iter().any(|(key, value)| key == "landlord:tenant" && value == id)
            });
            if let Some(account) = tagged {
                tenant.account.get_or_insert_with(|| account.id.clone());
                tenant.unit = Some(account.parent_name.clone());
            }
            if let (Some(account), true) = (&tenant.account, tenant.baseline.is_empty()) {
                tenant.baseline = instances(deployment, &sets, account).await?;
            }
            tenants.push(tenant);
        }
        Ok(Self {
            tenants,
            unanswered: follower.unanswered.0.into_iter().collect(),
            rejected: follower.rejected,
            duplicates: follower.duplicates,
            accounts_created: accounts
                .iter()
                .filter(|account| account.id != aws.settings().management_account)
                .count(),
            most_creations: aws.most_creations_in_progress(),
            operations,
            dead_letters: dead_letters(deployment).await?,
            took,
        })
    }

    /// Whether every signup was answered, and every tenant that was not rejected is ready.
    pub(super) fn all_ready(&self) -> bool {
        self.unanswered.is_empty() && self.tenants.iter().all(|tenant| tenant.ready)
    }

    /// The outcome as one document.
    pub(super) fn json(&self) -> Value {
        let tenants: Vec<Value> = self
            .tenants
            .iter()
            .map(|tenant| {
                let error = tenant.error.as_ref().map(
                    |(step, name, cause)| json!({ "step": step, "name": name, "cause": cause }),
                );
                json!({
                    "tenantId": tenant.id,
                    "status": if tenant.ready { "READY" } else { "FAILED" },
                    "accountId": tenant.account,
                    "organizationalUnit": tenant.unit,
                    "baseline": tenant.baseline,
                    "quotas": tenant.quotas.iter().map(quota).collect::<Vec<_>>(),
                    "error": error,
                })
            })
            .collect();
        let rejected: Vec<Value> = self
            .rejected
            .iter()
            .map(|detail| json!({ "tenantId": detail["tenantId"], "reasons": detail["reasons"] }))
            .collect();
        json!({
            "tenants": tenants, "rejected": rejected, "accountsCreated": self.accounts_created,
            "unanswered": self.unanswered.iter()
                .map(|(event, tenant)| json!({ "eventId": event, "tenantId": tenant }))
                .collect::<Vec<_>>(),
        })
    }

    /// The outcome for people.
    pub(super) fn page(&self) -> String {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_header(["tenant", "account", "OU", "baseline", "quotas", "time", "outcome"]);
        for tenant in &self.tenants {
            let outcome = match &tenant.error {
                None => "ready".to_owned(),
                Some((step, name, cause)) => format!("{name} in {step}\n{}", wrapped(cause)),
            };
            table.add_row([
                tenant.id.clone(),
                tenant.account.clone().unwrap_or_else(|| "-".to_owned()),
                tenant.unit.clone().unwrap_or_else(|| "-".to_owned()),
                tally(&tenant.baseline),
                tally(&tenant.quotas),
                format!("{:.1} s", tenant.took.as_secs_f64()),
                outcome,
            ]);
        }
        let mut page = table.to_string();
        for detail in &self.rejected {
            let tenant = detail["tenantId"].as_str().unwrap_or("(no tenant id)");
            page.push_str(&format!("\n\nrejected: {tenant}"));
            for reason in detail["reasons"].as_array().into_iter().flatten() {
                page.push_str(&format!("\n  {}", reason.as_str().unwrap_or_default()));
            }
        }
        for (event, tenant) in &self.unanswered {
            page.push_str(&format!(
                "\n\nno answer: {tenant} (event {event}); --timeout gives it more"
            ));
        }
        page.push_str(&format!(
            "\n\n{} accounts created, never more than {} at a time; {} StackSet operations; \
             {} duplicates answered; {} dead letters; {:.1} s",
            self.accounts_created,
            self.most_creations,
            self.operations,
            self.duplicates,
            self.dead_letters,
            self.took.as_secs_f64(),
        ));
        page
    }
}

fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        if lines.last().is_some_and(|line| line.chars().count() + word.chars().count() > 56) {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n")
}

/// How often each status occurs: `2 CURRENT`.
fn tally(rows: &[Value]) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for row in rows {
        let status = row["status"].as_str().unwrap_or("?");
        match counts.iter_mut().find(|(known, _)| *known == status) {
            Some((_, count)) => *count += 1,
            None => counts.push((status, 1)),
        }
    }
    if counts.is_empty() {
        return "-".to_owned();
    }
    let words: Vec<String> =
        counts.iter().map(|(status, count)| format!("{count} {status}")).collect();
    words.join("\n")
}

fn quota(row: &Value) -> Value {
    json!({
        "serviceCode": row["serviceCode"], "quotaCode": row["quotaCode"],
        "region": row["region"], "status": row["status"],
    })
}

fn tenant(id: &str, followed: &Followed, now: Duration) -> Tenant {
    let rows = |detail: &Value, name: &str| detail[name].as_array().cloned().unwrap_or_default();
    let blank = Tenant {
        id: id.to_owned(),
        ready: false,
        account: None,
        unit: None,
        baseline: Vec::new(),
        quotas: Vec::new(),
        error: None,
        took: now.saturating_sub(followed.admitted),
    };
    let Some((announcement, ended)) = &followed.ended else {
        let cause = "the time of the demo was over; --timeout gives it more".to_owned();
        let error = (followed.step.clone(), "StillRunning".to_owned(), cause);
        return Tenant { error: Some(error), ..blank };
    };
    let detail = &announcement.detail;
    let text = |name: &str| detail[name].as_str().unwrap_or_default().to_owned();
    let ready = announcement.name == "TenantReady";
    Tenant {
        ready,
        account: detail["accountId"].as_str().map(str::to_owned),
        baseline: rows(detail, "baseline"),
        quotas: rows(detail, "quotas"),
        error: (!ready).then(|| (text("step"), text("error"), text("cause"))),
        took: ended.saturating_sub(followed.admitted),
        ..blank
    }
}

async fn stack_sets(deployment: &Deployment) -> Result<Vec<String>, Error> {
    let listed =
        deployment.ask("cloudformation", "ListStackSets", json!({ "Status": "ACTIVE" })).await?;
    let rows = listed["Summaries"].as_array().cloned().unwrap_or_default();
    Ok(rows.iter().filter_map(|row| row["StackSetName"].as_str()).map(str::to_owned).collect())
}

async fn instances(
    deployment: &Deployment,
    sets: &[String],
    account: &str,
) -> Result<Vec<Value>, Error> {
    let mut found = Vec::new();
    for set in sets {
        let input = json!({ "StackSetName": set, "StackInstanceAccount": account });
        let listed = deployment.ask("cloudformation", "ListStackInstances", input).await?;
        for row in listed["Summaries"].as_array().into_iter().flatten() {
            found.push(json!({
                "stackSet": set, "region": row["Region"], "status": row["Status"],
            }));
        }
    }
    Ok(found)
}

async fn dead_letters(deployment: &Deployment) -> Result<usize, Error> {
    let mut count = 0;
    for output in ["SignupsDeadLettersQueueUrl", "UndeliveredEventsQueueUrl"] {
        let url = deployment.output(output)?;
        let input = json!({ "QueueUrl": url, "AttributeNames": ["All"] });
        let answer = deployment.ask("sqs", "GetQueueAttributes", input).await?;
        let messages = answer["Attributes"]["ApproximateNumberOfMessages"].as_str();
        count += messages.and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signup_without_an_answer_is_no_success_and_is_named() {
        let mut outcome = Outcome {
            tenants: Vec::new(),
            rejected: Vec::new(),
            duplicates: 0,
            accounts_created: 0,
            most_creations: 0,
            operations: 0,
            dead_letters: 0,
            unanswered: Vec::new(),
            took: Duration::ZERO,
        };
        assert!(outcome.all_ready());
        outcome.unanswered.push(("event-7".to_owned(), "acme".to_owned()));
        assert!(!outcome.all_ready());
        let named = json!([{ "eventId": "event-7", "tenantId": "acme" }]);
        assert_eq!(outcome.json()["unanswered"], named);
        assert!(outcome.page().contains("no answer: acme (event event-7)"));
    }
}
