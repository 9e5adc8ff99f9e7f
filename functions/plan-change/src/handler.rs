//! One look at a change: read, remembered, and held against what the account has.

use convergence::{Has, Should, Step, difference, unit_of};
use jiff::Timestamp;
use lambda_kit::sdk::Wire;
use lambda_kit::{Clock, Lookup, client, config};
use lifecycle::waiting;
use lifecycle::{
    AccountId, ChangeEvent, ExecutionTimes, OuId, ParentId, Progress, RegionName, Resume, Tags,
    TenantChanged, TenantDocument, TenantId, TenantSignedUp, Tier, TierName, TiersConfig, tags,
};
use organization_accounts::{Confirmed, Picked, TenantAccounts};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tenant_records::{Recorded, TenantRecords, Wanted};

use crate::config::Config;
use crate::decide::{self, Kept, Place, Unchanged};
use crate::error::{Error, Halt, halt};

/// After so many rounds somebody else changes the account as fast as it is mended.
const MOST_ROUNDS: u32 = 10;

/// What the function is made of.
#[derive(Debug, Clone)]
pub struct App {
    accounts: TenantAccounts,
    records: TenantRecords,
    pub(crate) parameters: aws_sdk_ssm::Client,
    pub(crate) states: aws_sdk_sfn::Client,
    pub(crate) cloudformation: aws_sdk_cloudformation::Client,
    pub(crate) config: Config,
    clock: Clock,
}

impl App {
    /// The function on this wire.
    pub fn new(wire: &Wire, config: Config, clock: Clock) -> Self {
        Self {
            accounts: TenantAccounts::new(wire),
            records: TenantRecords::new(wire, config.runs_bucket.clone()),
            parameters: client!(aws_sdk_ssm, wire),
            states: client!(aws_sdk_sfn, wire),
            cloudformation: client!(aws_sdk_cloudformation, wire),
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
    /// The event, as the bus delivered it.
    pub event: ChangeEvent,
    /// How long waiting may take, from the execution's start.
    pub deadline_seconds: u32,
    /// The execution's times.
    pub execution: ExecutionTimes,
    /// The `resume` of the last answer, `PENDING` or `CONVERGE`.
    #[serde(default)]
    pub resume: Resume,
}

/// What the event comes to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase")]
pub enum Answer {
    /// The account is to be equipped, and then to be looked at again.
    Converge(Box<Converge>),
    /// It was equipped, and nothing differs any more that may be mended.
    Updated {
        /// The tenant.
        tenant_id: TenantId,
        /// Its account.
        account_id: AccountId,
        /// Where the account stands.
        organizational_unit_id: OuId,
        /// Its tier.
        tier: TierName,
        /// What was done.
        steps: Vec<Step>,
        /// What stays although the tier does not have it.
        kept: Vec<Kept>,
        /// Parameters of its own that its tier does not let it set.
        not_in_effect: Vec<String>,
    },
    /// Nothing is changed.
    Unchanged {
        /// The tenant.
        tenant_id: TenantId,
        /// Its account, if it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account_id: Option<AccountId>,
        /// Why.
        because: Unchanged,
    },
    /// The event can not be understood, or its tenant is leaving.
    Rejected {
        /// The tenant's id as it was given; nothing when it is no text.
        tenant_id: Option<String>,
        /// Its faults.
        reasons: Vec<String>,
    },
}

/// How the account is to be equipped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Converge {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Its account.
    pub account_id: AccountId,
    /// What it should have.
    pub document: TenantDocument,
    /// Where it should stand.
    pub destination_id: OuId,
    /// From where it may be moved there; none when it stands there.
    pub allowed_from: Vec<ParentId>,
    /// The tags that say what it is to be: written first, so that a signup that comes meanwhile sees
    /// them.
    pub marks: Tags,
    /// Where its label is to be: also where something stays.
    pub label_regions: Vec<RegionName>,
    /// Whether it has the mark of a withdrawal.
    pub withdrawn: bool,
    /// What is done in this round, with reasons.
    pub steps: Vec<Step>,
    /// From when on its time counts: what was waited for before is not its own.
    pub resumed_at: Timestamp,
    /// To be told again.
    pub resume: Resume,
}

/// An answer, with what its sender wants to be told again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answered {
    /// What the event comes to.
    #[serde(flatten)]
    pub answer: Answer,
    /// Members of the event that mean nothing to Landlord.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<String>,
    /// The tenant's id as the event has it, when that is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_tenant_id: Option<String>,
    /// The event's metadata.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
}

