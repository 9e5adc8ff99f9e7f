//! What came of a sweep: an event, and a document that a person can read years later.

mod attention;
mod document;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use jiff::Timestamp;
use lambda_kit::sdk::{Refusal, Trouble};
use lifecycle::retirement::sweep::{
    Candidate, LEFT, Outcome, OutcomeKind, STOPPED, STOPPED_CODE, STUCK, Stuck, StuckCode, UNREAD,
    Unread,
};
use lifecycle::{AccountId, TenantId};
use run_files::Condition;
use serde::{Deserialize, Serialize};
use serde_json::json;
use stop_switch::Stop;

pub use attention::Attention;

use crate::budget::{Budget, Forecast};
use crate::decide::Verdict;
use crate::error::Halt;
use crate::handler::Call;
use crate::work::{PlanOutcome, Planned, VerdictLine, summary_key, verdicts_key};

const SOURCE: &str = "landlord";
/// How many accounts a list of the event has at most; the counts tell of all.
const MOST_OF_A_LIST: usize = 100;
const ANNOUNCED: &str = "announced.json";

/// The report, in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reported {
    /// Where the document is.
    pub report_key: String,
    /// How many accounts got which verdict.
    pub counts: BTreeMap<Verdict, u64>,
    /// How many were closed in this sweep.
    pub closed: usize,
    /// How many had been closed by hand, and were finished.
    pub closed_by_hand: usize,
    /// How many a dry run would have closed.
    pub would_close: usize,
    /// Why everything irreversible was stopped when it planned, while it worked, or is now; by whom
    /// and since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stop>,
    /// How many did not go on because of that.
    pub stopped_accounts: usize,
    /// How many have to wait for a slot, or for AWS's quota.
    pub deferred: usize,
    /// How many were refused, by the plan or by the guards afterwards.
    pub refused: usize,
    /// How many have stacks that could not be withdrawn.
    pub stuck: usize,
    /// How many had a slot, and it is not known how they ended.
    pub unfinished: usize,
    /// When the backlog will be empty.
    pub forecast: Forecast,
}

/// An account in a list of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// The account.
    pub account_id: AccountId,
    /// Its tenant; nothing when it has none.
    pub tenant_id: Option<TenantId>,
    /// A stable name of the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When a deferred account is expected to be closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_at: Option<Timestamp>,
}

/// A list that may be longer than what is shown of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct List {
    pub(crate) shown: Vec<Listed>,
    pub(crate) count: usize,
}

impl List {
    fn push(&mut self, listed: Listed) {
        self.count += 1;
        if self.shown.len() < MOST_OF_A_LIST {
            self.shown.push(listed);
        }
    }
}

/// The detail of the event `RetirementSweepFinished`. A list has at most 100 entries; its count
/// tells of all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RetirementSweepFinished {
    /// The sweep's name.
    pub sweep: String,
    /// Its execution.
    pub execution_arn: String,
    /// Whether it was for reading only.
    pub dry_run: bool,
    /// How the plan ended.
    pub outcome: PlanOutcome,
    /// When the sweep began.
    pub started_at: Timestamp,
    /// When the report was made.
    pub finished_at: Timestamp,
    /// How many tenants' accounts there were, without the closed ones.
    pub fleet: u64,
    /// How many accounts got which verdict.
    pub counts: BTreeMap<Verdict, u64>,
    /// Why everything irreversible was stopped when it planned, while it worked, or is now; by whom
    /// and since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stop>,
    /// How many accounts did not go on because of that.
    pub stopped_count: usize,
    /// The accounts that were closed; none in a dry run.
    pub closed: Vec<Listed>,
    /// How many they are.
    pub closed_count: usize,
    /// The accounts that had been closed by hand and were finished: moved, their instances given
    /// up; none in a dry run.
    pub closed_by_hand: Vec<Listed>,
    /// How many they are.
    pub closed_by_hand_count: usize,
    /// The accounts that a dry run would have closed.
    pub would_close: Vec<Listed>,
    /// How many they are.
    pub would_close_count: usize,
    /// The accounts that wait for a slot, or for AWS's quota.
    pub deferred: Vec<Listed>,
    /// How many they are.
    pub deferred_count: usize,
    /// The accounts that must not be touched.
    pub refused: Vec<Listed>,
    /// How many they are.
    pub refused_count: usize,
    /// The accounts whose stacks could not be withdrawn.
    pub stuck: Vec<Listed>,
    /// How many they are.
    pub stuck_count: usize,
    /// The accounts with a slot of which it is not known how they ended.
    pub unfinished: Vec<Listed>,
    /// How many they are.
    pub unfinished_count: usize,
    /// The stack sets of which nobody knows whether an account has an instance in them.
    pub unread_stack_sets: Vec<Unread>,
    /// How many they are.
    pub unread_stack_set_count: usize,
    /// What the sweep might close.
    pub budget: Budget,
    /// When the backlog will be empty.
    pub forecast: Forecast,
    /// What people have to look at and were not told before.
    pub attention: Vec<Attention>,
    /// How much of it there is.
    pub attention_count: usize,
    /// The same in one text: subject, reason and next step of each.
    pub attention_text: String,
    /// Where the document is.
    pub report_key: String,
}

