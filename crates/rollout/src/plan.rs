//! The plan of a roll-out: who gets the change when, how fast, and what ends it.

use std::collections::BTreeMap;

use lifecycle::rollout::NEW_TENANTS_WAIT;
use lifecycle::{AccountId, OuName, RegionName};
use serde::{Deserialize, Serialize};

/// The most waves of a plan: the machine starts a child execution for each.
pub const MOST_WAVES: usize = 60;

/// The most operations into which a wave is cut unless the plan says otherwise: each is followed
/// by some fifty events of a history.
const MOST_OPERATIONS: usize = 24;

/// A whole plan, checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// In order; at least one.
    pub waves: Vec<WavePlan>,
    /// What has to stay in order.
    pub health: Health,
    /// What is tried again.
    pub retry: Retry,
    /// What happens when the roll-out stops.
    pub on_stop: OnStop,
    /// Whether new tenants wait until the change is proven.
    pub new_tenants: NewTenants,
    /// How long they wait at most, in seconds from the rollout's first operation.
    #[serde(default = "new_tenants_wait")]
    pub new_tenants_wait_seconds: u32,
    /// How long the whole may take, in seconds from the execution's start.
    pub deadline_seconds: u32,
    /// What no wave takes.
    #[serde(default, skip_serializing_if = "Except::is_empty")]
    pub except: Except,
    /// How much of the fleet may be excused (suspended accounts, known offenders) in a rollout
    /// that succeeds, in percent of its instances.
    #[serde(default = "excused_percent")]
    pub excused_percent: u32,
    /// After how many days an account that goes on vetoing is reported by name.
    #[serde(default = "veto_days")]
    pub veto_days: u32,
}

/// A tenth.
pub(crate) fn excused_percent() -> u32 {
    10
}

/// Two weeks.
pub(crate) fn veto_days() -> u32 {
    14
}

/// What no wave takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Except {
    /// These accounts.
    pub accounts: Vec<AccountId>,
    /// All that stand in these units.
    pub units: Vec<OuName>,
    /// All that carry one of these tags with this value. The index of tags may lag by minutes.
    pub tags: BTreeMap<String, String>,
}

impl Except {
    /// Whether it is nothing.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.units.is_empty() && self.tags.is_empty()
    }
}

fn new_tenants_wait() -> u32 {
    NEW_TENANTS_WAIT
}

impl Plan {
    /// How long new tenants wait at most for the first wave, in seconds; 0: they don't.
    pub fn new_tenants_wait(&self) -> u32 {
        match self.new_tenants {
            NewTenants::Wait => self.new_tenants_wait_seconds,
            NewTenants::Allow => 0,
        }
    }
}

/// One wave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WavePlan {
    /// What people call it.
    pub name: String,
    /// Who is in it, of those that no earlier wave took.
    pub accounts: Selection,
    /// How fast, and what AWS tolerates.
    pub preferences: Preferences,
    /// How many real failures the wave may have, in instances.
    pub failures: Amount,
    /// How many vetoes of gates it may have, in instances.
    pub vetoes: Amount,
    /// The change is bad once this many accounts fail with the same error: at least so many …
    pub same_error_accounts: u32,
    /// … and at least so many percent of the wave's accounts.
    #[serde(default = "same_error_percentage")]
    pub same_error_percentage: u32,
    /// The most accounts of one operation; nothing: ten rounds.
    pub operation_accounts: Option<u32>,
    /// How long health is watched afterwards, in seconds.
    pub dwell_seconds: u32,
    /// Whether a person has to approve before it begins.
    pub approval: bool,
    /// Whether the gates of its accounts have to answer afterwards: asked by a second operation
    /// that changes nothing.
    pub prove_gate: bool,
}

/// Two of a hundred: in a small wave, the floor decides.
pub(crate) fn same_error_percentage() -> u32 {
    2
}

/// Who is in a wave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Selection {
    /// All that stand in a unit.
    Unit(OuName),
    /// The first so many percent of a unit, by the hash of the tenants' ids: 10 after 5 takes
    /// another 5.
    Percent(OuName, u32),
    /// The first so many of a unit, in the same order.
    Count(OuName, u32),
    /// These.
    Accounts(Vec<AccountId>),
    /// All that have an instance and are in no earlier wave.
    Rest,
}

