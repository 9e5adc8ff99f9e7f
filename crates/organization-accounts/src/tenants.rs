//! The account of a tenant: the index of tags and the tenant's record say where to look, and the
//! account itself says whether.

use aws_sdk_resourcegroupstagging::Client;
use aws_sdk_resourcegroupstagging::types::TagFilter;
use lambda_kit::client;
use lambda_kit::sdk::{Trouble, Wire};
use lifecycle::{AccountId, TenantId, tags};

use crate::{Accounts, Facts};

/// The accounts of tenants, for callers in the organization's management account.
#[derive(Debug, Clone)]
pub struct TenantAccounts {
    accounts: Accounts,
    tagging: Client,
}

/// An account that carries the tenant's tag, on a fresh read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed {
    /// The account.
    pub account: AccountId,
    /// What was read of it.
    pub facts: Facts,
}

/// What the accounts that carry the tag come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Picked {
    /// The tenant's account.
    One(Box<Confirmed>),
    /// None carries it.
    None,
    /// Several that are not closed do.
    Several(Vec<AccountId>),
}

impl TenantAccounts {
    /// On this wire, in the Region where Organizations is.
    pub fn new(wire: &Wire) -> Self {
        let tagging = client!(aws_sdk_resourcegroupstagging, wire.global());
        Self { accounts: Accounts::new(wire), tagging }
    }

    /// Looks for the tenant's account. The index lags; `recorded` is what an onboarding has made.
    ///
    /// # Errors
    /// Whatever AWS answers.
    pub async fn look(
        &self,
        tenant: &TenantId,
        recorded: Option<&AccountId>,
    ) -> Result<Picked, Trouble> {
        let mut confirmed = Vec::new();
        let mut accounts = self.indexed(tenant).await?;
        if let Some(recorded) = recorded.filter(|recorded| !accounts.contains(recorded)) {
            accounts.push(recorded.clone());
        }
        for account in accounts {
            let Some(facts) = self.accounts.read(&account).await? else { continue };
            let carries = facts.tags.get(tags::TENANT).map(String::as_str);
            if carries == Some(tenant.as_str()) {
                confirmed.push(Confirmed { account, facts });
            }
        }
        Ok(pick(confirmed))
    }

    /// The accounts that carry the tag, as far as the index knows.
    ///
    /// # Errors
    /// Whatever AWS answers.
    pub async fn indexed(&self, tenant: &TenantId) -> Result<Vec<AccountId>, Trouble> {
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
                .map_err(|error| Trouble::of("tag", "GetResources", &error))?;
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

/// The tenant's account: the one that is not closed; of closed ones only, the one with the
/// highest id, so that the answer is the same each time.
fn pick(mut confirmed: Vec<Confirmed>) -> Picked {
    confirmed.sort_by(|a, b| a.account.cmp(&b.account));
    let open: Vec<&Confirmed> = confirmed.iter().filter(|it| !it.facts.state.is_gone()).collect();
    match open.as_slice() {
        [one] => Picked::One(Box::new((*one).clone())),
        [] => confirmed.pop().map_or(Picked::None, |it| Picked::One(Box::new(it))),
        several => Picked::Several(several.iter().map(|it| it.account.clone()).collect()),
    }
}

#[cfg(test)]
mod tests {
    use lifecycle::retirement::{AccountState, AccountTags};

    use super::*;

    fn account(id: &str, state: AccountState) -> Confirmed {
        let parent = "ou-root-general0".parse().unwrap();
        let facts = Facts { state, parent, tags: AccountTags::new(), email: None };
        Confirmed { account: id.parse().unwrap(), facts }
    }

    #[test]
    fn the_account_that_is_not_closed_is_the_tenants() {
        use AccountState::{Active, Closed, PendingClosure, Suspended};
        let (a, b, c) = ("222222222222", "333333333333", "444444444444");
        assert_eq!(pick(vec![]), Picked::None);
        let table = [
            (vec![account(a, Active)], a),
            (vec![account(b, Closed), account(a, Active), account(c, PendingClosure)], a),
            (vec![account(c, Suspended), account(a, Closed)], c),
            (vec![account(b, Closed), account(c, Closed), account(a, PendingClosure)], c),
        ];
        for (accounts, expected) in table {
            let Picked::One(one) = pick(accounts.clone()) else { panic!("{accounts:?}") };
            assert_eq!(one.account.as_str(), expected);
        }
        let both = vec![account(b, Active), account(a, Active), account(c, Closed)];
        let ids = vec![a.parse().unwrap(), b.parse().unwrap()];
        assert_eq!(pick(both), Picked::Several(ids));
    }
}
