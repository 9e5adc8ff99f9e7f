//! One account of the organization: read afresh, tagged, moved.
//!
//! The functions of retirement decide over the same facts, and something irreversible follows
//! from them: there is one way to read them. What they do with the answers stays theirs.

mod tenants;

use std::collections::BTreeSet;

use aws_sdk_organizations::Client;
use aws_sdk_organizations::types::Tag;
use lambda_kit::client;
use lambda_kit::sdk::{Refusal, Trouble, Wire, code};
use lifecycle::retirement::{AccountState, AccountTags};
use lifecycle::{AccountId, OuId, ParentId};

pub use tenants::{Confirmed, Picked, TenantAccounts};

const ORGANIZATIONS: &str = "organizations";

/// The accounts of the organization, for callers in its management account.
#[derive(Debug, Clone)]
pub struct Accounts {
    client: Client,
}

/// What was read of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Its state.
    pub state: AccountState,
    /// Where it stands.
    pub parent: ParentId,
    /// Its tags.
    pub tags: AccountTags,
    /// The address of its root user.
    pub email: Option<String>,
}

/// How a move ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// It stands there now.
    Yes,
    /// It stands elsewhere than it did: another moved it. Read again.
    Elsewhere,
}

impl Accounts {
    /// On this wire, in the Region where Organizations is.
    pub fn new(wire: &Wire) -> Self {
        Self { client: client!(aws_sdk_organizations, wire.global()) }
    }

    /// The account as it is now; nothing when it is not in the organization.
    ///
    /// # Errors
    /// Whatever AWS answers but that.
    pub async fn read(&self, account: &AccountId) -> Result<Option<Facts>, Trouble> {
        let Some((state, email)) = self.describe(account).await? else { return Ok(None) };
        let Some(tags) = self.tags(account).await? else { return Ok(None) };
        let Some(parent) = self.parent(account).await? else { return Ok(None) };
        Ok(Some(Facts { state, parent, tags, email }))
    }

    /// The account's state, and its address.
    ///
    /// # Errors
    /// Whatever AWS answers but that there is no such account.
    pub async fn describe(
        &self,
        account: &AccountId,
    ) -> Result<Option<(AccountState, Option<String>)>, Trouble> {
        match self.client.describe_account().account_id(account.as_str()).send().await {
            Ok(output) => Ok(output.account.map(|account| {
                let state = account.state.as_ref().map(|state| state.as_str());
                let status = account.status.as_ref().map(|status| status.as_str());
                (AccountState::of(state, status), account.email)
            })),
            Err(error) if code(&error) == Some("AccountNotFoundException") => Ok(None),
            Err(error) => Err(Trouble::of(ORGANIZATIONS, "DescribeAccount", &error)),
        }
    }

    /// Where the account stands.
    ///
    /// # Errors
    /// Whatever AWS answers but that there is no such account.
    pub async fn parent(&self, account: &AccountId) -> Result<Option<ParentId>, Trouble> {
        let listed = self.client.list_parents().child_id(account.as_str()).send().await;
        let parents = match listed {
            Ok(output) => output.parents.unwrap_or_default(),
            Err(error) if code(&error) == Some("ChildNotFoundException") => return Ok(None),
            Err(error) => return Err(Trouble::of(ORGANIZATIONS, "ListParents", &error)),
        };
        let parent = parents.first().and_then(|parent| parent.id()?.parse().ok());
        parent.map(Some).ok_or_else(|| {
            Trouble::Passing(Refusal {
                service: ORGANIZATIONS,
                call: "ListParents",
                code: "NoAnswer".into(),
                message: format!("AWS does not say where account {account} stands").into(),
            })
        })
    }