impl Selection {
    /// The unit that has to be listed for it.
    pub fn unit(&self) -> Option<&OuName> {
        match self {
            Self::Unit(unit) | Self::Percent(unit, _) | Self::Count(unit, _) => Some(unit),
            Self::Accounts(_) | Self::Rest => None,
        }
    }
}

/// A number of instances, or a part of those of the wave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Amount {
    /// So many.
    Count(u32),
    /// So many of a hundred, rounded down.
    Percent(u32),
}

impl Amount {
    /// How many of `all` it is.
    pub fn of(self, all: usize) -> usize {
        match self {
            Self::Count(count) => usize::try_from(count).unwrap_or(usize::MAX),
            Self::Percent(percent) => {
                all.saturating_mul(usize::try_from(percent).unwrap_or(100)) / 100
            }
        }
    }
}

/// How an operation goes through its accounts.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackSetOperationPreferences.html>
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Preferences {
    /// Accounts at a time in a Region, of those of the wave; never less than one.
    pub max_concurrent: Amount,
    /// What failures do to it.
    pub concurrency_mode: ConcurrencyMode,
    /// Whether Regions follow one another.
    pub region_concurrency: RegionConcurrency,
    /// Which Regions come first.
    pub region_order: Vec<RegionName>,
}

/// What failures do to the number of accounts at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ConcurrencyMode {
    /// Nothing.
    SoftFailureTolerance,
    /// At most one more than the failures that are still tolerated.
    StrictFailureTolerance,
}

/// Whether Regions follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RegionConcurrency {
    /// They do.
    Sequential,
    /// All at once.
    Parallel,
}

/// The alarms, in the account and Region of Landlord.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// By name.
    pub alarms: Vec<String>,
    /// All whose names begin so.
    pub alarm_prefixes: Vec<String>,
    /// What an alarm means that is red before anything was changed.
    pub red_before: RedBefore,
    /// What an alarm means that has no data.
    pub missing_data: MissingData,
}

/// What an alarm means that is red before anything was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RedBefore {
    /// Nothing begins.
    Refuse,
    /// It is reported, and says nothing during this roll-out.
    Ignore,
}

/// What an alarm means that has no data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MissingData {
    /// Nothing is wrong.
    Healthy,
    /// Something is.
    Unhealthy,
}

/// What is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Retry {
    /// How often what failed for a passing reason is tried again.
    pub transient_attempts: u32,
    /// Seconds until the first time; each later one is twice as long after.
    pub backoff_seconds: u32,
    /// Seconds between two tries at what a gate vetoed.
    pub vetoed_every_seconds: u32,
}

/// What happens when a roll-out stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OnStop {
    /// Everyone who got the new template gets the old one again.
    RollBack,
    /// They keep it; the set's template is the old one again, for new tenants.
    Leave,
}

/// Whether new tenants wait until the change is proven: until the first wave has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum NewTenants {
    /// They wait, for a bounded time.
    Wait,
    /// They get whatever the set has.
    Allow,
}

impl WavePlan {
    /// How many accounts work at a time, when the wave has `accounts`.
    pub fn concurrent(&self, accounts: usize) -> usize {
        self.preferences.max_concurrent.of(accounts).clamp(1, accounts.max(1))
    }

    /// With the same error in how many accounts the change is bad, when the wave has `accounts`: a
    /// share, so that a few tenants cannot stop the fleet, with a floor.
    pub fn same_error(&self, accounts: usize) -> usize {
        let floor = usize::try_from(self.same_error_accounts).unwrap_or(usize::MAX);
        let share = usize::try_from(self.same_error_percentage).unwrap_or(100);
        accounts.saturating_mul(share).div_ceil(100).max(floor)
    }

    /// How many accounts an operation has at most: whole rounds, so that cutting a wave into
    /// operations leaves no half-filled one. One round unless the plan says otherwise, for who
    /// enrols a new account waits for the operation that is on its way; more in a wave of many
    /// rounds.
    pub fn operation_size(&self, accounts: usize) -> usize {
        let concurrent = self.concurrent(accounts);
        let wanted = match self.operation_accounts {
            Some(most) => usize::try_from(most).unwrap_or(usize::MAX),
            None => {
                let rounds = accounts.div_ceil(concurrent);
                rounds.div_ceil(MOST_OPERATIONS).saturating_mul(concurrent)
            }
        };
        (wanted / concurrent).max(1).saturating_mul(concurrent)
    }
}