impl RetirementSweepFinished {
    /// The event's detail type.
    pub const DETAIL_TYPE: &'static str = "RetirementSweepFinished";
}

/// The lists of a report.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lists {
    pub(crate) closed: List,
    pub(crate) closed_by_hand: List,
    pub(crate) would_close: List,
    pub(crate) attention: Vec<Attention>,
    pub(crate) deferred: List,
    pub(crate) refused: List,
    pub(crate) stuck: List,
    pub(crate) unfinished: List,
    pub(crate) unread: Vec<Unread>,
    /// How many did not go on because everything irreversible was stopped.
    pub(crate) stopped: usize,
}

fn of_candidate(candidate: &Candidate) -> Listed {
    Listed {
        account_id: candidate.account_id.clone(),
        tenant_id: Some(candidate.tenant_id.clone()),
        code: None,
        reason: Some(why(candidate)),
        expected_at: None,
    }
}

/// Why an account has its slot: since when it is due, and on whose word.
fn why(candidate: &Candidate) -> String {
    let due = if candidate.closed_by_hand {
        "it was closed by hand".to_owned()
    } else {
        format!("due since {}", candidate.retire_after)
    };
    match &candidate.leaving {
        Some(leaving) => format!("{due}; {leaving}"),
        None => due,
    }
}

impl Lists {
    /// An account that the plan did not choose.
    fn take_verdict(&mut self, line: VerdictLine) {
        let listed = Listed {
            account_id: line.account_id,
            tenant_id: line.tenant_id,
            code: line.code,
            reason: Some(line.reason),
            expected_at: line.expected_at,
        };
        if line.verdict == Verdict::Refuse {
            self.attention.extend(Attention::of_refusal(&listed));
        }
        match line.verdict {
            Verdict::Defer => self.deferred.push(listed),
            Verdict::Refuse => self.refused.push(listed),
            _ => {}
        }
    }

    /// What was left behind in an account that the plan chose, and why.
    fn take_left(&mut self, candidate: &Candidate, left: &[Stuck]) {
        let of = left.iter().filter(|one| one.account_id == candidate.account_id);
        let stacks: Vec<String> = of
            .map(|one| {
                let place = [one.stack_set.as_deref(), one.region.as_deref()];
                let place: Vec<&str> = place.into_iter().flatten().collect();
                format!("{}: {:?}: {}", place.join(" in "), one.code, one.reason)
            })
            .collect();
        if stacks.is_empty() {
            return;
        }
        let reason = format!("stacks were left behind: {}", stacks.join("; "));
        let listed = Listed { reason: Some(reason.clone()), ..of_candidate(candidate) };
        self.attention.push(Attention::of_left(&listed));
        // Beside why it was closed.
        for closed in &mut self.closed.shown {
            if closed.account_id == candidate.account_id {
                let why = closed.reason.take().unwrap_or_default();
                closed.reason = Some(format!("{why}; {reason}"));
            }
        }
    }

