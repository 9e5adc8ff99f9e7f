//! Steps towards an account that is out of service, or back in it. Each is decided on a fresh
//! read; a handful of them is a retirement.

use jiff::{SignedDuration, Timestamp};
use lambda_kit::sdk::{Trouble, Wire};
use lambda_kit::{Clock, Lookup, config};
use lifecycle::{AccountId, ExecutionTimes, Fault, Progress, Resume, TenantId, waiting};
use organization_accounts::{Accounts, Facts, Moved};
use serde::{Deserialize, Serialize};

use crate::answer::Settled;
use crate::config::{Config, LONGEST_DAYS};
use crate::decide::{Action, Ask, Next, next};
use crate::error::{Error, Halt, halt};

/// The longest way is five steps; one that is not over by then waits for AWS to show what was
/// done.
const MOST_STEPS: usize = 7;

/// After so long two reads of an account tell of the same moment. AWS gives no figure.
const READS_AGREE: SignedDuration = SignedDuration::from_mins(2);
/// How far the clocks of others may be ahead.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(5);

/// What the function is made of.
#[derive(Debug, Clone)]
pub struct App {
    accounts: Accounts,
    config: Config,
    clock: Clock,
}

impl App {
    /// The function on this wire.
    pub fn new(wire: &Wire, config: Config, clock: Clock) -> Self {
        Self { accounts: Accounts::new(wire), config, clock }
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
    /// What to do.
    pub action: Action,
    /// The tenant.
    pub tenant_id: TenantId,
    /// Its account.
    pub account_id: AccountId,
    /// The event that asks.
    pub event_id: String,
    /// At whose wish, in words for an auditor.
    pub requested_by: String,
    /// When the tenant left or came back.
    pub occurred_at: Timestamp,
    /// The cooling-off time, 1 to 3650 days; the configuration's, when there is none, and never
    /// less than its least.
    #[serde(default)]
    pub retire_after_days: Option<u32>,
    /// Why, in words.
    #[serde(default)]
    pub reason: Option<String>,
    /// How long waiting may take, from the execution's start.
    pub deadline_seconds: u32,
    /// The execution's times.
    pub execution: ExecutionTimes,
    /// The `resume` of the last answer, if there was one.
    #[serde(default)]
    pub resume: Resume,
}

/// What is kept from one call to the next.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct State {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    changed: bool,
    /// When the account was first seen where nobody expects it.
    #[serde(skip_serializing_if = "Option::is_none")]
    unexpected_since: Option<Timestamp>,
}

/// Takes the steps that can be taken now.
///
/// # Errors
/// All of [`Error`]; whatever passes by itself is `PENDING`.
pub async fn handle(app: &App, request: Request) -> Result<Progress<Settled>, Error> {
    let now = app.clock.now();
    check(&request, now)?;
    let mut state: State = request.resume.read()?;
    // Boxed: the SDK's futures lie deep within each other, and a compiler has to lay them out.
    let because = match Box::pin(app.settle(&request, &mut state, now)).await {
        Ok(settled) => {
            tracing::info!(
                tenant.id = %settled.tenant_id,
                account.id = %settled.account_id,
                organizational_unit.id = %settled.organizational_unit_id,
                changed = settled.changed,
                "the account is settled: {:?}",
                settled.outcome
            );
            return Ok(Progress::Done(settled));
        }
        Err(Halt::Wait(because)) => because,
        Err(Halt::Fail(error)) => return Err(error),
    };
    let account = &request.account_id;
    tracing::info!(tenant.id = %request.tenant_id, account.id = %account, "waiting: {because}");
    let elapsed = request.execution.elapsed(now);
    let seconds = waiting::retry_after(5, waiting::CEILING, elapsed, account.as_str());
    Progress::pending(seconds, because, Resume::of(&state)?)
        .within(request.execution.deadline(request.deadline_seconds), now)
        .map_err(|source| Error::DeadlinePassed { subject: subject(&request), source })
}

fn subject(request: &Request) -> String {
    format!("account {} of tenant {}", request.account_id, request.tenant_id)
}

fn check(request: &Request, now: Timestamp) -> Result<(), Error> {
    if request.occurred_at.duration_since(now) > CLOCKS_DIFFER {
        let rule = "must not lie in the future: no later event would be heard";
        return Err(Fault::new("occurredAt", &request.occurred_at.to_string(), rule).into());
    }
    if let Some(days) = request.retire_after_days
        && !(1..=LONGEST_DAYS).contains(&days)
    {
        let rule = format!("must be 1 to {LONGEST_DAYS}");
        return Err(Fault::of("retireAfterDays", days, rule).into());
    }
    Ok(())
}

impl App {
    async fn settle(
        &self,
        request: &Request,
        state: &mut State,
        now: Timestamp,
    ) -> Result<Settled, Halt> {
        let account = &request.account_id;
        let by = format!("{} {}", request.requested_by, request.event_id);
        let ask = Ask {
            action: request.action,
            tenant: &request.tenant_id,
            account,
            occurred_at: request.occurred_at,
            days: self.config.days(request.retire_after_days),
            reason: request.reason.as_deref().unwrap_or_default(),
            by: &by,
        };
        for _ in 0..MOST_STEPS {
            let facts = self.read(request).await?;
            let step = match next(&facts, &ask, &self.config, now) {
                // Tags and place are read apart, and one may be older than the other: a mark that
                // was just written looks like no mark in Retiring. So it has to look so for long.
                Err(error @ Error::UnexpectedOrganizationalUnit { .. }) => {
                    let since = *state.unexpected_since.get_or_insert(now);
                    return Err(if now.duration_since(since) < READS_AGREE {
                        Halt::Wait(error.to_string())
                    } else {
                        error.into()
                    });
                }
                step => step?,
            };
            state.unexpected_since = None;
            let done = |outcome, changed| {
                Ok(Settled::new(outcome, changed, request, &facts, &self.config))
            };
            let (step, otherwise) = match step {
                Next::Try(step, outcome) => (*step, Some(outcome)),
                step => (step, None),
            };
            let made = match step {
                Next::Done(outcome) => return done(outcome, state.changed),
                Next::Wait(because) => return Err(Halt::Wait(because)),
                Next::Try(..) => Ok(()),
                Next::Write(tags) => self.accounts.tag(account, tags).await,
                Next::Remove(keys) => self.accounts.untag(account, &keys).await,
                Next::Move(unit) => {
                    match self.accounts.move_to(account, &facts.parent, &unit).await {
                        Ok(Moved::Yes) => Ok(()),
                        Ok(Moved::Elsewhere) => {
                            let because = format!("account {account} is being moved by another");
                            return Err(Halt::Wait(because));
                        }
                        Err(trouble) => Err(trouble),
                    }
                }
            };
            match (made, otherwise) {
                // AWS does not document what may still be done with a closed account.
                (Err(Trouble::Refused(refusal)), Some(outcome)) => {
                    tracing::warn!(account.id = %account, "the account is closed: {refusal}");
                    return done(outcome, state.changed);
                }
                (made, _) => made.map_err(|trouble| halt(&subject(request), trouble))?,
            }
            state.changed = true;
        }
        Err(Halt::Wait(format!("AWS does not show yet what was done with account {account}")))
    }

    async fn read(&self, request: &Request) -> Result<Facts, Halt> {
        let account = &request.account_id;
        let read = self.accounts.read(account).await;
        let facts = read.map_err(|trouble| halt(&subject(request), trouble))?;
        facts.ok_or_else(|| Error::AccountNotFound { account: account.clone() }.into())
    }
}