/// What is kept from one call to the next.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct State {
    /// How often it was equipped.
    rounds: u32,
    /// What was done in them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    taken: Vec<Step>,
    /// When the first of them began.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
}

pub(crate) fn subject(tenant: &TenantId) -> String {
    format!("tenant {tenant}")
}

/// Looks at the change once.
///
/// # Errors
/// All of [`Error`]; whatever passes by itself is `PENDING`.
pub async fn handle(app: &App, request: Request) -> Result<Progress<Answered>, Error> {
    let Request { event, deadline_seconds, execution, resume } = request;
    let now = app.clock.now();
    let answered = |answer, original_tenant_id| Answered {
        answer,
        ignored: TenantChanged::ignored_in(&event.detail),
        original_tenant_id,
        metadata: TenantSignedUp::metadata_in(&event.detail),
    };
    let rejected = |reasons| Answer::Rejected {
        tenant_id: TenantChanged::given_tenant(&event.detail),
        reasons,
    };
    let said = match TenantChanged::parse(&event.detail, now) {
        Ok(said) => said,
        Err(faults) => {
            tracing::warn!(event.id = event.id, "the event is rejected: {faults}");
            return Ok(Progress::Done(answered(rejected(faults.bounded_reasons()), None)));
        }
    };
    let mut state: State = resume.read()?;
    let tenant = said.tenant_id.clone();
    let mut look = Look { app, event: &said, event_id: &event.id, execution, now };
    // Boxed: the SDK's futures lie deep within each other, and a compiler has to lay them out.
    let because = match Box::pin(look.step(&mut state)).await {
        Ok(answer) => {
            tracing::info!(tenant.id = %tenant, event.id = event.id, "planned: {answer:?}");
            return Ok(Progress::Done(answered(answer, said.original_tenant_id)));
        }
        Err(Stop::Reject(reasons)) => {
            tracing::warn!(tenant.id = %tenant, event.id = event.id, "rejected: {reasons:?}");
            return Ok(Progress::Done(answered(rejected(reasons), said.original_tenant_id)));
        }
        Err(Stop::Halt(Halt::Wait(because))) => because,
        Err(Stop::Halt(Halt::Fail(error))) => return Err(error),
    };
    tracing::info!(tenant.id = %tenant, "waiting: {because}");
    let times = ExecutionTimes { resumed_at: state.since, ..execution };
    let seconds = waiting::retry_after(15, waiting::CEILING, times.elapsed(now), tenant.as_str());
    Progress::pending(seconds, because, Resume::of(&state)?)
        .within(times.deadline(deadline_seconds), now)
        .map_err(|source| Error::DeadlinePassed { subject: subject(&tenant), source })
}

/// Why a look ends without a plan.
enum Stop {
    Halt(Halt),
    Reject(Vec<String>),
}

impl From<Halt> for Stop {
    fn from(halt: Halt) -> Self {
        Self::Halt(halt)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Halt(error.into())
    }
}

struct Look<'a> {
    app: &'a App,
    event: &'a TenantChanged,
    event_id: &'a str,
    execution: ExecutionTimes,
    now: Timestamp,
}