    /// An account that the plan chose, and how it ended.
    fn take_outcome(
        &mut self,
        candidate: &Candidate,
        outcome: Option<Outcome>,
        stuck: &BTreeMap<AccountId, Stuck>,
    ) {
        let listed = of_candidate(candidate);
        if let Some(stuck) = stuck.get(&candidate.account_id) {
            self.stopped += usize::from(stuck.code == StuckCode::Stopped);
            let place = [stuck.stack_set.as_deref(), stuck.region.as_deref()];
            let place: Vec<&str> = place.into_iter().flatten().collect();
            let reason = format!("{} {}", place.join(" in "), stuck.reason);
            let code = Some(format!("{:?}", stuck.code));
            let listed = Listed { code, reason: Some(reason.trim().to_owned()), ..listed };
            self.attention.extend(Attention::of_stuck(&listed, stuck.code));
            self.stuck.push(listed);
            return;
        }
        let Some(outcome) = outcome else {
            let reason = Some("its execution ended without an outcome".to_owned());
            let listed = Listed { reason, ..listed };
            self.attention.push(Attention::of_unfinished(&listed));
            self.unfinished.push(listed);
            return;
        };
        // What was closed was closed for the plan's reason.
        self.stopped += usize::from(outcome.code.as_deref() == Some(STOPPED_CODE));
        let reason = outcome.reason.or(listed.reason);
        let listed = Listed { code: outcome.code, reason, ..listed };
        if outcome.outcome == OutcomeKind::Refused {
            self.attention.extend(Attention::of_refusal(&listed));
        }
        match outcome.outcome {
            OutcomeKind::Closed if candidate.closed_by_hand => self.closed_by_hand.push(listed),
            OutcomeKind::Closed => self.closed.push(listed),
            OutcomeKind::Deferred => self.deferred.push(listed),
            OutcomeKind::Refused => self.refused.push(listed),
        }
    }
}

