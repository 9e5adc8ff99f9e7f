//! What every answer on the bus must keep to: it names an event that somebody sent about this
//! tenant, and what it says is true at its moment, by the stand-in's own state.

mod lifecycle;
mod signups;

use std::collections::btree_map::Entry;

use jiff::{SignedDuration, Timestamp};
use local_aws::Call;
use serde_json::Value;

use super::asked::Question;
use super::moments::Moments;
use super::watch::{State, Watch};

/// How old a read may be on which an execution's last word rests: a copy that lags a minute, a call
/// that was held back, and the state in between.
const READ_WITHIN: SignedDuration = SignedDuration::from_secs(180);
/// From what a machine saw last to its announcement: it lets an earlier onboarding end, and the bus
/// may throttle for two minutes, twice.
const TOLD_WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// Looks at one answer of many.
struct Judge<'a> {
    watch: &'a Watch,
    state: &'a State,
    name: &'a str,
    detail: &'a Value,
    now: Timestamp,
    found: Vec<String>,
}

/// What the entries of a call that was carried out break.
pub(super) fn judge(
    watch: &Watch,
    state: &mut State,
    caller: &str,
    (call, answer): (&Call, &Value),
) -> Vec<String> {
    let now = watch.now();
    let mut found = Vec::new();
    for entry in call.list("Entries") {
        let text = |member: &str| entry[member].as_str().unwrap_or_default();
        if text("Source") != "landlord" {
            // A tenant that comes back is signed up again: a question of Landlord's own.
            state.asked.put(call, answer, now);
            continue;
        }
        let detail: Value = serde_json::from_str(text("Detail")).unwrap_or_default();
        let name = text("DetailType");
        let mut judge = Judge { watch, state, name, detail: &detail, now, found: Vec::new() };
        judge.answer(caller);
        found.append(&mut judge.found);
        if let Some(event) = detail["eventId"].as_str() {
            state.answered.insert(event.to_owned());
            if name != "TenantAdmitted" {
                let said = (name.to_owned(), detail.clone());
                match state.said.entry(event.to_owned()) {
                    // An execution that was redriven ends again, and its newest end is repeated.
                    Entry::Occupied(mut known) if caller == "announce-outcome" => {
                        known.insert(said);
                    }
                    Entry::Occupied(_) => {}
                    Entry::Vacant(free) => drop(free.insert(said)),
                }
            }
        }
    }
    found
}

/// Since when something may have been seen that was told so long afterwards.
fn before(moment: Timestamp, within: SignedDuration) -> Timestamp {
    moment.checked_sub(within).unwrap_or(Timestamp::MIN)
}

impl Judge<'_> {
    fn answer(&mut self, caller: &str) {
        match self.name {
            "TenantAdmitted" => self.admitted(),
            "TenantRejected" => self.rejected(),
            "TenantReady"
            | "TenantLeft"
            | "TenantSignupContradicted"
            | "TenantOnboardingFailed" => self.onboarding_ended(caller),
            "TenantRetiring"
            | "TenantRestored"
            | "TenantUnchanged"
            | "TenantOffboardingRejected" => self.lifecycle(),
            "TenantRetired" | "TenantAccountClosed" => self.closed(),
            _ => {}
        }
    }

    fn text(&self, member: &str) -> &str {
        self.detail[member].as_str().unwrap_or_default()
    }

    fn violation(&mut self, why: &str) {
        let Self { name, detail, .. } = self;
        let tenant = detail["tenantId"].as_str().unwrap_or("nobody");
        let event = detail["eventId"].as_str().unwrap_or("no event");
        self.found.push(format!("{name} for {tenant}, to {event}: {why}"));
    }

    fn is_false(&mut self, why: &str, unless: bool) {
        if !unless {
            self.violation(why);
        }
    }

    /// The event that is answered, when somebody sent it and it is about this tenant.
    fn question(&mut self) -> Option<Question> {
        let found = self.state.asked.get(self.text("eventId")).cloned();
        let Some(question) = found else {
            self.violation("nobody sent the event that it answers");
            return None;
        };
        let is_about = question.tenant() == self.text("tenantId")
            || (self.name.ends_with("Rejected")
                && question.detail["tenantId"] == self.detail["tenantId"]);
        self.is_false("the event that it answers is about another tenant", is_about);
        Some(question)
    }

    /// What was last seen of the account that it names.
    fn moments(&mut self) -> Option<Moments> {
        let account = self.text("accountId").to_owned();
        let moments = self.state.moments.get(&account).cloned();
        if moments.is_none() {
            self.violation(&format!("there never was an account {account}"));
        }
        moments
    }
}
