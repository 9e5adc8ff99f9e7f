//! What can be wrong with an account, and how a finding says so.

use std::fmt;

use lifecycle::AccountId;
use serde::{Deserialize, Serialize};

/// What is wrong; stable names, for reports, filters and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Class {
    /// Closed, or closing, where no sweep closes accounts.
    ClosedByHand,
    /// AWS has suspended it, or says of its state what nobody here knows.
    NotActive,
    /// Several accounts that are not closed carry the mark of one tenant.
    TwoAccounts,
    /// It carries a tenant's mark, and stands where its tenant's account does not belong.
    WrongPlace,
    /// It stands in a unit of Landlord's, and carries no tenant's mark.
    LostTag,
    /// It stands in Onboarding, and nobody works on it.
    OnboardingStopped,
    /// It is retiring by its place, and its tags of retirement are missing or cannot be read.
    RetirementTags,
    /// Its tier is missing, is none that is configured, or has faults.
    TierUnknown,
    /// The tenant's record is missing, or does not know the account.
    RecordMissing,
    /// The tenant's record says otherwise than the account.
    RecordContradicts,
    /// It stands in a unit that its tier does not have.
    WrongUnit,
    /// A tag says otherwise than the tenant's events.
    TagDiffers,
    /// It was given another baseline than its tier has now.
    BehindConfiguration,
    /// A stack instance that its tier has is missing.
    InstanceMissing,
    /// A stack instance is not `CURRENT`, and no rollout works on the stack set.
    InstanceOutdated,
    /// No operation touches the stack instance any more.
    InstanceInoperable,
    /// A stack instance that its tier does not have is there.
    InstanceBeyond,
    /// A stack instance has other parameters than the tenant should have.
    OverridesDiffer,
}

impl Class {
    /// All of them, in the order in which people should look at them.
    pub const ALL: [Self; 18] = [
        Self::ClosedByHand,
        Self::NotActive,
        Self::TwoAccounts,
        Self::WrongPlace,
        Self::LostTag,
        Self::OnboardingStopped,
        Self::RetirementTags,
        Self::TierUnknown,
        Self::RecordMissing,
        Self::RecordContradicts,
        Self::WrongUnit,
        Self::TagDiffers,
        Self::BehindConfiguration,
        Self::InstanceMissing,
        Self::InstanceOutdated,
        Self::InstanceInoperable,
        Self::InstanceBeyond,
        Self::OverridesDiffer,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClosedByHand => "CLOSED_BY_HAND",
            Self::NotActive => "NOT_ACTIVE",
            Self::TwoAccounts => "TWO_ACCOUNTS",
            Self::WrongPlace => "WRONG_PLACE",
            Self::LostTag => "LOST_TAG",
            Self::OnboardingStopped => "ONBOARDING_STOPPED",
            Self::RetirementTags => "RETIREMENT_TAGS",
            Self::TierUnknown => "TIER_UNKNOWN",
            Self::RecordMissing => "RECORD_MISSING",
            Self::RecordContradicts => "RECORD_CONTRADICTS",
            Self::WrongUnit => "WRONG_UNIT",
            Self::TagDiffers => "TAG_DIFFERS",
            Self::BehindConfiguration => "BEHIND_CONFIGURATION",
            Self::InstanceMissing => "INSTANCE_MISSING",
            Self::InstanceOutdated => "INSTANCE_OUTDATED",
            Self::InstanceInoperable => "INSTANCE_INOPERABLE",
            Self::InstanceBeyond => "INSTANCE_BEYOND",
            Self::OverridesDiffer => "OVERRIDES_DIFFER",
        }
    }

    /// The class of this name, in either spelling: `LOST_TAG`, `lost-tag`.
    pub fn of(name: &str) -> Option<Self> {
        let name = name.trim().to_uppercase().replace('-', "_");
        Self::ALL.into_iter().find(|class| class.as_str() == name)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Something that is wrong with an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What kind of thing.
    pub class: Class,
    /// The account.
    pub account_id: AccountId,
    /// Its tenant, as far as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// What of the account, where there may be several: a stack set in a Region, a tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What is wrong, in words.
    pub because: String,
    /// The commands that mend it, in their order.
    pub mend: Vec<String>,
}

impl Finding {
    /// What makes it the same finding from one audit to the next, whatever its words.
    pub fn key(&self) -> String {
        let subject = self.subject.as_deref().unwrap_or_default();
        format!("{} {} {subject}", self.account_id, self.class)
    }
}