impl Look<'_> {
    async fn step(&mut self, state: &mut State) -> Result<Answer, Stop> {
        let tenant = &self.event.tenant_id;
        let tiers = Box::pin(self.app.read_tiers()).await?;
        let faults = decide::faults(self.event, &tiers);
        if !faults.is_empty() {
            return Err(Stop::Reject(faults.bounded_reasons()));
        }
        let one = match Box::pin(self.account()).await? {
            Found::Live(one) => one,
            Found::Answer(answer) => return Ok(answer),
        };
        let wanted = self.app.records.want(&one.account, self.event, self.event_id);
        let wanted = Box::pin(wanted).await.map_err(|it| halt(&subject(tenant), it))?;
        // Once it has begun, what it did may come after what a newer one did: so it goes on to what the
        // record says now, and whoever looks last leaves the account as it should be.
        let is_stale = wanted.answer == Recorded::Stale;
        if is_stale && state.rounds == 0 {
            return Ok(self.unchanged(Some(one.account), Unchanged::Stale));
        }
        let wanted = wanted.record.wanted;
        let tier = self.tier(wanted.as_ref(), &one, &tiers)?;
        let document = decide::document(
            self.event,
            self.event_id,
            (wanted.as_ref(), &one.facts),
            &tiers,
            &self.app.config,
        );
        let document = document.map_err(|faults| Stop::Reject(faults.bounded_reasons()))?;
        let instances = Box::pin(self.app.read_instances(&one.account, &tiers)).await?;
        let plan = Plan { one: *one, wanted, is_stale, document, tier, instances };
        self.plan(plan, state)
    }

    fn unchanged(&self, account_id: Option<AccountId>, because: Unchanged) -> Answer {
        Answer::Unchanged { tenant_id: self.event.tenant_id.clone(), account_id, because }
    }

    /// The tenant's account, if it is live.
    async fn account(&self) -> Result<Found, Stop> {
        let tenant = &self.event.tenant_id;
        let about = subject(tenant);
        let record = Box::pin(self.app.records.read(tenant)).await;
        let record = record.map_err(|trouble| halt(&about, trouble))?;
        if let Some(left_at) = decide::has_left(record.as_ref()) {
            return Err(self.leaving(&format!("the tenant left at {left_at}")));
        }
        if Box::pin(self.app.is_being_onboarded(tenant)).await? {
            return Err(Halt::Wait("its onboarding is at work".to_owned()).into());
        }
        if let Some(creating) = record.as_ref().and_then(|record| record.creating.as_ref()) {
            let because = format!("an account for it is in the making since {}", creating.since);
            return Err(Halt::Wait(because).into());
        }
        let recorded = record.as_ref().and_then(|record| record.account_id.as_ref());
        let look = Box::pin(self.app.accounts.look(tenant, recorded)).await;
        let one = match look.map_err(|trouble| halt(&about, trouble))? {
            Picked::One(one) => one,
            Picked::Several(accounts) => {
                return Err(Error::AmbiguousTenant { tenant: tenant.clone(), accounts }.into());
            }
            Picked::None if self.execution.elapsed(self.now) < self.app.config.unknown_after => {
                let because = format!("no account carries the tag of tenant {tenant} yet");
                return Err(Halt::Wait(because).into());
            }
            Picked::None => {
                return Ok(Found::Answer(self.unchanged(None, Unchanged::NoAccount)));
            }
        };
        match (decide::place(&one.facts, &self.app.config), &one.facts.parent) {
            (Place::Live, _) => Ok(Found::Live(one)),
            (Place::Wait(because), _) => Err(Halt::Wait(because).into()),
            (Place::Leaving(because), _) => Err(self.leaving(&because)),
            (Place::Closed, _) => {
                Ok(Found::Answer(self.unchanged(Some(one.account), Unchanged::AccountClosed)))
            }
            (Place::Elsewhere, ParentId::Ou(found)) => Err(Error::UnexpectedOrganizationalUnit {
                tenant: tenant.clone(),
                account: one.account,
                found: found.clone(),
            }
            .into()),
            (Place::Elsewhere, ParentId::Root(_)) => {
                Err(Halt::Wait("its account is in the root".to_owned()).into())
            }
        }
    }

    fn leaving(&self, because: &str) -> Stop {
        let tenant = self.event.tenant_id.as_str();
        Stop::Reject(vec![format!("tenantId: {tenant:?} must not be leaving: {because}")])
    }

    /// The tier that the tenant should have. One with faults is waited for, as signups do.
    fn tier(
        &self,
        wanted: Option<&Wanted>,
        one: &Confirmed,
        tiers: &TiersConfig,
    ) -> Result<Tier, Stop> {
        let name = decide::tier_of(wanted, &one.facts);
        let missing = |tier: String| {
            let tenant = self.event.tenant_id.clone();
            Stop::from(Error::TierMissing { tenant, tier })
        };
        let Ok(parsed) = name.parse::<TierName>() else { return Err(missing(name)) };
        match (tiers.get(&parsed), tiers.faults_of(&parsed)) {
            (Some(tier), _) => Ok(tier.clone()),
            (None, Some(faults)) => {
                Err(Halt::Wait(format!("tier {parsed} has faults: {faults}")).into())
            }
            (None, None) => Err(missing(name)),
        }
    }

    fn plan(&self, plan: Plan, state: &mut State) -> Result<Answer, Stop> {
        let Plan { one, wanted, is_stale, document, tier, instances } = plan;
        let stands_in = match &one.facts.parent {
            ParentId::Ou(unit) => Some(unit.clone()),
            ParentId::Root(_) => None,
        };
        let home = &document.home_organizational_unit.id;
        let units = &self.app.config.units;
        let destination = unit_of(&tier, units, stands_in.as_ref(), home).clone();
        let has = Has { unit: stands_in, tags: one.facts.tags.clone(), instances };
        let should = Should {
            tier: &document.tier,
            unit: &destination,
            tags: &document.tags,
            stack_sets: &document.baseline.stack_sets,
            quotas: &document.quotas,
        };
        let kept = decide::kept(&should, &has);
        let (steps, all) = decide::take(difference(&should, &has), &state.taken);
        let tenant_id = document.tenant_id.clone();
        // What is in the account itself is looked at by those who equip it: once at least.
        if state.rounds > 0 && steps.is_empty() && is_stale {
            return Ok(self.unchanged(Some(one.account), Unchanged::Stale));
        }
        if state.rounds > 0 && steps.is_empty() {
            let own = wanted.map(|wanted| wanted.own_parameters()).unwrap_or_default();
            let not_in_effect = own.into_keys().filter(|name| !tier.lets_tenants_set(name));
            return Ok(Answer::Updated {
                tenant_id,
                account_id: one.account,
                organizational_unit_id: destination,
                tier: document.tier,
                steps: all,
                kept,
                not_in_effect: not_in_effect.collect(),
            });
        }
        if state.rounds >= MOST_ROUNDS {
            let differs = steps.iter().map(|step| format!("{}: {}", step.subject, step.because));
            let (tenant, rounds) = (tenant_id, state.rounds);
            return Err(Error::NotConverging { tenant, rounds, differs: differs.collect() }.into());
        }
        state.rounds += 1;
        state.taken = all;
        let resumed_at = *state.since.get_or_insert(self.now);
        let mut label_regions = document.regions.clone();
        let kept_in = kept.into_iter().map(|kept| kept.region);
        for region in kept_in {
            if !label_regions.contains(&region) {
                label_regions.push(region);
            }
        }
        let moves = one.facts.parent != ParentId::Ou(destination.clone());
        Ok(Answer::Converge(Box::new(Converge {
            tenant_id,
            allowed_from: moves.then(|| one.facts.parent.clone()).into_iter().collect(),
            destination_id: destination,
            marks: marks(&document.tags),
            label_regions,
            withdrawn: one.facts.tags.contains_key(tags::WITHDRAWN_AT),
            account_id: one.account,
            document,
            steps,
            resumed_at,
            resume: Resume::of(state).map_err(Error::from)?,
        })))
    }
}

/// All that is known when a plan is made.
struct Plan {
    one: Confirmed,
    wanted: Option<Wanted>,
    /// Whether newer events have said otherwise of all that this one says.
    is_stale: bool,
    document: TenantDocument,
    tier: Tier,
    instances: crate::reads::Instances,
}

enum Found {
    Live(Box<Confirmed>),
    Answer(Answer),
}

/// All but the hash of what it was given, which follows once it has it.
fn marks(all: &Tags) -> Tags {
    let mut marks = Tags::new();
    for (key, value) in all.iter().filter(|(key, _)| *key != tags::BASELINE) {
        if let (Ok(key), Ok(value)) = (key.parse(), value.parse()) {
            // A part of what fitted fits.
            let _ = marks.insert(key, value);
        }
    }
    marks
}
