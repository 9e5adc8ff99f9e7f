//! What people have to look at: told once, and again when it changes. What they were told is a file
//! beside the sweeps' own.

use std::collections::BTreeMap;

use lifecycle::AccountId;
use lifecycle::TenantId;
use lifecycle::retirement::Code;
use lifecycle::retirement::sweep::{STOPPED_CODE, StuckCode, Unread};
use serde::{Deserialize, Serialize};
use stop_switch::Stop;

use super::Listed;
use crate::error::Halt;
use crate::handler::Call;
use crate::work::{PlanOutcome, Planned};

/// What people were told at the last sweep, by subject.
const TOLD: &str = "retirements/told.json";
/// How many of them the event has at most.
pub(super) const MOST_SHOWN: usize = 20;
/// How many characters of a reason the text has at most.
const REASON: usize = 300;
/// How many of them the text has at most.
const MOST_IN_TEXT: usize = 5;

/// The codes by which `close-account` and `withdraw-stacks` refuse beside the guards' own.
const GUARDS: [Code; 15] = [
    Code::NotATenant,
    Code::ManagementAccount,
    Code::Protected,
    Code::DelegatedAdministrator,
    Code::Elsewhere,
    Code::NotSuspended,
    Code::TagsMissing,
    Code::TagsMalformed,
    Code::Reinstated,
    Code::AccountState,
    Code::MovedRecently,
    Code::OnHold,
    Code::CoolingOff,
    Code::ClosingUndecided,
    Code::Reopened,
];

/// Something that a person has to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attention {
    /// The account, when it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<AccountId>,
    /// Its tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<TenantId>,
    /// The stack set, when it is about one as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack_set: Option<String>,
    /// A stable name of the reason.
    pub code: String,
    /// Why, in words.
    pub reason: String,
    /// What to do about it.
    pub next: String,
}

impl Attention {
    fn of(listed: &Listed, code: &str, next: &str) -> Self {
        Self {
            account_id: Some(listed.account_id.clone()),
            tenant_id: listed.tenant_id.clone(),
            stack_set: None,
            code: code.to_owned(),
            reason: listed.reason.clone().unwrap_or_default(),
            next: next.to_owned(),
        }
    }

    /// A refusal, if a person has to do something about it. One that is not a guard's is AWS's.
    pub(super) fn of_refusal(listed: &Listed) -> Option<Self> {
        let code = listed.code.as_deref().unwrap_or("Refused");
        match GUARDS.into_iter().find(|guard| guard.to_string() == code) {
            Some(guard) => {
                guard.needs_a_person().then(|| Self::of(listed, code, guard.next_step()))
            }
            None => Some(Self::of(listed, code, "see the runbook's entry on refused closings")),
        }
    }

    /// Stacks that could not be withdrawn.
    pub(super) fn of_stuck(listed: &Listed, code: StuckCode) -> Option<Self> {
        let next = match code {
            // The plan, or the answer of the sweep, says that everything is stopped.
            StuckCode::Stopped => return None,
            StuckCode::Inoperable | StuckCode::Failed => {
                "remove what keeps the stack, or allow RetainInoperable"
            }
            StuckCode::TerminationProtected => "take the stack's protection away",
            StuckCode::OutOfTime => "nothing, unless it is told again: the next sweep goes on",
            StuckCode::NotAllowed => {
                "name the stack set in LeaveStackSets, or let Landlord pass its administration role"
            }
        };
        Some(Self::of(listed, &format!("{code:?}"), next))
    }

    /// Stacks that were left behind in an account that is closed all the same.
    pub(super) fn of_left(listed: &Listed) -> Self {
        let next = "nothing: AWS deletes them with the account; find out who kept them";
        Self::of(listed, "LeftBehind", next)
    }

    /// An account with a slot of which it is not known how it ended.
    pub(super) fn of_unfinished(listed: &Listed) -> Self {
        Self::of(listed, "Unfinished", "see the child execution of this account, and redrive it")
    }

    /// What concerns no account alone.
    fn whole(stack_set: Option<&str>, code: &str, reason: String, next: &str) -> Self {
        Self {
            account_id: None,
            tenant_id: None,
            stack_set: stack_set.map(str::to_owned),
            code: code.to_owned(),
            reason,
            next: next.to_owned(),
        }
    }

    /// The breaker, when it is open.
    pub(super) fn of_breaker(planned: &Planned) -> Option<Self> {
        match planned.outcome {
            PlanOutcome::Planned | PlanOutcome::Stopped | PlanOutcome::AlreadyRunning => None,
            PlanOutcome::BreakerOpen => Some(Self::whole(
                None,
                "BreakerOpen",
                "so much of the fleet is due at once that it must be a mistake: nothing is closed"
                    .to_owned(),
                "read the report, and hold what must not go or raise BreakerPercent",
            )),
        }
    }

    /// The switch, however late it was thrown.
    pub(super) fn of_stop(stop: &Stop) -> Self {
        let next = "remove the parameter /landlord/stop when the reason is gone";
        Self::whole(None, STOPPED_CODE, stop.to_string(), next)
    }

    /// A stack set that could not be read.
    pub(super) fn of_unread(unread: &Unread) -> Self {
        let next = "name it in LeaveStackSets when it is another owner's, or let withdraw-stacks list \
                    its instances";
        Self::whole(Some(&unread.stack_set), "StackSetUnread", unread.reason.clone(), next)
    }

    /// What it is about.
    fn subject(&self) -> String {
        match (&self.account_id, &self.tenant_id, &self.stack_set) {
            (Some(account), Some(tenant), _) => format!("account {account} of tenant {tenant}"),
            (Some(account), None, _) => format!("account {account}"),
            (None, _, Some(stack_set)) => format!("stack set {stack_set}"),
            (None, _, None) => "the sweep".to_owned(),
        }
    }

    fn key(&self) -> String {
        format!("{} {}", self.subject(), self.code)
    }
}

/// What is to be told in one text: subject, reason and next step of the first few.
pub(super) fn text(attention: &[Attention]) -> String {
    let lines = attention.iter().take(MOST_IN_TEXT).map(|one| {
        let reason: String = one.reason.chars().take(REASON).collect();
        format!("{}: {}: {reason}. Next: {}.", one.subject(), one.code, one.next)
    });
    let mut text = lines.collect::<Vec<_>>().join(" ");
    if attention.len() > MOST_IN_TEXT {
        text.push_str(&format!(" And {} more.", attention.len() - MOST_IN_TEXT));
    }
    text
}

/// By subject and code, the reason that was told.
pub(super) type Told = BTreeMap<String, String>;

impl Call<'_> {
    /// What is new of it, and what is known from now on. What is no longer there is forgotten: when
    /// it comes back it is told again.
    pub(super) async fn news(&self, all: Vec<Attention>) -> Result<(Vec<Attention>, Told), Halt> {
        let read = self.app.files.read_json::<Told>(TOLD).await;
        let before = read.map_err(|trouble| self.halt(trouble))?.unwrap_or_default();
        let now: Told = all.iter().map(|one| (one.key(), one.reason.clone())).collect();
        let mut seen = BTreeMap::new();
        let news = all.into_iter().filter(|one| {
            before.get(&one.key()) != Some(&one.reason) && seen.insert(one.key(), ()).is_none()
        });
        Ok((news.collect(), now))
    }

    /// After it was told: a call that breaks off in between tells it twice rather than never.
    pub(super) async fn remember_told(&self, told: Told) -> Result<(), Halt> {
        let written = self.app.files.write_json(TOLD, &told).await;
        written.map_err(|trouble| self.halt(trouble))
    }
}
