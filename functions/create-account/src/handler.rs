//! One step towards the tenant's account: observe, decide, act, answer.
//!
//! Two executions for one tenant, a lost answer, a list that lags: all of them may lead to a
//! second `CreateAccount`, and AWS refuses that one, because the email is taken. So a refusal for
//! the email is followed by a search for ourselves, and never by an error at once.

mod calls;
mod left;

use jiff::Timestamp;
use lambda_kit::sdk::{Refusal, Wire};
use lambda_kit::{Clock, Lookup, Metric, Metrics, client, config};
use lifecycle::{
    AccountId, Difference, ExecutionTimes, ParentId, Progress, Resume, TenantDocument,
};
use serde::{Deserialize, Serialize};
use tenant_records::TenantRecords;

use self::calls::{OrderFailed, Page, Trouble};
use crate::config::Config;
use crate::decide::{self, Awaited, Creation, CreationProgress, Facts, Failure, Standing};
use crate::error::Error;
use crate::state::{Known, Standstill, State};

/// How many pages of a long list one call reads, at 20 entries each.
const PAGES_OF_ACCOUNTS: usize = 40;
const PAGES_OF_CREATIONS: usize = 10;

/// What the function is made of.
#[derive(Debug, Clone)]
pub struct App {
    organizations: aws_sdk_organizations::Client,
    /// For `CreateAccount` alone: it is never sent twice by the SDK.
    ordering: aws_sdk_organizations::Client,
    tagging: aws_sdk_resourcegroupstagging::Client,
    sts: aws_sdk_sts::Client,
    records: TenantRecords,
    clock: Clock,
    config: Config,
    metrics: Metrics,
}

/// The namespace of the metric of accounts that AWS refuses to everybody.
pub const NAMESPACE: &str = "Landlord/Signups";
/// One for each look at a tenant whose account AWS refuses as it would every other, by `Class`
/// (`FAULT`) and by `Reason` (`AccountLimit`, `Billing`).
pub const CREATIONS_HELD: &str = "CreationsHeld";

impl App {
    /// The function on this wire, without metrics.
    pub fn new(wire: &Wire, config: Config, clock: Clock) -> Self {
        Self {
            organizations: client!(aws_sdk_organizations, wire.global()),
            ordering: client!(aws_sdk_organizations, wire.global().without_retries()),
            tagging: client!(aws_sdk_resourcegroupstagging, wire.global()),
            sts: client!(aws_sdk_sts, wire),
            records: TenantRecords::new(wire, config.runs_bucket.clone()),
            clock,
            config,
            metrics: Metrics::discard(),
        }
    }

    /// The same, with its metrics written to `metrics`.
    #[must_use]
    pub fn with_metrics(self, metrics: Metrics) -> Self {
        Self { metrics, ..self }
    }

    /// The function as Lambda starts it.
    ///
    /// # Errors
    /// Names the first environment variable that is missing or refused.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, config::Error> {
        let app = Self::new(&Wire::load(lookup)?, Config::load(lookup)?, Clock::system());
        Ok(app.with_metrics(Metrics::to_stdout()))
    }
}

/// What the machine asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    /// The execution document.
    pub tenant: TenantDocument,
    /// The execution's times.
    pub execution: ExecutionTimes,
    /// The `resume` of the last answer, if there was one.
    #[serde(default)]
    pub resume: Resume,
}

/// The account that is there, and whose role can be assumed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ensured {
    /// The account.
    pub account_id: AccountId,
    /// What it is to the machine.
    pub standing: Standing,
    /// Where it stands: a root, or an OU.
    pub organizational_unit_id: ParentId,
    /// Whether it has the mark of a withdrawal: a sweep may be at work on its stacks.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withdrawn: bool,
    /// In what the signup contradicts it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// When AWS made accounts again, if it made none for anybody meanwhile: from then on the
    /// tenant's time counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed_at: Option<Timestamp>,
}