impl Call<'_> {
    /// Reports. It reads as many files as the plan wrote, and one for each account with a slot.
    pub(crate) async fn report(&self) -> Result<Reported, Halt> {
        let sweep = &self.request.sweep;
        let files = &self.app.files;
        let read = files.read_json::<Planned>(&summary_key(sweep)).await;
        let Some(planned) = read.map_err(|trouble| self.halt(trouble))? else {
            return Err(Halt::Wait("the plan's summary is not there".to_owned()));
        };
        let mut lists = Box::pin(self.lists(&planned)).await?;
        let stopped = Box::pin(self.stopped(&planned)).await?;
        lists.attention.extend(Attention::of_breaker(&planned));
        lists.attention.extend(stopped.as_ref().map(Attention::of_stop));
        lists.attention.extend(lists.unread.iter().map(Attention::of_unread));
        let (news, told) = Box::pin(self.news(std::mem::take(&mut lists.attention))).await?;
        lists.attention = news;
        let report_key = sweep.key("report.md");
        let event = self.event(&planned, stopped.clone(), &lists, &report_key);
        let text = document::write(&event, planned.verdict_files);
        let written = files.write(&report_key, text, Condition::Always).await;
        written.map_err(|trouble| self.halt(trouble))?;
        let written = files.write_json(&sweep.key("report.json"), &event).await;
        written.map_err(|trouble| self.halt(trouble))?;
        Box::pin(self.announce(&event)).await?;
        self.remember_told(told).await?;
        self.release_lock().await?;
        Ok(Reported {
            report_key,
            counts: planned.counts,
            closed: lists.closed.count,
            closed_by_hand: lists.closed_by_hand.count,
            would_close: lists.would_close.count,
            stopped,
            stopped_accounts: event.stopped_count,
            deferred: lists.deferred.count,
            refused: lists.refused.count,
            stuck: lists.stuck.count,
            unfinished: lists.unfinished.count,
            forecast: planned.forecast,
        })
    }

    /// The stop that this sweep met: when it planned, or in a step afterwards; or the one that is
    /// there now.
    async fn stopped(&self, planned: &Planned) -> Result<Option<Stop>, Halt> {
        if planned.stopped.is_some() {
            return Ok(planned.stopped.clone());
        }
        let met = self.app.files.read_json(&self.request.sweep.key(STOPPED)).await;
        if let Some(met) = met.map_err(|trouble| self.halt(trouble))? {
            return Ok(Some(met));
        }
        self.app.switch.read().await.map_err(|trouble| self.halt(trouble))
    }

    async fn lists(&self, planned: &Planned) -> Result<Lists, Halt> {
        let sweep = &self.request.sweep;
        let files = &self.app.files;
        let mut lists = Lists::default();
        for file in 0..planned.verdict_files {
            let read = files.read_lines::<VerdictLine>(&verdicts_key(sweep, file)).await;
            for line in read.map_err(|trouble| self.halt(trouble))? {
                lists.take_verdict(line);
            }
        }
        let read = files.read_lines::<Candidate>(&planned.closing_key).await;
        let closing = read.map_err(|trouble| self.halt(trouble))?;
        if planned.dry_run {
            let would_close = closing.iter().filter(|candidate| !candidate.closed_by_hand);
            would_close.for_each(|candidate| lists.would_close.push(of_candidate(candidate)));
            return Ok(lists);
        }
        let read = files.read_lines::<Stuck>(&sweep.key(STUCK)).await;
        let mut stuck = BTreeMap::new();
        for one in read.map_err(|trouble| self.halt(trouble))? {
            stuck.entry(one.account_id.clone()).or_insert(one);
        }
        let left = files.read_lines::<Stuck>(&sweep.key(LEFT)).await;
        let left = left.map_err(|trouble| self.halt(trouble))?;
        let unread = files.read_lines(&sweep.key(UNREAD)).await;
        lists.unread = unread.map_err(|trouble| self.halt(trouble))?;
        let written = Box::pin(self.written_outcomes()).await?;
        for candidate in &closing {
            let key = sweep.outcome_key(&candidate.account_id);
            let outcome = if written.contains(&key) {
                files.read_json(&key).await.map_err(|trouble| self.halt(trouble))?
            } else {
                None
            };
            lists.take_outcome(candidate, outcome, &stuck);
            lists.take_left(candidate, &left);
        }
        Ok(lists)
    }

    /// The keys of the outcomes that were written.
    async fn written_outcomes(&self) -> Result<BTreeSet<String>, Halt> {
        let prefix = self.request.sweep.key(lifecycle::retirement::sweep::OUTCOMES);
        let mut all = BTreeSet::<String>::new();
        loop {
            let page = self.app.files.keys(&prefix, all.last().map(String::as_str)).await;
            let page = page.map_err(|trouble| self.halt(trouble))?;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }

    fn event(
        &self,
        planned: &Planned,
        stopped: Option<Stop>,
        lists: &Lists,
        key: &str,
    ) -> RetirementSweepFinished {
        let sweep = &self.request.sweep;
        let Lists { closed, closed_by_hand, would_close, attention, .. } = lists.clone();
        let Lists { deferred, refused, stuck, unfinished, unread, .. } = lists.clone();
        let stopped_count = match planned.outcome {
            PlanOutcome::Stopped => deferred.count,
            _ => lists.stopped,
        };
        RetirementSweepFinished {
            sweep: sweep.name.clone(),
            execution_arn: sweep.arn.clone(),
            dry_run: planned.dry_run,
            outcome: planned.outcome,
            started_at: self.request.execution.started_at,
            finished_at: self.now,
            fleet: planned.fleet,
            counts: planned.counts.clone(),
            stopped,
            stopped_count,
            closed: closed.shown,
            closed_count: closed.count,
            closed_by_hand: closed_by_hand.shown,
            closed_by_hand_count: closed_by_hand.count,
            would_close: would_close.shown,
            would_close_count: would_close.count,
            deferred: deferred.shown,
            deferred_count: deferred.count,
            refused: refused.shown,
            refused_count: refused.count,
            stuck: stuck.shown,
            stuck_count: stuck.count,
            unfinished: unfinished.shown,
            unfinished_count: unfinished.count,
            unread_stack_set_count: unread.len(),
            unread_stack_sets: unread.into_iter().take(MOST_OF_A_LIST).collect(),
            budget: planned.budget.clone(),
            forecast: planned.forecast.clone(),
            attention_count: attention.len(),
            attention_text: attention::text(&attention),
            attention: attention.into_iter().take(attention::MOST_SHOWN).collect(),
            report_key: key.to_owned(),
        }
    }

    /// Puts the event on the bus, once: the note that it was put there is written afterwards, so a
    /// call that breaks off in between says it twice rather than never.
    async fn announce(&self, event: &RetirementSweepFinished) -> Result<(), Halt> {
        let sweep = &self.request.sweep;
        let (files, note) = (&self.app.files, sweep.key(ANNOUNCED));
        if files.read(&note).await.map_err(|trouble| self.halt(trouble))?.is_some() {
            return Ok(());
        }
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.app.config.event_bus)
            .source(SOURCE)
            .detail_type(RetirementSweepFinished::DETAIL_TYPE)
            .detail(json!(event).to_string())
            .resources(&sweep.arn)
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
        if let Some(refusal) = refused {
            let passes = ["ThrottlingException", "InternalFailure", "InternalException"]
                .contains(&&*refusal.code);
            let trouble =
                if passes { Trouble::Passing(refusal) } else { Trouble::Refused(refusal) };
            return Err(self.halt(trouble));
        }
        let said = json!({"event": RetirementSweepFinished::DETAIL_TYPE, "announcedAt": self.now});
        let written = files.write(&note, said.to_string(), Condition::Absent).await;
        written.map(|_| ()).map_err(|trouble| self.halt(trouble))
    }
}
