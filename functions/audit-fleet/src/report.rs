//! What is new since the last audit, and what is gone; the report, and what is said of it.

use std::collections::{BTreeMap, HashSet};

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use fleet_audit::{Class, Finding};
use jiff::Timestamp;
use lambda_kit::sdk::{Refusal, Trouble};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::error::Halt;
use crate::handler::Call;
use crate::table::hash;
use crate::work::{LATEST, Latest, Progress, Unread, findings_key, report_key};

/// How many findings the report has at most, in each of its lists; the files have all.
const LISTED: usize = 1_000;
/// How many new ones the event has at most.
const SHOWN: usize = 20;
/// How many characters of a text the event has at most.
const TEXT: usize = 500;

/// The audit, in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Audited {
    /// Where the report is.
    pub report_key: String,
    /// How many accounts were seen.
    pub accounts: u64,
    /// How many findings there are.
    pub findings: u64,
    /// How many there were not at the last audit.
    pub new_count: u64,
    /// How many of the last audit's there are no more.
    pub gone_count: u64,
}

/// The detail of the event `FleetAuditFinished`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FleetAuditFinished {
    /// The audit's name, under which its files lie in the runs bucket.
    pub audit: String,
    /// Its execution.
    pub execution_arn: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was reported.
    pub finished_at: Timestamp,
    /// How many accounts were seen.
    pub accounts: u64,
    /// How many of them by where they are in their lives.
    pub states: BTreeMap<String, u64>,
    /// How many findings there are.
    pub findings: u64,
    /// How many of each class, all classes named.
    pub counts: BTreeMap<Class, u64>,
    /// How many there were not at the last audit.
    pub new_count: u64,
    /// The first of them.
    pub new: Vec<Finding>,
    /// How many of the last audit's there are no more.
    pub gone_count: u64,
    /// What could not be read, or was not.
    pub unread: Vec<Unread>,
    /// Where the report is.
    pub report_key: String,
}

impl FleetAuditFinished {
    /// The event's detail type.
    pub const DETAIL_TYPE: &'static str = "FleetAuditFinished";
}

/// What differs from the last audit.
#[derive(Debug, Default)]
struct News {
    new_count: u64,
    new: Vec<Finding>,
    gone_count: u64,
    gone: Vec<Finding>,
    /// The first of all.
    all: Vec<Finding>,
}

