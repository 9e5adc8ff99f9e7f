//! The vocabulary of a tenant's life: ids and names with AWS's limits in their parsers, the
//! signup, the tiers, the execution document that is resolved from them, and what functions
//! answer to the machines. No AWS, no async, no clock: everything here is a value or a pure
//! function.
//!
//! Text from outside becomes a type at the edge, once; a [`Fault`] names the field, the value and
//! the rule, and whatever reads a whole document collects all its [`Faults`].

mod account;
mod change;
mod document;
pub mod error_names;
mod execution;
mod fault;
pub mod gate;
mod ids;
mod names;
mod outcome;
mod progress;
mod quota;
mod regions;
pub mod retirement;
pub mod rollout;
mod signup;
mod stack_sets;
pub mod tags;
mod text;
mod tiers;
mod units;
pub mod waiting;

pub use account::{AccountName, Email, Naming, RoleName};
pub use change::{ChangeEvent, Changes, TenantChanged};
pub use document::{Admission, Baseline, BaselineStackSet, HomeUnit, SignupEvent, TenantDocument};
pub use execution::{Deadline, DeadlinePassed, ExecutionTimes};
pub use fault::{Fault, Faults};
pub use ids::{AccountId, OuId, OuName, ParentId, RootId, TenantId};
pub use names::{DisplayName, QuotaCode, ServiceCode, StackSetName, TierName};
pub use outcome::{
    CHANGE_WITH, Difference, OnboardingOutcome, TenantLeft, TenantReady, TenantSignupContradicted,
};
pub use progress::{Pending, Progress, Resume};
pub use quota::{QuotaValue, WantedQuota};
pub use regions::RegionName;
pub use signup::TenantSignedUp;
pub use stack_sets::{PermissionModel, StackSetSettings};
pub use tags::{TagKey, TagValue, Tags};
pub use tiers::{LONGEST_DEADLINE_SECONDS, Tier, TiersConfig};
pub use units::{OrganizationalUnits, WeightedUnit, home_unit};
