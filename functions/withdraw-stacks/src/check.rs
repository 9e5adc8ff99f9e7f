//! Each account once more: the guards, the mark, and the guards again.

use jiff::Timestamp;
use lambda_kit::sdk::Trouble;
use lifecycle::AccountId;
use lifecycle::retirement::sweep::{Candidate, Outcome, OutcomeKind, STOPPED_CODE};
use lifecycle::retirement::{Code, Finding, Observed, examine, tag_time};
use lifecycle::tags;
use std::collections::BTreeSet;

use crate::error::{Error, Halt, halt};
use crate::handler::Withdrawal;
use crate::work::Checked;

/// What the guards say of an account.
enum Said {
    Due { marked: bool },
    Gone { marked: bool },
    No(String, String),
}

impl Withdrawal<'_> {
    /// Checks one account. Nothing when it is refused; then its outcome is written.
    pub(crate) async fn check(
        &self,
        candidate: &Candidate,
        delegates: &BTreeSet<AccountId>,
    ) -> Result<Option<Checked>, Halt> {
        let account = &candidate.account_id;
        let fail = |trouble: Trouble| halt(&format!("account {account}"), trouble);
        let now = self.app.clock.now();
        if let Some(stop) = Box::pin(self.stopped()).await? {
            self.note_stop(&stop).await?;
            let code = STOPPED_CODE.to_owned();
            return self.set_aside(candidate, OutcomeKind::Deferred, code, stop.to_string()).await;
        }
        let mut said = self.ask(candidate, delegates, now).await?;
        if let Said::Due { marked } = said {
            let mark = [(tags::WITHDRAWN_AT, tag_time(now))];
            let mut denied = None;
            if !marked {
                match self.app.accounts.tag(account, mark).await.map_err(fail) {
                    Ok(()) => {}
                    Err(Halt::Fail(error @ Error::AccessDenied { .. })) => denied = Some(error),
                    Err(halt) => return Err(halt),
                }
            }
            // Whoever brings the tenant back takes retire-after away first, and looks for the
            // mark afterwards. So either they see the mark, or this look sees what they did.
            said = self.ask(candidate, delegates, now).await?;
            // The role may mark tenants' accounts only: a denial is the guards' own word when the
            // account is no tenant's any more.
            if let (Said::Due { .. }, Some(error)) = (&said, denied) {
                return Err(Halt::Fail(error));
            }
        }
        match said {
            Said::Due { .. } => Ok(Some(Checked { candidate: candidate.clone(), gone: false })),
            Said::Gone { marked } => {
                // Its instances are taken out of the stack sets: should AWS Support reopen it, it
                // has to be equipped again. What may be tagged of a closed account AWS does not say.
                if !marked {
                    let mark = [(tags::WITHDRAWN_AT, tag_time(now))];
                    match self.app.accounts.tag(account, mark).await {
                        Err(Trouble::Refused(refusal)) => {
                            tracing::warn!(account.id = %account, "it is not marked: {refusal}");
                        }
                        marked => marked.map_err(fail)?,
                    }
                }
                Ok(Some(Checked { candidate: candidate.clone(), gone: true }))
            }
            Said::No(code, reason) => {
                self.set_aside(candidate, OutcomeKind::Refused, code, reason).await
            }
        }
    }

    /// Writes the outcome of an account that keeps its stacks.
    pub(crate) async fn set_aside(
        &self,
        candidate: &Candidate,
        outcome: OutcomeKind,
        code: String,
        reason: String,
    ) -> Result<Option<Checked>, Halt> {
        let account = &candidate.account_id;
        tracing::warn!(account.id = %account, "not withdrawn, {code}: {reason}");
        let outcome = Outcome {
            outcome,
            account_id: account.clone(),
            tenant_id: candidate.tenant_id.clone(),
            original_tenant_id: None,
            closed_at: None,
            code: Some(code),
            reason: Some(reason),
        };
        let key = self.request.sweep.outcome_key(account);
        let written = self.app.files.write_json(&key, &outcome).await;
        written.map_err(|trouble| halt(&format!("account {account}"), trouble))?;
        Ok(None)
    }

    async fn ask(
        &self,
        candidate: &Candidate,
        delegates: &BTreeSet<AccountId>,
        now: Timestamp,
    ) -> Result<Said, Halt> {
        let account = &candidate.account_id;
        let no = |code: &str, reason: String| Ok(Said::No(code.to_owned(), reason));
        let read = Box::pin(self.app.accounts.read(account)).await;
        let Some(facts) = read.map_err(|trouble| halt(&format!("account {account}"), trouble))?
        else {
            return no("NotInOrganization", "it is not in the organization".to_owned());
        };
        let tenant = facts.tags.get(tags::TENANT);
        if tenant.is_some_and(|tenant| tenant != candidate.tenant_id.as_str()) {
            let reason = format!("its tag names another tenant than {}", candidate.tenant_id);
            return no("TenantMismatch", reason);
        }
        let observed = Observed {
            account,
            place: self.app.config.units.place(&facts.parent),
            state: facts.state,
            tags: &facts.tags,
            delegated: delegates.contains(account),
            closing_since: None,
        };
        let marked = facts.tags.contains_key(tags::WITHDRAWN_AT);
        match examine(&observed, &self.app.config.rules, now) {
            Finding::Due(_) => Ok(Said::Due { marked }),
            Finding::Closed | Finding::Closing => Ok(Said::Gone { marked }),
            Finding::Refuse(code, reason) => no(&code.to_string(), reason),
            Finding::Hold(reason) => no(&Code::OnHold.to_string(), format!("it is held: {reason}")),
            Finding::Wait(until) => {
                no(&Code::CoolingOff.to_string(), format!("it cools off until {until}"))
            }
        }
    }
}
