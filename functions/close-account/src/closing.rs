//! One step towards a closed account.

use aws_sdk_organizations::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_organizations::operation::close_account::CloseAccountError;
use jiff::Timestamp;
use lambda_kit::sdk::{self, Trouble};
use lifecycle::retirement::sweep::{Outcome, OutcomeKind, QUOTA_EXCEEDED, STOPPED, STOPPED_CODE};
use lifecycle::retirement::{Observed, examine, tag_time};
use lifecycle::tags;
use organization_accounts::Facts;
use serde::{Deserialize, Serialize};
use serde_json::json;
use stop_switch::Stop;

use crate::decide::{Answer, READS, Step, answer, is_marked, step};
use crate::error::{Error, Halt, halt};
use crate::handler::{App, Close};

/// What is kept from one call to the next.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct State {
    /// Whether AWS took our request.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) taken: bool,
    /// Whether AWS said of our last request that it did not take it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) not_taken: bool,
    /// Whether AWS was asked, and its answer was lost.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) asked: bool,
    /// How many reads in a row said that it is closed.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) closed_reads: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// A task's call, and what it remembers.
pub(crate) struct Attempt<'a> {
    pub(crate) app: &'a App,
    pub(crate) request: &'a Close,
    pub(crate) now: Timestamp,
    pub(crate) state: State,
}

