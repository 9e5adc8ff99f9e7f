//! Phase after phase, each resumable: a call works for a few minutes at most, and what it found is
//! in S3 before it answers.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use lambda_kit::sdk::{Pace, Refusal, Trouble, Wire};
use lambda_kit::{Clock, Lookup, client, config};
use lifecycle::retirement::sweep::{Candidate, Stuck, StuckCode, Sweep};
use lifecycle::{AccountId, ExecutionTimes, Progress, Resume, TenantId, waiting};
use operator_role::OperatorRole;
use organization_accounts::Accounts;
use run_files::Files;
use serde::{Deserialize, Serialize};
use stop_switch::{Stop, StopSwitch};

use crate::config::Config;
use crate::decide::{Instance, Manner, operation_id, plan};
use crate::deleting::Deleted;
use crate::error::{Error, Halt, halt};
use crate::work::{
    Checked, Phase, SetEntry, SetWork, Sets, State, checked_key, left_key, set_key, sets_key,
};

/// How long a call works before it answers and is called again.
const WORKS_FOR: SignedDuration = SignedDuration::from_secs(200);
/// An account is looked at twice; AWS lists parents of five accounts a second.
const ACCOUNTS_PER_SECOND: u32 = 2;

/// What the function is made of.
#[derive(Debug, Clone)]
pub struct App {
    /// For clients of the tenants' accounts, made as their roles are assumed.
    pub(crate) wire: Wire,
    pub(crate) accounts: Accounts,
    pub(crate) cloudformation: aws_sdk_cloudformation::Client,
    pub(crate) operator: OperatorRole,
    pub(crate) ssm: aws_sdk_ssm::Client,
    pub(crate) switch: StopSwitch,
    pub(crate) files: Files,
    pub(crate) config: Config,
    pub(crate) clock: Clock,
}

impl App {
    /// The function on this wire.
    pub fn new(wire: &Wire, config: Config, clock: Clock) -> Self {
        Self {
            wire: wire.clone(),
            accounts: Accounts::new(wire),
            cloudformation: client!(aws_sdk_cloudformation, wire),
            operator: OperatorRole::new(wire, config.operator.clone()),
            ssm: client!(aws_sdk_ssm, wire),
            switch: StopSwitch::new(wire, config.stop_parameter.clone()),
            files: Files::new(wire, config.runs_bucket.clone()),
            config,
            clock,
        }
    }

    /// The function as Lambda starts it.
    ///
    /// # Errors
    /// Names the first environment variable that is missing or refused.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, config::Error> {
        Ok(Self::new(&Wire::load(lookup)?, Config::load(lookup)?, Clock::system()))
    }
}

/// What the machine asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The sweep.
    pub sweep: Sweep,
    /// The plan's list of accounts with a slot.
    pub closing_key: String,
    /// How long waiting may take, from the execution's start.
    pub deadline_seconds: u32,
    /// The execution's times.
    pub execution: ExecutionTimes,
    /// The `resume` of the last answer, if there was one.
    #[serde(default)]
    pub resume: Resume,
}

/// What is ensured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Withdrawn {
    /// How many accounts have no stack instance left.
    pub closable: usize,
    /// How many have some that could not be deleted.
    pub stuck: usize,
    /// How many the guards refused, or were stopped.
    pub refused: usize,
    /// How many stack sets could not be read.
    #[serde(default)]
    pub unread: usize,
    /// Why everything irreversible is stopped, by whom and since when, when it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stop>,
    /// Where the first are listed.
    pub closable_key: String,
    /// Where the second are listed, instance by instance.
    pub stuck_key: String,
}

/// Works for a while.
///
/// # Errors
/// All of [`Error`]; whatever passes by itself is `PENDING`.
pub async fn handle(app: &App, request: Request) -> Result<Progress<Withdrawn>, Error> {
    let now = app.clock.now();
    let state: State = request.resume.read()?;
    let deadline = request.execution.deadline(request.deadline_seconds);
    let ends = now.checked_add(WORKS_FOR).unwrap_or(now);
    let mut withdrawal = Withdrawal { app, request: &request, state, ends };
    // Boxed: the SDK's futures lie deep within each other, and a compiler has to lay them out.
    let (because, is_work) = match Box::pin(withdrawal.work()).await {
        Ok(Some(withdrawn)) => return Ok(Progress::Done(withdrawn)),
        Ok(None) => (format!("{:?} goes on", withdrawal.state.phase), true),
        Err(Halt::Wait(because)) => (because, false),
        Err(Halt::Fail(error)) => return Err(error),
    };
    if deadline.has_passed(now) && withdrawal.state.phase != Phase::Check {
        match Box::pin(withdrawal.give_up(&because)).await {
            Ok(withdrawn) => return Ok(Progress::Done(withdrawn)),
            Err(Halt::Fail(error)) => return Err(error),
            Err(Halt::Wait(_)) => {}
        }
    }
    let phase = withdrawal.state.phase;
    tracing::info!(sweep = request.sweep.name, "{phase:?} at {}: {because}", withdrawal.state.next);
    let elapsed = request.execution.elapsed(now);
    let seconds = if is_work {
        1
    } else {
        waiting::retry_after(15, waiting::CEILING, elapsed, &request.sweep.name)
    };
    Progress::pending(seconds, because, Resume::of(&withdrawal.state)?)
        .within(deadline, now)
        .map_err(|source| Error::DeadlinePassed { subject: subject(&request), source })
}

