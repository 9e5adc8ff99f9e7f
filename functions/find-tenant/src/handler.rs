//! One look for the tenant's account: the index says where, the account itself says whether.

use aws_sdk_resourcegroupstagging::types::TagFilter;
use lambda_kit::sdk::{Trouble, Wire};
use lambda_kit::{Clock, Lookup, client, config};
use lifecycle::{AccountId, ExecutionTimes, ParentId, Progress, Resume, TenantId, tags, waiting};
use organization_accounts::Accounts;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::decide::{Answer, Confirmed, pick};
use crate::error::{Error, Halt, halt};

/// What the function is made of.
#[derive(Debug, Clone)]
pub struct App {
    accounts: Accounts,
    tagging: aws_sdk_resourcegroupstagging::Client,
    config: Config,
    clock: Clock,
}

impl App {
    /// The function on this wire.
    pub fn new(wire: &Wire, config: Config, clock: Clock) -> Self {
        let tagging = client!(aws_sdk_resourcegroupstagging, wire.global());
        Self { accounts: Accounts::new(wire), tagging, config, clock }
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
    /// The tenant.
    pub tenant_id: TenantId,
    /// How long waiting may take, from the execution's start.
    pub deadline_seconds: u32,
    /// The execution's times.
    pub execution: ExecutionTimes,
    /// The `resume` of the last answer; nothing is kept.
    #[serde(default)]
    pub resume: Resume,
}

/// The tenant's account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Its account.
    pub account_id: AccountId,
    /// Where the account stands: a unit, or the root.
    pub organizational_unit_id: ParentId,
    /// AWS's word for its state.
    pub state: String,
}

/// Looks once.
///
/// # Errors
/// All of [`Error`]; whatever passes by itself is `PENDING`.
pub async fn handle(app: &App, request: Request) -> Result<Progress<Found>, Error> {
    let now = app.clock.now();
    let tenant = &request.tenant_id;
    let elapsed = request.execution.elapsed(now);
    // Boxed: the SDK's futures lie deep within each other, and a compiler has to lay them out.
    let because = match Box::pin(app.look(tenant)).await {
        Ok(Answer::One(one)) => {
            tracing::info!(tenant.id = %tenant, account.id = %one.account, "the account is found");
            return Ok(Progress::Done(Found {
                tenant_id: tenant.clone(),
                account_id: one.account,
                organizational_unit_id: one.parent,
                state: one.state.to_string(),
            }));
        }
        Ok(Answer::Several(accounts)) => {
            return Err(Error::AmbiguousTenant { tenant: tenant.clone(), accounts });
        }
        Ok(Answer::None) if elapsed >= app.config.unknown_after => {
            return Err(Error::UnknownTenant { tenant: tenant.clone() });
        }
        Ok(Answer::None) => format!("no account carries the tag of tenant {tenant} yet"),
        Err(Halt::Wait(because)) => because,
        Err(Halt::Fail(error)) => return Err(error),
    };
    tracing::info!(tenant.id = %tenant, "waiting: {because}");
    let seconds = waiting::retry_after(15, waiting::CEILING, elapsed, tenant.as_str());
    Progress::pending(seconds, because, Resume::default())
        .within(request.execution.deadline(request.deadline_seconds), now)
        .map_err(|source| Error::DeadlinePassed { subject: subject(tenant), source })
}

fn subject(tenant: &TenantId) -> String {
    format!("tenant {tenant}")
}

impl App {
    async fn look(&self, tenant: &TenantId) -> Result<Answer, Halt> {
        let about = subject(tenant);
        let mut confirmed = Vec::new();
        for account in self.indexed(tenant).await? {
            let facts = self.accounts.read(&account).await.map_err(|it| halt(&about, it))?;
            let Some(facts) = facts else { continue };
            let carries = facts.tags.get(tags::TENANT).map(String::as_str);
            if carries == Some(tenant.as_str()) {
                confirmed.push(Confirmed { account, parent: facts.parent, state: facts.state });
            }
        }
        Ok(pick(confirmed))
    }

    /// The accounts that carry the tag, as far as the index knows.
    async fn indexed(&self, tenant: &TenantId) -> Result<Vec<AccountId>, Halt> {
        let filter = TagFilter::builder().key(tags::TENANT).values(tenant.as_str()).build();
        let mut accounts = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let page = self
                .tagging
                .get_resources()
                .resource_type_filters("organizations:account")
                .tag_filters(filter.clone())
                .set_pagination_token(token)
                .send()
                .await
                .map_err(|error| {
                    halt(&subject(tenant), Trouble::of("tag", "GetResources", &error))
                })?;
            let arns = page.resource_tag_mapping_list().iter().filter_map(|it| it.resource_arn());
            for id in arns.filter_map(|arn| arn.rsplit('/').next()?.parse::<AccountId>().ok()) {
                if !accounts.contains(&id) {
                    accounts.push(id);
                }
            }
            token = page.pagination_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(accounts);
            }
        }
    }
}
