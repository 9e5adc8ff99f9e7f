//! One step towards a baseline that is current everywhere: observe, judge, operate, answer.

use jiff::{SignedDuration, Timestamp};
use lambda_kit::sdk::Wire;
use lambda_kit::{Clock, Lookup, client};
use lifecycle::retirement::left_at;
use lifecycle::{
    AccountId, BaselineStackSet, ExecutionTimes, OuId, Progress, RegionName, Resume, StackSetName,
    TenantDocument, waiting,
};
use organization_accounts::Accounts;
use run_files::Files;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::error::{Error, Stop};
use crate::state::State;
use crate::step::{Step, Waits};

/// A tenth of an operation's minutes is much for a tenant that waits for nothing else.
const POLL: waiting::Poll =
    waiting::Poll { floor: 8, ceiling: waiting::CEILING_IN_PARALLEL, part: 16 };
/// For so long polls keep to the floor: most operations end in this time or little later.
const OPERATIONS_TAKE: SignedDuration = SignedDuration::from_secs(120);
/// After an operation was started: hardly one is over sooner.
const FIRST_WAIT_SECONDS: u32 = 70;

/// The function, ready to be called.
#[derive(Debug, Clone)]
pub struct App {
    pub(crate) config: Config,
    accounts: Accounts,
    pub(crate) files: Files,
    pub(crate) cloudformation: aws_sdk_cloudformation::Client,
    clock: Clock,
}

impl App {
    /// The function on a wire of one's choice.
    pub fn new(wire: &Wire, config: Config, clock: Clock) -> Self {
        Self {
            accounts: Accounts::new(wire),
            files: Files::new(wire, &config.runs_bucket),
            config,
            cloudformation: client!(aws_sdk_cloudformation, wire),
            clock,
        }
    }

    /// The function in Lambda.
    ///
    /// # Errors
    /// Names the variable that is missing or wrong.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, lambda_kit::config::Error> {
        Ok(Self::new(&Wire::load(lookup)?, Config::load(lookup)?, Clock::system()))
    }
}

/// Whose baseline to ensure.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The execution document.
    pub tenant: TenantDocument,
    /// The tenant's account.
    pub account_id: AccountId,
    /// Where the account stands, when that is not Onboarding: the OU of a tenant that is live.
    #[serde(default)]
    pub organizational_unit_id: Option<OuId>,
    /// Whether the account has the mark of a withdrawal: a sweep may be at work on it.
    #[serde(default)]
    pub withdrawn: bool,
    /// The execution's own times.
    pub execution: ExecutionTimes,
    /// The `resume` of the previous answer.
    #[serde(default)]
    pub resume: Resume,
}

/// What is ensured: every stack set of the baseline is current in every one of its Regions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// One entry for each stack set and Region, in the baseline's order.
    pub baseline: Vec<Enrolled>,
}

/// One stack instance of the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Enrolled {
    /// The stack set.
    pub stack_set: StackSetName,
    /// The Region.
    pub region: RegionName,
    /// How the instance stands.
    pub status: InstanceStatus,
}

/// The only standing in which an account is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum InstanceStatus {
    /// Deployed from the stack set's present template and parameters.
    Current,
}

/// Takes at most one step for each stack set, and answers how far the account is.
///
/// # Errors
/// See [`Error`]; throttles, lost answers and whatever else passes by itself are `PENDING`.
pub async fn handle(app: &App, request: Request) -> Result<Progress<Response>, Error> {
    let now = app.clock.now();
    let state = State::read(&request.resume, request.execution.since())?;
    let mut step = Step { app, request: &request, now, state };
    // Boxed: the futures of nested SDK calls are larger than the compiler likes in one piece.
    let waits = match Box::pin(step.take()).await {
        Ok(waits) if waits.is_empty() => return Ok(Progress::Done(done(&request.tenant))),
        Ok(waits) => waits,
        Err(Stop::Later(because)) => Waits::of(because),
        Err(Stop::Failed(error)) => return Err(Box::pin(unless_left(app, &request, error)).await),
    };
    let wait = waits.seconds(&request, &step.state, now);
    let because = waits.because();
    tracing::info!(
        tenant.id = %request.tenant.tenant_id,
        account.id = %request.account_id,
        "the baseline is awaited: {because}"
    );
    let deadline = request.execution.deadline(request.tenant.deadline_seconds);
    let pending = Progress::pending(wait, because, Resume::of(&step.state)?);
    match pending.within(deadline, now) {
        Ok(pending) => Ok(pending),
        Err(passed) => Err(Box::pin(unless_left(app, &request, passed.into())).await),
    }
}

/// The error, unless the tenant left since it signed up: then that is the reason for whatever went
/// wrong.
async fn unless_left(app: &App, request: &Request, error: Error) -> Error {
    left(app, request).await.unwrap_or(error)
}

/// `TenantLeft`, when the account says that its tenant left since it signed up. What cannot be read
/// is no excuse.
pub(crate) async fn left(app: &App, request: &Request) -> Option<Error> {
    let tags = app.accounts.tags(&request.account_id).await.ok()??;
    let left_at = left_at(&tags).filter(|left_at| *left_at > request.tenant.signed_up_at)?;
    Some(Error::TenantLeft { account_id: request.account_id.clone(), left_at })
}

impl Waits {
    /// How long to wait: the longer the stack sets have been waited for, the longer; never past
    /// the moment at which something is tried again.
    fn seconds(&self, request: &Request, state: &State, now: Timestamp) -> u32 {
        let since = state.waiting_since.unwrap_or(now);
        let poll =
            if self.starts { waiting::Poll { floor: FIRST_WAIT_SECONDS, ..POLL } } else { POLL };
        let seed = request.tenant.tenant_id.as_str();
        let wait = poll.after(now.duration_since(since) - OPERATIONS_TAKE, seed);
        let until = self.until.map(|until| until.duration_since(now).as_secs().saturating_add(1));
        until.and_then(|until| u32::try_from(until).ok()).map_or(wait, |until| {
            if self.only_pauses { until } else { wait.min(until.max(POLL.floor)) }
        })
    }
}

fn done(tenant: &TenantDocument) -> Response {
    let enrolled = |stack_set: &BaselineStackSet, region: &RegionName| Enrolled {
        stack_set: stack_set.name.clone(),
        region: region.clone(),
        status: InstanceStatus::Current,
    };
    let baseline = tenant.baseline.stack_sets.iter().flat_map(|stack_set| {
        stack_set.regions.iter().map(move |region| enrolled(stack_set, region))
    });
    Response { baseline: baseline.collect() }
}
