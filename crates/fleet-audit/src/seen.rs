//! What is held against each other: an account as it was seen, and what is true of all.
//!
//! What was not read is `None` all the way: nothing is found about it, in neither direction.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use lifecycle::retirement::{AccountState, AccountTags};
use lifecycle::{
    AccountId, Naming, OrganizationalUnits, OuId, OuName, ParentId, RegionName, StackSetName,
    TenantId, TierName, TiersConfig, tags,
};
use serde::{Deserialize, Serialize};

use crate::mend::Events;

/// One account, as it was seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Its name.
    pub name: Option<String>,
    /// Its state.
    pub state: AccountState,
    /// When it joined the organization.
    pub joined: Option<Timestamp>,
    /// Where it stands.
    pub parent: Option<ParentId>,
    /// Its tags.
    pub tags: Option<AccountTags>,
    /// Its stack instances of the stack sets that tiers have.
    pub instances: Option<Vec<Instance>>,
    /// Its tenant's record; `Some(None)` when there is none.
    pub record: Option<Option<Recorded>>,
    /// Whether another account carries the mark of the tenant after which this one is named.
    pub is_named_after_another: bool,
}

/// One stack instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its stack set.
    pub stack_set: StackSetName,
    /// Its Region.
    pub region: RegionName,
    /// AWS's word for its status: `CURRENT`, `OUTDATED`, `INOPERABLE`.
    pub status: String,
    /// AWS's word for how its last operation ended.
    pub detail: Option<String>,
    /// AWS's reason, in words.
    pub reason: Option<String>,
    /// Its parameter overrides, where they were read: that takes a call for each instance.
    pub overrides: Option<BTreeMap<String, String>>,
}

/// What a tenant's record says, as far as it matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// The account that was made or found last.
    pub account: Option<AccountId>,
    /// When the tenant left, by its newest event.
    pub left_at: Option<Timestamp>,
    /// When the tenant came back, by its newest event.
    pub back_at: Option<Timestamp>,
    /// Its tier, if an event changed it.
    pub tier: Option<TierName>,
    /// Its name, if an event changed it.
    pub name: Option<String>,
    /// Tags of its own, as events have changed them.
    pub tags: BTreeMap<String, String>,
    /// Parameters of its own.
    pub parameters: BTreeMap<String, String>,
}

/// Where an account is in its life.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It is not ready.
    Onboarding,
    /// It is live, in this unit.
    Live(OuName),
    /// Its tenant has left.
    Retiring,
    /// It is about to be closed, or closed.
    Suspended,
    /// It stands in the root or in a unit that is none of Landlord's.
    Elsewhere,
    /// Where it stands could not be read.
    Unread,
}

impl Standing {
    /// Its name, without the unit.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Onboarding => "ONBOARDING",
            Self::Live(_) => "LIVE",
            Self::Retiring => "RETIRING",
            Self::Suspended => "SUSPENDED",
            Self::Elsewhere => "ELSEWHERE",
            Self::Unread => "UNREAD",
        }
    }
}

/// Who is worked on right now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnderWay {
    /// Tenants with an execution that runs, and which machine's.
    pub tenants: BTreeMap<TenantId, String>,
    /// Stack sets that a rollout changes.
    pub rollouts: BTreeSet<StackSetName>,
}

/// What is true of all accounts.
#[derive(Debug, Clone)]
pub struct Ground {
    /// Where those stand that are not ready.
    pub onboarding: OuId,
    /// Where live tenants stand.
    pub units: OrganizationalUnits,
    /// Where those stand whose tenants have left.
    pub retiring: OuId,
    /// Where those stand that are about to be closed, or closed.
    pub suspended: OuId,
    /// Outside of Landlord's units: the parent of them all.
    pub outside: ParentId,
    /// What tenants get.
    pub tiers: Option<TiersConfig>,
    /// How accounts are named.
    pub naming: Naming,
    /// Who is worked on.
    pub under_way: Option<UnderWay>,
    /// Stack sets of tiers that there are not.
    pub missing_sets: BTreeSet<StackSetName>,
    /// Stack sets of tiers whose instances could not be read.
    pub unread_sets: BTreeSet<StackSetName>,
    /// How events are sent to Landlord.
    pub events: Events,
    /// When all this was seen.
    pub now: Timestamp,
}

impl Account {
    /// An account of which nothing else was read.
    pub fn new(id: AccountId, state: AccountState) -> Self {
        Self {
            id,
            name: None,
            state,
            joined: None,
            parent: None,
            tags: None,
            instances: None,
            record: None,
            is_named_after_another: false,
        }
    }

    /// A tag's value.
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.tags.as_ref()?.get(key).map(String::as_str)
    }

    /// Whether it is closed or closing. With the retired `Status`, a closed account is `SUSPENDED`.
    pub fn is_gone(&self) -> bool {
        self.state.is_gone()
            || self.state == AccountState::Suspended
                && self.tag(tags::CLOSING_REQUESTED_AT).is_some()
    }
}

impl Ground {
    /// Where the account is in its life.
    pub fn standing(&self, account: &Account) -> Standing {
        match &account.parent {
            None => Standing::Unread,
            Some(ParentId::Root(_)) => Standing::Elsewhere,
            Some(ParentId::Ou(unit)) if *unit == self.onboarding => Standing::Onboarding,
            Some(ParentId::Ou(unit)) if *unit == self.retiring => Standing::Retiring,
            Some(ParentId::Ou(unit)) if *unit == self.suspended => Standing::Suspended,
            Some(ParentId::Ou(unit)) => match self.units.name_of(unit) {
                Some(name) => Standing::Live(name.clone()),
                None => Standing::Elsewhere,
            },
        }
    }

    /// Whether somebody works on the tenant right now.
    pub fn is_under_way(&self, tenant: &TenantId) -> bool {
        self.under_way.as_ref().is_some_and(|it| it.tenants.contains_key(tenant))
    }
}
