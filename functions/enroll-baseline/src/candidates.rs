//! The other accounts that wait for the same baseline, and can share an operation.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use aws_sdk_organizations::types::{Account, AccountState, AccountStatus};
use lifecycle::{AccountId, StackSetName, tags};

use crate::decide::Standing;
use crate::error::{Call, Stop};
use crate::handler::{App, Request};
use crate::stack_sets::Enrolment;

/// How many accounts' tags are read in one call of the function. Onboarding rarely holds more
/// than a few dozen; those who are not looked at find the stack set themselves.
const MOST_TAG_READS: usize = 50;

/// After so many accounts in a row that have the stack set, nobody older waits for it: accounts
/// stay in Onboarding for as long as their quotas take, long after they were enrolled.
const ENROLLED_IN_A_ROW: usize = 10;

/// The accounts in Onboarding with the tenant's baseline, read once and only when needed.
#[derive(Debug)]
pub(crate) struct Candidates<'a> {
    app: &'a App,
    request: &'a Request,
    /// The others in Onboarding, newest first.
    others: Option<Vec<AccountId>>,
    /// Whether the tag names the same baseline, of those whose tags were read.
    same_baseline: BTreeMap<AccountId, bool>,
}

/// What a stack set is to another account.
enum Need {
    /// It waits for it.
    Waits,
    /// It has an instance.
    HasIt,
    /// Other stack sets come first.
    NotYet,
}

impl<'a> Candidates<'a> {
    pub(crate) fn new(app: &'a App, request: &'a Request) -> Self {
        Self { app, request, others: None, same_baseline: BTreeMap::new() }
    }

    /// Those that have no instance of the stack set yet. For the last stack set, only those whose
    /// other stack sets are current: the gate comes last for everybody.
    pub(crate) async fn for_stack_set(
        &mut self,
        name: &StackSetName,
    ) -> Result<Vec<AccountId>, Stop> {
        let others = match self.others.take() {
            Some(read) => read,
            None => self.read().await?,
        };
        let (mut waiting, mut enrolled) = (Vec::new(), 0);
        for candidate in &others {
            match self.need(name, candidate).await? {
                Need::HasIt => enrolled += 1,
                Need::NotYet => enrolled = 0,
                Need::Waits => {
                    enrolled = 0;
                    // Tags last: of all these calls, Organizations allows the fewest of them.
                    match self.has_same_baseline(candidate).await? {
                        Some(true) => waiting.push(candidate.clone()),
                        Some(false) => {}
                        None => break,
                    }
                }
            }
            if enrolled == ENROLLED_IN_A_ROW {
                break;
            }
        }
        self.others = Some(others);
        Ok(waiting)
    }

    async fn need(&self, name: &StackSetName, candidate: &AccountId) -> Result<Need, Stop> {
        let stack_sets = &self.request.tenant.baseline.stack_sets;
        let is_last = stack_sets.last().is_some_and(|last| last.name == *name);
        let own = stack_sets.iter().filter(|other| other.name == *name);
        let before = stack_sets.iter().filter(|other| is_last && other.name != *name);
        for stack_set in own.chain(before) {
            let enrolment =
                Enrolment { app: self.app, account_id: &self.request.account_id, stack_set };
            let instances = enrolment.instances_of(candidate).await?;
            if stack_set.name == *name {
                if !instances.is_empty() {
                    return Ok(Need::HasIt);
                }
                continue;
            }
            let is_current = stack_set.regions.iter().all(|region| {
                instances.iter().any(|instance| {
                    instance.region == *region && instance.standing == Standing::Current
                })
            });
            if !is_current {
                return Ok(Need::NotYet);
            }
        }
        Ok(Need::Waits)
    }

    /// Whether the account's tag names the same baseline; nothing when enough tags were read.
    async fn has_same_baseline(&mut self, candidate: &AccountId) -> Result<Option<bool>, Stop> {
        if let Some(known) = self.same_baseline.get(candidate) {
            return Ok(Some(*known));
        }
        if self.same_baseline.len() == MOST_TAG_READS {
            return Ok(None);
        }
        let baseline = self.baseline_of(candidate).await?;
        let same = baseline.as_deref() == Some(self.request.tenant.baseline.hash.as_str());
        self.same_baseline.insert(candidate.clone(), same);
        Ok(Some(same))
    }

    /// The other accounts in Onboarding, newest first: those that wait are the newest, for
    /// accounts whose onboarding failed stay.
    async fn read(&self) -> Result<Vec<AccountId>, Stop> {
        let mut accounts = self.accounts_in_onboarding().await?;
        accounts.sort_by_key(|account| {
            Reverse(account.joined_timestamp().map(|joined| joined.as_nanos()))
        });
        let ids = accounts.iter().filter_map(|account| account.id()?.parse::<AccountId>().ok());
        Ok(ids.filter(|id| *id != self.request.account_id).collect())
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
