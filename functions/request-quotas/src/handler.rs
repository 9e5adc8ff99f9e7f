//! One step towards the wanted quotas: observe, judge, ask as far as AWS's limits let it, answer.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lambda_kit::sdk::Wire;
use lambda_kit::{Clock, Lookup, client};
use lifecycle::retirement;
use lifecycle::{
    AccountId, ExecutionTimes, Progress, QuotaCode, QuotaValue, RegionName, Resume, ServiceCode,
    TenantId, WantedQuota, waiting,
};
use operator_role::OperatorRole;
use organization_accounts::Accounts;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::decide::{
    Account, Room, Status, Verdict, asking_order, holds_back, is_sufficient, judge,
};
use crate::error::{Error, QuotaName, Stop};
use crate::notice::{Signup, State};
use crate::session::{Asked, Session};

/// Answers take minutes at best, and the baseline takes its time beside them.
const SHORTEST_WAIT_SECONDS: u32 = 20;
/// While a tenant waits. The other branch of its machine waits beside it.
const CEILING_OF_REQUIRED_SECONDS: u32 = waiting::CEILING_IN_PARALLEL;
/// While nobody waits: 90 days at four calls a day stay far below a history's 25,000 events.
const CEILING_OF_ALL_SECONDS: u32 = 21_600;

/// The function, ready to be called.
#[derive(Debug, Clone)]
pub struct App {
    pub(crate) wire: Wire,
    pub(crate) config: Config,
    pub(crate) operator: OperatorRole,
    pub(crate) events: aws_sdk_eventbridge::Client,
    accounts: Accounts,
    clock: Clock,
}

impl App {
    /// The function on a wire of one's choice.
    pub fn new(wire: &Wire, config: Config, clock: Clock) -> Self {
        let accounts = Accounts::new(wire);
        let events = client!(aws_sdk_eventbridge, wire);
        let operator = OperatorRole::new(wire, config.operator.clone());
        Self { wire: wire.clone(), config, operator, events, accounts, clock }
    }

    /// The function in Lambda.
    ///
    /// # Errors
    /// Names the variable that is missing or wrong.
    pub fn load(lookup: Lookup<'_>) -> Result<Self, lambda_kit::config::Error> {
        Ok(Self::new(&Wire::load(lookup)?, Config::load(lookup)?, Clock::system()))
    }
}

/// Which quotas of which account to ensure.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Its account.
    pub account_id: AccountId,
    /// What it wants.
    pub quotas: Vec<WantedQuota>,
    /// When the answer is `DONE`.
    pub wait_for: WaitFor,
    /// When the tenant signed up, for a caller whom it matters that it left since.
    #[serde(default)]
    pub signed_up_at: Option<Timestamp>,
    /// How long to wait, from the execution's start.
    pub deadline_seconds: u32,
    /// The execution's own times.
    pub execution: ExecutionTimes,
    /// The signup that is waited with, for what is said of it.
    #[serde(default)]
    pub signup: Signup,
    /// The `resume` of the previous answer: what operators were told. AWS itself remembers what was
    /// asked.
    #[serde(default)]
    pub resume: Resume,
}

/// What the caller waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WaitFor {
    /// The values without which the tenant cannot start.
    Required,
    /// That every quota is granted, denied, or was enough.
    All,
}

/// How the quotas stand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// One entry for each wanted quota, in the request's order.
    pub quotas: Vec<QuotaReport>,
    /// Whether nothing more will happen.
    pub settled: bool,
}

/// How one quota stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QuotaReport {
    /// The service.
    pub service_code: ServiceCode,
    /// The quota.
    pub quota_code: QuotaCode,
    /// The Region.
    pub region: RegionName,
    /// How it stands.
    pub status: Status,
    /// The value that applies; nothing while the account does not let one read it.
    pub value: Option<QuotaValue>,
    /// The value that is wanted.
    pub desired: QuotaValue,
    /// Why it stands so, when AWS gave a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Asks for what is missing, each quota once, and answers how they stand.
///
/// # Errors
/// See [`Error`]; a new account's refusals, throttles and whatever else passes by itself are
/// waits.
pub async fn handle(app: &App, request: Request) -> Result<Progress<Response>, Error> {
    let answer = Box::pin(step(app, &request)).await;
    if !matches!(answer, Ok(Progress::Done(_)))
        && let Some(left_at) = Box::pin(left_at(app, &request)).await
    {
        // Required quotas may take weeks, and nobody wants them any more.
        return Err(Error::TenantLeft { account_id: request.account_id, left_at });
    }
    answer
}

/// When the tenant left, if it did so after it had signed up. What can't be read is no leaving.
async fn left_at(app: &App, request: &Request) -> Option<Timestamp> {
    let signed_up_at = request.signed_up_at?;
    let tags = app.accounts.tags(&request.account_id).await.ok()??;
    retirement::left_at(&tags).filter(|left_at| *left_at > signed_up_at)
}

