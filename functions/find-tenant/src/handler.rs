//! What the event wishes is remembered; then one look for the tenant's account: the index and the
//! record say where, the account itself says whether.

use jiff::SignedDuration;
use lambda_kit::sdk::Wire;
use lambda_kit::{Clock, Lookup, client, config};
use lifecycle::waiting::{self, Poll};
use lifecycle::{AccountId, ExecutionTimes, ParentId, Progress, Resume, TenantId, TenantSignedUp};
use organization_accounts::{Picked, TenantAccounts};
use rate_brake::Brake as RateBrake;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tenant_records::{LifecycleWish, Received, TenantRecords};

use crate::brake::{self, Brake, State};
use crate::config::Config;
use crate::decide::{Nothing, nothing};
use crate::error::{Error, Halt, halt};
use crate::event::{LifecycleEvent, Said};
use crate::fleet::Fleet;

/// What the function is made of.
#[derive(Debug, Clone)]
pub struct App {
    accounts: TenantAccounts,
    pub(crate) parameters: aws_sdk_ssm::Client,
    pub(crate) topics: aws_sdk_sns::Client,
    pub(crate) records: TenantRecords,
    pub(crate) offboardings: RateBrake,
    pub(crate) fleet: Fleet,
    pub(crate) config: Config,
    pub(crate) clock: Clock,
}

impl App {
    /// The function on this wire.
    pub fn new(wire: &Wire, config: Config, clock: Clock) -> Self {
        let bucket = config.runs_bucket.clone();
        Self {
            accounts: TenantAccounts::new(wire),
            parameters: client!(aws_sdk_ssm, wire),
            topics: client!(aws_sdk_sns, wire),
            records: TenantRecords::new(wire, &bucket),
            offboardings: RateBrake::new(wire, &bucket, brake::NAME, brake::HOUR),
            fleet: Fleet::new(wire, &bucket),
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
    pub event: LifecycleEvent,
    /// How long waiting may take, from the execution's start.
    pub deadline_seconds: u32,
    /// The execution's times.
    pub execution: ExecutionTimes,
    /// The `resume` of the last answer: how long it was held.
    #[serde(default)]
    pub resume: Resume,
}

/// What the event comes to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase")]
pub enum Answer {
    /// The tenant's account.
    Found {
        /// The tenant.
        tenant_id: TenantId,
        /// Its account.
        account_id: AccountId,
        /// Where the account stands: a unit, or the root.
        organizational_unit_id: ParentId,
        /// AWS's word for its state.
        state: String,
        /// How long it was held before, in seconds: what follows may take that much longer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        held_seconds: Option<u32>,
    },
    /// It was held, and operators dropped it: nothing is done, now or when it comes again.
    Dropped {
        /// The tenant.
        tenant_id: TenantId,
    },
    /// There is no account, and none in the making. The wish is remembered: an older signup that
    /// comes later ends as left.
    NoAccount {
        /// The tenant.
        tenant_id: TenantId,
    },
    /// It came back, and never had an account: its signup, which ended as left, is to be sent
    /// again.
    SignedUpAgain {
        /// The tenant.
        tenant_id: TenantId,
        /// The signup's detail.
        signup: Value,
    },
    /// A newer event of this tenant is known: this one changes nothing.
    Stale {
        /// The tenant.
        tenant_id: TenantId,
        /// Its account, as far as the record knows it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account_id: Option<AccountId>,
    },
    /// The event can not be understood.
    Rejected {
        /// The tenant's id as it was given; nothing when it is no text.
        tenant_id: Option<String>,
        /// Its faults.
        reasons: Vec<String>,
    },
}

/// An answer, with what its sender wants to be told again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answered {
    /// What the event comes to.
    #[serde(flatten)]
    pub answer: Answer,
    /// The tenant's id as the event has it, when that is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_tenant_id: Option<String>,
    /// The event's metadata.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
}

/// Remembers what the event wishes, and looks for the account once. In this order: an onboarding
/// that is at work meanwhile sees the wish, or this look sees what it does.
///
/// # Errors
/// All of [`Error`]; whatever passes by itself is `PENDING`.
pub async fn handle(app: &App, request: Request) -> Result<Progress<Answered>, Error> {
    let now = app.clock.now();
    let metadata = TenantSignedUp::metadata_in(&request.event.detail);
    let Said { tenant, original, wish } = match request.event.read(now) {
        Ok(said) => said,
        Err(faults) => {
            tracing::warn!(event.id = request.event.id, "the event is rejected: {faults}");
            let tenant_id = request.event.given_tenant();
            let answer = Answer::Rejected { tenant_id, reasons: faults.reasons() };
            return Ok(Progress::Done(Answered { answer, original_tenant_id: None, metadata }));
        }
    };
    let mut state: State = request.resume.read()?;
    let times = &request.execution;
    let elapsed = times.elapsed(now);
    // Boxed: the SDK's futures lie deep within each other, and a compiler has to lay them out.
    let because = match Box::pin(app.step(&tenant, &wish, times, &mut state)).await {
        Ok(Step::Done(answer)) => {
            tracing::info!(tenant.id = %tenant, event.id = wish.event_id, "found: {answer:?}");
            return Ok(Progress::Done(Answered { answer, original_tenant_id: original, metadata }));
        }
        Ok(Step::Held(because)) => {
            tracing::warn!(tenant.id = %tenant, event.id = wish.event_id, "held: {because}");
            let seconds = HELD.after(elapsed, tenant.as_str());
            return Progress::pending(seconds, because, Resume::of(&state)?)
                .within(times.deadline(brake::LONGEST), now)
                .map_err(|source| Error::DeadlinePassed { subject: subject(&tenant), source });
        }
        Err(Halt::Wait(because)) => because,
        Err(Halt::Fail(error)) => return Err(error),
    };
    tracing::info!(tenant.id = %tenant, "waiting: {because}");
    let seconds = waiting::retry_after(15, waiting::CEILING, elapsed, tenant.as_str());
    Progress::pending(seconds, because, Resume::of(&state)?)
        .within(times.deadline(brake::extended(request.deadline_seconds, &state)), now)
        .map_err(|source| Error::DeadlinePassed { subject: subject(&tenant), source })
}

/// How often one that is held looks for a decision.
const HELD: Poll = Poll { floor: 60, ceiling: waiting::CEILING_IN_PARALLEL, part: 8 };

/// What one look comes to.
enum Step {
    /// It is answered.
    Done(Answer),
    /// It is held until operators decide.
    Held(String),
}

pub(crate) fn subject(tenant: &TenantId) -> String {
    format!("tenant {tenant}")
}

impl App {
    async fn step(
        &self,
        tenant: &TenantId,
        wish: &LifecycleWish,
        times: &ExecutionTimes,
        state: &mut State,
    ) -> Result<Step, Halt> {
        match Box::pin(self.brake(tenant, wish, times, state)).await? {
            Brake::Holds(because) => return Ok(Step::Held(because)),
            Brake::Drops => return Ok(Step::Done(Answer::Dropped { tenant_id: tenant.clone() })),
            Brake::Passes => {}
        }
        let elapsed = times.elapsed(self.clock.now());
        let answer = Box::pin(self.answer(tenant, wish, elapsed, state.held_seconds)).await?;
        Ok(Step::Done(answer))
    }