/// Takes one step.
///
/// # Errors
/// All of [`Error`]; whatever passes by itself is `PENDING`.
pub async fn handle(app: &App, request: Request) -> Result<Progress<Ensured>, Error> {
    let Request { tenant: document, execution, resume } = request;
    let now = app.clock.now();
    let state = resume.read().map_err(Error::InvalidRequest)?;
    let mut attempt = Attempt { app, document: &document, execution, now, state };
    // Boxed: the SDK's futures lie deep within each other, and a compiler has to lay them out.
    let progress = match Box::pin(attempt.step()).await {
        Ok(ensured) => {
            tracing::info!(
                tenant.id = %document.tenant_id,
                account.id = %ensured.account_id,
                standing = ?ensured.standing,
                "the account is there"
            );
            Progress::Done(ensured)
        }
        Err(Halt::Wait(awaited, because)) => attempt.pending(awaited, because)?,
        Err(Halt::Fail(error)) => {
            Box::pin(attempt.give_up(&error)).await;
            return Err(error);
        }
    };
    if attempt.state.standstill.is_some() {
        return Ok(progress);
    }
    progress
        .within(attempt.times().deadline(document.deadline_seconds), now)
        .map_err(|source| Error::DeadlinePassed { tenant: document.tenant_id.clone(), source })
}

/// Why a step ends before the account is there.
enum Halt {
    Wait(Awaited, String),
    Fail(Error),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Fail(error)
    }
}

struct Attempt<'a> {
    app: &'a App,
    document: &'a TenantDocument,
    execution: ExecutionTimes,
    now: Timestamp,
    state: State,
}