async fn step(app: &App, request: &Request) -> Result<Progress<Response>, Error> {
    let now = app.clock.now();
    let mut state: State = request.resume.read()?;
    let (observed, unread) = Box::pin(observe(app, request)).await?;
    let verdicts = judge_all(request, &observed.account, now)?;
    let (statuses, mut delays) = Box::pin(ask(request, &observed, &verdicts)).await?;
    delays.splice(0..0, unread);
    let response = report(&request.quotas, &observed.account, &statuses);
    let short = short_of(&request.quotas, &observed.account, &statuses);
    let is_done = match request.wait_for {
        WaitFor::Required => short.is_empty(),
        WaitFor::All => response.settled,
    };
    if is_done {
        return Ok(Progress::Done(response));
    }
    Box::pin(app.tell(request, &mut state, &short, delays.is_empty(), now)).await;
    let because = because(request, &response, short, delays);
    tracing::info!(
        tenant.id = %request.tenant_id,
        account.id = %request.account_id,
        "quotas are awaited: {because}"
    );
    let ceiling = match request.wait_for {
        WaitFor::Required => CEILING_OF_REQUIRED_SECONDS,
        WaitFor::All => CEILING_OF_ALL_SECONDS,
    };
    let elapsed = request.execution.elapsed(now);
    let seed = request.tenant_id.as_str();
    let wait = waiting::retry_after(SHORTEST_WAIT_SECONDS, ceiling, elapsed, seed);
    let deadline = request.execution.deadline(request.deadline_seconds);
    Ok(Progress::pending(wait, because, Resume::of(&state)?).within(deadline, now)?)
}

/// What was read, and the session that read it, if the account let one in.
struct Reading<'a> {
    account: Account,
    session: Option<Session<'a>>,
}

/// Reads requests and values, Region by Region, and says what could not be read yet.
async fn observe<'a>(
    app: &'a App,
    request: &'a Request,
) -> Result<(Reading<'a>, Vec<String>), Error> {
    let mut reading = Reading { account: Account::default(), session: None };
    let mut unread = Vec::new();
    if request.quotas.is_empty() {
        return Ok((reading, unread));
    }
    let session = match Session::open(app, &request.account_id).await {
        Ok(session) => session,
        Err(stop) => {
            unread.push(later(stop)?);
            return Ok((reading, unread));
        }
    };
    let mut regions: BTreeMap<&RegionName, Vec<usize>> = BTreeMap::new();
    for (index, quota) in request.quotas.iter().enumerate() {
        regions.entry(&quota.region).or_default().push(index);
    }
    for (region, indexes) in regions {
        let quotas = session.in_region(region);
        let mut known = true;
        match quotas.requests().await {
            Ok(requests) => {
                reading.account.requests.insert(region.clone(), requests);
            }
            Err(stop) => {
                known = false;
                for &index in &indexes {
                    note(request, &mut reading.account, index, &stop)?;
                }
                unread.push(format!("{region}: {}", stop.reason()));
            }
        }
        for index in indexes.into_iter().filter(|_| known) {
            let Some(quota) = request.quotas.get(index) else { continue };
            match quotas.observe(quota).await {
                Ok(observed) => {
                    reading.account.quotas.insert(index, observed);
                }
                Err(stop) => {
                    note(request, &mut reading.account, index, &stop)?;
                    unread.push(format!("{region}: {}", stop.reason()));
                }
            }
        }
    }
    reading.session = Some(session);
    Ok((reading, unread))
}

fn later(stop: Stop) -> Result<String, Error> {
    match stop {
        Stop::Later(because) => Ok(because),
        Stop::Failed(error) => Err(error),
    }
}

/// Notes why a quota could not be read: not yet, or never. What AWS will never tell of a quota
/// fails the onboarding only if it is required.
fn note(request: &Request, account: &mut Account, index: usize, stop: &Stop) -> Result<(), Error> {
    match stop {
        Stop::Later(because) => {
            account.unread.insert(index, because.clone());
        }
        Stop::Failed(error) => {
            if request.quotas.get(index).is_some_and(|quota| holds_back(quota, None)) {
                return Err(error.clone());
            }
            account.refused.insert(index, error.reason());
        }
    }
    Ok(())
}

/// The verdict on each quota that could be read. Whatever is final is found before anything is
/// asked for.
fn judge_all(
    request: &Request,
    account: &Account,
    now: Timestamp,
) -> Result<BTreeMap<usize, Verdict>, Error> {
    let mut verdicts = BTreeMap::new();
    for (&index, &observed) in &account.quotas {
        let Some(quota) = request.quotas.get(index) else { continue };
        let verdict = judge(quota, observed, account, now);
        let (account_id, value) = (request.account_id.clone(), observed.value);
        let holds_back = holds_back(quota, Some(observed));
        match verdict {
            Verdict::Refused(answer) if holds_back => {
                return Err(Error::QuotaDenied {
                    quota: QuotaName::of(quota),
                    account_id,
                    value,
                    answer,
                });
            }
            Verdict::NotAdjustable if holds_back => {
                return Err(Error::QuotaNotAdjustable {
                    quota: QuotaName::of(quota),
                    account_id,
                    value,
                });
            }
            verdict => verdicts.insert(index, verdict),
        };
    }
    Ok(verdicts)
}