fn subject(request: &Request) -> String {
    format!("sweep {}", request.sweep.name)
}

/// A call, and what it knows from the ones before.
pub(crate) struct Withdrawal<'a> {
    pub(crate) app: &'a App,
    pub(crate) request: &'a Request,
    pub(crate) state: State,
    ends: Timestamp,
}

impl Withdrawal<'_> {
    pub(crate) fn halt(&self, trouble: Trouble) -> Halt {
        halt(&subject(self.request), trouble)
    }

    /// The switch, as it is now.
    pub(crate) async fn stopped(&self) -> Result<Option<Stop>, Halt> {
        self.app.switch.read().await.map_err(|trouble| self.halt(trouble))
    }

    pub(crate) fn is_over(&self) -> bool {
        self.app.clock.now() >= self.ends
    }

    /// Phase after phase, until it is done (`Some`), time is over (`None`), or something is waited
    /// for.
    async fn work(&mut self) -> Result<Option<Withdrawn>, Halt> {
        loop {
            let goes_on = match self.state.phase {
                Phase::Check => Box::pin(self.check_all()).await?,
                Phase::Find => match Box::pin(self.find_all()).await? {
                    Found::Nothing if self.enter_next_level() => true,
                    Found::Nothing => return Box::pin(self.finish(&[], None)).await.map(Some),
                    Found::Some => true,
                    Found::More => false,
                },
                Phase::Open => Box::pin(self.open_all()).await?,
                Phase::Delete => match Box::pin(self.delete_all()).await? {
                    Deleted::All => true,
                    Deleted::Some => false,
                    Deleted::Stopped(stop) => {
                        return Box::pin(self.stop(stop)).await.map(Some);
                    }
                },
                Phase::Follow => Box::pin(self.follow_all()).await?,
            };
            if !goes_on {
                return Ok(None);
            }
        }
    }

    async fn candidates(&self) -> Result<Vec<Candidate>, Halt> {
        let read = self.app.files.read_lines(&self.request.closing_key).await;
        read.map_err(|trouble| self.halt(trouble))
    }

    async fn check_all(&mut self) -> Result<bool, Halt> {
        let candidates = self.candidates().await?;
        let start = self.state.next;
        let delegates = self.app.accounts.delegated_administrators().await;
        let delegates = delegates.map_err(|trouble| self.halt(trouble))?;
        let mut pace = Pace::per_second(ACCOUNTS_PER_SECOND);
        let (mut checked, mut stopped) = (Vec::new(), None);
        for candidate in candidates.iter().skip(start) {
            if self.is_over() {
                break;
            }
            pace.turn().await;
            match Box::pin(self.check(candidate, &delegates)).await {
                Ok(Some(account)) => checked.push(account),
                Ok(None) => self.state.refused += 1,
                Err(halt) => {
                    stopped = Some(halt);
                    break;
                }
            }
            self.state.next += 1;
        }
        if self.state.next > start || candidates.is_empty() {
            let key = checked_key(&self.request.sweep, start);
            let written = self.app.files.write_lines(&key, &checked).await;
            if let Err(trouble) = written {
                // It is not known to be written: these accounts are checked again.
                self.state.next = start;
                return Err(self.halt(trouble));
            }
            self.state.checked.push(start);
        }
        if let Some(halt) = stopped {
            return Err(halt);
        }
        let is_done = self.state.next >= candidates.len();
        if is_done {
            self.state.enter(Phase::Find);
        }
        Ok(is_done)
    }

    pub(crate) async fn checked(&self) -> Result<Vec<Checked>, Halt> {
        let mut all = Vec::new();
        for start in &self.state.checked {
            let key = checked_key(&self.request.sweep, *start);
            let read = self.app.files.read_lines(&key).await;
            all.extend(read.map_err(|trouble| self.halt(trouble))?);
        }
        // Whoever came back since is none of the sweep's any more.
        all.retain(|account: &Checked| !self.state.back.contains(&account.candidate.account_id));
        Ok(all)
    }

    async fn sets(&self) -> Result<Sets, Halt> {
        let key = sets_key(&self.request.sweep);
        let read = self.app.files.read_json(&key).await.map_err(|trouble| self.halt(trouble))?;
        if let Some(sets) = read {
            return Ok(sets);
        }
        let sets = self.app.stack_sets().await.map_err(|trouble| self.halt(trouble))?;
        let written = self.app.files.write_json(&key, &sets).await;
        written.map_err(|trouble| self.halt(trouble))?;
        Ok(sets)
    }

    async fn find_all(&mut self) -> Result<Found, Halt> {
        let checked = self.checked().await?;
        let gone: BTreeSet<AccountId> = checked
            .iter()
            .filter(|account| account.gone)
            .map(|account| account.candidate.account_id.clone())
            .collect();
        let mut tenants: BTreeMap<AccountId, TenantId> = checked
            .into_iter()
            .map(|account| (account.candidate.account_id, account.candidate.tenant_id))
            .collect();
        // What an account that is stuck still has may need what comes later.
        for stuck in self.works_so_far().await?.iter().flat_map(|work| &work.stuck) {
            tenants.remove(&stuck.account_id);
        }
        let accounts: BTreeSet<AccountId> = tenants.keys().cloned().collect();
        if accounts.is_empty() {
            return Ok(Found::Nothing);
        }
        let sets = self.sets().await?;
        self.state.highest = sets.iter().map(|set| set.level).max().unwrap_or(0);
        while let Some(set) = sets.get(self.state.next) {
            if self.is_over() {
                return Ok(Found::More);
            }
            if set.level != self.state.level {
                self.state.next += 1;
                continue;
            }
            let found = match Box::pin(self.app.instances(&set.name, &accounts)).await {
                // One stack set that Landlord may not read stops nothing else.
                Err(Trouble::Refused(refusal)) => {
                    let said = said(&refusal);
                    tracing::error!("stack set {} is not read: {said}", set.name);
                    let work = unread(set, said, &tenants);
                    self.write_work(&work).await?;
                    self.state.next += 1;
                    continue;
                }
                found => found.map_err(|trouble| self.halt(trouble))?,
            };
            let manner = Manner {
                attempt: self.state.attempt - self.state.level_since,
                most: self.app.config.max_attempts,
                retains: self.app.config.retain_inoperable,
                gone: &gone,
            };
            let plan = match self.state.denied.get(&set.name) {
                Some(said) => denied(found, said),
                None => plan(found, manner),
            };
            let of = |(instance, code): (Instance, StuckCode)| {
                Some(Stuck {
                    tenant_id: tenants.get(&instance.account)?.clone(),
                    account_id: instance.account,
                    stack_set: Some(set.name.clone()),
                    region: Some(instance.region),
                    code,
                    reason: instance.reason,
                })
            };
            let work = SetWork {
                stack_set: set.name.clone(),
                service_managed: set.service_managed,
                stuck: plan.stuck.into_iter().filter_map(of).collect(),
                left: plan.left.into_iter().filter_map(of).collect(),
                groups: plan.groups,
                unread: None,
            };
            self.write_work(&work).await?;
            self.state.next += 1;
        }
        let works = self.works().await?;
        if works.iter().all(|work| work.groups.is_empty()) {
            return Ok(Found::Nothing);
        }
        let left: Vec<&Stuck> = works.iter().flat_map(|work| &work.left).collect();
        if !left.is_empty() {
            let attempt = self.state.attempt;
            let key = left_key(&self.request.sweep, attempt);
            let written = self.app.files.write_lines(&key, left).await;
            written.map_err(|trouble| self.halt(trouble))?;
            if !self.state.left.contains(&attempt) {
                self.state.left.push(attempt);
            }
        }
        // The gates of a level's first attempt stay open.
        let is_first = self.state.attempt == self.state.level_since;
        self.state.enter(if is_first { Phase::Open } else { Phase::Delete });
        Ok(Found::Some)
    }

    /// Keeps what the stack set that was just looked at comes to.
    async fn write_work(&self, work: &SetWork) -> Result<(), Halt> {
        let key = set_key(&self.request.sweep, self.state.attempt, self.state.next);
        let written = self.app.files.write_json(&key, work).await;
        written.map_err(|trouble| self.halt(trouble))
    }

    /// Goes on with what the stack sets of this level depended on. False when there is nothing.
    fn enter_next_level(&mut self) -> bool {
        if self.state.level >= self.state.highest {
            return false;
        }
        self.state.done.push(self.state.attempt);
        self.state.attempt += 1;
        self.state.level += 1;
        self.state.level_since = self.state.attempt;
        self.state.again_at = None;
        self.state.enter(Phase::Find);
        true
    }

    /// What was found at the last look, stack set by stack set.
    pub(crate) async fn works(&self) -> Result<Vec<SetWork>, Halt> {
        Box::pin(self.works_of(self.state.level, self.state.attempt)).await
    }

    async fn works_of(&self, of_level: u32, attempt: u32) -> Result<Vec<SetWork>, Halt> {
        let mut works = Vec::new();
        let sets = self.sets().await?;
        for (set, _) in sets.iter().enumerate().filter(|(_, set)| set.level == of_level) {
            let key = set_key(&self.request.sweep, attempt, set);
            let read = self.app.files.read_json(&key).await;
            works.extend(read.map_err(|trouble| self.halt(trouble))?);
        }
        Ok(works)
    }

    /// What was found at the last look at each level that is done.
    pub(crate) async fn works_so_far(&self) -> Result<Vec<SetWork>, Halt> {
        let mut works = Vec::new();
        for (level, attempt) in (0_u32..).zip(&self.state.done) {
            works.extend(Box::pin(self.works_of(level, *attempt)).await?);
        }
        Ok(works)
    }

    async fn open_all(&mut self) -> Result<bool, Halt> {
        let mut regions: BTreeMap<AccountId, BTreeSet<String>> = BTreeMap::new();
        let groups = self.works().await?.into_iter().flat_map(|work| work.groups);
        // Where stacks are left behind nothing of the account is touched, and no gate asked.
        for group in groups.filter(|group| !group.retain) {
            for account in group.accounts {
                regions.entry(account).or_default().extend(group.regions.iter().cloned());
            }
        }
        for (account, regions) in regions.iter().skip(self.state.next) {
            if self.is_over() {
                return Ok(false);
            }
            self.open(account, regions).await?;
            self.state.next += 1;
        }
        self.state.enter(Phase::Delete);
        Ok(true)
    }

    async fn follow_all(&mut self) -> Result<bool, Halt> {
        for work in self.works().await? {
            for group in &work.groups {
                let sweep = &self.request.sweep.name;
                let id = operation_id(sweep, self.state.attempt, &work.stack_set, group);
                let ended = match Box::pin(self.app.has_ended(&work.stack_set, &id)).await {
                    // It cannot be followed. What is left at the next look is this stack set's alone.
                    Err(Trouble::Refused(refusal)) => {
                        tracing::error!("stack set {} is not followed: {refusal}", work.stack_set);
                        self.state.denied.insert(work.stack_set.clone(), said(&refusal));
                        true
                    }
                    ended => ended.map_err(|trouble| self.halt(trouble))?,
                };
                if !ended {
                    let because = format!("stack set {}: {id} is on its way", work.stack_set);
                    return Err(Halt::Wait(because));
                }
            }
        }
        self.state.attempt += 1;
        let attempts = self.state.attempt - self.state.level_since;
        self.state.again_at = self.app.clock.now().checked_add(pause(attempts)).ok();
        self.state.enter(Phase::Find);
        Ok(true)
    }
}