impl Attempt<'_> {
    fn halt(&self, trouble: Trouble) -> Halt {
        halt(&self.request.subject(), trouble)
    }

    pub(crate) fn outcome(&self, outcome: OutcomeKind, code: &str, reason: &str) -> Outcome {
        Outcome {
            outcome,
            account_id: self.request.account_id.clone(),
            tenant_id: self.request.tenant_id.clone(),
            original_tenant_id: None,
            closed_at: None,
            code: Some(code.to_owned()),
            reason: Some(reason.to_owned()),
        }
    }

    /// Whether AWS may be closing the account.
    pub(crate) fn is_under_way(&self) -> bool {
        self.state.taken || self.state.closed_reads > 0 || self.state.asked
    }

    pub(crate) async fn step(&mut self) -> Result<Outcome, Halt> {
        let (step, facts) = Box::pin(self.look()).await?;
        if step != Step::Closed {
            self.state.closed_reads = 0;
        }
        match (step, facts) {
            (Step::Closed, facts) => self.count(facts.as_ref()).await,
            (Step::Closing, _) => {
                Err(Halt::Wait(format!("AWS closes account {}", self.request.account_id)))
            }
            (Step::Refuse(code, reason), facts) => {
                let mark = facts.as_ref().and_then(|it| it.tags.get(tags::CLOSING_REQUESTED_AT));
                // A call of this task may have asked AWS and died before it could say so.
                if is_marked(mark, self.now) && !self.state.not_taken {
                    return Err(Halt::Wait(format!(
                        "AWS may have been asked to close account {}, which is refused now: {reason}",
                        self.request.account_id
                    )));
                }
                self.refuse(facts.as_ref(), &code, &reason).await
            }
            (Step::Close, Some(facts)) => Box::pin(self.close(&facts)).await,
            (Step::Close, None) => Err(Halt::Wait("the account was not read".to_owned())),
        }
    }

    /// Reads the account, and asks the guards.
    async fn look(&self) -> Result<(Step, Option<Facts>), Halt> {
        let Close { account_id, tenant_id, .. } = self.request;
        let accounts = &self.app.accounts;
        let read = accounts.read(account_id).await.map_err(|trouble| self.halt(trouble))?;
        let Some(facts) = read else {
            let reason = "it is not in the organization".to_owned();
            return Ok((Step::Refuse("NotInOrganization".to_owned(), reason), None));
        };
        let tenant = facts.tags.get(tags::TENANT);
        if tenant.is_some_and(|tenant| tenant != tenant_id.as_str()) {
            let reason = format!("its tag names another tenant than {tenant_id}");
            return Ok((Step::Refuse("TenantMismatch".to_owned(), reason), Some(facts)));
        }
        let delegates =
            accounts.delegated_administrators().await.map_err(|trouble| self.halt(trouble))?;
        let place = self.app.config.units.place(&facts.parent);
        let observed = Observed {
            account: account_id,
            place,
            state: facts.state,
            tags: &facts.tags,
            delegated: delegates.contains(account_id),
            closing_since: Some(self.request.execution.started_at),
        };
        let finding = examine(&observed, &self.app.config.rules, self.now);
        Ok((step(finding, place, self.state.taken), Some(facts)))
    }

    /// It reads as closed; it is when that holds.
    async fn count(&mut self, facts: Option<&Facts>) -> Result<Outcome, Halt> {
        self.state.closed_reads += 1;
        if self.state.closed_reads < READS {
            return Err(Halt::Wait(format!(
                "account {} reads as closed, {} of {READS} times",
                self.request.account_id, self.state.closed_reads
            )));
        }
        // Somebody else closed it, and AWS's event did not arrive: it counts all the same.
        if facts.is_some_and(|facts| !facts.tags.contains_key(tags::CLOSING_REQUESTED_AT)) {
            let account = &self.request.account_id;
            let mark = [(tags::CLOSING_REQUESTED_AT, tag_time(self.now))];
            match self.app.accounts.tag(account, mark).await {
                Ok(()) => {}
                Err(Trouble::Refused(refusal)) => {
                    tracing::warn!(account.id = %account, "the closing is not marked: {refusal}");
                }
                Err(trouble) => return Err(self.halt(trouble)),
            }
        }
        let Close { account_id, tenant_id, .. } = self.request;
        Ok(Outcome {
            outcome: OutcomeKind::Closed,
            account_id: account_id.clone(),
            tenant_id: tenant_id.clone(),
            original_tenant_id: facts.and_then(|it| it.tags.get(tags::ORIGINAL_ID)).cloned(),
            closed_at: Some(self.now),
            code: None,
            reason: None,
        })
    }

    /// It must not be closed: nothing is left that says it were being closed.
    async fn refuse(
        &self,
        facts: Option<&Facts>,
        code: &str,
        reason: &str,
    ) -> Result<Outcome, Halt> {
        let is_tenants = facts.is_some_and(|facts| facts.tags.contains_key(tags::TENANT));
        let mark = facts.and_then(|facts| facts.tags.get(tags::CLOSING_REQUESTED_AT));
        let is_ours = mark
            .and_then(|mark| mark.parse::<Timestamp>().ok())
            .is_some_and(|mark| mark.as_second() >= self.request.execution.started_at.as_second());
        if is_tenants && is_ours {
            self.unmark().await?;
        }
        Ok(self.outcome(OutcomeKind::Refused, code, reason))
    }

    async fn stopped(&self) -> Result<Option<Stop>, Halt> {
        self.app.switch.read().await.map_err(|trouble| self.halt(trouble))
    }

    /// Not in this sweep. The stop is kept where the report finds it, however soon the switch is
    /// taken away.
    async fn stop(&self, stop: &Stop) -> Result<Outcome, Halt> {
        let written = self.app.files.write_json(&self.request.sweep.key(STOPPED), stop).await;
        written.map_err(|trouble| self.halt(trouble))?;
        Ok(self.outcome(OutcomeKind::Deferred, STOPPED_CODE, &stop.to_string()))
    }

    async fn unmark(&self) -> Result<(), Halt> {
        let account = &self.request.account_id;
        let removed = self.app.accounts.untag(account, &[tags::CLOSING_REQUESTED_AT]).await;
        removed.map_err(|trouble| self.halt(trouble))
    }

    /// Marks the closing, asks the guards again, and asks AWS.
    async fn close(&mut self, facts: &Facts) -> Result<Outcome, Halt> {
        let quota = self.request.sweep.key(QUOTA_EXCEEDED);
        let noted = self.app.files.read(&quota).await.map_err(|trouble| self.halt(trouble))?;
        if noted.is_some() {
            return Ok(self.quota_exceeded());
        }
        if let Some(stop) = Box::pin(self.stopped()).await? {
            return self.stop(&stop).await;
        }
        let account = &self.request.account_id;
        if !is_marked(facts.tags.get(tags::CLOSING_REQUESTED_AT), self.now) {
            let mark = [(tags::CLOSING_REQUESTED_AT, tag_time(self.now))];
            self.app.accounts.tag(account, mark).await.map_err(|trouble| self.halt(trouble))?;
        }
        // Whoever brings the tenant back takes retire-after away first and looks for the mark
        // afterwards. So either they see the mark, or this look sees what they did.
        let (again, facts) = Box::pin(self.look()).await?;
        match again {
            Step::Close => {}
            Step::Refuse(code, reason) => {
                return self.refuse(facts.as_ref(), &code, &reason).await;
            }
            Step::Closed | Step::Closing => {
                return Err(Halt::Wait(format!("account {account} is closing already")));
            }
        }
        // Read once more, right before the one step that cannot be undone.
        if let Some(stop) = Box::pin(self.stopped()).await? {
            self.unmark().await?;
            return self.stop(&stop).await;
        }
        let asked = self.app.closing.close_account().account_id(account.as_str()).send().await;
        let Err(error) = asked else {
            self.state.taken = true;
            tracing::info!(account.id = %account, "AWS was asked to close the account");
            return Err(Halt::Wait(format!("AWS closes account {account}")));
        };
        let is_lost = sdk::may_have_taken_effect(&error);
        // Somebody's request is on its way when AWS says so, ours or another's.
        let code = sdk::code(&error);
        self.state.asked |= is_lost || answer(code, None) == Answer::Overtaken;
        self.state.not_taken = !self.state.asked;
        Box::pin(self.refused_by_aws(&error)).await
    }

    async fn refused_by_aws(
        &self,
        error: &SdkError<CloseAccountError, sdk::HttpResponse>,
    ) -> Result<Outcome, Halt> {
        let account = &self.request.account_id;
        let reason = match error.as_service_error() {
            Some(CloseAccountError::ConstraintViolationException(it)) => it.reason(),
            _ => None,
        };
        match answer(sdk::code(error), reason.map(|reason| reason.as_str())) {
            Answer::Overtaken => {
                Err(Halt::Wait(format!("account {account} is being closed already")))
            }
            Answer::TooMany => Err(Halt::Wait(
                "as many accounts are being closed as AWS allows at a time".to_owned(),
            )),
            Answer::QuotaExceeded => {
                let note = json!({ "accountId": account, "at": self.now });
                let quota = self.request.sweep.key(QUOTA_EXCEEDED);
                let written = self.app.files.write_json(&quota, &note).await;
                written.map_err(|trouble| self.halt(trouble))?;
                self.unmark().await?;
                Ok(self.quota_exceeded())
            }
            Answer::Constraint(code) => {
                let words = error.as_service_error().and_then(ProvideErrorMetadata::message);
                self.unmark().await?;
                Ok(self.outcome(OutcomeKind::Refused, &code, words.unwrap_or("AWS refuses")))
            }
            Answer::Gone => {
                let reason = "it is not in the organization";
                Ok(self.outcome(OutcomeKind::Refused, "NotInOrganization", reason))
            }
            Answer::Other => {
                Box::pin(self.other(Trouble::of("organizations", "CloseAccount", error))).await
            }
        }
    }

    async fn other(&self, trouble: Trouble) -> Result<Outcome, Halt> {
        let halt = self.halt(trouble);
        if let Halt::Fail(error) = &halt {
            // The role may close what has retire-after and no hold: a denial is the guards' own
            // word when one of them changed meanwhile.
            if matches!(error, Error::AccessDenied { .. })
                && let (Step::Refuse(code, reason), facts) = Box::pin(self.look()).await?
            {
                return self.refuse(facts.as_ref(), &code, &reason).await;
            }
            self.unmark().await?;
        }
        Err(halt)
    }

    fn quota_exceeded(&self) -> Outcome {
        let reason = "AWS closes no more accounts in these 30 days";
        self.outcome(OutcomeKind::Deferred, "QuotaExceeded", reason)
    }
}
