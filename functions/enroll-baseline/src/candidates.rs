//! The other accounts that wait for the same baseline, and can share an operation.

use std::cmp::Reverse;

use aws_sdk_organizations::types::{Account, AccountState, AccountStatus};
use lifecycle::{AccountId, StackSetName, tags};

use crate::decide::Standing;
use crate::error::{Call, Stop};
use crate::handler::{App, Request};
use crate::stack_sets::Enrolment;

/// How many accounts' tags are read in one call of the function. Onboarding rarely holds more
/// than a few dozen; those who are not looked at find the stack set themselves.
const MOST_TAG_READS: usize = 50;

/// The accounts in Onboarding with the tenant's baseline, read once and only when needed.
#[derive(Debug)]
pub(crate) struct Candidates<'a> {
    app: &'a App,
    request: &'a Request,
    same_baseline: Option<Vec<AccountId>>,
}

impl<'a> Candidates<'a> {
    pub(crate) fn new(app: &'a App, request: &'a Request) -> Self {
        Self { app, request, same_baseline: None }
    }

    /// Those that have no instance of the stack set yet. For the last stack set, only those whose
    /// other stack sets are current: the gate comes last for everybody.
    pub(crate) async fn for_stack_set(
        &mut self,
        name: &StackSetName,
    ) -> Result<Vec<AccountId>, Stop> {
        let candidates = match self.same_baseline.take() {
            Some(read) => read,
            None => self.read().await?,
        };
        let mut waiting = Vec::new();
        for candidate in &candidates {
            if self.waits_for(name, candidate).await? {
                waiting.push(candidate.clone());
            }
        }
        self.same_baseline = Some(candidates);
        Ok(waiting)
    }

    async fn waits_for(&self, name: &StackSetName, candidate: &AccountId) -> Result<bool, Stop> {
        let stack_sets = &self.request.tenant.baseline.stack_sets;
        let is_last = stack_sets.last().is_some_and(|last| last.name == *name);
        for stack_set in stack_sets.iter().filter(|other| is_last || other.name == *name) {
            let enrolment =
                Enrolment { app: self.app, account_id: &self.request.account_id, stack_set };
            let instances = enrolment.instances_of(candidate).await?;
            let fits = if stack_set.name == *name {
                instances.is_empty()
            } else {
                stack_set.regions.iter().all(|region| {
                    instances.iter().any(|instance| {
                        instance.region == *region && instance.standing == Standing::Current
                    })
                })
            };
            if !fits {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The newest accounts in Onboarding whose tag names the same baseline.
    async fn read(&self) -> Result<Vec<AccountId>, Stop> {
        let mut accounts = self.accounts_in_onboarding().await?;
        // Accounts whose onboarding failed stay in Onboarding; those that wait are the newest.
        accounts.sort_by_key(|account| {
            Reverse(account.joined_timestamp().map(|joined| joined.as_nanos()))
        });
        let ids = accounts
            .iter()
            .filter_map(|account| account.id()?.parse::<AccountId>().ok())
            .filter(|id| *id != self.request.account_id)
            .take(MOST_TAG_READS);
        let mut same = Vec::new();
        for id in ids {
            if self.baseline_of(&id).await?.as_deref()
                == Some(self.request.tenant.baseline.hash.as_str())
            {
                same.push(id);
            }
        }
        Ok(same)
    }

    async fn accounts_in_onboarding(&self) -> Result<Vec<Account>, Stop> {
        let mut accounts = Vec::new();
        let mut token = None;
        loop {
            let page = self
                .app
                .organizations
                .list_accounts_for_parent()
                .parent_id(self.app.config.onboarding.as_str())
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| self.call("ListAccountsForParent").stop(&error))?;
            accounts.extend(page.accounts().iter().filter(|account| is_active(account)).cloned());
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(accounts);
            }
        }
    }

    async fn baseline_of(&self, account: &AccountId) -> Result<Option<String>, Stop> {
        let mut token = None;
        loop {
            let page = self
                .app
                .organizations
                .list_tags_for_resource()
                .resource_id(account.as_str())
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| self.call("ListTagsForResource").stop(&error))?;
            let tag = page.tags().iter().find(|tag| tag.key() == tags::BASELINE);
            if let Some(tag) = tag {
                return Ok(Some(tag.value().to_owned()));
            }
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(None);
            }
        }
    }

    fn call(&self, name: &'static str) -> Call<'_> {
        Call { service: "organizations", name, account_id: &self.request.account_id }
    }
}

/// `State` replaces `Status`, which AWS retires; either may be missing.
fn is_active(account: &Account) -> bool {
    match (account.state(), account.status()) {
        (Some(state), _) => *state == AccountState::Active,
        (None, Some(status)) => *status == AccountStatus::Active,
        (None, None) => false,
    }
}
