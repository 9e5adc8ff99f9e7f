//! One step towards a baseline that is current everywhere: observe, judge, operate, answer.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lambda_kit::sdk::Wire;
use lambda_kit::{Clock, Lookup, client};
use lifecycle::rollout::{Logged, hold};
use lifecycle::{
    AccountId, BaselineStackSet, ExecutionTimes, Progress, RegionName, Resume, StackSetName,
    TenantDocument, waiting,
};
use serde::{Deserialize, Serialize};

use crate::candidates::Candidates;
use crate::config::Config;
use crate::decide::{Attempts, Log, Next, judge, read_log};
use crate::error::{Error, Stop};
use crate::stack_sets::Enrolment;

/// Operations take minutes; asking more often than every ten seconds learns nothing.
const SHORTEST_WAIT_SECONDS: u32 = 10;

/// The function, ready to be called.
#[derive(Debug, Clone)]
pub struct App {
    pub(crate) config: Config,
    pub(crate) organizations: aws_sdk_organizations::Client,
    pub(crate) cloudformation: aws_sdk_cloudformation::Client,
    clock: Clock,
}

impl App {
    /// The function on a wire of one's choice.
    pub fn new(wire: &Wire, config: Config, clock: Clock) -> Self {
        Self {
            config,
            organizations: client!(aws_sdk_organizations, wire.global()),
            cloudformation: client!(aws_sdk_cloudformation, wire),
            clock,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
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

/// What one call tells the next.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct State {
    /// The start or redrive during which the attempts were counted: a redrive counts anew.
    since: Option<Timestamp>,
    attempts: BTreeMap<StackSetName, Attempts>,
}

impl State {
    fn read(request: &Request) -> Result<Self, Error> {
        let since = Some(request.execution.since());
        let state: Self = request.resume.read()?;
        Ok(if state.since == since { state } else { Self { since, ..Self::default() } })
    }
}

/// Takes at most one step for each stack set, and answers how far the account is.
///
/// # Errors
/// See [`Error`]; throttles, lost answers and whatever else passes by itself are `PENDING`.
pub async fn handle(app: &App, request: Request) -> Result<Progress<Response>, Error> {
    let now = app.clock.now();
    let mut state = State::read(&request)?;
    // Boxed: the futures of nested SDK calls are larger than the compiler likes in one piece.
    let because = match Box::pin(ensure(app, &request, &mut state)).await {
        Ok(waits) if waits.is_empty() => return Ok(Progress::Done(done(&request.tenant))),
        Ok(waits) => waits.join("; "),
        Err(Stop::Later(because)) => because,
        Err(Stop::Failed(error)) => return Err(error),
    };
    tracing::info!(
        tenant.id = %request.tenant.tenant_id,
        account.id = %request.account_id,
        "the baseline is awaited: {because}"
    );
    let wait = waiting::retry_after(
        SHORTEST_WAIT_SECONDS,
        waiting::CEILING_IN_PARALLEL,
        request.execution.elapsed(now),
        request.tenant.tenant_id.as_str(),
    );
    let deadline = request.execution.deadline(request.tenant.deadline_seconds);
    Ok(Progress::pending(wait, because, Resume::of(&state)?).within(deadline, now)?)
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

/// What is still waited for; nothing when the baseline is current.
async fn ensure(app: &App, request: &Request, state: &mut State) -> Result<Vec<String>, Stop> {
    let stack_sets = &request.tenant.baseline.stack_sets;
    let mut waits = Vec::new();
    let mut needed = Vec::new();
    for (index, stack_set) in stack_sets.iter().enumerate() {
        let enrolment = Enrolment { app, account_id: &request.account_id, stack_set };
        let instances = enrolment.instances_of(&request.account_id).await?;
        let attempts = state.attempts.get(&stack_set.name).cloned();
        let (next, attempts) =
            judge(&stack_set.regions, &instances, attempts, app.config.max_attempts);
        state.attempts.insert(stack_set.name.clone(), attempts);
        match next {
            Next::Done => {}
            Next::Wait { regions } => waits.push(format!(
                "stack set {} is being deployed in {}",
                stack_set.name,
                list(&regions)
            )),
            Next::GiveUp { region, reason } => {
                return Err(Stop::Failed(Error::BaselineFailed {
                    stack_set: stack_set.name.clone(),
                    account_id: request.account_id.clone(),
                    region,
                    reason,
                }));
            }
            // The last one is the account's gate: once it is there, it is asked before every
            // other operation, so everything else comes first.
            Next::Operate { .. }
                if index + 1 == stack_sets.len() && !(waits.is_empty() && needed.is_empty()) =>
            {
                waits.push(format!("stack set {} follows the others", stack_set.name));
            }
            Next::Operate { regions, open_to_others } => {
                needed.push((enrolment, regions, open_to_others));
            }
        }
    }
    let mut candidates = Candidates::new(app, request);
    for (enrolment, regions, open_to_others) in needed {
        waits.push(operate(&enrolment, &regions, open_to_others, &mut candidates).await?);
    }
    Ok(waits)
}

/// Starts an operation for the account and all who wait for the same, unless one is on its way.
async fn operate(
    enrolment: &Enrolment<'_>,
    regions: &[RegionName],
    open_to_others: bool,
    candidates: &mut Candidates<'_>,
) -> Result<String, Stop> {
    let name = &enrolment.stack_set.name;
    let operations = enrolment.operations().await?;
    let log = operations.iter().map(|one| Logged { id: &one.id, created: one.created });
    if let Some(hold) = hold(log, enrolment.app.now()) {
        // What the set has now may be taken back within minutes. Who is enrolled later, though it
        // is not proven, goes back with it.
        let (newest, until) = (hold.newest, hold.until);
        return Ok(format!("stack set {name}: its rollout ({newest}) may prove it until {until}"));
    }
    let operation_id = match read_log(&operations) {
        Log::Busy { operation_id } => {
            return Ok(format!("stack set {name}: {operation_id} comes first"));
        }
        Log::Free { operation_id } => operation_id,
    };
    let model = enrolment.permission_model().await?;
    let mut accounts = vec![enrolment.account_id.clone()];
    if open_to_others {
        accounts.extend(candidates.for_stack_set(name).await?);
    }
    accounts.sort();
    let started = enrolment.start(&operation_id, model, &accounts, regions).await?;
    tracing::info!(
        account.id = %enrolment.account_id,
        operation.id = operation_id,
        accounts = accounts.len(),
        "stack set {name}: {started}"
    );
    Ok(format!("stack set {name}: {started}"))
}

fn list(regions: &[RegionName]) -> String {
    regions.iter().map(RegionName::as_str).collect::<Vec<_>>().join(", ")
}
