//! The answers to signups.

use jiff::Timestamp;
use serde_json::Value;

use super::super::asked::Question;
use super::super::moments::held_since;
use super::{Judge, READ_WITHIN, before};

/// How long an event that a tenant is back may be on its way, and its machine at work.
const AN_EVENT_TRAVELS: jiff::SignedDuration = jiff::SignedDuration::from_mins(30);
/// At most so many reasons, or members that mean nothing, are told.
const MOST_TOLD: usize = 20;

impl Judge<'_> {
    /// Whether Landlord has to reject a signup, by what the proof knows of them.
    fn is_faulty(&self, question: &Question) -> bool {
        let id = question.text("tenantId");
        let is_id = !id.is_empty() && !id.contains("--");
        let is_replayed = self.state.asked.is_replayed(self.text("eventId"));
        is_replayed
            || !is_id
            || question.text("tenantName").is_empty()
            || is_misspelt(&question.detail)
            || !self.watch.promises.has_tier(question.text("tier"))
    }

    pub(super) fn admitted(&mut self) {
        let Some(question) = self.question() else { return };
        self.is_false("the event is no signup", question.is_signup());
        let is_fair =
            !self.is_faulty(&question) || self.state.asked.is_replayed(self.text("eventId"));
        self.is_false("the signup is faulty", is_fair);
        let ignored = self.detail["ignored"].as_array().map_or(0, Vec::len);
        self.is_false("it repeats what its sender chose without a bound", ignored <= MOST_TOLD);
        let arn = self.text("executionArn").to_owned();
        let executions = self.watch.aws.executions("landlord-onboard-tenant");
        let Some(execution) = executions.iter().find(|it| it.arn == arn) else {
            self.violation("there is no such execution");
            return;
        };
        let name = name_of(&arn);
        let of_tenant = name.split('_').next() == Some(self.text("tenantId"));
        self.is_false("the execution is another tenant's", of_tenant);
        let own = self.state.started.get(self.text("eventId")).is_some_and(|own| own == name);
        let ran = execution.stopped.is_none_or(|at| at >= before(self.now, READ_WITHIN));
        let in_hand = self.detail["duplicate"] == true && ran;
        if let Some(behind) = self.detail["behindEventId"].as_str() {
            let its = self.state.started.get(behind).is_some_and(|its| its == name);
            self.is_false("it waits behind an event that did not start that execution", its);
        }
        self.is_false("its execution had ended, and was another event's", own || in_hand);
    }

    pub(super) fn rejected(&mut self) {
        let reasons = self.detail["reasons"].as_array().map_or(0, Vec::len);
        self.is_false("it has no reason, or too many", (1..=MOST_TOLD).contains(&reasons));
        let Some(question) = self.question() else { return };
        let faulty = question.is_signup() && self.is_faulty(&question);
        self.is_false("there is nothing wrong with the signup", faulty);
    }

    /// One of the ends of an execution of `onboard-tenant`.
    pub(super) fn onboarding_ended(&mut self, caller: &str) {
        let Some(question) = self.question() else { return };
        self.is_false("the event is no signup", question.is_signup());
        let event = self.text("eventId").to_owned();
        let arn = self.text("executionArn").to_owned();
        if let Some((name, said)) = self.state.said.get(&event)
            && !arn.is_empty()
            && name == self.name
            && said["executionArn"] == arn.as_str()
        {
            // A repeated event repeats its answer, word for word: what was true then. Only an account that
            // was not known yet may have come to be known.
            let mut then = said.clone();
            if then["accountId"].is_null() {
                then["accountId"] = self.detail["accountId"].clone();
            }
            let same = caller != "admit-tenant" || then == *self.detail;
            self.is_false("the answer to the same event was another one before", same);
            if caller == "admit-tenant" {
                return;
            }
        }
        // Without an execution a tenant can only have left.
        if arn.is_empty() {
            self.is_false("it names no execution", self.name == "TenantLeft");
            self.left(&question, self.now);
            return;
        }
        let own = self.state.started.get(&event).is_some_and(|own| own == name_of(&arn));
        self.is_false("its execution was started by another event", own);
        let executions = self.watch.aws.executions("landlord-onboard-tenant");
        let Some(execution) = executions.into_iter().find(|it| it.arn == arn) else {
            self.violation("there is no such execution");
            return;
        };
        let ended = execution.stopped.unwrap_or(self.now);
        let succeeded = self.name != "TenantOnboardingFailed";
        let as_told = execution.redrives > 0
            || (execution.status == "SUCCEEDED") == succeeded && execution.status != "RUNNING";
        self.is_false(&format!("its execution is {}", execution.status), as_told);
        match self.name {
            "TenantReady" => self.ready(&question, (execution.started, ended)),
            "TenantLeft" => self.left(&question, ended),
            "TenantSignupContradicted" => self.contradicted(&question),
            _ => self.failed(ended),
        }
    }

    /// Who is said to be ready has all that its signup asked for: it was there while the execution
    /// read it, and what could be taken away again was there at its end.
    fn ready(&mut self, question: &Question, (started, ended): (Timestamp, Timestamp)) {
        let Some(moments) = self.moments() else { return };
        let lately = before(ended, READ_WITHIN);
        let holds = held_since(moments.in_service, lately);
        self.is_false("its account is not in service", holds);
        // As it was configured while the signup was on its way; what is read may lag a minute.
        let asked = before(question.put, READ_WITHIN);
        let versions = self.watch.promises.between(asked, started);
        let deployed = versions.iter().filter_map(|it| moments.deployed.get(it)).max().copied();
        let lacks = [
            ("its stacks are not current with its own parameters", deployed),
            ("its account does not know its tenant in every Region", moments.labelled),
            ("a required quota is not at its value", moments.raised),
        ];
        for (why, moment) in lacks {
            self.is_false(why, held_since(moment, started));
        }
        let account = self.watch.aws.account(self.text("accountId"));
        let Some(account) = account else { return };
        if self.state.is_tampered(&account) {
            return;
        }
        let tag = |key: &str| account.tags.get(key).map(String::as_str).unwrap_or_default();
        let (tier, name) = (tag("landlord:tier"), tag("landlord:name"));
        let as_asked = tier == question.text("tier") && self.text("tier") == tier;
        self.is_false(&format!("its account is of the tier {tier}"), as_asked);
        let named = name == question.text("tenantName");
        self.is_false(&format!("its account has the name {name:?}"), named);
        let told = self.detail["quotas"].as_array().cloned().unwrap_or_default();
        let required = self.watch.promises.tier(tier).map(|it| it.required.clone());
        for quota in required.unwrap_or_default() {
            let stands = told.iter().find(|it| {
                it["quotaCode"] == quota.code.as_str()
                    && quota.region.as_ref().is_none_or(|region| it["region"] == region.as_str())
            });
            let value = stands.and_then(|it| it["value"].as_f64()).unwrap_or(0.0);
            let why = format!("it says {value} of quota {}, not {}", quota.code, quota.value);
            self.is_false(&why, value >= quota.value);
        }
    }

    /// Who is said to have left did so after this signup, and did not come back.
    fn left(&mut self, question: &Question, ended: Timestamp) {
        let known = ended.checked_sub(AN_EVENT_TRAVELS).unwrap_or(Timestamp::MIN);
        let tenant = question.tenant();
        let life: Vec<&Question> = self.state.asked.of_life(&tenant).collect();
        let second = |it: &Question| it.occurred().map_or(i64::MIN, Timestamp::as_second);
        let has_left = life.iter().any(|leaving| {
            let overtaken = life.iter().any(|back| {
                back.is_return() && second(back) >= second(leaving) && back.put < known
            });
            leaving.is_leaving() && second(leaving) > question.sent.as_second() && !overtaken
        });
        self.is_false("it did not leave after this signup", has_left);
    }

    /// In what the signup and the tenant are said to differ, they do.
    fn contradicted(&mut self, question: &Question) {
        let differences = self.detail["differences"].as_array().cloned().unwrap_or_default();
        self.is_false("it names no difference", !differences.is_empty());
        let account = self.watch.aws.account(self.text("accountId"));
        let Some(account) = account else {
            self.violation("there is no such account");
            return;
        };
        if self.state.is_tampered(&account) {
            return;
        }
        for difference in &differences {
            let field = difference["field"].as_str().unwrap_or_default();
            let tag = |key: &str| account.tags.get(key).cloned().unwrap_or_default();
            let has = match field {
                "tier" => tag("landlord:tier"),
                "tenantName" => tag("landlord:name"),
                "rootEmail" => account.email.clone(),
                "tenantId" => continue,
                other => tag(other.trim_start_matches("tags.")),
            };
            let said = difference["signup"].as_str().unwrap_or_default();
            let asked = match field.strip_prefix("tags.") {
                Some(key) => &question.detail["tags"][key],
                None => &question.detail[field],
            };
            let differs = has != said;
            let as_told = asked == said && difference["tenant"] == has.as_str() && differs;
            self.is_false(&format!("{difference}, where the account has {has:?}"), as_told);
        }
    }

    /// What is said to have failed it was so.
    fn failed(&mut self, ended: Timestamp) {
        let lately = before(ended, READ_WITHIN);
        let error = self.text("error").to_owned();
        if !["AccountClosed", "AccountRetiring"].contains(&error.as_str())
            || self.detail["accountId"] == Value::Null
        {
            return;
        }
        let Some(moments) = self.moments() else { return };
        let (why, moment) = match error.as_str() {
            "AccountClosed" => ("its account was open", moments.inactive),
            _ => ("its account did not retire", moments.leaving),
        };
        self.is_false(why, held_since(moment, lately));
    }
}

/// The members of a signup that mean something.
const MEMBERS: [&str; 6] = ["tenantId", "tenantName", "tier", "rootEmail", "tags", "metadata"];

/// Whether a member differs from a known one by case or punctuation alone.
fn is_misspelt(detail: &Value) -> bool {
    let letters = |name: &str| -> String {
        name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
    };
    let known = MEMBERS.map(letters);
    let mut names = detail.as_object().into_iter().flat_map(|members| members.keys());
    names.any(|name| !MEMBERS.contains(&name.as_str()) && known.contains(&letters(name)))
}

/// The name of an execution, by its ARN.
fn name_of(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or_default()
}
