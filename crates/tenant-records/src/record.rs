//! The record as a value, and every change of it as a pure function.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lifecycle::{AccountId, TenantChanged, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::wanted::{Recorded, Wanted};

/// What a tenant's lifecycle event wishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Wish {
    /// The tenant has left.
    Left,
    /// The tenant came back. Of two wishes of the same moment this one counts: it stands last here.
    Back,
}

/// One lifecycle event of a tenant, as far as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LifecycleWish {
    /// What it wishes.
    pub wish: Wish,
    /// When it happened at the signup system.
    pub occurred_at: Timestamp,
    /// The event's id.
    pub event_id: String,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// At whose wish: the event's source and account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

impl LifecycleWish {
    /// What decides between two wishes: the moment, however close they are; then coming back, and
    /// for two of the same moment and wish the event's id, so that every order of events ends alike.
    fn rank(&self) -> (Timestamp, Wish, &str) {
        (self.occurred_at, self.wish, &self.event_id)
    }

    fn same_as(&self, other: &Self) -> bool {
        self.wish == other.wish && self.occurred_at == other.occurred_at
    }

    /// Whether the tenant left after it had signed up at this moment, which EventBridge gives in
    /// whole seconds: of the same second it did not.
    pub fn left_after(&self, moment: Timestamp) -> bool {
        self.wish == Wish::Left && self.occurred_at.as_second() > moment.as_second()
    }
}

/// An account that may be in the making.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Creating {
    /// The signup event for which it is made.
    pub event_id: String,
    /// Since when.
    pub since: Timestamp,
    /// When that signup was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_up_at: Option<Timestamp>,
}

/// What is known of a tenant beside its account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantRecord {
    /// The version of the format: 1.
    pub version: u32,
    /// The tenant.
    pub tenant_id: TenantId,
    /// The newest wish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_lifecycle: Option<LifecycleWish>,
    /// An account that may be in the making.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creating: Option<Creating>,
    /// The account that was made or found last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<AccountId>,
    /// When the signup was sent for which that account was made, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_signed_up_at: Option<Timestamp>,
    /// What the tenant of that account is to have, as far as events have changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<Wanted>,
    /// The detail of a signup that ended because its tenant had left, before there was an account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_signup: Option<Value>,
    /// What other versions of Landlord keep here.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// How a change ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Changed<T> {
    /// The record as it is now.
    pub record: TenantRecord,
    /// What the change came to.
    pub answer: T,
}

/// How a wish was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// It is the newest one: now, or by an earlier delivery of the same event.
    Newest,
    /// A newer one is known.
    Stale,
}

/// What a signup finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signup {
    /// Nothing speaks against it.
    Welcome,
    /// The tenant left after it had signed up.
    Left,
}

impl TenantRecord {
    /// The record of a tenant of which nothing is known.
    pub fn new(tenant_id: TenantId) -> Self {
        Self {
            version: 1,
            tenant_id,
            newest_lifecycle: None,
            creating: None,
            account_id: None,
            account_signed_up_at: None,
            wanted: None,
            left_signup: None,
            more: Map::new(),
        }
    }

    /// Takes a wish: the newest counts, and none counts for an account that was made for a signup
    /// after it.
    pub(crate) fn take(&mut self, wish: &LifecycleWish) -> Received {
        if wish.wish == Wish::Left && self.is_of_a_signup_after(wish.occurred_at) {
            return Received::Stale;
        }
        let known = self.newest_lifecycle.as_ref();
        let is_newer = known.is_none_or(|known| known.rank() < wish.rank());
        // Sent again, with the same id or another: it is answered as it was the first time.
        let is_the_same = known.is_some_and(|known| known.same_as(wish));
        if is_newer {
            self.newest_lifecycle = Some(wish.clone());
        }
        if is_newer || is_the_same { Received::Newest } else { Received::Stale }
    }

    /// Whether the account that is known, or in the making, is that of a signup which was sent after
    /// this moment: the tenant had left before, and has signed up anew. EventBridge gives a signup's
    /// moment in whole seconds.
    fn is_of_a_signup_after(&self, moment: Timestamp) -> bool {
        let signed_up_at = match &self.creating {
            Some(creating) => creating.signed_up_at,
            None => self.account_signed_up_at,
        };
        signed_up_at.is_some_and(|at| at.as_second() > moment.as_second())
    }

    /// Whether a wish is neither known nor older than what is known.
    pub fn is_news(&self, wish: &LifecycleWish) -> bool {
        let known = self.newest_lifecycle.as_ref();
        known.is_none_or(|known| known.rank() < wish.rank() && !known.same_as(wish))
    }

    /// What a signup of this moment finds.
    pub fn signup(&self, signed_up_at: Timestamp) -> Signup {
        match &self.newest_lifecycle {
            Some(wish) if wish.left_after(signed_up_at) => Signup::Left,
            _ => Signup::Welcome,
        }
    }

    /// A signup whose tenant left before it had an account is kept, for it may come back.
    pub(crate) fn admit(&mut self, signed_up_at: Timestamp, detail: &Value) -> Signup {
        let signup = self.signup(signed_up_at);
        if signup == Signup::Left && self.account_id.is_none() {
            self.left_signup = Some(detail.clone());
        }
        signup
    }

    /// Before an account is made: says so, unless the tenant has left.
    pub(crate) fn begin(
        &mut self,
        signed_up_at: Timestamp,
        detail: &Value,
        creating: &Creating,
    ) -> Signup {
        let signup = self.admit(signed_up_at, detail);
        match (signup, &self.creating) {
            (Signup::Left, _) => self.creating = None,
            (Signup::Welcome, Some(known)) if known.event_id == creating.event_id => {}
            (Signup::Welcome, _) => self.creating = Some(creating.clone()),
        }
        signup
    }

    /// The tenant's account is known: says so, and what the signup finds.
    pub(crate) fn know(&mut self, signed_up_at: Timestamp, account: &AccountId) -> Signup {
        self.remember(account);
        self.creating = None;
        self.left_signup = None;
        self.signup(signed_up_at)
    }

    /// An account of the tenant was found by its tag.
    pub(crate) fn found(&mut self, account: &AccountId, is_closed: bool) {
        if self.account_id.is_none() || !is_closed {
            self.remember(account);
        }
    }

    /// What the tenant was to have in another account is of the past.
    fn remember(&mut self, account: &AccountId) {
        if self.account_id.as_ref() != Some(account) {
            self.wanted = None;
            self.account_signed_up_at =
                self.creating.as_ref().and_then(|creating| creating.signed_up_at);
        }
        self.account_id = Some(account.clone());
    }

    /// Takes what an event wants of the tenant of this account.
    pub(crate) fn want(
        &mut self,
        account: &AccountId,
        event: &TenantChanged,
        event_id: &str,
    ) -> Recorded {
        self.remember(account);
        let wanted = self.wanted.get_or_insert_default();
        wanted.take(&event.changes, event.occurred_at, event_id)
    }

    /// The parameters that the tenant has set for itself.
    pub fn own_parameters(&self) -> BTreeMap<String, String> {
        self.wanted.as_ref().map(Wanted::own_parameters).unwrap_or_default()
    }

    /// No account will come of this signup.
    pub(crate) fn give_up(&mut self, event_id: &str) {
        if self.creating.as_ref().is_some_and(|creating| creating.event_id == event_id) {
            self.creating = None;
        }
    }
}