    /// The account's tags.
    ///
    /// # Errors
    /// Whatever AWS answers but that there is no such account.
    pub async fn tags(&self, account: &AccountId) -> Result<Option<AccountTags>, Trouble> {
        let mut tags = AccountTags::new();
        let mut token: Option<String> = None;
        loop {
            let page = self
                .client
                .list_tags_for_resource()
                .resource_id(account.as_str())
                .set_next_token(token)
                .send()
                .await;
            let page = match page {
                Ok(page) => page,
                Err(error) if code(&error) == Some("TargetNotFoundException") => return Ok(None),
                Err(error) => {
                    return Err(Trouble::of(ORGANIZATIONS, "ListTagsForResource", &error));
                }
            };
            tags.extend(page.tags().iter().map(|tag| (tag.key().into(), tag.value().into())));
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(Some(tags));
            }
        }
    }

    /// Writes tags; others stay as they are.
    ///
    /// # Errors
    /// Whatever AWS answers.
    pub async fn tag<'a>(
        &self,
        account: &AccountId,
        tags: impl IntoIterator<Item = (&'a str, String)>,
    ) -> Result<(), Trouble> {
        let tags: Vec<Tag> = tags
            .into_iter()
            .filter_map(|(key, value)| Tag::builder().key(key).value(value).build().ok())
            .collect();
        self.client
            .tag_resource()
            .resource_id(account.as_str())
            .set_tags(Some(tags))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| Trouble::of(ORGANIZATIONS, "TagResource", &error))
    }

    /// Removes tags; those that are not there are no trouble.
    ///
    /// # Errors
    /// Whatever AWS answers.
    pub async fn untag(&self, account: &AccountId, keys: &[&str]) -> Result<(), Trouble> {
        self.client
            .untag_resource()
            .resource_id(account.as_str())
            .set_tag_keys(Some(keys.iter().map(|&key| key.to_owned()).collect()))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| Trouble::of(ORGANIZATIONS, "UntagResource", &error))
    }

    /// Moves the account from where it was read to stand.
    ///
    /// # Errors
    /// Whatever AWS answers but that it is there already, or was moved by another.
    pub async fn move_to(
        &self,
        account: &AccountId,
        from: &ParentId,
        to: &OuId,
    ) -> Result<Moved, Trouble> {
        let moved = self
            .client
            .move_account()
            .account_id(account.as_str())
            .source_parent_id(from.as_str())
            .destination_parent_id(to.as_str())
            .send()
            .await;
        let Err(error) = moved else { return Ok(Moved::Yes) };
        match code(&error) {
            // A call of ours took effect and its answer was lost, or another was faster: read
            // again, not believed.
            Some("DuplicateAccountException" | "SourceParentNotFoundException") => {
                Ok(Moved::Elsewhere)
            }
            _ => Err(Trouble::of(ORGANIZATIONS, "MoveAccount", &error)),
        }
    }

    /// The accounts that administer a service for the organization.
    ///
    /// # Errors
    /// Whatever AWS answers.
    pub async fn delegated_administrators(&self) -> Result<BTreeSet<AccountId>, Trouble> {
        let mut found = BTreeSet::new();
        let mut token: Option<String> = None;
        loop {
            let page = self
                .client
                .list_delegated_administrators()
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| {
                    Trouble::of(ORGANIZATIONS, "ListDelegatedAdministrators", &error)
                })?;
            let accounts = page.delegated_administrators().iter();
            found.extend(accounts.filter_map(|account| account.id()?.parse::<AccountId>().ok()));
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(found);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use scripted_wire::{Exchange, Script, call};
    use serde_json::json;

    use super::*;

    fn accounts(script: &Script) -> Accounts {
        Accounts::new(&script.wire("eu-central-1"))
    }

    fn id() -> AccountId {
        "222222222222".parse().unwrap()
    }

    fn described(account: serde_json::Value) -> Exchange {
        call("DescribeAccount", json!({"AccountId": id()})).answers(&json!({"Account": account}))
    }

    #[tokio::test(start_paused = true)]
    async fn an_account_is_read_with_all_pages_of_its_tags() {
        let script = Script::new([
            described(json!({"Id": id(), "Email": "a@b.example", "Status": "ACTIVE"})),
            call("ListTagsForResource", json!({"ResourceId": id()})).answers(
                &json!({"Tags": [{"Key": "landlord:tenant", "Value": "acme"}], "NextToken": "2"}),
            ),
            call("ListTagsForResource", json!({"NextToken": "2"}))
                .answers(&json!({"Tags": [{"Key": "k", "Value": "v"}]})),
            call("ListParents", json!({"ChildId": id()}))
                .answers(&json!({"Parents": [{"Id": "ou-root-general0", "Type": "ANY"}]})),
        ]);
        let facts = accounts(&script).read(&id()).await.unwrap().unwrap();
        assert_eq!(facts.state, AccountState::Active);
        assert_eq!(facts.parent.as_str(), "ou-root-general0");
        assert_eq!(facts.tags.len(), 2);
        assert!(script.played().iter().all(|call| call.region == "us-east-1"));
    }

    #[tokio::test(start_paused = true)]
    async fn an_account_that_is_not_there_is_nothing() {
        let gone = call("DescribeAccount", json!({})).refuses("AccountNotFoundException");
        assert_eq!(accounts(&Script::new([gone])).read(&id()).await.unwrap(), None);
        let gone = call("ListTagsForResource", json!({})).refuses("TargetNotFoundException");
        assert_eq!(accounts(&Script::new([gone])).tags(&id()).await.unwrap(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_that_aws_does_not_say_is_asked_again() {
        let nowhere = call("ListParents", json!({})).answers(&json!({"Parents": []}));
        let trouble = accounts(&Script::new([nowhere])).parent(&id()).await.unwrap_err();
        assert!(matches!(trouble, Trouble::Passing(_)), "{trouble:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_move_by_another_is_no_error() {
        let (from, to) = ("r-root".parse().unwrap(), "ou-root-retiring".parse().unwrap());
        for code in ["DuplicateAccountException", "SourceParentNotFoundException"] {
            let script = Script::new([call("MoveAccount", json!({})).refuses(code)]);
            let moved = accounts(&script).move_to(&id(), &from, &to).await;
            assert_eq!(moved.unwrap(), Moved::Elsewhere);
        }
        let busy = call("MoveAccount", json!({})).refuses("ConcurrentModificationException");
        let trouble = accounts(&Script::new([busy])).move_to(&id(), &from, &to).await;
        assert!(matches!(trouble, Err(Trouble::Passing(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn delegated_administrators_come_from_all_pages() {
        let page = |id: &str| json!({"DelegatedAdministrators": [{"Id": id}]});
        let mut first = page("333333333333");
        first["NextToken"] = json!("2");
        let script = Script::new([
            call("ListDelegatedAdministrators", json!({})).answers(&first),
            call("ListDelegatedAdministrators", json!({"NextToken": "2"}))
                .answers(&page("444444444444")),
        ]);
        assert_eq!(accounts(&script).delegated_administrators().await.unwrap().len(), 2);
    }
}
