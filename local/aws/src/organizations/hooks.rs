//! What tests, simulations and operators do to an organization by hand.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::state::{Account, AccountState, Organizations};
use crate::Aws;

/// An account as it is, with nothing lagging.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its email.
    pub email: String,
    /// The root or unit it stands in.
    pub parent: String,
    /// The unit's name, or `Root`.
    pub parent_name: String,
    /// `ACTIVE`, `SUSPENDED`, `PENDING_CLOSURE` or `CLOSED`.
    pub state: &'static str,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// When it joined.
    pub joined: Timestamp,
}

impl Aws {
    /// The most closings that were in progress at any time.
    pub fn most_closings_in_progress(&self) -> usize {
        self.lock().organizations.most_closing
    }

    /// Somebody writes (or, with no value, removes) a tag of an account by hand; the tagging API
    /// hears of it with its lag. Says whether the account exists.
    pub fn tag_account_by_hand(&self, account: &str, key: &str, value: Option<&str>) -> bool {
        let seen = self.after(self.settings().durations.tag_lag);
        let mut state = self.lock();
        let organizations = &mut state.organizations;
        if organizations.account(account).is_none() {
            return false;
        }
        let mut tags: indexmap::IndexMap<String, String> = organizations
            .tags
            .of(account)
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        match value {
            Some(value) => drop(tags.insert(key.to_owned(), value.to_owned())),
            None => drop(tags.shift_remove(key)),
        }
        organizations.tags.set(account, tags, seen);
        true
    }

    /// An account outside the organization has this email from now on.
    pub fn take_email_outside(&self, email: &str) {
        self.lock().organizations.emails_outside.insert(email.to_lowercase());
    }

    /// AWS lets the organization have this many accounts from now on.
    pub fn set_account_limit(&self, limit: usize) {
        self.lock().organizations.account_limit = Some(limit);
    }

    /// The email is free again.
    pub fn release_email_outside(&self, email: &str) {
        self.lock().organizations.emails_outside.remove(&email.to_lowercase());
    }

    /// The next creation of an account with this name or email fails, with this reason, such
    /// as `INTERNAL_FAILURE`. Several of them fail one creation each, in order.
    pub fn fail_next_creation(&self, name_or_email: &str, reason: &str) {
        let failure = (name_or_email.to_owned(), reason.to_owned());
        self.lock().organizations.failures.push(failure);
    }

    /// Somebody moves an account by hand. Says whether account and destination exist.
    pub fn move_account_by_hand(&self, account: &str, destination: &str) -> bool {
        let now = self.now();
        let mut state = self.lock();
        let organizations = &mut state.organizations;
        let known =
            organizations.account(account).is_some() && organizations.is_parent(destination);
        if known {
            organizations.place(account, destination, now);
        }
        known
    }

    /// Somebody closed an account by hand; it is closed at once, outside the budget. Says
    /// whether it exists.
    pub fn close_account_by_hand(&self, account: &str) -> bool {
        let now = self.now();
        let mut state = self.lock();
        let known = state.organizations.account(account).is_some();
        state.organizations.mark_closed(account, now);
        known
    }

    /// AWS Support reopens a closed account: it is active again, where it stands, with its tags. Says
    /// whether it was closed, for AWS does so within 90 days only, and then forgets the account.
    pub fn reopen_account(&self, account: &str) -> bool {
        let mut state = self.lock();
        let organizations = &mut state.organizations;
        let Some(known) = organizations.accounts.get_mut(account) else { return false };
        let AccountState::Closed { since } = known.state else { return false };
        known.state = AccountState::Active;
        if let Some(closed) = organizations.closed.get_mut(&since) {
            closed.retain(|id| id != account);
        }
        true
    }

    /// AWS suspends an account. Says whether it exists.
    pub fn suspend_account(&self, account: &str) -> bool {
        let mut state = self.lock();
        match state.organizations.accounts.get_mut(account) {
            Some(account) => {
                account.state = AccountState::Suspended;
                true
            }
            None => false,
        }
    }

    /// All accounts as they are, the management account included, in the order in which they
    /// joined.
    pub fn accounts(&self) -> Vec<AccountView> {
        let state = self.lock();
        let organizations = &state.organizations;
        organizations
            .by_sequence
            .values()
            .filter_map(|id| organizations.account(id))
            .map(|account| view(organizations, account))
            .collect()
    }

    /// An account as it is.
    pub fn account(&self, id: &str) -> Option<AccountView> {
        let state = self.lock();
        let organizations = &state.organizations;
        organizations.account(id).map(|account| view(organizations, account))
    }

    /// Somebody takes an account out of the organization. Says whether it was in it.
    pub fn remove_account_by_hand(&self, account: &str) -> bool {
        let mut state = self.lock();
        let known = state.organizations.account(account).is_some();
        state.organizations.closing.remove(account);
        state.organizations.dismiss(account);
        known
    }

    /// The most creations that were in progress at any time.
    pub fn most_creations_in_progress(&self) -> usize {
        self.lock().organizations.most_creating
    }

    /// The names of the accounts that are being created, and since when.
    pub fn creations_in_progress(&self) -> Vec<(String, Timestamp)> {
        let state = self.lock();
        let Organizations { creating, creations, .. } = &state.organizations;
        let running = creating.iter().filter_map(|sequence| creations.get(sequence));
        running.map(|it| (it.name.clone(), it.requested)).collect()
    }

    /// The moment of which lists that lag tell.
    pub(crate) fn lagging(&self) -> Timestamp {
        let lag = self.paced(self.settings().durations.list_lag);
        self.now().checked_sub(lag).unwrap_or(Timestamp::MIN)
    }
}

fn view(organizations: &Organizations, account: &Account) -> AccountView {
    AccountView {
        id: account.id.clone(),
        name: account.name.clone(),
        email: account.email.clone(),
        parent: account.parent.clone(),
        parent_name: organizations
            .units
            .get(&account.parent)
            .map_or_else(|| "Root".to_owned(), |unit| unit.name.clone()),
        state: match account.state {
            AccountState::Active => "ACTIVE",
            AccountState::Suspended => "SUSPENDED",
            AccountState::PendingClosure { .. } => "PENDING_CLOSURE",
            AccountState::Closed { .. } => "CLOSED",
        },
        tags: organizations
            .tags
            .of(&account.id)
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
        joined: account.joined,
    }
}