impl Attempt<'_> {
    /// The execution's times, less those in which AWS made no accounts at all.
    fn times(&self) -> ExecutionTimes {
        ExecutionTimes { resumed_at: self.state.resumed_at, ..self.execution }
    }

    async fn step(&mut self) -> Result<Ensured, Halt> {
        if let Some(known) = self.state.account.clone() {
            match self.facts(&known.id).await? {
                Some(facts) if facts.belongs_to(&self.document.tenant_id) => {
                    return self.receive(facts, known).await;
                }
                _ => self.state.account = None,
            }
        }
        if let Some(id) = self.state.request_id.clone() {
            let creation = self.app.creation(&id).await.map_err(|trouble| self.trouble(trouble))?;
            match creation {
                Some(creation) if !creation.is_of_a_former_attempt(self.execution.redriven_at) => {
                    return self.follow(creation).await;
                }
                _ => self.state.request_id = None,
            }
        }
        if decide::may_only_wait(self.state.looked_at, self.now) {
            let running = self.running_creations().await?;
            if let Some(ours) = self.ours(&running) {
                return self.follow(ours).await;
            }
            if running.len() >= decide::MOST_CREATIONS {
                return Err(self.no_slot(&running, FULL));
            }
        }
        if let Some(facts) = self.account_by_tag().await? {
            return self.receive_found(facts).await;
        }
        self.state.looked_at = None;
        let running = self.running_creations().await?;
        if let Some(ours) = self.ours(&running) {
            return self.follow(ours).await;
        }
        if let Some(since) = self.state.email_taken_since
            && let Some(facts) = self.account_by_email(since).await?
        {
            return self.receive_found(facts).await;
        }
        self.order(&running).await
    }

    /// The running creation of the tenant's account name, if there is one.
    fn ours(&self, running: &[Creation]) -> Option<Creation> {
        decide::ours(running, &self.document.account_name, &self.state.disowned).cloned()
    }

    /// Waits for AWS's rate of creations, or for one of those that run to end.
    fn no_slot(&self, running: &[Creation], because: &str) -> Halt {
        let age = decide::oldest(running, self.now);
        Halt::Wait(Awaited::Slot { age }, because.to_owned())
    }

    /// Goes on from a creation that is this tenant's, as far as its name says.
    async fn follow(&mut self, creation: Creation) -> Result<Ensured, Halt> {
        let Creation { id, requested, completed, progress, .. } = creation;
        self.state.request_id = Some(id.clone());
        match progress {
            CreationProgress::Running => {
                let since = requested.unwrap_or(self.now);
                let because = format!("AWS is creating the account ({id})");
                Err(Halt::Wait(Awaited::Creation { since }, because))
            }
            CreationProgress::Succeeded(account) => {
                let since = completed.or(requested);
                let facts = self.facts(&account).await?;
                let tenant = &self.document.tenant_id;
                match (decide::paternity(facts.as_ref(), tenant, since, self.now), facts) {
                    (decide::Paternity::Ours, Some(facts)) => {
                        self.state.request_id = None;
                        self.state.resume(self.now);
                        self.state.forget_the_email();
                        let known = Known { id: account, since: self.now, is_new: true };
                        self.receive(facts, known).await
                    }
                    (decide::Paternity::Foreign, _) => {
                        let because = format!("{id} made an account of this name for another");
                        self.state.disown(id);
                        Err(Halt::Wait(Awaited::Order, because))
                    }
                    _ => {
                        let because = format!("account {account} does not show its tags yet");
                        let since = since.unwrap_or(self.now);
                        Err(Halt::Wait(Awaited::Account { since }, because))
                    }
                }
            }
            CreationProgress::Failed(failure) => Err(self.failed(&id, failure)),
        }
    }

    /// Draws the conclusion from a creation that failed. Its id is not kept.
    fn failed(&mut self, id: &str, failure: Failure) -> Halt {
        self.state.request_id = None;
        let tenant = self.document.tenant_id.clone();
        match failure {
            Failure::Passing(reason) => {
                self.state.forget_the_email();
                Halt::Wait(Awaited::Order, format!("creation {id} failed on AWS's side: {reason}"))
            }
            Failure::EmailTaken(reason) if self.state.scanned && reason == EMAIL_EXISTS => {
                Error::EmailInUseElsewhere { tenant, account: None }.into()
            }
            Failure::EmailTaken(reason) => {
                self.state.scanned = false;
                let since = *self.state.email_taken_since.get_or_insert(self.now);
                let because = format!("creation {id} failed: {reason}; looking for who has it");
                Halt::Wait(Awaited::Email { since }, because)
            }
            Failure::Final(refused, reason) => self.refused(refused, reason),
        }
    }

    /// What AWS would refuse again is an error, unless it refuses every account alike: then the
    /// tenants that are admitted wait, the others wait for them in the queue, and operators are told
    /// by an alarm on the metric. None of that is time of the tenant's.
    fn refused(&mut self, refused: decide::Refused, reason: String) -> Halt {
        let tenant = self.document.tenant_id.clone();
        let Some(held) = refused.held() else { return refused.error(tenant, reason).into() };
        let since = self.state.standstill.as_ref().map_or(self.now, |before| before.since);
        self.state.standstill = Some(Standstill { by: held, reason: reason.clone(), since });
        self.stand_still(held, &reason);
        let because = format!("AWS makes no accounts for this organization: {reason}");
        Halt::Wait(Awaited::Organization { since }, because)
    }

    /// Says by the metric that this tenant's account is held, at every look.
    fn stand_still(&self, held: decide::Held, reason: &str) {
        self.app.metrics.put(
            self.now,
            &Metric {
                namespace: NAMESPACE,
                name: CREATIONS_HELD,
                unit: "Count",
                value: 1.0,
                dimensions: &[("Class", "FAULT"), ("Reason", held.as_str())],
                message: &format!("AWS makes no accounts for this organization: {reason}"),
                fields: &[("tenant.id", self.document.tenant_id.as_str())],
            },
        );
    }

    /// The tenant's account by its tag, confirmed by fresh reads: the tagging API lags.
    async fn account_by_tag(&self) -> Result<Option<Facts>, Halt> {
        let tenant = &self.document.tenant_id;
        let ids = self.app.accounts_with_tag(tenant).await.map_err(|t| self.trouble(t))?;
        let mut found = Vec::new();
        for id in ids {
            if let Some(facts) = self.facts(&id).await?
                && facts.belongs_to(tenant)
            {
                found.push(facts);
            }
        }
        // The index may know the closed account of its past only; the record knows what was made.
        if !found.is_empty() && found.iter().all(Facts::is_closed) {
            found.extend(Box::pin(self.recorded_account(&found)).await?);
        }
        Ok(decide::only_one(tenant, decide::present(found, &self.document.email))?)
    }

    /// The tenant's account by its email, which AWS calls taken. `None` when a scan of the whole
    /// organization found nobody: then the next order has the last word.
    async fn account_by_email(&mut self, since: Timestamp) -> Result<Option<Facts>, Halt> {
        if self.now.duration_since(since) < self.app.config.email_grace {
            if let Some(facts) = self.account_by_succeeded_creation().await? {
                return Ok(Some(facts));
            }
            let because = "the email is taken; perhaps by our own account, which lists show late";
            return Err(Halt::Wait(Awaited::Email { since }, because.into()));
        }
        for _ in 0..PAGES_OF_ACCOUNTS {
            let mut scan = self.state.scan.take().unwrap_or_default();
            let page = self.app.accounts(scan.next_token.as_deref()).await;
            self.state.scan = Some(scan.clone());
            match page.map_err(|t| self.trouble(t))? {
                Page::TokenRefused => self.state.scan = None,
                Page::Entries(accounts, next) => {
                    let email = &self.document.email;
                    let same =
                        |its: &Option<String>| its.as_ref().is_some_and(|e| email.is_same_as(e));
                    if let Some((id, _)) = accounts.into_iter().find(|(_, its)| same(its)) {
                        return self.holder_of_the_email(id).await.map(Some);
                    }
                    scan.next_token = next;
                    if scan.next_token.is_none() {
                        self.state.forget_the_email();
                        self.state.scanned = true;
                        return Ok(None);
                    }
                    self.state.scan = Some(scan);
                }
            }
        }
        Err(Halt::Wait(Awaited::Scan, "all accounts are searched for the email".into()))
    }

    async fn holder_of_the_email(&self, id: AccountId) -> Result<Facts, Halt> {
        let tenant = &self.document.tenant_id;
        match self.facts(&id).await? {
            Some(facts) if facts.belongs_to(tenant) => Ok(facts),
            _ => {
                Err(Error::EmailInUseElsewhere { tenant: tenant.clone(), account: Some(id) }.into())
            }
        }
    }

    /// The account of a creation of this name that succeeded, which shows before its tags do.
    async fn account_by_succeeded_creation(&mut self) -> Result<Option<Facts>, Halt> {
        for _ in 0..PAGES_OF_CREATIONS {
            let token = self.state.succeeded.take();
            let page = self.app.succeeded_creations(token.as_deref()).await;
            let Page::Entries(creations, next) = page.map_err(|t| self.trouble(t))? else { break };
            let name = self.document.account_name.as_str();
            for creation in creations.into_iter().filter(|creation| creation.name == name) {
                let CreationProgress::Succeeded(account) = &creation.progress else { continue };
                if let Some(facts) = self.facts(account).await?
                    && facts.belongs_to(&self.document.tenant_id)
                    && !facts.is_past(&self.document.email)
                {
                    return Ok(Some(facts));
                }
            }
            self.state.succeeded = next;
            if self.state.succeeded.is_none() {
                break;
            }
        }
        Ok(None)
    }

    async fn receive_found(&mut self, facts: Facts) -> Result<Ensured, Halt> {
        self.state.forget_the_email();
        let known = Known { id: facts.id.clone(), since: self.now, is_new: false };
        self.receive(facts, known).await
    }

    /// Answers with the account, as soon as it can be used.
    async fn receive(&mut self, facts: Facts, known: Known) -> Result<Ensured, Halt> {
        let config = &self.app.config;
        let since = known.since;
        let standing = if known.is_new { Standing::New } else { Standing::HalfMade };
        let reception = match decide::receive(&facts, self.document, config) {
            Ok(reception) => reception,
            Err(error) => {
                // Whoever announces the end can name the account.
                Box::pin(self.note(&facts)).await;
                return Err(error.into());
            }
        };
        self.state.resume(self.now);
        Box::pin(self.know(&facts)).await?;
        match reception {
            // Its place, its state and its tags are read again at every call.
            decide::Reception::Live | decide::Reception::Contradicted(_) => {}
            decide::Reception::Probe | decide::Reception::Await(_) => {
                self.state.account = Some(known);
            }
        }
        let (standing, differences) = match reception {
            decide::Reception::Live => (Standing::Live, Vec::new()),
            decide::Reception::Contradicted(differences) => (Standing::Contradicted, differences),
            decide::Reception::Await(state) => {
                let because = format!("account {} is {state}, and not ACTIVE yet", facts.id);
                return Err(Halt::Wait(Awaited::Account { since }, because));
            }
            decide::Reception::Probe => {
                let refused = self.app.assume(&facts, &config.role).await;
                if let Some(refusal) = refused.map_err(|t| self.trouble(t))? {
                    return Err(self.not_let_in(&facts, since, refusal));
                }
                (standing, Vec::new())
            }
        };
        Ok(Ensured {
            withdrawn: facts.tags.contains_key(lifecycle::tags::WITHDRAWN_AT),
            account_id: facts.id,
            standing,
            organizational_unit_id: facts.parent,
            differences,
            resumed_at: self.state.resumed_at,
        })
    }

    /// A new account refuses its role for minutes; one that goes on refusing is not set up as
    /// Landlord needs it.
    fn not_let_in(&self, facts: &Facts, since: Timestamp, refusal: Refusal) -> Halt {
        let attempt = since.max(self.times().since());
        if decide::has_refused_too_long(attempt, self.now) {
            let tenant = self.document.tenant_id.clone();
            return Error::AccessDenied { tenant, refusal }.into();
        }
        let (id, role) = (&facts.id, &self.app.config.role);
        let because = format!("role {role} of account {id} can not be assumed yet: {refusal}");
        Halt::Wait(Awaited::Account { since: attempt }, because)
    }

    /// Orders the account, unless AWS would refuse it for those that it is creating.
    async fn order(&mut self, running: &[Creation]) -> Result<Ensured, Halt> {
        if self.state.standstill.is_some() {
            // A tenant may leave while AWS makes no accounts.
            Box::pin(self.begin()).await?;
        }
        self.wait_at_a_standstill(running)?;
        if running.len() >= decide::MOST_CREATIONS {
            self.state.looked_at = Some(self.now);
            return Err(self.no_slot(running, FULL));
        }
        let slot = |why: &str| self.no_slot(running, why);
        let deadline = self.times().deadline(self.document.deadline_seconds);
        if self.state.standstill.is_none() && deadline.has_passed(self.now) {
            return Err(slot("the account was not ordered yet"));
        }
        // The index of tags lags; what the tenant's last onboarding made stands in its record.
        if let Some(facts) = Box::pin(self.recorded_account(&[])).await?
            && !facts.is_past(&self.document.email)
        {
            return self.receive_found(facts).await;
        }
        Box::pin(self.begin()).await?;
        let failed = match self.app.order(self.document).await {
            Ok(creation) => return self.follow(creation).await,
            Err(failed) => failed,
        };
        Err(match failed {
            OrderFailed::Throttled => slot("AWS creates accounts at its own rate"),
            OrderFailed::Uncertain(because) => Halt::Wait(Awaited::Order, because),
            OrderFailed::Constraint(reason) => match decide::constraint(&reason) {
                decide::OrderRefusal::NoSlot => slot("AWS has no slot for another creation"),
                decide::OrderRefusal::Final(refused) => self.refused(refused, reason),
            },
            OrderFailed::InvalidInput(reason) => {
                self.refused(decide::invalid_input(&reason), reason)
            }
            OrderFailed::Other(trouble) => self.trouble(trouble),
        })
    }

    /// While AWS makes no accounts at all, one tenant after the other tries whether it does again.
    fn wait_at_a_standstill(&mut self, running: &[Creation]) -> Result<(), Halt> {
        let Some(Standstill { by, reason, since }) = self.state.standstill.clone() else {
            return Ok(());
        };
        if decide::is_making_accounts(running, self.now) {
            self.state.resume(self.now);
            return Ok(());
        }
        // Before the machine's own time is over, which names no cause.
        if self.now.duration_since(since) > decide::LONGEST_STANDSTILL {
            return Err(by.error(self.document.tenant_id.clone(), reason).into());
        }
        if running.is_empty() {
            return Ok(());
        }
        self.stand_still(by, &reason);
        let because = "another account is tried first, for AWS made none".to_owned();
        Err(Halt::Wait(Awaited::Organization { since }, because))
    }

    async fn facts(&self, id: &AccountId) -> Result<Option<Facts>, Halt> {
        self.app.facts(id).await.map_err(|trouble| self.trouble(trouble))
    }

    async fn running_creations(&self) -> Result<Vec<Creation>, Halt> {
        self.app.running_creations().await.map_err(|trouble| self.trouble(trouble))
    }

    fn trouble(&self, trouble: Trouble) -> Halt {
        let tenant = self.document.tenant_id.clone();
        match trouble {
            Trouble::Passing(because) => Halt::Wait(Awaited::Aws, because),
            Trouble::Refused(refusal) if refusal.is_denial() => {
                Error::AccessDenied { tenant, refusal }.into()
            }
            Trouble::Refused(refusal) => Error::AwsRefused { tenant, refusal }.into(),
        }
    }

    fn pending(&self, awaited: Awaited, because: String) -> Result<Progress<Ensured>, Error> {
        let tenant = &self.document.tenant_id;
        let seconds = decide::wait(awaited, self.execution.elapsed(self.now), self.now, tenant);
        tracing::info!(tenant.id = %tenant, retry_after_s = seconds, "waiting: {because}");
        let resume = Resume::of(&self.state).map_err(Error::InvalidRequest)?;
        Ok(Progress::pending(seconds, because, resume))
    }
}

const EMAIL_EXISTS: &str = "EMAIL_ALREADY_EXISTS";
const FULL: &str = "AWS is creating as many accounts as it does at a time";