    async fn answer(
        &self,
        tenant: &TenantId,
        wish: &LifecycleWish,
        elapsed: SignedDuration,
        held_seconds: Option<u32>,
    ) -> Result<Answer, Halt> {
        let about = subject(tenant);
        let tenant_id = tenant.clone();
        let changed = Box::pin(self.records.wish(tenant, wish)).await;
        let changed = changed.map_err(|trouble| halt(&about, trouble))?;
        let record = changed.record;
        if changed.answer == Received::Stale {
            return Ok(Answer::Stale { tenant_id, account_id: record.account_id });
        }
        let look = self.accounts.look(tenant, record.account_id.as_ref());
        match Box::pin(look).await.map_err(|trouble| halt(&about, trouble))? {
            // A closed one is of the past while another is in the making.
            Picked::One(one) if !one.facts.state.is_gone() || record.creating.is_none() => {
                // One that was made before there were records: later answers can name it.
                let is_gone = one.facts.state.is_gone();
                if record.account_id.as_ref() != Some(&one.account) {
                    let found = self.records.found(tenant, &one.account, is_gone).await;
                    found.map_err(|trouble| halt(&about, trouble))?;
                }
                Ok(Answer::Found {
                    tenant_id,
                    account_id: one.account,
                    organizational_unit_id: one.facts.parent,
                    state: one.facts.state.to_string(),
                    held_seconds,
                })
            }
            Picked::Several(accounts) => {
                Err(Error::AmbiguousTenant { tenant: tenant_id, accounts }.into())
            }
            Picked::One(_) | Picked::None => {
                match nothing(&record, wish.wish, elapsed, &self.config) {
                    Nothing::Wait(because) => Err(Halt::Wait(because)),
                    Nothing::SignUp(signup) => Ok(Answer::SignedUpAgain { tenant_id, signup }),
                    Nothing::NoAccount => Ok(Answer::NoAccount { tenant_id }),
                }
            }
        }
    }
}
