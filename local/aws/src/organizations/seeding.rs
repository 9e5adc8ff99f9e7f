//! Accounts that were there before the world began.
//!
//! A fleet of thousands would take a day of virtual time to be created, five at a time; what is
//! tried with a fleet begins when it stands.

use indexmap::IndexMap;

use super::state::{Account, AccountState};
use crate::Aws;

/// An account that has stood in its unit for long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Its name.
    pub name: String,
    /// Its email, which nobody else may have.
    pub email: String,
    /// The root or unit in which it stands.
    pub parent: String,
    /// The role that the management account may assume in it.
    pub role: String,
    /// Its tags, which the tagging API knows already.
    pub tags: Vec<(String, String)>,
}

impl Aws {
    /// Lets accounts in that were created long ago: their roles and services are ready, lists and
    /// the tagging API know them. Answers their ids, in the order given.
    ///
    /// # Errors
    /// The first that cannot be: an email that is taken, or a parent that does not exist. Nothing
    /// of it has happened then.
    pub fn settle_accounts(&self, accounts: &[Settled]) -> Result<Vec<String>, String> {
        let now = self.now();
        let joined = now.checked_sub(jiff::SignedDuration::from_hours(24 * 30)).unwrap_or(now);
        let mut ids = Vec::with_capacity(accounts.len());
        let free = super::creation::new_account_ids(self, accounts.len());
        let mut state = self.lock();
        let mut emails = std::collections::BTreeSet::new();
        for account in accounts {
            let email = account.email.to_lowercase();
            if state.organizations.by_email.contains_key(&email) || !emails.insert(email) {
                return Err(format!("email: \"{}\" is taken", account.email));
            }
            if !state.organizations.is_parent(&account.parent) {
                return Err(format!("parent: \"{}\" does not exist", account.parent));
            }
        }
        for (settled, id) in accounts.iter().zip(free) {
            let account = Account {
                id: id.clone(),
                email: settled.email.clone(),
                name: settled.name.clone(),
                parent: settled.parent.clone(),
                state: AccountState::Active,
                joined,
                joined_method: "CREATED",
                sequence: 0,
                role_ready: joined,
                services_ready: joined,
            };
            state.organizations.admit(account);
            let tags: IndexMap<String, String> = settled.tags.iter().cloned().collect();
            state.organizations.tags.set(&id, tags, joined);
            let management = &self.settings().management_account;
            crate::iam::found_account(&mut state, &id, &settled.role, management, joined);
            ids.push(id);
        }
        Ok(ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Call, Settings};
    use serde_json::json;

    fn settled(name: &str) -> Settled {
        Settled {
            name: name.to_owned(),
            email: format!("{name}@example.com"),
            parent: "r-root".to_owned(),
            role: "AWSCloudFormationStackSetExecutionRole".to_owned(),
            tags: vec![("landlord:tenant".to_owned(), name.to_owned())],
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_settled_account_is_listed_tagged_and_has_its_role_at_once() {
        let aws = Aws::new(Settings { empty_pages: 0.0, ..Settings::default() });
        let ids = aws.settle_accounts(&[settled("acme"), settled("globex")]).unwrap();
        let ask = |service: &'static str, operation: &'static str, input| {
            let place = ("111122223333", "us-east-1");
            let call = Call::by_service("test.amazonaws.com", service, operation, place, input);
            let aws = aws.clone();
            async move { aws.perform(&call).await.unwrap() }
        };
        let listed =
            ask("organizations", "ListAccountsForParent", json!({ "ParentId": "r-root" })).await;
        let names: Vec<&str> = listed["Accounts"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|account| account["Name"].as_str())
            .collect();
        assert!(names.contains(&"acme") && names.contains(&"globex"), "{names:?}");
        let found = ask("tag", "GetResources", json!({})).await;
        assert_eq!(found["ResourceTagMappingList"].as_array().unwrap().len(), 2);
        let place = (ids[1].as_str(), "us-east-1");
        let role = json!({ "RoleName": settled("").role });
        let call = Call::by_service("test.amazonaws.com", "iam", "GetRole", place, role);
        assert!(aws.perform(&call).await.is_ok(), "its services answer, and the role is there");
    }

    #[tokio::test]
    async fn what_cannot_be_changes_nothing() {
        let aws = Aws::new(Settings::default());
        let twice = aws.settle_accounts(&[settled("acme"), settled("acme")]).unwrap_err();
        assert_eq!(twice, "email: \"acme@example.com\" is taken");
        let nowhere = Settled { parent: "ou-none".to_owned(), ..settled("acme") };
        assert!(aws.settle_accounts(&[nowhere]).unwrap_err().contains("ou-none"));
        assert_eq!(aws.accounts().len(), 1);
    }
}
