//! What was asked of Landlord: every event that a signup system put on the bus or into the queue,
//! and the signups that Landlord sends itself for tenants that come back.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use local_aws::Call;
use serde_json::Value;

/// The events that ask for something.
const SIGNUP: &str = "TenantSignedUp";
const LEAVING: &str = "TenantOffboarded";
const RETURN: &str = "TenantReinstated";

/// One event that asked for something.
#[derive(Debug, Clone)]
pub(super) struct Question {
    /// Its detail type.
    pub(super) kind: String,
    /// What it says.
    pub(super) detail: Value,
    /// The time that the event itself carries.
    pub(super) sent: Timestamp,
    /// When it was put where Landlord can find it.
    pub(super) put: Timestamp,
}

impl Question {
    pub(super) fn is_signup(&self) -> bool {
        self.kind == SIGNUP
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.kind == LEAVING
    }

    pub(super) fn is_return(&self) -> bool {
        self.kind == RETURN
    }

    pub(super) fn text(&self, member: &str) -> &str {
        self.detail[member].as_str().unwrap_or_default()
    }

    /// The tenant, by the id that Landlord makes of the signup system's.
    pub(super) fn tenant(&self) -> String {
        self.text("tenantId").to_ascii_lowercase().replace('_', "-")
    }

    /// When it happened, as the event says; a leaving or a return without it never happened.
    pub(super) fn occurred(&self) -> Option<Timestamp> {
        self.text("occurredAt").parse().ok()
    }
}

/// All that was asked, by the ids of the events.
#[derive(Debug, Default)]
pub(super) struct Asked {
    questions: BTreeMap<String, Question>,
    /// Those that an archive sent once more.
    replayed: BTreeSet<String>,
}

impl Asked {
    /// Takes in a call of somebody who is not Landlord.
    pub(super) fn note(&mut self, call: &Call, answer: &Value, now: Timestamp) {
        match (call.service, call.operation.as_str()) {
            ("events", "PutEvents") => self.put(call, answer, now),
            ("sqs", "SendMessage") => {
                let body = call.input["MessageBody"].as_str().unwrap_or_default();
                let event: Value = serde_json::from_str(body).unwrap_or_default();
                let text = |member: &str| event[member].as_str().unwrap_or_default();
                let sent = text("time").parse().unwrap_or(now);
                if !text("replay-name").is_empty() {
                    self.replayed.insert(text("id").to_owned());
                }
                self.insert(text("id"), text("detail-type"), event["detail"].clone(), (sent, now));
            }
            _ => {}
        }
    }

    /// Takes in what was put on the bus and is no answer.
    pub(super) fn put(&mut self, call: &Call, answer: &Value, now: Timestamp) {
        let ids = answer["Entries"].as_array().into_iter().flatten();
        for (entry, put) in call.list("Entries").iter().zip(ids) {
            let text = |member: &str| entry[member].as_str().unwrap_or_default();
            let detail = serde_json::from_str(text("Detail")).unwrap_or_default();
            // EventBridge keeps whole seconds.
            let sent = Timestamp::from_second(now.as_second()).unwrap_or(now);
            let id = put["EventId"].as_str().unwrap_or_default();
            self.insert(id, text("DetailType"), detail, (sent, now));
        }
    }

    fn insert(&mut self, id: &str, kind: &str, detail: Value, (sent, put): (Timestamp, Timestamp)) {
        if !id.is_empty() && [SIGNUP, LEAVING, RETURN].contains(&kind) {
            let question = Question { kind: kind.to_owned(), detail, sent, put };
            self.questions.entry(id.to_owned()).or_insert(question);
        }
    }

    /// All of them, with their ids.
    pub(super) fn all(&self) -> impl Iterator<Item = (&String, &Question)> {
        self.questions.iter()
    }

    pub(super) fn get(&self, id: &str) -> Option<&Question> {
        self.questions.get(id)
    }

    pub(super) fn is_replayed(&self, id: &str) -> bool {
        self.replayed.contains(id)
    }

    /// What was asked about the life of a tenant that is there: its leavings and returns.
    pub(super) fn of_life<'a>(&'a self, tenant: &'a str) -> impl Iterator<Item = &'a Question> {
        self.questions
            .values()
            .filter(move |it| (it.is_leaving() || it.is_return()) && it.tenant() == tenant)
    }
}