/// How many characters of AWS's words are kept of a stack set that may not be touched.
const SAID: usize = 300;

pub(crate) fn said(refusal: &Refusal) -> String {
    refusal.to_string().chars().take(SAID).collect()
}

/// A stack set whose instances cannot be read. In one that a tier names every tenant's account has
/// some, so none of them is known to be empty. In another owner's nobody is known to have any: it is
/// named, and stops no account.
fn unread(set: &SetEntry, said: String, tenants: &BTreeMap<AccountId, TenantId>) -> SetWork {
    let stuck = tenants.iter().filter(|_| set.own).map(|(account, tenant)| Stuck {
        account_id: account.clone(),
        tenant_id: tenant.clone(),
        stack_set: Some(set.name.clone()),
        region: None,
        code: StuckCode::NotAllowed,
        reason: said.clone(),
    });
    SetWork {
        stack_set: set.name.clone(),
        service_managed: set.service_managed,
        groups: Vec::new(),
        stuck: stuck.collect(),
        left: Vec::new(),
        unread: Some(said.clone()),
    }
}

/// How long deletions that failed are left alone: a resource may have to settle first.
fn pause(attempts: u32) -> SignedDuration {
    match attempts {
        0 | 1 => SignedDuration::from_mins(1),
        2 => SignedDuration::from_mins(5),
        _ => SignedDuration::from_mins(15),
    }
}

/// The instances of a stack set that Landlord may not touch.
fn denied(found: Vec<Instance>, said: &str) -> crate::decide::Plan {
    let stuck = found
        .into_iter()
        .map(|instance| (Instance { reason: said.to_owned(), ..instance }, StuckCode::NotAllowed));
    crate::decide::Plan { stuck: stuck.collect(), ..crate::decide::Plan::default() }
}

/// What a look at the stack sets came to.
enum Found {
    /// There is nothing to delete.
    Nothing,
    /// There is.
    Some,
    /// Not all were looked at.
    More,
}