impl Call<'_> {
    /// Reports. May run twice: the report is the same, and the event is said again.
    pub(crate) async fn report(&self, progress: &Progress) -> Result<Audited, Halt> {
        let audit = &self.request.audit.name;
        let read = Box::pin(self.app.files.read_json::<Latest>(LATEST)).await;
        let latest = read.map_err(|trouble| self.halt(trouble))?;
        // This one is the latest already when the answer to an earlier call was lost.
        let before = match latest {
            Some(latest) if latest.audit == *audit => latest.before.map(|before| *before),
            latest => latest,
        };
        let news = Box::pin(self.news(progress, before.as_ref())).await?;
        let event = self.event(progress, &news);
        let report = json!({
            "summary": event,
            "findings": news.all, "new": news.new, "gone": news.gone,
            "findingFiles": (0..progress.files).map(|it| findings_key(audit, it)).collect::<Vec<_>>(),
            "pages": progress.pages,
        });
        let written = Box::pin(self.app.files.write_json(&event.report_key, &report)).await;
        written.map_err(|trouble| self.halt(trouble))?;
        let before = before.map(|before| Box::new(Latest { before: None, ..before }));
        let latest = Latest { audit: audit.clone(), files: progress.files, before };
        let written = Box::pin(self.app.files.write_json(LATEST, &latest)).await;
        written.map_err(|trouble| self.halt(trouble))?;
        Box::pin(self.announce(&event)).await?;
        tracing::info!(
            audit,
            accounts = event.accounts,
            findings = event.findings,
            new = event.new_count,
            gone = event.gone_count,
            pages = progress.pages,
            "the audit is reported"
        );
        Ok(Audited {
            report_key: event.report_key,
            accounts: event.accounts,
            findings: event.findings,
            new_count: event.new_count,
            gone_count: event.gone_count,
        })
    }

    async fn findings(&self, audit: &str, file: usize) -> Result<Vec<Finding>, Halt> {
        let read = Box::pin(self.app.files.read_lines(&findings_key(audit, file))).await;
        read.map_err(|trouble| self.halt(trouble))
    }

    /// Holds the findings against those of the audit before; eight bytes of each are in memory, and
    /// one file.
    async fn news(&self, progress: &Progress, before: Option<&Latest>) -> Result<News, Halt> {
        let audit = &self.request.audit.name;
        let mut known = HashSet::new();
        for file in 0..before.map_or(0, |it| it.files) {
            let of_before = before.map_or("", |it| it.audit.as_str());
            let found = self.findings(of_before, file).await?;
            known.extend(found.iter().map(|it| hash(&it.key())));
        }
        let (mut news, mut now) = (News::default(), HashSet::new());
        for file in 0..progress.files {
            for finding in self.findings(audit, file).await? {
                let key = hash(&finding.key());
                now.insert(key);
                if !known.contains(&key) {
                    news.new_count += 1;
                    if news.new.len() < LISTED {
                        news.new.push(finding.clone());
                    }
                }
                if news.all.len() < LISTED {
                    news.all.push(finding);
                }
            }
        }
        for file in 0..before.map_or(0, |it| it.files) {
            let of_before = before.map_or("", |it| it.audit.as_str());
            for finding in self.findings(of_before, file).await? {
                if !now.contains(&hash(&finding.key())) {
                    news.gone_count += 1;
                    if news.gone.len() < LISTED {
                        news.gone.push(finding);
                    }
                }
            }
        }
        Ok(news)
    }

    fn event(&self, progress: &Progress, news: &News) -> FleetAuditFinished {
        let request = self.request;
        let shown = news.new.iter().take(SHOWN).map(|finding| Finding {
            because: finding.because.chars().take(TEXT).collect(),
            ..finding.clone()
        });
        let of = |class: Class| progress.counts.get(&class).copied().unwrap_or_default();
        FleetAuditFinished {
            audit: request.audit.name.clone(),
            execution_arn: request.audit.arn.clone(),
            started_at: request.execution.started_at,
            finished_at: self.now,
            accounts: progress.states.values().sum(),
            states: progress.states.clone(),
            findings: progress.counts.values().sum(),
            counts: Class::ALL.into_iter().map(|class| (class, of(class))).collect(),
            new_count: news.new_count,
            new: shown.collect(),
            gone_count: news.gone_count,
            unread: progress.unread.clone(),
            report_key: report_key(&request.audit.name),
        }
    }

    async fn announce(&self, event: &FleetAuditFinished) -> Result<(), Halt> {
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.app.config.events.bus)
            .source("landlord")
            .detail_type(FleetAuditFinished::DETAIL_TYPE)
            .detail(json!(event).to_string())
            .resources(&self.request.audit.arn)
            .build();
        let answer = Box::pin(self.app.events.put_events().entries(entry).send())
            .await
            .map_err(|error| self.halt(Trouble::of("events", "PutEvents", &error)))?;
        let refused = answer.entries().iter().find_map(|entry| {
            let message = entry.error_message().unwrap_or_default();
            Some(Refusal {
                service: "events",
                call: "PutEvents",
                code: entry.error_code()?.into(),
                message: message.into(),
            })
        });
        let Some(refusal) = refused else { return Ok(()) };
        let passes = ["ThrottlingException", "InternalFailure", "InternalException"]
            .contains(&&*refusal.code);
        let trouble = if passes { Trouble::Passing(refusal) } else { Trouble::Refused(refusal) };
        Err(self.halt(trouble))
    }
}