/// How a quota stands, and why, when AWS gave a reason.
type Standing = (Status, Option<String>);

/// Asks for as many of the quotas as AWS takes, and says how each stands then.
async fn ask(
    request: &Request,
    reading: &Reading<'_>,
    verdicts: &BTreeMap<usize, Verdict>,
) -> Result<(Vec<Standing>, Vec<String>), Error> {
    let account = &reading.account;
    let mut standings: Vec<Standing> = (0..request.quotas.len())
        .map(|index| match (account.refused.get(&index), account.unread.get(&index)) {
            (Some(reason), _) => (Status::Refused, Some(reason.clone())),
            (None, reason) => (Status::Waiting, reason.cloned()),
        })
        .collect();
    let mut delays = Vec::new();
    let mut room = Room::left_by(account);
    for index in asking_order(&request.quotas, account) {
        let Some(verdict) = verdicts.get(&index) else { continue };
        let (Some(quota), Some(standing)) = (request.quotas.get(index), standings.get_mut(index))
        else {
            continue;
        };
        *standing = match verdict {
            Verdict::Stands(status) => (*status, None),
            Verdict::Refused(answer) => {
                (Status::Denied, Some(format!("the request was answered {answer}")))
            }
            Verdict::NotAdjustable => (Status::Denied, Some("AWS does not raise it".to_owned())),
            Verdict::Ask => match &reading.session {
                Some(session) if room.take(&quota.region) => {
                    match session.in_region(&quota.region).ask(quota).await {
                        Ok(Asked::Open) => {
                            tracing::info!(
                                tenant.id = %request.tenant_id,
                                account.id = %request.account_id,
                                "asked for quota {} of {} in {}",
                                quota.quota_code, quota.service_code, quota.region
                            );
                            (Status::Requested, None)
                        }
                        Ok(Asked::Full) => {
                            room.close(&quota.region);
                            (Status::Waiting, None)
                        }
                        // A wish that AWS does not take changes nothing else.
                        Err(Stop::Failed(error))
                            if !holds_back(quota, account.quotas.get(&index).copied()) =>
                        {
                            (Status::Refused, Some(error.reason()))
                        }
                        Err(stop) => {
                            let because = later(stop)?;
                            delays.push(format!("{}: {because}", quota.region));
                            (Status::Waiting, Some(because))
                        }
                    }
                }
                _ => (Status::Waiting, None),
            },
        };
    }
    Ok((standings, delays))
}

fn report(quotas: &[WantedQuota], account: &Account, standings: &[Standing]) -> Response {
    let reports = quotas.iter().zip(standings).enumerate().map(|(index, (quota, standing))| {
        let (status, reason) = standing;
        let observed = account.quotas.get(&index);
        QuotaReport {
            service_code: quota.service_code.clone(),
            quota_code: quota.quota_code.clone(),
            region: quota.region.clone(),
            status: *status,
            value: observed.and_then(|observed| QuotaValue::try_from(observed.value).ok()),
            desired: quota.desired,
            reason: reason.as_deref().map(cut),
        }
    });
    let settled = standings.iter().all(|(status, _)| status.is_settled());
    Response { quotas: reports.collect(), settled }
}

/// Characters of a reason that are reported: an answer is bounded.
const LONGEST_REASON: usize = 500;

fn cut(reason: &str) -> String {
    reason.chars().take(LONGEST_REASON).collect()
}

/// The required values that are not reached, in words.
fn short_of(quotas: &[WantedQuota], account: &Account, standings: &[Standing]) -> Vec<String> {
    let mut short = Vec::new();
    for (index, (quota, (status, _))) in quotas.iter().zip(standings).enumerate() {
        let observed = account.quotas.get(&index).copied();
        if let Some(required) = quota.required
            && !is_sufficient(quota, observed)
        {
            let value = observed.map_or("unknown".to_owned(), |known| known.value.to_string());
            short.push(format!(
                "{} {} in {} is {value}, {} is required, {status:?}",
                quota.service_code,
                quota.quota_code,
                quota.region,
                required.get()
            ));
        }
    }
    short
}

fn because(
    request: &Request,
    response: &Response,
    short: Vec<String>,
    delays: Vec<String>,
) -> String {
    let open = match request.wait_for {
        WaitFor::Required => short,
        WaitFor::All => response
            .quotas
            .iter()
            .filter(|quota| !quota.status.is_settled())
            .map(|quota| {
                let QuotaReport { service_code, quota_code, region, status, .. } = quota;
                format!("{service_code} {quota_code} in {region}: {status:?}")
            })
            .collect(),
    };
    open.into_iter().chain(delays).collect::<Vec<_>>().join("; ")
}
